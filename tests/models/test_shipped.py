"""What the weights in the package do, not only that they load."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from thermoscope.core.weights import BUNDLED, find_weights, list_weights
from thermoscope.data.base import READERS
from thermoscope.data.boxes import open_boxes
from thermoscope.data.real_pairs import BOXES, hituav, wisard
from thermoscope.engine.dense_runtime import run_in
from thermoscope.engine.evaluate_boxes import evaluate_boxes
from thermoscope.engine.evaluate_segmentation import evaluate_segmentation
from thermoscope.engine.labelled_frames import FrameChoice, open_frames
from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.engine.stereo_real import judge_pair
from thermoscope.io.read import read
from thermoscope.models.load import load_model
from thermoscope.models.place import place_model
from thermoscope.recipes.pair_sources import PairSource, load_pairs
from thermoscope.recipes.stereo_store import pair_of
from thermoscope.synthetic.dataset import Scenes

BANDS = ("rgb", "thermal")
NAMES = list_weights(BUNDLED)
NON_COMMERCIAL = {"llvip", "ms2"}


def test_the_documented_ones_are_there():
    heads = {f"anythermal_small.{head}" for head in ("depth", "place", "segmentation")}
    sartm = {f"sartm_small{tag}" for tag in ("", ".fine", ".aerial", ".udder")}
    stereo = {"thermostereort_fast", "thermostereort_base"}
    assert {"anythermal_small"} | stereo | sartm | heads <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_card_and_size(name):
    card, path = find_weights(name, folder=BUNDLED)
    assert path.stat().st_size < 46e6
    assert card.command.startswith("thermoscope train ")
    assert card.scores
    assert not NON_COMMERCIAL & {source.name for source in card.sources}
    assert load_model(name).card == card


def test_all_weights_together_stay_small():
    assert sum(p.stat().st_size for p in BUNDLED.glob("*.safetensors")) < 80e6


@pytest.mark.real
@pytest.mark.parametrize("name", ["anythermal_small", "anythermal_small.place"])
def test_thermal_pictures_find_their_colour_partner(name, real_data):
    pairs = load_pairs(PairSource("roadscene", real_data, split="val"))
    model = place_model(name, pooling="cls_mean")
    rgb = model.describe([p.rgb for p in pairs], modality="rgb")
    thermal = model.describe([p.thermal for p in pairs])
    first = (thermal @ rgb.T).argmax(axis=1)
    assert (first == np.arange(len(pairs))).mean() >= 0.8


@pytest.mark.real
def test_every_kind_of_real_frame_goes_through_the_heads(real_data):
    depth, classes = (load_model(f"anythermal_small.{head}") for head in ("depth", "segmentation"))
    for source in ("msrs", "hituav", "buffalo_udder"):
        frame = READERS.get(source)(real_data, split="val")[0]["agc"][0]
        found = depth.predict(frame).depth
        assert found.shape == frame.shape
        assert 0 < found.min() < found.max() < 250
        labels = classes.predict(frame).labels
        assert labels.shape == frame.shape
        assert len(np.unique(labels)) > 1


@pytest.mark.real
@pytest.mark.parametrize("name", ["sartm_small", "sartm_small.fine"])
def test_what_is_called_a_person_by_night_is_warm(name, real_data):
    pairs = load_pairs(PairSource("msrs", real_data, split="val"))
    night = [pair for pair in pairs if pair.name.endswith("N")][::3]
    model = load_model(name)
    person = model.classes.index("person")

    def warmth(*frames):
        """Deviations by which what is called a person is warmer than its frame, over all frames."""
        found = [
            ((pair.thermal - np.median(pair.thermal)) / pair.thermal.std())[
                model.predict(*(getattr(pair, f) if f in frames else None for f in BANDS)).labels
                == person
            ]
            for pair in night
        ]
        return np.concatenate(found).mean()

    both, thermal, rgb = warmth("rgb", "thermal"), warmth("thermal"), warmth("rgb")
    assert min(both, thermal) > 3 > rgb > 0.5  # a random choice of pixels: about 0


@pytest.mark.real
def test_the_sky_is_above_and_the_road_below_whichever_picture_is_shown(real_data):
    pairs = load_pairs(PairSource("msrs", real_data, split="val"))
    day = [pair for pair in pairs if pair.name.endswith("D")][::4]
    model = load_model("sartm_small.fine")
    road, sky = (model.classes.index(name) for name in ("road", "sky"))
    for bands in (BANDS, BANDS[:1], BANDS[1:]):
        heights: dict[int, list[float]] = {road: [], sky: []}
        for pair in day:
            shown = (getattr(pair, band) if band in bands else None for band in BANDS)
            labels = model.predict(*shown).labels
            for index in heights:
                rows = np.nonzero(labels == index)[0]
                heights[index] += (1 - rows / labels.shape[0]).tolist()
        assert len(heights[road]) > 0.15 * len(day) * labels.size
        assert np.mean(heights[road]) < 0.4 < 0.6 < np.mean(heights[sky])


@pytest.mark.real
def test_openvino_says_of_real_frames_what_torch_says(real_data):
    pytest.importorskip("openvino")
    pair = load_pairs(PairSource("msrs", real_data, split="val"))[0]
    classes, depth = load_model("sartm_small.fine"), load_model("anythermal_small.depth")
    labels, metres = classes.predict(pair.rgb, pair.thermal).labels, depth.predict(pair.thermal)
    for model in (classes, depth):
        run_in(model, "openvino")
    assert (classes.predict(pair.rgb, pair.thermal).labels == labels).mean() > 0.99
    again = depth.predict(pair.thermal).depth
    assert np.median(np.abs(again - metres.depth) / metres.depth) < 0.01


@pytest.mark.real
def test_udders_of_other_days_are_found(real_data):
    choice = FrameChoice("buffalo_udder", real_data, split="val", every=8)
    model = load_model("sartm_small.udder")
    assert model.inputs == ("thermal",)
    found = evaluate_segmentation(model, open_frames(choice, truth="labels"), protocol="foreground")
    assert found.frames == 9
    assert found.scores.miou > 0.6  # the best threshold: 0.45


@pytest.mark.real
@pytest.mark.parametrize("name", ["thermostereort_fast", "thermostereort_base"])
def test_stereo_fits_a_real_pair_better_once_refined(real_data, name):
    left, right = (
        read(next((real_data / "stereo" / "ms2" / side).glob("*_thr.png"))).values
        for side in ("left", "right")
    )
    alone, refined = load_model(name), load_model(name)
    alone.refine = False
    methods = {"sgbm": Sgbm(), "alone": alone, "refined": refined}
    found = {j.method: j for j in judge_pair(methods, left, right, baseline="sgbm")}
    assert found["refined"].photometric < found["alone"].photometric - 0.01
    assert found["refined"].median_difference_px < min(0.5, found["alone"].median_difference_px)
    assert found["refined"].consistent > found["sgbm"].consistent + 0.1
    assert found["refined"].consistent > 0.75


def test_stereo_is_nearer_to_the_truth_than_sgbm_and_the_larger_network_nearest():
    errors = {}
    matchers = {"sgbm": Sgbm()}
    matchers |= {name: load_model(f"thermostereort_{name}") for name in ("fast", "base")}
    scenes = Scenes(split="test", preset="ms2", count=4, frames_per_scene=1, colour="none")
    for index in range(len(scenes)):
        pair = pair_of(scenes[index])
        known = pair.valid & (pair.disparity < 96)
        for name, matcher in matchers.items():
            found = matcher.predict(pair.left, pair.right).disparity
            errors.setdefault(name, []).append(np.abs(found - pair.disparity)[known].mean())
    mean = {name: np.mean(found) for name, found in errors.items()}
    assert mean["fast"] < 0.8 * mean["sgbm"]
    assert mean["base"] < mean["fast"]


def test_depth_knows_near_from_far_on_an_unseen_street():
    sample = Scenes(split="test", environment="urban", preset="small", count=1, colour="none")[0]
    found = load_model("anythermal_small.depth").predict(sample["counts"][0]).depth
    truth, known = sample["depth"][0], sample["valid"][0] & (sample["depth"][0] < 80)
    relative = np.abs(found - truth)[known] / truth[known]
    constant = np.abs(np.median(truth[known]) - truth)[known] / truth[known]
    assert relative.mean() < 0.6 * constant.mean()
    with torch.no_grad():
        assert np.isfinite(found).all()


@pytest.mark.real
def test_people_and_cars_are_found_from_the_air(real_data):
    frames = hituav(real_data, split="val")
    frames = replace(frames, items=frames.items[::5])
    boxes = open_boxes(real_data / BOXES["hituav"][0].format(split="val")).boxes
    scores = evaluate_boxes(load_model("sartm_small.aerial"), frames, boxes).scores
    person, vehicle = scores["person"], scores["vehicle"]
    assert person.boxes > 20
    assert person.hit > 0.7
    assert person.inside > 0.6
    assert vehicle.hit > 0.35
    assert vehicle.inside > 0.6


@pytest.mark.real
def test_people_in_a_forest_are_found_by_another_camera(real_data):
    frames = wisard(real_data, split="all")
    place, names = BOXES["wisard"]
    boxes = open_boxes(real_data / place, names).boxes
    assert {item.name for item in frames.items} == set(boxes)
    assert sum(map(len, boxes.values())) == 48
    frames = replace(frames, items=frames.items[::3])
    found = evaluate_boxes(load_model("sartm_small.aerial"), frames, boxes)
    assert not found.failed
    person = found.scores["person"]
    assert person.hit > 0.2
    assert person.inside > 0.7  # a threshold that hits more has 0.1
