import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thermoscope.core.errors import ShapeError, UnitError
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage
from thermoscope.sensor.planck import LinearScale, Planck, PlanckCurve
from thermoscope.sensor.quality import Quality

CURVE = PlanckCurve(R=17000.0, B=1430.0, F=1.0, O=7000.0)
COUNTS = hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))


def counts_image() -> ThermalImage:
    return ThermalImage(counts=np.arange(12, dtype=np.uint16).reshape(3, 4) + 13000)


def test_the_three_kinds():
    counts = np.full((2, 3), 30000, np.uint16)
    assert ThermalImage(counts=counts).kind == "counts"
    assert ThermalImage(counts=counts, radiometry=LinearScale(0.01)).kind == "kelvin"
    assert ThermalImage(stored_kelvin=np.ones((2, 3), np.float32)).kind == "kelvin"
    agc = ThermalImage(agc=np.zeros((2, 3, 3), np.uint8))
    assert (agc.kind, agc.shape, agc.radiometric) == ("agc", (2, 3), False)


def test_kelvin_and_celsius():
    image = ThermalImage(counts=np.full((2, 3), 30015, np.uint16), radiometry=LinearScale(0.01))
    assert image.kelvin.dtype == np.float32
    np.testing.assert_allclose(image.kelvin, 300.15, atol=1e-4)
    np.testing.assert_allclose(image.celsius, 27.0, atol=1e-4)


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (ThermalImage(agc=np.zeros((2, 2), np.uint8)), "8-bit AGC picture, the radiometric scale"),
        (ThermalImage(counts=np.zeros((2, 2), np.uint16)), "counts of unknown radiometry"),
        (
            ThermalImage(
                agc=np.zeros((2, 2), np.uint8), temperature_note="needs the vendor's library"
            ),
            "no temperature: needs the vendor's library",
        ),
    ],
)
def test_missing_temperature_says_why(image, text):
    with pytest.raises(UnitError, match=text):
        _ = image.kelvin


@pytest.mark.parametrize(
    ("planes", "error", "text"),
    [
        ({}, ShapeError, "planes of one size, got none"),
        ({"counts": np.zeros((2, 2), np.float32)}, UnitError, "counts must be uint16, got float32"),
        ({"counts": np.zeros((0, 2), np.uint16)}, ShapeError, "at least one pixel"),
        ({"counts": np.zeros((2, 2, 3), np.uint16)}, ShapeError, r"must be \(H, W\)"),
        (
            {"counts": np.zeros((2, 2), np.uint16), "agc": np.zeros((2, 3), np.uint8)},
            ShapeError,
            r"got \[\(2, 2\), \(2, 3\)\]",
        ),
    ],
)
def test_impossible_frames(planes, error, text):
    with pytest.raises(error, match=text):
        ThermalImage(**planes)


def test_no_silent_loss_of_units():
    with pytest.raises(UnitError, match="its unit would be lost"):
        np.asarray(counts_image())
    with pytest.raises(UnitError, match="its unit would be lost"):
        np.mean(counts_image())


def test_extremes_and_their_places():
    counts = np.full((4, 5), 100, np.uint16)
    counts[2, 3], counts[1, 4] = 200, 50
    image = ThermalImage(counts=counts)
    assert (image.hottest().x, image.hottest().y, image.hottest().value) == (3, 2, 200.0)
    assert (image.coldest().x, image.coldest().y, image.coldest().value) == (4, 1, 50.0)


def test_extremes_skip_nan():
    kelvin = np.array([[np.nan, 290.0], [310.0, np.inf]], np.float32)
    image = ThermalImage(stored_kelvin=kelvin)
    assert image.hottest().value == 310.0
    with pytest.raises(UnitError, match="no finite pixel"):
        ThermalImage(stored_kelvin=np.full((2, 2), np.nan, np.float32)).hottest()


@given(counts=COUNTS, turns=st.integers(-5, 5))
def test_turning_back_gives_the_same_frame(counts, turns):
    image = ThermalImage(counts=counts, radiometry=LinearScale(0.01))
    back = image.rotate90(turns).rotate90(-turns)
    np.testing.assert_array_equal(back.counts, counts)
    np.testing.assert_array_equal(image.flip("vertical").flip("vertical").counts, counts)
    assert image.rotate90(turns).kind == "kelvin"


@given(counts=COUNTS, data=st.data())
def test_crop_keeps_unit_and_values(counts, data):
    height, width = counts.shape
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w, h = data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y))
    image = ThermalImage(counts=counts, radiometry=LinearScale(0.01))
    part = image.crop(x=x, y=y, width=w, height=h)
    np.testing.assert_array_equal(part.kelvin, image.kelvin[y : y + h, x : x + w])


@pytest.mark.parametrize("box", [(-1, 0, 2, 2), (0, 0, 5, 1), (0, 0, 0, 1), (3, 2, 1, 2)])
def test_crop_outside(box):
    x, y, width, height = box
    with pytest.raises(ShapeError, match="does not fit in 4x3"):
        counts_image().crop(x=x, y=y, width=width, height=height)


def test_resize_averages_counts():
    counts = np.array([[100, 200], [300, 400]], np.uint16)
    half = ThermalImage(counts=counts).resize(width=1, height=1)
    assert half.counts.tolist() == [[250]]
    with pytest.raises(ShapeError, match="at least 1x1"):
        ThermalImage(counts=counts).resize(width=0, height=1)


def test_new_radiometry_replaces_a_stored_temperature():
    image = ThermalImage(
        counts=np.full((2, 2), 12000, np.uint16),
        stored_kelvin=np.full((2, 2), 1.0, np.float32),
        temperature_note="old",
    )
    hot = image.with_radiometry(Planck(CURVE, emissivity=0.5))
    assert hot.temperature_note == ""
    assert hot.kelvin.min() > 250
    with pytest.raises(UnitError, match="applies to counts, and this frame has only kelvin"):
        ThermalImage(stored_kelvin=np.ones((2, 2), np.float32)).with_radiometry(LinearScale(1.0))


def test_lower_emissivity_means_hotter_object():
    """Warm object, cool surroundings: a duller surface must be hotter to give the same counts."""
    counts = np.full((1, 1), 13500, np.uint16)
    image = ThermalImage(counts=counts, radiometry=Planck(CURVE, emissivity=1.0))
    duller = image.with_radiometry(image.radiometry.replace(emissivity=0.8))
    assert image.kelvin.item() > 293.15
    assert duller.kelvin.item() > image.kelvin.item()


def test_flags_add_up_and_show():
    image = counts_image().with_quality(Quality.FFC).with_quality(Quality.TORN)
    assert image.quality == {Quality.FFC, Quality.TORN}
    assert repr(image) == "ThermalImage(array, 4x3, counts, ffc, torn)"


def test_metadata_survives_operations():
    image = ThermalImage(
        counts=np.zeros((4, 4), np.uint16),
        capture=CaptureInfo(make="X"),
        source=Source(format="y16"),
    )
    changed = image.flip("horizontal").crop(x=0, y=0, width=2, height=2)
    assert (changed.capture.make, changed.source.format) == ("X", "y16")
