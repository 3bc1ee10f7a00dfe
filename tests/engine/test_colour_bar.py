"""Ticks at round numbers, and panels that fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont

from thermoscope.engine.colour_bar import Scale, colour_bar, ticks
from thermoscope.engine.display_unit import displayed
from thermoscope.sensor.palette import palette_table
from thermoscope.sensor.window import Window

FONT = ImageFont.load_default(size=14)


@pytest.mark.parametrize(
    ("low", "high", "unit", "expected"),
    [
        (291.2, 313.9, "C", ["20", "25", "30", "35", "40"]),
        (291.2, 313.9, "F", ["65", "70", "75", "80", "85", "90", "95", "100", "105"]),
        (272.15, 274.15, "C", ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        (3303, 4215, "counts", ["3400", "3600", "3800", "4000", "4200"]),
        (300, 300.02, "K", ["300.000", "300.005", "300.010", "300.015", "300.020"]),
    ],
)
def test_ticks_by_hand(low: float, high: float, unit: str, expected: list[str]) -> None:
    found = ticks(Window(low, high), unit, most=9 if unit == "F" else 5)
    assert [t.text for t in found] == expected


@settings(deadline=None)
@given(
    st.floats(200, 1500),
    st.floats(1e-3, 3000),
    st.sampled_from(["C", "K", "F", "counts"]),
    st.integers(2, 12),
)
def test_ticks_are_few_inside_rising_and_say_their_value(
    low: float, span: float, unit: str, most: int
) -> None:
    window = Window(low, low + span)
    found = ticks(window, unit, most=most)
    values = [t.value for t in found]
    assert 1 <= len(found) <= most
    assert values == sorted(set(values))
    slack = 1e-5 * span + 1e-9
    assert window.low - slack <= values[0]
    assert values[-1] <= window.high + slack
    for tick in found:
        assert float(tick.text) == pytest.approx(
            displayed(tick.value, unit), abs=1e-6 * span + 1e-8
        )
    assert len({t.text for t in found}) == len(found)


def test_a_window_without_width_has_one_tick() -> None:
    assert [t.text for t in ticks(Window(293.15, 293.15), "C")] == ["20.0"]
    assert [t.text for t in ticks(Window(7, 7), "counts")] == ["7"]


@pytest.mark.parametrize("height", [150, 600, 1024])
@pytest.mark.parametrize("window", [Window(250, 2500), Window(300, 300), None])
def test_panels_have_the_height_asked_for(height: int, window: Window | None) -> None:
    scale = Scale(palette_table("inferno"), "C", window, 250, 2600)
    panel = colour_bar(scale, height=height, font=FONT)
    assert panel.shape[0] == height
    assert panel.dtype == np.uint8
    assert 60 < panel.shape[1] < 200
    assert (panel[:, -1] < 40).all()  # text ends before the edge


def test_the_bar_runs_from_the_first_colour_to_the_last() -> None:
    table = palette_table("viridis")
    panel = colour_bar(Scale(table, "K", Window(1, 2), 1, 2), height=400, font=FONT)
    at = [np.flatnonzero((panel == table[i]).all(axis=-1).any(axis=1)) for i in (255, 128, 0)]
    assert at[0].max() < at[1].min() <= at[1].max() < at[2].min()
    assert abs(at[1].mean() - (at[0].min() + at[2].max()) / 2) < 4


def test_arrows_say_that_the_frame_goes_beyond() -> None:
    table, window = palette_table("white_hot"), Window(300, 310)
    inside = colour_bar(Scale(table, "K", window, 300, 310), height=300, font=FONT)
    beyond = colour_bar(Scale(table, "K", window, 290, 320), height=300, font=FONT)
    rows = np.flatnonzero((inside != beyond).any(axis=(1, 2)))
    assert rows.min() < 60
    assert rows.max() > 240
    assert not ((rows > 60) & (rows < 240)).any()
