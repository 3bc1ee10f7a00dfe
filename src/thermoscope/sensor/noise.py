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
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_finite_number, check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.sensor.planck import Radiometry

__all__ = ["NoiseModel", "NoiseReport", "NoiseSimulator", "measure_noise", "simulate_noise"]

Field2 = NDArray[np.float64]
Mask = NDArray[np.bool_]
Content = Literal["any", "uniform"]

BLUR_PX = 2.0  # what is smoother than this is scene
BORDER = 6  # px that the blur reaches
SMALLEST_SIDE = {"any": 32, "uniform": 4}
TILE = 16
GENTLE = 3.0  # slope of flat areas, in units of the 20th percentile
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
    cancel), fixed ones from the mean frame. Each variance is corrected for what the others leak
    into it in a finite sample; one that comes out negative is reported as 0.

    With ``content="any"`` the scene is removed: what is smoother than 2 px is filtered out (and
    the loss of noise that this costs is put back), steep areas are left out, and the median over
    tiles of 16 px decides. Fine static texture cannot be told from fixed-pattern noise: of a
    static scene `sigma_vh` is an upper bound, and low-frequency shading is not measured. With
    ``content="uniform"`` (black body, lens cap, shutter) nothing is removed: the classic analysis.

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
        UnitError: Not numbers, or no known pixel to measure.
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
    slope = (high - low) / float(int(around[1]) - int(around[0]))
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
        yield array.astype(np.float64), array.dtype.kind != "f"


class _Parts(NamedTuple):
    """Variances of a field: of its mean, rows, columns, and of what remains."""

    mean: float
    rows: float
    columns: float
    rest: float
    flat_share: float


class _Gathered(NamedTuple):
    """One pass over a sequence."""

    mean: Field2
    known: Mask
    frames: int
    whole: bool
    steps: list[_Parts]


def _gather(frames: Iterator[tuple[Field2, bool]], content: Content) -> _Gathered:
    previous: Field2 | None = None
    steps: list[_Parts] = []
    count, whole = 0, True
    for frame, is_whole in frames:
        count, whole = count + 1, whole and is_whole
        if previous is None:
            total, origin = np.zeros_like(frame), frame
        else:
            half_step = (frame - previous) / math.sqrt(2)
            steps.append(_parts(half_step, (frame + previous) / 2, content))
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
    steps = gathered.steps
    fixed = _parts(gathered.mean, gathered.mean, content)
    means = np.array([step.mean for step in steps])
    tvh, tv, th = (
        max(float(np.mean([getattr(step, name) for step in steps])), 0.0)
        for name in ("rest", "rows", "columns")
    )
    height, width = gathered.mean.shape
    drift = float(means.mean()) ** 2 if len(means) > 2 else 0.0
    t = float(np.mean(means**2)) - drift - tv / height - th / width - tvh / (height * width)
    n = gathered.frames
    # what a mean over n frames keeps of the temporal noise is not fixed pattern
    vh, v, h = fixed.rest - tvh / n, fixed.rows - tv / n, fixed.columns - th / n
    if gathered.whole:
        tvh -= ROUNDING_VARIANCE
    model = NoiseModel(*(math.sqrt(max(x, 0.0)) for x in (tvh, vh, v, h, tv, th, t)))
    return model, float(np.mean([fixed.flat_share, *(step.flat_share for step in steps)]))


def _parts(field: Field2, scene: Field2, content: Content) -> _Parts:
    """Two-way analysis of variance of a field over rows and columns."""
    known = np.isfinite(field)
    if content == "uniform":
        return _two_way(field, known, filtered=False)
    smooth, known = _smooth(np.where(known, scene, 0.0), known)
    slope = np.hypot(*np.gradient(smooth))
    flat = known & (slope <= GENTLE * np.percentile(slope[known], 20)) if known.any() else known
    rough = field - _smooth(np.where(np.isfinite(field), field, 0.0), known)[0]
    parts = _two_way(rough, flat, filtered=True)
    level = float(np.median(field[flat])) if flat.any() else 0.0
    return parts._replace(mean=level)


def _smooth(field: Field2, known: Mask) -> tuple[Field2, Mask]:
    """The field blurred, and where the blur has seen known pixels only."""
    import cv2

    size = (2 * BORDER + 1, 2 * BORDER + 1)
    blurred = np.asarray(cv2.GaussianBlur(field, size, BLUR_PX))
    inside = np.zeros_like(known)
    inside[BORDER:-BORDER, BORDER:-BORDER] = True
    if known.all():
        return blurred, inside
    shrunk = cv2.erode(known.astype(np.uint8), np.ones(size, np.uint8))
    return blurred, inside & (np.asarray(shrunk) > 0)


def _filter_gains() -> tuple[float, float]:
    """Share of variance that the high pass leaves of row noise, and of pixel noise."""
    import cv2

    kernel = np.asarray(cv2.getGaussianKernel(2 * BORDER + 1, BLUR_PX)).ravel()
    middle, energy = float(kernel[BORDER]), float((kernel**2).sum())
    return 1 - 2 * middle + energy, 1 - 2 * middle**2 + energy**2


def _two_way(field: Field2, used: Mask, *, filtered: bool) -> _Parts:
    line_gain, pixel_gain = _filter_gains() if filtered else (1.0, 1.0)
    count = int(np.count_nonzero(used))
    in_rows, in_columns = used.sum(axis=1), used.sum(axis=0)
    rows, columns = in_rows >= 4, in_columns >= 4
    if (count < 64 and filtered) or rows.sum() < 2 or columns.sum() < 2:
        return _Parts(0.0, 0.0, 0.0, 0.0, 0.0)
    values = np.where(used, field, 0.0)
    mean = float(values.sum() / count)
    values = np.where(used, field - mean, 0.0)
    by_row = values.sum(axis=1) / np.maximum(in_rows, 1)
    by_column = np.where(used, values - by_row[:, None], 0.0).sum(axis=0)
    by_column = by_column / np.maximum(in_columns, 1)
    rest = np.where(used, values - by_row[:, None] - by_column, 0.0)
    freedom = max(count - int(rows.sum()) - int(columns.sum()) + 1, 1)
    pixel = (
        _tile_median(rest, used) if filtered else float((rest**2).sum()) / freedom
    ) / pixel_gain
    row = float(by_row[rows].var(ddof=1)) / line_gain - pixel * float((1 / in_rows[rows]).mean())
    column = float(by_column[columns].var(ddof=1)) / line_gain
    column -= pixel * float((1 / in_columns[columns]).mean())
    return _Parts(mean, row, column, pixel, count / used.size)


def _tile_median(rest: Field2, used: Mask) -> float:
    """Median over tiles of the mean square: deaf to the tiles that still hold scene."""
    height, width = (n // TILE * TILE for n in rest.shape)
    tiles = (height // TILE, TILE, width // TILE, TILE)
    inside = used[:height, :width].reshape(tiles).sum(axis=(1, 3))
    squares = (rest[:height, :width] ** 2).reshape(tiles).sum(axis=(1, 3))
    enough = inside >= TILE * TILE // 4
    if not enough.any():
        return float((rest**2).sum() / np.count_nonzero(used))
    return float(np.median(squares[enough] / inside[enough]))


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
