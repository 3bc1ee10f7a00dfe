"""Boards to calibrate on: where their points are, and what is dark on them.

Board axes are x right, y down, z into the board; the unit is the metre and the origin is the first
point. A `Shape` list is the only definition of a pattern: the PDF, the picture and the rendered
frames come from it. What is NOT here: drawing a board (`board_drawing`) and finding one in a frame
(`target_detectors`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError

__all__ = [
    "AprilGrid",
    "Checkerboard",
    "CircleGrid",
    "Shape",
    "Target",
    "parse_target",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TAG_BITS = 6  # 36h11: 6 x 6 data bits
TAG_COUNT = 587  # of the family 36h11


@dataclass(frozen=True)
class Shape:
    """A dark rectangle, or the dark ellipse inscribed in it, in board coordinates, m."""

    x: float
    y: float
    width: float
    height: float
    round: bool = False


class Target(Protocol):
    """A flat board with known points."""

    @property
    def points(self) -> Floats:
        """(N, 3) m, z = 0; a point's row is its identity."""
        ...

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """What is dark."""
        ...

    @property
    def outlines(self) -> Floats | None:
        """(N, P, 3) border of the blob around each point, m; None where points are corners."""
        ...

    @property
    def text(self) -> str:
        """The words that `parse_target` reads."""
        ...


@dataclass(frozen=True)
class Checkerboard:
    """Squares; the points are the inner corners.

    Attributes:
        rows: Inner corners from top to bottom, >= 3.
        columns: Inner corners from left to right, >= 3.
        square_m: Side of a square.

    Raises:
        ConfigError: Fewer than 3 rows or columns, or a length that is not positive.
    """

    rows: int
    columns: int
    square_m: float

    def __post_init__(self) -> None:
        _check_counts(self.rows, self.columns, least=3)
        check_positive(self.square_m, name="square_m")

    @property
    def points(self) -> Floats:
        """See `Target`."""
        return _lattice(self.rows, self.columns, self.square_m)

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """See `Target`; the square above and left of the first corner is dark."""
        s = self.square_m
        squares = ((r, c) for r in range(self.rows + 1) for c in range(self.columns + 1))
        return tuple(Shape((c - 1) * s, (r - 1) * s, s, s) for r, c in squares if (r + c) % 2 == 0)

    @property
    def outlines(self) -> None:
        """See `Target`."""
        return

    @property
    def text(self) -> str:
        """See `Target`."""
        return f"checkerboard:{self.rows}x{self.columns}:{self.square_m:g}"


@dataclass(frozen=True)
class CircleGrid:
    """Disks, or square holes, in a lattice; the points are their centres.

    Attributes:
        rows: From top to bottom, >= 3.
        columns: In a row, >= 3.
        spacing_m: Between centres of a row (symmetric), or of neighbouring rows and half columns
            (asymmetric: centres of one row are twice as far apart, odd rows are shifted).
        size_m: Diameter, or side of the square; half the spacing if not given.
        asymmetric: Every other row is shifted: seen upside down it is another board.
        square: Square holes instead of disks.

    Raises:
        ConfigError: Fewer than 3 rows or columns, a length that is not positive, or blobs that
            touch.
    """

    rows: int
    columns: int
    spacing_m: float
    size_m: float = 0.0
    asymmetric: bool = False
    square: bool = False

    def __post_init__(self) -> None:
        _check_counts(self.rows, self.columns, least=3)
        check_positive(self.spacing_m, name="spacing_m")
        room = self.spacing_m * (math.sqrt(2) if self.asymmetric else 1)
        if not 0 <= self.size_m < room:
            raise ConfigError(
                f"size_m must lie in [0, {room:g}) so that neighbours do not touch, "
                f"got {self.size_m!r}. Make the disks smaller or the spacing larger."
            )

    @property
    def blob_m(self) -> float:
        """Diameter or side of a blob."""
        return self.size_m or self.spacing_m / 2

    @property
    def cells(self) -> Ints:
        """(N, 2) lattice coordinates with unit neighbours: columns and rows, or the diagonals."""
        rows, columns = np.divmod(np.arange(self.rows * self.columns), self.columns)
        if not self.asymmetric:
            return np.stack([columns, rows], axis=1).astype(np.int64)
        x, y = 2 * columns + rows % 2, rows
        return np.stack([(x + y) // 2, (y - x) // 2], axis=1).astype(np.int64)

    @property
    def points(self) -> Floats:
        """See `Target`."""
        grid = _lattice(self.rows, self.columns, self.spacing_m)
        if self.asymmetric:
            rows = np.arange(self.rows * self.columns) // self.columns
            grid[:, 0] = 2 * grid[:, 0] + (rows % 2) * self.spacing_m
        return grid

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """See `Target`."""
        d = self.blob_m
        return tuple(
            Shape(float(x) - d / 2, float(y) - d / 2, d, d, not self.square)
            for x, y, _ in self.points
        )

    @property
    def outlines(self) -> Floats:
        """See `Target`: 48 points of each border."""
        angles = np.arange(48) * (2 * math.pi / 48)
        ring = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
        if self.square:
            ring /= np.abs(ring).max(axis=1, keepdims=True)
        return np.asarray(self.points[:, None] + ring * self.blob_m / 2)

    @property
    def text(self) -> str:
        """See `Target`."""
        kind = "squares" if self.square else "acircles" if self.asymmetric else "circles"
        return f"{kind}:{self.rows}x{self.columns}:{self.spacing_m:g}:{self.blob_m:g}"


@dataclass(frozen=True)
class AprilGrid:
    """AprilTags 36h11 with squares between their corners; the points are the tags' corners.

    A part of the board is enough: every tag says which it is. Numbering is Kalibr's: tag 0 is at
    the bottom left, tags follow to the right and then upwards.

    Attributes:
        rows: Tags from top to bottom.
        columns: Tags from left to right.
        tag_m: Side of a tag, its black border included.
        gap: Space between tags as a fraction of `tag_m`.
        border_bits: Width of the black border in bits; boards printed with Kalibr have 2.

    Raises:
        ConfigError: No tag, more tags than the family has, a length that is not positive, or a
            border of no bit.
    """

    rows: int
    columns: int
    tag_m: float
    gap: float = 0.3
    border_bits: int = 1

    def __post_init__(self) -> None:
        _check_counts(self.rows, self.columns, least=1)
        check_positive(self.tag_m, name="tag_m")
        check_positive(self.gap, name="gap")
        if self.rows * self.columns > TAG_COUNT:
            raise ConfigError(
                f"rows x columns must be at most {TAG_COUNT}, the tags of 36h11, "
                f"got {self.rows * self.columns}. Use fewer and larger tags."
            )
        if self.border_bits < 1:
            raise ConfigError(f"border_bits must be at least 1, got {self.border_bits}.")

    @property
    def tag_corners(self) -> Floats:
        """(T, 4, 2) m: top left, top right, bottom right, bottom left of every tag."""
        row, column = np.divmod(np.arange(self.rows * self.columns), self.columns)
        step = self.tag_m * (1 + self.gap)
        left, top = column * step, (self.rows - 1 - row) * step
        corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * self.tag_m
        return np.asarray(np.stack([left, top], axis=1)[:, None] + corners)

    @property
    def points(self) -> Floats:
        """See `Target`: corner k of tag t is point 4 t + k."""
        flat = self.tag_corners.reshape(-1, 2)
        return np.concatenate([flat, np.zeros((len(flat), 1))], axis=1)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """See `Target`."""
        return (*self._tag_shapes(), *self._corner_squares())

    def _tag_shapes(self) -> Iterator[Shape]:
        import cv2

        family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
        bits = TAG_BITS + 2 * self.border_bits
        cell = self.tag_m / bits
        for tag, corners in enumerate(self.tag_corners):
            picture = cv2.aruco.generateImageMarker(family, tag, bits, None, self.border_bits)
            for r, row in enumerate(np.asarray(picture) == 0):
                for start, length in _runs(row):
                    x, y = corners[0] + np.array([start, r]) * cell
                    yield Shape(float(x), float(y), length * cell, cell)

    def _corner_squares(self) -> Iterator[Shape]:
        side, step = self.tag_m * self.gap, self.tag_m * (1 + self.gap)
        for r in range(self.rows + 1):
            for c in range(self.columns + 1):
                yield Shape(c * step - side, r * step - side, side, side)

    @property
    def outlines(self) -> None:
        """See `Target`."""
        return

    @property
    def text(self) -> str:
        """See `Target`."""
        border = f":{self.border_bits}" if self.border_bits != 1 else ""
        return f"aprilgrid:{self.rows}x{self.columns}:{self.tag_m:g}:{self.gap:g}{border}"


def parse_target(text: str) -> Target:
    """The target that `text` names.

    Args:
        text: ``checkerboard:ROWSxCOLUMNS:SQUARE_M`` (inner corners), ``circles:RxC:SPACING_M``,
            ``acircles:...`` (asymmetric), ``squares:...`` (holes), each with ``[:SIZE_M]``, or
            ``aprilgrid:RxC:TAG_M[:GAP[:BORDER_BITS]]``.

    Raises:
        ConfigError: Another form, or numbers that no board has.

    Example:
        >>> parse_target("checkerboard:6x9:0.03")
        Checkerboard(rows=6, columns=9, square_m=0.03)
    """
    kind, *rest = text.split(":")
    makers: dict[str, Callable[..., Target]] = {
        "checkerboard": Checkerboard,
        "circles": CircleGrid,
        "acircles": lambda r, c, step, size=0.0: CircleGrid(r, c, step, size, asymmetric=True),
        "squares": lambda r, c, step, size=0.0: CircleGrid(r, c, step, size, square=True),
        "aprilgrid": lambda r, c, tag, gap=0.3, bits=1.0: AprilGrid(r, c, tag, gap, int(bits)),
    }
    lengths = {"checkerboard": (2,), "aprilgrid": (2, 3, 4)}.get(kind, (2, 3))
    try:
        rows, columns = (int(n) for n in rest[0].split("x"))
        numbers = [float(n) for n in rest[1:]]
        if kind not in makers or len(rest) not in lengths:
            raise ValueError(text)
    except (ValueError, IndexError) as err:
        raise ConfigError(
            f"target {text!r} is not of a known form. Expected checkerboard:6x9:0.03 (inner "
            "corners and metres), circles:4x5:0.06, acircles:11x4:0.02, squares:4x6:0.04 or "
            "aprilgrid:6x6:0.055:0.3."
        ) from err
    return makers[kind](rows, columns, *numbers)


def _check_counts(rows: int, columns: int, *, least: int) -> None:
    for name, count in (("rows", rows), ("columns", columns)):
        if isinstance(count, bool) or not isinstance(count, int) or count < least:
            raise ConfigError(f"{name} must be a whole number >= {least}, got {count!r}.")


def _lattice(rows: int, columns: int, step: float) -> Floats:
    row, column = np.divmod(np.arange(rows * columns), columns)
    return np.stack([column * step, row * step, 0.0 * row], axis=1)


def _runs(row: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and length of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]]).astype(np.int8)))
    return [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
