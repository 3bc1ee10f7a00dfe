"""segment and eval of RGB-thermal pairs, with a network of a few kilobytes."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import scene
from tests.fakes.box_layouts import write_box_layout
from tests.fakes.tiny_weights import card_of

from thermoscope.cli.main import main
from thermoscope.core.weights import (
    InputSpec,
    TrainingSource,
    write_weights,
)
from thermoscope.engine.segment_coco import mask_from_rle
from thermoscope.models.load import load_model
from thermoscope.models.sartm import build_sartm
from thermoscope.recipes.dense_task import seeded
from thermoscope.synthetic.labels import TAXONOMIES

CLASSES = list(TAXONOMIES["mfnet"].classes)
TINY = {
    "classes": CLASSES,
    "backbone": "tiny",
    "widths": [8, 16, 32],
    "hidden": 16,
    "decoder_mlp": 32,
    "text_width": 384,
    "longest_px": 96,
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    with seeded(0):
        network = build_sartm(**TINY)
    spec = InputSpec("counts", {"method": "percentile"}, (0.5,) * 3, (0.2,) * 3, 16)
    source = TrainingSource("scenes", "Apache-2.0", "segmentation")
    card = replace(card_of("p", "sartm", spec, TINY), sources=(source,))
    write_weights(network, card, folder)
    return folder


@pytest.fixture
def views(tmp_path):
    """Three colour and three thermal files; the thermal ones hold kelvin."""
    for folder in ("rgb", "thermal"):
        (tmp_path / folder).mkdir()
    for i in range(3):
        counts = scene(at=(10 + 6 * i, 12))
        kelvin = (counts / 100.0).astype(np.float32)
        Image.fromarray(kelvin).save(tmp_path / f"thermal/v{i}.tiff")
        red = np.zeros((48, 64, 3), np.uint8)
        red[:, 20 * i :, 0] = 220
        Image.fromarray(red).save(tmp_path / f"rgb/v{i}.png")
    return tmp_path


def run(*words, weights):
    return main(["segment", *map(str, words), "--weights", str(weights), "--model", "p"])


def test_pairs_of_two_folders(views, weights, capsys):
    out = views / "out"
    words = ["--rgb", views / "rgb", "--thermal", views / "thermal", "--out", out]
    assert run(*words, weights=weights) == 0
    assert capsys.readouterr().out == "3 segmented, 0 failed\n"
    kinds = ("labels.png", "overlay.png", "segments.json")
    assert {p.name for p in out.iterdir()} == {
        "classes.json",
        *(f"v{i}_{kind}" for i in range(3) for kind in kinds),
    }
    with Image.open(out / "v1_labels.png") as picture:
        ids = np.asarray(picture)
    rgb = np.array(Image.open(views / "rgb/v1.png"))
    from thermoscope import read

    expected = load_model("p", folder=weights).predict(rgb, read(views / "thermal/v1.tiff"))
    np.testing.assert_array_equal(ids, expected.labels)
    assert ids.shape == (48, 64)
    with Image.open(out / "v1_overlay.png") as picture:
        assert picture.size[0] > 2 * picture.size[1]  # both views and a legend


def test_openvino_gives_nearly_the_classes_of_torch(views, weights):
    found = {}
    for runtime in ("torch", "openvino"):
        out = views / runtime
        words = ["--rgb", views / "rgb/v1.png", "--thermal", views / "thermal/v1.tiff", "--plain"]
        assert run(*words, "--runtime", runtime, "--out", out, weights=weights) == 0
        found[runtime] = np.asarray(Image.open(out / "v1_labels.png"))
    assert (found["torch"] == found["openvino"]).mean() > 0.95  # bf16 where the processor has it


def test_segments_tell_area_and_temperature(views, weights):
    out = views / "out"
    thermal = views / "thermal/v0.tiff"
    assert run("--thermal", thermal, "--out", out, "--plain", weights=weights) == 0
    assert not (out / "v0_overlay.png").exists()
    ids = np.asarray(Image.open(out / "v0_labels.png"))
    kelvin = np.asarray(Image.open(thermal))
    document = json.loads((out / "v0_segments.json").read_text())
    assert document["info"]["inputs"] == ["thermal"]
    for row in document["annotations"]:
        mask = mask_from_rle(row["segmentation"])
        assert mask.sum() == row["area"]
        assert (ids[mask] == row["category_id"]).all()
        assert row["max_k"] == pytest.approx(kelvin[mask].max(), abs=1e-3)
    shares = document["info"]["classes"]
    assert sum(row["pixels"] for row in shares) == ids.size
    hottest = max(row["max_k"] for row in shares)
    assert hottest == pytest.approx(320.75, abs=1e-3)  # 32075 hundredths
    assert max(row["max_c"] for row in shares) == pytest.approx(47.6, abs=1e-3)


def test_summary_as_json_and_colour_alone(views, weights, capsys):
    out = views / "out"
    assert run("--rgb", views / "rgb", "--out", out, "--json", weights=weights) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["segmented"], found["failed"]) == (3, 0)
    assert [row["frame"] for row in found["frames"]] == ["v0", "v1", "v2"]
    assert sum(row["share"] for row in found["frames"][0]["classes"]) == pytest.approx(1, abs=1e-5)
    assert "max_k" not in found["frames"][0]["classes"][0]


def test_names_in_words(views, weights, capsys):
    words = ["--rgb", views / "rgb/v0.png", "--out", views / "out", "--classes"]
    assert run(*words, "sky, wall,dog", weights=weights) == 0
    names = [row["name"] for row in json.loads((views / "out/classes.json").read_text())]
    assert names == ["sky", "wall", "dog"]
    assert np.asarray(Image.open(views / "out/v0_labels.png")).max() < 3
    assert run(*words, "sky,sky", weights=weights) == 2
    assert "names a class twice" in capsys.readouterr().err


def test_a_capital_letter_changes_nothing_and_who_answers_is_said(views, weights, capsys):
    words = ["--rgb", views / "rgb/v0.png", "--plain", "--classes"]
    labels = []
    for i, names in enumerate(("person,car_stop", "Person,Car stop", "preson,car_stop,ice-cream")):
        out = views / f"out{i}"
        assert run(*words, names, "--out", out, weights=weights) == 0
        labels.append(np.asarray(Image.open(out / "v0_labels.png")))
        asked = json.loads((out / "v0_segments.json").read_text())["info"]["asked"]
        assert asked["names"] == names.split(",")
        said = capsys.readouterr().err.splitlines()[0]
        if i < 2:
            assert (asked["by"], asked["never_learned"]) == ("heads", [])
            assert "all names were learned: the trained heads" in said
    assert (labels[0] == labels[1]).all()
    assert (asked["by"], asked["never_learned"]) == ("words", ["preson", "ice-cream"])
    assert asked["did_you_mean"] == {"preson": "person"}
    assert "never learned: preson (did you mean person?), ice-cream. So all 3 names" in said
    assert run(*words, "person,Person", "--out", views / "out", weights=weights) == 2
    assert "'person' and 'Person' are one class" in capsys.readouterr().err


def test_other_names_are_paired_in_order_and_numbers_must_agree(views, weights, capsys):
    for i in range(3):
        (views / f"rgb/v{i}.png").rename(views / f"rgb/colour{i}.png")
    words = ["--rgb", views / "rgb", "--thermal", views / "thermal", "--out", views / "out"]
    assert run(*words, "--plain", weights=weights) == 0
    (views / "rgb/colour2.png").unlink()
    assert run(*words, "--overwrite", weights=weights) == 2
    assert "--rgb has 2 files and --thermal 3" in capsys.readouterr().err
    (views / "rgb/colour1.png").rename(views / "rgb/v1.png")
    assert run(*words, "--overwrite", weights=weights) == 2
    assert "have no partner of the same stem (colour0.png, v0.tiff" in capsys.readouterr().err
    (views / "rgb/v1.png").unlink()
    assert run(*words, "--overwrite", weights=weights) == 2
    assert "--rgb has 1 frames and --thermal 3" in capsys.readouterr().err


def test_patterns_go_in_natural_order(views, weights, capsys):
    for i, number in enumerate((2, 10, 1)):
        (views / f"rgb/v{i}.png").rename(views / f"rgb/c{number}.png")
    words = ["--rgb", views / "rgb/c*.png", "--thermal", views / "thermal/*.tiff"]
    assert run(*words, "--out", views / "out", "--plain", weights=weights) == 0
    from thermoscope import read

    rgb = np.array(Image.open(views / "rgb/c10.png"))
    third = load_model("p", folder=weights).predict(rgb, read(views / "thermal/v2.tiff"))
    found = np.asarray(Image.open(views / "out/v2_labels.png"))
    np.testing.assert_array_equal(found, third.labels)


def test_a_bad_frame_is_named_and_the_others_done(views, broken, weights, capsys):
    broken.rename(views / "rgb/v1.png")
    words = ["--rgb", views / "rgb", "--thermal", views / "thermal", "--out", views / "out"]
    assert run(*words, "--plain", weights=weights) == 2
    told = capsys.readouterr()
    assert told.out == "2 segmented, 1 failed\n"
    assert "v1.png" in told.err
    assert run(*words, "--plain", weights=weights) == 2
    assert "Pass --overwrite" in capsys.readouterr().err


def test_video(views, weights, capsys):
    path = views / "clip.avi"
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for i in range(2):
        film.write(np.full((48, 64, 3), 60 * i, np.uint8))
    film.release()
    words = ["--rgb", path, "--out", views / "out", "--plain"]
    assert run(*words, weights=weights) == 0
    assert {p.name for p in (views / "out").glob("*labels.png")} == {
        "clip_000000_labels.png",
        "clip_000001_labels.png",
    }
    assert run(*words, "--thermal", views / "thermal", weights=weights) == 2
    assert "--rgb has 2 frames and --thermal 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give thermal files, or --rgb and --thermal"),
        (["x.png", "--rgb", "y.png"], "not both"),
        (["--rgb", "none.png"], "none.png is not there. Give a file"),
        (["--rgb", "none/*.png"], "no file matches 'none/*.png'"),
    ],
)
def test_wrong_words(words, said, tmp_path, weights, capsys):
    assert run(*words, "--out", tmp_path, weights=weights) == 2
    assert said in capsys.readouterr().err


def test_thermal_files_are_no_colour(views, weights, capsys):
    words = ["--rgb", views / "thermal/v0.tiff", "--out", views / "out"]
    assert run(*words, weights=weights) == 2
    assert "--rgb holds no 8-bit picture" in capsys.readouterr().err


def test_eval_tables_inputs_times_and_degradations(tmp_path, weights, capsys):
    write_box_layout(tmp_path / "mfnet", "mfnet")
    (tmp_path / "mfnet/labels/00000D.png").unlink()
    words = ["eval", "segmentation", "--model", "p", "--weights", str(weights)]
    words += ["--data", "mfnet", "--root", str(tmp_path / "mfnet"), "--degrade", "misaligned_4"]
    assert main([*words, "--protocol", "strict", "--json"]) == 0
    told = capsys.readouterr()
    assert "images: 1 of 8 files have no partner (00000D)" in told.err
    found = json.loads(told.out)
    assert found["convention"] == "strict"
    assert [(r["inputs"], r["degraded"], r["time"]) for r in found["rows"][:3]] == [
        ("rgb_thermal", "none", "all"),
        ("rgb_thermal", "none", "day"),
        ("rgb_thermal", "none", "night"),
    ]
    assert len(found["rows"]) == 4 * 3
    first = found["rows"][0]
    whole = sum(value or 0 for value in first["iou_per_class"].values())
    assert found["miou"] == pytest.approx(whole / 9)
    assert first["miou"]["present"] == pytest.approx(whole / first["classes_present"])
    assert main([*words, "--inputs", "thermal"]) == 0
    shown = capsys.readouterr().out
    assert "misaligned_4: the model is shown thermal only" in shown
    assert "miou strict" in shown


def evaluate(*words, weights):
    named = ["--model", "p", "--weights", str(weights)]
    return main(["eval", "segmentation", *map(str, words), *named])


def test_eval_of_own_pairs_with_labels(views, weights, capsys):
    (views / "labels").mkdir()
    for i in range(3):
        Image.fromarray(np.full((48, 64), i, np.uint8)).save(views / f"labels/v{i}.png")
    words = ["--data", "pairs", "--root", views, "--split", "all", "--inputs", "rgb", "--json"]
    assert evaluate(*words, "--classes", *CLASSES[:3], weights=weights) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["iou_per_class"]) == CLASSES[:3]
    assert found["pixels"] == 3 * 48 * 64


def test_eval_of_agreement_needs_no_labels(views, weights, capsys):
    words = ["--data", "pairs", "--root", views, "--split", "all", "--protocol", "agreement"]
    assert evaluate(*words, "--json", weights=weights) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["time"], row["frames"]) == ("all", 3)
    assert -1 <= row["kappa"] <= 1


def test_eval_of_boxes(tmp_path, weights, capsys):
    assert evaluate("--protocol", "boxes", weights=weights) == 2
    complaint = capsys.readouterr().err
    assert "needs data with boxes (hituav, wisard, or a folder with" in complaint
    assert "and its --root, got 'scenes'" in complaint
    folder = tmp_path / "detection/hituav"
    (folder / "thermal").mkdir(parents=True)
    Image.fromarray(scene().astype(np.uint8)).save(folder / "thermal/0_60_30_0_1.png")
    row = "val,hituav,,detection/hituav/thermal/0_60_30_0_1.png,yolo,aerial day"
    (tmp_path / "splits.csv").write_text(f"split,source,rgb,thermal,label,environment\n{row}\n")
    boxes = {
        "categories": [{"id": 1, "name": "Car"}],
        "images": [{"id": 1, "filename": "0_60_30_0_1.png"}],
        "annotation": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 32, 48]}],
    }
    (folder / "annotations_val.json").write_text(json.dumps(boxes))
    words = ["--data", "hituav", "--root", tmp_path, "--split", "val", "--json"]
    assert evaluate(*words, weights=weights) == 0  # data without masks: no protocol need be named
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["group"], row["boxes"], row["floor"]) == ("vehicle", 1, 0.5)
    (folder / "boxes.json").write_text(json.dumps(boxes))
    words = ["--data", "folder", "--root", folder, "--split", "all", "--json"]
    assert evaluate(*words, weights=weights) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [row]
    (folder / "boxes.json").unlink()
    (folder / "boxes").mkdir()
    (folder / "boxes/0_60_30_0_1.txt").write_text("0 0.25 0.5 0.5 1\n")
    assert evaluate(*words, weights=weights) == 2
    assert "nobody says what the classes are" in capsys.readouterr().err
    (folder / "classes.txt").write_text("Car\n")
    assert evaluate(*words, weights=weights) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == [row]
    assert evaluate(*words, "--protocol", "present", weights=weights) == 2  # other classes


def test_without_weights_the_verb_says_how_to_make_them(views, tmp_path, capsys):
    words = ["--thermal", views / "thermal/v0.tiff", "--out", tmp_path / "out"]
    assert main(["segment", *map(str, words), "--weights", str(tmp_path)]) == 2
    assert "thermoscope train sartm --preset fine" in capsys.readouterr().err


def test_its_own_pictures_are_no_frames_of_a_second_call(views, weights, capsys):
    folder = views / "thermal"
    words = ["--thermal", folder, "--out", folder]
    assert run(*words, weights=weights) == 0
    before = sorted(path.name for path in folder.iterdir())
    assert run(*words, "--overwrite", weights=weights) == 0
    said = capsys.readouterr()
    assert said.out.endswith("3 segmented, 0 failed\n")
    assert "left out 6 pictures of an earlier segmentation, the first is" in said.err
    assert sorted(path.name for path in folder.iterdir()) == before
    files = [folder, "--out", folder, "--plain"]
    for more in ([], ["--overwrite"]):
        assert run(*files, *more, weights=weights) == 0
    assert capsys.readouterr().out.endswith("3 segmented, 0 failed\n" * 2)
    assert len(list(folder.glob("*.labels.png"))) == 3


def test_two_files_of_one_stem_are_refused(views, weights, capsys):
    Image.open(views / "rgb/v0.png").save(views / "rgb/v0.bmp")
    words = ["--rgb", views / "rgb", "--thermal", views / "thermal", "--out", views / "out"]
    assert run(*words, weights=weights) == 2
    said = capsys.readouterr().err
    assert "two files of one stem" in said
    assert "v0.bmp" in said
    assert "v0.png" in said


def test_classes_without_a_name_are_refused(views, weights, capsys):
    words = ["--rgb", views / "rgb", "--classes", " , ", "--out", views / "out"]
    assert run(*words, weights=weights) == 2
    assert "names no class" in capsys.readouterr().err
