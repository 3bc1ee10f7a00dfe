"""Forty pathological frames, made on the spot: what users feed by accident.

`ODD_FRAMES` maps a name to the values, their kind and the quality flags that the pixels must
raise. All rest on one plausible scene (`scene`): blurred objects before a graded background, with
noise. Frames whose oddness no pixel shows (upside down, memory layout) expect no flag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.sensor.quality import Kind, Quality

HEIGHT, WIDTH = 128, 160
ZERO_CELSIUS_K = 273.15


@dataclass(frozen=True)
class OddFrame:
    values: NDArray
    kind: Kind
    expected: frozenset[Quality]


def scene(
    seed: int = 0,
    *,
    height: int = HEIGHT,
    width: int = WIDTH,
    low: float = 3000,
    contrast: float = 800,
    noise: float = 3,
) -> NDArray[np.float32]:
    """A scene in counts, as floats: gradient, blurred boxes and discs, white noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    picture = 0.3 * y / height + 0.1 * np.sin(x / width * rng.uniform(2, 9))
    for _ in range(12):
        top, left = rng.integers(0, height), rng.integers(0, width)
        tall, wide = rng.integers(4, max(height // 2, 5)), rng.integers(4, max(width // 2, 5))
        picture[top : top + tall, left : left + wide] += rng.uniform(-0.3, 0.5)
    for _ in range(6):
        radius, cy, cx = rng.uniform(2, 12), rng.uniform(0, height), rng.uniform(0, width)
        picture[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] += rng.uniform(0.2, 0.6)
    picture = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 0.9)  # the lens
    picture = (picture - picture.min()) / np.ptp(picture) * contrast + low
    return (picture + rng.normal(0, noise, picture.shape)).astype(np.float32)


def counts(seed: int = 0, **changes: float) -> NDArray[np.uint16]:
    return np.rint(scene(seed, **changes)).astype(np.uint16)


def kelvin(seed: int = 0, *, offset_k: float = 290.0) -> NDArray[np.float32]:
    return ((scene(seed) - 3000) * 0.02 + offset_k).astype(np.float32)


def agc(seed: int = 0) -> NDArray[np.uint8]:
    picture = scene(seed)
    low, high = np.percentile(picture, (1, 99))
    return np.clip((picture - low) / (high - low) * 255, 0, 255).astype(np.uint8)


def changed(values: NDArray, change: Callable[[NDArray], object]) -> NDArray:
    """A copy of the values on which `change` has acted in place."""
    copy = values.copy()
    change(copy)
    return copy


def put(index: object, value: object) -> Callable[[NDArray], object]:
    return lambda values: values.__setitem__(index, value)


def checker(values: NDArray) -> None:
    values[::2, ::2] = 0
    values[1::2, 1::2] = 0


def rainbow(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.applyColorMap(gray, cv2.COLORMAP_INFERNO)


def telemetry(values: NDArray, rows: slice) -> None:
    words = np.random.default_rng(3).integers(0, 65536, values[rows].shape)
    words[:, WIDTH // 2 :] = 0
    values[rows] = words


def shifted_below(values: NDArray, row: int, shift: int) -> NDArray:
    return np.concatenate([values[:row], np.roll(values[row:], shift, axis=1)])


def clipped_sensor() -> NDArray[np.uint16]:
    return np.minimum(counts(low=15900, contrast=900), 16383).astype(np.uint16)


def dead_pixels(values: NDArray) -> None:
    rng = np.random.default_rng(5)
    positions = rng.choice(HEIGHT * WIDTH, 20, replace=False)
    values.ravel()[positions[:10]] = 0
    values.ravel()[positions[10:]] = 16000


def _frames() -> dict[str, tuple[NDArray, Kind, set[Quality]]]:
    q, c, k = Quality, counts(), kelvin()
    flat = np.rint(np.random.default_rng(2).normal(3000, 3, (HEIGHT, WIDTH))).astype(np.uint16)
    read_only = c.copy()
    read_only.flags.writeable = False
    wide = np.repeat(c, 2, axis=1)
    return {
        # one value, no value
        "all_equal": (np.full_like(c, 3000), "counts", {q.CONSTANT}),
        "all_zero": (np.zeros_like(c), "counts", {q.CONSTANT, q.SATURATED_LOW}),
        "all_top": (np.full_like(c, 65535), "counts", {q.CONSTANT, q.SATURATED_HIGH}),
        "empty": (c[:0, :0], "counts", {q.TINY}),
        "one_pixel": (c[:1, :1], "counts", {q.TINY}),
        "seven_rows": (c[:7], "counts", {q.TINY}),
        # not a number, not a temperature
        "nan_patch": (changed(k, put(np.s_[40:60, 50:80], np.nan)), "kelvin", {q.NON_FINITE}),
        "all_nan": (np.full_like(k, np.nan), "kelvin", {q.NON_FINITE}),
        "plus_infinity": (changed(k, put((9, 9), np.inf)), "kelvin", {q.NON_FINITE}),
        "minus_infinity": (changed(k, put((9, 9), -np.inf)), "kelvin", {q.NON_FINITE}),
        "hot_pixel_3000_c": (changed(k, put((60, 70), 3273.15)), "kelvin", {q.DEAD_PIXELS}),
        "pixel_above_the_sun": (
            changed(k, put((60, 70), 6000)),
            "kelvin",
            {q.DEAD_PIXELS, q.IMPLAUSIBLE},
        ),
        "celsius_as_kelvin": (k - np.float32(ZERO_CELSIUS_K), "kelvin", {q.IMPLAUSIBLE}),
        "frost": (kelvin(offset_k=233.0), "kelvin", set()),
        "one_millikelvin_span": (
            np.linspace(300, 300.001, c.size, dtype=np.float32).reshape(c.shape),
            "kelvin",
            {q.LOW_CONTRAST},
        ),
        # dead elements
        "dead_row": (changed(c, put(50, 0)), "counts", {q.DEAD_LINES}),
        "dead_column": (changed(c, put(np.s_[:, 90], 0)), "counts", {q.DEAD_LINES}),
        "dead_checker": (changed(c, checker), "counts", {q.DEAD_LINES}),
        "stuck_pixels": (changed(c, dead_pixels), "counts", {q.DEAD_PIXELS}),
        # shutter
        "ffc_flat": (flat, "counts", {q.LOW_CONTRAST}),
        # ends of the range
        "burning": (changed(c, put(np.s_[30:50, 60:90], 65535)), "counts", {q.SATURATED_HIGH}),
        "bottomed": (changed(c, put(np.s_[30:50, 60:90], 0)), "counts", {q.SATURATED_LOW}),
        "sensor_of_14_bits": (clipped_sensor(), "counts", {q.SATURATED_HIGH}),
        # bytes and containers
        "swapped": (c.byteswap(), "counts", {q.BYTE_SWAPPED}),
        "swapped_flat": (flat.byteswap(), "counts", {q.BYTE_SWAPPED}),
        "eight_bit_stretched": (agc().astype(np.uint16) * 257, "counts", {q.EIGHT_BIT_CONTENT}),
        "eight_bit_widened": (agc().astype(np.uint16), "counts", {q.EIGHT_BIT_CONTENT}),
        "telemetry_first_row": (
            changed(c, lambda v: telemetry(v, np.s_[:1])),
            "counts",
            {q.TELEMETRY_ROW},
        ),
        "telemetry_last_rows": (
            changed(c, lambda v: telemetry(v, np.s_[-2:])),
            "counts",
            {q.TELEMETRY_ROW},
        ),
        # parts
        "lower_half_missing": (changed(c, put(np.s_[64:], 0)), "counts", {q.TORN}),
        "two_frames": (np.concatenate([c[:70], counts(7)[70:]]), "counts", {q.TORN}),
        "rolling_tear": (shifted_below(c, 55, 37), "counts", {q.TORN}),
        # pictures
        "palette_rgb": (rainbow(agc()), "agc", {q.AGC, q.FALSE_COLOUR}),
        "three_equal_channels": (np.repeat(agc()[..., None], 3, axis=2), "agc", {q.AGC}),
        # element types
        "uint32": (c.astype(np.uint32), "counts", {q.CONVERTED}),
        "float16": (k.astype(np.float16), "kelvin", {q.QUANTISED}),
        # nothing that pixels could show
        "upside_down": (c[::-1], "counts", set()),
        "non_contiguous": (wide[:, ::2], "counts", set()),
        "big_endian": (c.astype(">u2"), "counts", set()),
        "read_only": (read_only, "counts", set()),
    }


ODD_FRAMES: dict[str, OddFrame] = {
    name: OddFrame(values, kind, frozenset(expected))
    for name, (values, kind, expected) in _frames().items()
}
