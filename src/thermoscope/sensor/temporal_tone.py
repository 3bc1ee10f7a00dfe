"""Tone mapping of video: a window that follows the scene slowly, and maps back to counts.

A window computed per frame jumps when a hot object enters, and every pixel of the still background
jumps with it. Here the window of the last frame stays as long as it fits; where it does not, its
edges move by a bounded number of grey levels a frame. It jumps only where the picture jumps
anyway: first frame, after the shutter, scene change. What is NOT here: time in seconds (rates are
per frame) and methods without a single window (CLAHE), which cannot be mapped back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_in_range
from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.sensor.tone_sidecar import FIRST_LEVEL, LAST_LEVEL, FrameWindow, ToneSidecar
from thermoscope.sensor.tone_spec import Percentile, ToneSpec
from thermoscope.sensor.window import (
    Unit,
    Window,
    checked_plane,
    percentiles,
    unit_of,
    valid_pixels,
)

__all__ = ["FlickerScore", "Stability", "TemporalToneMapper", "flicker_score"]

Plane = NDArray[Any]
Mask = NDArray[np.bool_]
Quantiles = NDArray[np.float64]

QUANTILES = (10, 30, 50, 70, 90)  # of the frame: tell a scene change from a moving object
LEVELS = LAST_LEVEL - FIRST_LEVEL
LEAST_SPAN: dict[Unit, float] = {"counts": 2.0, "kelvin": 0.002, "agc": 2.0}


@dataclass(frozen=True)
class Stability:
    """How a window may follow the scene. Shares are of its present width.

    Attributes:
        widen_levels: Fastest move outwards, 8-bit levels a frame. In [0, 0.9]: so a pixel of
            constant counts never changes by more than one level between two frames.
        narrow_levels: Fastest move inwards, 8-bit levels a frame, in [0, 0.9].
        headroom: Room left beyond the frame's range when the window is set, in [0, 0.4].
        slack: An edge moves inwards once the frame's range is farther away than this share, and
            stops at `headroom`. In [`headroom`, 1].
        min_span: Least width, in the unit of the values: keeps pure noise from filling the scale.
        reset_shift: Scene change: mean move of the frame's quantiles since the last frame.
        reset_clipped: Scene change too: share of the frame outside the window, told in steps of
            20 %, in (0, 1].

    Raises:
        ConfigError: A value is out of its range.
    """

    widen_levels: float = 0.5
    narrow_levels: float = 0.1
    headroom: float = 0.1
    slack: float = 0.25
    min_span: float = 0.0
    reset_shift: float = 0.18
    reset_clipped: float = 0.3

    def __post_init__(self) -> None:
        check_in_range(self.widen_levels, 0, 0.9, name="widen_levels")
        check_in_range(self.narrow_levels, 0, 0.9, name="narrow_levels")
        check_in_range(self.headroom, 0, 0.4, name="headroom")
        check_in_range(self.slack, self.headroom, 1, name="slack")
        check_in_range(self.min_span, 0, 1e6, name="min_span")
        check_in_range(self.reset_shift, 1e-3, 10, name="reset_shift")
        check_in_range(self.reset_clipped, 1e-3, 1, name="reset_clipped")


class TemporalToneMapper:
    """Frames in, steady 8-bit frames out, each with the window that leads back.

    Args:
        spec: A ``percentile`` spec (or that name): what the range of one frame is.
        stability: How the window may follow it.

    Raises:
        ConfigError: `spec` is of another method: only a single window can be mapped back.

    Example:
        >>> mapper = TemporalToneMapper()
        >>> frame = np.arange(3000, 3400, dtype=np.uint16).reshape(20, 20)
        >>> agc, sidecar = mapper.map(frame)
        >>> counts, clipped = sidecar.counts_from_agc(agc)
        >>> bool(np.abs(counts - frame)[~clipped].max() <= sidecar.windows[0].step / 2)
        True
    """

    def __init__(
        self, spec: ToneSpec | str = "percentile", *, stability: Stability | None = None
    ) -> None:
        tone = ToneSpec.of(spec) if isinstance(spec, str) else spec
        if type(tone.params) is not Percentile:
            raise ConfigError(
                f"video needs the tone method 'percentile', got {tone.method!r}. "
                "Other methods have no window that could follow the scene and lead back."
            )
        self.spec, self.stability = tone, stability or Stability()
        self._percents = (tone.params.low_percent, *QUANTILES, tone.params.high_percent)
        self._unit: Unit | None = None
        self.reset()

    def reset(self) -> None:
        """Forget the scene: the next frame sets the window anew. The unit stays."""
        self._window: Window | None = None
        self._quantiles: Quantiles | None = None
        self._narrowing = [False, False]
        self._ffc = False

    def map(
        self, values: Plane, *, valid: Mask | None = None, ffc: bool = False
    ) -> tuple[NDArray[np.uint8], ToneSidecar]:
        """(H, W) uint8 of the next frame, and the sidecar of this one frame.

        A frame under the shutter keeps the window; the first frame after it sets a new one. A
        frame without any valid pixel is black and changes nothing.

        Args:
            values: (H, W) uint16 counts or float kelvin (or uint8 AGC), the same in each call.
            valid: (H, W) bool, True = use the pixel.
            ffc: The shutter is closed.

        Returns:
            The frame (0 = below or not valid, 255 = above, 1 to 254 = the window), and a
            `ToneSidecar` of length one; `ToneSidecar.joined` makes that of the video.

        Raises:
            ShapeError: `values` is not (H, W), or `valid` has another size.
            UnitError: Another element type, or another unit than the frames before.
        """
        plane = checked_plane(values)
        unit = self._checked_unit(plane)
        kept = valid_pixels(plane, valid)
        found = percentiles(plane, self._percents, valid=kept)
        if found is None:
            held = self._window or Window(0.0, LEAST_SPAN[unit])
            return np.zeros(plane.shape, np.uint8), _sidecar(held, unit, jumped=False)
        jumped = self._follow(Window(found[0], found[-1]), np.array(found[1:-1]), unit, ffc=ffc)
        window = self._window or Window(found[0], found[-1])
        agc = window.levels(plane, black=FIRST_LEVEL, white=LAST_LEVEL)
        if kept is not None:
            agc[~kept] = 0
        return agc, _sidecar(window, unit, jumped=jumped)

    def _checked_unit(self, plane: Plane) -> Unit:
        unit = unit_of(plane)
        if self._unit not in (None, unit):
            raise UnitError(
                f"this frame is in {unit}, those before in {self._unit}. "
                "Take one mapper for each video."
            )
        self._unit = unit
        return unit

    def _follow(self, target: Window, quantiles: Quantiles, unit: Unit, *, ffc: bool) -> bool:
        """Set the window of this frame; True if it jumped."""
        after_ffc, self._ffc = self._ffc and not ffc, ffc
        if self._window is None or after_ffc or (not ffc and self._scene_changed(quantiles)):
            self._window = self._fresh(target, unit)
            self._narrowing = [False, False]
            jumped = True
        else:
            self._window = self._window if ffc else self._moved(self._window, target, unit)
            jumped = False
        if not ffc:
            self._quantiles = quantiles
        return jumped

    def _scene_changed(self, quantiles: Quantiles) -> bool:
        window, before = self._window, self._quantiles
        if window is None or before is None:
            return False
        outside = np.mean((quantiles < window.low) | (quantiles > window.high))
        limits = (
            window.low,
            window.high,
        )  # a hot object is far out: it may count once, not 50 times
        shift = np.abs(np.clip(quantiles, *limits) - np.clip(before, *limits)).mean() / window.span
        return bool(outside > self.stability.reset_clipped or shift > self.stability.reset_shift)

    def _fresh(self, target: Window, unit: Unit) -> Window:
        """A window around `target` with headroom on both sides."""
        least = max(self.stability.min_span, LEAST_SPAN[unit])
        span = max(target.span / (1 - 2 * self.stability.headroom), least)
        middle = (target.low + target.high) / 2
        return Window(middle - span / 2, middle + span / 2)

    def _moved(self, window: Window, target: Window, unit: Unit) -> Window:
        """Both edges one bounded step towards `target`."""
        low = window.low - self._edge_step(0, window.low - target.low, window.span)
        high = window.high + self._edge_step(1, target.high - window.high, window.span)
        least = max(self.stability.min_span, LEAST_SPAN[unit])
        return Window(low, high) if high - low >= least else window

    def _edge_step(self, edge: int, excess: float, span: float) -> float:
        """Outward move of an edge; the frame's range exceeds it by `excess` (< 0: is within)."""
        rules = self.stability
        if excess > 0:
            self._narrowing[edge] = False
            return min(excess, rules.widen_levels * span / LEVELS)
        spare = -excess - rules.headroom * span
        if spare > (rules.slack - rules.headroom) * span:
            self._narrowing[edge] = True
        if spare <= 0:
            self._narrowing[edge] = False
        return -min(spare, rules.narrow_levels * span / LEVELS) if self._narrowing[edge] else 0.0


def _sidecar(window: Window, unit: Unit, *, jumped: bool) -> ToneSidecar:
    return ToneSidecar((FrameWindow(window.low, window.high, jumped),), unit)


@dataclass(frozen=True)
class FlickerScore:
    """How much the still part of an 8-bit video changes: 0 is perfectly steady.

    Attributes:
        mean_levels: Mean over the frame pairs of the mean absolute change of still pixels, 8-bit
            levels.
        worst_levels: The largest of these means: a jump that the eye sees once.
        pairs: Frame pairs that had a still pixel.
    """

    mean_levels: float
    worst_levels: float
    pairs: int


def flicker_score(
    agc_frames: Iterable[NDArray[np.uint8]], frames: Iterable[Plane], *, tolerance: float = 0.0
) -> FlickerScore:
    """Change of 8-bit level, from frame to frame, of pixels whose value did not change.

    Args:
        agc_frames: (H, W) uint8 each, the mapped video. Read once, two frames held.
        frames: (H, W) each, the counts or kelvin behind it.
        tolerance: Largest change of value that still counts as none; on real frames about the
            temporal noise. What changes by it moves its level too: keep it small.

    Returns:
        The score; nan with ``pairs=0`` where no pixel was still.

    Raises:
        ShapeError: The two videos differ in length or size.
    """
    means: list[float] = []
    last: tuple[Plane, Plane] | None = None
    try:
        for agc, values in zip(agc_frames, frames, strict=True):
            now = np.asarray(agc, np.int16), np.asarray(values, np.float32)
            if last is not None:
                still = np.abs(now[1] - last[1]) <= tolerance
                if still.any():
                    means.append(float(np.abs(now[0] - last[0])[still].mean()))
            last = now
    except ValueError as err:
        raise ShapeError(f"the two videos must agree frame by frame: {err}.") from err
    if not means:
        return FlickerScore(float("nan"), float("nan"), 0)
    return FlickerScore(float(np.mean(means)), max(means), len(means))
