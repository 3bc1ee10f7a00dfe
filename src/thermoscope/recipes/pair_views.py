"""RGB-thermal pairs in memory, and random views of them that depend on nothing but a seed.

What is NOT here: which data set the pairs are of, and what is learned from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, UnitError
from thermoscope.core.sample import Sample
from thermoscope.sensor.tone import to_network_input

__all__ = ["Pair", "ViewConfig", "Views", "as_pair", "pairs_of", "random_view", "whole_view"]

STORED_PX = 480  # longer side in memory: views are cut from this
Plane = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Pair:
    """One scene in both bands.

    Attributes:
        rgb: (H, W, 3) uint8.
        thermal: (H, W) uint8, tone-mapped; same size as `rgb`.
        source: Data set it is of.
        index: Position along its recording; near indices may show the same place.
        aligned: Whether pixels correspond.
        name: Identifier.
    """

    rgb: NDArray[np.uint8]
    thermal: NDArray[np.uint8]
    source: str
    index: int
    aligned: bool = True
    name: str = ""


@dataclass(frozen=True)
class ViewConfig:
    """How views differ from the picture.

    Attributes:
        size_px: Height and width of a view, multiples of 14.
        scale: Smallest and largest share of the area that a crop covers.
        aspect: Largest ratio of the crop's stretch, >= 1.
        flip: Probability of mirroring both bands.
        polarity: Probability of turning hot into dark.
        tone: Strength of gain, offset and gamma changes, 0 for none; both bands, independently.
        blur: Probability of blurring a band.
        noise: Largest standard deviation of added noise, of the full range; thermal also gets
            column noise.
        rgb_as_thermal: Probability that the thermal view is made of the colour one: grey, through
            a random curve that need not be monotone. A second source of cross-band pairs.
        darkness: Probability that the colour view is dimmed towards night.
        misalign: Largest difference of the colour window from the thermal one, as a share of its
            size: shift, and the same for scale. 0 for the same window. Places seen twice are never
            seen from one point.
    """

    size_px: tuple[int, int] = (224, 224)
    scale: tuple[float, float] = (0.35, 1.0)
    aspect: float = 1.33
    flip: float = 0.5
    polarity: float = 0.15
    tone: float = 1.0
    blur: float = 0.2
    noise: float = 0.04
    rgb_as_thermal: float = 0.0
    darkness: float = 0.1
    misalign: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.scale[0] <= self.scale[1] <= 1 or self.aspect < 1:
            raise ConfigError(
                f"scale must rise within (0, 1] and aspect be at least 1, got {self.scale} and "
                f"{self.aspect}."
            )


def as_pair(sample: Sample, *, source: str, index: int, aligned: bool = True) -> Pair:
    """A sample's colour and thermal picture at the thermal one's shape, at most 480 px long.

    Raises:
        UnitError: The sample has no colour picture or no thermal one.
    """
    values = next((sample[k] for k in ("counts", "kelvin", "agc") if k in sample), None)
    if values is None or "rgb" not in sample:
        raise UnitError(
            f"sample {sample.get('name', '?')!r} must hold rgb and one of counts, kelvin or agc."
        )
    plane = to_network_input(values[0])[0]
    factor = min(1.0, STORED_PX / max(plane.shape))
    size = (round(plane.shape[1] * factor), round(plane.shape[0] * factor))
    thermal = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    rgb = cv2.resize(sample["rgb"].transpose(1, 2, 0), size, interpolation=cv2.INTER_AREA)
    return Pair(
        rgb=_bytes(rgb),
        thermal=_bytes(thermal),
        source=source,
        index=index,
        aligned=aligned,
        name=sample.get("name", f"{source}_{index}"),
    )


def _bytes(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(values * 255), 0, 255), dtype=np.uint8)


def whole_view(pair: Pair, size_px: tuple[int, int]) -> tuple[Plane, Plane]:
    """(3, H, W) colour and (3, H, W) thermal in [0, 1], unchanged but for the size."""
    size = (size_px[1], size_px[0])
    rgb = cv2.resize(pair.rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    thermal = cv2.resize(pair.thermal, size, interpolation=cv2.INTER_AREA)
    return _planes(rgb), _planes(thermal.astype(np.float32) / 255)


def _planes(values: NDArray[Any]) -> Plane:
    if values.ndim == 2:
        values = np.repeat(values[:, :, None], 3, axis=2)
    return np.ascontiguousarray(values.transpose(2, 0, 1), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Views:
    """Windows of one pair, (3, H, W) float32 in [0, 1] each.

    Attributes:
        thermal: Photometrically changed.
        rgb: Another or the same window in colour, photometrically changed.
        clean: Colour in the window of `thermal`, unchanged: what a teacher sees in its place.
        clean_rgb: Colour in the window of `rgb`, unchanged.
        warp: (2, 2) float32: scale and offset by which x (first row) and y of `thermal`, from -1 to
            1 across the window, become those of `rgb`.
    """

    thermal: Plane
    rgb: Plane
    clean: Plane
    clean_rgb: Plane
    warp: Plane


def random_view(pair: Pair, config: ViewConfig, rng: np.random.Generator) -> Views:
    """A random window of both bands, each with its own photometric changes."""
    window = _window(pair.thermal.shape, config, rng)
    flipped = rng.random() < config.flip
    clean = _cut(pair.rgb, window, config.size_px, flipped)
    if rng.random() < config.rgb_as_thermal:
        thermal = _pseudo_thermal(clean, rng)
    else:
        thermal = _cut(pair.thermal, window, config.size_px, flipped)
    rgb, near = clean, window
    if config.misalign:
        near = _moved(window, pair.thermal.shape, config.misalign, rng)
        rgb = _cut(pair.rgb, near, config.size_px, flipped)
    return Views(
        thermal=_planes(_thermal_changes(thermal, config, rng)),
        rgb=_planes(_colour_changes(rgb, config, rng)),
        clean=_planes(clean),
        clean_rgb=_planes(rgb),
        warp=_warp(window, near, flipped),
    )


def _warp(
    window: tuple[int, int, int, int], other: tuple[int, int, int, int], flipped: bool
) -> Plane:
    """See `Views.warp`."""
    rows = []
    for start, stop in ((2, 3), (0, 1)):
        length, length_there = window[stop] - window[start], other[stop] - other[start]
        offset = (2 * (window[start] - other[start]) + length) / length_there - 1
        mirrored = flipped and start == 2
        rows.append((length / length_there, -offset if mirrored else offset))
    return np.array(rows, np.float32)


def _moved(
    window: tuple[int, int, int, int],
    shape: Sequence[int],
    amount: float,
    rng: np.random.Generator,
) -> tuple[int, int, int, int]:
    """A window near `window`, within the picture."""
    top, bottom, left, right = window
    growth = np.exp(rng.uniform(-amount, amount))
    h = int(np.clip(round((bottom - top) * growth), 14, shape[0]))
    w = int(np.clip(round((right - left) * growth), 14, shape[1]))
    down, across = rng.uniform(-amount, amount, 2) * (h, w)
    new_top = int(np.clip(round((top + bottom - h) / 2 + down), 0, shape[0] - h))
    new_left = int(np.clip(round((left + right - w) / 2 + across), 0, shape[1] - w))
    return new_top, new_top + h, new_left, new_left + w


def _window(
    shape: Sequence[int], config: ViewConfig, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Top, bottom, left, right."""
    height, width = shape
    share = np.sqrt(rng.uniform(*config.scale))
    stretch = np.sqrt(config.aspect ** rng.uniform(-1, 1))
    h = int(np.clip(round(height * share * stretch), 14, height))
    w = int(np.clip(round(width * share / stretch), 14, width))
    top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    return top, top + h, left, left + w


def _cut(
    image: NDArray[np.uint8],
    window: tuple[int, int, int, int],
    size_px: tuple[int, int],
    flip: bool,
) -> Plane:
    top, bottom, left, right = window
    part: NDArray[Any] = image[top:bottom, left:right]
    shrinks = part.shape[0] >= size_px[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    part = cv2.resize(part, (size_px[1], size_px[0]), interpolation=method)
    part = part[:, ::-1] if flip else part
    return np.asarray(part / np.float32(255), dtype=np.float32)


def _curve(values: Plane, strength: float, rng: np.random.Generator) -> Plane:
    """Gain, offset and gamma."""
    gamma = np.exp(strength * rng.uniform(-0.5, 0.5))
    gain = np.exp(strength * rng.uniform(-0.35, 0.35))
    offset = strength * rng.uniform(-0.1, 0.1)
    bent = np.power(np.clip(values, 0, 1), gamma)
    return np.asarray(np.clip((bent - 0.5) * gain + 0.5 + offset, 0, 1), dtype=np.float32)


def _blurred(values: Plane, probability: float, rng: np.random.Generator) -> Plane:
    if rng.random() >= probability:
        return values
    return np.asarray(cv2.GaussianBlur(values, (0, 0), float(rng.uniform(0.4, 1.6))))


def _colour_changes(rgb: Plane, config: ViewConfig, rng: np.random.Generator) -> Plane:
    out = _curve(rgb, config.tone, rng)
    if config.tone:
        grey = out.mean(axis=2, keepdims=True)
        out = np.clip(grey + (out - grey) * rng.uniform(0.2, 1.3), 0, 1).astype(np.float32)
    if rng.random() < config.darkness:
        gamma, gain = np.float32(rng.uniform(1.5, 3.0)), np.float32(rng.uniform(0.3, 0.8))
        out = np.asarray(np.power(out, gamma) * gain, dtype=np.float32)
    out = _blurred(out, config.blur, rng)
    sigma = config.noise * rng.random()
    noise = rng.standard_normal(out.shape, dtype=np.float32) * np.float32(sigma)
    return np.asarray(np.clip(out + noise, 0, 1), dtype=np.float32)


def _thermal_changes(thermal: Plane, config: ViewConfig, rng: np.random.Generator) -> Plane:
    out = _curve(thermal, config.tone, rng)
    if rng.random() < config.polarity:
        out = 1 - out
    out = _blurred(out, config.blur, rng)
    sigma = np.float32(config.noise * rng.random())
    noise = rng.standard_normal(out.shape, dtype=np.float32) * sigma
    noise += rng.standard_normal((1, out.shape[1]), dtype=np.float32) * sigma * rng.random()
    return np.asarray(np.clip(out + noise, 0, 1), dtype=np.float32)


def _pseudo_thermal(rgb: Plane, rng: np.random.Generator) -> Plane:
    """Grey of random colour weights through a random smooth curve of five knots."""
    weights = rng.dirichlet((1.0, 1.0, 1.0)).astype(np.float32)
    knots = np.sort(rng.random(5)) if rng.random() < 0.5 else rng.random(5)
    bent = np.interp(rgb @ weights, np.linspace(0, 1, 5), knots)
    return np.asarray(cv2.GaussianBlur(bent, (0, 0), 0.8), dtype=np.float32)


def pairs_of(samples: Iterable[Sample], *, source: str, aligned: bool = True) -> list[Pair]:
    """All samples as pairs, in their order."""
    return [
        as_pair(sample, source=source, index=index, aligned=aligned)
        for index, sample in enumerate(samples)
    ]
