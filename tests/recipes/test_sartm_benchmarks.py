"""The comparison of SARTM with simpler segmenters: same draws, same frames, honest tables."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from benchmarks import front_page, sartm_ablation, sartm_boxes, sartm_overlays, sartm_words
from benchmarks.sartm_masks import METHODS, finished, table
from benchmarks.sartm_scenes import BaselineSegmenter, add_rows, markdown

from thermoscope.core.weights import InputSpec
from thermoscope.engine.evaluate_boxes import BoxReport
from thermoscope.engine.evaluate_segmentation import evaluate_segmentation
from thermoscope.engine.segmentation_baselines import SmallUNet, Threshold, TrainingPlan
from thermoscope.metrics.boxes import BoxScores
from thermoscope.recipes.sartm import PRESETS, drawn_frames

SPEC = InputSpec(kind="agc")


def sample(seed):
    """A warm square on a cold ground, 24 x 30 px, and a colour picture that is grey."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((1, 24, 30), np.uint8)
    top, left = rng.integers(2, 10, 2)
    labels[0, top : top + 10, left : left + 12] = 1
    levels = np.where(labels[0] == 1, 220, 30) + rng.integers(0, 10, (24, 30))
    rgb = np.full((3, 24, 30), 0.5, np.float32)
    return {"agc": levels.astype(np.uint8)[None], "rgb": rgb, "labels": labels, "name": str(seed)}


def test_a_threshold_behind_the_door_of_evaluation_finds_what_is_warm():
    samples = [sample(seed) for seed in range(4)]
    segmenter = BaselineSegmenter(("ground", "thing"), "thermal", Threshold(), SPEC, (24, 30))
    report = evaluate_segmentation(segmenter.fit(samples[:3]), samples[3:])
    assert report.frames == 1
    assert report.scores.miou == pytest.approx(1.0)
    assert [row.inputs for row in report.rows] == ["thermal"]


@pytest.mark.parametrize(("inputs", "channels"), [("rgb_thermal", 4), ("rgb", 3), ("thermal", 1)])
def test_a_network_sees_the_channels_it_is_named_after(inputs, channels):
    baseline = SmallUNet(2, width=4, plan=TrainingPlan(2, batch_size=2))
    segmenter = BaselineSegmenter(("ground", "thing"), inputs, baseline, SPEC, (24, 30))
    segmenter.fit([sample(0), sample(1)])
    assert baseline.network.down[0][0].in_channels == channels
    shown = sample(2)
    rgb = None if inputs == "thermal" else shown["rgb"]
    found = segmenter.predict(rgb, None if inputs == "rgb" else shown["agc"][0])
    assert found.labels.shape == (24, 30)
    assert set(np.unique(found.labels)) <= {0, 1}


def test_few_labels_are_the_same_frames_for_every_method():
    assert drawn_frames(30, 5, 3) == drawn_frames(30, 5, 3)
    assert len(set(drawn_frames(30, 5, 3))) == 5
    assert drawn_frames(30, 5, 3) != drawn_frames(30, 5, 4)
    assert drawn_frames(30, 0, 1) == list(range(30))


def test_tables_show_mean_and_spread(tmp_path):
    done = {("threshold", 5, 0): 10.0, ("threshold", 5, 1): 20.0, (METHODS[-1], 0, 0): 70.0}
    lines = table(done, [5, 0]).splitlines()
    assert lines[2].startswith("| 5 | 15.0 +- 5.0 | - |")
    assert lines[3] == "| all | - | - | - | - | 70.0 |"
    assert finished(tmp_path / "none.jsonl") == {}


def test_rows_of_several_seeds_become_a_range():
    samples = [sample(seed) for seed in range(3)]
    rows = {}
    for level in (0.5, 0.99):
        baseline = Threshold()
        baseline.level = level
        segmenter = BaselineSegmenter(("ground", "thing"), "thermal", baseline, SPEC, (24, 30))
        add_rows(rows, "threshold", evaluate_segmentation(segmenter, samples).rows)
    line = markdown(rows).splitlines()[2]
    assert line.startswith("| threshold | thermal | none | all | 2 | ")
    assert "to 100.0)" in line


def test_each_arm_of_the_ablation_leaves_one_part_out():
    every = sartm_ablation.arms(PRESETS["cached"])
    whole = every.pop(sartm_ablation.WHOLE)
    lora = every.pop("with LoRA of rank 8 in the trunk")
    assert lora == replace(whole, lora_rank=8, keep_features=False)
    for config in every.values():
        changed = {
            f.name for f in fields(config) if getattr(config, f.name) != getattr(whole, f.name)
        }
        assert changed in (
            {"weights", "text_encoder"},
            {"weights"},
            {"augmentation"},
            {"weights", "answer"},
            {"head"},
        )
        assert config.keep_features


def test_arms_of_thermal_frames_are_those_that_concern_them():
    every = sartm_ablation.arms(PRESETS["udder"])
    assert list(every) == [
        sartm_ablation.WHOLE,
        "without words and prototypes",
        "without the mask decoder's answer",
        "without the pyramid head's answer",
        "with LoRA of rank 8 in the trunk",
    ]
    assert every[sartm_ablation.WHOLE].text_encoder == "minilm"
    assert not every["without words and prototypes"].text_encoder


def test_arms_of_real_masks_need_the_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("THERMOSCOPE_DATA", str(tmp_path / "absent"))
    with pytest.raises(SystemExit):
        sartm_ablation.main(["--out", str(tmp_path), "--preset", "udder"])
    assert "THERMOSCOPE_DATA, which is not set" in capsys.readouterr().err


def test_an_arm_runs_is_remembered_and_not_repeated(tmp_path, capsys):
    words = ["--out", str(tmp_path), "--preset", "tiny", "--steps", "2", "--seeds", "0"]
    words += ["--arms", "without fusion: mean of two answers"]
    assert sartm_ablation.main(words) == 0
    first = (tmp_path / "arms.jsonl").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["arms.jsonl"]
    assert sartm_ablation.main(words) == 0
    assert (tmp_path / "arms.jsonl").read_text() == first
    out = capsys.readouterr().out
    assert out.count("| without fusion: mean of two answers | 1 | ") == 2


def test_an_unknown_arm_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit):
        sartm_ablation.main(["--out", str(tmp_path), "--arms", "nonsense"])
    assert "no such arm: ['nonsense']" in capsys.readouterr().err


def test_words_of_unseen_classes_are_scored_beside_a_network_that_learned_them(tmp_path, capsys):
    words = [
        "--out",
        str(tmp_path),
        "--preset",
        "tiny",
        "--steps",
        "2",
        "--unseen",
        "floor",
        "door",
    ]
    assert sartm_words.main(words) == 0
    rows = [json.loads(line) for line in (tmp_path / "words.jsonl").read_text().splitlines()]
    assert [row["row"] for row in rows] == [
        "all classes learned, by words",
        "all classes learned, by heads",
        "unseen left out, by words",
    ]
    assert all(0 <= value <= 100 for row in rows for value in row["scores"].values())
    assert "among" in rows[2]["scores"]
    assert "among" not in rows[1]["scores"]
    assert sartm_words.main(words) == 0  # finished rows are not made again
    assert capsys.readouterr().out.count("| unseen left out, by words | 1 | ") == 2
    with pytest.raises(SystemExit):
        sartm_words.main([*words[:-1], "dragon"])
    assert "no such class: ['dragon']" in capsys.readouterr().err


def test_the_worst_frames_are_shown_and_the_best():
    scores = [0.5, 0.1, 0.9, 0.7, 0.2]
    assert sartm_overlays.chosen(scores, 3, 1) == [2, 4, 1]
    assert sartm_overlays.chosen(scores, 5, 2) == [2, 3, 0, 4, 1]


def test_a_line_shows_colour_thermal_answer_and_truth():
    shown = sample(0)
    labels = np.asarray(shown["labels"][0])
    picture = sartm_overlays.line(shown, labels, ("ground", "thing"), 1.0)
    assert picture.shape == (24, 4 * 30, 3)
    np.testing.assert_array_equal(picture[21:, 60:90], picture[21:, 90:])  # below the words
    unknown = np.full((24, 30), 255)
    plain = np.full((24, 30, 3), 7, np.uint8)
    np.testing.assert_array_equal(sartm_overlays.tinted(plain, unknown, ("a",)), plain)
    assert sartm_overlays.legend(("ground", "thing"), 120).shape == (24, 120, 3)
    many = tuple(f"class {i}" for i in range(30))
    assert sartm_overlays.legend(many, 900, range(10)).shape == (2 * 24, 900, 3)
    assert sartm_overlays.ids_in([labels, unknown, np.full((1, 2, 2), 7)]) == [0, 1, 7]


def test_other_things_are_no_ground_to_a_threshold_for_people():
    labels = np.array([[[0, 1, 2, 4, 255]]])
    (only,) = sartm_boxes.people_alone([{"labels": labels, "name": "a"}])
    assert only["labels"].tolist() == [[[0, 1, 255, 255, 255]]]
    assert only["name"] == "a"


def test_boxes_of_a_mask_and_their_overlap():
    mask = np.zeros((40, 50), bool)
    mask[5:15, 10:22] = True
    mask[30:32, 30:32] = True  # too small
    (box,) = sartm_boxes.boxes_of(mask)
    assert (box.left, box.top, box.width, box.height) == (10, 5, 12, 10)
    assert sartm_boxes.iou(mask, mask) == 1
    assert sartm_boxes.iou(mask, np.ones_like(mask)) == pytest.approx(124 / 2000)


def test_a_row_of_boxes_says_where_a_model_has_no_class():
    scores = BoxScores(boxes=4, hit=0.5, pixels=10, inside=0.25, floor=0.01, false_alarms=6)
    report = BoxReport({"person": scores}, frames=3)
    assert sartm_boxes.row("m", report) == "| m | 50.0 | 25.0 | 2.00 | - | - | - | - | - | - |"


@pytest.mark.real
def test_outlines_of_real_boxes_beat_the_boxes(real_data):
    outlines, whole = sartm_boxes.outline_quality(real_data, every=10)
    assert outlines > whole + 5


def test_the_front_page_shows_what_the_shipped_weights_say():
    rng = np.random.default_rng(0)
    left = (22_000 + 300 * rng.random((64, 96))).astype(np.uint16)
    rgb = rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)
    (colour, grey, classes, near), labels = front_page.cells(rgb, left, np.roll(left, -6, axis=1))
    assert {cell.shape for cell in (colour, grey, classes, near)} == {(64, 96, 3)}
    assert {cell.dtype for cell in (colour, grey, classes, near)} == {np.dtype(np.uint8)}
    np.testing.assert_array_equal(colour, rgb)
    assert labels.shape == (64, 96)
    assert (classes != grey).any()
    assert len(np.unique(near.reshape(-1, 3), axis=0)) > 1
