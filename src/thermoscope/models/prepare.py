"""From a frame to what a network takes: tone mapping, size, normalisation, in one place.

The `InputSpec` of the weights says how; nothing here is chosen by the caller but the size. What is
NOT here: the tone mappings (`thermoscope.sensor.tone`) and reading files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.core.weights import InputSpec
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.sensor.tone import ToneSpec, to_network_input

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "Fit",
    "Modality",
    "Prepared",
    "network_input",
    "plane_of",
]

Modality = Literal["thermal", "rgb"]
Fit = Literal["floor", "pad"]
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
STRIP_VALUES = 16_000_000  # 45 classes of 640 x 512 px are one strip


@dataclass(frozen=True)
class Prepared:
    """A network input and the way back.

    Attributes:
        images: (1, 3, H', W') float32, normalised.
        size_px: Height and width of the frame.
        scaled_px: Height and width after scaling, before padding.
    """

    images: Tensor
    size_px: tuple[int, int]
    scaled_px: tuple[int, int]

    def restore(self, maps: Tensor, *, mode: str = "bilinear") -> Tensor:
        """Dense output at the resolution of the frame.

        Args:
            maps: (1, C, H'', W''), any resolution of the padded input.
            mode: ``"bilinear"`` or ``"nearest"``.

        Returns:
            (1, C, H, W).
        """
        return _interpolated(self._scaled(maps, mode), self.size_px, mode)

    def strips(self, maps: Tensor, *, values: int = STRIP_VALUES) -> Iterator[Tensor]:
        """`restore` in strips of whole rows from top to bottom: memory for one at a time.

        Args:
            maps: As of `restore`.
            values: Largest number of values in a strip; it has one row at least.

        Yields:
            (1, C, rows, W).
        """
        height, width = self.size_px
        scaled = self._scaled(maps, "bilinear")
        rows = max(1, values // (maps.shape[1] * width))
        if rows >= height:
            yield _interpolated(scaled, self.size_px, "bilinear")
            return
        for top in range(0, height, rows):
            yield _strip(scaled, self.size_px, top, min(top + rows, height))

    def choose(self, logits: Tensor) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """(H, W) ids of the likeliest classes and their probabilities, strip by strip.

        Args:
            logits: (1, K, H'', W''), any resolution of the padded input.
        """
        best = [strip.softmax(dim=1)[0].max(dim=0) for strip in self.strips(logits)]
        labels = torch.cat([found.indices.to(torch.uint8) for found in best])
        return labels.numpy(), torch.cat([found.values for found in best]).numpy()

    def _scaled(self, maps: Tensor, mode: str) -> Tensor:
        """(1, C, *scaled_px): at the resolution of the input, its padding cut off."""
        full = _interpolated(maps, (self.images.shape[2], self.images.shape[3]), mode)
        return full[:, :, : self.scaled_px[0], : self.scaled_px[1]]


def _interpolated(maps: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    smooth = {"align_corners": False} if mode == "bilinear" else {}
    return functional.interpolate(maps, size=size, mode=mode, **smooth)


def _strip(maps: Tensor, size: tuple[int, int], top: int, bottom: int) -> Tensor:
    """Rows `top` to `bottom` of the bilinear interpolation of `maps` to `size`."""
    last = maps.shape[2] - 1
    scale = torch.tensor(maps.shape[2]) / size[0]  # float32, as torch scales by
    rows = torch.arange(top, bottom, dtype=torch.float64) + 0.5
    places = (scale.double() * rows - 0.5).float().clamp(min=0)  # fused, as torch's
    above = places.long().clamp(max=last)
    below = (above + 1).clamp(max=last)
    share = places - above
    first, end = int(above[0]), int(below[-1]) + 1
    weights = torch.zeros(bottom - top, end - first)
    weights.scatter_add_(1, (above - first)[:, None], 1 - share[:, None])
    weights.scatter_add_(1, (below - first)[:, None], share[:, None])
    wide = _interpolated(maps[:, :, first:end], (end - first, size[1]), "bilinear")
    return weights @ wide


def network_input(
    image: ThermalImage | NDArray[Any],
    spec: InputSpec,
    *,
    modality: Modality = "thermal",
    size_px: tuple[int, int] | None = None,
    fit: Fit = "floor",
) -> Prepared:
    """What the network sees of a frame.

    Args:
        image: A frame as `thermoscope.read` gives it; or (H, W) uint16 counts, float32 kelvin or
            uint8 grey levels; or for ``rgb`` (H, W, 3) uint8 or (3, H, W) float32 in [0, 1].
        spec: Preprocessing of the weights.
        modality: Tone mapping is for thermal frames only.
        size_px: Height and width to scale to; the frame's own if None.
        fit: How sides that are no multiple of ``spec.size_multiple_px`` are met: ``"floor"``
            scales down to the next multiple, ``"pad"`` reflects (or repeats) the right and bottom
            border, so that no pixel is resampled.

    Raises:
        ShapeError: A shape that is none of these, or a side shorter than one multiple.
        UnitError: An element type that is none of these, values that are not finite, or a frame
            without an 8-bit picture as ``rgb``.
        ConfigError: Unknown `fit`.
    """
    if fit not in ("floor", "pad"):
        raise ConfigError(f"fit must be 'floor' or 'pad', got {fit!r}.")
    planes = _rgb_planes(image) if modality == "rgb" else _thermal_planes(image, spec)
    original = (planes.shape[2], planes.shape[3])
    wanted = size_px or original
    multiple = spec.size_multiple_px
    if fit == "floor":
        wanted = (wanted[0] // multiple * multiple, wanted[1] // multiple * multiple)
    if min(wanted) < 1:
        raise ShapeError(
            f"a frame of {original[0]} x {original[1]} px is smaller than the {multiple} px that "
            "this network needs. Scale it up or use fit='pad'.",
            actual_shape=original,
        )
    scaled = _resized(planes, wanted)
    mean = torch.tensor(spec.mean).view(1, -1, 1, 1)
    std = torch.tensor(spec.std).view(1, -1, 1, 1)
    normalised = _padded((scaled - mean) / std, multiple)
    return Prepared(images=normalised, size_px=original, scaled_px=wanted)


def _thermal_planes(image: ThermalImage | NDArray[Any], spec: InputSpec) -> Tensor:
    values = _thermal_values(image)
    tone = ToneSpec.from_dict(dict(spec.tone)) if spec.tone else ToneSpec.of("percentile")
    plane = torch.from_numpy(np.ascontiguousarray(to_network_input(values, tone)))
    return plane[None].expand(1, 3, -1, -1)


def plane_of(image: ThermalImage | NDArray[Any]) -> NDArray[Any]:
    """What a network sees of a thermal frame: counts, else kelvin, else grey levels."""
    if isinstance(image, ThermalImage):
        planes = (image.counts, image.stored_kelvin, image.agc)
        return next((plane for plane in planes if plane is not None), image.values)
    return np.asarray(image)


def _thermal_values(image: ThermalImage | NDArray[Any]) -> NDArray[Any]:
    values = _grey(plane_of(image))
    if values.dtype.kind == "f" and not np.isfinite(values).any():
        raise UnitError("the frame has no pixel with a value: nothing can be seen in it.")
    return values


def _grey(values: NDArray[Any]) -> NDArray[Any]:
    if values.ndim == 3 and values.shape[0] == 1:
        values = values[0]
    if values.ndim == 3 and values.shape[2] == 3 and values.dtype == np.uint8:
        return np.asarray(values.mean(axis=2), dtype=np.uint8)
    if values.ndim != 2 or 0 in values.shape:
        raise ShapeError(
            f"a thermal frame must be (H, W), got {values.shape}.", actual_shape=values.shape
        )
    return values


def _rgb_planes(image: ThermalImage | NDArray[Any]) -> Tensor:
    if isinstance(image, ThermalImage) and (image.agc is None or image.agc.dtype != np.uint8):
        raise UnitError(
            "the frame holds no 8-bit picture, so it is none in colour. Its modality is thermal: "
            "--modality thermal."
        )
    values = np.asarray(image.agc if isinstance(image, ThermalImage) else image)
    if values.ndim == 2 and values.dtype == np.uint8:
        values = np.repeat(values[:, :, None], 3, axis=2)
    if values.ndim == 3 and values.shape[2] == 3 and values.dtype == np.uint8:
        return torch.from_numpy(np.ascontiguousarray(values)).permute(2, 0, 1)[None].float() / 255
    if values.ndim == 3 and values.shape[0] == 3 and values.dtype == np.float32:
        if not np.isfinite(values).all():
            raise UnitError("the colour picture holds values that are not finite. Replace them.")
        return torch.from_numpy(np.ascontiguousarray(values))[None]
    raise ShapeError(
        "a colour picture must be (H, W, 3) uint8 or (3, H, W) float32 in [0, 1], "
        f"got {values.shape} {values.dtype}.",
        actual_shape=values.shape,
    )


def _resized(planes: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(planes.shape[2:]) == size:
        return planes
    return functional.interpolate(
        planes, size=size, mode="bilinear", align_corners=False, antialias=True
    )


def _padded(planes: Tensor, multiple: int) -> Tensor:
    height, width = planes.shape[2:]
    bottom, right = -height % multiple, -width % multiple
    if not bottom and not right:
        return planes
    mode = "reflect" if bottom < height and right < width else "replicate"
    return functional.pad(planes, (0, right, 0, bottom), mode=mode)
