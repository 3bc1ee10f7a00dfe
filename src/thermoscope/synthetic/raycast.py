"""Exact ray casting of a scene into a G-buffer, by Embree.

Embree says which triangle a ray hits, in float32 and watertight. Where it hits is then computed
again in float64 from the triangle's plane, so depth, disparity and pose agree to float precision.
What is NOT here: colour, temperature, labels.
"""

from __future__ import annotations

from functools import lru_cache
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import CalibrationError, MissingDependencyError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import check_pose
from thermoscope.synthetic.scene import GBuffer, Scene

__all__ = ["SceneCaster", "cast"]

Floats = NDArray[np.float64]
BLOCK = 1 << 14  # rays at a time
LIFT_M = 2e-3  # shadow rays start this far above the surface, or they hit it again
FARTHEST_M = 1e6  # beyond this float32 steps are over 6 cm: Embree would miss


class SceneCaster:
    """A scene ready for rays: build once, cast many views.

    Args:
        scene: The world.

    Raises:
        MissingDependencyError: embreex is not installed (no wheel for this machine).
    """

    def __init__(self, scene: Scene) -> None:
        try:
            from embreex.mesh_construction import TriangleMesh
            from embreex.rtcore_scene import EmbreeScene
        except ImportError as err:
            raise MissingDependencyError("embreex", extra="dev", purpose="ray casting") from err
        self.scene = scene
        self._embree = EmbreeScene(robust=True)  # rays do not slip through shared edges
        self._mesh = TriangleMesh(self._embree, scene.vertices, scene.faces)
        first, second, third = (
            scene.vertices[scene.faces[:, i]].astype(np.float64) for i in range(3)
        )
        normal = np.cross(second - first, third - first)
        length = np.sqrt(np.einsum("ij,ij->i", normal, normal))
        self._normal = normal / np.maximum(length, 1e-30)[:, None]
        self._normal32 = self._normal.astype(np.float32)
        self._offset = np.einsum("ij,ij->i", self._normal, first)

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
        for start in range(0, len(rays), BLOCK):
            block = slice(start, start + BLOCK)
            self._fill(view, block, (rays[block], reached[block]), pose, shadows=shadows)
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
        centre, ahead = pose[:3, 3], rays[0][:, 2]
        direction = rays[0] @ pose[:3, :3].T
        face, distance, weights = self._first_hits(centre, direction)
        hit = (face >= 0) & rays[1]
        along = np.where(hit, distance, 0.0)[:, None]
        position = centre + direction * along
        normal, flat = self._normals(face, direction, weights)
        if shadows:
            view.sunlit[block] = self._sunlit(hit, position, flat, normal)
        if not hit.all():
            missed = ~hit
            position[missed], normal[missed], distance[missed], face[missed] = 0, 0, np.inf, -1
        view.hit[block] = hit
        view.face[block] = face
        view.part[block] = np.where(hit, self.scene.face_part[face], -1)
        view.distance_m[block] = distance
        view.depth_m[block] = distance * np.where(hit, ahead, 1.0)
        view.position_m[block] = position
        view.normal[block] = normal
        view.direction[block] = direction

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
        face, distance, _ = self._first_hits(
            np.asarray(origins, np.float64), np.asarray(directions, np.float64)
        )
        return face, np.where(face >= 0, distance, np.inf)

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
        hit, distance, _ = self._first_hits(centre, line / np.maximum(length, 1e-9)[:, None])
        seen = (hit < 0) | (distance >= length - np.maximum(LIFT_M, 1e-4 * length))
        return np.asarray(seen if faces is None else seen | (hit == faces))

    def _first_hits(
        self, origin: Floats, direction: Floats
    ) -> tuple[NDArray[np.int32], Floats, NDArray[np.float32]]:
        """Face, distance (float64, from the plane) and barycentric weights (2, N)."""
        start = np.broadcast_to(origin, direction.shape)
        found = self._embree.run(
            np.ascontiguousarray(start, np.float32),
            np.ascontiguousarray(direction, np.float32),
            output=True,
        )
        face = np.asarray(found["primID"], np.int32)
        normal = self._normal[face]  # -1 takes the last face: masked below
        slope = np.einsum("ij,ij->i", normal, direction)
        height = self._offset[face] - np.einsum("ij,ij->i", normal, start)
        steep = np.abs(slope) > 1e-9
        distance = np.divide(height, slope, out=np.full(len(face), np.inf), where=steep)
        known = steep & (distance > 0) & np.isfinite(distance)
        return (
            np.where(known, face, -1).astype(np.int32),
            distance,
            np.stack([found["u"], found["v"]]),
        )

    def _normals(
        self, face: NDArray[np.int32], direction: Floats, weights: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Shown (smooth) and true normals on the viewer's side."""
        flat = self._normal32[face]
        away = np.einsum("ij,ij->i", flat, direction.astype(np.float32)) > 0
        side = np.where(away, np.float32(-1), np.float32(1))[:, None]
        flat *= side
        if self.scene.corner_normals is None:
            return flat, flat
        u, v = weights[:, :, None]
        corner = self.scene.corner_normals[face]
        shown = corner[:, 0] * (1 - u - v)
        shown += corner[:, 1] * u
        shown += corner[:, 2] * v
        length = np.sqrt(np.einsum("ij,ij->i", shown, shown))[:, None]
        shown *= side / np.maximum(length, np.float32(1e-6))
        return shown, flat

    def _sunlit(
        self,
        hit: NDArray[np.bool_],
        position: Floats,
        flat: NDArray[np.float32],
        normal: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """1 where the sun is above the surface and nothing is between."""
        conditions = self.scene.conditions
        lit = np.zeros(len(position), np.float32)
        if conditions.night or self.scene.indoor:
            return lit
        sun = np.asarray(conditions.sun_direction, np.float32)
        facing = np.flatnonzero(hit & (flat @ sun > 1e-3) & (normal @ sun > 0))
        start = (position[facing] + LIFT_M * flat[facing]).astype(np.float32)
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
    unit = np.where(reached[:, None], rays, (0.0, 0.0, 1.0))
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
