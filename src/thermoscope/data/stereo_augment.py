"""Random changes of a stereo pair that keep its disparity true, or change it along.

A mirrored pair has its matches on the other side, so a flip also swaps the views, and needs the
disparity of the right view. Each view gets a sensor of its own: offset, gain, blur, noise, stripes.
What is NOT here: reading pairs, rendering them.

Source: the flip that mirrors without swapping is a known defect of public recipes; kept as
``flip="defective"`` to measure what it costs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_in_range, check_positive
from thermoscope.core.errors import ConfigError, ShapeError

__all__ = ["StereoAugmentation", "StereoPairViews", "augment", "crop", "flip_stereo", "shift_rows"]

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class StereoPairViews:
    """A rectified pair and what is known of it; all planes (H, W).

    Attributes:
        left: float32, any linear unit.
        right: float32, the same unit.
        disparity: float32, px, of the left view.
        valid: bool, where `disparity` is known.
        disparity_right: float32, px, of the right view, same sign; None = not known.
        valid_right: bool, where `disparity_right` is known.
        teacher: float32, px, of the left view; None without a teacher.
        taught: bool, where `teacher` is believed.
        teacher_right: float32, px, of the right view.
        taught_right: bool, where `teacher_right` is believed.
    """

    left: Plane
    right: Plane
    disparity: Plane
    valid: Mask
    disparity_right: Plane | None = None
    valid_right: Mask | None = None
    teacher: Plane | None = None
    taught: Mask | None = None
    teacher_right: Plane | None = None
    taught_right: Mask | None = None

    def __post_init__(self) -> None:
        for name, plane in self.planes().items():
            if plane.shape != self.left.shape:
                raise ShapeError(f"{name} must be {self.left.shape} as left, got {plane.shape}.")

    def planes(self) -> dict[str, NDArray[np.generic]]:
        """Those that are there, by name."""
        return {k: v for k, v in vars(self).items() if v is not None}


@dataclass(frozen=True)
class StereoAugmentation:
    """How much is changed; shares are of the spread of the pair's values (5 % to 95 %).

    Attributes:
        flip: ``"correct"`` swaps the views, ``"defective"`` does not (a known defect, to measure
            it), ``"none"``.
        flip_rate: How often.
        row_jitter_px: The right view is moved up or down by at most this, px.
        offset: Largest offset of one view against the other, share.
        gain: Largest relative difference of the gains.
        noise: Largest standard deviation of white noise, share.
        blur_px: Largest standard deviation of a blur of one view, px.
        stripes: Largest standard deviation of column noise, fixed pattern alike, share.
        drift: Largest smooth offset over one view, share.
        patch_rate: How often something covers part of the right view.
        patch_px: Largest side of it, px.

    Raises:
        ConfigError: A number out of range.
    """

    flip: Literal["correct", "defective", "none"] = "correct"
    flip_rate: float = 0.5
    row_jitter_px: float = 1.0
    offset: float = 0.3
    gain: float = 0.2
    noise: float = 0.03
    blur_px: float = 0.8
    stripes: float = 0.02
    drift: float = 0.1
    patch_rate: float = 0.3
    patch_px: int = 64

    def __post_init__(self) -> None:
        if self.flip not in ("correct", "defective", "none"):
            raise ConfigError(f"flip must be 'correct', 'defective' or 'none', got {self.flip!r}.")
        for name in ("flip_rate", "patch_rate"):
            check_in_range(getattr(self, name), 0, 1, name=name)
        for name in ("row_jitter_px", "offset", "noise", "blur_px", "stripes", "drift"):
            check_in_range(getattr(self, name), 0, 10, name=name)
        check_in_range(self.gain, 0, 0.9, name="gain")
        check_positive(self.patch_px, name="patch_px")


NO_CHANGE = StereoAugmentation("none", 0, 0, 0, 0, 0, 0, 0, 0, 0)


def crop(pair: StereoPairViews, *, top: int, left: int, height: int, width: int) -> StereoPairViews:
    """The same window of every plane; disparities do not change.

    Raises:
        ShapeError: The window leaves the picture.
    """
    rows, columns = pair.left.shape
    if not (0 <= top <= rows - height and 0 <= left <= columns - width):
        raise ShapeError(
            f"a window of {height} x {width} px at row {top}, column {left} leaves the picture of "
            f"{rows} x {columns} px. Choose a smaller one."
        )
    cut = {k: v[top : top + height, left : left + width] for k, v in pair.planes().items()}
    return replace(pair, **cut)  # type: ignore[arg-type]


def flip_stereo(pair: StereoPairViews) -> StereoPairViews:
    """The scene in a mirror: views mirrored and swapped, disparity that of the right view.

    Raises:
        ConfigError: The disparity of the right view is not known, or a teacher's is missing.
    """
    if pair.disparity_right is None or pair.valid_right is None:
        raise ConfigError(
            "a stereo flip needs disparity_right and valid_right: the mirrored right view becomes "
            "the left one. Use flip='none' for data without them."
        )
    if pair.teacher is not None and pair.teacher_right is None:
        raise ConfigError("a stereo flip needs teacher_right beside teacher. Use flip='none'.")
    swapped = {
        "left": pair.right,
        "right": pair.left,
        "disparity": pair.disparity_right,
        "valid": pair.valid_right,
        "disparity_right": pair.disparity,
        "valid_right": pair.valid,
        "teacher": pair.teacher_right,
        "taught": pair.taught_right,
        "teacher_right": pair.teacher,
        "taught_right": pair.taught,
    }
    return StereoPairViews(**{k: _mirrored(v) for k, v in swapped.items()})  # type: ignore[arg-type]


def _mirrored(plane: NDArray[np.generic] | None) -> NDArray[np.generic] | None:
    return None if plane is None else np.ascontiguousarray(plane[:, ::-1])


def _defective_flip(pair: StereoPairViews) -> StereoPairViews:
    return replace(pair, **{k: _mirrored(v) for k, v in pair.planes().items()})  # type: ignore[arg-type]


def shift_rows(plane: Plane, rows_px: float) -> Plane:
    """The picture moved down by a fraction of a row; border rows are repeated."""
    height = plane.shape[0]
    places = np.clip(np.arange(height) - rows_px, 0, height - 1)
    above = np.floor(places).astype(np.intp)
    below = np.minimum(above + 1, height - 1)
    share = (places - above).astype(np.float32)[:, None]
    return np.asarray(plane[above] * (1 - share) + plane[below] * share, np.float32)


def augment(
    pair: StereoPairViews, rng: np.random.Generator, settings: StereoAugmentation
) -> StereoPairViews:
    """A changed copy of the pair; the same generator state gives the same copy.

    Raises:
        ConfigError: A correct flip without the disparity of the right view.
    """
    if settings.flip != "none" and rng.random() < settings.flip_rate:
        pair = flip_stereo(pair) if settings.flip == "correct" else _defective_flip(pair)
    low, high = np.percentile(pair.left, (5, 95))
    spread = float(max(high - low, 1e-6))
    left, right = pair.left, pair.right
    if settings.row_jitter_px:
        right = shift_rows(right, rng.uniform(-1, 1) * settings.row_jitter_px)
    left = _sensed(left, spread, rng, settings)
    right = _covered(_sensed(right, spread, rng, settings), rng, settings)
    return replace(pair, left=left, right=right)


def _sensed(
    view: Plane, spread: float, rng: np.random.Generator, settings: StereoAugmentation
) -> Plane:
    """The view through a sensor with its own blur, gain, offset, stripes and noise."""
    import cv2

    sigma = rng.uniform(0, settings.blur_px) if rng.random() < 0.5 else 0.0
    if sigma > 0.2:
        view = np.asarray(cv2.GaussianBlur(view, (0, 0), sigma), np.float32)
    middle = float(view.mean())
    gain = np.float32(1 + rng.uniform(-0.5, 0.5) * settings.gain)
    offset = np.float32(rng.uniform(-0.5, 0.5) * settings.offset * spread)
    view = (view - middle) * gain + middle + offset
    if settings.drift:
        knots = rng.standard_normal((3, 4), dtype=np.float32)
        knots *= np.float32(rng.uniform(0, settings.drift) * spread)
        view = view + cv2.resize(knots, view.shape[::-1], interpolation=cv2.INTER_CUBIC)
    if settings.stripes:
        columns = rng.standard_normal(view.shape[1], dtype=np.float32)
        view = view + columns * np.float32(rng.uniform(0, settings.stripes) * spread)
    if settings.noise:
        level = np.float32(rng.uniform(0, settings.noise) * spread)
        view = view + level * rng.standard_normal(view.shape, dtype=np.float32)
    return np.ascontiguousarray(view, np.float32)


def _covered(view: Plane, rng: np.random.Generator, settings: StereoAugmentation) -> Plane:
    """The view with a patch of its own mean over a random place, as an unseen obstacle."""
    if rng.random() >= settings.patch_rate:
        return view
    sides = rng.integers(8, max(settings.patch_px, 8) + 1, size=2)
    height, width = (int(min(s, n // 2)) for s, n in zip(sides, view.shape, strict=True))
    top = int(rng.integers(0, view.shape[0] - height + 1))
    left = int(rng.integers(0, view.shape[1] - width + 1))
    changed = view.copy()
    changed[top : top + height, left : left + width] = view.mean()
    return np.asarray(changed, np.float32)
