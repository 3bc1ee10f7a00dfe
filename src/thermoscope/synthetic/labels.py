"""Fine classes of the rendered worlds, and what the public data sets call them.

Every fine class has an id in every taxonomy, or is listed there as unlabelled. Ids follow the
data sets: MFNet (Ha et al., IROS 2017), CART (Lee et al., ECCV 2024; its mask value minus 2), FMB
(Liu et al., ICCV 2023), PST900 (Shivakumar et al., ICRA 2020), SemanticRT (Ji et al., ACM MM 2023),
KP (Kim et al., RA-L 2021; void = ignored). Classes that no rendered world has keep their id. What
is NOT here: colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import UnknownNameError
from thermoscope.synthetic.scene import GBuffer, Scene

__all__ = ["FINE_CLASSES", "IGNORE_INDEX", "TAXONOMIES", "Taxonomy", "class_ids", "labels_of"]

IGNORE_INDEX = 255

FINE_CLASSES: tuple[str, ...] = (
    "sky", "road", "sidewalk", "kerb", "car_stop", "bump", "guardrail", "color_cone", "car",
    "truck", "bus", "motorcycle", "bicycle", "person", "animal", "building", "wall", "fence",
    "pole", "street_lamp", "traffic_light", "traffic_sign", "street_furniture", "tree", "shrub",
    "grass", "bare_ground", "crop", "rock", "water", "far_hill", "floor", "ceiling", "room_wall",
    "door", "window", "furniture", "appliance", "heater", "pipe", "machine", "lamp",
    "fire_extinguisher", "backpack", "hand_drill",
)  # fmt: skip
"""Names that a `Part` may carry, and "sky" for rays that hit nothing; the index is the fine id."""


@dataclass(frozen=True)
class Taxonomy:
    """The classes of a data set.

    Attributes:
        name: "mfnet" ...
        classes: Names; the index is the id.
        ids: Fine class to id.
        unlabelled: The other fine classes: things that the data set does not label.
        otherwise: Id of the unlabelled.
    """

    name: str
    classes: tuple[str, ...]
    ids: dict[str, int]
    unlabelled: frozenset[str]
    otherwise: int


def _taxonomy(
    name: str,
    members: dict[str, str],
    *,
    leading: tuple[str, ...] = (),
    unlabelled: str = "",
) -> Taxonomy:
    """`members`: class name to the fine classes in it, blank-separated, in the order of the ids.

    The unlabelled get the id of the `leading` class, or `IGNORE_INDEX` if there is none.
    """
    classes = (*leading, *members)
    ids = {fine: classes.index(label) for label, group in members.items() for fine in group.split()}
    rest = frozenset(unlabelled.split())
    return Taxonomy(name, classes, ids, rest, 0 if leading else IGNORE_INDEX)


_INDOOR = "floor ceiling room_wall door window furniture appliance heater pipe machine lamp "
_TOOLS = "fire_extinguisher backpack hand_drill "
_STREET = "building wall fence pole street_lamp traffic_light traffic_sign street_furniture "
_PLANTS = "tree shrub grass crop far_hill "

TAXONOMIES: dict[str, Taxonomy] = {
    "fine": _taxonomy("fine", {name: name for name in FINE_CLASSES}),
    "mfnet": _taxonomy(
        "mfnet",
        {
            "car": "car truck bus",  # MFNet has one class for cars of all sizes
            "person": "person",
            "bike": "bicycle motorcycle",
            "curve": "kerb",
            "car_stop": "car_stop",
            "guardrail": "guardrail",
            "color_cone": "color_cone",
            "bump": "bump",
        },
        leading=("unlabelled",),
        unlabelled="sky road sidewalk animal bare_ground rock water "
        + _STREET
        + _PLANTS
        + _INDOOR
        + _TOOLS,
    ),
    "cart": _taxonomy(
        "cart",
        {
            "bare_ground": "bare_ground grass crop",
            "rocky_terrain": "rock",
            "developed_structures": "guardrail color_cone car_stop " + _STREET + _INDOOR + _TOOLS,
            "road": "road sidewalk kerb bump",
            "shrubs": "shrub",
            "trees": "tree far_hill",
            "sky": "sky",
            "water": "water",
            "vehicles": "car truck bus motorcycle bicycle",
            "person": "person",
        },
        unlabelled="animal",
    ),
    "fmb": _taxonomy(
        "fmb",
        {
            "road": "road bump",
            "sidewalk": "sidewalk kerb",
            "building": "building wall",
            "traffic_lamp": "traffic_light",
            "traffic_sign": "traffic_sign",
            "vegetation": _PLANTS,
            "sky": "sky",
            "person": "person",
            "car": "car",
            "truck": "truck",
            "bus": "bus",
            "motorcycle": "motorcycle",
            "bicycle": "bicycle",
            "pole": "pole street_lamp",
        },
        leading=("unlabelled",),
        unlabelled="car_stop guardrail color_cone fence street_furniture animal bare_ground rock "
        "water " + _INDOOR + _TOOLS,
    ),
    "pst900": _taxonomy(
        "pst900",
        {
            "fire_extinguisher": "fire_extinguisher",
            "backpack": "backpack",
            "hand_drill": "hand_drill",
            "survivor": "person",
        },
        leading=("background",),
        unlabelled="sky road sidewalk kerb car_stop bump guardrail color_cone car truck bus "
        "motorcycle bicycle animal bare_ground rock water " + _STREET + _PLANTS + _INDOOR,
    ),
    "semanticrt": _taxonomy(
        "semanticrt",
        {
            "car_stop": "car_stop",
            "bike": "bicycle",
            "bicyclist": "",
            "motorcycle": "motorcycle",
            "motorcyclist": "",
            "car": "car truck bus",
            "tricycle": "",
            "traffic_light": "traffic_light",
            "box": "",
            "pole": "pole street_lamp",
            "curve": "kerb",
            "person": "person",
        },
        leading=("background",),
        unlabelled="sky road sidewalk bump guardrail color_cone building wall fence traffic_sign "
        "street_furniture animal bare_ground rock water " + _PLANTS + _INDOOR + _TOOLS,
    ),
    "kp": _taxonomy(
        "kp",
        {
            "road": "road bump",
            "sidewalk": "sidewalk kerb",
            "building": "building",
            "wall": "wall",
            "fence": "fence guardrail",
            "pole": "pole street_lamp",
            "traffic_light": "traffic_light",
            "traffic_sign": "traffic_sign",
            "vegetation": "tree shrub far_hill",
            "terrain": "grass crop bare_ground rock",
            "sky": "sky",
            "person": "person",
            "rider": "",
            "car": "car",
            "truck": "truck",
            "bus": "bus",
            "train": "",
            "motorcycle": "motorcycle",
            "bicycle": "bicycle",
        },
        unlabelled="car_stop color_cone street_furniture animal water " + _INDOOR + _TOOLS,
    ),
}


def class_ids(taxonomy: str) -> NDArray[np.int64]:
    """(number of fine classes,) id of each fine class, in the order of `FINE_CLASSES`.

    Raises:
        UnknownNameError: Unknown taxonomy.
    """
    if taxonomy not in TAXONOMIES:
        raise UnknownNameError("taxonomy", taxonomy, TAXONOMIES)
    chosen = TAXONOMIES[taxonomy]
    return np.array([chosen.ids.get(fine, chosen.otherwise) for fine in FINE_CLASSES], np.int64)


def labels_of(scene: Scene, gbuffer: GBuffer, taxonomy: str) -> NDArray[np.int64]:
    """(H, W) int64 class of every pixel; `IGNORE_INDEX` where the taxonomy has none.

    Rays that hit nothing are sky; in a closed room they are ignored.

    Args:
        scene: Whose parts the G-buffer names.
        gbuffer: A view of it.
        taxonomy: A name in `TAXONOMIES`.

    Raises:
        UnknownNameError: Unknown taxonomy, or a part of the scene with an unknown fine class.
    """
    of_fine = class_ids(taxonomy)
    number = {name: i for i, name in enumerate(FINE_CLASSES)}
    unknown = sorted({p.class_name for p in scene.parts} - number.keys())
    if unknown:
        raise UnknownNameError("fine class", unknown[0], FINE_CLASSES)
    sky = IGNORE_INDEX if scene.indoor else int(of_fine[number["sky"]])
    of_part = [int(of_fine[number[p.class_name]]) for p in scene.parts]
    table = np.array([*of_part, sky], np.int64)  # part -1 takes the last entry
    return table[gbuffer.part].reshape(gbuffer.shape)
