"""Pictures: what is painted where, and what the scale claims."""

from __future__ import annotations

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError, UnitError, UnknownNameError
from thermoscope.engine.display_unit import displayed, from_displayed, unit_label, value_text
from thermoscope.engine.render import Isotherm, Marker, RenderStyle, overlay, render
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.sensor.palette import palette_table
from thermoscope.sensor.planck import LinearScale
from thermoscope.sensor.tone import ToneSpec, tone_map

BARE = RenderStyle(colour_bar=False)


def ramp_k(height: int = 48, width: int = 480) -> ThermalImage:
    """280 K at the left to 320 K at the right."""
    row = np.linspace(280, 320, width, dtype=np.float32)
    return ThermalImage(stored_kelvin=np.tile(row, (height, 1)))


def colour_of(palette: str, level: int) -> list[int]:
    return palette_table(palette)[level].tolist()


def test_the_bare_picture_is_tone_then_palette() -> None:
    image = ramp_k()
    picture = render(image, RenderStyle(palette="ironbow", colour_bar=False))
    assert np.array_equal(picture, palette_table("ironbow")[tone_map(image.kelvin)])


def test_small_frames_are_enlarged_by_whole_pixels() -> None:
    counts = np.arange(4800, dtype=np.uint16).reshape(60, 80)
    picture = render(ThermalImage(counts=counts), BARE)
    assert picture.shape == (360, 480, 3)
    assert (picture[:6, :6] == picture[0, 0]).all()
    assert (picture[0, 6] == picture[5, 11]).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (300, 2), (8, 8)])
@pytest.mark.parametrize("tone", [None, ToneSpec.of("local_field")])
def test_odd_frames_with_everything_on(shape: tuple[int, int], tone: ToneSpec | None) -> None:
    counts = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    style = RenderStyle(tone=tone, extremes=True, title="a", markers=(Marker(0, 0, "P"),))
    picture = render(ThermalImage(counts=counts), style)
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[0] >= 12
    assert picture.shape[1] > 40


def test_a_locked_scale_gives_the_same_value_the_same_colour() -> None:
    style = RenderStyle(scale=(273.15, 373.15), colour_bar=False, palette="white_hot")
    image = ramp_k()
    hotter = ThermalImage(stored_kelvin=np.where(image.kelvin > 300, 400, image.kelvin))
    left = np.s_[:, :200]
    assert np.array_equal(render(image, style)[left], render(hotter, style)[left])
    assert render(hotter, style)[0, -1].tolist() == [255, 255, 255]
    assert render(image, style)[0, 0, 0] == round((280 - 273.15) * 2.55)


def test_isotherms_paint_by_value_and_the_last_wins() -> None:
    green, blue = (0, 255, 0), (0, 0, 255)
    isotherms = (Isotherm(above=300, colour=green), Isotherm(above=310, below=315, colour=blue))
    image = ramp_k()
    picture = render(image, RenderStyle(colour_bar=False, isotherms=isotherms))
    between = (image.kelvin >= 310) & (image.kelvin <= 315)
    assert (picture[between] == blue).all()
    assert (picture[(image.kelvin >= 300) & ~between] == green).all()
    assert not (picture[image.kelvin < 300] == green).all(axis=-1).any()


def test_isotherms_are_painted_on_the_bar_too() -> None:
    style = RenderStyle(isotherms=(Isotherm(below=290, colour=(1, 2, 3)),), scale=(280, 320))
    panel = render(ramp_k(200), style)[:, 480:]
    rows = np.flatnonzero((panel == (1, 2, 3)).all(axis=-1).any(axis=1))
    column = np.flatnonzero((panel == (1, 2, 3)).all(axis=-1).any(axis=0))[0]
    top = np.flatnonzero((panel[:, column] == colour_of("inferno", 255)).all(axis=-1))[0]
    share = len(rows) / (rows[-1] - top + 1)
    assert share == pytest.approx(0.25, abs=0.02)


def test_pixels_without_value_are_slate() -> None:
    kelvin = ramp_k().kelvin.copy()
    kelvin[3:6, 7:9] = np.nan
    picture = render(ThermalImage(stored_kelvin=kelvin), BARE)
    assert (picture[3:6, 7:9] == (96, 104, 112)).all()
    assert not (picture[10:] == (96, 104, 112)).all(axis=-1).any()


def test_all_without_value_still_makes_a_picture() -> None:
    nothing = ThermalImage(stored_kelvin=np.full((40, 50), np.nan, np.float32))
    for tone in (None, ToneSpec.of("clahe")):
        picture = render(nothing, RenderStyle(tone=tone, extremes=True))
        assert (picture[5, 5] == (96, 104, 112)).all()


def test_extremes_are_marked_at_their_place() -> None:
    kelvin = np.full((240, 480), 300, np.float32)
    kelvin[60, 100], kelvin[180, 400] = 350, 250
    plain = render(ThermalImage(stored_kelvin=kelvin), BARE)
    marked = render(
        ThermalImage(stored_kelvin=kelvin), RenderStyle(colour_bar=False, extremes=True)
    )
    ys, xs = np.nonzero((plain != marked).any(axis=-1))
    hot, cold = ys < 120, ys >= 120
    assert abs(xs[hot].min() - 100) < 15
    assert abs(ys[hot].min() - 60) < 15
    assert abs(ys[cold].mean() - 180) < 15
    assert xs[cold].min() < 400
    assert (marked[60, 100] == plain[60, 100]).all()  # the pixel itself stays visible


def test_the_bar_belongs_to_linear_tones_only() -> None:
    image = ramp_k(240)
    linear = render(image)
    enhanced = render(image, RenderStyle(tone=ToneSpec.of("clahe")))
    assert linear.shape[0] == enhanced.shape[0] == 240
    marks = [int((p[:, 500:] > 200).all(axis=-1).sum()) for p in (linear, enhanced)]
    assert marks[0] > 100
    assert marks[1] > 50
    assert not np.array_equal(linear[:, 480:], enhanced[:, 480 : linear.shape[1]])


def test_an_agc_picture_is_shown_as_it_is() -> None:
    agc = np.tile(np.arange(100, 200, dtype=np.uint8), (50, 5))[:, :480]
    picture = render(ThermalImage(agc=agc), RenderStyle(palette="white_hot", colour_bar=False))
    assert np.array_equal(picture[..., 0], agc)


def test_a_burnt_in_palette_stays_and_has_no_scale() -> None:
    colours = np.zeros((60, 480, 3), np.uint8)
    colours[..., 1] = 77
    assert np.array_equal(render(ThermalImage(agc=colours)), colours)


def test_title_goes_above_and_is_cut_when_too_long() -> None:
    bare = render(ramp_k(), BARE)
    for title in ("short", "a title that is far too long for this picture " * 9):
        titled = render(ramp_k(), RenderStyle(colour_bar=False, title=title))
        extra = titled.shape[0] - bare.shape[0]
        assert np.array_equal(titled[extra:], bare)
        assert 15 < extra < 60
        assert (titled[:extra, -5:] < 40).all()  # nothing runs off the edge


def test_units_must_exist_in_the_frame() -> None:
    counts = ThermalImage(counts=np.zeros((4, 4), np.uint16))
    with pytest.raises(UnitError, match="no temperature: counts of unknown radiometry"):
        render(counts, RenderStyle(unit="C"))
    with pytest.raises(UnitError, match="no counts, only kelvin"):
        render(ramp_k(), RenderStyle(unit="counts"))
    with pytest.raises(UnitError, match="fixed window is in kelvin, the frame in counts"):
        render(counts, RenderStyle(tone=ToneSpec.of("fixed", low=280, high=300)))
    radiometric = counts.with_radiometry(LinearScale(0.01, 273.15))
    fahrenheit, celsius = render(radiometric, RenderStyle(unit="F")), render(radiometric)
    assert np.array_equal(fahrenheit[:, :480], celsius[:, :480])


def test_wrong_styles() -> None:
    with pytest.raises(ConfigError, match="State scale or tone, not both"):
        RenderStyle(scale=(1, 2), tone=ToneSpec())
    with pytest.raises(ConfigError, match="scale must rise, got 2 to 2"):
        RenderStyle(scale=(2, 2))
    with pytest.raises(ConfigError, match="an isotherm needs a limit"):
        Isotherm()
    with pytest.raises(ConfigError, match="above must not exceed below, got 3 and 2"):
        Isotherm(above=3, below=2)
    with pytest.raises(UnknownNameError, match="unknown palette 'iron'. Did you mean 'ironbow'"):
        render(ramp_k(), RenderStyle(palette="iron"))
    with pytest.raises(ShapeError, match=r"marker at \(480, 0\) lies outside the 480x48 frame"):
        render(ramp_k(), RenderStyle(markers=(Marker(480, 0),)))


def test_overlay_blends_where_the_mask_is_true() -> None:
    picture = np.full((2, 2, 3), 100, np.uint8)
    mask = np.array([[True, False], [False, False]])
    tinted = overlay(picture, mask, colour=(200, 0, 100), opacity=0.5)
    assert tinted[0, 0].tolist() == [150, 50, 100]
    assert (tinted[1] == 100).all()
    assert (picture == 100).all()
    with pytest.raises(ShapeError, match=r"mask must be \(2, 2\)"):
        overlay(picture, np.ones((3, 2), bool), colour=(0, 0, 0))
    with pytest.raises(ConfigError, match=r"opacity must lie in \[0, 1\]"):
        overlay(picture, mask, colour=(0, 0, 0), opacity=2)


@pytest.mark.parametrize(
    ("unit", "number", "text"),
    [
        ("C", 36.85, "36.9 °C"),
        ("F", 98.33, "98.3 °F"),
        ("K", 310.0, "310.0 K"),
        ("counts", 310.0, "310 counts"),
        ("agc", 310.0, "310 level"),
    ],
)
def test_display_units(unit: str, number: float, text: str) -> None:
    assert displayed(310.0, unit) == pytest.approx(number)
    assert from_displayed(displayed(310.0, unit), unit) == pytest.approx(310.0)
    assert value_text(310.0, unit) == text


def test_display_edges() -> None:
    assert value_text(float("nan"), "C") == "no value"
    assert value_text(273.149, "C") == "0.0 °C"
    assert value_text(300.0, "K", decimals=3) == "300.000 K"
    with pytest.raises(UnitError, match="unknown unit 'R'. Expected one of: C, K, F"):
        unit_label("R")
