import re

import numpy as np

from thermoscope.engine.histogram import histogram_svg
from thermoscope.sensor.window import Window


def bars(svg: str) -> list[tuple[float, float]]:
    """(left, height) of each bar, drawing units."""
    path = re.search(r'class="bar" d="([^"]*)"', svg)
    found = re.findall(r"M([\d.]+) 118v-([\d.]+)", path[1])
    return [(float(x), float(height)) for x, height in found]


def labels(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_two_values_give_two_bars_in_proportion():
    values = np.repeat(np.array([300.0, 310.0], np.float32), (3000, 1500)).reshape(45, 100)
    svg = histogram_svg(values, unit="C", window=None)
    (left, tall), (right, short) = bars(svg)
    assert tall == 118.0
    assert short == 59.0
    assert 0 < left < 20 < 600 < right < 640
    assert {"28", "30", "36"} <= set(labels(svg))  # 26.85 to 36.85 degrees Celsius
    assert labels(svg)[-1] == "°C"


def test_whole_numbers_have_no_comb():
    values = np.arange(3000, 3400, dtype=np.uint16).repeat(3).reshape(30, 40)
    svg = histogram_svg(values, unit="counts", window=None)
    heights = {height for _, height in bars(svg)[1:-1]}
    assert heights == {118.0}  # every count occurs equally often


def test_an_outlier_does_not_squeeze_the_rest_and_is_admitted():
    values = np.random.default_rng(0).normal(300, 1, (100, 100)).astype(np.float32)
    values[0, 0] = 5000
    svg = histogram_svg(values, unit="K", window=None)
    assert len(bars(svg)) > 100
    share = re.search(r"([\d.]+)% of the pixels lie outside", svg)
    assert 0.01 <= float(share[1]) <= 0.2


def test_the_palette_lies_below_its_values():
    values = np.tile(np.arange(1000, 1160, dtype=np.uint16), (20, 1))
    svg = histogram_svg(values, unit="counts", window=Window(1050, 1100), palette="white_hot")
    fills = re.findall(r'fill="#([0-9a-f]{6})"', svg)
    assert len(fills) == 160
    assert fills[0] == fills[40] == "000000"
    assert fills[-1] == fills[110] == "ffffff"
    assert int(fills[74][:2], 16) in range(118, 138)  # 1075: half grey


def test_constant_and_empty_frames():
    svg = histogram_svg(np.full((5, 5), 300.0, np.float32), unit="K", window=Window(300, 300))
    assert len(bars(svg)) == 1
    assert "outside" not in svg
    assert histogram_svg(np.full((5, 5), np.nan), unit="K", window=None) == ""
    zero = histogram_svg(np.zeros((5, 5), np.uint16), unit="counts", window=None)
    assert bars(zero) == [(0.0, 118.0)]


def test_unknown_pixels_take_no_part():
    values = np.full((10, 10), 300.0, np.float32)
    values[:5] = np.nan
    values[0, 0] = np.inf
    assert len(bars(histogram_svg(values, unit="K", window=None))) == 1
