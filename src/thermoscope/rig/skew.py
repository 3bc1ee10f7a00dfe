"""How much later one camera sees the world than another, from the motion both of them show.

    motion = image_motion_px(frames)                # of each camera, or a gyro's rate
    report = estimate_skew(t_a_ns, motion_a, t_b_ns, motion_b)

The lag at which the two motions agree best is the skew: it holds what no clock can see, exposure,
readout and the slowness of the bolometer. What is NOT here: clocks (`thermoscope.rig.clock`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import RigError, ShapeError

__all__ = ["SkewReport", "estimate_skew", "image_motion_px"]

GRID_MS = 2.0  # of the common time base; both cameras are interpolated onto it
LAG_STEP_MS = 0.5
BLOCK_S = 0.5  # errors of the motion last one frame, so blocks are independent
SMOOTH = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # a hand shakes below 4 Hz
REDRAWS = 400
Z_INTERVAL = 3.5  # standard errors: see `SkewReport`
FLOOR_MS = 0.1  # interpolation between frames leaves this much, measured on exact motions
FEWEST_BLOCKS = 20
LEAST_AGREEMENT = 0.3
Float = NDArray[np.float64]


@dataclass(frozen=True)
class SkewReport:
    """The skew of camera b against camera a: two frames of equal stamps show instants so far apart.

    The interval is the estimate +- 3.5 standard errors of a bootstrap over blocks of 0.5 s, and
    0.1 ms at least: wide, because short recordings have few blocks. The truth is to lie in it in 95
    of 100 recordings.
    """

    skew_ms: float
    """By how much later b sees the world than a, in frames of equal stamps, ms."""
    low_ms: float
    high_ms: float
    agreement: float
    """Correlation of the two motions at that lag."""
    duration_s: float
    """Of the time that both cameras saw."""

    def __str__(self) -> str:
        return (
            f"skew {self.skew_ms:+.2f} ms, interval [{self.low_ms:+.2f}, {self.high_ms:+.2f}] ms, "
            f"agreement {self.agreement:.3f} over {self.duration_s:.0f} s"
        )


def image_motion_px(images: Iterable[NDArray[np.generic]]) -> Float:
    """How far each picture moved against the one before, along x and y.

    Rows and columns are summed up, so a motion is two shifts of a line: 0.3 ms for 640x512. Values
    are right up to a few percent and linear in the motion, which is all that a correlation needs.

    Args:
        images: N pictures (H, W) or (H, W, 3) of one size.

    Returns:
        (N, 2) px; the first row is 0.
    """
    shifts: list[tuple[float, float]] = []
    before: tuple[Float, Float] | None = None
    for image in images:
        grey = image if image.ndim == 2 else image[..., 1]
        profiles = _profile(grey, axis=0), _profile(grey, axis=1)
        if before is None:
            shifts.append((0.0, 0.0))
        else:
            shifts.append((_shift(before[0], profiles[0]), _shift(before[1], profiles[1])))
        before = profiles
    return np.array(shifts, np.float64).reshape(-1, 2)


def _profile(grey: NDArray[np.generic], axis: int) -> Float:
    """Mean over an axis, without its level and trend, faded out at the ends."""
    line = np.asarray(grey.mean(axis=axis, dtype=np.float64))
    place = np.linspace(-1, 1, line.size)
    line = line - np.polynomial.polynomial.polyval(
        place, np.polynomial.polynomial.polyfit(place, line, 1)
    )
    return np.asarray(line * np.hanning(line.size))


def _shift(before: Float, after: Float) -> float:
    """By how much `after` lies to the right of `before`, px."""
    size = before.size
    padded = 1 << (2 * size - 1).bit_length()
    spectrum = np.fft.rfft(after, padded) * np.conj(np.fft.rfft(before, padded))
    correlation = np.fft.irfft(spectrum, padded)
    reach = size // 4
    lags = np.arange(-reach, reach + 1)
    values = correlation[lags]
    best = int(values.argmax())
    if not 0 < best < len(lags) - 1:
        return float(lags[best])
    return float(lags[best]) + _peak(values[best - 1 : best + 2])


def _peak(three: Float) -> float:
    """Place of the top of a parabola through three equally spaced values, from the middle one."""
    bend = three[0] - 2 * three[1] + three[2]
    return 0.0 if bend >= 0 else float(0.5 * (three[0] - three[2]) / bend)


def estimate_skew(
    t_a_ns: ArrayLike,
    motion_a: ArrayLike,
    t_b_ns: ArrayLike,
    motion_b: ArrayLike,
    *,
    max_skew_ms: float = 100.0,
    valid_a: ArrayLike | None = None,
    valid_b: ArrayLike | None = None,
    seed: int = 0,
) -> SkewReport:
    """The skew of b against a with its interval.

    Args:
        t_a_ns: (N,) stamps of a in order, ns.
        motion_a: (N, D) motion of a frame against the one before (D = 2 of `image_motion_px`), or a
            rate of turn: the units of a and b may differ.
        t_b_ns: (M,) stamps of b, on the same clock, ns.
        motion_b: (M, D).
        max_skew_ms: Largest skew that is looked for, ms.
        valid_a: (N,) bool; False where the motion is not known: a frozen picture, the shutter.
        valid_b: (M,) bool.
        seed: Of the bootstrap.

    Raises:
        ShapeError: Stamps and motions of a camera do not fit.
        RigError: Less than 10 s in common, no motion, or two motions that do not agree.
    """
    check_positive(max_skew_ms, name="max_skew_ms")
    a = _Series.of(t_a_ns, motion_a, valid_a, name="a")
    b = _Series.of(t_b_ns, motion_b, valid_b, name="b")
    margin_ns = max_skew_ms * 1e6
    start = max(a.t_ns[0], b.t_ns[0] + margin_ns)
    stop = min(a.t_ns[-1], b.t_ns[-1] - margin_ns)
    blocks = int((stop - start) / 1e9 / BLOCK_S)
    if blocks < FEWEST_BLOCKS:
        raise RigError(
            f"the cameras saw {max(stop - start, 0) / 1e9:.1f} s together, expected "
            f"{FEWEST_BLOCKS * BLOCK_S:g} s or more. Record for longer while you turn the rig."
        )
    per_block = int(BLOCK_S * 1e3 / GRID_MS)
    grid = start + np.arange(blocks * per_block) * GRID_MS * 1e6
    lags_ms = np.arange(-max_skew_ms, max_skew_ms + LAG_STEP_MS / 2, LAG_STEP_MS)
    sums = _sums(a, b, grid, lags_ms, blocks)
    curve = _correlation(sums.sum(0))
    lag_ms, agreement = _top(lags_ms, curve)
    if not agreement >= LEAST_AGREEMENT:
        raise RigError(
            f"the motions of the cameras agree by {agreement:.2f} at best, expected "
            f"{LEAST_AGREEMENT} or more. Turn the rig to and fro by hand for 20 s, in view of a "
            "structured scene."
        )
    rng = np.random.default_rng(seed)
    redraws = [
        _top(lags_ms, _correlation(sums[rng.integers(0, blocks, blocks)].sum(0)))[0]
        for _ in range(REDRAWS)
    ]
    skew_ms = -lag_ms  # stamps of b that lag show that b sees early
    half = max(Z_INTERVAL * float(np.std(redraws)), FLOOR_MS)
    duration_s = blocks * BLOCK_S
    return SkewReport(skew_ms, skew_ms - half, skew_ms + half, agreement, duration_s)


@dataclass(frozen=True)
class _Series:
    """Motion at the middle of the two frames it lies between."""

    t_ns: Float
    motion: Float
    """(N, D), unknown values bridged."""
    known: Float
    """(N,) 1 where the motion is known."""

    @classmethod
    def of(cls, t_ns: ArrayLike, motion: ArrayLike, valid: ArrayLike | None, name: str) -> _Series:
        times, values = np.asarray(t_ns, np.float64), np.asarray(motion, np.float64)
        values = values[:, None] if values.ndim == 1 else values
        known = np.ones(times.shape, bool) if valid is None else np.asarray(valid, bool)
        if times.ndim != 1 or values.ndim != 2 or not len(times) == len(values) == len(known):
            raise ShapeError(
                f"camera {name}: stamps (N,) and motion (N, D) must fit, got {times.shape}, "
                f"{values.shape}, valid {known.shape}.",
                actual_shape=values.shape,
                expected_shape="N D",
            )
        known = known & np.isfinite(values).all(axis=1)
        known[:1] = False  # the first frame has none before it
        if known.sum() < len(SMOOTH) or not values[known].std() > 0:
            raise RigError(f"camera {name} shows no motion. Turn the rig while you record.")
        gaps_ns = np.diff(times, prepend=times[0])
        typical = float(np.median(gaps_ns[1:]))
        known &= np.abs(gaps_ns - typical) < 0.5 * typical  # nothing was lost in between
        return cls._smooth(times - gaps_ns / 2, np.where(known[:, None], values, 0.0), known)

    @classmethod
    def _smooth(cls, t_ns: Float, motion: Float, known: NDArray[np.bool_]) -> _Series:
        """Weighted over five frames: else noise, weaker between frames than at them, draws lags."""
        reach = len(SMOOTH) // 2
        padded = np.pad(motion, ((reach, reach), (0, 0)), "edge")
        sure = np.pad(known, reach, "constant")
        places = range(len(SMOOTH))
        total = sum(SMOOTH[i] * padded[i : i + len(motion)] for i in places)
        every = np.all([sure[i : i + len(motion)] for i in places], axis=0)
        return cls(t_ns, np.asarray(total), every.astype(float))


def _sums(a: _Series, b: _Series, grid: Float, lags_ms: Float, blocks: int) -> Float:
    """(blocks, 3, lags): sums of a·b, a·a and b·b over each block where both are known."""
    motion_a, known_a = _at(a, grid)
    sums = np.empty((blocks, 3, len(lags_ms)))
    wide = np.arange(
        grid[0] + lags_ms[0] * 1e6, grid[-1] + lags_ms[-1] * 1e6 + 1, LAG_STEP_MS * 1e6
    )
    motion_b, known_b = _at(b, wide)
    step = round(GRID_MS / LAG_STEP_MS)
    for i in range(len(lags_ms)):
        chosen = slice(i, i + step * (len(grid) - 1) + 1, step)
        known = known_a * known_b[chosen]
        late = motion_b[chosen]
        for k, product in enumerate((motion_a * late, motion_a * motion_a, late * late)):
            sums[:, k, i] = (product.sum(1) * known).reshape(blocks, -1).sum(1)
    return sums


def _at(series: _Series, times: Float) -> tuple[Float, Float]:
    """Motion (T, D) by cubic interpolation, and whether the frames around are known (T,)."""
    after = np.clip(np.searchsorted(series.t_ns, times), 2, len(series.t_ns) - 2)
    corners = np.stack([after - 2, after - 1, after, after + 1])  # (4, T)
    t = series.t_ns[corners]
    motion = np.zeros((len(times), series.motion.shape[1]))
    for i in range(4):  # Lagrange: frames need not be equally spaced
        weight = np.ones(len(times))
        for j in range(4):
            if j != i:
                weight *= (times - t[j]) / (t[i] - t[j])
        motion += weight[:, None] * series.motion[corners[i]]
    return motion, series.known[corners].min(0)


def _correlation(sums: Float) -> Float:
    return np.asarray(sums[0] / np.sqrt(np.maximum(sums[1] * sums[2], 1e-300)))


def _top(lags_ms: Float, curve: Float) -> tuple[float, float]:
    """Lag and height of the highest point, between the steps."""
    best = int(curve.argmax())
    if not 0 < best < len(curve) - 1:
        return float(lags_ms[best]), float(curve[best])
    between = _peak(curve[best - 1 : best + 2])
    return float(lags_ms[best] + between * LAG_STEP_MS), float(curve[best])
