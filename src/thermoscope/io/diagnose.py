"""`diagnose`: what a file or folder is, what is wrong with it, and what to type next.

    diagnosis = diagnose("flight/")
    diagnosis.what, diagnosis.findings, diagnosis.exit_code

It reads at most some 400 frames of a sequence, one at a time. It changes nothing, and suggests
scales without applying them. What is NOT here: printing (`thermoscope.cli.doctor`).
"""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thermoscope.core.errors import MissingDependencyError, ReadError, ThermoscopeError
from thermoscope.core.files import answer
from thermoscope.io.findings import Finding, by_gravity, findings_of
from thermoscope.io.raw import RAW_SUFFIXES, fitting_sizes
from thermoscope.io.request import RawLayout
from thermoscope.io.scale_guess import ScaleGuess, likely_scales
from thermoscope.io.sequence import image_files, open_sequence
from thermoscope.io.survey import Survey, survey
from thermoscope.io.thermal_image import ThermalImage

__all__ = ["Diagnosis", "Finding", "diagnose"]

SOUND, FOUND, UNREADABLE = 0, 1, 2  # exit codes
_TITLES = {
    "flir-rjpeg": "FLIR radiometric JPEG",
    "flir-fff": "FLIR FFF",
    "flir-seq": "FLIR sequence",
    "flir-fpf": "FLIR FPF",
    "dji-rjpeg": "DJI radiometric JPEG",
    "cptv": "CPTV recording (Lepton)",
    "fluke-is2": "Fluke IS2",
    "infiray-irg": "InfiRay IRG",
    "telops-hcc": "Telops HCC",
    "fpa-raw": "raw frame with focal-plane temperature",
    "y16": "raw pixels",
    "csv": "temperature table (CSV)",
    "video": "video",
}


@dataclass(frozen=True)
class Diagnosis:
    """The answer.

    Attributes:
        path: What was looked at.
        what: What it is, in one line for people.
        facts: The same and more as plain values: ``format``, ``width``, ``height``, ``bit_depth``,
            ``unit``, ``radiometric``, ``frames``, ``looked_at`` ...
        findings: What is wrong or special, the gravest first.
        next_commands: What to type now.
        readable: Whether anything could be read.
    """

    path: Path
    what: str
    facts: dict[str, Any]
    findings: tuple[Finding, ...]
    next_commands: tuple[str, ...]
    readable: bool = True

    @property
    def exit_code(self) -> int:
        """For scripts: 0 sound or usable with care, 1 an error was found, 2 not readable."""
        if not self.readable:
            return UNREADABLE
        return FOUND if any(f.severity == "error" for f in self.findings) else SOUND

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "path": str(self.path),
            "what": self.what,
            "facts": self.facts,
            "findings": [finding._asdict() for finding in self.findings],
            "next_commands": list(self.next_commands),
            "readable": self.readable,
            "exit_code": self.exit_code,
        }


def diagnose(
    path: str | Path,
    *,
    shape: tuple[int, int] | None = None,
    raw: RawLayout | None = None,
) -> Diagnosis:
    """What a file or folder is and whether it is sound. A file that cannot be read is an answer.

    Args:
        path: A file, or a folder of frames.
        shape: (H, W) of headerless raw pixels.
        raw: Their whole layout.

    Raises:
        ConfigError: An argument is impossible.
        ShapeError: `shape` is no size.

    Example:
        >>> import tempfile, numpy as np
        >>> from thermoscope.io.write import write_image
        >>> file = tempfile.mkdtemp() + "/closed.png"
        >>> write_image(file, np.full((48, 64), 3000, np.uint16))
        >>> diagnosis = diagnose(file)
        >>> diagnosis.exit_code, diagnosis.findings[0].name
        (1, 'constant')
    """
    target = Path(path)
    try:
        with open_sequence(target, shape=shape, raw=raw) as sequence:
            seen = survey(sequence)
    except (ReadError, MissingDependencyError) as err:
        return _unreadable(target, err)
    if seen.first is None:
        reason = seen.unreadable[0] if seen.unreadable else ReadError("it holds no frame.")
        return _unreadable(target, reason)
    guesses = _guesses(seen.first)
    return Diagnosis(
        path=target,
        what=_what(target, seen, seen.first),
        facts=_facts(seen, seen.first, guesses),
        findings=tuple(_findings(seen, seen.first, guesses)),
        next_commands=tuple(_commands(target, seen, seen.first, guesses)),
    )


def _unreadable(path: Path, error: ThermoscopeError) -> Diagnosis:
    commands = []
    if isinstance(error, MissingDependencyError):
        commands.append(f"pip install 'thermoscope[{error.extra}]'")
    elif answer(path.is_dir):
        commands += [f"thermoscope doctor {_quoted(p)}" for p in _folders_with_images(path)]
    elif path.suffix.lower() in RAW_SUFFIXES and answer(path.is_file):
        commands += [
            f"thermoscope info {_quoted(path)} --size {width}x{height}"
            for width, height, header, _ in fitting_sizes(path.stat().st_size)
            if header == 0
        ]
    return Diagnosis(
        path=path,
        what="not readable",
        facts={},
        findings=(Finding("error", "unreadable", str(error)),),
        next_commands=tuple(commands),
        readable=False,
    )


def _folders_with_images(folder: Path) -> list[Path]:
    """The first few folders directly below that hold frames."""
    found: list[Path] = []
    for below in sorted(p for p in folder.iterdir() if p.is_dir()):
        try:
            image_files(below)
        except ReadError:
            continue
        found.append(below)
    return found[:5]


def _guesses(image: ThermalImage) -> list[ScaleGuess]:
    if image.counts is None or image.radiometric or image.temperature_note:
        return []  # a note says that the scale is not a linear one
    return likely_scales(image.counts)


def _unit(image: ThermalImage) -> str:
    if image.kind == "kelvin":
        stored = image.stored_kelvin is not None
        return "temperatures" if stored else "counts with temperatures (radiometric)"
    if image.kind == "counts":
        return "counts without temperatures"
    return "8-bit picture (AGC), not radiometric"


def _what(path: Path, seen: Survey, image: ThermalImage) -> str:
    source = image.source
    title = _TITLES.get(source.format, source.format.upper())
    camera = _camera(image) if len(seen.cameras) < 2 else f"{len(seen.cameras)} cameras"
    parts = [
        title + (f" ({camera})" if camera else ""),
        f"{image.width}x{image.height}",
        f"{source.bit_depth} bit",
        _unit(image),
    ]
    if path.is_dir():
        parts.insert(0, f"folder of {seen.frame_count} frames")
        if len(seen.kinds) > 1:
            parts.append(f"and {len(seen.kinds) - 1} other kind(s)")
    elif seen.frame_count != 1:
        parts.append(f"{seen.frame_count} frames")
    return ", ".join(parts)


def _camera(image: ThermalImage) -> str:
    make, model = image.capture.make or "", image.capture.model or ""
    return model if model.lower().startswith(make.lower()) else f"{make} {model}".strip()


def _facts(seen: Survey, image: ThermalImage, guesses: list[ScaleGuess]) -> dict[str, Any]:
    return {
        "format": image.source.format,
        "width": image.width,
        "height": image.height,
        "bit_depth": image.source.bit_depth,
        "unit": image.kind,
        "radiometric": image.radiometric,
        "make": image.capture.make,
        "model": image.capture.model,
        "frames": seen.frame_count,
        "looked_at": seen.looked_at,
        "kinds": [
            {"format": f, "unit": k, "width": w, "height": h, "bit_depth": b, "frames": n}
            for (f, k, w, h, b), n in seen.kinds.most_common()
        ],
        "shutter_events": len(seen.events),
        "dropped_frames": seen.dropped,
        "likely_scales": [
            {
                "kelvin_per_count": g.scale.kelvin_per_count,
                "offset_k": g.scale.offset_k,
                "name": g.name,
                "median_c": round(g.median_c, 2),
            }
            for g in guesses
        ],
    }


def _findings(seen: Survey, image: ThermalImage, guesses: list[ScaleGuess]) -> list[Finding]:
    found = findings_of(Counter(seen.flags), frames=seen.looked_at)
    found += _sequence_findings(seen)
    if image.kind == "counts" and image.temperature_note:
        found.append(Finding("info", "no_temperature", image.temperature_note))
    elif image.kind == "counts":
        found.append(Finding("info", "no_temperature", _scale_text(guesses)))
    elif image.kind == "kelvin" and image.temperature_note:
        found.append(Finding("warning", "temperature_note", image.temperature_note))
    return by_gravity(found)


def _sequence_findings(seen: Survey) -> list[Finding]:
    found = []
    if seen.unreadable:
        total = seen.looked_at + len(seen.unreadable)
        found.append(
            Finding(
                "error",
                "unreadable",
                f"{len(seen.unreadable)} of {total} frames cannot be read. {seen.unreadable[0]}",
            )
        )
    closed = [event for event in seen.events if event.kind != "step"]
    if closed:
        lost = sum(event.stop - event.start for event in closed)
        found.append(
            Finding(
                "warning",
                "ffc_events",
                f"{len(closed)} shutter event(s), {lost} frames without a new picture, the first "
                f"at frame {closed[0].start}. Leave those frames out; levels jump across them.",
            )
        )
    steps = len(seen.events) - len(closed)
    if steps:
        text = f"the level of the whole picture jumps {steps} time(s) without a lost frame: a "
        text += "shutter that the recording left out, or frames that do not belong together."
        found.append(Finding("info", "level_steps", text))
    numbers = (
        (
            "duplicates",
            seen.duplicates,
            "frames repeat the one before. Recorder or driver doubles.",
        ),
        ("dropped", seen.dropped, "frames are missing by their times. The recorder was too slow."),
        ("clock_jumps", seen.clock_jumps, "jumps of the clock. Sort by frame number, not by time."),
    )
    found += [Finding("warning", name, f"{n} {text}") for name, n, text in numbers if n]
    if len({key[2:4] for key in seen.kinds}) > 1:
        found.append(Finding("info", "mixed_sizes", "the frames have different sizes."))
    if seen.defects is not None and seen.defects.count:
        text = f"{seen.defects!r} over several frames. Repair: sensor.defects.repair."
        found.append(Finding("warning", "defects", text))
    return found


def _scale_text(guesses: list[ScaleGuess]) -> str:
    if not guesses:
        return "counts of unknown radiometry: the file does not say how they become temperature."
    listed = "; ".join(f"{g.name}: median {g.median_c:.1f} degrees Celsius" for g in guesses[:3])
    scale = guesses[0].scale
    stated = f"{scale.kelvin_per_count:g}" + (f", {scale.offset_k:g}" if scale.offset_k else "")
    return (
        f"the file states no scale. If the camera writes one of these, state it: {listed}. "
        f"For the first: read(path, scale=LinearScale({stated}))."
    )


def _commands(
    path: Path, seen: Survey, image: ThermalImage, guesses: list[ScaleGuess]
) -> list[str]:
    file = _quoted(path)
    several = path.is_dir() or seen.frame_count != 1
    target = f"{path.stem or 'frames'}_pictures/" if several else f"{path.stem}_picture.png"
    size = ""
    if image.source.format == "y16":
        size = f" --size {image.width}x{image.height}"
    commands = []
    if not path.is_dir():
        commands.append(f"thermoscope info {file}{size}")
    commands.append(f"thermoscope convert {file} {shlex.quote(target)}{size}")
    if image.kind == "kelvin" and not several:
        spot = image.hottest() if _has_values(image) else None
        if spot is not None:
            commands.append(f"thermoscope spot {file} --at {spot.x},{spot.y}")
    if guesses and guesses[0].scale.offset_k == 0:
        step = f" --kelvin-per-count {guesses[0].scale.kelvin_per_count:g}"
        commands.append(f"thermoscope convert {file} {shlex.quote(target)}{size}{step}")
    return commands


def _has_values(image: ThermalImage) -> bool:
    try:
        image.hottest()
    except ThermoscopeError:
        return False
    return True


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
