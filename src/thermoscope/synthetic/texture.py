"""Procedural texture of surfaces in the world: a value in [-1, 1] at every point.

A texture that fills space is looked up along the three axes and blended by the normal; one that
is laid (bricks, planks) follows its surface. Each pixel reads the tile at the resolution of its
own footprint, so that distant texture fades instead of flickering. A point in the world has the
same value from wherever it is seen, up to that footprint. What is NOT here: the drawings
(`texture_tiles`), and what a value means (albedo in `rgb`, kelvin in `heat`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive, check_shape
from thermoscope.synthetic.surface import XYZ, take
from thermoscope.synthetic.texture_tiles import FEATURES, PATTERNS, TILE, pattern_of, tile

__all__ = ["TextureSet", "smooth_noise", "texture", "texture_names"]

Floats = NDArray[np.float32]
Indices = NDArray[np.intp]
LEVELS = 8  # TILE, TILE/2 ... TILE/128
FULL_SCALE = 32767.0  # the atlas holds int16
STRIDE = 1024  # remap takes pictures, not lines
ACROSS = ((1, 2), (0, 2), (0, 1))  # the plane across each axis: on walls the height comes second
BLEND_FROM = 0.05  # projections with less weight are left out


def texture_names() -> list[str]:
    """All kinds of texture; "kind.a", "kind.b" and "kind.c" are variants, "kind" means "kind.a"."""
    return PATTERNS.names()


def texture(
    name: str,
    positions_m: Floats,
    seed: int,
    scale_m: float,
    *,
    normals: Floats | None = None,
    footprint_m: Floats | None = None,
) -> Floats:
    """One texture at points of the world.

    Args:
        name: "kind" or "kind.variant", see `texture_names`.
        positions_m: (N, 3) float32, m.
        seed: Shifts the texture: two surfaces with one seed continue each other.
        scale_m: Size of the largest feature, m, > 0.
        normals: (N, 3) unit normals of the surface; all upwards if not given.
        footprint_m: (N,) size on the surface, m, over which the value is averaged; 0 if not given.

    Returns:
        (N,) float32 in [-1, 1].

    Raises:
        UnknownNameError: No such texture.
        ConfigError: `scale_m` is not positive.
        ShapeError: `positions_m` is not (N, 3).

    Example:
        >>> texture("brick", np.zeros((2, 3), np.float32), seed=1, scale_m=0.25).shape
        (2,)
    """
    check_positive(scale_m, name="scale_m")
    check_shape(positions_m, "N 3", name="positions_m")
    count = len(positions_m)
    if normals is None:
        normals = np.broadcast_to(np.array([0, 0, 1], np.float32), (count, 3))
    if footprint_m is None:
        footprint_m = np.zeros(count, np.float32)
    table = TextureSet([name], [scale_m], [seed])
    rows = np.zeros(count, np.intp)
    return table.sample(rows, _lines(positions_m), _lines(normals), footprint_m)


class _Points(NamedTuple):
    """Points on surfaces: their row, pixels of the tile a metre, level, and coordinates in m."""

    row: Indices
    per_m: Floats
    level: Floats
    u: Floats
    v: Floats


class TextureSet:
    """One texture a row, to be read for many pixels of many rows at once.

    Args:
        names: Texture of each row.
        scales_m: Size of the largest feature of each row, m.
        seeds: Shift of each row.

    Raises:
        UnknownNameError: No such texture.
    """

    def __init__(
        self, names: Sequence[str], scales_m: Sequence[float], seeds: Sequence[int]
    ) -> None:
        slots = {name: slot for slot, name in enumerate(sorted(set(names)))}
        self._atlas = _atlas(tuple(slots))
        self._left = np.array([slots[name] * (TILE + 2) for name in names], np.float32)
        self._laid = np.array([pattern_of(name)[2].laid for name in names], np.bool_)
        self._per_m = (TILE / FEATURES / np.asarray(scales_m, np.float64)).astype(np.float32)
        self._shift = _shifts(seeds)

    def sample(self, rows: Indices, position: XYZ, normal: XYZ, footprint_m: Floats) -> Floats:
        """(N,) float32 in [-1, 1]: texture of row `rows` at each point.

        Args:
            rows: (N,) row of each point.
            position: Three lines (N,) float32, m.
            normal: Three lines (N,) float32, unit vectors.
            footprint_m: (N,) float32 size, m, over which the value is averaged.
        """
        per_m = self._per_m.take(rows)
        level = np.log2(np.maximum(footprint_m * per_m, 1.0))
        np.minimum(level, LEVELS - 1.001, out=level)
        value = np.zeros(len(rows), np.float32)
        laid = self._laid.take(rows)
        some = bool(laid.any())
        for axis, weight in enumerate(_axis_weights(normal)):
            chosen = np.flatnonzero((weight > 0) & ~laid if some else weight > 0)
            if len(chosen):
                u, v = (position[i].take(chosen) for i in ACROSS[axis])
                points = _Points(rows.take(chosen), per_m.take(chosen), level.take(chosen), u, v)
                value[chosen] += self._look_up(points) * weight.take(chosen)
        if some:
            chosen = np.flatnonzero(laid)
            u, v = _along_surface(take(position, chosen), take(normal, chosen))
            points = _Points(rows.take(chosen), per_m.take(chosen), level.take(chosen), u, v)
            value[chosen] = self._look_up(points)
        return value

    def _look_up(self, at: _Points) -> Floats:
        """Tile values of the points."""
        level = at.level
        left, shift = self._left.take(at.row), self._shift.take(at.row, 0)
        u, v = at.u * at.per_m + shift[:, 0], at.v * at.per_m + shift[:, 1]
        u -= np.floor(u * (1 / TILE)) * TILE
        v -= np.floor(v * (1 / TILE)) * TILE
        whole = np.floor(level)
        near = _read(self._atlas, u, v, left, whole)
        if not np.any(level):
            return near
        far = _read(self._atlas, u, v, left, whole + 1)
        far -= near
        far *= level - whole
        return near + far


def smooth_noise(position: XYZ, scale_m: float, seed: int) -> Floats:
    """(N,) float32 soft noise in about [-1, 1] at points of space, two octaves.

    It repeats every 32 `scale_m`. Use it for what varies over metres: damp, wear, wind.
    """
    shift = np.random.default_rng(seed).random(3).astype(np.float32) * NOISE_SIDE
    value = _read_volume(position, np.float32(1 / scale_m), shift)
    finer = _read_volume(position, np.float32(2.17 / scale_m), shift[::-1])
    finer *= 0.5
    value += finer
    return value


# -- the atlas -----------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _atlas(names: tuple[str, ...]) -> NDArray[np.int16]:
    """Tiles side by side, their smaller levels below; each framed by one pixel of its other side.

    Level k begins at row ``2 * (TILE - TILE / 2^k) + 2 k``.
    """
    height = int(_top(np.float32(LEVELS)))
    atlas = np.zeros((height, len(names) * (TILE + 2)), np.int16)
    for column, name in enumerate(names):
        picture = tile(name)
        for level in range(LEVELS):
            framed = np.pad(picture * FULL_SCALE, 1, mode="wrap")
            top, left, size = int(_top(np.float32(level))), column * (TILE + 2), len(framed)
            atlas[top : top + size, left : left + size] = np.rint(framed)
            half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
            picture = np.asarray(half, np.float32)
    return atlas


def _top(level: Floats | np.float32) -> Floats:
    return np.asarray(2 * (TILE - np.exp2(-level) * TILE) + 2 * level, np.float32)


def _read(atlas: NDArray[np.int16], u: Floats, v: Floats, left: Floats, level: Floats) -> Floats:
    """Bilinear value at tile pixel (u, v) in [0, TILE) of one level."""
    size = np.exp2(-level)
    x = u * size
    x += left
    x += 0.5
    y = v * size
    size *= 2 * TILE
    y -= size
    y += 2 * level
    y += 2 * TILE + 0.5
    value = np.asarray(remap_line(atlas, x, y), np.float32)
    value *= np.float32(1 / FULL_SCALE)
    return value


def remap_line(picture: NDArray[Any], x: Floats, y: Floats) -> NDArray[Any]:
    """cv2.remap of a line of points of any length."""
    count = len(x)
    rows = -(-count // STRIDE)
    padded = np.zeros((2, rows * STRIDE), np.float32)
    padded[0, :count], padded[1, :count] = x, y
    maps = padded.reshape(2, rows, STRIDE)
    out = cv2.remap(picture, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out).reshape(rows * STRIDE, *np.shape(out)[2:])[:count]


# -- coordinates ---------------------------------------------------------------------------------


def _shifts(seeds: Sequence[int]) -> Floats:
    """(rows, 2) pixel shift of each seed, by integer hashing: the same on every machine."""
    state = np.asarray(seeds, np.int64).astype(np.uint64)
    out = []
    for constant in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F):
        mixed = (state + np.uint64(1)) * np.uint64(constant)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        out.append((mixed >> np.uint64(55)).astype(np.float32))
    return np.asarray(np.stack(out, axis=-1) * (TILE / 512), np.float32)


def _lines(points: Floats) -> XYZ:
    x, y, z = np.ascontiguousarray(np.asarray(points, np.float32).T)
    return x, y, z


def _axis_weights(normal: XYZ) -> XYZ:
    """Weights of the projections along x, y and z: the fourth power of the normal, sum 1."""
    x, y, z = (np.square(np.square(line)) for line in normal)
    for weight in (x, y, z):
        weight[weight < BLEND_FROM] = 0
    share = 1 / np.maximum(x + y + z, np.float32(1e-6))
    return x * share, y * share, z * share


def _along_surface(position: XYZ, normal: XYZ) -> tuple[Floats, Floats]:
    """Coordinates (m): u horizontally along the surface, v up its slope; x and y where flat."""
    x, y, z = position
    nx, ny, nz = normal
    slope = np.hypot(nx, ny)
    level = slope < 0.05
    safe = np.where(level, np.float32(1), slope)
    u = (y * nx - x * ny) / safe
    v = z * safe - (x * nx + y * ny) / safe * nz
    return np.where(level, x, u), np.where(level, y, v)


# -- noise in space ------------------------------------------------------------------------------

NOISE_SIDE = 32  # cells of the noise volume a side; its slices lie in a 6 x 6 mosaic
MOSAIC = 6
FINER = 4  # pixels a cell: remap places points to 1/32 pixel only
LAYER_PX = FINER * (NOISE_SIDE + 2)


@lru_cache(maxsize=1)
def _noise_mosaic() -> Floats:
    """Slices of a seamless random volume, smoothed, framed by a cell of their other side."""
    rng = np.random.default_rng(7)
    volume = rng.standard_normal((NOISE_SIDE,) * 3)
    for axis in range(3):
        volume = volume + 0.5 * (np.roll(volume, 1, axis) + np.roll(volume, -1, axis))
    volume /= 2.2 * volume.std()
    framed = np.pad(np.clip(volume, -1, 1), ((0, 1), (3, 3), (3, 3)), mode="wrap")
    side = LAYER_PX
    mosaic = np.zeros((MOSAIC * side, MOSAIC * side), np.float32)
    for k, layer in enumerate(framed.astype(np.float32)):
        fine = cv2.resize(layer, None, fx=FINER, fy=FINER, interpolation=cv2.INTER_CUBIC)
        top, left = (k // MOSAIC) * side, (k % MOSAIC) * side
        edge = 2 * FINER
        mosaic[top : top + side, left : left + side] = fine[edge:-edge, edge:-edge]
    return mosaic


def _read_volume(position: XYZ, per_m: np.float32, shift: Floats) -> Floats:
    """Trilinear value of the noise volume, seamless; `per_m` cells a metre."""
    x, y, z = (_folded(line * per_m + by) for line, by in zip(position, shift, strict=True))
    layer = np.floor(z)
    z -= layer
    x += 1
    y += 1
    low = _read_layer(x, y, layer)
    layer += 1
    high = _read_layer(x, y, layer)
    high -= low
    high *= z
    high += low
    return high


def _folded(line: Floats) -> Floats:
    turns = line * np.float32(1 / NOISE_SIDE)
    np.floor(turns, out=turns)
    turns *= NOISE_SIDE
    line -= turns
    return line


def _read_layer(x: Floats, y: Floats, layer: Floats) -> Floats:
    row = np.floor((layer + np.float32(0.5)) * np.float32(1 / MOSAIC))
    column = layer - row * MOSAIC
    row *= NOISE_SIDE + 2
    row += y
    row *= FINER
    row -= 0.5
    column *= NOISE_SIDE + 2
    column += x
    column *= FINER
    column -= 0.5
    return np.asarray(remap_line(_noise_mosaic(), column, row), np.float32)
