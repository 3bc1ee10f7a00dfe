"""Real-time disparity of a rectified thermal pair: an independent design after ThermoStereoRT.

Confirmed by the paper and followed here: average-pooled pyramid of both views, shallow encoder on
its 1, 1/2 and 1/4 levels that meets at 1/4, features at 1/4, 1/8 and 1/16 made by downsampling and
concatenation, one correlation per disparity (a volume of three axes), multi-scale attention in the
aggregation, channel and spatial attention in the refinement, a teacher at training time only. The
rest (widths, blocks, form of attention, upsampling, losses) is ours, see
docs/papers/thermostereort.md.

What is NOT here: training (`thermoscope.recipes.thermostereort`), checks of a pair before it is
matched (`thermoscope.models.stereo_checks`), rectification (`thermoscope.geometry.rectify`).

Source: Hu et al., ThermoStereoRT, ICRA 2025, arXiv 2504.07418 (sections that are public); Guo et
al., LightStereo, ICRA 2025; Xu et al., CoEx, IROS 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.core.weights import InputSpec, WeightsCard
from thermoscope.geometry.disparity_refinement import refine_disparity
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.layers.cost_volume import (
    correlation_volume,
    expected_bin,
    peak_share,
    sample_volume,
    unit_channels,
)
from thermoscope.layers.global_context import GlobalContext
from thermoscope.layers.strip_attention import ChannelSpatialGate, StripAttention
from thermoscope.layers.upsample import NEIGHBOURS, upsample_by_weights
from thermoscope.models.stereo_result import (
    StereoCalibration,
    StereoResult,
    centred_view,
    in_metres,
    leads_inside,
    left_right_agree,
    view_values,
)

__all__ = [
    "SIZES",
    "SIZE_MULTIPLE_PX",
    "STRIDE",
    "Matching",
    "StereoCalibration",
    "StereoResult",
    "ThermoStereoRT",
    "normalised_view",
    "thermostereort_accurate",
    "thermostereort_base",
    "thermostereort_fast",
    "thermostereort_tiny",
]

STRIDE = 4  # matching happens at a quarter of the resolution
SIZE_MULTIPLE_PX = 16  # the coarsest level
BEND = 3.0  # standard deviations


@dataclass
class Matching:
    """Everything the losses look at.

    Attributes:
        disparity: (B, 1, H, W) float32, px.
        confidence: (B, 1, H, W) float32 in [0, 1].
        earlier: (B, 1, H, W) float32 each, px: answers of the stages before, first one first.
        logits: (B, bins, H / 4, W / 4) float32 of each bin; their softmax is the distribution that
            the first answer is the mean of.
        alike: (B, bins, H / 4, W / 4) float32 in [-1, 1]: cosine of the matched features alone.
    """

    disparity: Tensor
    confidence: Tensor
    earlier: list[Tensor]
    logits: Tensor
    alike: Tensor


# -- views ----------------------------------------------------------------------------------------


def normalised_view(counts: Tensor) -> Tensor:
    """What the network sees of a view: no offset and no gain of the camera is left.

    Args:
        counts: (B, 1, H, W) any linear unit.

    Returns:
        (B, 1, H, W): standard deviations from the mean, bent smoothly towards 3 and -3, so that a
        hot spot neither flattens the rest nor loses its own order.
    """
    values = counts.float()
    for _ in range(2):  # again without the weight of the hottest and coldest
        values = values - values.mean(dim=(2, 3), keepdim=True)
        spread = 1.25 * values.abs().mean(dim=(2, 3), keepdim=True)  # a normal distribution's
        values = values / (spread + 1e-6)
        values = values * torch.rsqrt(1 + (values / BEND).square())
    return values


# -- blocks ---------------------------------------------------------------------------------------


def _conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class _DepthwiseDown(nn.Conv2d):
    """3 x 3 per channel, every second pixel, trained in fp32.

    On a CPU the backward pass of this one in bf16 takes five times as long.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3, 2, 1, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or x.device.type != "cpu":
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


class _Inverted(nn.Module):
    """Inverted residual: widen, 3 x 3 per channel, narrow; with a shortcut where shapes allow."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1, expansion: int = 4) -> None:
        super().__init__()
        wide = inputs * expansion
        self.shortcut = stride == 1 and inputs == outputs
        self.body = nn.Sequential(
            nn.Conv2d(inputs, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            _DepthwiseDown(wide)
            if stride == 2
            else nn.Conv2d(wide, wide, 3, 1, 1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.Conv2d(wide, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def silence(self) -> None:
        """Makes the body answer 0, so that the block changes nothing; needs the shortcut."""
        nn.init.zeros_(self.body[-1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.shortcut else y


def _blocks(channels: int, count: int, expansion: int) -> nn.Sequential:
    return nn.Sequential(
        *(_Inverted(channels, channels, expansion=expansion) for _ in range(count))
    )


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


class _Encoder(nn.Module):
    """Features of a view at 1/4, 1/8 and 1/16, the coarse ones fed back into the fine ones."""

    def __init__(self, widths: Sequence[int], blocks: Sequence[int], expansion: int) -> None:
        super().__init__()
        w4, w8, w16 = widths
        stem = w4 // 2
        self.from_full = nn.Sequential(_conv(1, stem, 3, stride=2), _conv(stem, w4, 3, stride=2))
        self.from_half = _conv(1, stem, 3, stride=2)
        self.from_quarter = _conv(1, stem, 3)
        self.meet = nn.Sequential(_conv(2 * w4, w4, 1), _blocks(w4, blocks[0], expansion))
        self.down8 = _Inverted(w4, w8, stride=2, expansion=expansion)
        self.pool8 = _conv(1, stem, 3)
        self.stage8 = nn.Sequential(_conv(w8 + stem, w8, 1), _blocks(w8, blocks[1], expansion))
        self.down16 = _Inverted(w8, w16, stride=2, expansion=expansion)
        self.pool16 = _conv(1, stem, 3)
        self.stage16 = nn.Sequential(_conv(w16 + stem, w16, 1), _blocks(w16, blocks[2], expansion))
        self.up8 = _conv(w16, w8, 1)
        self.join8 = _Inverted(w8, w8, expansion=2)
        self.up4 = _conv(w8, w4, 1)
        self.join4 = _conv(w4, w4, 3)

    def forward(self, view: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        half = functional.avg_pool2d(view, 2)
        quarter = functional.avg_pool2d(half, 2)
        eighth = functional.avg_pool2d(quarter, 2)
        sixteenth = functional.avg_pool2d(eighth, 2)
        parts = [self.from_full(view), self.from_half(half), self.from_quarter(quarter)]
        f4 = self.meet(torch.cat(parts, dim=1))
        f8 = self.stage8(torch.cat([self.down8(f4), self.pool8(eighth)], dim=1))
        f16 = self.stage16(torch.cat([self.down16(f8), self.pool16(sixteenth)], dim=1))
        f8 = self.join8(f8 + _doubled(self.up8(f16)))
        f4 = self.join4(f4 + _doubled(self.up4(f8)))
        return f4, f8, f16


class _Aggregation(nn.Module):
    """U-Net over the volume at three scales, each gated by the left features."""

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int],
        guides: Sequence[int],
        *,
        blocks: Sequence[int],
        expansion: int,
        strips: Sequence[int],
        context_blocks: int,
    ) -> None:
        super().__init__()
        a4, a8, a16 = widths
        self.enter = nn.Sequential(_conv(inputs, a4, 1), _conv(a4, a4, 3))
        self.gates = nn.ModuleList(
            StripAttention(guide, width, strips=strips)
            for guide, width in zip(guides, widths, strict=True)
        )
        self.stage4 = _blocks(a4, blocks[0], expansion)
        self.down8 = _Inverted(a4, a8, stride=2, expansion=expansion)
        self.stage8 = _blocks(a8, blocks[1], expansion)
        self.down16 = _Inverted(a8, a16, stride=2, expansion=expansion)
        self.stage16 = _blocks(a16, blocks[2], expansion)
        self.context = nn.Sequential(*(GlobalContext(a16) for _ in range(context_blocks)))
        self.up8 = _conv(a16, a8, 1)
        self.join8 = _Inverted(a8, a8, expansion=expansion)
        self.up4 = _conv(a8, a4, 1)
        self.join4 = _Inverted(a4, a4, expansion=expansion)

    def forward(self, volume: Tensor, guides: Sequence[Tensor]) -> Tensor:
        v4 = self.stage4(self.gates[0](self.enter(volume), guides[0]))
        v8 = self.stage8(self.gates[1](self.down8(v4), guides[1]))
        v16 = self.context(self.stage16(self.gates[2](self.down16(v8), guides[2])))
        v8 = self.join8(v8 + _doubled(self.up8(v16)))
        out: Tensor = self.join4(v4 + _doubled(self.up4(v8)))
        return out


class _Refinement(nn.Module):
    """A residual from the left features and the matching cost around the first answer.

    The cost at the answer says what a warped right view would say, and needs no gather.
    """

    RADIUS = 2

    def __init__(self, guide: int, width: int, *, attention: bool) -> None:
        super().__init__()
        self.guide = nn.Conv2d(guide, width, 1)
        self.cost = nn.Conv2d(2 * (2 * self.RADIUS + 1) + 1, width, 3, padding=1)
        self.enter = _conv(width, width, 3)
        self.gate = ChannelSpatialGate(width) if attention else nn.Identity()
        self.body = _Inverted(width, width, expansion=2)
        self.leave = nn.Conv2d(width, 1, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, place: Tensor, volumes: Tensor, guide: Tensor) -> Tensor:
        seen = _surroundings(place, volumes, self.RADIUS)
        x = self.enter(functional.relu(self.guide(guide) + self.cost(seen)))
        residual: Tensor = self.leave(self.body(self.gate(x)))
        return place + residual.float()


def _surroundings(place: Tensor, volumes: Tensor, radius: int) -> Tensor:
    """Cost and aggregated cost around a place, and the place itself."""
    near = sample_volume(volumes, place, radius=radius)
    where = (place / volumes.shape[2]).to(near.dtype)
    return torch.cat([near, where], dim=1)


class _RecurrentTail(nn.Module):
    """A convolutional gated recurrent unit that looks around its answer and moves it."""

    RADIUS = 3

    def __init__(self, guide: int, hidden: int, *, iterations: int) -> None:
        super().__init__()
        self.iterations = iterations
        self.start = nn.Conv2d(guide, 2 * hidden, 3, padding=1)
        self.look = _conv(2 * (2 * self.RADIUS + 1) + 1, hidden, 3)
        self.gates = nn.Conv2d(3 * hidden, 2 * hidden, 3, padding=1)
        self.candidate = nn.Conv2d(3 * hidden, hidden, 3, padding=1)
        self.leave = nn.Conv2d(hidden, 1, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)  # type: ignore[arg-type]

    def forward(self, place: Tensor, volumes: Tensor, guide: Tensor) -> list[Tensor]:
        hidden, context = self.start(guide).chunk(2, dim=1)
        hidden, context = torch.tanh(hidden), functional.relu(context)
        places: list[Tensor] = []
        for _ in range(self.iterations):
            seen = self.look(_surroundings(place.detach(), volumes, self.RADIUS))
            told = torch.cat([seen, context], dim=1)
            update, reset = torch.sigmoid(self.gates(torch.cat([hidden, told], dim=1))).chunk(2, 1)
            new = torch.tanh(self.candidate(torch.cat([reset * hidden, told], dim=1)))
            hidden = (1 - update) * hidden + update * new
            place = place.detach() + self.leave(hidden).float()
            places.append(place)
        return places


# -- the network ----------------------------------------------------------------------------------


class ThermoStereoRT(nn.Module):
    """Disparity of the left view of a rectified thermal pair.

    | in / out | shape | unit |
    |---|---|---|
    | left, right | (B, 1, H, W), sides multiples of 16 | counts, kelvin or grey levels |
    | disparity | (B, 1, H, W) | px, ``x_left - x_right``, in the range of the model |
    | confidence | (B, 1, H, W) | 0 to 1 |

    Offset and gain of each view are removed inside. In half precision subtract a constant first
    (`predict` does): 8 bits do not hold 14-bit counts.

    Differs from the paper in: everything it does not state, see the module's docstring; the
    refinement reads the matching cost around the first answer instead of a warped view.

    Args:
        min_disparity_px: Smallest disparity, px, a multiple of 4; negative where the cameras
            converge.
        max_disparity_px: Largest disparity (excluded), px, a multiple of 4.
        widths: Channels of the features at 1/4, 1/8, 1/16.
        blocks: Residual blocks of the encoder at these.
        volume_widths: Channels of the aggregation at 1/4, 1/8, 1/16.
        volume_blocks: Blocks of the aggregation at these.
        context_blocks: Blocks of global attention of the aggregation, at 1/16.
        expansion: Of the inverted residuals.
        match_width: Channels that are compared.
        groups: Correlations per disparity.
        strips: Lengths of the strip windows, px.
        refine_width: Channels of the refinement.
        attention: Whether the refinement has its channel and spatial gates.
        iterations: Steps of a recurrent tail, 0 for none.

    Attributes:
        refine: Whether `predict` moves its answer by fractions of a pixel to where the views agree
            best, see `refine_disparity`; `forward`, and so what is exported, does not.
        second_opinion: Whether a semi-global matcher is asked as well then: for thin things, at
            some cost elsewhere and nearly twice the time.
        card: Where the weights came from, None for fresh ones.

    Raises:
        ConfigError: An empty range, or one that is no multiple of 4; a width that cannot be split.
    """

    card: WeightsCard | None = None
    refine: bool = True
    second_opinion: bool = False

    def __init__(
        self,
        *,
        min_disparity_px: int = 0,
        max_disparity_px: int = 96,
        widths: Sequence[int] = (32, 64, 96),
        blocks: Sequence[int] = (1, 1, 2),
        volume_widths: Sequence[int] = (32, 64, 96),
        volume_blocks: Sequence[int] = (1, 2, 4),
        context_blocks: int = 0,
        expansion: int = 4,
        match_width: int = 32,
        groups: int = 2,
        strips: Sequence[int] = (7, 11),
        refine_width: int = 32,
        attention: bool = True,
        iterations: int = 0,
    ) -> None:
        super().__init__()
        _check_range(min_disparity_px, max_disparity_px)
        if match_width % groups or groups < 1:
            raise ConfigError(f"match_width {match_width} cannot be split into {groups} groups.")
        self.min_disparity_px, self.max_disparity_px = min_disparity_px, max_disparity_px
        self.arguments: dict[str, Any] = {  # of the constructor, for the card
            "min_disparity_px": min_disparity_px,
            "max_disparity_px": max_disparity_px,
            "widths": list(widths),
            "blocks": list(blocks),
            "volume_widths": list(volume_widths),
            "volume_blocks": list(volume_blocks),
            "context_blocks": context_blocks,
            "expansion": expansion,
            "match_width": match_width,
            "groups": groups,
            "strips": list(strips),
            "refine_width": refine_width,
            "attention": attention,
            "iterations": iterations,
        }
        self.first_bin = min_disparity_px // STRIDE
        self.bins = (max_disparity_px - min_disparity_px) // STRIDE
        self.groups = groups
        w4 = widths[0]
        self.encoder = _Encoder(widths, blocks, expansion)
        self.match = nn.Conv2d(w4, match_width, 1)
        self.aggregation = _Aggregation(
            groups * self.bins + w4,
            volume_widths,
            widths,
            blocks=volume_blocks,
            expansion=expansion,
            strips=strips,
            context_blocks=context_blocks,
        )
        self.score = nn.Conv2d(volume_widths[0], self.bins, 3, padding=1)
        self.trust = nn.Parameter(torch.tensor(8.0))  # how far the bare correlation is believed
        self.refinement = _Refinement(w4, refine_width, attention=attention)
        self.tail = _RecurrentTail(w4, refine_width, iterations=iterations) if iterations else None
        self.upsampler = nn.Sequential(
            _conv(w4 + STRIDE**2, refine_width, 3),
            nn.Conv2d(refine_width, NEIGHBOURS * STRIDE**2, 1),
        )
        # A third less time on a CPU; torch's own types do not know the argument.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def input_spec(self) -> InputSpec:
        """Raw counts: the network normalises itself."""
        return InputSpec(kind="counts", size_multiple_px=SIZE_MULTIPLE_PX)

    def forward(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
        """Disparity and confidence, each (B, 1, H, W) float32.

        Args:
            left: (B, 1, H, W), sides multiples of 16.
            right: (B, 1, H, W), rectified with `left`.
        """
        found = self.compute(left, right)
        low, high = float(self.min_disparity_px), float(self.max_disparity_px)
        return found.disparity.clamp(low, high), found.confidence

    def compute(self, left: Tensor, right: Tensor) -> Matching:
        """Everything on the way to the answer, for the losses; disparity is not clipped."""
        views = normalised_view(torch.cat([left, right], dim=0))
        batch = left.shape[0]
        f4, f8, f16 = self.encoder(views)
        guides = [f4[:batch], f8[:batch], f16[:batch]]
        matched = unit_channels(self.match(f4))
        volume = correlation_volume(
            matched[:batch],
            matched[batch:],
            bins=self.bins,
            first_bin=self.first_bin,
            groups=self.groups,
        )
        cost = torch.stack(volume.chunk(self.groups, dim=1)).sum(dim=0)
        told = self.aggregation(torch.cat([volume, guides[0]], dim=1), guides)
        logits = self.score(told) + self.trust * cost
        probability = torch.softmax(logits.float(), dim=1)
        first = expected_bin(probability)
        volumes = torch.stack([cost, logits / self.trust], dim=1)
        places = [first, self.refinement(first, volumes, guides[0])]
        if self.tail is not None:
            places += self.tail(places[-1], volumes, guides[0])
        disparity, earlier = self._fine(places, guides[0], views[:batch])
        confidence = _smooth(peak_share(probability, places[-1]))
        return Matching(disparity, confidence, earlier, logits.float(), cost.float())

    def _fine(
        self, places: list[Tensor], guide: Tensor, view: Tensor
    ) -> tuple[Tensor, list[Tensor]]:
        """The last answer at full resolution, px, and in training those before it."""
        fine = functional.pixel_unshuffle(view, STRIDE).to(guide.dtype)
        weights = self.upsampler(torch.cat([guide, fine], dim=1))
        disparity = upsample_by_weights(self._px(places[-1]), weights, factor=STRIDE)
        earlier = [_smooth(self._px(p)) for p in places[:-1]] if self.training else []
        return disparity, earlier

    def _px(self, place: Tensor) -> Tensor:
        return (place + self.first_bin) * STRIDE

    @torch.inference_mode()
    def predict(
        self,
        left: ThermalImage | NDArray[Any],
        right: ThermalImage | NDArray[Any],
        calibration: StereoCalibration | None = None,
        *,
        check_left_right: bool = False,
        tolerance_px: float = 1.0,
    ) -> StereoResult:
        """Disparity of one rectified pair of any size, at the resolution of the images.

        The network must be in eval mode, as `load_model` gives it.

        Args:
            left: A frame as `thermoscope.read` gives it, or (H, W) counts, kelvin, grey levels;
                pixels that are not finite have no value.
            right: The other view, of the same size.
            calibration: Adds depth and points.
            check_left_right: Also matches the right view; where the two disagree is not valid.
                Twice the time.
            tolerance_px: Largest difference of the two, px.

        Raises:
            ShapeError: Views that are not (H, W), or of different sizes, or of another size than
                the calibrated camera.
            UnitError: A view without one finite value, or not of numbers.
            ConfigError: `tolerance_px` is not positive.
            CalibrationError: A baseline or focal length that is not positive.
        """
        check_positive(tolerance_px, name="tolerance_px")
        (here, known), (there, _) = (centred_view(view_values(v)) for v in (left, right))
        if here.shape != there.shape:
            raise ShapeError(
                f"left is {here.shape} and right {there.shape} px. Both views of a rectified pair "
                "have one size: rectify them, or check that the files belong together.",
                actual_shape=there.shape,
                expected_shape=str(here.shape),
            )
        disparity, confidence = self._matched(here, there)
        valid = known & leads_inside(disparity)
        if check_left_right:
            mirrored, _ = self._matched(there[:, ::-1], here[:, ::-1])
            valid &= left_right_agree(disparity, mirrored[:, ::-1], tolerance_px=tolerance_px)
        result = StereoResult(disparity, confidence, valid)
        return result if calibration is None else in_metres(result, calibration)

    def _matched(
        self, left: NDArray[np.float32], right: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        device = self.trust.device
        height, width = left.shape
        right_px, bottom_px = -width % SIZE_MULTIPLE_PX, -height % SIZE_MULTIPLE_PX
        views = [
            functional.pad(
                torch.from_numpy(v.copy())[None, None].to(device),
                (0, right_px, 0, bottom_px),
                mode="replicate",
            )
            for v in (left, right)
        ]
        found = (plane[0, 0, :height, :width].float().cpu().numpy() for plane in self(*views))
        disparity, confidence = found
        if self.refine:
            moved = refine_disparity(left, right, disparity, second_opinion=self.second_opinion)
            disparity = np.clip(moved, self.min_disparity_px, self.max_disparity_px)
        return disparity, confidence


def _check_range(low: int, high: int) -> None:
    if low >= high or low % STRIDE or high % STRIDE:
        raise ConfigError(
            f"disparities from {low} to {high} px: both must be multiples of {STRIDE} and the "
            "first the smaller one."
        )
    if (high - low) // STRIDE < 2:
        raise ConfigError(f"disparities from {low} to {high} px are one bin; give at least two.")


def _smooth(coarse: Tensor) -> Tensor:
    return functional.interpolate(coarse, scale_factor=STRIDE, mode="bilinear", align_corners=False)


# -- sizes ----------------------------------------------------------------------------------------


def thermostereort_fast(
    *, min_disparity_px: int = 0, max_disparity_px: int = 96, attention: bool = True
) -> ThermoStereoRT:
    """For 30 frames a second on two CPU cores, unrefined; arguments as `ThermoStereoRT`."""
    return ThermoStereoRT(
        min_disparity_px=min_disparity_px,
        max_disparity_px=max_disparity_px,
        widths=(32, 48, 96),
        blocks=(1, 1, 2),
        volume_widths=(32, 64, 96),
        volume_blocks=(1, 2, 3),
        expansion=3,
        groups=2,
        attention=attention,
    )


def thermostereort_base(
    *, min_disparity_px: int = 0, max_disparity_px: int = 96, attention: bool = True
) -> ThermoStereoRT:
    """`thermostereort_fast` with more blocks and global attention; arguments as `ThermoStereoRT`.

    All weights of `thermostereort_fast` fit into it, see `thermoscope.models.growth`.
    """
    return ThermoStereoRT(
        min_disparity_px=min_disparity_px,
        max_disparity_px=max_disparity_px,
        widths=(32, 48, 96),
        blocks=(1, 3, 6),
        volume_widths=(32, 64, 96),
        volume_blocks=(3, 5, 8),
        context_blocks=3,
        expansion=3,
        groups=2,
        attention=attention,
    )


def thermostereort_accurate(
    *,
    min_disparity_px: int = 0,
    max_disparity_px: int = 96,
    attention: bool = True,
    iterations: int = 4,
) -> ThermoStereoRT:
    """Base with a recurrent tail that iterates; arguments as `ThermoStereoRT`."""
    return ThermoStereoRT(
        min_disparity_px=min_disparity_px,
        max_disparity_px=max_disparity_px,
        widths=(48, 96, 160),
        blocks=(2, 2, 4),
        volume_widths=(64, 112, 160),
        volume_blocks=(2, 4, 6),
        expansion=4,
        match_width=64,
        groups=4,
        strips=(7, 11, 21),
        refine_width=64,
        attention=attention,
        iterations=iterations,
    )


def thermostereort_tiny(
    *,
    min_disparity_px: int = 0,
    max_disparity_px: int = 32,
    attention: bool = True,
    iterations: int = 0,
    seed: int = 0,
) -> ThermoStereoRT:
    """A random network for tests, of 40 thousand parameters; arguments as `ThermoStereoRT`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ThermoStereoRT(
            min_disparity_px=min_disparity_px,
            max_disparity_px=max_disparity_px,
            widths=(16, 16, 24),
            blocks=(1, 1, 1),
            volume_widths=(16, 16, 24),
            volume_blocks=(1, 1, 1),
            expansion=2,
            match_width=16,
            strips=(5,),
            refine_width=16,
            attention=attention,
            iterations=iterations,
        )


SIZES: dict[str, Callable[..., ThermoStereoRT]] = {
    "fast": thermostereort_fast,
    "base": thermostereort_base,
    "accurate": thermostereort_accurate,
    "tiny": thermostereort_tiny,
}
