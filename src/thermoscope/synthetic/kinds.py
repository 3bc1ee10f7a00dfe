"""Which kinds of things each family of scenes shows: nothing named here is in two families.

What has no kinds (poles, cones, walls, furniture) is shared; textures and weather have their own
tables (`thermoscope.synthetic.materials`, `thermoscope.synthetic.conditions`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from thermoscope.synthetic.conditions import Family

__all__ = ["KINDS", "Kinds", "kind_names"]


@dataclass(frozen=True)
class Kinds:
    """The kinds of one family.

    Attributes:
        cars: Of `objects.cars.CAR_KINDS`.
        trucks: Of `objects.heavy.TRUCK_KINDS`.
        buses: Of `objects.heavy.BUS_KINDS`.
        bicycles: Of `objects.cycles.BICYCLE_KINDS`.
        motorcycles: Of `objects.cycles.MOTORCYCLE_KINDS`.
        outfits: Of `objects.people.OUTFITS`.
        animals: Of `objects.animals.ANIMAL_KINDS`.
        trees: Of `objects.vegetation.TREE_KINDS`.
        rows: Buildings of a closed street front.
        houses: Detached buildings.
        sheds: Industrial and farm buildings.
        chairs: Of `objects.furniture.CHAIR_KINDS`.
        desks: Of `objects.furniture.DESK_KINDS`.
        shelves: Of `objects.furniture.SHELF_KINDS`.
        radiators: Of `objects.appliances.RADIATOR_KINDS`.
        machines: Of `objects.appliances.MACHINE_KINDS`.
    """

    cars: tuple[str, ...]
    trucks: tuple[str, ...]
    buses: tuple[str, ...]
    bicycles: tuple[str, ...]
    motorcycles: tuple[str, ...]
    outfits: tuple[str, ...]
    animals: tuple[str, ...]
    trees: tuple[str, ...]
    rows: tuple[str, ...]
    houses: tuple[str, ...]
    sheds: tuple[str, ...]
    chairs: tuple[str, ...]
    desks: tuple[str, ...]
    shelves: tuple[str, ...]
    radiators: tuple[str, ...]
    machines: tuple[str, ...]


KINDS: dict[Family, Kinds] = {
    "train": Kinds(
        cars=("sedan", "hatchback", "suv", "van"),
        trucks=("box_truck", "flatbed"),
        buses=("city_bus", "minibus"),
        bicycles=("city_bike", "mountain_bike"),
        motorcycles=("roadster",),
        outfits=("jacket", "shirt", "coat", "hiker"),
        animals=("dog", "deer", "cow"),
        trees=("maple", "poplar", "spruce"),
        rows=("townhouse", "apartment"),
        houses=("house",),
        sheds=("shed",),
        chairs=("plain_chair", "swivel_chair"),
        desks=("panel_desk", "workbench"),
        shelves=("bookcase", "metal_shelf"),
        radiators=("panel_radiator",),
        machines=("lathe", "rack"),
    ),
    "val": Kinds(
        cars=("wagon", "minivan"),
        trucks=("tanker",),
        buses=("coach",),
        bicycles=("cargo_bike",),
        motorcycles=("scooter",),
        outfits=("hoodie", "dress"),
        animals=("horse", "sheep"),
        trees=("birch", "pine"),
        rows=("office",),
        houses=("cottage",),
        sheds=("barn",),
        chairs=("armchair",),
        desks=("trestle_desk",),
        shelves=("cupboard",),
        radiators=("column_radiator",),
        machines=("pump", "switchboard"),
    ),
    "test": Kinds(
        cars=("pickup", "coupe"),
        trucks=("tipper",),
        buses=("double_decker",),
        bicycles=("racing_bike",),
        motorcycles=("cruiser",),
        outfits=("shorts", "worker"),
        animals=("goat", "boar"),
        trees=("willow", "cypress"),
        rows=("glass_tower", "terrace"),
        houses=("timber_house",),
        sheds=("warehouse",),
        chairs=("stool",),
        desks=("round_table",),
        shelves=("locker",),
        radiators=("convector",),
        machines=("boiler", "generator"),
    ),
}


def kind_names(family: Family) -> frozenset[str]:
    """Every kind that a family shows.

    Raises:
        KeyError: Unknown family.
    """
    chosen = KINDS[family]
    return frozenset(name for field in fields(chosen) for name in getattr(chosen, field.name))
