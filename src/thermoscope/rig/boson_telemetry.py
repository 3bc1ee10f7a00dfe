"""What a Boson writes beside each picture: counter, clock, flat-field state, temperatures.

The first telemetry row is 16-bit words, little-endian; 32-bit values have their high word first.
The offsets come from public parsers; where those disagree the field is not decoded here, and the
raw row stays with every frame, so that a wrong reading can be repaired later. The FFC bits are the
reading of one parser only: NOT confirmed on hardware here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from thermoscope.core.errors import CameraError
from thermoscope.rig.boson_commands import FFC_STATES
from thermoscope.rig.camera import FfcState

__all__ = ["TELEMETRY_ROWS", "BosonTelemetry", "decode_telemetry", "split_telemetry"]

TELEMETRY_ROWS = 2  # over USB; the first one carries the data
LAST_WORD = 141  # of the millisecond clock, the highest offset used
OVER_TEMPERATURE_BIT = 8


@dataclass(frozen=True)
class BosonTelemetry:
    """The telemetry of one frame."""

    revision: int
    """Of the layout, 1 to 3."""
    serial: str
    """Of the camera."""
    counter: int
    """Frames since power-on."""
    clock_ms: int
    """Since power-on, ms."""
    ffc: FfcState
    """State of the flat-field correction."""
    ffc_desired: bool
    """The camera asks for one."""
    over_temperature: bool
    """The core is hotter than it should be."""
    ffc_counter: int
    """`counter` at the last flat-field correction."""
    temperature_k: float
    """Of the camera, K."""
    ffc_temperature_k: float
    """The same at the last flat-field correction, K."""


def decode_telemetry(row: bytes | np.ndarray) -> BosonTelemetry:
    """Fields of one telemetry row.

    Args:
        row: (W,) uint16, or its bytes as they came, W >= 142.

    Raises:
        CameraError: The row is too short, or is no telemetry (its revision is not 1 to 3).
    """
    words = np.frombuffer(row, "<u2") if isinstance(row, bytes) else row
    if len(words) <= LAST_WORD:
        raise CameraError(
            f"a telemetry row has more than {LAST_WORD} words, got {len(words)}. "
            "Check the width of the picture."
        )
    revision = int(words[0])
    if not 1 <= revision <= 3:
        raise CameraError(
            f"telemetry revision must be 1 to 3, got {revision}. The row is not telemetry: switch "
            "telemetry on, or look for it at the other end of the picture."
        )
    status = int(words[38])
    return BosonTelemetry(
        revision=revision,
        serial=str(_u32(words, 1)),
        counter=_u32(words, 42),
        clock_ms=_u32(words, 140),
        ffc=FFC_STATES[status & 3],
        ffc_desired=bool(status >> 5 & 1),
        over_temperature=bool(status >> OVER_TEMPERATURE_BIT & 1),
        ffc_counter=_u32(words, 44),
        temperature_k=int(words[47]) / 10,
        ffc_temperature_k=int(words[48]) / 10,
    )


def _u32(words: np.ndarray, first: int) -> int:
    return int(words[first]) << 16 | int(words[first + 1])


def split_telemetry(picture: np.ndarray, serial: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Image and telemetry row of one picture, wherever the camera put the rows.

    Args:
        picture: (H + 2, W) uint16.
        serial: Of the camera; the row must name it. Any is taken if empty.

    Returns:
        (H, W) uint16 view and (W,) uint16 view; the row is None if neither end has one, and the
        image is then what lies below the first two rows.
    """
    top, bottom = picture[0], picture[-TELEMETRY_ROWS]
    for row, image in (
        (top, picture[TELEMETRY_ROWS:]),
        (bottom, picture[:-TELEMETRY_ROWS]),
    ):
        try:
            named = decode_telemetry(row).serial
        except CameraError:
            continue
        if serial in ("", named):
            return image, row
    return picture[TELEMETRY_ROWS:], None
