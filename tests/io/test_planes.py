import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thermoscope.core.errors import ReadError, ShapeError, UnitError
from thermoscope.io.float_units import guessed_unit
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.sensor.planck import LinearScale
from thermoscope.sensor.quality import Quality


def grid(low: float, high: float, kind: str = "f4") -> np.ndarray:
    return np.linspace(low, high, 99).reshape(9, 11).astype(kind)


# -- whole numbers -------------------------------------------------------------------------------


def test_16_bit_is_counts_and_never_a_temperature():
    image = image_from_array(np.full((4, 5), 29315, np.uint16))
    assert image.kind == "counts"
    assert image.quality == frozenset()


def test_8_bit_is_a_picture():
    image = image_from_array(np.full((4, 5), 200, np.uint8))
    assert image.kind == "agc"
    assert image.agc[0, 0] == 200


@pytest.mark.parametrize("order", ["<u2", ">u2"])
@given(values=hnp.arrays(np.uint16, (3, 4)))
def test_counts_survive_any_byte_order_and_layout(order, values):
    wide = np.repeat(values.astype(order), 2, axis=1)[:, ::2]
    np.testing.assert_array_equal(image_from_array(wide).counts, values)


@given(values=hnp.arrays(np.int64, (3, 4), elements=st.integers(-(2**63), 2**63 - 1)))
def test_wide_numbers_fit_after_shift_and_step(values):
    image = image_from_array(values)
    said = image.capture.extra.get("stored_values", "1 * counts +0")
    step, offset = int(said.split()[0]), int(said.split()[-1])
    back = [step * int(c) + offset for c in image.counts.ravel()]
    assert all(0 <= int(v) - b < step for v, b in zip(values.ravel(), back, strict=True))
    lossy = step != 1
    assert (Quality.QUANTISED in image.quality) == lossy
    assert (Quality.CONVERTED in image.quality) != lossy


def test_uint32_within_16_bit_is_converted():
    image = image_from_array(np.array([[7, 65535]], np.uint32))
    assert image.counts.tolist() == [[7, 65535]]
    assert image.quality == {Quality.CONVERTED}


def test_signed_numbers_are_moved_up_and_the_scale_moves_along():
    celsius = np.array([[-5, 20, 75]], np.int16)
    image = image_from_array(celsius, scale=LinearScale(1.0, 273.15))
    assert image.counts.tolist() == [[32763, 32788, 32843]]
    np.testing.assert_allclose(image.celsius, celsius, atol=1e-4)


def test_a_stated_radiometry_does_not_outlive_a_shift():
    origin = Origin(radiometry=LinearScale(0.01))
    assert not image_from_array(np.array([[-1, 5]], np.int16), origin).radiometric
    assert image_from_array(np.array([[1, 5]], np.uint16), origin).radiometric


@pytest.mark.parametrize(
    ("stored", "levels"),
    [(np.array([[True, False]]), [[255, 0]]), (np.array([[-128, 127]], np.int8), [[0, 255]])],
)
def test_bits_and_signed_bytes_are_pictures(stored, levels):
    image = image_from_array(stored)
    assert image.agc.tolist() == levels
    assert Quality.CONVERTED in image.quality


# -- floats --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (grid(280, 310), "kelvin"),
        (grid(-20.5, 35), "celsius"),
        (grid(20, 900), "celsius"),  # a furnace: something below 150 is there
        (grid(0, 1), "share"),
        (np.rint(grid(3052, 5939)), "counts"),
        (np.rint(grid(0, 255)), "agc"),
        (np.full((9, 11), np.nan), "kelvin"),
        (np.full((9, 11), 300.0), "kelvin"),
        (grid(1e6, 2e6), None),
    ],
)
def test_the_values_tell_the_unit(values, unit):
    assert guessed_unit(values)[0] == unit


def test_wild_pixels_do_not_change_the_unit():
    values = grid(280, 310)
    values[0, 0], values[1, 1], values[2, 2] = np.inf, np.nan, 6000
    assert guessed_unit(values)[0] == "kelvin"


def test_a_guess_is_said():
    image = image_from_array(grid(10, 40))
    assert image.kelvin[0, 0] == pytest.approx(283.15, abs=1e-3)
    assert "taken as celsius" in image.temperature_note
    assert "from 10 to 40" in image.temperature_note


def test_a_stated_unit_is_no_guess():
    image = image_from_array(grid(50, 122), Origin(unit="fahrenheit"))
    assert image.celsius[0, 0] == pytest.approx(10, abs=1e-3)
    assert image.celsius[-1, -1] == pytest.approx(50, abs=1e-3)
    assert image.temperature_note == ""


@pytest.mark.parametrize(
    ("kind", "flags"),
    [("f4", set()), ("f8", {Quality.CONVERTED}), ("f2", {Quality.QUANTISED})],
)
def test_float_types_are_told_apart(kind, flags):
    image = image_from_array(grid(280, 310, kind), Origin(unit="kelvin"))
    assert image.kelvin.dtype == np.float32
    assert image.quality == flags


def test_a_scale_makes_temperatures_of_any_float():
    image = image_from_array(grid(1e6, 2e6), scale=LinearScale(1e-4, 200))
    assert image.kelvin[0, 0] == pytest.approx(300)
    assert image.temperature_note == ""


def test_floats_that_are_nothing_are_refused():
    with pytest.raises(ReadError, match=r"neither temperatures nor counts .* scale=LinearScale"):
        image_from_array(grid(1e6, 2e6))


def test_overflowing_floats_become_infinity_without_a_warning():
    values = grid(280, 310, "f8")
    values[3, 3] = 1e300
    image = image_from_array(values, Origin(unit="celsius"))
    assert np.isinf(image.kelvin[3, 3])


def test_counts_stored_as_floats():
    image = image_from_array(np.rint(grid(3052, 5939)))
    assert image.counts[0, 0] == 3052
    assert image.quality == {Quality.CONVERTED}
    assert "taken as counts" in image.capture.extra["float_values"]


# -- channels ------------------------------------------------------------------------------------


def test_three_equal_channels_are_one():
    counts = np.arange(12, dtype=np.uint16).reshape(3, 4)
    image = image_from_array(np.repeat(counts[..., None], 3, axis=2))
    np.testing.assert_array_equal(image.counts, counts)


def test_colour_of_16_bit_becomes_a_picture():
    colour = np.zeros((2, 2, 3), np.uint16)
    colour[..., 0] = 0xFFFF
    image = image_from_array(colour)
    assert image.agc[0, 0].tolist() == [255, 0, 0]
    assert Quality.QUANTISED in image.quality


def test_alpha_is_left_out_and_said():
    picture = np.full((2, 2, 4), 9, np.uint8)
    assert "alpha_left_out" not in image_from_array(picture).capture.extra
    picture[0, 0, 3] = 0
    image = image_from_array(picture)
    assert image.agc.tolist() == [[9, 9], [9, 9]]
    assert "25.0%" in image.capture.extra["alpha_left_out"]


def test_grey_with_alpha():
    stored = np.zeros((2, 2, 2), np.uint16)
    stored[..., 0] = 4000
    assert image_from_array(stored).counts.tolist() == [[4000, 4000]] * 2


@pytest.mark.parametrize(
    ("values", "error", "match"),
    [
        (np.zeros((2, 2), complex), UnitError, "real numbers, got complex"),
        (np.zeros((2, 2, 5)), ShapeError, r"got \(2, 2, 5\)"),
        (np.zeros((0, 2)), ShapeError, "at least one pixel"),
        (np.zeros(4), ShapeError, r"got \(4,\)"),
        (np.full((2, 2, 3), [1.5, 2, 3]), UnitError, "colour picture of float64"),
    ],
)
def test_what_is_no_picture(values, error, match):
    with pytest.raises(error, match=match):
        image_from_array(values)


def test_a_scale_needs_one_number_a_pixel():
    colour = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    with pytest.raises(UnitError, match="one number a pixel"):
        image_from_array(colour, scale=LinearScale(0.01))
