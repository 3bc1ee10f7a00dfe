"""Cameras that turn points into pixels and pixels into rays: pinhole, radtan and fisheye.

Camera axes are x right, y down, z forward. Integer pixel coordinates are pixel centres: an image
of width W spans -0.5 to W - 0.5. What is NOT here: skew, rolling shutter, files with calibrations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.errors import CalibrationError, ShapeError
from thermoscope.geometry import distortion as lens

__all__ = ["Camera", "CameraModel"]

CameraModel = Literal["pinhole", "radtan", "fisheye"]
COEFFICIENTS: dict[str, tuple[int, ...]] = {"pinhole": (0,), "radtan": (4, 5, 8), "fisheye": (4,)}

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Camera:
    """Intrinsics of one image size.

    Attributes:
        fx: Horizontal focal length, px, > 0.
        fy: Vertical focal length, px, > 0.
        cx: Column of the principal point, px; the centre of the first pixel is 0.
        cy: Row of the principal point, px.
        width: Image width, px.
        height: Image height, px.
        model: ``"pinhole"``, ``"radtan"`` (Brown; k1 k2 p1 p2 [k3 [k4 k5 k6]]) or ``"fisheye"``
            (Kannala-Brandt; k1 k2 k3 k4), coefficients in OpenCV's order.
        distortion: As many coefficients as the model has; none for pinhole.

    Raises:
        CalibrationError: A value is not finite, a focal length or size not positive, the model
            unknown, or the number of coefficients not one of the model's.

    Example:
        >>> camera = Camera(fx=100, fy=100, cx=31.5, cy=23.5, width=64, height=48)
        >>> pixels, valid = camera.project(np.array([[0.1, 0.0, 1.0], [0.0, 0.0, -1.0]]))
        >>> pixels[0].tolist(), valid.tolist()
        ([41.5, 23.5], [True, False])

    Source: Brown, Decentering distortion of lenses, 1966; Kannala and Brandt, A generic camera
    model, PAMI 2006; both as OpenCV parametrises them.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int
    model: CameraModel = "pinhole"
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("fx", "fy", "cx", "cy"):
            _check_number(getattr(self, name), name)
        for name in ("fx", "fy"):
            if getattr(self, name) <= 0:
                raise CalibrationError(
                    f"{name} must be positive, got {getattr(self, name)!r}. "
                    "A focal length is stated in pixels."
                )
        _check_size(self.width, self.height)
        if self.model not in COEFFICIENTS:
            raise CalibrationError(
                f"unknown camera model {self.model!r}. Known: {', '.join(get_args(CameraModel))}."
            )
        allowed = COEFFICIENTS[self.model]
        if len(self.distortion) not in allowed:
            raise CalibrationError(
                f"{self.model} takes {' or '.join(map(str, allowed))} distortion coefficients, "
                f"got {len(self.distortion)}. Pad with zeros, or choose the model that they fit."
            )
        for index, value in enumerate(self.distortion):
            _check_number(value, f"distortion[{index}]")

    # -- other ways to state one -----------------------------------------------------------------

    @classmethod
    def from_fov(
        cls,
        width: int,
        height: int,
        horizontal_fov_deg: float,
        *,
        model: CameraModel = "pinhole",
        distortion: tuple[float, ...] = (),
    ) -> Camera:
        """Square pixels; the left and right image edges look `horizontal_fov_deg` apart.

        Both edges are half the angle off axis, so the principal point is the middle of the image,
        up to what tangential distortion moves it.

        Raises:
            CalibrationError: The angle is not positive, or the model cannot show it: 180 degrees
                and more for pinhole and radtan, or beyond the radius where the distortion folds.

        Example:
            >>> round(Camera.from_fov(640, 512, 90.0).fx, 6)
            320.0
        """
        unit = cls(1.0, 1.0, 0.0, 0.0, width, height, model, distortion)
        half = math.radians(horizontal_fov_deg) / 2 if math.isfinite(horizontal_fov_deg) else 0.0
        edges, valid = unit.project([[s * math.sin(half), 0, math.cos(half)] for s in (-1, 1)])
        flat = model != "fisheye"
        if half <= 0 or not valid.all() or (flat and half >= math.pi / 2 - 1e-9):
            raise CalibrationError(
                f"horizontal_fov_deg {horizontal_fov_deg!r} cannot be shown by model {model!r} "
                f"with distortion {distortion}. Choose a smaller positive angle, or fisheye."
            )
        focal = width / float(edges[1, 0] - edges[0, 0])
        cx = -0.5 - focal * float(edges[0, 0])
        return replace(unit, fx=focal, fy=focal, cx=cx, cy=(height - 1) / 2)

    @classmethod
    def from_matrix(
        cls,
        K: ArrayLike,
        *,
        width: int,
        height: int,
        model: CameraModel = "pinhole",
        distortion: tuple[float, ...] = (),
    ) -> Camera:
        """The camera with the (3, 3) intrinsics `K`.

        Raises:
            CalibrationError: `K` is not ``[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]``.
        """
        matrix = np.asarray(K, np.float64)
        pattern = [[1, 0, 1], [0, 1, 1], [0, 0, 1]]
        if matrix.shape != (3, 3) or matrix[2, 2] != 1 or np.any(matrix[np.equal(pattern, 0)]):
            raise CalibrationError(
                f"K must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]], got {matrix.tolist()}. "
                "Skew is not supported."
            )
        fx, fy, cx, cy = (float(matrix[i]) for i in ((0, 0), (1, 1), (0, 2), (1, 2)))
        return cls(fx, fy, cx, cy, width, height, model, tuple(float(k) for k in distortion))

    @property
    def K(self) -> Floats:
        """(3, 3) float64 intrinsics, px; they do not hold the distortion."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], np.float64)

    @cached_property
    def _lens(self) -> lens.Lens:
        return lens.lens_of(self.model, self.distortion)

    # -- points and pixels -----------------------------------------------------------------------

    def project(self, points: ArrayLike) -> tuple[Floats, Bools]:
        """Pixels of points given in camera coordinates.

        Args:
            points: (..., 3), m (any length unit: only the direction counts).

        Returns:
            Pixels (..., 2) as (column, row), nan where not valid; valid (...), True where the
            model maps the direction one to one. Not valid: not finite, the centre itself, behind
            a pinhole or radtan camera, or beyond the angle at which the distortion folds back.
            A valid pixel may lie outside the image: see `contains`.

        Raises:
            ShapeError: The last axis is not 3.
        """
        xyz = np.asarray(points, np.float64)
        _check_last_axis(xyz, 3, "points")
        plane, valid = self._lens.distort(xyz)
        pixels = plane * (self.fx, self.fy) + (self.cx, self.cy)
        return np.where(valid[..., None], pixels, np.nan), valid

    def unproject(self, pixels: ArrayLike) -> tuple[Floats, Bools]:
        """Unit rays, in camera coordinates, that the pixels look along.

        Args:
            pixels: (..., 2) as (column, row), px; outside the image too.

        Returns:
            Rays (..., 3) of length 1, zero where not valid; valid (...), False where not finite or
            where no direction projects to the pixel: beyond the radius at which a radtan
            distortion folds back, or beyond the fold or 180 degrees off axis of a fisheye.

        Raises:
            ShapeError: The last axis is not 2.
        """
        uv = np.asarray(pixels, np.float64)
        _check_last_axis(uv, 2, "pixels")
        rays, valid = self._lens.undistort((uv - (self.cx, self.cy)) / (self.fx, self.fy))
        return np.where(valid[..., None], rays, 0.0), valid

    def contains(self, pixels: ArrayLike) -> Bools:
        """(...) True where a pixel (..., 2) lies in the image, border pixels wholly counted."""
        uv = np.asarray(pixels, np.float64)
        _check_last_axis(uv, 2, "pixels")
        size = (self.width, self.height)
        return np.asarray(((uv >= -0.5) & (uv < np.subtract(size, 0.5))).all(axis=-1))

    def pixel_grid(self) -> Floats:
        """(H, W, 2) float64: column and row of every pixel centre."""
        columns, rows = np.meshgrid(np.arange(self.width), np.arange(self.height))
        return np.stack([columns, rows], axis=-1).astype(np.float64)

    # -- other sizes of the same view ------------------------------------------------------------

    def scaled(self, width: int, height: int) -> Camera:
        """The camera of the image resampled to `width` x `height`; the edges of the view stay.

        Raises:
            CalibrationError: A side below one pixel.
        """
        _check_size(width, height)
        sx, sy = width / self.width, height / self.height
        return replace(
            self,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=(self.cx + 0.5) * sx - 0.5,
            cy=(self.cy + 0.5) * sy - 0.5,
            width=width,
            height=height,
        )

    def cropped(self, x: int, y: int, width: int, height: int) -> Camera:
        """The camera of the rectangle with its top-left pixel at (x, y).

        Raises:
            ShapeError: The rectangle is empty or leaves the image.
        """
        fits = 0 <= x and 0 <= y and x + width <= self.width and y + height <= self.height
        if not fits or width < 1 or height < 1:
            raise ShapeError(
                f"crop {width}x{height} at ({x}, {y}) does not fit in {self.width}x{self.height}."
            )
        return replace(self, cx=self.cx - x, cy=self.cy - y, width=width, height=height)


def _check_number(value: Any, name: str) -> None:
    real = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not real or not math.isfinite(value):
        raise CalibrationError(f"{name} must be a finite number, got {value!r}.")


def _check_size(width: Any, height: Any) -> None:
    for name, side in (("width", width), ("height", height)):
        if not isinstance(side, (int, np.integer)) or isinstance(side, bool) or side < 1:
            raise CalibrationError(f"{name} must be a whole number of pixels >= 1, got {side!r}.")


def _check_last_axis(array: Floats, length: int, name: str) -> None:
    if array.ndim < 1 or array.shape[-1] != length:
        raise ShapeError(
            f"{name} must be (..., {length}), got {array.shape}.",
            actual_shape=array.shape,
            expected_shape=f"... {length}",
        )
