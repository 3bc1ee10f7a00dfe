"""A yard of boxes, one of each kind of surface, under weather that a test chooses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from tests.synthetic.box_world import box_faces

from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import look_at
from thermoscope.synthetic.conditions import sky_kelvin, sun_direction
from thermoscope.synthetic.materials import MATERIALS, material_index
from thermoscope.synthetic.raycast import SceneCaster
from thermoscope.synthetic.scene import Conditions, HeatSource, Lamp, Part, Role, Scene

# name, class, material, role, activity, low corner, high corner (m)
YARD = (
    ("road", "road", "asphalt", Role.PASSIVE, 0, (-40, -40, -0.02), (40, 2, 0)),
    ("lawn", "grass", "grass", Role.PASSIVE, 0, (-40, 2, -0.02), (40, 40, 0)),
    ("wall", "building", "brick", Role.HEATED_INTERIOR, 1, (-12, 20, 0), (12, 24, 8)),
    ("window", "building", "glass", Role.GLASS, 1, (-2, 19.9, 2), (2, 20, 5)),
    ("roof", "building", "sheet_metal", Role.PASSIVE, 0, (-6, 8, 2.0), (-4, 10, 2.1)),
    ("hood", "car", "car_paint", Role.ENGINE, 1, (2, 8, 0.5), (4, 10, 1.2)),
    ("cold_hood", "car", "car_paint", Role.ENGINE, 0, (5, 8, 0.5), (7, 10, 1.2)),
    ("wheel", "car", "tyre", Role.WHEEL, 1, (2, 7.7, 0), (2.6, 8, 0.6)),
    ("face", "person", "skin", Role.SKIN, 1, (0, 6, 1.4), (0.3, 6.3, 1.8)),
    ("coat", "person", "fabric", Role.CLOTHING, 1, (-0.1, 5.9, 0.2), (0.4, 6.4, 1.4)),
    ("crown", "vegetation", "leaf", Role.LEAF, 0, (8, 12, 2.5), (11, 15, 6)),
    ("foil", "thing", "foil", Role.PASSIVE, 0, (-9, 8, 0.5), (-7, 8.2, 2.5)),
    ("heater", "thing", "painted_metal", Role.HEATER, 1, (-3, 8, 0.2), (-2, 8.2, 1)),
)
NAMES = [row[0] for row in YARD]
CAMERA = Camera.from_fov(160, 128, 80.0)
POSE = look_at((0.0, -4.0, 1.7), (0.0, 10.0, 1.4))


def weather(
    hour=13.0, *, air_k=290.0, cloud=0.0, day=196, latitude_deg=48.0, humidity=0.4, **more
) -> Conditions:
    season = "summer" if 80 < day < 265 else "winter"
    return Conditions(
        hour=hour,
        sun_direction=sun_direction(hour, day_of_year=day, latitude_deg=latitude_deg),
        air_k=air_k,
        sky_k=sky_kelvin(air_k, cloud=cloud, fog=more.get("fog", 0.0), humidity=humidity),
        ground_k=287.0,
        cloud=cloud,
        humidity=humidity,
        season=season,
        **more,
    )


def yard(
    conditions: Conditions | None = None,
    *,
    indoor: bool = False,
    heat: tuple[HeatSource, ...] = (),
    lamps: tuple[Lamp, ...] = (),
    **changes: dict[str, object],
) -> Scene:
    """The scene; `changes` replace fields of the parts named."""
    vertices, faces, owners, parts = [], [], [], []
    for number, (name, class_name, material, role, activity, low, high) in enumerate(YARD):
        corners, triangles = box_faces(low, high)
        faces.append(triangles + 8 * number)
        vertices.append(corners)
        owners += [number] * len(triangles)
        owner = 0 if name in ("road", "lawn") else number
        part = Part(name, class_name, owner, material_index(material), role, float(activity))
        parts.append(replace(part, **changes.get(name, {})))
    return Scene(
        vertices=np.concatenate(vertices),
        faces=np.concatenate(faces),
        face_part=np.array(owners, np.int32),
        parts=tuple(parts),
        materials=MATERIALS,
        conditions=conditions or weather(),
        environment="indoor" if indoor else "urban",
        seed=5,
        route=np.array([[-30.0, 0.0], [30.0, 0.0]]),
        ground_z=np.zeros(2),
        heat=heat,
        lamps=lamps,
        indoor=indoor,
    )


def view(scene: Scene, *, camera: Camera = CAMERA, pose=POSE):
    """The G-buffer of a scene."""
    return SceneCaster(scene).cast(camera, pose)


def of_part(values, gbuffer, name: str):
    """The values (H, W) or (N,) of one part's pixels."""
    return np.asarray(values).reshape(-1)[gbuffer.part == NAMES.index(name)]
