"""Checks of a stereo pair at the door: what makes every disparity wrong, said before it is used.

Matching never fails, it only answers wrongly. These look for the usual reasons: views swapped, a
pair that is not rectified, views of different scale or bit depth, a baseline in millimetres, and
disparities beyond the range of the network. What is NOT here: quality of single frames
(`thermoscope.sensor.quality`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import CalibrationError, ShapeError, ThermoscopeWarning

__all__ = [
    "PairFinding",
    "check_baseline",
    "check_pair",
    "check_range",
    "estimate_row_offset",
    "local_contrast",
    "matching_side",
    "warn_of",
]

Topic = Literal["size", "scale", "rows", "swapped", "range", "baseline"]
BASELINE_SUSPICIOUS_M = 5.0
ROWS_SEARCHED_PX = 8
ROW_OFFSET_PX = 1.5
SPREAD_RATIO = 2.5
SATURATED_SHARE = 0.02


@dataclass(frozen=True)
class PairFinding:
    """One thing that is wrong with a pair.

    Attributes:
        topic: Which check.
        text: What is wrong, what was expected, what to do.
        value: The measured number.
    """

    topic: Topic
    text: str
    value: float


def check_pair(
    left: NDArray[Any],
    right: NDArray[Any],
    *,
    max_disparity_px: int = 96,
    min_disparity_px: int = 0,
) -> list[PairFinding]:
    """What speaks against matching these two views; empty if nothing does.

    Args:
        left: (H, W) counts, kelvin or grey levels.
        right: (H, W).
        max_disparity_px: Largest disparity to expect, px.
        min_disparity_px: Smallest, px; views that converge are not told from swapped ones, so the
            check for swapped views needs 0 or more here.

    Raises:
        ShapeError: Not (H, W), or sizes that differ.
    """
    check_shape(left, "H W", name="left")
    if left.shape != right.shape:
        raise ShapeError(
            f"left is {left.shape} and right {right.shape} px. Rectify both to one size."
        )
    found = _scale_findings(left, right)
    a, b = (local_contrast(v) for v in (left, right))
    offset, agreement = _best_row(a, b, max_disparity_px, min_disparity_px)
    if abs(offset) >= ROW_OFFSET_PX and agreement > 0.15:
        found.append(
            PairFinding(
                "rows",
                f"the right view lies {abs(offset):.1f} px {'lower' if offset > 0 else 'higher'} "
                "than the left one: a rectified pair has equal rows. Rectify with the calibration.",
                offset,
            )
        )
    side = matching_side(left, right, max_disparity_px=max_disparity_px)
    if side < -0.3 and min_disparity_px >= 0:
        found.append(
            PairFinding(
                "swapped",
                "matches lie to the right in the right view, so disparity would be negative: left "
                "and right seem to be swapped. Swap them, or use a model with a negative "
                "min_disparity_px if the cameras converge.",
                side,
            )
        )
    return found


def _scale_findings(left: NDArray[Any], right: NDArray[Any]) -> list[PairFinding]:
    kinds = (left.dtype, right.dtype)
    spreads = [
        float(np.subtract(*np.percentile(v[np.isfinite(v)].astype(np.float64), (95, 5))))
        if np.isfinite(v).any()
        else 0.0
        for v in (left, right)
    ]
    ratio = max(spreads) / max(min(spreads), 1e-9)
    if kinds[0].itemsize != kinds[1].itemsize or kinds[0].kind != kinds[1].kind:
        return [
            PairFinding(
                "scale",
                f"left is {kinds[0]} and right {kinds[1]}: both views must be stored alike. Use "
                "the same export for both cameras.",
                ratio,
            )
        ]
    found = []
    if ratio > SPREAD_RATIO:
        found.append(
            PairFinding(
                "scale",
                f"one view spreads its values {ratio:.1f} times as wide as the other (5 to 95 %: "
                f"{spreads[0]:.0f} and {spreads[1]:.0f}). Switch off each camera's own gain "
                "control, or export counts.",
                ratio,
            )
        )
    if kinds[0] == np.uint8:
        found.append(
            PairFinding(
                "scale",
                "both views are 8 bit: their tone mapping differs from frame to frame. Record 16 "
                "bit counts where the camera has them.",
                8.0,
            )
        )
    return found


def local_contrast(view: NDArray[Any]) -> NDArray[np.float32]:
    """Band-passed view over its local energy: offset, gain and drift of a camera are gone.

    Args:
        view: (H, W), any linear unit; values that are not finite count as the median.

    Returns:
        (H, W), of the order of 1; 0 for a flat view.
    """
    import cv2

    values = np.asarray(view, np.float64)  # float32 has no room for the contrast of large numbers
    known = np.isfinite(values)
    middle = np.median(values[known]) if known.any() else 0.0
    values = np.where(known, values - middle, 0).astype(np.float32)
    detail = cv2.GaussianBlur(values, (0, 0), 1.0) - cv2.GaussianBlur(values, (0, 0), 6.0)
    energy = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 6.0))
    return np.asarray(detail / (energy + 0.05 * energy.mean() + 1e-6), np.float32)


def _agreement(a: NDArray[np.float32], b: NDArray[np.float32], columns: int, rows: int) -> float:
    """Mean product of ``a(x, y)`` and ``b(x - columns, y + rows)`` where both exist."""
    height, width = a.shape
    if abs(columns) >= width or abs(rows) >= height:
        return 0.0
    here = a[max(0, -rows) : height - max(0, rows), max(0, columns) : width + min(0, columns)]
    there = b[max(0, rows) : height + min(0, rows), max(0, -columns) : width - max(0, columns)]
    return float((here * there).mean())


def _best_row(
    a: NDArray[np.float32], b: NDArray[np.float32], high: int, low: int
) -> tuple[float, float]:
    """Row offset with the highest agreement of strips, and that agreement in [0, 1]."""
    shifts = range(-ROWS_SEARCHED_PX, ROWS_SEARCHED_PX + 1)
    scores = np.array([_strip_agreement(a, b, r, low, high) for r in shifts])
    best = int(scores.argmax())
    if not 0 < best < len(scores) - 1:
        return float(shifts[best]), float(scores[best])
    before, peak, after = scores[best - 1 : best + 2]
    bend = before - 2 * peak + after
    part = 0.5 * (before - after) / bend if bend < 0 else 0.0
    return float(shifts[best] + part), float(peak)


def _strip_agreement(
    a: NDArray[np.float32], b: NDArray[np.float32], rows: int, low: int, high: int
) -> float:
    """Agreement at the best disparity of each horizontal strip: nearer things are lower down."""
    height = a.shape[0]
    strip = max(16, height // 8)
    totals = []
    for top in range(ROWS_SEARCHED_PX, height - ROWS_SEARCHED_PX - strip + 1, strip):
        here = a[top : top + strip]
        there = b[top + rows : top + rows + strip]
        totals.append(max(_agreement(here, there, d, 0) for d in range(low, high, 2)))
    return float(np.mean(totals)) if totals else 0.0


def estimate_row_offset(
    left: NDArray[Any],
    right: NDArray[Any],
    *,
    min_disparity_px: int = 0,
    max_disparity_px: int = 96,
) -> float:
    """How much lower the right view lies, px, within 8 px: 0 for a rectified pair.

    Args:
        left: (H, W).
        right: (H, W).
        min_disparity_px: Smallest disparity to expect, px.
        max_disparity_px: Largest, px.

    Raises:
        ShapeError: Not (H, W), or sizes that differ.
    """
    check_shape(left, "H W", name="left")
    if left.shape != right.shape:
        raise ShapeError(f"right must be {left.shape} as left, got {right.shape}.")
    views = (local_contrast(left), local_contrast(right))
    return _best_row(*views, max_disparity_px, min_disparity_px)[0]


def matching_side(left: NDArray[Any], right: NDArray[Any], *, max_disparity_px: int = 96) -> float:
    """Where matches lie: near 1 as they should, near -1 in swapped views, near 0 not known.

    Each block of the left view votes for the disparity, of either sign, that fits it best; blocks
    without contrast, and those at infinity, have no say. Views smaller than a block tell nothing.

    Raises:
        ShapeError: Not (H, W), or sizes that differ.
    """
    import cv2

    check_shape(left, "H W", name="left")
    if left.shape != right.shape:
        raise ShapeError(f"right must be {left.shape} as left, got {right.shape}.")
    a, b = local_contrast(left), local_contrast(right)
    height, width = a.shape
    side = max(8, min(24, height // 8))
    if min(height, width) < side:
        return 0.0
    reach = min(max_disparity_px, width // 2)
    costs = []
    for shift in range(-reach, reach + 1):
        moved = np.zeros_like(b)
        if shift >= 0:
            moved[:, shift:] = b[:, : width - shift]
        else:
            moved[:, :shift] = b[:, -shift:]
        product = cv2.resize(
            a * moved, (width // side, height // side), interpolation=cv2.INTER_AREA
        )
        costs.append(product)
    volume = np.stack(costs)
    best = volume.argmax(axis=0) - reach
    strong = (volume.max(axis=0) > 0.3) & (np.abs(best) > 2)
    # Blocks nearer to a border than the reach have no match on one side: they have no say.
    margin = -(-reach // side)
    if strong.shape[1] > 2 * margin + 2:
        strong[:, :margin] = False
        strong[:, strong.shape[1] - margin :] = False
    if strong.sum() < 6:
        return 0.0
    return float(np.sign(best[strong]).mean())


def check_baseline(baseline_m: float, *, stacklevel: int = 2) -> float:
    """The baseline, if it can be one.

    Raises:
        CalibrationError: Not a positive number, or so long that it must be millimetres.
    """
    if not (np.isfinite(baseline_m) and baseline_m > 0):
        raise CalibrationError(
            f"baseline_m must be a positive number of metres, got {baseline_m!r}. Take the length "
            "of the translation between the cameras."
        )
    if baseline_m > BASELINE_SUSPICIOUS_M:
        raise CalibrationError(
            f"baseline_m is {baseline_m:g} m, longer than a car: it seems to be in millimetres. "
            f"Give {baseline_m / 1000:g}."
        )
    if baseline_m < 0.005:
        warnings.warn(
            f"baseline_m is {baseline_m * 1000:g} mm: depth will be coarse, or the unit is wrong.",
            ThermoscopeWarning,
            stacklevel=stacklevel,
        )
    return float(baseline_m)


def check_range(
    disparity: NDArray[np.float32], *, min_disparity_px: float, max_disparity_px: float
) -> PairFinding | None:
    """Whether disparities pile up at the upper end of the range: something is nearer than it shows.

    Args:
        disparity: (H, W) px.
        min_disparity_px: Of the network, px.
        max_disparity_px: Of the network, px.

    Raises:
        ShapeError: Not (H, W).
    """
    check_shape(disparity, "H W", name="disparity")
    edge = max_disparity_px - 0.02 * (max_disparity_px - min_disparity_px)
    share = float((disparity >= edge).mean())
    if share < SATURATED_SHARE:
        return None
    return PairFinding(
        "range",
        f"{share:.0%} of the pixels lie at the upper end of the range of {max_disparity_px:g} px: "
        "things there are nearer than shown. Use a model with a larger max_disparity_px, or scale "
        "the pictures down.",
        share,
    )


def warn_of(findings: list[PairFinding], *, stacklevel: int = 2) -> None:
    """Each finding as a `ThermoscopeWarning`."""
    for finding in findings:
        warnings.warn(finding.text, ThermoscopeWarning, stacklevel=stacklevel + 1)
