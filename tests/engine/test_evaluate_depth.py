"""Depth scores of a model whose answers are known."""

import math

import numpy as np
import pytest
import torch

from thermoscope.core.errors import ConfigError, ShapeError, UnitError, UnknownNameError
from thermoscope.engine.evaluate_depth import (
    DEPTH_PROTOCOLS,
    ConstantDepth,
    evaluate_depth,
    rank_correlation,
)
from thermoscope.models.dense_heads import build_depth


def flat_model(**settings):
    """A depth model that says 10 m of everything."""
    model = build_depth(
        backbone="tiny", widths=(2, 2, 2, 2), fusion=2, min_depth_m=1, max_depth_m=100, **settings
    ).eval()
    for parameter in model.head.measure.parameters():
        torch.nn.init.zeros_(parameter)
    return model


def sample(name, depth_m, valid=True):
    counts = np.arange(28 * 28, dtype=np.uint16).reshape(1, 28, 28)
    depth = np.full(counts.shape, depth_m, np.float32)
    return {"name": name, "counts": counts, "depth": depth, "valid": np.full(depth.shape, valid)}


FRAMES = [sample("a", 20), sample("b", 8), sample("c", 8, valid=False)]


def test_metric_scores_are_the_mean_of_images():
    found = evaluate_depth(flat_model(), FRAMES, protocol="metric").scores
    assert found.abs_rel == pytest.approx((10 / 20 + 2 / 8) / 2, abs=1e-5)
    assert found.rmse_m == pytest.approx((10 + 2) / 2, abs=1e-4)
    assert (found.images, found.images_empty, found.alignment) == (2, 1, "none")


def test_alignment_forgives_what_it_says():
    for protocol in ("median", "scale_shift", "anythermal"):
        found = evaluate_depth(flat_model(), FRAMES, protocol=protocol).scores
        assert found.abs_rel == pytest.approx(0, abs=1e-6)
        assert found.alignment == DEPTH_PROTOCOLS[protocol].alignment


def test_pixels_beyond_80_m_are_left_out():
    found = evaluate_depth(flat_model(), [sample("far", 90)], protocol="metric").scores
    assert math.isnan(found.abs_rel)
    assert found.images_empty == 1


def test_relative_depth_needs_an_alignment():
    with pytest.raises(ConfigError, match="judges metres and this model gives relative depth"):
        evaluate_depth(flat_model(metric=False), FRAMES, protocol="metric")
    assert evaluate_depth(flat_model(metric=False), FRAMES).scores.images == 2


def test_a_bad_frame_is_named_and_the_others_count():
    blind = {"name": "blind", "counts": FRAMES[0]["counts"]}
    found = evaluate_depth(flat_model(), [blind, *FRAMES], protocol="metric")
    assert [name for name, _ in found.failed] == ["blind"]
    assert "no depth" in found.failed[0][1]
    assert found.scores.images == 2
    nothing = evaluate_depth(flat_model(), [blind])
    assert math.isnan(nothing.scores.abs_rel)
    assert nothing.to_dict()["failed"][0]["frame"] == "blind"


def test_the_report_names_its_rules():
    report = evaluate_depth(flat_model(), FRAMES, protocol="anythermal").to_dict()
    assert report["alignment"] == "scale_shift"
    assert report["max_depth_m"] == 80
    assert "in depth space" in report["averaged"]


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(UnknownNameError, match="unknown depth protocol 'meters'"):
        evaluate_depth(flat_model(), FRAMES, protocol="meters")
    with pytest.raises(ConfigError, match="no frame to score"):
        evaluate_depth(flat_model(), [])


def test_a_constant_is_the_median_of_known_depths_and_scored_like_a_model():
    sky = sample("sky", np.inf)
    constant = ConstantDepth.median_of([*FRAMES, sample("d", 12), sky])  # 20, 8 and 12 m are known
    assert constant == ConstantDepth(12.0)
    found = evaluate_depth(constant, FRAMES, protocol="metric").scores
    assert found.abs_rel == pytest.approx((8 / 20 + 4 / 8) / 2, abs=1e-5)
    with pytest.raises(UnitError, match="no frame has a known depth"):
        ConstantDepth.median_of([FRAMES[2]])


def test_rank_correlation_knows_order_and_nothing_else():
    depth = np.arange(1.0, 13.0).reshape(3, 4)
    assert rank_correlation(depth, np.exp(depth)) == pytest.approx(1)
    assert rank_correlation(depth, 100 / depth) == pytest.approx(-1)
    rows = np.repeat(np.arange(3.0)[:, None], 4, axis=1)
    # ranks of the rows are 1.5, 5.5 and 9.5: a correlation of sqrt(128 / 143)
    assert rank_correlation(depth, rows) == pytest.approx(np.sqrt(128 / 143))
    valid = np.zeros(depth.shape, bool)
    valid[0, :2] = True
    assert rank_correlation(depth, 5 - depth, valid) == pytest.approx(-1)


def test_rank_correlation_of_nothing():
    flat = np.ones((2, 3))
    assert math.isnan(rank_correlation(flat, np.arange(6.0).reshape(2, 3)))
    assert math.isnan(rank_correlation(flat, flat, np.zeros((2, 3), bool)))
    with pytest.raises(ShapeError, match="must have one shape"):
        rank_correlation(flat, flat.T)
