"""What the class names of data sets mean, in words that a text encoder knows.

Data sets abbreviate (``curve`` is a kerb, ``bump`` a speed bump), and an encoder reads what is
written. A name that is not listed means itself, with blanks for underscores.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from thermoscope.core.errors import ConfigError, UnknownNameError

__all__ = ["TEMPLATES", "VOCABULARY", "NamesRead", "phrase", "prompts", "read_names"]

WORDS = {
    "unlabelled": "background",
    "bike": "bicycle",
    "bicyclist": "cyclist on a bicycle",
    "motorcyclist": "rider on a motorcycle",
    "tricycle": "cargo tricycle",
    "curve": "kerb of a road",
    "kerb": "kerb of a road",
    "car_stop": "parking block",
    "color_cone": "traffic cone",
    "bump": "speed bump",
    "box": "roadside box",
    "traffic_lamp": "traffic light",
    "survivor": "injured person",
    "hand_drill": "hand-held drill",
    "far_hill": "hill in the distance",
    "developed_structures": "built structure",
    "rocky_terrain": "rocky ground",
    "vehicles": "vehicle",
    "trees": "tree",
    "shrubs": "shrub",
    "room_wall": "wall of a room",
    "crop": "crop field",
    "lamp": "lamp in a room",
}
TEMPLATES: dict[str, tuple[str, ...]] = {
    "name": ("{}",),
    "photo": (
        "a photo of a {}",
        "a picture of the {}",
        "a {} in the scene",
        "there is a {}",
    ),
    "thermal": (
        "a thermal image of a {}",
        "an infrared picture of the {}",
        "a {} seen by a thermal camera",
        "a photo of a {}",
    ),
}
"""Prompts by set; the embeddings of one set are averaged."""

_DATA_SETS = """
unlabelled background car person bike curve car_stop guardrail color_cone bump fire_extinguisher
backpack hand_drill survivor road sidewalk building traffic_lamp traffic_sign vegetation sky truck
bus motorcycle bicycle pole bare_ground rocky_terrain developed_structures shrubs trees water
vehicles bicyclist motorcyclist tricycle traffic_light box wall fence terrain rider train kerb
animal street_lamp street_furniture tree shrub grass crop rock far_hill floor ceiling room_wall door
window furniture appliance heater pipe machine lamp udder
"""
_USUAL = """
van taxi trailer tram tractor ambulance fire_truck police_car scooter wheelchair stroller boat
ship airplane helicopter drone bird dog cat horse cow sheep pig goat deer fox bear rabbit
wild_boar child pedestrian worker firefighter soldier crowd face hand head hat helmet jacket bag
suitcase umbrella phone laptop computer screen keyboard chair table sofa bed shelf cupboard desk
bench stairs roof chimney balcony bridge tunnel parking_lot crosswalk lane_marking manhole puddle
river lake sea beach sand snow ice mud gravel path field meadow forest bush leaf flower hedge log
mountain hill cloud smoke fire flame steam engine exhaust wheel tyre headlight window_pane
radiator stove oven kettle cup bottle plate food refrigerator microwave television air_conditioner
fan solar_panel power_line transformer insulator electric_motor battery cable pump valve tank
pipeline boiler gas_leak hot_spot crack moisture insulation mailbox bin hydrant traffic_barrier
billboard bus_stop container crane excavator forklift pallet ladder tool wire tent campfire trash
house garage shop greenhouse barn
"""
VOCABULARY: tuple[str, ...] = tuple(dict.fromkeys(f"{_DATA_SETS} {_USUAL}".split()))
"""Names in the shipped tables: of all data sets, and of usual things."""


def phrase(name: str) -> str:
    """What a class name says.

    Example:
        >>> phrase("color_cone"), phrase("Fire_Extinguisher")
        ('traffic cone', 'fire extinguisher')
    """
    plain = _plain(name)
    return WORDS.get(plain, plain.replace("_", " "))


def _plain(name: str) -> str:
    return "_".join(name.strip().lower().replace("-", "_").split())


@dataclass(frozen=True)
class NamesRead:
    """How a model with classes of its own reads a list of names.

    Attributes:
        names: As asked.
        learned: Class of the model that each name is; None = it never learned one of that name.
        close: Name that was never learned, and the class that is written nearly like it.
    """

    names: tuple[str, ...]
    learned: tuple[str | None, ...]
    close: dict[str, str]

    @property
    def by(self) -> Literal["heads", "words"]:
        """``"heads"``: what was learned answers; ``"words"``: the meaning of the names, for all."""
        return "words" if None in self.learned else "heads"

    @property
    def never_learned(self) -> tuple[str, ...]:
        """Names that are none of the model's classes."""
        pairs = zip(self.names, self.learned, strict=True)
        return tuple(name for name, known in pairs if known is None)

    @property
    def text(self) -> str:
        """It in a line."""
        if self.by == "heads":
            return "all names were learned: the trained heads choose among them."
        hints = (
            f"{name} (did you mean {self.close[name]}?)" if name in self.close else name
            for name in self.never_learned
        )
        return (
            f"never learned: {', '.join(hints)}. So all {len(self.names)} names are chosen among "
            "by words, less sure by far."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "names": list(self.names),
            "by": self.by,
            "never_learned": list(self.never_learned),
            "did_you_mean": dict(self.close),
        }


def read_names(names: Sequence[str], classes: Sequence[str]) -> NamesRead:
    """Which of `names` are which of `classes`, whatever the case, and with blank, _ or -.

    Raises:
        ConfigError: Two of the names are one.

    Example:
        >>> read_names(["Person", "traffic light"], ["traffic_light", "person"]).learned
        ('person', 'traffic_light')
        >>> print(read_names(["preson", "wall"], ["wall", "person"]).text)
        never learned: preson (did you mean person?). So all 2 names are chosen among by words, ...
    """
    known = {_plain(name): name for name in reversed(classes)}
    learned = tuple(name if name in classes else known.get(_plain(name)) for name in names)
    seen: dict[str, str] = {}
    for name, found in zip(names, learned, strict=True):
        first = seen.setdefault(found or _plain(name), name)
        if first != name:
            raise ConfigError(f"{first!r} and {name!r} are one class. Name it once.")
    close = {}
    for name, found in zip(names, learned, strict=True):
        near = difflib.get_close_matches(_plain(name), known, n=1, cutoff=0.75)
        if found is None and near:
            close[name] = known[near[0]]
    return NamesRead(tuple(names), learned, close)


def prompts(name: str, templates: str | Sequence[str] = "name") -> list[str]:
    """The prompts of a class, one for each template.

    Args:
        name: Of the class.
        templates: A name in `TEMPLATES`, or texts with ``{}`` for the name.

    Raises:
        UnknownNameError: No such set of templates, or a text without ``{}``.

    Example:
        >>> prompts("bump", ["a {} at night"])
        ['a speed bump at night']
    """
    if isinstance(templates, str):
        if templates not in TEMPLATES:
            raise UnknownNameError("set of templates", templates, TEMPLATES)
        templates = TEMPLATES[templates]
    for text in templates:
        if "{}" not in text:
            raise UnknownNameError("template without {}", text, ["a photo of a {}"])
    return [text.replace("{}", phrase(name)) for text in templates]
