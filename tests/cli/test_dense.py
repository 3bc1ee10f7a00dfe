"""segment, depth and eval, with weights of a few kilobytes on a random backbone."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import scene
from tests.fakes.tiny_weights import card_of

from thermoscope.cli.main import main
from thermoscope.core.weights import InputSpec, TrainingSource, write_weights
from thermoscope.models.dense_heads import build_depth, build_segmentation
from thermoscope.recipes.dense_task import seeded
from thermoscope.synthetic.labels import TAXONOMIES
from thermoscope.synthetic.layouts import RenderPlan, render_layout

HEAD = {"widths": [2, 2, 2, 2]}


def card(name, model, arguments):
    spec = InputSpec("counts", {"method": "percentile"}, (0.5,) * 3, (0.2,) * 3, 14)
    seen = (TrainingSource("msrs", "unstated", "distillation"),)
    made = card_of(name, model, spec, {"backbone": "tiny", **arguments})
    return dataclasses.replace(made, sources=seen)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    classes, mfnet, cart = (list(TAXONOMIES[n].classes) for n in ("fmb", "mfnet", "cart"))
    heads = {
        "s": (build_segmentation, "anythermal_segmentation", {"kind": "conv", "classes": classes}),
        "m": (build_segmentation, "anythermal_segmentation", {"kind": "conv", "classes": mfnet}),
        "c": (build_segmentation, "anythermal_segmentation", {"kind": "linear", "classes": cart}),
        "d": (build_depth, "anythermal_depth", {"fusion": 4, **HEAD}),
        "r": (build_depth, "anythermal_depth", {"fusion": 4, "metric": False, **HEAD}),
    }
    for name, (build, model, arguments) in heads.items():
        with seeded(0):
            network = build(backbone="tiny", **arguments)
        write_weights(network, card(name, model, arguments), folder)
    return folder


def run(verb, *words, weights, model):
    return main([verb, *map(str, words), "--weights", str(weights), "--model", model])


def test_segment_writes_ids_a_picture_and_the_names(folder, tmp_path, weights, capsys):
    out = tmp_path / "out"
    assert run("segment", folder, "--out", out, weights=weights, model="s") == 0
    assert capsys.readouterr().out == "3 segmented, 0 failed\n"
    names = {f"f{i}{suffix}" for i in range(3) for suffix in (".labels.png", ".png")}
    assert {path.name for path in out.iterdir()} == {*names, "classes.json"}
    classes = json.loads((out / "classes.json").read_text())
    assert [row["name"] for row in classes] == list(TAXONOMIES["fmb"].classes)
    with Image.open(out / "f0.labels.png") as image:
        assert image.mode == "P"
        ids = np.asarray(image)
        colours = np.asarray(image.convert("RGB"))
    assert ids.shape == (48, 64)
    assert ids.max() < len(classes)
    assert colours[0, 0].tolist() == classes[ids[0, 0]]["rgb"]


def test_label_pictures_hold_what_the_model_says(frame, tmp_path, weights):
    from thermoscope import read
    from thermoscope.models.load import load_model

    assert run("segment", frame, "--out", tmp_path / "o", weights=weights, model="s") == 0
    expected = load_model("s", folder=weights).predict(read(frame)).labels
    with Image.open(tmp_path / "o" / "frame.labels.png") as image:
        assert np.array_equal(np.asarray(image), expected)


@pytest.mark.parametrize(("model", "unit", "said"), [("d", "m", "metres"), ("r", "relative", "no")])
def test_depth_writes_numbers_a_picture_and_the_unit(
    model, unit, said, frame, tmp_path, weights, capsys
):
    out = tmp_path / "out"
    assert run("depth", frame, "--out", out, weights=weights, model=model) == 0
    assert said in capsys.readouterr().out
    depth = np.load(out / "frame.npy")
    assert (depth.shape, depth.dtype) == ((48, 64), np.float32)
    listing = json.loads((out / "depth.json").read_text())
    assert listing["unit"] == unit
    assert listing["frames"][0]["file"] == "frame.npy"
    assert listing["frames"][0]["median"] == pytest.approx(np.median(depth), abs=1e-3)
    with Image.open(out / "frame.png") as picture:
        assert picture.size[0] > 64 * 8  # enlarged, with a scale


@pytest.mark.parametrize(("verb", "model"), [("segment", "s"), ("depth", "d")])
def test_bad_frames_are_named_and_the_others_done(
    verb, model, frame, broken, tmp_path, weights, capsys
):
    empty, dot = tmp_path / "empty.png", tmp_path / "dot.png"
    empty.touch()
    Image.fromarray(np.zeros((1, 1), np.uint16)).save(dot)
    blind = tmp_path / "blind.tiff"
    Image.fromarray(np.full((30, 40), np.nan, np.float32)).save(blind)
    words = [empty, broken, dot, blind, frame, "--out", tmp_path / "out", "--plain"]
    assert run(verb, *words, weights=weights, model=model) == 2
    told = capsys.readouterr()
    assert told.out.startswith("1 ")
    assert told.out.endswith("4 failed\n")
    lines = told.err.splitlines()
    assert len(lines) == 4
    for line, name in zip(lines, ("empty.png", "broken.png", "dot.png", "blind.tiff"), strict=True):
        assert name in line
    assert "less than one patch" in lines[2]


@pytest.mark.parametrize(("verb", "model"), [("segment", "s"), ("depth", "d")])
def test_files_that_exist_are_kept(verb, model, frame, tmp_path, weights, capsys):
    words = [frame, "--out", tmp_path / "out", "--plain"]
    assert run(verb, *words, weights=weights, model=model) == 0
    assert run(verb, *words, weights=weights, model=model) == 2
    assert "Pass --overwrite" in capsys.readouterr().err
    assert run(verb, *words, "--overwrite", weights=weights, model=model) == 0


def test_a_model_for_another_task_is_refused(frame, tmp_path, weights, capsys):
    assert run("segment", frame, "--out", tmp_path, weights=weights, model="d") == 2
    assert "'d' does not segment" in capsys.readouterr().err
    assert run("depth", frame, "--out", tmp_path, weights=weights, model="s") == 2
    assert "'s' does not give depth" in capsys.readouterr().err
    assert run("eval", "depth", weights=weights, model="s") == 2
    assert "cannot be scored on depth" in capsys.readouterr().err
    assert run("depth", frame, "--out", tmp_path, weights=weights, model="dd") == 2
    assert "unknown model 'dd'" in capsys.readouterr().err


SCENES = ["--count", 1, "--environments", "indoor", "--preset", "tiny"]


def test_eval_segmentation_names_its_protocol(weights, tmp_path, capsys):
    words = ["segmentation", *SCENES, "--root", tmp_path, "--json"]
    assert run("eval", *words, weights=weights, model="s") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["protocol"], found["frames"], found["model"]) == ("present", 1, "s")
    assert 0 <= found["miou"] <= 1
    assert all(found["iou_per_class"][name] is None for name in found["absent"])  # not 0, not nan
    assert "bus" in found["absent"]
    assert run("eval", *words[:-1], "--protocol", "strict", weights=weights, model="s") == 0
    assert "absent one as 0" in capsys.readouterr().out


def test_eval_depth_refuses_metres_of_a_relative_model(weights, tmp_path, capsys):
    words = ["depth", *SCENES, "--root", tmp_path]
    assert run("eval", *words, "--protocol", "metric", weights=weights, model="r") == 2
    assert "Choose scale_shift" in capsys.readouterr().err
    assert run("eval", *words, "--json", weights=weights, model="r") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["alignment"], found["images"]) == ("scale_shift", 1)


def test_eval_warns_of_data_that_the_weights_have_seen(weights, tmp_path, capsys):
    words = ["segmentation", "--data", "mfnet", "--root", tmp_path / "none"]
    assert run("eval", *words, weights=weights, model="s") == 2
    told = capsys.readouterr().err
    assert "msrs (which shares frames with it)" in told
    assert "none" in told.splitlines()[-1]


def rendered(layout, root):
    render_layout(root, RenderPlan(layout=layout, count=1, environment="indoor", preset="tiny"))
    return root


@pytest.mark.parametrize(
    ("layout", "task", "model", "protocol"),
    [("mfnet", "segmentation", "m", "anythermal"), ("ms2", "depth", "d", "anythermal")],
)
def test_public_data_sets_are_scored_with_one_command(
    layout, task, model, protocol, weights, tmp_path, capsys
):
    root = rendered(layout, tmp_path / layout)
    words = [task, "--data", layout, "--root", root, "--split", "train", "--protocol", protocol]
    assert run("eval", *words, "--json", weights=weights, model=model) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["protocol"], found["data"], found["failed"]) == (protocol, layout, [])
    score = found["miou" if task == "segmentation" else "abs_rel"]
    assert score >= 0
    if task == "segmentation":  # AnyThermal's script counts an absent class as 0
        assert score == pytest.approx(sum(v or 0 for v in found["iou_per_class"].values()) / 9)


def test_cart_is_scored_with_one_command(weights, tmp_path, capsys):
    folder = tmp_path / "labeled_thermal_singles"
    folder.mkdir()
    levels = np.arange(512 * 640).reshape(512, 640) % 251
    Image.fromarray(levels.astype(np.uint8)).save(folder / "a.png")
    mask = np.full((512, 640), 1, np.uint8)  # below 2: no class
    mask[:, 320:] = 2 + 6  # sky
    Image.fromarray(mask).save(folder / "a_mask.png")
    (folder / "test.txt").write_text("a.png,a_mask.png\n")
    words = ["segmentation", "--data", "cart", "--root", tmp_path, "--longest-px", 140, "--json"]
    assert run("eval", *words, weights=weights, model="c") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pixels"] == 512 * 320
    assert list(found["iou_per_class"]) == list(TAXONOMIES["cart"].classes)


def test_eval_retrieval_of_rendered_loops(capsys):
    words = ["retrieval", "--count", "4", "--environments", "indoor", "--preset", "tiny"]
    assert main(["eval", *words, "--model", "tiny", "--pooling", "cls", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["protocol"] == "loops"
    assert found["choices"]["query"] == "thermal"
    assert 0 <= found["rows"][0]["recall_at_1"] <= 1


@pytest.mark.parametrize(("verb", "model"), [("segment", "s"), ("depth", "d")])
def test_the_input_is_never_replaced(verb, model, frame, weights, capsys):
    before = frame.read_bytes()
    words = [frame, "--out", frame.parent, "--overwrite"]
    assert run(verb, *words, weights=weights, model=model) == 2
    assert "frame.png is an input: it is kept" in capsys.readouterr().err
    assert frame.read_bytes() == before


@pytest.mark.parametrize(
    ("verb", "model", "suffix"), [("segment", "s", ".labels.png"), ("depth", "d", ".png")]
)
def test_no_result_replaces_another_input(verb, model, suffix, tmp_path, weights, capsys):
    folder = tmp_path / "both"
    folder.mkdir()
    Image.fromarray(scene().astype(np.float32) / 100).save(folder / "a.tiff")
    other = folder / f"a{suffix}"
    Image.fromarray(scene(at=(30, 12))).save(other)
    before = other.read_bytes()
    assert run(verb, folder, "--out", folder, "--overwrite", weights=weights, model=model) == 2
    assert f"a{suffix} is an input: it is kept" in capsys.readouterr().err
    assert other.read_bytes() == before


@pytest.mark.parametrize(("verb", "model"), [("segment", "s"), ("depth", "d")])
def test_a_failed_frame_of_a_folder_is_named(verb, model, folder, tmp_path, weights, capsys):
    Image.fromarray(np.arange(25, dtype=np.uint16).reshape(5, 5)).save(folder / "dot.png")
    words = [f"{folder}/", "--out", tmp_path / "o", "--plain"]
    assert run(verb, *words, weights=weights, model=model) == 2
    assert capsys.readouterr().err.startswith(f"thermoscope: {folder / 'dot.png'}: ")


def test_labels_keep_the_names_of_their_ids(folder, tmp_path, weights, capsys):
    out = tmp_path / "out"
    first, second, _ = sorted(folder.iterdir())
    assert run("segment", first, "--out", out, weights=weights, model="s") == 0
    assert run("segment", second, "--out", out, weights=weights, model="s") == 0
    before = (out / "classes.json").read_bytes()
    capsys.readouterr()
    words = [first, "--out", out, "--plain"]
    assert run("segment", *words, weights=weights, model="m") == 2
    assert "names other classes than this model's" in capsys.readouterr().err
    assert (out / "classes.json").read_bytes() == before
    assert run("segment", *words, "--overwrite", weights=weights, model="m") == 0
    assert (out / "classes.json").read_bytes() != before


def test_the_listing_of_depth_grows(folder, tmp_path, weights, capsys):
    out = tmp_path / "out"
    for path in sorted(folder.iterdir()):
        assert run("depth", path, "--out", out, "--plain", weights=weights, model="d") == 0
    listing = json.loads((out / "depth.json").read_text())
    assert [row["file"] for row in listing["frames"]] == ["f0.npy", "f1.npy", "f2.npy"]
    (out / "f1.npy").unlink()
    assert run("depth", folder, "--out", out, "--plain", weights=weights, model="d") == 2
    assert len(json.loads((out / "depth.json").read_text())["frames"]) == 3
    capsys.readouterr()
    assert run("depth", folder, "--out", out, "--plain", weights=weights, model="r") == 2
    assert "depth.json is not of r in relative" in capsys.readouterr().err


def test_a_stopped_call_has_listed_what_it_wrote(folder, tmp_path, weights, monkeypatch):
    from thermoscope.cli import depth

    measure, calls = depth._measure, []

    def interrupted(*arguments):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return measure(*arguments)

    monkeypatch.setattr(depth, "_measure", interrupted)
    out = tmp_path / "out"
    assert run("depth", folder, "--out", out, "--plain", weights=weights, model="d") == 130
    assert len(json.loads((out / "depth.json").read_text())["frames"]) == 1


@pytest.mark.parametrize(("verb", "model"), [("segment", "s"), ("depth", "d")])
def test_a_file_is_no_folder_to_write_into(verb, model, frame, tmp_path, weights, capsys):
    out = tmp_path / "cp.png"
    out.write_bytes(b"mine")
    assert run(verb, frame, "--out", out, weights=weights, model=model) == 2
    assert "cp.png cannot be written into: " in capsys.readouterr().err
    assert out.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("verb", "model", "name"), [("segment", "s", "classes.json"), ("depth", "d", "depth.json")]
)
def test_names_that_are_too_long_are_told(verb, model, name, frame, tmp_path, weights, capsys):
    long = f"{'y' * 300}.png"
    assert run(verb, long, "--out", tmp_path / "o", weights=weights, model=model) == 2
    assert f"{long}: File name too long" in capsys.readouterr().err
    almost = tmp_path / f"{'z' * 250}.png"
    frame.rename(almost)
    assert run(verb, almost, "--out", tmp_path / "o", weights=weights, model=model) == 2
    assert "File name too long" in capsys.readouterr().err
