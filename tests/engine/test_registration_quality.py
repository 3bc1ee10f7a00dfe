"""Registration through depth on a rendered scene, against rays that were cast for the truth."""

import numpy as np
import pytest
from benchmarks.registration import mask_scores, measure, placements, residuals, scene

from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.synthetic.dataset import Scenes


@pytest.fixture(scope="module")
def street():
    data = Scenes(split="test", environment="urban", preset="small", count=1, seed=0)
    return scene(data)


@pytest.fixture(scope="module")
def found(street):
    return placements(street, {"SGBM": Sgbm().predict})


def mean_px(street, found, name, kept):
    places, _ = found[name]
    return np.nanmean(residuals(street, places, kept, found["true depth"][0])["place_px"])


def test_true_depth_hides_what_rays_say_is_hidden(street, found):
    scores = mask_scores(street, found["true depth"][1], None)
    assert street.hidden.mean() > 0.005
    assert scores["occlusion_equal"] > 0.99
    assert scores["occlusion_equal_1_px"] > scores["occlusion_equal"]
    assert scores["missed"] < 0.005
    assert scores["false"] < 0.005


def test_holes_are_where_no_depth_is(street, found):
    scores = mask_scores(street, found["true depth, both views"][1], street.unmatched)
    assert scores["hole_equal"] == 1.0
    assert street.unmatched.mean() > 0.01


def test_depth_places_pixels_better_than_any_single_homography(street, found):
    kept = ~street.hidden & found["SGBM"][1].valid
    homography = mean_px(street, found, "one homography", kept)
    assert homography > 0.5
    assert mean_px(street, found, "SGBM", kept) < 0.25 * homography
    assert mean_px(street, found, "true depth", kept) == 0


def test_the_table_has_every_band(street):
    result = measure(1, "tiny", {})
    row = result["residuals"]["true depth"]["place_px"]
    assert list(row) == ["0-5", "5-10", "10-20", "20-50", "50-inf", "sky"]
    assert row["5-10"] == 0
    assert set(result["masks"]) == {"true depth", "true depth, both views"}
