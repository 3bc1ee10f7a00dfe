"""Things: of a believable size, standing on the ground, made of known materials."""

import numpy as np
import pytest

from thermoscope.synthetic.labels import FINE_CLASSES
from thermoscope.synthetic.materials import material_index
from thermoscope.synthetic.objects import appliances, barriers, furniture, nature
from thermoscope.synthetic.objects import street as things
from thermoscope.synthetic.objects.animals import ANIMAL_KINDS, animal
from thermoscope.synthetic.objects.buildings import BUILDING_KINDS, building
from thermoscope.synthetic.objects.cars import CAR_KINDS, car
from thermoscope.synthetic.objects.cycles import (
    BICYCLE_KINDS,
    MOTORCYCLE_KINDS,
    bicycle,
    motorcycle,
)
from thermoscope.synthetic.objects.heavy import BUS_KINDS, TRUCK_KINDS, bus, truck
from thermoscope.synthetic.objects.people import OUTFITS, POSTURES, person
from thermoscope.synthetic.objects.vegetation import (
    TREE_KINDS,
    bush,
    forest_edge,
    grove,
    hedge,
    tree,
    tuft,
)
from thermoscope.synthetic.scene import Role

FENCES = ("picket", "mesh", "rail", "wall")

# name: builder of a variant, ranges of length, width and height in metres
SIZED = {
    **{k: (lambda v, k=k: car(k, v), (3.8, 5.9), (1.7, 2.4), (1.2, 2.3)) for k in CAR_KINDS},
    **{k: (lambda v, k=k: truck(k, v), (7, 9), (2.3, 3.1), (2.5, 3.8)) for k in TRUCK_KINDS},
    **{k: (lambda v, k=k: bus(k, v), (6.5, 13.5), (2.1, 2.7), (2.6, 4.8)) for k in BUS_KINDS},
    **{
        k: (lambda v, k=k: bicycle(k, v), (1.5, 2.4), (0.4, 0.8), (0.9, 1.3)) for k in BICYCLE_KINDS
    },
    **{
        k: (lambda v, k=k: motorcycle(k, v), (1.6, 2.6), (0.6, 1.0), (1.0, 1.4))
        for k in MOTORCYCLE_KINDS
    },
    **{
        k: (lambda v, k=k: person(k, "walk", v), (0.3, 1.3), (0.4, 0.9), (1.5, 2.0))
        for k in OUTFITS
    },
    **{k: (lambda v, k=k: animal(k, v), (0.9, 3.0), (0.15, 0.9), (0.5, 2.4)) for k in ANIMAL_KINDS},
    **{k: (lambda v, k=k: tree(k, v), (1.2, 18), (1.2, 18), (5, 20)) for k in TREE_KINDS},
    **{k: (lambda v, k=k: building(k, v), (8, 36), (7, 26), (4, 40)) for k in BUILDING_KINDS},
}
OTHERS = {
    "bush": bush, "hedge": hedge, "tuft": tuft, "grove": grove, "forest_edge": forest_edge,
    "rock": nature.rock, "log": nature.log, "stump": nature.stump,
    "hay_bale": lambda _: nature.hay_bale(), "street_lamp": things.street_lamp,
    "utility_pole": things.utility_pole, "traffic_light": things.traffic_light,
    "cone": things.cone, "car_stop": things.car_stop, "bump": lambda _: things.bump(6.0),
    "bench": things.bench, "bin": things.bin_, "bollard": things.bollard,
    "hydrant": things.hydrant, "cabinet": things.cabinet, "bus_shelter": things.bus_shelter,
    "guardrail": lambda _: barriers.guardrail(4.0),
    **{
        f"fence {k}": (lambda _, k=k: barriers.fence(k))
        for k in ("picket", "mesh", "rail", "wall")
    },
    **{f"sign {k}": (lambda _, k=k: things.traffic_sign(k)) for k in things.SIGNS},
    **{k: (lambda v, k=k: furniture.chair(k, v)) for k in furniture.CHAIR_KINDS},
    **{k: (lambda v, k=k: furniture.desk(k, v)) for k in furniture.DESK_KINDS},
    **{k: (lambda v, k=k: furniture.shelf(k, v)) for k in furniture.SHELF_KINDS},
    **{k: (lambda v, k=k: appliances.radiator(k, v)) for k in appliances.RADIATOR_KINDS},
    **{k: (lambda v, k=k: appliances.machine(k, v)) for k in appliances.MACHINE_KINDS},
    "sofa": furniture.sofa, "bed": furniture.bed, "boxes": furniture.boxes,
    "pot_plant": furniture.pot_plant, "whiteboard": lambda _: furniture.whiteboard(),
    "wall_thing": furniture.wall_thing, "computer": appliances.computer,
    "kitchen": appliances.kitchen, "ceiling_lamp": appliances.ceiling_lamp,
    "pipe": lambda _: appliances.pipe_run(3.0, hot=True), "backpack": appliances.backpack,
    "extinguisher": lambda _: appliances.fire_extinguisher(),
    "drill": lambda _: appliances.hand_drill(),
}  # fmt: skip
EVERYTHING = {name: entry[0] for name, entry in SIZED.items()} | OTHERS


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_thing_is_sound(name):
    model = EVERYTHING[name](1)
    mesh = model.mesh
    assert np.isfinite(mesh.vertices).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=-1), 1.0, atol=1e-6)
    assert mesh.faces.max() < len(mesh.vertices)
    assert set(np.unique(mesh.slot)) <= set(range(len(model.slots)))
    assert 12 <= len(mesh.faces) < 12_000
    for slot in model.slots:
        assert material_index(slot.material) >= 0
        assert slot.class_name in FINE_CLASSES
    assert len({slot.name for slot in model.slots}) == len(model.slots)


@pytest.mark.parametrize("name", SIZED)
@pytest.mark.parametrize("variant", [0, 1, 2])
def test_a_thing_has_a_believable_size_and_stands_on_the_ground(name, variant):
    build, *ranges = SIZED[name]
    model = build(variant)
    for size, (low, high) in zip(model.size_m, ranges, strict=True):
        assert low < size < high
    lowest = model.mesh.vertices[:, 2].min()
    if name not in BUILDING_KINDS:  # those have foundations
        assert -0.5 < lowest < 0.03


@pytest.mark.parametrize("name", SIZED)
def test_the_same_variant_is_the_same_thing_and_another_is_not(name):
    build = SIZED[name][0]
    assert build(3) is build(3)  # made once
    first, second = build(0), build(1)
    assert first.mesh.vertices.shape != second.mesh.vertices.shape or not np.allclose(
        first.mesh.vertices, second.mesh.vertices
    )


def roles(model):
    return {slot.role for slot in model.slots}


@pytest.mark.parametrize("kind", CAR_KINDS)
def test_a_car_has_what_gets_warm_and_what_mirrors(kind):
    model = car(kind, 0)
    assert {Role.WHEEL, Role.BRAKE, Role.ENGINE, Role.EXHAUST, Role.GLASS} <= roles(model)
    wheels = [slot for slot in model.slots if slot.role is Role.WHEEL]
    assert len(wheels) == 4  # a part each
    assert len(model.lamps) == 2
    assert all(lamp.lit == "active" for lamp in model.lamps)


@pytest.mark.parametrize("kind", CAR_KINDS)
def test_wheels_touch_the_ground_under_their_arches(kind):
    model = car(kind, 0)
    mesh = model.mesh
    for index, slot in enumerate(model.slots):
        if slot.role is Role.WHEEL:
            points = mesh.vertices[mesh.faces[mesh.slot == index]].reshape(-1, 3)
            assert points[:, 2].min() == pytest.approx(0.0, abs=0.02)
            assert abs(points[:, 1].mean()) > 0.6  # outside, not under the middle


@pytest.mark.parametrize("posture", POSTURES)
def test_people_show_skin_and_cloth_in_every_posture(posture):
    model = person("jacket", posture, 0)
    assert {Role.SKIN, Role.CLOTHING} <= roles(model)
    tall = {"lie": (0.2, 0.75), "sit": (1.0, 1.6), "crouch": (0.8, 1.5), "ride": (1.1, 1.75)}
    low, high = tall.get(posture, (1.5, 2.0))
    assert low < model.size_m[2] < high


def test_bare_trees_have_no_leaves_but_evergreens_keep_theirs():
    for kind, shape in TREE_KINDS.items():
        bare = Role.LEAF not in roles(tree(kind, 0, leaves=False))
        assert bare is not shape.evergreen
        assert Role.LEAF in roles(tree(kind, 0))


def test_far_trees_cost_less_than_near_ones():
    near, far = tree("maple", 0, leaf_count=2000), tree("maple", 0, leaf_count=300)
    assert len(far.mesh.faces) < 0.5 * len(near.mesh.faces)
    assert building("office", 0, detail=False).mesh.faces.shape[0] < 1500


def test_things_that_people_lose_have_their_own_class():
    lost = (appliances.fire_extinguisher(), appliances.backpack(0), appliances.hand_drill())
    classes = [{slot.class_name for slot in model.slots} for model in lost]
    assert classes == [{"fire_extinguisher"}, {"backpack"}, {"hand_drill"}]
