"""Exact ray casting of a scene into a G-buffer, by Embree.

Embree says which triangle a ray hits, in float32 and watertight. Where it hits is then computed
again in float64 from the triangle's plane, so depth, disparity and pose agree to float precision.
What is NOT here: colour, temperature, labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import CalibrationError, MissingDependencyError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import check_pose
from thermoscope.synthetic.scene import GBuffer, Scene
from thermoscope.synthetic.surface import XYZ, dot

__all__ = ["SceneCaster", "cast"]

Floats = NDArray[np.float64]
Thin = NDArray[np.float32]
BLOCK = 1 << 14  # rays at a time
LIFT_M = 2e-3  # shadow rays start this far above the surface, or they hit it again
FARTHEST_M = 1e6  # beyond this float32 steps are over 6 cm: Embree would miss


@dataclass(frozen=True, eq=False)
class _Hits:
    """What N rays hit: face (-1 = none), distance, barycentric weights (2, N), side, direction.

    `side` is -1 where the face's normal looks away from the ray's start; `direction` (N, 3).
    """

    face: NDArray[np.int32]
    distance: Floats
    weights: Thin
    side: Thin
    direction: Thin


class SceneCaster:
    """A scene ready for rays: build once, cast many views.

    Args:
        scene: The world; it may be freed before the caster.

    Attributes:
        face_part: (F,) int32 part of each face, as in the scene.

    Raises:
        MissingDependencyError: embreex is not installed (no wheel for this machine).
    """

    def __init__(self, scene: Scene) -> None:
        try:
            from embreex.mesh_construction import TriangleMesh
            from embreex.rtcore_scene import EmbreeScene
        except ImportError as err:
            raise MissingDependencyError("embreex", extra="dev", purpose="ray casting") from err
        # not the scene itself: a cache keyed by scenes must not keep them alive
        self._conditions, self._indoor = scene.conditions, scene.indoor
        self._corner_normals = scene.corner_normals
        self.face_part = scene.face_part
        self._embree = EmbreeScene(robust=True)  # rays do not slip through shared edges
        self._mesh = TriangleMesh(self._embree, scene.vertices, scene.faces)
        first, second, third = (
            scene.vertices[scene.faces[:, i]].astype(np.float64) for i in range(3)
        )
        normal = np.cross(second - first, third - first)
        normal /= np.maximum(np.sqrt(np.einsum("ij,ij->i", normal, normal)), 1e-30)[:, None]
        self._normal = np.ascontiguousarray(normal.T)  # one line a coordinate: fast to gather
        self._offset = np.einsum("ij,ij->i", normal, first)
        self._above_sun = normal @ np.asarray(scene.conditions.sun_direction)
        self._shown = normal.astype(np.float32)
        self._round = np.zeros(len(normal), np.bool_)
        if scene.corner_normals is not None:
            self._shown = np.ascontiguousarray(scene.corner_normals[:, 0])
            self._round = (scene.corner_normals != scene.corner_normals[:, :1]).any((1, 2))

    def cast(self, camera: Camera, T_world_camera: ArrayLike, *, shadows: bool = True) -> GBuffer:
        """What the centre of every pixel sees.

        Args:
            camera: Any lens; pixels that it does not reach count as sky.
            T_world_camera: (4, 4) pose taking camera to world coordinates, m.
            shadows: Trace the sun's rays; if False every point counts as shaded.

        Raises:
            CalibrationError: The pose is not rigid, or not within 1000 km of the origin.
            ShapeError: The pose is not (4, 4).
        """
        pose = check_pose(T_world_camera, name="T_world_camera")
        centre = pose[:3, 3]
        if np.abs(centre).max() > FARTHEST_M:
            raise CalibrationError(
                f"camera position {centre.tolist()} is over {FARTHEST_M:g} m from the origin. "
                "State it in metres of the scene's world."
            )
        rays, reached = _rays(camera)
        view = _empty(camera)
        for start in range(0, len(reached), BLOCK):
            block = slice(start, start + BLOCK)
            self._fill(view, block, (rays[:, block], reached[block]), pose, shadows=shadows)
        return view

    def _fill(
        self,
        view: GBuffer,
        block: slice,
        rays: tuple[Floats, NDArray[np.bool_]],
        pose: Floats,
        *,
        shadows: bool,
    ) -> None:
        """One block of pixels: small enough that all its arrays stay in the processor's cache."""
        centre = pose[:3, 3]
        found = self._first_hits(centre, pose[:3, :3] @ rays[0])
        face, distance = found.face, found.distance
        hit = (face >= 0) & rays[1]
        normal = self._shown_normals(found, hit)
        position = found.direction * np.where(hit, distance, 0)[:, None].astype(np.float32)
        position += centre.astype(np.float32)
        if shadows:
            view.sunlit[block] = self._sunlit(found, hit, position, normal)
        if not hit.all():
            missed = ~hit
            position[missed], normal[missed], distance[missed], face[missed] = 0, 0, np.inf, -1
        view.hit[block] = hit
        view.face[block] = face
        view.part[block] = np.where(hit, self.face_part[face], -1)
        view.distance_m[block] = distance
        view.depth_m[block] = distance * np.where(hit, rays[0][2], 1.0)
        view.position_m[block] = position
        view.normal[block] = normal
        view.direction[block] = found.direction

    def first_hits(
        self, origins: NDArray[np.floating], directions: NDArray[np.floating]
    ) -> tuple[NDArray[np.int32], Floats]:
        """Nearest face along each ray, for mirrors and probes.

        Args:
            origins: (N, 3) or (3,), m, world.
            directions: (N, 3) unit, world.

        Returns:
            Face (N,), -1 = none; distance (N,) float64, m, inf where none.

        Raises:
            ShapeError: `directions` is not (N, 3).
        """
        check_shape(directions, "N 3", name="directions")
        direction = np.ascontiguousarray(np.asarray(directions, np.float64).T)
        found = self._first_hits(np.asarray(origins, np.float64), direction)
        return found.face, np.where(found.face >= 0, found.distance, np.inf)

    def normals_towards(self, face: NDArray[np.int32], rays: XYZ) -> XYZ:
        """True normals of faces (K,) on the side that `rays` (three lines) come from."""
        normal = self._normal.take(face, axis=1).astype(np.float32)
        away = -np.sign(dot((normal[0], normal[1], normal[2]), rays))
        normal *= away
        return normal[0], normal[1], normal[2]

    def visible_from(
        self,
        points_m: NDArray[np.floating],
        centre_m: ArrayLike,
        *,
        faces: NDArray[np.integer] | None = None,
    ) -> NDArray[np.bool_]:
        """Whether each point is seen from `centre_m`: nothing stands before it.

        Args:
            points_m: (N, 3), world.
            centre_m: (3,), world.
            faces: (N,) the face that each point lies on, if known: it never hides its own point.
                Without it, whatever lies within 2 mm and a 1e-4 share of the way counts as the
                point's own surface.

        Raises:
            ShapeError: `points_m` is not (N, 3).
        """
        check_shape(points_m, "N 3", name="points_m")
        centre = np.asarray(centre_m, np.float64)
        line = np.asarray(points_m, np.float64) - centre
        length = np.sqrt(np.einsum("ij,ij->i", line, line))
        hit, distance = self.first_hits(centre, line / np.maximum(length, 1e-9)[:, None])
        seen = distance >= length - np.maximum(LIFT_M, 1e-4 * length)
        return np.asarray(seen if faces is None else seen | (hit == faces))

    def _first_hits(self, origin: Floats, direction: Floats) -> _Hits:
        """Hits of rays with `direction` (3, N) from one point or from (N, 3)."""
        thin = np.ascontiguousarray(direction.T, np.float32)
        start = np.ascontiguousarray(np.broadcast_to(origin, thin.shape), np.float32)
        found = self._embree.run(start, thin, output=True)
        face = np.asarray(found["primID"], np.int32)
        normal = self._normal.take(face, axis=1, mode="wrap")  # -1 takes the last: masked below
        slope = normal[0] * direction[0]
        height = self._offset.take(face, mode="wrap")
        for k in range(3):
            height -= normal[k] * origin[..., k]
        slope += normal[1] * direction[1]
        slope += normal[2] * direction[2]
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = height / slope
        known = (face >= 0) & (np.abs(slope) > 1e-9) & (distance > 0)
        side = np.where(slope > 0, np.float32(-1), np.float32(1))
        weights = np.stack([found["u"], found["v"]])
        return _Hits(np.where(known, face, np.int32(-1)), distance, weights, side, thin)

    def _shown_normals(self, found: _Hits, hit: NDArray[np.bool_]) -> Thin:
        """Normals on the viewer's side, smooth where the scene's are."""
        shown = self._shown[found.face]
        bent = np.flatnonzero(hit & self._round[found.face])
        if len(bent) and self._corner_normals is not None:
            u, v = found.weights[:, bent, None]
            corner = self._corner_normals[found.face[bent]]
            smooth = corner[:, 0] * (1 - u - v)
            smooth += corner[:, 1] * u
            smooth += corner[:, 2] * v
            length = np.sqrt(np.einsum("ij,ij->i", smooth, smooth))
            shown[bent] = smooth / np.maximum(length, np.float32(1e-6))[:, None]
        shown *= found.side[:, None]
        return np.asarray(shown)

    def _sunlit(
        self, found: _Hits, hit: NDArray[np.bool_], position: Thin, normal: Thin
    ) -> NDArray[np.float32]:
        """1 where the sun is above the surface and nothing is between."""
        lit = np.zeros(len(position), np.float32)
        if self._conditions.night or self._indoor:
            return lit
        sun = np.asarray(self._conditions.sun_direction, np.float32)
        above = self._above_sun[found.face] * found.side
        facing = np.flatnonzero(hit & (above > 1e-3) & (normal @ sun > 0))
        flat = self._normal[:, found.face[facing]] * found.side[facing]
        start = (position[facing] + LIFT_M * flat.T).astype(np.float32)
        towards = np.ascontiguousarray(np.broadcast_to(sun, start.shape))
        blocker = np.asarray(self._embree.run(start, towards, query="OCCLUDED"))
        lit[facing] = blocker < 0
        return lit


def _empty(camera: Camera) -> GBuffer:
    count = camera.width * camera.height
    return GBuffer(
        shape=(camera.height, camera.width),
        hit=np.zeros(count, np.bool_),
        face=np.full(count, -1, np.int32),
        part=np.full(count, -1, np.int32),
        distance_m=np.full(count, np.inf, np.float32),
        depth_m=np.full(count, np.inf, np.float32),
        position_m=np.zeros((count, 3), np.float32),
        normal=np.zeros((count, 3), np.float32),
        direction=np.zeros((count, 3), np.float32),
        sunlit=np.zeros(count, np.float32),
    )


@lru_cache(maxsize=8)
def _rays(camera: Camera) -> tuple[Floats, NDArray[np.bool_]]:
    rays, reached = camera.unproject(camera.pixel_grid().reshape(-1, 2))
    unit = np.where(reached, rays.T, np.array([[0.0], [0.0], [1.0]]))
    unit.setflags(write=False)
    return unit, reached


_CASTERS: WeakKeyDictionary[Scene, SceneCaster] = WeakKeyDictionary()


def cast(
    scene: Scene, camera: Camera, T_world_camera: ArrayLike, *, shadows: bool = True
) -> GBuffer:
    """`SceneCaster.cast`, with the caster kept for as long as the scene lives.

    Raises:
        CalibrationError: The pose is not rigid or too far away.
        MissingDependencyError: embreex is not installed.
    """
    caster = _CASTERS.get(scene)
    if caster is None:
        caster = _CASTERS[scene] = SceneCaster(scene)
    return caster.cast(camera, T_world_camera, shadows=shadows)
