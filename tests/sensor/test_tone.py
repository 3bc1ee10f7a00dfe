"""Tone mapping: what is promised for each method, and specs as data."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.sensor.tone import (
    ToneSpec,
    list_tones,
    to_network_input,
    tone_map,
    tone_window,
)

ADAPTIVE = ["percentile", "clahe", "clahe_bilateral", "local_field"]
FRAMES = hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20))


def scene(height: int = 64, width: int = 80) -> np.ndarray:
    """Cold sky over a warm road, each with faint texture, as counts."""
    y, x = np.mgrid[:height, :width]
    texture = 15 * np.sin(x / 3) * np.cos(y / 4)
    return np.rint(np.where(y < height // 2, 3300, 4100) + texture).astype(np.uint16)


def test_every_method_is_listed() -> None:
    assert list_tones() == ["clahe", "clahe_bilateral", "fixed", "local_field", "percentile"]


def test_fixed_by_hand() -> None:
    kelvin = np.array([[273.15, 293.15, 313.15, 400, np.nan]], np.float32)
    spec = ToneSpec.of("fixed", low=273.15, high=313.15)
    assert tone_map(kelvin, spec).tolist() == [[0, 128, 255, 255, 0]]


def test_percentile_by_hand() -> None:
    counts = np.arange(3000, 3101, dtype=np.uint16)[None]  # 1 % is 3001, 99 % is 3099
    levels = tone_map(counts)
    assert levels[0, [0, 1, 50, 99, 100]].tolist() == [0, 0, 128, 255, 255]
    window = tone_window(counts)
    assert window is not None
    assert (window.low, window.high) == (3001, 3099)


@settings(deadline=None)
@given(FRAMES, st.sampled_from(["percentile", "fixed"]))
def test_linear_methods_keep_the_order_of_counts(counts: np.ndarray, method: str) -> None:
    spec = (
        ToneSpec.of("fixed", low=100.5, high=40000, unit="counts") if method == "fixed" else method
    )
    order = np.argsort(counts.ravel(), kind="stable")
    assert (np.diff(tone_map(counts, spec).ravel()[order].astype(int)) >= 0).all()
    assert (np.diff(to_network_input(counts, spec).ravel()[order]) >= 0).all()


@settings(deadline=None)
@given(FRAMES, st.sampled_from(ADAPTIVE))
def test_any_frame_gives_a_picture_and_an_input(counts: np.ndarray, method: str) -> None:
    picture, part = tone_map(counts, method), to_network_input(counts, method)
    assert picture.dtype == np.uint8
    assert picture.shape == counts.shape
    assert part.dtype == np.float32
    assert part.shape == (1, *counts.shape)
    assert 0 <= part.min()
    assert part.max() <= 1
    assert np.abs(part[0] * 255 - picture).max() <= 0.51


@settings(deadline=None)
@given(FRAMES, st.sampled_from(ADAPTIVE))
def test_counts_and_their_kelvin_look_the_same(counts: np.ndarray, method: str) -> None:
    kelvin = (counts * 0.25).astype(np.float32)  # exact in float32
    assert np.array_equal(tone_map(counts, method), tone_map(kelvin, method))


@pytest.mark.parametrize("method", ADAPTIVE)
@pytest.mark.parametrize("value", [np.uint16(0), np.uint16(65535), np.float32(300), np.uint8(9)])
def test_a_constant_frame_is_mid_grey(method: str, value: np.generic) -> None:
    frame = np.full((20, 30), value)
    assert (tone_map(frame, method) == 128).all()
    assert np.allclose(to_network_input(frame, method), 128 / 255)


@pytest.mark.parametrize("method", ADAPTIVE)
def test_one_hot_pixel_does_not_hide_the_scene(method: str) -> None:
    frame = scene()
    plain, frame[5, 7] = tone_map(frame, method), 65535
    hot = tone_map(frame, method)
    assert hot[5, 7] >= 250
    far = np.ones(frame.shape, bool)
    far[:24, :28] = False  # local methods may change its surroundings
    assert np.abs(hot.astype(int) - plain)[far].max() <= 12


@pytest.mark.parametrize("method", ADAPTIVE)
def test_invalid_pixels_are_black_and_do_not_count(method: str) -> None:
    kelvin = (scene() * 0.1).astype(np.float32)
    broken, valid = kelvin.copy(), np.ones(kelvin.shape, bool)
    broken[40:44, 10:14] = np.nan
    broken[50, 50] = np.inf
    valid[60:, :] = False
    picture = tone_map(broken, method, valid=valid)
    assert (picture[40:44, 10:14] == 0).all()
    assert picture[50, 50] == 0
    assert (picture[60:] == 0).all()
    assert abs(int(picture[30, 70]) - int(tone_map(kelvin, method)[30, 70])) <= 16
    assert (to_network_input(broken, method, valid=valid)[0, 60:] == 0).all()


@pytest.mark.parametrize("method", ADAPTIVE)
def test_a_frame_without_valid_pixels_is_black(method: str) -> None:
    empty = np.full((5, 6), np.nan, np.float32)
    assert not tone_map(empty, method).any()
    assert not to_network_input(empty, method).any()
    assert tone_window(empty, method) is None


def test_clahe_bilateral_is_the_published_recipe() -> None:
    counts = scene()
    ordered = np.sort(counts.ravel())
    low, high = (int(ordered[int(p * (ordered.size - 1) + 0.5)]) for p in (0.01, 0.99))
    clipped = np.clip(counts.astype(np.float64), low, high)
    eight = np.rint((clipped - low) / (high - low) * 255).astype(np.uint8)
    equalised = cv2.createCLAHE(2.0, (8, 8)).apply(eight)
    expected = cv2.bilateralFilter(equalised, 5, 20, 15)
    assert np.array_equal(tone_map(counts, "clahe"), equalised)
    assert np.array_equal(tone_map(counts, "clahe_bilateral"), expected)


def test_local_field_shows_texture_on_both_sides_of_an_edge() -> None:
    counts = scene()
    sky, road = (slice(4, 24), slice(None)), (slice(40, 60), slice(None))
    plain, local = tone_map(counts), tone_map(counts, "local_field")
    for region in (sky, road):
        assert local[region].std() > 2 * plain[region].std()
    assert local[road].mean() > local[sky].mean() + 40  # the order of the regions is kept


def test_local_field_gamma_brightens() -> None:
    counts = scene()
    bright = ToneSpec.of("local_field", gamma=0.5)
    assert tone_map(counts, bright).mean() > tone_map(counts, "local_field").mean() + 10


def test_only_linear_methods_have_a_scale() -> None:
    counts = scene()
    assert {m: tone_window(counts, m) is not None for m in ADAPTIVE} == {
        "percentile": True,
        "clahe": False,
        "clahe_bilateral": False,
        "local_field": False,
    }


def test_input_is_not_changed() -> None:
    kelvin = (scene() * 0.1).astype(np.float32)
    kelvin[0, 0] = np.nan
    kelvin.setflags(write=False)
    for method in ADAPTIVE:
        tone_map(kelvin, method)  # a write would raise
        to_network_input(kelvin, method)


def test_a_fixed_window_in_another_unit_is_refused() -> None:
    spec = ToneSpec.of("fixed", low=273, high=313)
    with pytest.raises(UnitError, match="fixed window is in kelvin, the frame in counts"):
        tone_map(np.zeros((2, 2), np.uint16), spec)
    with pytest.raises(UnitError, match="fixed window is in kelvin, the frame in agc"):
        tone_window(np.zeros((2, 2), np.uint8), spec)


def test_bad_frames_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"values must be \(H, W\)"):
        tone_map(np.zeros((1, 2, 2), np.uint16))
    with pytest.raises(UnitError, match="got int64"):
        to_network_input(np.zeros((2, 2), np.int64))
    with pytest.raises(ShapeError, match="valid must be"):
        tone_map(np.zeros((2, 2), np.uint16), valid=np.ones((3, 2), bool))


@pytest.mark.parametrize("method", ADAPTIVE)
def test_specs_survive_the_plain_dict(method: str) -> None:
    spec = ToneSpec.of(method, low_percent=2)
    plain = spec.to_dict()
    assert plain["method"] == method
    assert plain["low_percent"] == 2.0
    assert ToneSpec.from_dict(plain) == spec
    assert hash(ToneSpec.from_dict(plain)) == hash(spec)


def test_fixed_spec_survives_the_plain_dict() -> None:
    spec = ToneSpec.of("fixed", low=1, high=2, unit="counts")
    assert spec.to_dict() == {"method": "fixed", "low": 1.0, "high": 2.0, "unit": "counts"}
    assert ToneSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"method": "clahee"}, "unknown tone method 'clahee'. Did you mean 'clahe'"),
        ({"method": "percentile", "low_percnt": 1}, "no key 'low_percnt'. Did you mean 'low_p"),
        ({"method": "clahe", "tiles": 8.5}, "tiles must be int, got float"),
        ({"method": "fixed", "low": 1}, "lacks the key 'high'"),
        ({"method": "fixed", "low": 2, "high": 2}, "high must exceed low, got 2 and 2"),
        ({"method": "percentile", "low_percent": 99.0}, "high_percent must exceed low_percent"),
        ({"method": "percentile", "high_percent": 101}, r"high_percent must lie in \[0, 100\]"),
        ({"method": "clahe", "clip_limit": 0}, "clip_limit must lie in"),
        ({"method": "clahe_bilateral", "diameter_px": 99}, r"diameter_px must lie in \[1, 15\]"),
        ({"method": "local_field", "min_span": 0}, "min_span must lie in"),
        ({"method": "local_field", "cells": 1}, r"cells must lie in \[2, 64\]"),
        ({}, "a tone spec needs the key 'method'"),
        ({"method": 7}, "a tone spec needs the key 'method'"),
    ],
)
def test_strict_specs(plain: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ToneSpec.from_dict(plain)


def test_unknown_name_in_tone_map() -> None:
    with pytest.raises(ConfigError, match="unknown tone method 'percentil'. Did you mean"):
        tone_map(np.zeros((2, 2), np.uint16), "percentil")


def test_names_and_specs_load_neither_opencv_nor_torch() -> None:
    modules = "thermoscope.sensor.tone, thermoscope.sensor.palette, thermoscope.engine.render"
    code = f"import sys, {modules}; print([m for m in ('cv2', 'torch', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.real
def test_percentile_shows_what_division_hides(real_data) -> None:
    """A road frame uses about a tenth of 14 bits: stretched it has contrast, divided none."""
    path = real_data / "stereo" / "ms2" / "left" / "000011_thr.png"
    counts = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    divided = ToneSpec.of("fixed", low=0, high=2**14, unit="counts")
    assert tone_map(counts, divided).std() < 5
    for method in ADAPTIVE:
        assert tone_map(counts, method).std() > 40
    road = (slice(190, 240), slice(100, 400))  # lane markings on asphalt
    assert detail(tone_map(counts, "local_field")[road]) > 2 * detail(tone_map(counts)[road])


def detail(picture: np.ndarray) -> float:
    """What a picture has beyond its own blur: markings and edges, not the slow gradient."""
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 8)
    return float((cv2.blur(picture.astype(np.float32), (3, 3)) - smooth).std())
