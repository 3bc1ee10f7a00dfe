"""Every frame comes back bit for bit, and damage never comes back as a frame."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from thermoscope.core.errors import ReadError, ShapeError
from thermoscope.io.delta_codec import DeltaCoder, decode_delta


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint16, (7, 9)))
def test_any_frame_comes_back(counts):
    np.testing.assert_array_equal(decode_delta(DeltaCoder().encode(counts)), counts)


def test_extremes_and_a_smooth_frame():
    wrap = np.array([[0, 65_535, 0, 32_768], [65_535, 0, 1, 65_534]], np.uint16)
    np.testing.assert_array_equal(decode_delta(DeltaCoder().encode(wrap)), wrap)
    noise = np.random.default_rng(0).normal(0, 3, (128, 160))
    smooth = (20_000 + np.arange(160) + noise).astype(np.uint16)
    assert smooth.nbytes / len(DeltaCoder().encode(smooth)) > 2.5


def test_damage_is_told():
    data = DeltaCoder().encode(np.arange(600, dtype=np.uint16).reshape(20, 30))
    for broken in (b"", data[:10], data[:-3], b"XXXX" + data[4:], data[:12] + b"\0" + data[13:]):
        with pytest.raises(ReadError, match="frame"):
            decode_delta(broken)
    with pytest.raises(ShapeError, match=r"must be \(H, W\) uint16, got \(2, 2\) float64"):
        DeltaCoder().encode(np.zeros((2, 2)))
