"""Crops and sizes, with intrinsics and disparity."""

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.core.sample import check_sample
from thermoscope.data.transforms import Margins, crop, resize


def sample():
    return {
        "counts": np.arange(48, dtype=np.uint16).reshape(1, 6, 8),
        "disparity": np.full((1, 6, 8), 4.0, np.float32),
        "valid": np.tile(np.arange(8) % 2 == 0, (1, 6, 1)),
        "labels": np.tile(np.arange(8), (1, 6, 1)),
        "taxonomy": "own",
        "rgb": np.zeros((3, 4, 4), np.float32),
        "K": np.array([[100.0, 0, 4], [0, 50, 3], [0, 0, 1]]),
        "K_rgb": np.eye(3),
    }


def test_crop_moves_the_principal_point_and_leaves_the_other_band():
    before = sample()
    after = crop(before, Margins(top=1, bottom=2, left=3, right=1), band="thermal")
    check_sample(after)
    np.testing.assert_array_equal(after["counts"], before["counts"][:, 1:4, 3:7])
    np.testing.assert_array_equal(after["K"][:2, 2], [1.0, 2.0])
    assert float(after["disparity"].max()) == 4.0
    assert after["rgb"] is before["rgb"]
    assert before["K"][0, 2] == 4  # the input is untouched


def test_halving_scales_disparity_and_intrinsics():
    after = resize(sample(), (3, 4), band="thermal")
    check_sample(after)
    assert after["counts"].dtype == np.uint16
    assert int(after["counts"][0, 0, 0]) in (4, 5)  # mean of 0, 1, 8, 9
    assert np.unique(after["disparity"]).tolist() == [2.0]
    # pixel centres are whole numbers: column 4 of 8 lies at 4.5 / 2 - 0.5 = 1.75 of 4
    np.testing.assert_allclose(after["K"], [[50, 0, 1.75], [0, 25, 1.25], [0, 0, 1]])
    assert set(np.unique(after["labels"])) <= set(range(8))
    np.testing.assert_array_equal(after["labels"][0, 0], [1, 3, 5, 7])


def test_the_row_offset_follows_the_height():
    before = {**sample(), "row_offset_px": 4.0}
    assert resize(before, (3, 8), band="thermal")["row_offset_px"] == 2.0
    assert resize(before, (8, 8), band="rgb")["row_offset_px"] == 4.0


def test_colour_grows_alone():
    after = resize(sample(), (8, 8), band="rgb")
    assert (after["rgb"].shape, after["counts"].shape) == ((3, 8, 8), (1, 6, 8))
    np.testing.assert_allclose(after["K_rgb"], [[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
    assert resize(sample(), (6, 8), band="thermal")["counts"].shape == (1, 6, 8)


def test_impossible_windows():
    with pytest.raises(ConfigError, match="margins must not be negative"):
        Margins(left=-1)
    with pytest.raises(ShapeError, match="counts of 6 x 8 px has no pixel left within"):
        crop(sample(), Margins(top=3, bottom=3), band="thermal")
    with pytest.raises(ConfigError, match=r"size_px must be at least 1 x 1, got \(0, 5\)"):
        resize(sample(), (0, 5), band="rgb")
