"""Noise of a thermal camera in the seven components of the 3-D noise model.

A sequence is a block over time t, rows v and columns h. Each component is noise that varies
along the axes in its name and is constant along the others: ``sigma_tvh`` is the random noise of
single pixels (NETD), ``sigma_vh``, ``sigma_v`` and ``sigma_h`` stand still (fixed-pattern noise:
pixels, rows, columns), ``sigma_tv`` and ``sigma_th`` are rows and columns that jitter, ``sigma_t``
is the whole frame going up and down. `measure_noise` and `simulate_noise` share these names:
what one simulates the other measures. What is NOT here: drift and shutter events
(`thermoscope.sensor.ffc`), defective pixels (`.defects`), blur and vignetting.

Source: D'Agostino and Webb, Three-dimensional analysis framework and measurement methodology for
imaging system noise, SPIE 1488 (1991); finite-sample correction as in Haefner et al., Finite
sampling corrected 3D noise with confidence intervals, Applied Optics 54 (2015).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_finite_number, check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.sensor.noise_parts import Content, Parts, variance_parts
from thermoscope.sensor.planck import Radiometry

__all__ = ["NoiseModel", "NoiseReport", "NoiseSimulator", "measure_noise", "simulate_noise"]

Field2 = NDArray[np.float64]
Mask = NDArray[np.bool_]
SMALLEST_SIDE = {"any": 32, "uniform": 4}
ROUNDING_VARIANCE = 1 / 12


@dataclass(frozen=True)
class NoiseModel:
    """Standard deviations of the seven components, in counts (or whatever unit the frames have).

    Attributes:
        sigma_tvh: Random, each pixel in each frame: the NETD.
        sigma_vh: Fixed, each pixel.
        sigma_v: Fixed, each row.
        sigma_h: Fixed, each column.
        sigma_tv: Each row in each frame.
        sigma_th: Each column in each frame.
        sigma_t: Each frame as a whole.

    Raises:
        ConfigError: A value is negative or not finite.
    """

    sigma_tvh: float = 0.0
    sigma_vh: float = 0.0
    sigma_v: float = 0.0
    sigma_h: float = 0.0
    sigma_tv: float = 0.0
    sigma_th: float = 0.0
    sigma_t: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(NoiseModel):
            if check_finite_number(getattr(self, field.name), name=field.name) < 0:
                raise ConfigError(
                    f"{field.name} must not be negative, got {getattr(self, field.name)!r}."
                )

    @property
    def temporal(self) -> float:
        """Standard deviation of one pixel over time."""
        return math.hypot(self.sigma_tvh, self.sigma_tv, self.sigma_th, self.sigma_t)

    @property
    def fpn(self) -> float:
        """Standard deviation of the fixed pattern over the frame."""
        return math.hypot(self.sigma_vh, self.sigma_v, self.sigma_h)

    @property
    def total(self) -> float:
        """Standard deviation of all components together."""
        return math.hypot(self.temporal, self.fpn)

    def scaled(self, factor: float) -> NoiseModel:
        """The same noise in another unit, or a multiple of it.

        Raises:
            ConfigError: `factor` is not a finite number above zero.
        """
        check_positive(factor, name="factor")
        return NoiseModel(*(getattr(self, field.name) * factor for field in fields(NoiseModel)))


@dataclass(frozen=True)
class NoiseReport:
    """What `measure_noise` found.

    Attributes:
        model: The seven components, in the unit of the frames.
        frames: Number of frames.
        mean_counts: Mean of all known pixels.
        flat_share: Share of pixels calm enough to be measured, 0 to 1.
        kelvin_per_count: Scale at `mean_counts`, or None if unknown.
    """

    model: NoiseModel
    frames: int
    mean_counts: float
    flat_share: float
    kelvin_per_count: float | None = None

    @property
    def netd_mk(self) -> float | None:
        """Noise-equivalent temperature difference (random pixel noise), mK; None without scale."""
        return self.in_mk(self.model.sigma_tvh)

    @property
    def fpn_mk(self) -> float | None:
        """Fixed-pattern noise, mK; None without scale."""
        return self.in_mk(self.model.fpn)

    def in_mk(self, counts: float) -> float | None:
        """A small difference of counts as a temperature difference, mK; None without scale."""
        return None if self.kelvin_per_count is None else 1000 * counts * self.kelvin_per_count


# -- measure -------------------------------------------------------------------------------------


def measure_noise(
    frames: NDArray[Any] | Iterable[NDArray[Any]],
    kelvin_per_count: float | None = None,
    *,
    radiometry: Radiometry | None = None,
    content: Content = "any",
) -> NoiseReport:
    """The seven noise components of a sequence, in its unit and, with a scale, in mK.

    Temporal components come from differences of successive frames (a static scene and slow drift
    cancel; a frame equal to the one before is left out), fixed ones from the mean frame. Each
    variance is corrected for what the others leak into it in a finite sample; one that comes out
    negative is reported as 0. Shutter steps count as `sigma_t`: cut the sequence there first.

    With ``content="any"`` the scene is removed: what is smoother than 2 px is filtered out (and
    the loss of noise that this costs is put back), steep areas are left out, and the median over
    tiles of 16 px decides. Fine static texture cannot be told from fixed-pattern noise: of a
    static scene `sigma_vh` is an upper bound (of a pan along the rows, `sigma_v`), and smooth
    shading is not measured. With ``content="uniform"`` (black body, lens cap, shutter) nothing is
    removed: the classic analysis.

    Args:
        frames: (N, H, W), or any iterable of (H, W) frames, N >= 2; whole numbers or floats. An
            iterable is read once, in constant memory. nan is left out. For temperatures pass
            ``kelvin_per_count=1``. The rounding of whole numbers (1/12 in variance) is taken off.
        kelvin_per_count: K per count at the level of the scene.
        radiometry: Instead of it, the camera's radiometry; its slope at the mean count is used.
        content: What the camera saw.

    Raises:
        ShapeError: Fewer than 2 frames, frames of different size, or below 32x32 px (4x4 px for
            ``"uniform"``).
        UnitError: Not numbers, no pixel known in all frames, no flat part, or a radiometry that has
            no temperature at the mean count.
        ConfigError: `kelvin_per_count` is not positive, it and `radiometry` are both given, or
            `content` is unknown.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> frames = simulate_noise(np.full((40, 64, 64), 3000.0), NoiseModel(sigma_tvh=2.0), rng)
        >>> round(measure_noise(frames, 0.02, content="uniform").netd_mk)
        40
    """
    if content not in SMALLEST_SIDE:
        raise ConfigError(f"content must be 'any' or 'uniform', got {content!r}.")
    if kelvin_per_count is not None:
        check_positive(kelvin_per_count, name="kelvin_per_count")
        if radiometry is not None:
            raise ConfigError("kelvin_per_count and radiometry exclude each other. Pass one.")
    gathered = _gather(_each(frames, SMALLEST_SIDE[content]), content)
    mean_counts = float(gathered.mean[gathered.known].mean())
    if radiometry is not None:
        kelvin_per_count = _slope(radiometry, mean_counts)
    model, flat_share = _components(gathered, content)
    return NoiseReport(model, gathered.frames, mean_counts, flat_share, kelvin_per_count)


def _slope(radiometry: Radiometry, counts: float) -> float:
    around = np.clip(np.rint(np.array([counts - 8, counts + 8])), 0, 65535).astype(np.uint16)
    low, high = (float(k) for k in radiometry.kelvin_from_counts(around))
    slope = (high - low) / max(int(around[1]) - int(around[0]), 1)
    if not (math.isfinite(slope) and slope > 0):
        raise UnitError(
            f"the radiometry gives no temperature at {counts:.0f} counts, the mean of the frames. "
            "Pass the radiometry of this camera."
        )
    return slope


def _each(
    frames: NDArray[Any] | Iterable[NDArray[Any]], smallest: int
) -> Iterator[tuple[Field2, bool]]:
    """Frames as float64, and whether they are whole numbers."""
    if isinstance(frames, np.ndarray):
        check_shape(frames, "N H W", name="frames")
    size: tuple[int, ...] | None = None
    for index, frame in enumerate(frames):
        array = np.asarray(frame)
        check_shape(array, "H W", name=f"frame {index}")
        if array.dtype.kind not in "uif":
            raise UnitError(f"frames must be numbers, got {array.dtype}. Pass counts or kelvin.")
        size = size or array.shape
        if min(size) < smallest or array.shape != size:
            raise ShapeError(
                f"frame {index} is {array.shape}, expected frames of one size, at least "
                f"{smallest}x{smallest} px. Pass whole frames of one camera.",
                actual_shape=array.shape,
            )
        values = array.astype(np.float64)
        values[~np.isfinite(values)] = np.nan  # differences of infinities would warn
        yield values, array.dtype.kind != "f"


class _Gathered(NamedTuple):
    """One pass over a sequence."""

    mean: Field2
    known: Mask
    frames: int
    whole: bool
    steps: list[Parts]


def _gather(frames: Iterator[tuple[Field2, bool]], content: Content) -> _Gathered:
    previous: Field2 | None = None
    steps: list[Parts] = []
    count, whole = 0, True
    for frame, is_whole in frames:
        count, whole = count + 1, whole and is_whole
        if previous is None:
            total, origin = np.zeros_like(frame), frame
        else:
            half_step = (frame - previous) / math.sqrt(2)
            if np.any(np.abs(half_step) > 0):  # a frame sent twice says nothing about noise
                steps.append(variance_parts(half_step, (frame + previous) / 2, content))
        total += frame - origin
        previous = frame
    if previous is None or count < 2:
        raise ShapeError(
            f"noise needs at least 2 frames, got {count}. Record a second or more.",
            actual_shape=(count,),
        )
    mean = origin + total / count
    known = np.isfinite(mean)
    if not known.any():
        raise UnitError("no pixel is known in all frames. Pass frames without nan.")
    return _Gathered(mean, known, count, whole, steps)


def _components(gathered: _Gathered, content: Content) -> tuple[NoiseModel, float]:
    steps = [step for step in gathered.steps if step.flat_share > 0]
    fixed = variance_parts(gathered.mean, gathered.mean, content)
    if fixed.flat_share == 0 or (gathered.steps and not steps):
        raise UnitError(
            "no part of the frames is flat enough to measure noise. Record a calmer scene, "
            "or a uniform one and pass content='uniform'."
        )
    means = np.array([step.mean for step in steps] or [0.0])
    middle = np.median if content == "any" else np.mean  # the median is deaf to a passing car
    tvh, tv, th = (
        max(float(middle([getattr(step, name) for step in steps] or [0.0])), 0.0)
        for name in ("pixels", "rows", "columns")
    )
    height, width = gathered.mean.shape
    drift = float(means.mean()) ** 2 if len(means) > 2 else 0.0
    t = float(np.mean(means**2)) - drift - tv / height - th / width - tvh / (height * width)
    n = gathered.frames
    # what a mean over n frames keeps of the temporal noise is not fixed pattern
    vh, v, h = fixed.pixels - tvh / n, fixed.rows - tv / n, fixed.columns - th / n
    if gathered.whole:
        tvh -= ROUNDING_VARIANCE
    model = NoiseModel(*(math.sqrt(max(x, 0.0)) for x in (tvh, vh, v, h, tv, th, t)))
    return model, float(np.mean([fixed.flat_share, *(step.flat_share for step in steps)]))


# -- simulate ------------------------------------------------------------------------------------


class NoiseSimulator:
    """A camera's noise, frame by frame: the fixed pattern is drawn once and stays.

    Args:
        model: The components, in the unit of the frames.
        height: Rows, px.
        width: Columns, px.
        rng: Source of all random numbers; the same state gives the same noise.

    Raises:
        ShapeError: A side below one pixel.
    """

    def __init__(
        self, model: NoiseModel, *, height: int, width: int, rng: np.random.Generator
    ) -> None:
        if height < 1 or width < 1:
            raise ShapeError(f"noise needs at least 1x1 px, got {width}x{height}.")
        self.model = model
        self._rng = rng
        self.pattern = self._field(height, width, model.sigma_vh, model.sigma_v, model.sigma_h)

    def add(self, frame: ArrayLike) -> NDArray[np.float32]:
        """The (H, W) frame with the fixed pattern and this moment's noise; not rounded.

        Raises:
            ShapeError: The frame has another size.
        """
        values = np.asarray(frame, np.float32)
        height, width = self.pattern.shape
        check_shape(values, f"{height} {width}", name="frame")
        m = self.model
        noise = self._field(height, width, m.sigma_tvh, m.sigma_tv, m.sigma_th)
        noise += np.float32(self._rng.normal(0.0, m.sigma_t) if m.sigma_t else 0.0)
        return np.asarray(values + self.pattern + noise)

    def _field(
        self, height: int, width: int, pixel: float, row: float, column: float
    ) -> NDArray[np.float32]:
        field = np.zeros((height, width), np.float32)
        for sigma, shape in ((pixel, (height, width)), (row, (height, 1)), (column, (1, width))):
            if sigma:
                field += np.float32(sigma) * self._rng.standard_normal(shape, np.float32)
        return field


def simulate_noise(
    counts: ArrayLike, model: NoiseModel, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The frames with noise of this model added: float32, neither rounded nor clipped.

    One fixed pattern holds for all frames of the call; for a pattern that outlives it, and for
    sequences larger than memory, keep a `NoiseSimulator`.

    Args:
        counts: (N, H, W) or (H, W), noise-free, any real type.
        model: The components, in the unit of `counts`.
        rng: Source of all random numbers.

    Raises:
        ShapeError: Not (N, H, W) or (H, W), or no pixel.
    """
    values = np.asarray(counts, np.float32)
    if values.ndim not in (2, 3) or values.size == 0:
        raise ShapeError(
            f"counts must be (N, H, W) or (H, W) with at least one pixel, got {values.shape}.",
            actual_shape=values.shape,
            expected_shape="N H W",
        )
    height, width = values.shape[-2:]
    simulator = NoiseSimulator(model, height=height, width=width, rng=rng)
    stack = values.reshape(-1, height, width)
    return np.stack([simulator.add(frame) for frame in stack]).reshape(values.shape)
