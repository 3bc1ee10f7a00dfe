"""Stereo methods on real pairs without truth: how well views fit, agree, and agree with a baseline.

None of these is an accuracy: a method can fit two views and be wrong where they have no texture.
What is NOT here: scores against truth (`thermoscope.engine.evaluate_stereo`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError
from thermoscope.engine.evaluate_stereo import Matcher
from thermoscope.geometry.stereo import warp_right_to_left
from thermoscope.models.stereo_checks import local_contrast
from thermoscope.models.stereo_result import left_right_agree

__all__ = ["PairJudgement", "judge_pair", "photometric_error"]


@dataclass(frozen=True)
class PairJudgement:
    """One method on one pair, beside a baseline.

    Attributes:
        method: Name.
        photometric: Mean absolute difference of the left view and the right one warped onto it,
            both as local contrast, where the baseline answered.
        consistent: Share of all pixels whose left and right disparity agree within 1 px.
        median_difference_px: Median of the absolute difference from the baseline, where that
            answered and its own two views agree, px; nan if nowhere.
    """

    method: str
    photometric: float
    consistent: float
    median_difference_px: float


def photometric_error(
    left: NDArray[Any],
    right: NDArray[Any],
    disparity: NDArray[np.float32],
    valid: NDArray[np.bool_],
) -> float:
    """Mean absolute difference of local contrast after warping, over `valid`; nan if it is empty.

    Args:
        left: (H, W) any linear unit.
        right: (H, W).
        disparity: (H, W) px.
        valid: (H, W).

    Raises:
        ShapeError: Sizes that differ.
    """
    here, there = local_contrast(left), local_contrast(right)
    warped, inside = warp_right_to_left(there, disparity, valid=valid)
    return float(np.abs(warped - here)[inside].mean()) if inside.any() else float("nan")


def judge_pair(
    methods: dict[str, Matcher], left: NDArray[Any], right: NDArray[Any], *, baseline: str
) -> list[PairJudgement]:
    """Each method on one rectified pair, the baseline among them.

    Args:
        methods: By name.
        left: (H, W) counts, kelvin or grey levels.
        right: (H, W).
        baseline: The method whose answered pixels count.

    Raises:
        ConfigError: `baseline` is not among the methods.
        ShapeError: Sizes that differ.
    """
    if baseline not in methods:
        raise ConfigError(
            f"baseline {baseline!r} is not among {', '.join(methods) or 'no method'}."
        )
    answers = {name: method.predict(left, right) for name, method in methods.items()}
    agreed = {
        name: left_right_agree(answers[name].disparity, _of_right(method, left, right))
        for name, method in methods.items()
    }
    reference = answers[baseline]
    sure = reference.valid & agreed[baseline]
    found = []
    for name, answer in answers.items():
        holed = getattr(methods[name], "leaves_holes", False)
        consistent = agreed[name] & answer.valid if holed else agreed[name]
        difference = np.abs(answer.disparity - reference.disparity)[sure]
        found.append(
            PairJudgement(
                name,
                photometric_error(left, right, answer.disparity, reference.valid),
                float(consistent.mean()),
                float(np.median(difference)) if difference.size else float("nan"),
            )
        )
    return found


def _of_right(method: Matcher, left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.float32]:
    """Disparity of the right view: the mirrored pair has the views swapped."""
    mirrored = (np.ascontiguousarray(v[:, ::-1]) for v in (right, left))
    return np.ascontiguousarray(method.predict(*mirrored).disparity[:, ::-1])
