"""A teacher for stereo: a slow network, averaged over scales and a flip, and where to believe it.

What is NOT here: the networks (`thermoscope.models.thermostereort`) and the loss that uses this
(`thermoscope.losses.stereo`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from thermoscope.core.checks import check_in_range, check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.models.stereo_result import leads_inside, left_right_agree
from thermoscope.models.thermostereort import SIZE_MULTIPLE_PX, ThermoStereoRT

__all__ = ["PseudoLabels", "StereoTeacher", "away_from_edges"]

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PseudoLabels:
    """Dense disparity of both views and where it is believed; all (H, W).

    Attributes:
        disparity: float32, px, left view.
        valid: bool.
        disparity_right: float32, px, right view, same sign.
        valid_right: bool.
    """

    disparity: Plane
    valid: Mask
    disparity_right: Plane
    valid_right: Mask


@dataclass(frozen=True)
class StereoTeacher:
    """A frozen network asked several times about one pair.

    A pixel is believed where left and right views agree, where it does not lie at a jump of the
    disparity, and where the scales do not contradict each other.

    Attributes:
        network: Any size of the model; put into eval mode, its weights are not changed.
        scales: Of the pictures; the answers are averaged.
        flip: Whether each pair is also asked upside down.
        tolerance_px: Largest left-right difference that is believed, px.
        spread_px: Largest standard deviation over scales that is believed, px.
        edge_px: Distance from a jump of the disparity below which nothing is believed, px.
        jump_px: What is a jump, px between neighbours.

    Raises:
        ConfigError: No scale, or a number out of range.
    """

    network: ThermoStereoRT
    scales: Sequence[float] = (1.0, 1.25)
    flip: bool = True
    tolerance_px: float = 1.0
    spread_px: float = 1.0
    edge_px: int = 1
    jump_px: float = 2.0

    def __post_init__(self) -> None:
        if not self.scales:
            raise ConfigError("scales is empty. Give at least 1.0.")
        for scale in self.scales:
            check_in_range(scale, 0.25, 4, name="scales")
        for name in ("tolerance_px", "spread_px", "jump_px"):
            check_positive(getattr(self, name), name=name)
        check_in_range(self.edge_px, 0, 32, name="edge_px")
        self.network.eval()

    @torch.inference_mode()
    def labels(self, left: Plane, right: Plane) -> PseudoLabels:
        """What the teacher says of one pair.

        Args:
            left: (H, W) float32, finite.
            right: (H, W) float32, finite.

        Raises:
            ShapeError: Not (H, W), or sizes that differ.
        """
        check_shape(left, "H W", name="left")
        if left.shape != right.shape:
            raise ShapeError(f"right must be {left.shape} as left, got {right.shape}.")
        ours, spread = self._averaged(left, right)
        mirrored, spread_mirrored = self._averaged(right[:, ::-1], left[:, ::-1])
        other, spread_other = mirrored[:, ::-1].copy(), spread_mirrored[:, ::-1]
        return PseudoLabels(
            ours,
            self._believed(ours, other, spread),
            other,
            self._believed(mirrored, ours[:, ::-1], spread_other[:, ::-1])[:, ::-1].copy(),
        )

    def _believed(self, disparity: Plane, other: Plane, spread: Plane) -> Mask:
        agree = left_right_agree(disparity, other, tolerance_px=self.tolerance_px)
        smooth = away_from_edges(disparity, distance_px=self.edge_px, jump_px=self.jump_px)
        return np.asarray(
            agree & smooth & leads_inside(disparity) & (spread <= self.spread_px), np.bool_
        )

    def _averaged(self, left: Plane, right: Plane) -> tuple[Plane, Plane]:
        """Mean and standard deviation over scales and flips, (H, W) px each."""
        pair = torch.from_numpy(np.stack([left, right]).copy())[:, None]
        pair = pair - pair.mean(dim=(2, 3), keepdim=True)
        answers = []
        for scale in self.scales:
            answers.append(self._at_scale(pair, scale))
            if self.flip:
                answers.append(self._at_scale(pair.flip(2), scale).flip(2))
        every = torch.cat(answers)
        spread = every.std(dim=0, unbiased=False)
        return every.mean(dim=0)[0].cpu().numpy(), spread[0].cpu().numpy()

    def _at_scale(self, pair: Tensor, scale: float) -> Tensor:
        """(1, 1, H, W) px at the size of `pair`."""
        size = [int(pair.shape[2]), int(pair.shape[3])]
        scaled = [
            max(SIZE_MULTIPLE_PX, round(n * scale / SIZE_MULTIPLE_PX) * SIZE_MULTIPLE_PX)
            for n in size
        ]
        device = self.network.trust.device
        seen = functional.interpolate(pair, size=scaled, mode="bilinear", align_corners=False)
        found, _ = self.network(seen[:1].to(device), seen[1:].to(device))
        back = functional.interpolate(found.cpu(), size=size, mode="bilinear", align_corners=False)
        return back * (size[1] / scaled[1])


def away_from_edges(disparity: Plane, *, distance_px: int = 1, jump_px: float = 2.0) -> Mask:
    """(H, W) True where no jump of the disparity is within `distance_px`.

    Args:
        disparity: (H, W) px.
        distance_px: 0 = only the two pixels of a jump themselves.
        jump_px: Difference of neighbours that is one, px.

    Raises:
        ShapeError: Not (H, W).
    """
    import cv2

    check_shape(disparity, "H W", name="disparity")
    jump = np.zeros(disparity.shape, np.uint8)
    across = np.abs(np.diff(disparity, axis=1)) > jump_px
    down = np.abs(np.diff(disparity, axis=0)) > jump_px
    jump[:, 1:] |= across
    jump[:, :-1] |= across
    jump[1:] |= down
    jump[:-1] |= down
    side = 2 * distance_px + 1
    near = cv2.dilate(jump, np.ones((side, side), np.uint8)) if distance_px else jump
    return np.asarray(near == 0)
