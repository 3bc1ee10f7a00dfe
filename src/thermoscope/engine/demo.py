"""The demo: a bundled frame and any files of the user, looked at from every side, in one report.

`SECTIONS` is the list of what the report shows; a later capability adds its maker there. A maker
that fails, or a file that cannot be read, becomes a sentence in the report: the rest goes on.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ThermoscopeError
from thermoscope.core.version import VERSION
from thermoscope.engine import report as page
from thermoscope.engine.demo_perception import dense_section, place_section
from thermoscope.engine.demo_segmentation import pair_section
from thermoscope.engine.demo_stereo import stereo_section
from thermoscope.engine.display_unit import DisplayUnit, value_text
from thermoscope.engine.facts import extra_rows, fact_rows
from thermoscope.engine.histogram import histogram_svg
from thermoscope.engine.measure import describe
from thermoscope.engine.render import RenderStyle, render
from thermoscope.io.diagnose import Diagnosis, diagnose
from thermoscope.io.read import read
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.sensor.palette import apply_palette
from thermoscope.sensor.tone import tone_map, tone_window
from thermoscope.sensor.tone_spec import ToneSpec

__all__ = ["SECTIONS", "DemoFrame", "DemoResult", "bundled_samples", "run_demo"]

REPORT_NAME = "report.html"
PALETTES = ("inferno", "ironbow", "white_hot", "black_hot", "rainbow_hc", "arctic")
TONES = {
    "percentile": "1 to 99 % of the pixels: one scale, the default",
    "clahe": "local contrast, limited",
    "clahe_bilateral": "the same, noise smoothed: what networks are often trained on",
    "local_field": "each pixel against its surroundings",
}
THUMBNAIL_PX = 480


@dataclass(frozen=True)
class DemoFrame:
    """One frame of the demo.

    Attributes:
        path: The file.
        image: The frame, None if it could not be read.
        diagnosis: What is wrong with it, None if it could not be read.
        error: Why not.
        bundled: Part of the package, not of the user.
    """

    path: Path
    image: ThermalImage | None = None
    diagnosis: Diagnosis | None = None
    error: str = ""
    bundled: bool = False

    @property
    def title(self) -> str:
        """Heading of the frame."""
        return f"{self.path.name} (bundled, rendered)" if self.bundled else self.path.name


@dataclass(frozen=True)
class DemoResult:
    """What the demo left behind.

    Attributes:
        report: The page.
        frames: All frames, the failed ones too.
    """

    report: Path
    frames: tuple[DemoFrame, ...]


Section = tuple[str, list[page.Fragment]]
SectionMaker = Callable[[Sequence[DemoFrame]], Iterator[Section]]


def bundled_samples() -> list[Path]:
    """Frames that the package carries, rendered by it; empty in a build without them."""
    return sorted((Path(__file__).parents[1] / "samples").glob("*.tiff"))


def run_demo(
    files: Sequence[str | Path],
    folder: str | Path,
    *,
    samples: Sequence[Path] | None = None,
    progress: Callable[[str], None] = lambda text: None,
) -> DemoResult:
    """Look at the samples and the files, and write ``report.html``.

    Args:
        files: Of the user.
        folder: Where the report goes; created.
        samples: Frames shown first; None = `bundled_samples`.
        progress: Called with what is being done.

    Raises:
        WriteError: The report cannot be written.
    """
    bundled = bundled_samples() if samples is None else samples
    frames = []
    for path, own in [*((p, False) for p in bundled), *((Path(f), True) for f in files)]:
        progress(f"reading {path.name}")
        frames.append(_read(path, bundled=not own))
    report = page.Report("thermoscope report", _lead(frames))
    for maker in SECTIONS:
        for title, fragments in maker(frames):
            progress(title)
            report.add_section(title, *fragments)
    return DemoResult(report.write(Path(folder) / REPORT_NAME), tuple(frames))


def _read(path: Path, *, bundled: bool) -> DemoFrame:
    try:
        return DemoFrame(path, read(path), diagnose(path), bundled=bundled)
    except ThermoscopeError as err:
        return DemoFrame(path, error=str(err), bundled=bundled)


def _lead(frames: Sequence[DemoFrame]) -> str:
    failed = sum(frame.image is None for frame in frames)
    unread = f", {failed} of them could not be read" if failed else ""
    plural = "" if len(frames) == 1 else "s"
    return f"{len(frames)} frame{plural}{unread}. Written by thermoscope {VERSION}."


# -- sections ------------------------------------------------------------------------------------


def frame_sections(frames: Sequence[DemoFrame]) -> Iterator[Section]:
    """One section a frame: picture, facts, spread, findings, tone mappings."""
    for frame in frames:
        if frame.image is None:
            yield frame.title, [page.notice(frame.error, "error")]
            continue
        fragments = [_first_look(frame.image)]
        for title, part in _PARTS.items():
            try:
                made = part(frame, frame.image)
            except ThermoscopeError as err:
                made = [page.notice(str(err), "warning")]
            fragments += [page.heading(title), *made] if made else []
        yield frame.title, fragments


def _first_look(image: ThermalImage) -> page.Fragment:
    """The picture and the spread of its values on the left, facts on the right."""
    values, unit = _shown(image)
    shown = page.picture(
        render(image, RenderStyle(extremes=True)), alt="The frame in colours, its scale beside it"
    )
    svg = histogram_svg(values, unit=unit, window=tone_window(values))
    spread = page.drawing(svg, "Number of pixels by value; below, the colours of the picture.")
    entry = describe(image)
    facts, extra = page.facts(fact_rows(entry)), extra_rows(entry)
    if extra:
        facts = page.stacked(facts, page.folded("more from the file", page.facts(extra)))
    return page.columns(page.stacked(shown, *([spread] if svg else [])), facts)


def _findings(frame: DemoFrame, image: ThermalImage) -> list[page.Fragment]:
    found = frame.diagnosis.findings if frame.diagnosis else ()
    sound = all(f.severity == "info" for f in found)
    good: list[tuple[page.Severity, str, str]] = [("good", "sound", "nothing wrong was found")]
    return [page.badges([*(good if sound else []), *found])]


def _tones(frame: DemoFrame, image: ThermalImage) -> list[page.Fragment]:
    values, unit = _shown(image)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return []
    low, high = float(finite.min()), float(finite.max())
    pictures = []
    if high > low:
        inner = unit if unit in ("counts", "agc") else "kelvin"
        whole = ToneSpec.of("fixed", low=low, high=high, unit=inner)
        ends = f"{value_text(low, unit)} to {value_text(high, unit)}"
        pictures.append(page.picture(_small(tone_map(values, whole)), f"fixed: {ends}"))
    for name, text in TONES.items():
        pictures.append(page.picture(_small(tone_map(values, name)), f"{name}: {text}"))
    return [page.gallery(pictures)]


def _palettes(frame: DemoFrame, image: ThermalImage) -> list[page.Fragment]:
    if not frame.bundled:  # the same colours under every frame would only make the page long
        return []
    levels = _small(tone_map(_shown(image)[0]))
    return [page.gallery(page.picture(apply_palette(levels, p), p) for p in PALETTES)]


def _commands(frame: DemoFrame, image: ThermalImage) -> list[page.Fragment]:
    lines = frame.diagnosis.next_commands if frame.diagnosis else ()
    return [page.commands((line, "") for line in lines)] if lines else []


_PARTS: dict[str, Callable[[DemoFrame, ThermalImage], list[page.Fragment]]] = {
    "Is it sound?": _findings,
    "Tone mappings side by side": _tones,
    "Palettes": _palettes,
    "What to type next": _commands,
}


def _shown(image: ThermalImage) -> tuple[NDArray[Any], DisplayUnit]:
    """The plane that the picture shows, and the unit people read it in."""
    unit: dict[str, DisplayUnit] = {"kelvin": "C", "counts": "counts", "agc": "agc"}
    return np.asarray(image.values), unit[image.kind]


def _small(levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image

    picture = Image.fromarray(levels)
    picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return np.asarray(picture, np.uint8)


def next_section(frames: Sequence[DemoFrame]) -> Iterator[Section]:
    """What else the package does, as commands on the first frame that could be read."""
    readable = [frame.path for frame in frames if frame.image is not None]
    file = shlex.quote(str(readable[0])) if readable else "FILE"
    lines = [
        (f"thermoscope spot {file} --at 10,10 --roi 0,0,20,20", "temperatures where you ask"),
        (f"thermoscope convert {file} picture.png --palette ironbow", "a picture with a scale"),
        (f"thermoscope convert {file} celsius.csv --to celsius_csv", "a table of temperatures"),
        ("thermoscope doctor FOLDER", "is a recording sound; exit status for scripts"),
        ("thermoscope demo FILE ...", "this page for your own files"),
        ("thermoscope --help", "every command"),
    ]
    yield "More", [page.commands(lines)]


SECTIONS: tuple[SectionMaker, ...] = (
    frame_sections,
    dense_section,
    pair_section,
    place_section,
    stereo_section,
    next_section,
)
