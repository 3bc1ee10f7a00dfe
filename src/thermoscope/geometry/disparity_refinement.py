"""A disparity moved by fractions of a pixel to where the two views agree best.

A network finds what belongs together and is a fraction of a pixel off; the views themselves say
where exactly. Around the disparity of each pixel a few neighbours are compared in small windows,
and the parabola through the best one gives the fraction. Windows follow the disparity of each of
their pixels, so they may lie across an edge. Where a window shows little, the answer given stays.
Then one variational pass weighs each pixel's fit against the smoothness of the whole: it takes the
bumps out of bare surfaces and keeps jumps. What is several pixels off, as a pole that a network
left out, no fraction mends: a semi-global matcher may be asked for a second opinion, which is taken
where it fits the views clearly better.
What is NOT here: finding a disparity in the first place.

Source of the parabola: Scharstein and Szeliski, A taxonomy and evaluation of dense two-frame stereo
correspondence algorithms, 2002; of the last pass: Brox et al., High accuracy optical flow
estimation based on a theory for warping, ECCV 2004, in OpenCV's implementation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ConfigError
from thermoscope.geometry.semi_global import SemiGlobalMatcher

__all__ = ["refine_disparity"]

Floats = NDArray[np.float32]

WINDOW_PX = 11  # in which views are compared, and in which their contrast is made equal
SMOOTH_PX = 9  # over which neighbours change alike
PRICE = 0.01  # of a step of 1 px, in units of contrast: where nothing is seen, nothing moves
LARGEST = 1.0  # difference that counts, in units of contrast: an outlier is no evidence
AGREED, STRANGE = 0.4, 0.6  # differences up to which a window is believed, and from which not
FAITH = 0.03  # in the answer given: windows whose cost bends less around the best step count less
LEVELS = 40.0  # grey levels of a unit of contrast in the last pass, which reads 8 bits
SMOOTHNESS = 25.0  # against 5 for grey levels and 10 for their slopes
WARPS, SWEEPS, HASTE = 3, 4, 1.8  # of its solver; over-relaxed
OPINION = SemiGlobalMatcher(block_px=5, smooth=8, jump=64, unique=25, speckle_px=100, directions=3)
OPINION_WINDOW_PX = 7  # in which its answer must fit better
OPINION_GAIN = 0.07  # by this much, in units of contrast: noise fits a little better somewhere
OPINION_PX = 0.5, 8.0  # by how much it may differ: less is no matter, more a mistake


def refine_disparity(
    left: NDArray[Any],
    right: NDArray[Any],
    disparity: NDArray[Any],
    *,
    rounds: int = 3,
    smoothness: float = SMOOTHNESS,
    second_opinion: bool = False,
) -> Floats:
    """The disparity of a rectified pair, at most a few pixels from the one given.

    Args:
        left: (H, W) counts, kelvin or grey levels, all finite.
        right: The other view; offset, gain and slow changes between the two do not matter.
        disparity: (H, W) px, ``x_left - x_right``, all finite. Where it leads out of the right view
            it is only moved along with its neighbours.
        rounds: How often windows are compared; each may move a pixel by up to 1 px. 0 changes
            nothing.
        smoothness: Of the variational pass, which may move a pixel by up to 3 px; 0 leaves it out.
        second_opinion: Whether a semi-global matcher is asked as well. Its answer is taken, and
            refined once more, where it is less than 8 px away and fits the views clearly better:
            for thin things, at some cost elsewhere and nearly twice the time.

    Returns:
        (H, W) float32, px.

    Raises:
        ShapeError: Planes that are not (H, W), or of different sizes.
        ConfigError: `rounds` or `smoothness` is negative.

    Example:
        >>> view = np.cumsum(np.random.default_rng(0).normal(size=(40, 60)), axis=1)
        >>> moved = refine_disparity(view, view, np.full((40, 60), 0.6))
        >>> bool(np.abs(moved[10:30, 10:50]).mean() < 0.3)
        True
    """
    if rounds < 0:
        raise ConfigError(f"rounds must be 0 or more, got {rounds}.")
    if not smoothness >= 0:
        raise ConfigError(f"smoothness must be 0 or more, got {smoothness}.")
    check_shape(left, "H W", name="left")
    height, width = left.shape
    for name, plane in (("right", right), ("disparity", disparity)):
        check_shape(plane, f"{height} {width}", name=name)
    here, there = (_equal_contrast(view) for view in (left, right))
    refined = np.array(disparity, np.float32)
    _compare(here, there, refined, rounds)
    if rounds and second_opinion and _take_opinion((left, right), here, there, refined):
        _compare(here, there, refined, 1)
    if rounds and smoothness:
        columns, _ = _places(here)
        source = columns - refined
        added = _levelling(here, there, refined, smoothness)
        refined += np.where((source < 0) | (source > width - 1), 0, added)
    return refined


def _compare(here: Floats, there: Floats, refined: Floats, rounds: int) -> None:
    """Move `refined`, (H, W), in place to where windows agree best, so many times."""
    columns, rows = _places(here)
    for _ in range(rounds):
        source = columns - refined
        nearer, same, further = (_cost(here, there, source - by, rows) for by in (1, 0, -1))
        step, weight = _best_step(further + PRICE, same, nearer + PRICE)
        weight[(source < 0) | (source > here.shape[1] - 1)] = 0
        refined += _mean_around(weight * step) / (_mean_around(weight) + FAITH)


def _take_opinion(
    views: tuple[NDArray[Any], NDArray[Any]], here: Floats, there: Floats, refined: Floats
) -> bool:
    """Put the matcher's disparity into `refined` where it fits better; whether it does anywhere."""
    least, most = OPINION_PX
    width = here.shape[1]
    low = max(int(np.floor(refined.min() - most)), -width)
    high = min(int(np.ceil(refined.max() + most)), width)
    if low >= high:  # no pixel has a match inside the right view
        return False
    matcher = replace(OPINION, min_disparity_px=low, max_disparity_px=high)
    found, answered = matcher.match(*(_equal_spread(view) for view in views))
    columns, rows = _places(here)
    ours, theirs = (
        _cost(here, there, columns - d, rows, window_px=OPINION_WINDOW_PX) for d in (refined, found)
    )
    apart = np.abs(found - refined)
    better = answered & (theirs < ours - OPINION_GAIN) & (apart >= least) & (apart < most)
    for disparity in (refined, found):
        better &= (columns >= disparity) & (columns - disparity <= width - 1)
    refined[better] = found[better]
    return bool(better.any())


def _equal_spread(view: NDArray[Any]) -> Floats:
    """The view with a middle of 0 and a spread of 1: the matcher knows no gain of a camera."""
    low, middle, high = np.percentile(view[::2, ::2], (2, 50, 98))  # a quarter tells as much
    return np.asarray((view - middle) / max(high - low, 1e-6), np.float32)


def _places(plane: Floats) -> tuple[Floats, Floats]:
    """(H, W) columns and rows of its pixels."""
    height, width = plane.shape
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    return columns, rows


def _levelling(here: Floats, there: Floats, disparity: Floats, smoothness: float) -> Floats:
    """(H, W) what the variational pass adds, at most 3 px."""
    solver = cv2.VariationalRefinement.create()
    solver.setAlpha(smoothness)
    solver.setFixedPointIterations(WARPS)
    solver.setSorIterations(SWEEPS)
    solver.setOmega(HASTE)
    across, down = -disparity, np.zeros_like(disparity)
    solver.calcUV(_grey(here), _grey(there), across, down)  # in place
    return np.asarray(np.clip(-across - disparity, -3, 3), np.float32)


def _grey(contrast: Floats) -> NDArray[np.uint8]:
    return np.asarray(np.clip(127.5 + LEVELS * contrast, 0, 255), np.uint8)


def _mean_around(plane: Floats) -> Floats:
    return np.asarray(cv2.blur(plane, (SMOOTH_PX, SMOOTH_PX)), np.float32)


def _equal_contrast(view: NDArray[Any]) -> Floats:
    """Without the mean of each window, divided by its contrast; noise alone is not blown up."""
    plane = np.asarray(view, np.float32)
    plane = plane - plane.mean()  # counts have five digits, and squares of them ten
    window = (WINDOW_PX, WINDOW_PX)
    mean = cv2.blur(plane, window)
    contrast = np.sqrt(np.maximum(cv2.blur(plane * plane, window) - mean * mean, 0))
    floor = 0.5 * float(np.median(contrast)) + 1e-6
    return np.asarray((plane - mean) / (contrast + floor), np.float32)


def _cost(
    here: Floats, there: Floats, columns: Floats, rows: Floats, *, window_px: int = WINDOW_PX
) -> Floats:
    """(H, W) mean difference in the window around each pixel."""
    warped = cv2.remap(there, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    difference = np.minimum(cv2.absdiff(here, warped), LARGEST)
    return np.asarray(cv2.blur(difference, (window_px, window_px)), np.float32)


def _best_step(before: Floats, at: Floats, after: Floats) -> tuple[Floats, Floats]:
    """(H, W) step of least cost, px, to a fraction of one, and how much it is to be believed.

    A sharp minimum is believed, a flat one is noise; a high one means that the window shows
    something else.

    Args:
        before: (H, W) cost of a disparity 1 px smaller.
        at: Of the one that there is.
        after: Of one 1 px larger.
    """
    bend = before - 2 * at + after
    slope = before - after
    valley = bend > np.maximum(1e-6, 0.5 * np.abs(slope))  # the parabola's lowest point is near
    step = np.where(valley, slope / (2 * np.maximum(bend, 1e-6)), np.sign(slope))
    lowest = np.minimum(np.minimum(before, after), at)
    belief = np.clip((STRANGE - lowest) / (STRANGE - AGREED), 0, 1)
    return np.asarray(step, np.float32), np.asarray(np.maximum(bend, 0) * belief, np.float32)
