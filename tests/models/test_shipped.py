"""What the weights in the package do, not only that they load."""

import numpy as np
import pytest
import torch

from thermoscope.core.weights import BUNDLED, find_weights, list_weights
from thermoscope.data.base import READERS
from thermoscope.models.load import load_model
from thermoscope.models.place import place_model
from thermoscope.recipes.pair_sources import PairSource, load_pairs
from thermoscope.synthetic.dataset import Scenes

NAMES = list_weights(BUNDLED)
NON_COMMERCIAL = {"llvip", "ms2"}


def test_the_documented_ones_are_there():
    assert {"anythermal_small", "anythermal_small.depth", "anythermal_small.segmentation"} <= set(
        NAMES
    )


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
def test_thermal_pictures_find_their_colour_partner(real_data):
    pairs = load_pairs(PairSource("roadscene", real_data, split="val"))
    model = place_model("anythermal_small", pooling="cls_mean")
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


def test_depth_knows_near_from_far_on_an_unseen_street():
    sample = Scenes(split="test", environment="urban", preset="small", count=1, colour="none")[0]
    found = load_model("anythermal_small.depth").predict(sample["counts"][0]).depth
    truth, known = sample["depth"][0], sample["valid"][0] & (sample["depth"][0] < 80)
    relative = np.abs(found - truth)[known] / truth[known]
    constant = np.abs(np.median(truth[known]) - truth)[known] / truth[known]
    assert relative.mean() < 0.6 * constant.mean()
    with torch.no_grad():
        assert np.isfinite(found).all()
