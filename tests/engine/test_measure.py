import json

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.engine.measure import (
    Region,
    describe,
    measure_region,
    number,
    region_from_text,
    statistics,
)
from thermoscope.io.thermal_image import CaptureInfo, ThermalImage
from thermoscope.sensor.planck import LinearScale, Planck, PlanckCurve


@pytest.fixture
def image() -> ThermalImage:
    """Counts 30000 ... 30011 at 0.01 K a count: 300.00 K to 300.11 K."""
    counts = np.arange(30000, 30012, dtype=np.uint16).reshape(3, 4)
    return ThermalImage(counts=counts, radiometry=LinearScale(0.01))


def test_statistics_by_hand(image):
    found = statistics(image)
    assert found["unit"] == "kelvin"
    assert (found["min"], found["max"]) == (300.0, 300.11)
    assert found["median"] == pytest.approx(300.055, abs=0.006)
    assert found["finite_share"] == 1.0


def test_region_positions_are_those_of_the_whole_image(image):
    found = measure_region(image, Region(1, 1, 2, 2))  # counts 30005 30006 / 30009 30010
    assert found["max"] == {"kelvin": 300.1, "celsius": 26.95, "x": 2, "y": 2}
    assert found["min"]["celsius"] == pytest.approx(26.9)
    assert (found["min"]["x"], found["min"]["y"]) == (1, 1)


def test_point_is_a_region_of_one(image):
    found = measure_region(image, region_from_text("3,0"))
    assert found["min"] == found["max"] == {"kelvin": 300.03, "celsius": 26.88, "x": 3, "y": 0}


def test_region_outside_names_the_limits(image):
    with pytest.raises(ShapeError, match=r"region \(4, 0\) lies outside .* 4x3 px. x runs from 0"):
        measure_region(image, Region(4, 0))


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "1.5,2", "1,2,3,4,5"])
def test_bad_region_text(text):
    with pytest.raises(ConfigError, match="neither a point x,y nor a rectangle"):
        region_from_text(text)


def test_frame_without_finite_pixel_gives_none_everywhere():
    empty = ThermalImage(stored_kelvin=np.full((3, 3), np.nan, np.float32))
    assert statistics(empty)["median"] is None
    assert measure_region(empty, Region(0, 0))["max"] is None
    assert describe(empty)["temperature"] is None
    json.dumps(describe(empty), allow_nan=False)


def test_nan_pixels_are_left_out():
    kelvin = np.full((3, 3), 300.0, np.float32)
    kelvin[0, 0] = np.nan
    found = statistics(ThermalImage(stored_kelvin=kelvin))
    assert (found["min"], found["max"]) == (300.0, 300.0)
    assert found["finite_share"] == pytest.approx(8 / 9, abs=1e-4)


def test_agc_has_no_temperature_and_says_why():
    facts = describe(ThermalImage(agc=np.zeros((4, 4), np.uint8)))
    assert facts["unit"] == "agc"
    assert facts["temperature"] is None
    assert "8-bit AGC" in facts["temperature_note"]


def test_counts_without_scale_say_so():
    facts = describe(ThermalImage(counts=np.ones((4, 4), np.uint16)))
    assert facts["temperature"] is None
    assert "unknown radiometry" in facts["temperature_note"]
    assert facts["counts"] == {"min": 1.0, "median": 1.0, "max": 1.0}


def test_description_is_strict_json_with_camera_time_and_radiometry():
    curve = PlanckCurve(R=17000.0, B=1430.0, F=1.0, O=7000.0)
    image = ThermalImage(
        counts=np.full((4, 4), 12000, np.uint16),
        radiometry=Planck(curve, emissivity=0.95),
        capture=CaptureInfo(
            make="X",
            t_ns=1_500_000_000_123_000_000,
            t_zone="utc",
            extra={"a": np.float32(1.5), "b": (1, np.int64(2)), "c": float("nan")},
        ),
    )
    facts = json.loads(json.dumps(describe(image), allow_nan=False))
    assert facts["time"] == "2017-07-14T02:40:00.123Z"
    assert facts["radiometry"]["emissivity"] == 0.95
    assert facts["radiometry"]["planck"] == {"R": 17000.0, "B": 1430.0, "F": 1.0, "O": 7000.0}
    assert facts["extra"] == {"a": 1.5, "b": [1, 2], "c": None}


def test_number_has_no_nan():
    assert number(float("nan"), 2) is None
    assert number(1.239, 2) == 1.24
    assert number(1.6, 0) == 2.0
