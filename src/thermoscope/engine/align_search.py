"""First guess: every turn and size, every shift, on small pictures; then blocks, finer and finer.

A homography here takes thermal pixels to RGB pixels, both of a stated working width. What is NOT
here: whether the answer can be trusted (`align`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.engine.align_structure import structure

__all__ = ["BlockMatches", "Guess", "coarse_guesses", "mapped", "match_blocks", "unscaled"]

Floats = NDArray[np.float64]
Planes = NDArray[np.float32]

COARSE_PX = 96  # width of the pictures of the first guess
TURNS_DEG = tuple(range(-24, 25, 6))
SIZES = tuple(1.13**n for n in range(-4, 5))  # 0.61 to 1.63
LEAST_OVERLAP = 0.45


@dataclass(frozen=True)
class Guess:
    """A candidate: (3, 3) homography from thermal to RGB, and how alike the pictures look."""

    matrix: Floats
    score: float


@dataclass(frozen=True)
class BlockMatches:
    """Blocks of the thermal picture found again.

    Attributes:
        thermal: (N, 2) px.
        rgb: (N, 2) px.
        score: (N,) correlation of each, at most 1.
        margin: (N,) how much better than the best place elsewhere.
    """

    thermal: Floats
    rgb: Floats
    score: Floats
    margin: Floats


def mapped(matrix: Floats, points: Floats) -> Floats:
    """(N, 2) points through a homography."""
    ends = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ matrix.T
    return np.asarray(ends[:, :2] / ends[:, 2:])


def coarse_guesses(thermal: Planes, rgb: Planes, *, count: int = 4) -> list[Guess]:
    """The best similarities between two grey pictures, best first.

    Args:
        thermal: (H, W) grey.
        rgb: (h, w) grey.
        count: How many; near-equal ones count once.

    Returns:
        Homographies in pixels of the given pictures.
    """
    scale_t, scale_r = COARSE_PX / thermal.shape[1], COARSE_PX / rgb.shape[1]
    small_t = cv2.resize(thermal, None, fx=scale_t, fy=scale_t, interpolation=cv2.INTER_AREA)
    small_r = np.asarray(
        cv2.resize(rgb, None, fx=scale_r, fy=scale_r, interpolation=cv2.INTER_AREA), np.float32
    )
    fixed = structure(np.asarray(small_t, np.float32))
    fixed = fixed - fixed.mean(axis=(0, 1))
    shape = tuple(
        cv2.getOptimalDFTSize(2 * max(a, b))
        for a, b in zip(small_t.shape, small_r.shape, strict=True)
    )
    waves = np.fft.rfft2(fixed, s=shape, axes=(0, 1))
    energy = np.fft.rfft2((fixed**2).sum(axis=2), s=shape)
    full = np.fft.rfft2(np.ones(fixed.shape[:2]), s=shape)
    found: list[Guess] = []
    for turn in TURNS_DEG:
        for size in SIZES:
            guess = _best_shift(
                small_r,
                (waves, energy, full),
                turn_deg=turn,
                size=size,
                shape=shape,
                extent=fixed.shape,
            )
            found.append(guess)
    found.sort(key=lambda g: -g.score)
    to_t, to_r = np.linalg.inv(unscaled(scale_t)), unscaled(scale_r)
    return [Guess(to_r @ g.matrix @ to_t, g.score) for g in found[:count]]


def unscaled(scale: float) -> Floats:
    """(3, 3) from pixels of a picture resized by `scale` to those it had; whole = at centres.

    Example:
        >>> (unscaled(0.5) @ [0.0, 0.0, 1.0])[:2].tolist()  # amid the first two pixels
        [0.5, 0.5]
    """
    shift = 0.5 / scale - 0.5
    return np.array([[1 / scale, 0, shift], [0, 1 / scale, shift], [0, 0, 1.0]])


def _best_shift(
    rgb: Planes,
    waves: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    *,
    turn_deg: float,
    size: float,
    shape: tuple[int, ...],
    extent: tuple[int, ...],
) -> Guess:
    """The shift at which the turned and resized RGB picture is most like the thermal one."""
    height, width = extent[:2]
    h, w = rgb.shape
    turn = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), turn_deg, size)
    turn[:, 2] += ((width - w) / 2, (height - h) / 2)
    moved = cv2.warpAffine(
        rgb, turn, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    mask = cv2.warpAffine(np.ones_like(rgb), turn, (width, height), flags=cv2.INTER_NEAREST)
    planes = structure(np.asarray(moved, np.float32)) * mask[..., None]
    mean = planes.sum(axis=(0, 1)) / max(float(mask.sum()), 1.0)
    planes = (planes - mean) * mask[..., None]
    other = np.conj(np.fft.rfft2(planes, s=shape, axes=(0, 1)))
    likeness = np.fft.irfft2((waves[0] * other).sum(axis=2), s=shape)
    e_t = np.fft.irfft2(waves[1] * np.conj(np.fft.rfft2(mask, s=shape)), s=shape)
    e_r = np.fft.irfft2(waves[2] * np.conj(np.fft.rfft2((planes**2).sum(axis=2), s=shape)), s=shape)
    overlap = np.fft.irfft2(waves[2] * np.conj(np.fft.rfft2(mask, s=shape)), s=shape)
    enough = overlap > LEAST_OVERLAP * width * height
    score = likeness / np.sqrt(np.maximum(e_t, 1e-3) * np.maximum(e_r, 1e-3))
    share = np.sqrt(np.clip(overlap / (width * height), 0, 1))
    score = np.where(enough, score * share, -1.0)
    row, column = np.unravel_index(int(np.argmax(score)), score.shape)
    dy = row - shape[0] if row > shape[0] // 2 else row
    dx = column - shape[1] if column > shape[1] // 2 else column
    forward = np.vstack([turn, [0, 0, 1]])
    forward[:2, 2] += (dx, dy)
    return Guess(np.linalg.inv(forward), float(score[row, column]))


def match_blocks(
    thermal: Planes, rgb: Planes, matrix: Floats, *, block_px: int, reach_px: int, step_px: int
) -> BlockMatches:
    """Blocks of the thermal picture, each searched for around where the homography puts it.

    Args:
        thermal: (H, W) grey.
        rgb: (h, w) grey.
        matrix: (3, 3) homography from thermal to RGB.
        block_px: Side of a block.
        reach_px: How far to search, to each side.
        step_px: Between blocks.
    """
    height, width = thermal.shape
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpPerspective(
        rgb, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    seen = cv2.warpPerspective(
        np.ones_like(rgb), matrix, (width, height), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    fixed, other = _centred(thermal), _centred(np.asarray(moved, np.float32))
    energy = cv2.boxFilter(
        (other**2).sum(axis=2), -1, (block_px, block_px), anchor=(0, 0), normalize=False
    )
    rest = block_px + 2 * reach_px
    places, rows = [], []
    for y in range(0, height - rest + 1, step_px):
        for x in range(0, width - rest + 1, step_px):
            if seen[y : y + rest, x : x + rest].mean() < 0.95:
                continue
            inner = fixed[y + reach_px :, x + reach_px :][:block_px, :block_px]
            if float(inner.std()) < 0.05:
                continue
            power = energy[y : y + rest - block_px + 1, x : x + rest - block_px + 1]
            found = _peak(_correlation(other[y : y + rest, x : x + rest], inner, power))
            if found is None:
                continue
            dx, dy, score, margin = found
            middle = (x + reach_px + (block_px - 1) / 2, y + reach_px + (block_px - 1) / 2)
            places.append(middle)
            rows.append((middle[0] + dx - reach_px, middle[1] + dy - reach_px, score, margin))
    if not places:
        empty = np.empty((0, 2))
        return BlockMatches(empty, empty, np.empty(0), np.empty(0))
    table = np.array(rows)
    return BlockMatches(np.array(places), mapped(matrix, table[:, :2]), table[:, 2], table[:, 3])


def _centred(grey: Planes) -> Planes:
    planes = structure(grey)
    return np.asarray(planes - planes.mean(axis=(0, 1)), np.float32)


def _correlation(area: Planes, inner: Planes, power: Planes) -> Floats:
    """Normalised correlation of all directions together, for every shift."""
    products = cv2.matchTemplate(
        np.ascontiguousarray(area), np.ascontiguousarray(inner), cv2.TM_CCORR
    )
    own = float((inner**2).sum())
    return np.asarray(products / np.sqrt(np.maximum(power * own, 1e-6)), np.float64)


def _peak(surface: Floats) -> tuple[float, float, float, float] | None:
    """Column, row, height and margin of the highest place; None on the rim."""
    row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
    last_row, last_column = surface.shape[0] - 1, surface.shape[1] - 1
    if (
        row in (0, last_row)
        or column in (0, last_column)
        or not math.isfinite(surface[row, column])
    ):
        return None
    best = float(surface[row, column])
    away = surface.copy()
    away[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = -1.0
    return (
        column + _vertex(*surface[row, column - 1 : column + 2]),
        row + _vertex(*surface[row - 1 : row + 2, column]),
        best,
        best - float(away.max()),
    )


def _vertex(left: float, middle: float, right: float) -> float:
    """Where the parabola through three values peaks, from -0.5 to 0.5."""
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5))
