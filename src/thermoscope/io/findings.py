"""What each quality flag means to a person, how grave it is, and what to do about it.

What is NOT here: finding them (`thermoscope.sensor.quality`) and collecting them over a file or a
folder (`thermoscope.io.diagnose`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from thermoscope.sensor.quality import Quality

__all__ = ["Finding", "Severity", "findings_of"]

Severity = Literal["error", "warning", "info"]
_ORDER: Mapping[Severity, int] = {"error": 0, "warning": 1, "info": 2}


class Finding(NamedTuple):
    """One thing to know.

    Attributes:
        severity: ``"error"`` (the data is not what it should be), ``"warning"`` (usable with
            care) or ``"info"``.
        name: Short name; of a quality flag its value.
        text: What it means and what to do.
    """

    severity: Severity
    name: str
    text: str


_MEANING: dict[Quality, tuple[Severity, str]] = {
    Quality.CONSTANT: (
        "error",
        "every pixel has one value: closed shutter, dead sensor or empty export. Record again.",
    ),
    Quality.TORN: (
        "error",
        "part of the frame is missing or belongs to another one. Check cable and recorder.",
    ),
    Quality.TRUNCATED: (
        "error",
        "the file ended early and the rest is filled. Copy it again from the camera.",
    ),
    Quality.BYTE_SWAPPED: (
        "error",
        "the two bytes of each pixel look exchanged. Read raw files with dtype='>u2'.",
    ),
    Quality.IMPLAUSIBLE: (
        "error",
        "temperatures no camera reports (below -100 or above 3000 degrees Celsius). "
        "Check unit and scale.",
    ),
    Quality.DEAD_LINES: (
        "error",
        "whole rows or columns are off. Repair them: sensor.defects.find_defects and repair.",
    ),
    Quality.NON_FINITE: (
        "warning",
        "some pixels have no temperature (nan or infinity). Statistics leave them out.",
    ),
    Quality.DEAD_PIXELS: (
        "warning",
        "single pixels stand off all their neighbours. Repair: sensor.defects.find_defects.",
    ),
    Quality.SATURATED_HIGH: (
        "warning",
        "an area is at the top of the range: hotter than it says. Use the camera's low gain.",
    ),
    Quality.SATURATED_LOW: (
        "warning",
        "an area is at the bottom of the range: colder than it says, or not measured.",
    ),
    Quality.OUT_OF_RANGE: (
        "warning",
        "temperatures beyond the range that the camera was set to measure: they are extrapolated. "
        "Set the range that holds them, or leave them out.",
    ),
    Quality.LOW_CONTRAST: (
        "warning",
        "no contrast above the noise: shutter, defocus or fog. Do not calibrate or match on it.",
    ),
    Quality.EIGHT_BIT_CONTENT: (
        "warning",
        "8-bit levels in a 16-bit file: the scale was lost before. Record 16 bit at the camera.",
    ),
    Quality.TELEMETRY_ROW: (
        "warning",
        "rows at an edge hold data, not image. Crop them, or read raw with telemetry_rows=.",
    ),
    Quality.FALSE_COLOUR: (
        "warning",
        "colours, not values: a palette burnt in, or a visible-light picture. "
        "Export greyscale or the radiometric file.",
    ),
    Quality.FFC: ("warning", "the camera's shutter was closed. Leave the frame out."),
    Quality.QUANTISED: ("warning", "stored in a type that loses precision. Export float32."),
    Quality.TINY: ("warning", "smaller than 8x8 pixels: nothing can be judged."),
    Quality.AGC: (
        "info",
        "8-bit picture after AGC: no temperature, and contrast differs from frame to frame.",
    ),
    Quality.CONVERTED: ("info", "stored as another element type; every value was kept."),
    Quality.ROTATED: ("info", "the file says to turn the picture; pixels are as stored."),
}


def findings_of(counted: Mapping[Quality, int], *, frames: int) -> list[Finding]:
    """A finding for each flag, the gravest first.

    Args:
        counted: In how many frames each flag was seen.
        frames: How many frames were looked at; with more than one, the text says in how many.
    """
    found = []
    for flag, number in counted.items():
        severity, text = _MEANING[flag]
        share = f"{number} of {frames} frames: " if frames > 1 else ""
        found.append(Finding(severity, flag.value, share + text))
    return by_gravity(found)


def by_gravity(findings: Iterable[Finding]) -> list[Finding]:
    """Errors, then warnings, then the rest; alphabetical within each."""
    return sorted(findings, key=lambda finding: (_ORDER[finding.severity], finding.name))
