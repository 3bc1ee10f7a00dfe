"""A smooth map of the plane through points: a homography that may bend.

Source: Bookstein, Principal warps: thin-plate splines and the decomposition of deformations,
PAMI 1989; smoothing after Wahba, Spline models for observational data, 1990.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ShapeError

__all__ = ["ThinPlate"]

Floats = NDArray[np.float64]
PIECE = 65536  # points at once: the table of distances stays small


@dataclass(frozen=True)
class ThinPlate:
    """Maps (N, 2) points of one plane to another.

    Attributes:
        knots: (K, 2) in units of `scale`.
        weights: (K + 3, 2): bending, then 1, x, y.
        origin: (2,) taken off first.
        scale: Unit of length of the knots.
    """

    knots: Floats
    weights: Floats
    origin: Floats
    scale: float

    @classmethod
    def fit(cls, source: Floats, target: Floats, *, smooth: float = 0.0) -> ThinPlate:
        """The plate that takes `source` to `target`, exactly if `smooth` is 0.

        Args:
            source: (K, 2), K >= 3, not on one line.
            target: (K, 2).
            smooth: Stiffness, in units where the points span about one; 1 is nearly affine.

        Raises:
            ShapeError: Other shapes, or fewer than 3 points.
        """
        if source.shape != target.shape or source.ndim != 2 or source.shape[1] != 2:
            raise ShapeError(
                f"source and target must be (K, 2), got {source.shape} and {target.shape}."
            )
        if len(source) < 3:
            raise ShapeError(f"a thin plate needs 3 points, got {len(source)}. Give more points.")
        origin, scale = source.mean(axis=0), float(np.ptp(source, axis=0).max()) or 1.0
        knots = (source - origin) / scale
        count = len(knots)
        system = np.zeros((count + 3, count + 3))
        system[:count, :count] = _bending(knots, knots) + smooth * np.eye(count)
        plane = np.column_stack([np.ones(count), knots])
        system[:count, count:], system[count:, :count] = plane, plane.T
        wanted = np.concatenate([target, np.zeros((3, 2))])
        weights = np.linalg.lstsq(system, wanted, rcond=None)[0]
        return cls(knots, weights, origin, scale)

    def __call__(self, points: Floats) -> Floats:
        """(N, 2) images of (N, 2) points."""
        parts = [self._map(points[i : i + PIECE]) for i in range(0, len(points), PIECE)]
        return np.concatenate(parts) if parts else np.empty((0, 2))

    def _map(self, points: Floats) -> Floats:
        places = (points - self.origin) / self.scale
        plane = np.column_stack([np.ones(len(places)), places])
        count = len(self.knots)
        bent = _bending(places, self.knots) @ self.weights[:count]
        return np.asarray(bent + plane @ self.weights[count:])


def _bending(a: Floats, b: Floats) -> Floats:
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    return np.asarray(0.5 * squared * np.log(np.maximum(squared, 1e-20)))
