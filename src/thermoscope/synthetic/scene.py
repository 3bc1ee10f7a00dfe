"""What a rendered world is made of: meshes, parts, materials, heat, weather, and what a ray sees.

These types are the border between the three halves of the layer: generators
(`thermoscope.synthetic.scenes`) build a `Scene`; `thermoscope.synthetic.raycast` turns it and a
camera into a `GBuffer`; `thermal`, `rgb` and `labels` colour the G-buffer. World axes: x east,
y north, z up, metres. Camera axes: x right, y down, z forward.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass, field
from enum import IntEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Conditions",
    "Environment",
    "GBuffer",
    "HeatSource",
    "Lamp",
    "Material",
    "Part",
    "Role",
    "Scene",
    "scene_hash",
]

Environment = Literal["urban", "indoor", "offroad", "aerial"]


class Role(IntEnum):
    """What a part does thermally: the heat model of `thermoscope.synthetic.thermal` keys on it."""

    PASSIVE = 0  # follows air, sun and sky by its material
    WHEEL = 1  # warm where it rolls, if the vehicle was driven
    ENGINE = 2  # hood over a running or recently stopped engine
    EXHAUST = 3
    BRAKE = 4
    GLASS = 5  # mirrors sky and surroundings in the long-wave band
    SKIN = 6
    CLOTHING = 7
    FUR = 8
    HEATER = 9  # radiator, hot pipe
    MACHINE = 10  # warm housing: computer, motor, lamp body
    COLD = 11  # refrigerated or cold-water surfaces
    HEATED_INTERIOR = 12  # outer wall or window of a heated building
    LEAF = 13  # evaporates: stays close to air
    WATER = 14


@dataclass(frozen=True)
class Material:
    """Optical and thermal constants of a surface.

    Attributes:
        name: "asphalt", "painted_metal" ...
        emissivity: In 7.5-13.5 um, (0, 1].
        specular: Share of the thermal reflection that is mirror-like, [0, 1].
        thermal_inertia: J m^-2 K^-1 s^-1/2: small follows air and sun at once, large lags.
        solar_absorption: Share of sunlight that heats, [0, 1].
        albedo: Base colour, linear RGB in [0, 1].
        texture: Name of the procedural texture of `thermoscope.synthetic.texture`.
        texture_scale_m: Size of its largest feature, m.
        texture_contrast: Relative amplitude in albedo, [0, 1].
        gloss: Mirror share in the visible band, [0, 1].
    """

    name: str
    emissivity: float = 0.95
    specular: float = 0.1
    thermal_inertia: float = 1500.0
    solar_absorption: float = 0.7
    albedo: tuple[float, float, float] = (0.5, 0.5, 0.5)
    texture: str = "plain"
    texture_scale_m: float = 1.0
    texture_contrast: float = 0.1
    gloss: float = 0.0


@dataclass(frozen=True)
class Part:
    """A piece of an object with one class, one material and one role.

    Attributes:
        name: "sedan.wheel", "house.window" ...
        class_name: Fine class of `thermoscope.synthetic.labels` ("car", "person", "road" ...).
        object_id: Instances share one id; 0 is the ground.
        material: Index into `Scene.materials`.
        role: Thermal role.
        activity: 0 = long off / cold, 1 = fully running / warm.
        offset_k: Extra temperature of this instance, K (people, animals and walls differ).
        tint: Multiplies the material's albedo, linear RGB.
        seed: Of its texture.
        glow: Visible light that the surface gives off by itself, as a share of what a white
            surface shows under the noon sun (0.003 is 100 cd/m2: a lit window; a screen 0.007, a
            lamp 0.5); `tint` colours it.
    """

    name: str
    class_name: str
    object_id: int
    material: int
    role: Role = Role.PASSIVE
    activity: float = 0.0
    offset_k: float = 0.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    seed: int = 0
    glow: float = 0.0


@dataclass(frozen=True)
class HeatSource:
    """A warm spot: a Gaussian around a point, on the surfaces of one object only.

    Attributes:
        object_id: The object it warms; -1 = every surface within reach (a person by a wall).
        centre_m: World position.
        radius_m: Standard deviation, m.
        delta_k: Excess at the centre, K (negative cools).
    """

    object_id: int
    centre_m: tuple[float, float, float]
    radius_m: float
    delta_k: float


@dataclass(frozen=True)
class Lamp:
    """A light of the visible band: street lamp, headlight, ceiling light, lit window.

    Attributes:
        position_m: World position.
        intensity: Radiant intensity in the units of the sun at noon times m^2.
        colour: Linear RGB.
        direction: Unit axis of the beam; (0, 0, 0) shines all around.
        cone_deg: Half angle of the beam.
    """

    position_m: tuple[float, float, float]
    intensity: float
    colour: tuple[float, float, float] = (1.0, 0.9, 0.7)
    direction: tuple[float, float, float] = (0.0, 0.0, 0.0)
    cone_deg: float = 180.0


@dataclass(frozen=True)
class Conditions:
    """Weather, season and hour: they change both bands, in different ways.

    Attributes:
        hour: Local solar time, [0, 24).
        sun_direction: Unit vector towards the sun; below the horizon at night.
        air_k: Air temperature, K.
        sky_k: Effective long-wave temperature of the zenith, K (clear: 30-60 K under air).
        ground_k: Deep-ground temperature, K.
        cloud: Cover, 0 to 1.
        rain: Rate, 0 (dry) to 1 (heavy): wet surfaces, low contrast, streaks.
        fog: 0 (clear) to 1 (50 m).
        wind: 0 (calm) to 1 (strong): pulls surfaces towards air.
        humidity: Relative, 0 to 1.
        season: Changes foliage, air and snow.
        weather: Kind of weather.
        regime: Narrower name: the ranges that the values were drawn from. No two families
            ("train", "val", "test") share one; "" if made by hand.
    """

    hour: float
    sun_direction: tuple[float, float, float]
    air_k: float
    sky_k: float
    ground_k: float
    cloud: float = 0.0
    rain: float = 0.0
    fog: float = 0.0
    wind: float = 0.2
    humidity: float = 0.5
    season: Literal["spring", "summer", "autumn", "winter"] = "summer"
    weather: Literal["clear", "cloudy", "rain", "fog"] = "clear"
    regime: str = ""

    @property
    def night(self) -> bool:
        """Whether the sun is below the horizon."""
        return self.sun_direction[2] < 0.0


@dataclass(frozen=True, eq=False)
class Scene:
    """A frozen world: one triangle soup with parts, lights, heat and weather.

    Attributes:
        vertices: (V, 3) float32, m, world.
        faces: (F, 3) int32.
        face_part: (F,) int32 index into `parts`.
        parts: Table of parts.
        materials: Table of materials.
        conditions: Weather and hour.
        environment: Generator that made it.
        seed: Of the generator.
        indoor: Closed room: no sky, no sun.
        route: (N, 2) float64, m: a drivable or walkable centre line for trajectories, closed if
            its first point equals its last.
        ground_z: Height of the ground under the route, m, (N,) float64.
        heat: Warm spots.
        lamps: Lights of the visible band.
        corner_normals: (F, 3, 3) float32 unit normals at the corners of each face, interpolated
            by the ray caster so that round things look round; None = flat faces.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    face_part: NDArray[np.int32]
    parts: tuple[Part, ...]
    materials: tuple[Material, ...]
    conditions: Conditions
    environment: Environment
    seed: int
    route: NDArray[np.float64]
    ground_z: NDArray[np.float64]
    heat: tuple[HeatSource, ...] = ()
    lamps: tuple[Lamp, ...] = ()
    indoor: bool = False
    name: str = field(default="")
    corner_normals: NDArray[np.float32] | None = None


def scene_hash(scene: Scene) -> str:
    """A name for all that a scene holds: the same on every machine for the same generator call.

    Numbers are rounded (geometry to 2^-14 m, the rest to six digits), because machines differ in
    the last bit of a sine.
    """
    digest = hashlib.blake2b(digest_size=16)
    for array in (scene.faces, scene.face_part):
        digest.update(np.ascontiguousarray(array, np.int32).tobytes())
    for metres in (scene.vertices, scene.route, scene.ground_z):
        digest.update(np.round(np.asarray(metres, np.float64) * 2**14).astype(np.int64).tobytes())
    tables: list[Any] = [*scene.parts, *scene.lamps, *scene.heat, *scene.materials]
    for row in (*tables, scene.conditions):
        digest.update(repr(_rounded(astuple(row))).encode())
    return digest.hexdigest()


def _rounded(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_rounded(item) for item in value)
    return f"{value + 0.0:.6g}" if isinstance(value, float) else value


@dataclass(frozen=True, eq=False)
class GBuffer:
    """What each pixel's ray hits, before any colour. N = H * W, row-major.

    Attributes:
        shape: (H, W), px.
        hit: (N,) bool; False = sky (or outside the lens).
        face: (N,) int32 index into `Scene.faces`, -1 where no hit.
        part: (N,) int32 index into `Scene.parts`, -1 where no hit.
        distance_m: (N,) float32 along the ray, inf where no hit.
        depth_m: (N,) float32 along the camera's z axis, inf where no hit.
        position_m: (N, 3) float32 world position of the hit, 0 where none.
        normal: (N, 3) float32 unit world normal on the camera's side of the face, smoothed where
            the scene has corner normals (so it may lean a little away); 0 where no hit.
        direction: (N, 3) float32 unit world direction of the ray.
        sunlit: (N,) float32, 1 = the sun sees the point, 0 = shadow or night.
    """

    shape: tuple[int, int]
    hit: NDArray[np.bool_]
    face: NDArray[np.int32]
    part: NDArray[np.int32]
    distance_m: NDArray[np.float32]
    depth_m: NDArray[np.float32]
    position_m: NDArray[np.float32]
    normal: NDArray[np.float32]
    direction: NDArray[np.float32]
    sunlit: NDArray[np.float32]
