"""The data sets that thermoscope knows by name: content, source and licence.

The one table behind ``thermoscope datasets``, ``thermoscope licences`` and ``docs/datasets.md``
(``python -m thermoscope.data.catalogue`` prints that page). Licences are as far as the sources
state them: ``unstated`` means that no licence text was found, and such data is yours to judge.
"""

from __future__ import annotations

from dataclasses import dataclass

from thermoscope.core.errors import UnknownNameError
from thermoscope.core.licences import Licensed, terms_of

__all__ = ["DatasetInfo", "dataset_info", "datasets_page", "list_datasets"]


@dataclass(frozen=True)
class DatasetInfo:
    """One data set.

    Attributes:
        name: As used in commands.
        title: As its authors call it.
        content: Modalities, sizes and scenes in a line.
        tasks: What it can train or judge.
        licence: SPDX id, or ``"unstated"``.
        source: Where to ask for it.
        note: What to know before using it.
    """

    name: str
    title: str
    content: str
    tasks: str
    licence: str
    source: str
    note: str = ""

    @property
    def readable(self) -> bool:
        """Whether there is a reader: ``READERS.get(name)``."""
        from thermoscope.data.base import READERS

        return self.name in READERS

    def licensed(self) -> Licensed:
        """The entry that the licence gate takes."""
        return Licensed(self.name, "data set", self.licence, self.note)


_TABLE = (
    DatasetInfo(
        "scenes",
        "rendered scenes",
        "thermal and RGB stereo, four environments, any number",
        "stereo, depth, segmentation, places",
        "Apache-2.0",
        "thermoscope scenes render",
        "Rendered by this package; no download.",
    ),
    DatasetInfo(
        "boson_night",
        "Boson Nighttime (STGL/STHN)",
        "aerial thermal at night against satellite RGB",
        "places",
        "unstated",
        "github.com/arplaboratory/STGL",
    ),
    DatasetInfo(
        "buffalo_udder",
        "Buffalo udder thermal segmentation",
        "thermal 640x480 8 bit with binary masks",
        "segmentation",
        "ODC-By-1.0",
        "github.com/Uzarel/buffalo-udder-thermal-segmentation",
        "Narrow domain.",
    ),
    DatasetInfo(
        "cart",
        "CART (Caltech aerial RGB-thermal)",
        "aerial RGB-thermal pairs 640x512, 10 classes, GPS",
        "segmentation, places",
        "unstated",
        "github.com/aerorobotics/caltech-aerial-rgbt-dataset",
    ),
    DatasetInfo(
        "cats",
        "CATS: Color And Thermal Stereo",
        "thermal stereo 640x480 16 bit, colour stereo, LiDAR",
        "stereo",
        "unstated",
        "bigdatavision.org/CATS",
        "Disparity is signed.",
    ),
    DatasetInfo(
        "firestereo",
        "FIReStereo",
        "thermal stereo 640x512 16 bit, forest, smoke, night",
        "stereo, depth",
        "unstated",
        "firestereo.github.io",
    ),
    DatasetInfo(
        "fmb",
        "FMB",
        "RGB-thermal pairs 800x600, 15 classes",
        "segmentation",
        "unstated",
        "github.com/JinyuanLiu-CV/SegMiF",
    ),
    DatasetInfo(
        "freiburg",
        "Freiburg Thermal (HeatNet)",
        "aligned RGB-thermal driving, day and night",
        "distillation, places, segmentation",
        "unstated",
        "thermal.cs.uni-freiburg.de",
    ),
    DatasetInfo(
        "hituav",
        "HIT-UAV",
        "aerial thermal 640x512 8 bit with boxes",
        "detection",
        "CC-BY-4.0",
        "github.com/suojiashun/HIT-UAV-Infrared-Thermal-Dataset",
    ),
    DatasetInfo(
        "kp",
        "KP (KAIST pedestrians with MS-UDA labels)",
        "950 RGB-thermal pairs 640x512, 19 classes of Cityscapes, day and night",
        "segmentation",
        "unstated",
        "github.com/UkcheolShin/CRM_RGBTSeg",
        "Pictures of KAIST's multispectral pedestrian benchmark, labels of MS-UDA.",
    ),
    DatasetInfo(
        "llvip",
        "LLVIP",
        "aligned RGB-thermal 1280x1024, surveillance at night",
        "distillation, detection",
        "LicenseRef-LLVIP-non-commercial",
        "github.com/bupt-ai-cz/LLVIP",
        "SemanticRT is drawn from it.",
    ),
    DatasetInfo(
        "mfnet",
        "MFNet",
        "RGB-thermal 640x480, 9 classes, day and night",
        "segmentation",
        "unstated",
        "mi.t.u-tokyo.ac.jp/static/projects/mil_multispectral",
        "MSRS is drawn from it.",
    ),
    DatasetInfo(
        "ms2",
        "MS2 (multi-spectral stereo)",
        "RGB, NIR and thermal stereo, LiDAR; thermal 640x256 16 bit",
        "stereo, depth, places",
        "CC-BY-NC-SA-4.0",
        "github.com/UkcheolShin/MS2-MultiSpectralStereoDataset",
    ),
    DatasetInfo(
        "msrs",
        "MSRS",
        "aligned RGB-thermal 640x480, urban day and night",
        "distillation, segmentation",
        "unstated",
        "github.com/Linfeng-Tang/MSRS",
        "Drawn from MFNet: what trained on it is contaminated there.",
    ),
    DatasetInfo(
        "odombeyondvision",
        "OdomBeyondVision",
        "handheld indoor RGB-thermal with odometry",
        "places",
        "unstated",
        "github.com/MAPS-Lab/OdomBeyondVision",
    ),
    DatasetInfo(
        "pst900",
        "PST900",
        "RGB-thermal 1280x720 underground, 5 classes",
        "segmentation",
        "unstated",
        "github.com/ShreyasSkandanS/pst900_thermal_rgb",
    ),
    DatasetInfo(
        "roadscene",
        "RoadScene",
        "aligned RGB-thermal road scenes, 8-bit AGC",
        "distillation",
        "unstated",
        "github.com/hanna-xu/RoadScene",
        "Derived from the FLIR ADAS starter set, which has its own terms.",
    ),
    DatasetInfo(
        "semanticrt",
        "SemanticRT",
        "11371 RGB-thermal pairs, 13 classes, day and night",
        "segmentation",
        "LicenseRef-SemanticRT-non-commercial",
        "github.com/jiwei0921/SemanticRT",
        "Drawn from LLVIP: what trained on that is contaminated here.",
    ),
    DatasetInfo(
        "sthereo",
        "STheReO",
        "thermal stereo 640x512 14 bit, RGB, poses, driving",
        "distillation, places",
        "unstated",
        "sites.google.com/view/rpmsthereo",
    ),
    DatasetInfo(
        "tartanrgbt",
        "TartanRGBT",
        "RGB-thermal stereo 640x512, indoor, urban, park, off-road",
        "distillation, places, stereo",
        "BSD-3-Clause-Clear",
        "huggingface.co/datasets/theairlabcmu/TartanRGBT",
    ),
    DatasetInfo(
        "vivid",
        "ViViD++",
        "thermal 640x512, RGB, GPS; ROS bags",
        "distillation, places",
        "unstated",
        "visibilitydataset.github.io",
    ),
    DatasetInfo(
        "wisard",
        "WiSARD",
        "aerial RGB and thermal, not registered, search and rescue",
        "registration, detection",
        "unstated",
        "sites.google.com/uw.edu/wisard",
    ),
)
_BY_NAME = {info.name: info for info in _TABLE}


def list_datasets() -> list[str]:
    """Names of the known data sets, sorted.

    Example:
        >>> "ms2" in list_datasets()
        True
    """
    return sorted(_BY_NAME)


def dataset_info(name: str) -> DatasetInfo:
    """The entry called `name`.

    Raises:
        UnknownNameError: There is none; the message names the closest.
    """
    if name not in _BY_NAME:
        raise UnknownNameError("data set", name, _BY_NAME, listing="thermoscope datasets")
    return _BY_NAME[name]


def datasets_page() -> str:
    """The catalogue as Markdown: the content of ``docs/datasets.md``."""
    lines = [
        "# Data sets",
        "",
        "Generated by `python -m thermoscope.data.catalogue > docs/datasets.md`; do not edit.",
        "",
        "thermoscope ships no data but what it renders itself. The licence column repeats what the",
        "source states; `unstated` means that no licence text was found: ask its authors before",
        "you publish anything made from it. `thermoscope licences NAME` stops at a non-commercial",
        "source unless `--allow nc` is given; `eval` and `train` do not ask: what you do with data",
        "of yours is your judgement. Such sources never enter the weights that are shipped.",
        "",
        "Where `reader` says yes, `READERS.get(NAME)(folder, split=...)` of",
        "`thermoscope.data.base` lists the files and decodes a sample when asked, and",
        "`thermoscope datasets stats NAME --root DIR` counts what a folder holds. Your own pairs",
        "go by the name `pairs`: two folders whose files share stems, or a `pairs.csv`.",
        "",
        "| name | data set | content | for | reader | licence | terms | source | note |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| `{d.name}` | {d.title} | {d.content} | {d.tasks} | {'yes' if d.readable else '-'} "
        f"| {d.licence} | {terms_of(d.licence)} | {d.source} | {d.note or '-'} |"
        for d in (_BY_NAME[n] for n in list_datasets())
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    import sys

    sys.stdout.write(datasets_page())
