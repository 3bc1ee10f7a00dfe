"""A street around a block: carriageway, kerbs, buildings, vehicles, people, trees."""

from __future__ import annotations

import numpy as np

from thermoscope.synthetic.conditions import check_family, sample_conditions
from thermoscope.synthetic.meshes import box
from thermoscope.synthetic.objects.kit import Kit, rng_of
from thermoscope.synthetic.placement import Pose, SceneBuilder
from thermoscope.synthetic.scene import Role, Scene
from thermoscope.synthetic.scenes.street import Crossing, Street, street_ground
from thermoscope.synthetic.surfaces import FractalHeight, smooth_loop

__all__ = ["build"]


def build(seed: int, *, family: str = "train", hour: float | None = None,
          weather: str | None = None, visit: int = 0) -> Scene:
    """PROVISIONAL slice: street with plain boxes; see `thermoscope.synthetic.scenes.build`."""
    family = check_family(family)
    rng = rng_of("urban", family, seed)
    conditions = sample_conditions(rng_of("urban", family, seed, visit), family=family, hour=hour, weather=weather)
    hills = FractalHeight(rng, size_m=180, height_m=0.6, octaves=1)
    w, h = rng.uniform(45, 75), rng.uniform(35, 55)
    path = smooth_loop([(-w, -h), (w, -h), (w, h), (-w, h)], radius_m=20, step_m=1.0)
    street = Street(path=path, ground=hills, lane_m=3.4, parking_m=(2.1, 2.1), walk_m=(3.0, 3.0),
                    crossings=(Crossing(w, -1, 3.2, 60.0), Crossing(2.9 * w, -1, 3.0, 50.0)))
    b = SceneBuilder("urban", seed, family=family, conditions=conditions, ground=hills)
    b.place(street_ground(street, reach_m=160), Pose(0, 0, 0), object_id=0)
    house = Kit("house", "building")
    house.add(box((-6, -8, 0), (6, 8, 9)), house.slot("wall", "brick", Role.HEATED_INTERIOR))
    for x in (-4, -1, 2):
        for z in (1, 4, 7):
            house.add(box((x, -8.03, z), (x + 1.2, 8.03, z + 1.5)), house.slot("window", "glass", Role.GLASS))
    car = Kit("sedan", "car")
    car.add(box((-2.2, -.9, .3), (2.2, .9, .85)), car.slot("body", "car_paint", tint="paint"))
    car.add(box((.9, -.85, .8), (2.1, .85, .9)), car.slot("hood", "car_paint", Role.ENGINE, tint="paint"))
    car.add(box((-1.6, -.8, .85), (.8, .8, 1.4)), car.slot("glass", "glass", Role.GLASS))
    for x in (-1.4, 1.4):
        car.add(box((x - .3, -.95, 0), (x + .3, .95, .6)), car.slot("wheel", "tyre", Role.WHEEL))
    house_m, car_m = house.model(), car.model()
    for side in (1, -1):
        for s in np.arange(8, path.length_m - 8, 18):
            (x, y), yaw = path.at(s, side * (street.edge_m(side) + 9))
            b.place(house_m, Pose(x, y, yaw_deg=float(yaw)), activity=rng.uniform(.2, 1), tints={})
        for s in np.arange(4, path.length_m - 4, 11):
            (x, y), yaw = path.at(s, side * (street.kerb_m(side) - 1.05))
            b.place(car_m, Pose(x, y, yaw_deg=float(yaw) + (180 if side > 0 else 0)), activity=rng.uniform(), tints={"paint": tuple(rng.uniform(.05, 1, 3))})
    return b.finish(path.shifted(-street.lane_m / 2))
