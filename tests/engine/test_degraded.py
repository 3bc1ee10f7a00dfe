"""Degradations on pictures whose result can be computed by hand."""

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.engine.degraded import DEGRADATIONS, chosen_degradations, degraded
from thermoscope.engine.segmenters import Pair


@pytest.fixture
def pair():
    columns = np.linspace(0, 1, 32, dtype=np.float32)
    rgb = np.broadcast_to(columns, (3, 4, 32)).copy()
    counts = np.broadcast_to(np.arange(32, dtype=np.uint16) * 100 + 20000, (4, 32)).copy()
    return Pair(rgb, counts)


@pytest.mark.parametrize("shift", [4, 8, 16])
def test_misaligned_moves_colour_and_nothing_else(pair, shift):
    found = degraded(pair, f"misaligned_{shift}")
    np.testing.assert_array_equal(found.rgb[:, :, shift:], pair.rgb[:, :, :-shift])
    assert (found.rgb[:, :, :shift] == pair.rgb[:, :, :1]).all()
    assert found.thermal is pair.thermal


def test_exposure(pair):
    grey = Pair(np.full((3, 64, 64), 0.5, np.float32), None)
    # Four stops are a sixteenth of the light: 0.5 -> 0.5 * 16 ** (-1 / 2.2) = 0.1418
    dark = degraded(grey, "under_exposed").rgb
    assert dark.mean() == pytest.approx(0.5 * 16 ** (-1 / 2.2), abs=2e-3)
    assert dark.dtype == np.float32
    np.testing.assert_allclose(dark * 255, np.rint(dark * 255), atol=1e-4)
    assert 0 < dark.std() < 0.02
    assert degraded(grey, "over_exposed").rgb.max() == 1  # 0.5 ** 2.2 * 8 = 1.74
    faint = Pair(np.full((3, 2, 2), 0.1, np.float32), None)
    assert degraded(faint, "over_exposed").rgb[0, 0, 0] == pytest.approx(0.1 * 8 ** (1 / 2.2))


def test_hot_saturated_keeps_the_scale(pair):
    found = degraded(pair, "hot_saturated").thermal
    limit = np.percentile(pair.thermal, 75)
    assert found.dtype == np.uint16
    assert found.max() == np.rint(limit)
    cold = pair.thermal < limit
    np.testing.assert_array_equal(found[cold], pair.thermal[cold])
    levels = Pair(None, np.array([[0, 10, 20, 255]], np.uint8))
    assert degraded(levels, "hot_saturated").thermal.dtype == np.uint8


def test_noise_is_of_the_stated_size_and_the_same_each_time():
    rng = np.random.default_rng(0)
    kelvin = rng.uniform(280, 300, (64, 64)).astype(np.float32)
    pair = Pair(np.full((3, 64, 64), 0.5, np.float32), kelvin)
    found = degraded(pair, "noise", frame=3)
    assert (found.rgb - 0.5).std() == pytest.approx(0.1, rel=0.05)
    assert (found.thermal - kelvin).std() == pytest.approx(0.05 * 19.6, rel=0.06)
    assert found.thermal.dtype == np.float32
    np.testing.assert_array_equal(found.rgb, degraded(pair, "noise", frame=3).rgb)
    assert not np.array_equal(found.rgb, degraded(pair, "noise", frame=4).rgb)


def test_missing_bands(pair):
    assert degraded(pair, "missing_rgb").rgb is None
    assert degraded(pair, "missing_thermal").thermal is None


def test_each_changes_what_it_says(pair):
    for name, entry in DEGRADATIONS.items():
        found = degraded(pair, name)
        for band in ("rgb", "thermal"):
            before, after = getattr(pair, band), getattr(found, band)
            same = after is not None and np.array_equal(before, after)
            assert same == (band not in entry.touches), (name, band)


def test_names():
    assert chosen_degradations(["all"]) == tuple(DEGRADATIONS)
    with pytest.raises(UnknownNameError, match="unknown degradation 'fog'"):
        chosen_degradations(["fog"])
    with pytest.raises(UnknownNameError, match="unknown degradation 'all'"):
        degraded(Pair(None, None), "all")


@pytest.mark.parametrize("name", ["under_exposed", "over_exposed", "misaligned_4"])
def test_without_colour_there_is_nothing_to_change(name):
    with pytest.raises(ConfigError, match="needed"):
        degraded(Pair(None, np.zeros((4, 4), np.uint8)), name)


def test_narrow_pictures_and_absent_thermal_frames():
    with pytest.raises(ConfigError, match="more than 16 columns is needed"):
        degraded(Pair(np.zeros((3, 4, 16), np.float32), None), "misaligned_16")
    with pytest.raises(ConfigError, match="a thermal frame is needed"):
        degraded(Pair(None, None), "hot_saturated")
