"""Agreement of the two bands of a segmenter whose answers are known."""

import math

import numpy as np
import pytest
from tests.fakes.colour_segmenter import HotOrRed

from thermoscope.core.errors import ConfigError
from thermoscope.data.base import Item, Listed
from thermoscope.engine.evaluate_agreement import evaluate_agreement


class BothPeople(HotOrRed):
    """Red is a person too, so that the two bands can agree."""

    def predict(self, rgb, thermal, **options):
        found = super().predict(rgb, thermal, **options)
        found.labels[found.labels == 1] = 2
        return found


def view(red, hot):
    """10 x 10; so many columns are red, and so many hot, both from the left."""
    rgb = np.zeros((3, 10, 10), np.float32)
    rgb[0, :, :red] = 1.0
    agc = np.zeros((1, 10, 10), np.uint8)
    agc[:, :, :hot] = 200
    return {"rgb": rgb, "agc": agc}


def data(*views):
    items = tuple(Item(str(i), index=i, time_of_day=time) for i, (time, _) in enumerate(views))
    return Listed("toy", "val", items, lambda item: dict(views[item.index][1]))


def test_kappa_by_hand_and_by_time_of_day():
    found = evaluate_agreement(BothPeople(), data(("day", view(5, 5)), ("night", view(2, 4))))
    rows = {row.time: row for row in found.rows}
    assert rows["day"].kappa == rows["day"].same == 1
    assert math.isnan(rows["day"].kappa_foreground)  # only one class is left, always the same
    night = rows["night"]
    # 20 both person, 20 thermal only, 60 neither: 0.8 agreed, chance 0.2 * 0.4 + 0.8 * 0.6
    assert night.same == pytest.approx(0.8)
    assert night.kappa == pytest.approx((0.8 - 0.56) / 0.44)
    # Of the 40 that either calls something: half agreed, chance 0.5 * 1 + 0.5 * 0
    assert night.kappa_foreground == pytest.approx(0)
    assert (night.colour_foreground, night.thermal_foreground) == pytest.approx((0.2, 0.4))
    assert rows["all"].frames == 2
    assert found.to_dict()["rows"][0]["time"] == "all"


def test_a_frame_without_a_band_is_reported():
    lone = view(1, 1)
    del lone["rgb"]
    seen = []
    found = evaluate_agreement(BothPeople(), data(("", lone)), progress=seen.append)
    assert seen == ["toy/0"]
    assert "there is no rgb picture" in found.failed[0][1]
    assert math.isnan(found.rows[0].kappa)
    assert len(found.rows) == 1


def test_a_model_of_one_band_is_refused():
    class Thermal(HotOrRed):
        inputs = ("thermal",)

    with pytest.raises(ConfigError, match="takes thermal; agreement needs one that answers"):
        evaluate_agreement(Thermal(), data(("", view(1, 1))))
