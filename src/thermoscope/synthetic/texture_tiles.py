"""The picture behind each texture: seamless tiles of noise, cells, bricks and stripes.

A tile spans `FEATURES` of the texture's largest features in both directions and repeats without
a seam. Rows run downwards on walls, so a streak along the rows of a tile hangs vertically.
Variants "a", "b" and "c" are other drawings of the same kind: families of scenes (train, val,
test) never share one. What is NOT here: where a tile lands on a surface (`texture`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import UnknownNameError
from thermoscope.core.registry import Registry

__all__ = ["FEATURES", "PATTERNS", "TILE", "VARIANTS", "Pattern", "pattern_of", "tile"]

Tile = NDArray[np.float32]
Drawn = NDArray[Any]  # of either precision: `tile` makes it float32
Painter = Callable[[np.random.Generator, int], Drawn]

TILE = 512  # px, a power of two
FEATURES = 8  # largest features across a tile
VARIANTS = ("a", "b", "c")
ALIASES = {"leaves": "leaf", "metal": "brushed", "road_marking": "stain", "carpet": "fabric"}


class Pattern(NamedTuple):
    """How one kind of texture is drawn and put on a surface.

    Attributes:
        paint: Draws the tile from a random generator and the variant's number.
        laid: Courses follow the surface (bricks, planks); else the texture fills space.
    """

    paint: Painter
    laid: bool = False


PATTERNS: Registry[Pattern] = Registry("texture")


@lru_cache(maxsize=256)
def pattern_of(name: str) -> tuple[str, int, Pattern]:
    """Kind, number of the variant and pattern of a texture called "kind" or "kind.variant".

    Raises:
        UnknownNameError: No such kind or variant.

    Example:
        >>> pattern_of("brick.b")[:2]
        ('brick', 1)
    """
    kind, _, variant = name.partition(".")
    kind = ALIASES.get(kind, kind)
    variant = variant or VARIANTS[0]
    if variant not in VARIANTS:
        raise UnknownNameError("texture variant", variant, VARIANTS)
    return kind, VARIANTS.index(variant), PATTERNS.get(kind)


@lru_cache(maxsize=128)
def tile(name: str) -> Tile:
    """The (TILE, TILE) float32 tile of a texture, in [-1, 1] with mean 0; do not write to it.

    Raises:
        UnknownNameError: No such texture.
    """
    kind, variant, pattern = pattern_of(name)
    rng = np.random.default_rng([variant, *kind.encode()])
    values = pattern.paint(rng, variant)
    values = values - values.mean()
    values /= max(2.6 * float(values.std()), 1e-6)
    return np.asarray(np.clip(values, -1, 1), np.float32)


# -- building blocks -----------------------------------------------------------------------------


def _noise(
    rng: np.random.Generator,
    slope: float,
    *,
    low: float = 2.0,
    high: float = TILE / 2,
    stretch: float = 1.0,
) -> Tile:
    """Seamless Gaussian noise of unit deviation with a power spectrum f^-slope.

    `low` and `high` bound the frequency in cycles a tile; `stretch` > 1 draws streaks along the
    rows' axis (vertical on walls), < 1 across it.
    """
    fy = np.fft.fftfreq(TILE, 1 / TILE)[:, None] * np.sqrt(stretch)
    fx = np.fft.rfftfreq(TILE, 1 / TILE)[None, :] / np.sqrt(stretch)
    frequency = np.hypot(fy, fx)
    inside = (frequency >= low) & (frequency <= high)
    gain = np.where(inside, np.maximum(frequency, 1.0) ** (-slope / 2), 0.0)
    spectrum = np.fft.rfft2(rng.standard_normal((TILE, TILE))) * gain
    field = np.fft.irfft2(spectrum, (TILE, TILE))
    return np.asarray(field / field.std(), np.float32)


def _cells(rng: np.random.Generator, count: int) -> tuple[Tile, Tile]:
    """`count` seamless Voronoi cells: distance to the border, 0 to about 1, and a random shade."""
    import cv2

    seeds = np.full((3 * TILE, 3 * TILE), 255, np.uint8)
    at = rng.integers(0, TILE, (count, 2))
    for row in range(3):
        for column in range(3):
            seeds[at[:, 0] + row * TILE, at[:, 1] + column * TILE] = 0
    distance, label = cv2.distanceTransformWithLabels(
        seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    middle = slice(TILE, 2 * TILE)
    owner = np.zeros(int(label.max()) + 1, np.int64)
    for row in range(3):
        for column in range(3):
            owner[label[at[:, 0] + row * TILE, at[:, 1] + column * TILE]] = np.arange(count)
    shade = rng.standard_normal(count)[owner[label[middle, middle]]]
    reach = TILE / np.sqrt(count)
    border = 1 - distance[middle, middle] / (0.75 * reach)
    return border.astype(np.float32), shade.astype(np.float32)


def _cracks(rng: np.random.Generator, width: float = 0.03) -> Tile:
    """Thin lines, 1 on the line and 0 elsewhere, in some places only."""
    line = np.exp(-((_noise(rng, 3.2) / width) ** 2))
    return np.asarray(line * np.clip(_noise(rng, 3.0) - 0.4, 0, 1), np.float32)


def _courses(
    rng: np.random.Generator, columns: int, rows: int, *, shift: float, joint: float
) -> tuple[Tile, Tile, Tile]:
    """Rows of blocks: joint mask (1 = joint), random shade of each block, height in the course.

    `shift` moves every second course by that share of a block, `joint` is in shares of a course.
    """
    v, u = np.mgrid[0:TILE, 0:TILE].astype(np.float32) / TILE
    course = np.floor(v * rows)
    across = u * columns + shift * (course % 2)
    within_u, within_v = across % 1, (v * rows) % 1
    half = joint / 2
    gap_u = np.minimum(within_u, 1 - within_u) * rows / columns < half * rows / columns * 0.6
    gap_v = np.minimum(within_v, 1 - within_v) < half
    block = course.astype(np.int64) * columns + np.floor(across).astype(np.int64) % columns
    shade = rng.standard_normal(rows * columns)[block]
    mask = (gap_u | gap_v).astype(np.float32)
    return mask, shade.astype(np.float32), within_v.astype(np.float32)


def _ramp(cycles: int, *, vertical: bool = False) -> Tile:
    """Phase, in cycles, of stripes: `cycles` of them across the tile."""
    line = np.arange(TILE, dtype=np.float32) * (cycles / TILE)
    field = line[:, None] if vertical else line[None, :]
    return np.broadcast_to(field, (TILE, TILE))


# -- textures that fill space --------------------------------------------------------------------


def _solid(name: str) -> Callable[[Painter], Painter]:
    return _register(name, laid=False)


def _laid(name: str) -> Callable[[Painter], Painter]:
    return _register(name, laid=True)


def _register(name: str, *, laid: bool) -> Callable[[Painter], Painter]:
    def register(paint: Painter) -> Painter:
        PATTERNS.add(name, Pattern(paint, laid))
        return paint

    return register


@_solid("plain")
def _plain(rng: np.random.Generator, variant: int) -> Drawn:
    return _noise(rng, 2.4 + 0.3 * variant)


@_solid("asphalt")
def _asphalt(rng: np.random.Generator, variant: int) -> Drawn:
    grain = _noise(rng, 0.8 + 0.2 * variant, low=40)
    worn = _noise(rng, 2.8, low=2, high=40)
    return (0.8, 0.6, 1.0)[variant] * grain + worn - (4.0, 7.0, 1.5)[variant] * _cracks(rng)


@_solid("concrete")
def _concrete(rng: np.random.Generator, variant: int) -> Drawn:
    pores = np.maximum(_noise(rng, 0.6, low=50) - 1.8, 0)
    return np.asarray(_noise(rng, 2.2 + 0.3 * variant, low=3) - (1.0, 0.4, 1.6)[variant] * pores)


@_solid("stain")
def _stain(rng: np.random.Generator, variant: int) -> Drawn:
    drips = _noise(rng, 2.0, low=4, stretch=(6.0, 2.0, 12.0)[variant])
    return _noise(rng, 2.6, low=3) + (0.7, 0.5, 1.0)[variant] * drips


@_solid("dust")
def _dust(rng: np.random.Generator, variant: int) -> Drawn:
    specks = np.maximum(_noise(rng, 0.5, low=60) - 1.6 + 0.2 * variant, 0)
    return np.asarray(_noise(rng, 2.6, low=2, stretch=2.0) + specks)


@_solid("soil")
def _soil(rng: np.random.Generator, variant: int) -> Drawn:
    return _noise(rng, (1.7, 1.4, 2.0)[variant], low=4) - np.abs(_noise(rng, 2.2, low=8))


@_solid("grass")
def _grass(rng: np.random.Generator, variant: int) -> Drawn:
    blades = _noise(rng, 0.9, low=40, stretch=(2.5, 1.5, 4.0)[variant])
    tufts = _noise(rng, 1.6, low=8, high=90)
    return 0.8 * blades + tufts + 0.7 * _noise(rng, 2.5, high=12)


@_solid("gravel")
def _gravel(rng: np.random.Generator, variant: int) -> Drawn:
    border, shade = _cells(rng, (3600, 2200, 5600)[variant])
    return 0.5 * shade + 1.2 * np.sqrt(np.clip(border, 0, 1))


@_solid("snow")
def _snow(rng: np.random.Generator, variant: int) -> Drawn:
    return _noise(rng, 3.0 - 0.3 * variant) + 0.25 * _noise(rng, 0.5, low=60)


@_solid("rock")
def _rock(rng: np.random.Generator, variant: int) -> Drawn:
    layered = _noise(rng, 2.2, low=4, stretch=(1.0, 0.25, 0.5)[variant])
    ridges = 1 - np.abs(_noise(rng, 2.4, low=6))
    return layered + 0.8 * ridges - 5 * _cracks(rng, 0.05)


@_solid("water")
def _water(rng: np.random.Generator, variant: int) -> Drawn:
    return _noise(rng, (2.4, 1.8, 2.8)[variant], low=8, stretch=0.4)


@_solid("forest")
def _forest(rng: np.random.Generator, variant: int) -> Drawn:
    border, shade = _cells(rng, (260, 420, 180)[variant])
    return np.asarray(np.clip(border, -0.2, 1) * 1.5 + 0.4 * shade + 0.5 * _noise(rng, 1.2, low=20))


@_solid("leaf")
def _leaf(rng: np.random.Generator, variant: int) -> Drawn:
    border, shade = _cells(rng, (2200, 1300, 3400)[variant])
    clusters = _noise(rng, 1.8, low=5, high=50)
    return 0.6 * shade + np.clip(border, -0.5, 1) + 0.9 * clusters


@_solid("bark")
def _bark(rng: np.random.Generator, variant: int) -> Drawn:
    furrows = np.abs(_noise(rng, 1.8, low=10, stretch=(8.0, 4.0, 14.0)[variant]))
    return np.asarray(np.sqrt(furrows) + 0.3 * _noise(rng, 1.5, low=20))


@_solid("wood")
def _wood(rng: np.random.Generator, variant: int) -> Drawn:
    rings = np.sin(2 * np.pi * (_ramp(8 * (2 + variant)) + 0.8 * _noise(rng, 3.0, stretch=16.0)))
    return 0.6 * rings + _noise(rng, 1.6, low=6, stretch=30.0)


@_solid("fabric")
def _fabric(rng: np.random.Generator, variant: int) -> Drawn:
    folds = _noise(rng, 2.8, low=4, stretch=(3.0, 1.5, 5.0)[variant])
    weave = np.sin(2 * np.pi * _ramp(96)) * np.sin(2 * np.pi * _ramp(96, vertical=True))
    stripes = np.sign(np.sin(2 * np.pi * _ramp(24, vertical=True))) if variant == 1 else 0.0
    return np.asarray(folds + 0.35 * weave + 0.4 * stripes)


@_solid("fur")
def _fur(rng: np.random.Generator, variant: int) -> Drawn:
    strands = _noise(rng, 1.2, low=24, stretch=(5.0, 9.0, 3.0)[variant])
    return strands + 0.8 * _noise(rng, 2.4, low=3, high=30)


@_solid("brushed")
def _brushed(rng: np.random.Generator, variant: int) -> Drawn:
    lines = _noise(rng, 1.0, low=10, stretch=(0.03, 0.08, 0.015)[variant])
    return lines + 0.9 * _noise(rng, 2.8)


@_solid("cloud")
def _cloud(rng: np.random.Generator, variant: int) -> Drawn:
    billows = 1 - np.abs(_noise(rng, 2.6, low=5))
    bands = _noise(rng, 2.4, low=6, stretch=(1.0, 0.15, 0.5)[variant])
    return 0.7 * billows + bands + _noise(rng, 3.0, low=2)


# -- textures laid in courses along the surface --------------------------------------------------


@_laid("brick")
def _brick(rng: np.random.Generator, variant: int) -> Drawn:
    columns, rows, shift = ((8, 26, 0.5), (6, 16, 0.5), (10, 28, 0.25))[variant]
    joint, shade, _ = _courses(rng, columns, rows, shift=shift, joint=0.14)
    face = 0.5 * shade + 0.4 * _noise(rng, 1.4, low=12)
    return np.where(joint > 0, (1.6, 1.2, -1.4)[variant], face)


@_laid("tiles")
def _tiles(rng: np.random.Generator, variant: int) -> Drawn:
    columns, rows, shift = ((8, 8, 0.0), (8, 16, 0.5), (12, 8, 0.5))[variant]
    joint, shade, height = _courses(rng, columns, rows, shift=shift, joint=0.07)
    face = 0.5 * shade + 0.35 * _noise(rng, 1.8, low=8) - 0.6 * height
    return np.where(joint > 0, -2.0, face)


@_laid("panels")
def _panels(rng: np.random.Generator, variant: int) -> Drawn:
    columns, rows, shift = ((8, 8, 0.0), (4, 12, 0.0), (8, 10, 0.5))[variant]
    joint, shade, _ = _courses(rng, columns, rows, shift=shift, joint=0.03)
    face = 0.6 * shade + 0.5 * _noise(rng, 2.4, low=6, stretch=5.0)
    return np.where(joint > 0, -2.2, face)


@_laid("planks")
def _planks(rng: np.random.Generator, variant: int) -> Drawn:
    columns, rows, shift = ((2, 8, 0.5), (1, 10, 0.5), (4, 8, 0.5))[variant]
    joint, shade, _ = _courses(rng, columns, rows, shift=shift, joint=0.05)
    grain = _noise(rng, 1.6, low=8, stretch=0.04)
    return np.where(joint > 0, -2.0, 0.6 * shade + 0.5 * grain)


@_laid("corrugated")
def _corrugated(rng: np.random.Generator, variant: int) -> Drawn:
    phase = 2 * np.pi * _ramp((24, 16, 32)[variant])
    profile = np.sin(phase) if variant != 1 else np.tanh(3 * np.sin(phase))
    return np.asarray(profile + 0.5 * _noise(rng, 2.4, low=3, stretch=8.0))


@_laid("rows")
def _rows(rng: np.random.Generator, variant: int) -> Drawn:
    phase = 2 * np.pi * (_ramp((8, 12, 6)[variant]) + 0.06 * _noise(rng, 3.0, high=20))
    return 1.1 * np.sin(phase) + 0.6 * _noise(rng, 1.3, low=10)


@_laid("books")
def _books(rng: np.random.Generator, variant: int) -> Drawn:
    columns, rows, shift = ((40, 2, 0.3), (28, 2, 0.3), (52, 2, 0.3))[variant]
    _, shade, height = _courses(rng, columns, rows, shift=shift, joint=0.02)
    return np.where(height < 0.12, -2.0, shade)
