"""The way back from an 8-bit video to counts: one window per frame, in a JSON file beside it.

Annotation tools work on 8 bits. With the sidecar a label drawn there returns to counts, and with
the camera's radiometry to kelvin. What is NOT here: making the 8-bit frames
(`thermoscope.sensor.temporal_tone`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.config import config_from_dict, config_to_dict
from thermoscope.core.errors import ConfigError, ReadError, ShapeError, UnitError
from thermoscope.core.files import atomic_write
from thermoscope.sensor.planck import Radiometry
from thermoscope.sensor.window import Unit, Window, checked_plane

__all__ = ["FIRST_LEVEL", "LAST_LEVEL", "FrameWindow", "Restored", "ToneSidecar"]

FIRST_LEVEL, LAST_LEVEL = 1, 254  # 0 and 255 are kept for "below" and "above": nothing is guessed
FORMAT = "thermoscope-tone-sidecar"


@dataclass(frozen=True)
class FrameWindow(Window):
    """Window of one frame: `low` is level 1, `high` is level 254.

    Attributes:
        low: Unit of the sidecar.
        high: Above `low`.
        reset: True where the window jumped: first frame, after a shutter event, scene change.

    Raises:
        ConfigError: A limit is not finite, or `high` is not above `low`.
    """

    reset: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.flat:
            raise ConfigError(f"the window of a frame has no width: low and high are {self.low:g}.")

    @property
    def step(self) -> float:
        """Values per grey level."""
        return self.span / (LAST_LEVEL - FIRST_LEVEL)


class Restored(NamedTuple):
    """Values read back from an 8-bit frame.

    Attributes:
        values: (H, W) float32 in the unit asked for, not rounded.
        clipped: (H, W) bool, True where the original lay outside the window (or was not valid):
            `values` then holds the nearest limit.
    """

    values: NDArray[np.float32]
    clipped: NDArray[np.bool_]


@dataclass(frozen=True)
class ToneSidecar:
    """Windows of the frames of an 8-bit video.

    Level 0 means below the window or not valid, 255 above it, and 1 to 254 are even steps from
    `low` to `high`: what is not clipped comes back within half a step.

    Attributes:
        windows: One per frame, in order.
        unit: Of the windows: ``"counts"``, ``"kelvin"`` or ``"agc"``.

    Example:
        >>> sidecar = ToneSidecar((FrameWindow(3000, 3253),))
        >>> sidecar.counts_from_agc(np.array([[0, 1, 101, 255]], np.uint8))
        Restored(values=array([[3000., 3000., 3100., 3253.]], dtype=float32), \
clipped=array([[ True, False, False,  True]]))
    """

    windows: tuple[FrameWindow, ...]
    unit: Unit = "counts"

    def __len__(self) -> int:
        return len(self.windows)

    @classmethod
    def joined(cls, parts: Iterable[ToneSidecar]) -> ToneSidecar:
        """The sidecar of a video from those of its frames.

        Raises:
            UnitError: Parts in different units.
            ConfigError: No part.
        """
        pieces = list(parts)
        units = sorted({p.unit for p in pieces})
        if not pieces:
            raise ConfigError("no sidecar to join. Pass at least one.")
        if len(units) != 1:
            raise UnitError(f"sidecars in different units cannot be joined: {', '.join(units)}.")
        return cls(tuple(w for p in pieces for w in p.windows), pieces[0].unit)

    def counts_from_agc(self, agc: NDArray[np.uint8], frame: int = 0) -> Restored:
        """Counts of an 8-bit frame, within half a step of the original where not clipped.

        Args:
            agc: (H, W) uint8, as `TemporalToneMapper.map` made it.
            frame: Its position in the video.

        Raises:
            UnitError: `agc` is not uint8, or the windows are not in counts.
            ShapeError: `agc` is not (H, W), or there is no such frame.
        """
        return self._restored(agc, frame, "counts")

    def kelvin_from_agc(
        self, agc: NDArray[np.uint8], frame: int = 0, *, radiometry: Radiometry | None = None
    ) -> Restored:
        """Temperatures, K, of an 8-bit frame.

        Args:
            agc: As `counts_from_agc`.
            frame: As `counts_from_agc`.
            radiometry: The camera's, needed where the windows are in counts. Its counts are
                whole numbers: that adds half a count to half a step.

        Raises:
            UnitError: The windows are in counts and `radiometry` is missing, or in 8-bit levels.
            ShapeError: As `counts_from_agc`.
        """
        if radiometry is None:
            return self._restored(agc, frame, "kelvin")
        counts, clipped = self._restored(agc, frame, "counts")
        whole = np.rint(np.clip(counts, 0, 65535)).astype(np.uint16)
        return Restored(radiometry.kelvin_from_counts(whole), clipped)

    def _restored(self, agc: NDArray[Any], frame: int, unit: Unit) -> Restored:
        if unit != self.unit:
            raise UnitError(
                f"the sidecar's windows are in {self.unit}, not in {unit}. "
                "Take the other function, or pass the camera's radiometry with counts."
            )
        levels = checked_plane(agc, name="agc")
        if levels.dtype != np.uint8:
            raise UnitError(f"agc must be uint8, got {levels.dtype}. Pass the 8-bit frame.")
        if not 0 <= frame < len(self.windows):
            raise ShapeError(f"frame must lie in [0, {len(self.windows) - 1}], got {frame}.")
        window = self.windows[frame]
        inside = np.clip(np.arange(256), FIRST_LEVEL, LAST_LEVEL) - FIRST_LEVEL
        table = (window.low + inside * window.step).astype(np.float32)
        return Restored(table[levels], (levels < FIRST_LEVEL) | (levels > LAST_LEVEL))

    def save(self, path: str | Path) -> None:
        """Write the sidecar as JSON, atomically.

        Raises:
            WriteError: The file cannot be written.
        """
        content = {"format": FORMAT, "version": 1, **config_to_dict(self)}
        with atomic_write(path) as stream:
            stream.write(json.dumps(content, indent=1).encode("ascii"))

    @classmethod
    def load(cls, path: str | Path) -> ToneSidecar:
        """The sidecar that `save` wrote: the same to the last bit.

        Raises:
            ReadError: No such file, not JSON, not a sidecar, or one of a newer version.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="ascii"))
        except (OSError, ValueError, RecursionError) as err:
            raise ReadError(f"cannot read the sidecar {path}: {err}.", path=path) from err
        try:
            return config_from_dict(_SidecarFile, content, where=Path(path).name).sidecar()
        except ConfigError as err:
            raise ReadError(f"{path} is not a sidecar: {err}", path=path) from err


@dataclass(frozen=True)
class _SidecarFile:
    """The JSON file, field by field."""

    format: Literal["thermoscope-tone-sidecar"]
    version: Literal[1]
    windows: tuple[FrameWindow, ...]
    unit: Unit

    def sidecar(self) -> ToneSidecar:
        return ToneSidecar(self.windows, self.unit)
