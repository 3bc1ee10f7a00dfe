"""Rooms and corridors: offices, homes, workshops, stores; furniture, radiators, machines, people.

The route goes through open doorways from room to room and back. Walls and furniture depend on the
seed, people and what they left lying about on the visit too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thermoscope.synthetic.conditions import sample_conditions
from thermoscope.synthetic.kinds import KINDS, Kinds
from thermoscope.synthetic.objects import appliances
from thermoscope.synthetic.objects.kit import rng_of
from thermoscope.synthetic.placement import Pose, SceneBuilder
from thermoscope.synthetic.scene import Conditions, HeatSource, Scene
from thermoscope.synthetic.scenes.draws import draws_of
from thermoscope.synthetic.scenes.furnish import PREMISES, Furnisher, Premises
from thermoscope.synthetic.scenes.rooms import (
    Finish,
    Plan,
    draw_plan,
    route_of,
    shell,
)
from thermoscope.synthetic.scenes.traffic import place_person

__all__ = ["build"]

CORRIDORS = 0.4  # share of the places that have one
LEG_M = 0.65  # from the middle of a seat to the feet
Seat = tuple[float, float, float, float]


def build(
    seed: int,
    *,
    family: str = "train",
    hour: float | None = None,
    weather: str | None = None,
    visit: int = 0,
) -> Scene:
    """The rooms of a seed; arguments and errors as in `thermoscope.synthetic.scenes.build`."""
    drawn = draws_of("indoor", seed, family=family, hour=hour, weather=weather, visit=visit)
    place, moving, outside = drawn.place, drawn.moving, drawn.conditions
    again = rng_of("indoor", drawn.family, seed, "weather", visit)
    conditions = sample_conditions(
        again, family=drawn.family, hour=outside.hour, weather=weather, indoor=True
    )
    kinds = KINDS[drawn.family]
    premises = PREMISES[tuple(PREMISES)[int(place.uniform() * len(PREMISES))]]
    height = float(place.uniform(*premises.height_m))
    columns, corridor = int(place.integers(2, 4)), bool(place.uniform() < CORRIDORS)
    plan = draw_plan(place, columns=columns, height_m=height, corridor=corridor)
    builder = SceneBuilder("indoor", seed, family=drawn.family, conditions=conditions, indoor=True)
    _shell(builder, place, plan, premises, outside)
    route = route_of(plan)
    for x, y in route.points:
        builder.claim(float(x), float(y), 0.5)
    work = Furnisher(builder, place, moving, kinds=kinds, premises=premises, plan=plan)
    for room in plan.rooms():
        work.room(room)
    seats = [seat for seat in work.seats if _legroom(seat, route.points)]
    _living(builder, moving, kinds, seats, plan)
    return builder.finish(route.points)


def _shell(
    builder: SceneBuilder,
    rng: np.random.Generator,
    plan: Plan,
    premises: Premises,
    outside: Conditions,
) -> None:
    u = rng.uniform(size=6)
    shade = 0.75 + 0.4 * u[2:5]
    finish = Finish(
        premises.walls[int(u[0] * len(premises.walls))],
        (float(shade[0]), float(shade[1]), float(shade[2])),
        premises.floors,
        premises.ceiling,
    )
    high = max(0.0, outside.sun_direction[2])
    daylight = min(1.0, 1.6 * high) * (1 - 0.6 * outside.cloud)
    difference = outside.air_k - builder.conditions.air_k
    model = shell(plan, finish, daylight=daylight, outside_k=difference)
    builder.place(model, Pose(0, 0, 0), object_id=0, activity=min(1.0, abs(difference) / 25))
    if outside.cloud < 0.5 and high > 0.2:
        for window in plan.windows:
            at = (window.x, window.y + 1.3 * window.inward[1], 0.0)
            builder.heat.append(HeatSource(-1, at, 0.45, 5.0))


def _legroom(seat: Seat, route: NDArray[np.float64]) -> bool:
    """Whether the feet of who sits there stay clear of the route."""
    x, y, _, yaw = seat
    feet = (x + LEG_M * np.cos(np.radians(yaw)), y + LEG_M * np.sin(np.radians(yaw)))
    return bool(np.hypot(*(route - feet).T).min() > 0.6)


def _living(
    builder: SceneBuilder,
    rng: np.random.Generator,
    kinds: Kinds,
    seats: list[Seat],
    plan: Plan,
) -> None:
    """People on chairs, on their feet, lying; seats still warm; things left on the floor."""
    for x, y, seat, yaw in seats:
        u = rng.uniform(size=2)
        a = np.radians(yaw)
        if u[0] < 0.28:
            sat = (x - 0.02 * float(np.cos(a)), y - 0.02 * float(np.sin(a)), seat - 0.44, yaw)
            place_person(builder, rng, kinds.outfits, sat, posture="sit")
        elif u[0] < 0.5:
            builder.heat.append(HeatSource(-1, (x, y, seat), 0.14, 5.0 * float(u[1]) + 1.5))
    for room in plan.rooms():
        for _try in range(int(rng.integers(3, 9))):
            x0, y0, x1, y1 = room
            u = rng.uniform(size=4)
            x, y = x0 + 0.4 + (x1 - x0 - 0.8) * u[0], y0 + 0.4 + (y1 - y0 - 0.8) * u[1]
            _drop(
                builder, rng, kinds, (float(x), float(y)), what=float(u[2]), yaw=float(360 * u[3])
            )


def _drop(
    builder: SceneBuilder,
    rng: np.random.Generator,
    kinds: Kinds,
    spot: tuple[float, float],
    *,
    what: float,
    yaw: float,
) -> None:
    """One thing or person on the floor, if the place is free."""
    if what < 0.35:
        posture = ("stand", "talk", "walk", "stand", "crouch")[int(what / 0.07)]
        if builder.take(*spot, 0.35):
            place_person(builder, rng, kinds.outfits, (*spot, 0.0, yaw), posture=posture)
            if rng.uniform() < 0.3:
                builder.heat.append(HeatSource(0, (spot[0], spot[1], 0.9), 0.45, 1.5))
    elif what < 0.45:
        if builder.take(*spot, 0.85):
            place_person(builder, rng, kinds.outfits, (*spot, 0.0, yaw), posture="lie")
    elif builder.take(*spot, 0.2):
        model = (
            appliances.fire_extinguisher() if what < 0.62
            else appliances.backpack(int(40 * what)) if what < 0.8
            else appliances.hand_drill()
        )  # fmt: skip
        builder.place(model, Pose(*spot, 0.0, yaw), activity=float(rng.uniform()))
