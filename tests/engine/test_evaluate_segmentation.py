"""Segmentation scores of a model whose answers are known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.engine.evaluate_segmentation import (
    SEGMENTATION_PROTOCOLS,
    class_table,
    evaluate_segmentation,
)
from thermoscope.models.dense_heads import build_segmentation
from thermoscope.synthetic.labels import FINE_CLASSES, TAXONOMIES, class_ids

CLASSES = ("unlabelled", "car", "person")


def always(class_id):
    """A segmenter that gives every pixel one class."""
    model = build_segmentation(backbone="tiny", classes=CLASSES, kind="linear").eval()
    torch.nn.init.zeros_(model.head.classify.weight)
    model.head.classify.bias.data = torch.nn.functional.one_hot(torch.tensor(class_id), 3) * 9.0
    return model


def sample(name, labels):
    labels = np.broadcast_to(np.array(labels, np.int64)[None, :, None], (1, len(labels), 28))
    counts = np.arange(labels.size, dtype=np.uint16).reshape(labels.shape)
    return {"name": name, "counts": counts, "labels": labels, "taxonomy": "mfnet"}


FRAMES = [
    sample("a", [1] * 14 + [0] * 14),
    sample("b", [1] * 28),
    sample("c", [255] * 28),
]


def test_scores_are_of_all_frames_at_once():
    found = evaluate_segmentation(always(1), FRAMES)
    # car: 42 of 56 labelled rows are car, all are called car; unlabelled is never found
    assert found.scores.iou_per_class["car"] == pytest.approx(42 / 56)
    assert found.scores.iou_per_class["unlabelled"] == 0
    assert found.scores.miou == pytest.approx(42 / 56 / 2)
    assert found.scores.absent == ("person",)
    assert (found.frames, found.failed) == (3, [])


def test_protocols_average_as_they_say():
    mious = {
        name: evaluate_segmentation(always(1), FRAMES, protocol=name).scores.miou
        for name in SEGMENTATION_PROTOCOLS
    }
    assert mious["foreground"] == pytest.approx(3 / 4)
    assert mious["strict"] == mious["anythermal"] == pytest.approx(3 / 4 / 3)


def test_a_bad_frame_is_named_and_the_others_count():
    bad = [{**FRAMES[0], "name": "tiny", "counts": np.zeros((1, 2, 2), np.uint16)}]
    blind = [{"name": "blind", "counts": FRAMES[0]["counts"]}]
    seen = []
    found = evaluate_segmentation(always(1), bad + blind + FRAMES[1:], progress=seen.append)
    assert [name for name, _ in found.failed] == ["tiny", "blind"]
    assert "less than one patch" in found.failed[0][1]
    assert "no labels" in found.failed[1][1]
    assert found.scores.iou_per_class["car"] == 1
    assert found.frames == 2
    assert seen == ["tiny", "blind", "b", "c"]


def test_the_report_names_its_rules():
    report = evaluate_segmentation(always(1), FRAMES, protocol="anythermal").to_dict()
    assert report["protocol"] == "anythermal"
    assert "absent one as 0" in report["averaged"]
    assert report["convention"] == "strict"
    assert math.isnan(report["iou_per_class"]["person"])


def test_classes_are_matched_by_name():
    table = class_table(("road", "car", "tree"), ("unlabelled", "car", "road"))
    assert table[:4].tolist() == [2, 1, 0, 255]
    assert class_table(("road", "car"), ("road",))[:2].tolist() == [0, 255]
    with pytest.raises(ConfigError, match="the model has no class 'bus'"):
        class_table(("road",), ("road", "bus"))


def test_fine_classes_are_what_a_data_set_calls_them():
    fine, mfnet = FINE_CLASSES, TAXONOMIES["mfnet"].classes
    table = class_table(fine, mfnet)
    assert {name: mfnet[table[fine.index(name)]] for name in ("bus", "bicycle", "kerb", "sky")} == {
        "bus": "car",
        "bicycle": "bike",
        "kerb": "curve",
        "sky": "unlabelled",
    }
    for taxonomy in TAXONOMIES.values():
        found = class_table(fine, taxonomy.classes)
        assert found[: len(fine)].tolist() == class_ids(taxonomy.name).tolist()
    with pytest.raises(ConfigError, match="the model has no class 'bike'"):
        class_table([name for name in fine if name not in ("bicycle", "motorcycle")], mfnet)


class _Reads:
    """Answers every pixel with the last name that it is asked for."""

    classes = ("car",)
    inputs = ("thermal",)

    def predict(self, rgb, thermal, /, **options):
        names = options.get("classes", self.classes)
        return SimpleNamespace(labels=np.full(thermal.shape, len(names) - 1))


def test_a_model_that_reads_names_is_scored_on_classes_it_never_learned():
    with pytest.raises(ConfigError, match="the model has no class 'person'"):
        evaluate_segmentation(_Reads(), FRAMES, classes=CLASSES)
    found = evaluate_segmentation(
        _Reads(), [sample("d", [2] * 7 + [1] * 21)], classes=CLASSES, words=True
    )
    assert found.scores.iou_per_class["person"] == pytest.approx(1 / 4)
    assert found.notes == ("chosen by name; 2 of 3 classes were not learned",)
    with pytest.raises(ConfigError, match="knows its own classes only"):
        evaluate_segmentation(always(1), FRAMES, words=True)


def test_an_unknown_protocol_is_refused():
    with pytest.raises(UnknownNameError, match=r"'strickt'. Did you mean 'strict'"):
        evaluate_segmentation(always(0), FRAMES, protocol="strickt")
