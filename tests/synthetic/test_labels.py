"""Labels: every fine class has a place in every taxonomy, and the pixels get it."""

from dataclasses import replace

import numpy as np
import pytest
from tests.synthetic.box_world import box_world

from thermoscope.core.errors import UnknownNameError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import look_at
from thermoscope.synthetic.labels import (
    FINE_CLASSES,
    IGNORE_INDEX,
    TAXONOMIES,
    class_ids,
    labels_of,
)
from thermoscope.synthetic.raycast import cast

CAMERA = Camera.from_fov(65, 49, 95.0)
AHEAD = look_at((0.0, 0.0, 1.5), (1.0, 0.0, 1.5))

NOT_RENDERED = {
    "semanticrt": ("bicyclist", "motorcyclist", "tricycle", "box"),
    "kp": ("rider", "train"),
}


@pytest.mark.parametrize("name", TAXONOMIES)
def test_every_fine_class_is_labelled_or_unlabelled_on_purpose(name):
    taxonomy = TAXONOMIES[name]
    assert set(taxonomy.ids) | taxonomy.unlabelled == set(FINE_CLASSES)
    assert not set(taxonomy.ids) & taxonomy.unlabelled
    unseen = {taxonomy.classes.index(c) for c in NOT_RENDERED.get(name, ())}
    assert not unseen & set(taxonomy.ids.values())
    assert set(taxonomy.ids.values()) | {0} | unseen == set(range(len(taxonomy.classes)))
    expected = [taxonomy.ids.get(fine, taxonomy.otherwise) for fine in FINE_CLASSES]
    assert class_ids(name).tolist() == expected


def test_the_data_sets_have_as_many_classes_as_their_papers_say():
    count = {name: len(taxonomy.classes) for name, taxonomy in TAXONOMIES.items()}
    assert count.pop("fine") == len(FINE_CLASSES)
    assert count == {"mfnet": 9, "cart": 10, "fmb": 15, "pst900": 5, "semanticrt": 13, "kp": 19}


@pytest.mark.parametrize(
    ("taxonomy", "fine", "expected"),
    [
        ("mfnet", "car", 1), ("mfnet", "truck", 1), ("mfnet", "motorcycle", 3),
        ("mfnet", "kerb", 4), ("mfnet", "bump", 8), ("mfnet", "sky", 0),
        ("cart", "bare_ground", 0), ("cart", "sky", 6), ("cart", "person", 9),
        ("cart", "animal", IGNORE_INDEX),
        ("fmb", "road", 1), ("fmb", "sky", 7), ("fmb", "bicycle", 13), ("fmb", "pole", 14),
        ("fmb", "heater", 0),
        ("pst900", "fire_extinguisher", 1), ("pst900", "backpack", 2), ("pst900", "hand_drill", 3),
        ("pst900", "person", 4), ("pst900", "floor", 0),
        ("semanticrt", "car", 6), ("semanticrt", "person", 12), ("semanticrt", "sky", 0),
        ("kp", "road", 0), ("kp", "sky", 10), ("kp", "bicycle", 18), ("kp", "lamp", IGNORE_INDEX),
    ],
)  # fmt: skip
def test_ids_are_those_of_the_data_sets(taxonomy, fine, expected):
    assert class_ids(taxonomy)[FINE_CLASSES.index(fine)] == expected


def test_pixels_get_the_class_of_the_part_they_see():
    scene = box_world()
    view = cast(scene, CAMERA, AHEAD)
    labels = labels_of(scene, view, "fmb")
    assert labels.shape == (49, 65)
    assert labels.dtype == np.int64
    assert labels[24, 32] == 9  # the box is a car
    assert labels[0, 0] == 7  # sky
    assert labels[-1, 0] == 1  # road
    assert set(np.unique(labels)) == {1, 3, 7, 9}


def test_edges_of_labels_and_of_depth_are_the_same_pixels():
    scene = box_world()
    view = cast(scene, CAMERA, AHEAD)
    labels, depth = labels_of(scene, view, "fine"), view.depth_m.reshape(view.shape)
    row = slice(20, 21)  # box in front of the wall in front of the sky
    jump = np.abs(np.diff(np.where(np.isinf(depth), 1e3, depth)[row], axis=1)) > 1.0
    np.testing.assert_array_equal(jump, np.diff(labels[row], axis=1) != 0)
    assert jump.sum() == 4


def test_a_closed_room_has_no_sky():
    scene = box_world(indoor=True)
    view = cast(scene, CAMERA, AHEAD)
    for taxonomy in TAXONOMIES:
        assert (labels_of(scene, view, taxonomy).reshape(-1)[~view.hit] == IGNORE_INDEX).all()


def test_unknown_names_are_named():
    scene = box_world()
    view = cast(scene, CAMERA, AHEAD)
    with pytest.raises(UnknownNameError, match="unknown taxonomy 'mfnett'. Did you mean 'mfnet'"):
        labels_of(scene, view, "mfnett")
    odd = replace(scene, parts=(replace(scene.parts[0], class_name="tram"), *scene.parts[1:]))
    with pytest.raises(UnknownNameError, match="unknown fine class 'tram'"):
        labels_of(odd, view, "fine")
