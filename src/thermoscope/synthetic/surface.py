"""The surfaces that a view sees, one line of numbers a quantity: what the shaders read.

A G-buffer holds points as rows of three; arithmetic on whole lines is several times as fast. Sky
pixels are left out here. What is NOT here: colour, temperature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.scene import GBuffer

__all__ = ["XYZ", "Surface", "dot", "faded", "sky_of", "surfaces_of", "take"]

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]
XYZ = tuple[Floats, Floats, Floats]

BLOCK = 49152  # px: some forty lines of this length stay in a 2 MB cache two at a time
LEAST_COSINE = 0.12  # flatter slants count as this one in the footprint


@dataclass(frozen=True, eq=False)
class Surface:
    """Hit pixels of a view, or a block of them: M, in row-major order.

    Attributes:
        pixel: (M,) index of each in the flattened picture.
        part: (M,) index into `Scene.parts`.
        position: Three (M,) lines, m, world.
        normal: Three (M,) lines, unit, on the camera's side.
        ray: Three (M,) lines, unit, from the camera.
        cosine: (M,) between normal and the way back to the camera, [0, 1].
        distance_m: (M,) along the ray.
        sunlit: (M,) 1 = in the sun.
        footprint_m: (M,) size of the pixel on the surface; slanted ones are stretched by the
            root of the slant: between blur and flicker.
    """

    pixel: Indices
    part: Indices
    position: XYZ
    normal: XYZ
    ray: XYZ
    cosine: Floats
    distance_m: Floats
    sunlit: Floats
    footprint_m: Floats


def surfaces_of(gbuffer: GBuffer, *, block: int = BLOCK) -> Iterator[Surface]:
    """The hit pixels of a G-buffer, in blocks small enough for a processor's cache.

    Args:
        gbuffer: What the rays hit.
        block: Pixels of the picture in each block; blocks that are all sky are left out.
    """
    angle = np.float32(_pixel_angle(gbuffer))
    for start in range(0, len(gbuffer.hit), block):
        pixel = np.flatnonzero(gbuffer.hit[start : start + block])
        if len(pixel):
            pixel += start
            yield _surface(gbuffer, pixel, angle)


def sky_of(gbuffer: GBuffer, *, block: int = BLOCK) -> Iterator[tuple[Indices, XYZ]]:
    """Pixels that hit nothing, in blocks: their indices and rays."""
    missed = np.flatnonzero(~gbuffer.hit)
    for start in range(0, len(missed), block):
        pixel = missed[start : start + block]
        x, y, z = np.ascontiguousarray(gbuffer.direction[pixel].T)
        yield pixel, (x, y, z)


def take(lines: XYZ, chosen: Indices) -> XYZ:
    """The `chosen` points of three lines."""
    return lines[0].take(chosen), lines[1].take(chosen), lines[2].take(chosen)


def _surface(gbuffer: GBuffer, pixel: Indices, angle: np.float32) -> Surface:
    contiguous = int(pixel[-1]) - int(pixel[0]) + 1 == len(pixel)
    where = slice(int(pixel[0]), int(pixel[-1]) + 1) if contiguous else pixel

    def lines(points: NDArray[np.float32]) -> XYZ:
        x, y, z = np.ascontiguousarray(points[where].T)
        return x, y, z

    normal, ray = lines(gbuffer.normal), lines(gbuffer.direction)
    cosine = -dot(normal, ray)
    np.clip(cosine, 0, 1, out=cosine)
    size = gbuffer.depth_m[where] * angle
    size /= np.sqrt(np.maximum(cosine, LEAST_COSINE))
    return Surface(
        pixel=pixel,
        part=gbuffer.part[where].astype(np.intp),
        position=lines(gbuffer.position_m),
        normal=normal,
        ray=ray,
        cosine=cosine,
        distance_m=gbuffer.distance_m[where],
        sunlit=gbuffer.sunlit[where],
        footprint_m=size,
    )


def dot(a: XYZ, b: XYZ | tuple[float, float, float]) -> Floats:
    """(M,) inner product of lines with lines, or with one vector."""
    out = a[0] * _one(b[0])
    out += a[1] * _one(b[1])
    out += a[2] * _one(b[2])
    return out


def faded(line: Floats, towards: float, share: Floats) -> Floats:
    """`line` in place: its `share`, and the rest of `towards`: what air does to light."""
    line -= np.float32(towards)
    line *= share
    line += np.float32(towards)
    return line


def _one(value: Floats | float) -> Floats | np.float32:
    return value if isinstance(value, np.ndarray) else np.float32(value)


def _pixel_angle(gbuffer: GBuffer) -> float:
    """Angle between two neighbours in the middle of the picture, rad."""
    height, width = gbuffer.shape
    middle = (height // 2) * width + width // 2
    beside = middle - 1 if width > 1 else max(middle - width, 0)
    step = gbuffer.direction[middle] - gbuffer.direction[beside]
    return float(np.linalg.norm(step))
