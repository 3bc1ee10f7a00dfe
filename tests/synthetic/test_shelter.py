"""What hides the sky, and where shadows were."""

import numpy as np
import pytest
from tests.synthetic.shading_world import weather, yard

from thermoscope.synthetic.past_shadow import BINS, PastShadow
from thermoscope.synthetic.shelter import Shelter, shelter_of
from thermoscope.synthetic.sunshine import past_sunshine


def at(*points):
    return tuple(np.ascontiguousarray(np.array(points, np.float32).T))


@pytest.fixture(scope="module")
def shelter():
    return Shelter(yard())


def test_an_open_place_sees_the_whole_sky(shelter):
    assert shelter.hidden(at((-25.0, -20.0, 0.0)))[0] < 0.02


def test_beside_a_wall_some_sky_is_hidden_and_on_the_roof_none(shelter):
    beside, away, on_roof = shelter.hidden(
        at((-8.0, 19.7, 0.0), (-8.0, 13.0, 0.0), (-8.0, 22.0, 8.0))
    )
    assert beside > 0.12
    assert away < 0.5 * beside
    assert on_roof < 0.4 * beside


def test_under_a_car_it_is_dark(shelter):
    under = shelter.hidden(at((3.0, 9.0, 0.05)))[0]
    assert under > 0.5


def test_it_never_hides_everything(shelter):
    places = np.random.default_rng(0).uniform(-35, 35, (500, 3)).astype(np.float32)
    places[:, 2] = np.abs(places[:, 2]) / 5
    hidden = shelter.hidden(tuple(np.ascontiguousarray(places.T)))
    assert hidden.min() >= 0
    assert hidden.max() <= 0.95


def test_heights_over_the_ground(shelter):
    over = shelter.over_ground(at((0.0, -10.0, 0.0), (0.0, -10.0, 1.5)))
    np.testing.assert_allclose(over, [0.0, 1.5], atol=0.05)
    column, row = (round(float(v[0])) for v in shelter.cells(at((3.0, 9.0, 0.0))))
    hood = shelter.heights[row - 2 : row + 3, column - 2 : column + 3]
    assert hood[..., 0].min() == pytest.approx(0.5, abs=0.1)  # its underside
    assert hood[..., 1].max() == pytest.approx(1.2, abs=0.05)


def test_indoors_the_ceiling_does_not_count():
    room = Shelter(yard(indoor=True))
    assert room.hidden(at((9.5, 13.5, 0.0)))[0] < 0.05  # the crown hangs 2.5 m up
    assert room.hidden(at((3.0, 9.0, 0.05)))[0] > 0.3


def test_it_is_made_once_for_a_scene():
    scene = yard()
    assert shelter_of(scene) is shelter_of(scene)
    assert shelter_of(scene) is not shelter_of(yard())


# -- shadows of the past -------------------------------------------------------------------------


def test_in_the_evening_the_ground_east_of_a_house_was_sunny_at_noon_and_is_in_shadow_now():
    conditions = weather(17.0)
    scene = yard(conditions)
    shadows = PastShadow(Shelter(scene), past_sunshine(conditions))
    light, weight = shadows.light(at((14.5, 22.0, 0.0), (-25.0, -20.0, 0.0)))
    assert light.shape == (2, len(BINS))
    assert light[0, 0] < 0.5  # the sun stands west, the house 12 m wide is between
    assert light[0, -1] > light[0, 0] + 0.3  # hours ago it stood south
    assert light[1].min() > 0.9
    np.testing.assert_allclose(weight, 1.0, atol=0.05)


def test_high_places_do_not_count_as_ground():
    scene = yard()
    shadows = PastShadow(Shelter(scene), past_sunshine(scene.conditions))
    _, weight = shadows.light(at((0.0, -10.0, 0.6), (0.0, -10.0, 3.0)))
    assert weight[0] == pytest.approx(0.5, abs=0.05)
    assert weight[1] == 0
