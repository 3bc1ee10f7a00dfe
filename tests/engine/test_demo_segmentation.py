"""The demo's section on pairs, with a segmenter whose answers are known."""

import numpy as np
from tests.fakes.colour_segmenter import HotOrRed

from thermoscope.core.weights import list_weights
from thermoscope.engine.demo_segmentation import NAME, pair_parts, pair_section


def test_a_view_is_shown_from_both_and_from_either_alone():
    rgb = np.zeros((3, 20, 30), np.float32)
    rgb[0, :, :10] = 1.0
    agc = np.zeros((1, 20, 30), np.uint8)
    agc[:, :, 20:] = 200
    labels = np.zeros((1, 20, 30), np.int64)
    labels[..., :10], labels[..., 20:] = 1, 2
    sample = {"name": "v", "rgb": rgb, "agc": agc, "labels": labels, "taxonomy": "toy"}
    parts = pair_parts(HotOrRed(), sample, name="hot_or_red")
    page = "".join(part.markup for part in parts)
    assert page.count("<img") == 5
    assert "<td>both</td><td>1.00</td><td>1.00</td>" in page
    assert "<td>colour alone</td><td>0.50</td><td>0.67</td>" in page  # (1/2 + 1 + 0) / 3
    assert "hot_or_red reads" in page


def test_without_weights_it_says_how_to_make_them(monkeypatch):
    if NAME in list_weights():
        monkeypatch.setattr("thermoscope.engine.demo_segmentation.NAME", "none_such")
    ((title, parts),) = pair_section([])
    assert "night" in title
    assert "thermoscope train sartm --preset fine" in parts[0].markup
