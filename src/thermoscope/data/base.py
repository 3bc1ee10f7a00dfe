"""What every data set on disk offers: items by number, samples by number, a clear error otherwise.

A reader lists its files once, in a fixed order, and decodes a sample only when asked. What is NOT
here: any data set; each has its file, which adds its reader to `READERS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import (
    DatasetCorruptError,
    DatasetNotFoundError,
    ReadError,
    UnknownNameError,
)
from thermoscope.core.sample import IGNORE_INDEX, Sample

__all__ = [
    "READERS",
    "Dataset",
    "Item",
    "Listed",
    "Readers",
    "mask_findings",
    "read_labels",
    "read_rgb",
    "read_thermal",
    "require",
]


@dataclass(frozen=True)
class Item:
    """One entry of a data set, before anything is decoded.

    Attributes:
        name: Unique in the data set.
        paths: Files by sample key, such as ``rgb`` and ``agc``.
        index: Position along its recording: near numbers may show the same place. Readers leave
            a wide gap between recordings, so numbers of a whole data set can be compared.
        sequence: Recording it is of, "" if there is one.
        environment: As the data set calls it, "" if unsaid.
        time_of_day: ``"day"``, ``"night"``, or "" if unsaid.
        position_m: Where it was taken, m, two or three numbers; None if unknown.
    """

    name: str
    paths: Mapping[str, Path] = field(default_factory=dict)
    index: int = 0
    sequence: str = ""
    environment: str = ""
    time_of_day: str = ""
    position_m: tuple[float, ...] | None = None


@runtime_checkable
class Dataset(Protocol):
    """A data set in a fixed order."""

    @property
    def name(self) -> str:
        """As in ``thermoscope datasets``."""
        ...

    @property
    def split(self) -> str:
        """Which part."""
        ...

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def __getitem__(self, index: int, /) -> Sample:
        """Sample `index`, decoded now."""
        ...

    def item(self, index: int, /) -> Item:
        """Entry `index`, nothing decoded."""
        ...


@dataclass(frozen=True)
class Listed:
    """A data set that is a list of entries and a way to decode one: what most readers return.

    Attributes:
        name: As in ``thermoscope datasets``.
        split: Which part.
        items: All entries, in order.
        decode: Sample of an entry, without its name and position.
        classes: Names of the classes in ``labels``.
        aligned: Whether pixels of the colour and thermal picture correspond.
        findings: What was left out of the data set and why, a line each.

    Raises:
        DatasetCorruptError: There is no entry, or two have the same name.
    """

    name: str
    split: str
    items: tuple[Item, ...]
    decode: Callable[[Item], Sample]
    classes: tuple[str, ...] = ()
    aligned: bool = True
    findings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.items:
            why = " ".join(self.findings) or "Look at the lists and folders."
            raise DatasetCorruptError(f"{self.name} {self.split} has no frame. {why}")
        seen: set[str] = set()
        for item in self.items:
            if item.name in seen:
                raise DatasetCorruptError(
                    f"{self.name} {self.split} lists {item.name!r} twice. Remove one of the two."
                )
            seen.add(item.name)

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def item(self, index: int) -> Item:
        """Entry `index`, nothing decoded.

        Raises:
            IndexError: Outside the data set.
        """
        return self.items[index]

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`, decoded now.

        Raises:
            IndexError: Outside the data set.
            DatasetCorruptError: A file is absent or damaged.
        """
        item = self.items[index]
        sample = self.decode(item)
        sample["name"] = f"{self.name}/{item.name}"
        if item.position_m is not None:
            x, y, z = (*item.position_m, math.nan, math.nan)[:3]
            sample["position_m"] = np.array([x, y, z], np.float64)
        return sample


class Readers:
    """Data set name to reader, loaded when asked."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)

    def get(self, name: str) -> Any:
        """The reader: ``reader(root, split=..., **options)``.

        Raises:
            UnknownNameError: No reader of that name.
        """
        if name not in self._places:
            raise UnknownNameError("data set", name, self._places, listing="thermoscope datasets")
        module, entry = self._places[name].split(":")
        return getattr(import_module(module), entry)

    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())


READERS = Readers(
    {
        "boson_night": "thermoscope.data.boson_night:boson_night",
        "cart": "thermoscope.data.cart:cart",
        "cats": "thermoscope.data.cats:CATS",
        "firestereo": "thermoscope.data.firestereo:FIReStereo",
        "fmb": "thermoscope.data.fmb:fmb",
        "freiburg": "thermoscope.data.freiburg:freiburg",
        "kp": "thermoscope.data.kp:kp",
        "mfnet": "thermoscope.data.mfnet:mfnet",
        "ms2": "thermoscope.data.ms2:ms2",
        "odombeyondvision": "thermoscope.data.odombeyondvision:odombeyondvision",
        "pairs": "thermoscope.data.pairs:pairs",
        "pst900": "thermoscope.data.pst900:pst900",
        "scenes": "thermoscope.data.scenes_reader:scenes",
        "semanticrt": "thermoscope.data.semanticrt:semanticrt",
        "sthereo": "thermoscope.data.sthereo:sthereo",
        "tartanrgbt": "thermoscope.data.tartanrgbt:tartanrgbt",
        "vivid": "thermoscope.data.vivid:vivid",
        "msrs": "thermoscope.data.real_pairs:msrs",
        "roadscene": "thermoscope.data.real_pairs:roadscene",
        "llvip": "thermoscope.data.real_pairs:llvip",
        "wisard": "thermoscope.data.real_pairs:wisard",
        "hituav": "thermoscope.data.real_pairs:hituav",
        "buffalo_udder": "thermoscope.data.real_pairs:buffalo_udder",
    }
)


def require(root: str | Path, *relative: str, layout: str, source: str) -> Path:
    """`root`, after checking that it and what its layout promises are there.

    Args:
        root: Folder that the user gave.
        relative: Files or folders below it that must exist.
        layout: What the folder should look like, for the message.
        source: Where the data can be had.

    Raises:
        DatasetNotFoundError: The folder or one of the entries is absent.
    """
    folder = Path(root)
    missing = [name for name in ("", *relative) if not (folder / name).exists()]
    if missing:
        raise DatasetNotFoundError(
            f"{folder / missing[0]} is not there. Expected: {layout} The data: {source}."
        )
    return folder


def read_rgb(path: str | Path) -> NDArray[np.float32]:
    """(3, H, W) colour picture in [0, 1].

    Raises:
        DatasetCorruptError: Absent, or no picture.
    """
    import cv2

    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetCorruptError(f"{path} is absent or no colour picture. Fetch it again.")
    planes = image[:, :, ::-1].transpose(2, 0, 1)
    return np.asarray(np.ascontiguousarray(planes) / np.float32(255), dtype=np.float32)


def read_thermal(path: str | Path) -> Sample:
    """Thermal planes of a file under their keys: ``counts``, ``kelvin`` or ``agc``.

    Raises:
        DatasetCorruptError: Absent, damaged, or no thermal file.
    """
    from thermoscope.io.read import read

    try:
        image = read(path)
    except ReadError as err:
        raise DatasetCorruptError(f"{path}: {err}") from err
    if image.counts is not None:
        return {"counts": image.counts[None]}
    if image.stored_kelvin is not None:
        return {"kelvin": image.stored_kelvin[None]}
    plane = image.agc
    if plane is None or plane.ndim != 2:
        raise DatasetCorruptError(f"{path} is a colour picture, not a thermal one.")
    return {"agc": plane[None]}


def read_labels(path: str | Path, *, shape: tuple[int, int] | None = None) -> NDArray[np.int64]:
    """(1, H, W) class ids of an index picture; 255 = ignore.

    Args:
        path: 8-bit or 16-bit file of one channel; of one with a palette the indices count.
        shape: (H, W) that it must have, None = any.

    Raises:
        DatasetCorruptError: Absent, damaged, of several channels, or of another size.
    """
    import cv2

    labels = _palette_indices(Path(path), shape)
    if labels is None:
        labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None:
        raise DatasetCorruptError(f"{path} is absent or no picture. Fetch it again.")
    _check_labels(path, labels.shape, shape)
    return labels[None].astype(np.int64)


def _palette_indices(path: Path, shape: tuple[int, int] | None) -> NDArray[Any] | None:
    """(H, W) of a picture with a palette, of which OpenCV gives the colours; None of others."""
    from PIL import Image

    from thermoscope.io.guarded import guarded

    try:
        with guarded(path, "label picture", hint="Save it again."):
            try:
                picture = Image.open(path, formats=("PNG", "TIFF"))
            except OSError:
                return None
            with picture:
                if picture.mode != "P":
                    return None
                _check_labels(path, picture.size[::-1], shape)  # before anything is decoded
                return np.asarray(picture)
    except ReadError as err:
        raise DatasetCorruptError(f"{path}: {err}") from err


def _check_labels(path: str | Path, found: tuple[int, ...], shape: tuple[int, int] | None) -> None:
    if len(found) != 2 or (shape is not None and found != shape):
        size = " x ".join(map(str, shape)) if shape else "H x W"
        raise DatasetCorruptError(
            f"{path} holds labels of shape {found}; expected {size} and one channel."
        )


def mask_findings(paths: Iterable[Path], classes: Sequence[str]) -> tuple[str, ...]:
    """A line if all labels hold 0 and 255 alone, as masks of other programs do; else nothing.

    Reads no further than to the first other id. A file that cannot be read is passed over: it is
    named when it is decoded.

    Args:
        paths: Index pictures.
        classes: Names; empty where nobody says.
    """
    if len(classes) == 1:
        return ()
    ignored = False
    for path in paths:
        try:
            labels = read_labels(path)
        except DatasetCorruptError:
            continue
        if np.any((labels != 0) & (labels != IGNORE_INDEX)):
            return ()
        ignored = ignored or bool(np.any(labels))
    name = f"{classes[1]!r} (id 1)" if classes else "id 1"
    text = (
        f"labels hold only 0 and {IGNORE_INDEX}, and {IGNORE_INDEX} means 'ignore': {name} occurs "
        "nowhere. Write the object as 1."
    )
    return (text,) if ignored else ()
