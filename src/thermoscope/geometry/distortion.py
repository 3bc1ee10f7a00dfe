"""Lens models on the plane at unit focal length, and exactly where each can be inverted.

A lens maps directions to normalised image coordinates (pixels with principal point 0 and focal
length 1). A polynomial fitted inside the picture turns back somewhere outside it: the first
stationary radius is the border of the domain, and nothing beyond it is called valid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray

__all__ = ["BrownLens", "FisheyeLens", "Lens", "PinholeLens", "lens_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NEWTON_STEPS = 30
CONVERGED = 1e-10  # residual, focal lengths: 1e-7 px at a focal length of 1000 px
SETTLED = 1e-13  # Newton doubles its digits: the step after this one is below float precision
TABLE_SIZE = 512


class Lens(Protocol):
    """Directions to normalised image coordinates and back."""

    def distort(self, points: Floats) -> tuple[Floats, Bools]:
        """Normalised coordinates (..., 2) of directions (..., 3), any value where not valid."""
        ...

    def undistort(self, plane: Floats) -> tuple[Floats, Bools]:
        """Unit directions (..., 3) of normalised coordinates (..., 2)."""
        ...


def lens_of(model: str, distortion: tuple[float, ...]) -> Lens:
    """The lens of a camera model; a radtan lens without distortion is a pinhole."""
    if model == "fisheye":
        return FisheyeLens.of(distortion)
    return BrownLens.of(distortion) if any(distortion) else PinholeLens()


@dataclass(frozen=True)
class PinholeLens:
    """Central projection: x / z, y / z, for z > 0."""

    def distort(self, points: Floats) -> tuple[Floats, Bools]:
        """See `Lens.distort`."""
        valid = np.asarray(np.isfinite(points).all(axis=-1) & (points[..., 2] > 0))
        plane = _divide(points[..., :2], np.where(valid, points[..., 2], 1.0), valid)
        return plane, np.asarray(valid & np.isfinite(plane).all(axis=-1))

    def undistort(self, plane: Floats) -> tuple[Floats, Bools]:
        """See `Lens.undistort`."""
        valid = np.asarray(np.isfinite(plane).all(axis=-1))
        return _unit(np.where(valid[..., None], plane, 0.0)), valid


@dataclass(frozen=True)
class BrownLens:
    """Radial polynomial or rational, plus tangential: k1 k2 p1 p2 k3 k4 k5 k6.

    Attributes:
        k: Eight coefficients.
        radius_max: Undistorted radius of the first fold or pole; infinite if there is none.
    """

    k: tuple[float, ...]
    radius_max: float

    @classmethod
    def of(cls, distortion: tuple[float, ...]) -> BrownLens:
        """From 4, 5 or 8 coefficients."""
        k = (*map(float, distortion), *([0.0] * (8 - len(distortion))))
        k1, k2, _, _, k3, k4, k5, k6 = k
        s = Polynomial([0, 1])  # squared radius
        top, bottom = Polynomial([1, k1, k2, k3]), Polynomial([1, k4, k5, k6])
        slope = top * bottom + 2 * s * (top.deriv() * bottom - top * bottom.deriv())
        return cls(k, math.sqrt(min(_first_root(slope), _first_root(bottom))))

    def _radial(self, s: Floats) -> tuple[Floats, Floats]:
        """Factor on the radius, and its derivative by the squared radius `s`."""
        k1, k2, _, _, k3, k4, k5, k6 = self.k
        top, bottom = 1 + s * (k1 + s * (k2 + s * k3)), 1 + s * (k4 + s * (k5 + s * k6))
        top_slope, bottom_slope = k1 + s * (2 * k2 + s * 3 * k3), k4 + s * (2 * k5 + s * 3 * k6)
        return top / bottom, (top_slope * bottom - top * bottom_slope) / bottom**2

    def _map(self, x: Floats, y: Floats) -> tuple[Floats, Floats, tuple[Floats, Floats, Floats]]:
        """Distorted coordinates, and the Jacobian (xx, xy = yx, yy), which is symmetric."""
        p1, p2 = self.k[2], self.k[3]
        s = x * x + y * y
        radial, slope = self._radial(s)
        u = x * radial + 2 * p1 * x * y + p2 * (s + 2 * x * x)
        v = y * radial + p1 * (s + 2 * y * y) + 2 * p2 * x * y
        xx = radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
        xy = 2 * x * y * slope + 2 * p1 * x + 2 * p2 * y
        yy = radial + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x
        return u, v, (xx, xy, yy)

    def _one_to_one(self, x: Floats, y: Floats, jacobian: tuple[Floats, ...]) -> Bools:
        xx, xy, yy = jacobian
        inside = np.hypot(x, y) < self.radius_max
        return np.asarray(inside & (xx * yy - xy * xy > 0) & (xx + yy > 0))

    def distort(self, points: Floats) -> tuple[Floats, Bools]:
        """See `Lens.distort`."""
        plane, valid = PinholeLens().distort(points)
        valid = valid & (np.hypot(plane[..., 0], plane[..., 1]) < self.radius_max)
        x, y = np.moveaxis(np.where(valid[..., None], plane, 0.0), -1, 0)
        with np.errstate(over="ignore", invalid="ignore"):
            u, v, jacobian = self._map(x, y)
            valid = valid & self._one_to_one(x, y, jacobian) & np.isfinite(u) & np.isfinite(v)
        return np.stack([u, v], axis=-1), valid

    def undistort(self, plane: Floats) -> tuple[Floats, Bools]:
        """See `Lens.undistort`; Newton in the plane from a tabulated radial inverse."""
        finite = np.asarray(np.isfinite(plane).all(axis=-1))
        u, v = np.moveaxis(np.where(finite[..., None], plane, 0.0), -1, 0)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            x, y = self._first_guess(u, v)
            for _ in range(NEWTON_STEPS):
                x, y, step = self._newton(x, y, u, v)
                if not step > SETTLED:
                    break
            back_u, back_v, jacobian = self._map(x, y)
            miss = np.hypot(back_u - u, back_v - v)
            close = miss <= CONVERGED * np.maximum(1.0, np.hypot(u, v))
            valid = finite & close & self._one_to_one(x, y, jacobian)
        return _unit(np.where(valid[..., None], np.stack([x, y], axis=-1), 0.0)), valid

    def _first_guess(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        distorted = np.hypot(u, v)
        end = self.radius_max if math.isfinite(self.radius_max) else 1.0
        wanted = float(distorted.max(initial=0.0))
        for _ in range(64):  # without a fold the radius grows without bound
            reach = end * float(self._radial(np.asarray(end * end))[0])
            if reach >= wanted or math.isfinite(self.radius_max):
                break
            end *= 2
        radius = _inverse_by_table(
            lambda r: r * self._radial(r * r)[0], end=end * (1 - 1e-9), values=distorted
        )
        scale = np.where(distorted > 0, radius / np.where(distorted > 0, distorted, 1.0), 1.0)
        return u * scale, v * scale

    def _newton(self, x: Floats, y: Floats, u: Floats, v: Floats) -> tuple[Floats, Floats, float]:
        """One step, kept inside the domain, and the longest step relative to the point."""
        at_u, at_v, (xx, xy, yy) = self._map(x, y)
        determinant = xx * yy - xy * xy
        du, dv = u - at_u, v - at_v
        dx, dy = (yy * du - xy * dv) / determinant, (xx * dv - xy * du) / determinant
        good = np.isfinite(dx) & np.isfinite(dy)
        new_x, new_y = x + np.where(good, dx, 0.0), y + np.where(good, dy, 0.0)
        radius, new_radius = np.hypot(x, y), np.hypot(new_x, new_y)
        limit = (radius + self.radius_max) / 2  # half the way to the fold at most
        shrink = np.where(new_radius > limit, limit / np.maximum(new_radius, 1e-300), 1.0)
        new_x, new_y = new_x * shrink, new_y * shrink
        moved = np.hypot(new_x - x, new_y - y) / np.maximum(radius, 1.0)
        return new_x, new_y, float(moved.max(initial=0.0))


@dataclass(frozen=True)
class FisheyeLens:
    """Radius by angle: ``theta * (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8)``.

    Directions behind the image plane are seen too, up to the first fold or 180 degrees off axis.

    Attributes:
        k: Four coefficients.
        angle_max: Angle off axis where the domain ends, rad, at most pi.
    """

    k: tuple[float, ...]
    angle_max: float

    @classmethod
    def of(cls, distortion: tuple[float, ...]) -> FisheyeLens:
        """From 4 coefficients."""
        k = tuple(map(float, distortion))
        slope = Polynomial([1, 3 * k[0], 5 * k[1], 7 * k[2], 9 * k[3]])
        return cls(k, min(math.sqrt(_first_root(slope)), math.pi))

    def _radius(self, angle: Floats) -> Floats:
        k1, k2, k3, k4 = self.k
        s = angle * angle
        return angle * (1 + s * (k1 + s * (k2 + s * (k3 + s * k4))))

    def _slope(self, angle: Floats) -> Floats:
        k1, k2, k3, k4 = self.k
        s = angle * angle
        return 1 + s * (3 * k1 + s * (5 * k2 + s * (7 * k3 + s * 9 * k4)))

    def distort(self, points: Floats) -> tuple[Floats, Bools]:
        """See `Lens.distort`."""
        finite = np.asarray(np.isfinite(points).all(axis=-1))
        xyz = np.where(finite[..., None], points, 0.0)
        # A common length near 1 keeps the squares of hypot in range.
        longest = np.abs(xyz).max(axis=-1)
        xyz = xyz / np.where(longest > 0, longest, 1.0)[..., None]
        side = np.hypot(xyz[..., 0], xyz[..., 1])
        angle = np.arctan2(side, xyz[..., 2])
        valid = finite & (longest > 0) & (angle < self.angle_max)
        # On the axis the ratio radius / side tends to 1 / z.
        depth = np.where(xyz[..., 2] > 0, xyz[..., 2], 1.0)
        scale = np.where(side > 0, self._radius(angle) / np.where(side > 0, side, 1.0), 1 / depth)
        return xyz[..., :2] * scale[..., None], valid

    def undistort(self, plane: Floats) -> tuple[Floats, Bools]:
        """See `Lens.undistort`; Newton on the angle from a tabulated inverse."""
        finite = np.asarray(np.isfinite(plane).all(axis=-1))
        u, v = np.moveaxis(np.where(finite[..., None], plane, 0.0), -1, 0)
        radius = np.hypot(u, v)
        end = float(self._radius(np.asarray(self.angle_max)))
        target = np.minimum(radius, end)
        angle = _inverse_by_table(self._radius, end=self.angle_max, values=target)
        for _ in range(NEWTON_STEPS):
            slope = self._slope(angle)
            step = (target - self._radius(angle)) / np.where(slope > 1e-12, slope, 1e-12)
            moved = np.clip(angle + step, angle / 2, (angle + self.angle_max) / 2)
            settled = np.abs(moved - angle).max(initial=0.0) <= SETTLED
            angle = moved
            if settled:
                break
        close = np.abs(self._radius(angle) - radius) <= CONVERGED * np.maximum(1.0, radius)
        valid = finite & close & (angle < self.angle_max)
        side = np.where(radius > 0, np.sin(angle) / np.where(radius > 0, radius, 1.0), 1.0)
        return np.stack([u * side, v * side, np.cos(angle)], axis=-1), valid


def _first_root(polynomial: Polynomial) -> float:
    """Smallest positive real root below 1e8; infinite if there is none. Starts with 1."""
    inverse = np.roots(polynomial.coef)  # of the reversed polynomial: its leading 1 is safe
    real = np.real(inverse[np.abs(np.imag(inverse)) <= 1e-9 * np.abs(inverse)])
    largest = float(real.max(initial=0.0))
    return 1 / largest if largest > 1e-8 else math.inf


def _inverse_by_table(
    function: Callable[[Floats], Floats], *, end: float, values: Floats
) -> Floats:
    """Rough inverse on [0, `end`] of a `function` that rises there."""
    # Even steps near 0, even ratios far out, where the powers of the radius rule.
    table = np.minimum(np.sinh(np.linspace(0.0, math.asinh(4 * end), TABLE_SIZE)) / 4, end)
    return np.asarray(np.interp(values, function(table), table))


def _divide(top: Floats, bottom: Floats, valid: Bools) -> Floats:
    with np.errstate(over="ignore"):
        quotient: Floats = np.where(valid[..., None], top, 0.0) / bottom[..., None]
    return quotient


def _unit(plane: Floats) -> Floats:
    """Unit directions of (..., 2) on the plane z = 1."""
    x, y = plane[..., 0], plane[..., 1]
    length = np.hypot(np.hypot(x, y), 1.0)
    return np.stack([x / length, y / length, 1 / length], axis=-1)
