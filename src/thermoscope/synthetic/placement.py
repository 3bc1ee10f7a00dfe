"""Putting models into a world: parts, instances, lamps and free space, frozen into a `Scene`.

What is NOT here: what the models look like, and where a street or a room wants them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.synthetic.materials import material_index, materials_of
from thermoscope.synthetic.meshes import Mesh
from thermoscope.synthetic.objects.kit import RGB, Lit, Model
from thermoscope.synthetic.scene import (
    Conditions,
    Environment,
    HeatSource,
    Lamp,
    Part,
    Role,
    Scene,
)

__all__ = ["Pose", "SceneBuilder", "flat_ground"]

Floats = NDArray[np.float64]
Ground = Callable[[ArrayLike, ArrayLike], Floats]
WHITE: RGB = (1.0, 1.0, 1.0)
GRID_M = np.float32(2.0**-14)  # vertices lie on this grid, so that machines do not differ
RUNNING = 0.9  # activity from which a vehicle counts as running, its lights on


def flat_ground(x: ArrayLike, y: ArrayLike) -> Floats:
    """Height 0 everywhere."""
    return np.zeros(np.broadcast(x, y).shape)


@dataclass(frozen=True)
class Pose:
    """Where a model stands.

    Attributes:
        x: East, m.
        y: North, m.
        z: Height, m; None = on the ground.
        yaw_deg: Direction of its x axis, from east to north.
        scale: Factor, or one for each axis of the object.
        pitch_deg: Nose up before the yaw: for slopes.
    """

    x: float
    y: float
    z: float | None = None
    yaw_deg: float = 0.0
    scale: float | tuple[float, float, float] = 1.0
    pitch_deg: float = 0.0

    def turn(self) -> Floats:
        """(3, 3) rotation from object to world."""
        c, s = np.cos(np.radians(self.yaw_deg)), np.sin(np.radians(self.yaw_deg))
        cp, sp = np.cos(np.radians(self.pitch_deg)), np.sin(np.radians(self.pitch_deg))
        return np.array([[c * cp, -s, -c * sp], [s * cp, c, -s * sp], [sp, 0.0, cp]])


class SceneBuilder:
    """A scene under construction.

    Args:
        environment: Of the generator.
        seed: Of the generator.
        family: "train", "val" or "test": chooses the texture variants.
        conditions: Weather and hour; lamps burn if it is dark or foggy.
        ground: Height of the ground, m.
        indoor: Closed room.
    """

    def __init__(
        self,
        environment: Environment,
        seed: int,
        *,
        family: str,
        conditions: Conditions,
        ground: Ground = flat_ground,
        indoor: bool = False,
    ) -> None:
        self.environment, self.seed, self.family = environment, seed, family
        self.conditions, self.ground, self.indoor = conditions, ground, indoor
        self.lights_on = indoor or conditions.sun_direction[2] < 0.06 or conditions.fog > 0.5
        self.parts: list[Part] = []
        self.heat: list[HeatSource] = []
        self.lamps: list[Lamp] = []
        self._vertices: list[NDArray[np.float32]] = []
        self._normals: list[NDArray[np.float32]] = []
        self._faces: list[NDArray[np.int32]] = []
        self._face_part: list[NDArray[np.int32]] = []
        self._vertex_count = 0
        self._objects = 0
        self._claims: list[tuple[float, float, float]] = []
        self._taken = np.zeros((0, 3))  # the claims as an array, brought up to date when asked

    # -- geometry --------------------------------------------------------------------------------

    def place(
        self,
        model: Model,
        pose: Pose,
        *,
        tints: Mapping[str, RGB] | None = None,
        activity: float = 0.0,
        offset_k: float = 0.0,
        object_id: int | None = None,
    ) -> int:
        """Put one more of a model into the world.

        Args:
            model: What.
            pose: Where.
            tints: Colour for each tint key of the model; white if it has none.
            activity: Of all its parts that are not passive, 0 to 1.
            offset_k: Extra temperature of this one, K.
            object_id: Given to parts that belong to an object placed before.

        Returns:
            The object's id, 1 and up.
        """
        if object_id is None:
            self._objects += 1
        number = self._objects if object_id is None else object_id
        first = len(self.parts)
        for slot in model.slots:
            tint = slot.tint if not isinstance(slot.tint, str) else (tints or {}).get(slot.tint)
            glow = slot.glow if self._burns(slot.lit, activity) else 0.0
            self.parts.append(
                Part(
                    name=f"{model.name}.{slot.name}",
                    class_name=slot.class_name,
                    object_id=number,
                    material=material_index(slot.material),
                    role=slot.role,
                    activity=0.0 if slot.role is Role.PASSIVE else activity,
                    offset_k=offset_k,
                    tint=tint or WHITE,
                    seed=number,
                    glow=glow,
                )
            )
        z = float(self.ground(pose.x, pose.y)) if pose.z is None else pose.z
        turn, origin = pose.turn(), np.array([pose.x, pose.y, z])
        factors = np.broadcast_to(np.asarray(pose.scale, np.float64), 3)
        mesh = model.mesh
        normals = mesh.normals.reshape(-1, 3).astype(np.float32)
        if np.ptp(factors) > 0:
            normals /= factors
            normals /= np.sqrt((normals * normals).sum(1, keepdims=True))
        normals = normals @ turn.T.astype(np.float32)
        self._append((mesh.vertices * factors) @ turn.T + origin, mesh, normals, first)
        self._place_lamps(model, turn, origin, factors, activity=activity, number=number)
        return number

    def _burns(self, lit: Lit, activity: float) -> bool:
        return lit == "always" or (self.lights_on and (lit == "dark" or activity >= RUNNING))

    def _append(
        self, vertices: Floats, mesh: Mesh, normals: NDArray[np.float32], first_part: int
    ) -> None:
        self._vertices.append(np.round(vertices / GRID_M).astype(np.float32) * GRID_M)
        self._normals.append(normals)
        self._faces.append((mesh.faces + self._vertex_count).astype(np.int32))
        self._face_part.append((mesh.slot + first_part).astype(np.int32))
        self._vertex_count += len(vertices)

    def _place_lamps(
        self,
        model: Model,
        turn: Floats,
        origin: Floats,
        factors: Floats,
        *,
        activity: float,
        number: int,
    ) -> None:
        for lamp in model.lamps:
            if self._burns(lamp.lit, activity):
                at = turn @ (np.asarray(lamp.position_m) * factors) + origin
                towards = turn @ np.asarray(lamp.direction)
                towards = towards / max(float(np.linalg.norm(towards)), 1e-9)
                self.lamps.append(
                    Lamp(_triple(at), lamp.intensity, lamp.colour, _triple(towards), lamp.cone_deg)
                )
        for spot in model.heat:
            if activity > 0:
                at = turn @ (np.asarray(spot.centre_m) * factors) + origin
                reach = spot.radius_m * float(factors.mean())
                self.heat.append(HeatSource(number, _triple(at), reach, spot.delta_k * activity))

    # -- free space ------------------------------------------------------------------------------

    def claim(self, x: float, y: float, radius_m: float) -> None:
        """Keep later things away from a disc."""
        self._claims.append((x, y, radius_m))

    def is_free(self, x: float, y: float, radius_m: float) -> bool:
        """Whether a disc touches no claimed one."""
        if not self._claims:
            return True
        if len(self._taken) != len(self._claims):
            self._taken = np.asarray(self._claims)
        taken = self._taken
        gap = np.hypot(taken[:, 0] - x, taken[:, 1] - y) - taken[:, 2]
        return bool(gap.min() >= radius_m)

    def take(self, x: float, y: float, radius_m: float) -> bool:
        """Claim a disc if it is free; says whether it was."""
        if not self.is_free(x, y, radius_m):
            return False
        self.claim(x, y, radius_m)
        return True

    # -- end -------------------------------------------------------------------------------------

    def finish(self, route: Floats, *, lowest_m: float = -np.inf) -> Scene:
        """The frozen scene.

        Args:
            route: (N, 2) centre line for trajectories, m.
            lowest_m: Level of the water that may cover the ground under the route.
        """
        ground = self.ground(route[:, 0], route[:, 1])
        return Scene(
            vertices=np.concatenate(self._vertices),
            faces=np.concatenate(self._faces),
            face_part=np.concatenate(self._face_part),
            parts=tuple(self.parts),
            materials=materials_of(self.family),
            conditions=self.conditions,
            environment=self.environment,
            seed=self.seed,
            route=np.asarray(route, np.float64),
            ground_z=np.maximum(ground, lowest_m),
            heat=tuple(self.heat),
            lamps=tuple(self.lamps),
            indoor=self.indoor,
            name=f"{self.environment}-{self.family}-{self.seed}",
            corner_normals=np.concatenate(self._normals).reshape(-1, 3, 3),
        )


def _triple(values: Floats) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
