"""Sun of the last two days, and how surfaces forget it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.synthetic.shading_world import weather

from thermoscope.synthetic.conditions import sun_direction
from thermoscope.synthetic.sunshine import EDGES_H, past_sunshine, step_response, sun_strength

inertias = st.floats(50, 5000)
exchanges = st.floats(5, 60)


def one(inertia, exchange, hours):
    return float(step_response(np.array([inertia]), np.array([exchange]), hours)[0])


# -- the answer to a step ------------------------------------------------------------------------


def test_the_step_response_solves_the_heat_equation():
    """Against a finite-difference half-space with radiation at its surface."""
    conductivity, capacity, exchange = 1.2, 2.0e6, 15.0
    inertia = np.sqrt(conductivity * capacity)
    step_m, step_s = 0.004, 4.0
    rod = np.zeros(220)
    for _ in range(int(2 * 3600 / step_s)):
        flow = conductivity * np.diff(rod) / step_m
        surface = 1.0 - exchange * rod[0] + flow[0]
        rod[1:-1] += step_s / capacity * np.diff(flow) / step_m
        rod[0] += step_s / capacity * surface / (step_m / 2)
    assert one(inertia, exchange, 2.0) == pytest.approx(rod[0], rel=0.01)


@given(inertias, exchanges)
def test_it_starts_at_nothing_and_tends_to_the_balance(inertia, exchange):
    assert one(inertia, exchange, 0.0) == pytest.approx(0.0, abs=1e-6)
    assert one(inertia, exchange, 1e7) == pytest.approx(1 / exchange, rel=0.02)


@given(inertias, exchanges, st.floats(0.01, 20), st.floats(0.01, 20))
def test_it_only_grows(inertia, exchange, early, longer):
    assert one(inertia, exchange, early + longer) >= one(inertia, exchange, early)


def test_thin_sheets_answer_at_once_and_stone_slowly():
    assert one(150, 15, 0.3) * 15 > 0.8
    assert one(2000, 15, 0.3) * 15 < 0.3


# -- the sun's past ------------------------------------------------------------------------------


@pytest.mark.parametrize("hour", [9.0, 12.0, 15.0, 20.0])
@pytest.mark.parametrize("day", [196, 15])
def test_the_sky_is_turned_back_to_where_the_sun_stood(hour, day):
    sunshine = past_sunshine(weather(hour, day=day, latitude_deg=48.0))
    for j in (1, 3, 5):
        ago = (EDGES_H[j] + EDGES_H[j + 1]) / 2
        true = sun_direction((hour - ago) % 24, day_of_year=day, latitude_deg=48.0)
        np.testing.assert_allclose(sunshine.direction[j], true, atol=0.03)


def test_noon_light_is_that_of_a_clear_day():
    sunshine = past_sunshine(weather(12.0))
    assert 850 < sunshine.direct[0] < 1000
    assert 80 < sunshine.diffuse[0] < 200


def test_at_midnight_there_is_none_now_and_some_hours_ago():
    sunshine = past_sunshine(weather(23.5))
    assert sunshine.direct[0] == 0
    assert sunshine.direct[5:8].max() > 200


@given(st.floats(0, 1), st.floats(0, 1))
def test_clouds_only_take_direct_light_away(less, more):
    thin, thick = sorted((less, more))
    clear, dull = (past_sunshine(weather(12.0, cloud=c)) for c in (thin, thick))
    assert dull.direct[0] <= clear.direct[0] + 1e-9
    assert dull.diffuse[0] >= clear.diffuse[0] - 1e-9


def test_strength_is_a_share_of_the_solar_constant():
    assert 0.6 < sun_strength(weather(12.0)) < 0.75
    assert sun_strength(weather(0.5)) == 0.0
    assert sun_strength(weather(12.0, cloud=1.0)) < 0.05
