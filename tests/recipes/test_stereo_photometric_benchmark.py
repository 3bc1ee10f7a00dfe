"""The table of photometric errors: the exact disparity among the methods, on the same pixels."""

import cv2
import numpy as np
import pytest
from benchmarks import stereo_photometric
from benchmarks.stereo_photometric import SGBM, TRUTH, scores
from tests.recipes.test_stereo_refinement_benchmark import TRUE_PX, Off

from thermoscope.engine.stereo_frames import StereoGroup

SIZE = (96, 192)


@pytest.fixture
def sample():
    """Texture seen twice, 12 px apart; the right half of the left view counts as hidden."""
    noise = np.random.default_rng(0).normal(size=SIZE).astype(np.float32)
    right = 22_000 + 800 * cv2.GaussianBlur(noise, (0, 0), 1.5)
    columns, rows = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in SIZE[::-1]))
    left = cv2.remap(right, columns - TRUE_PX, rows, cv2.INTER_LINEAR, None, cv2.BORDER_REFLECT)
    occluded = np.zeros((1, *SIZE), bool)
    occluded[..., SIZE[1] // 2 :] = True
    return {
        "counts": left.astype(np.uint16)[None],
        "counts_right": right.astype(np.uint16)[None],
        "disparity": np.full((1, *SIZE), TRUE_PX, np.float32),
        "valid": np.ones((1, *SIZE), bool),
        "occluded": occluded,
        "name": "one",
    }


def test_exact_disparity_fits_and_a_wrong_one_does_not(sample):
    found = scores(sample, {SGBM: stereo_photometric.Sgbm(), "off": Off(3)})
    assert list(found) == [TRUTH, SGBM, "off"]
    assert found[TRUTH][0] < 0.05 < 0.5 < found["off"][0]
    np.testing.assert_array_equal(found[TRUTH][2:], 0)
    np.testing.assert_allclose(found["off"][2:], 3, rtol=1e-5)
    assert found[SGBM][3] < 0.1


def test_hidden_pixels_count_in_one_column_only(sample):
    wrong = sample["disparity"].copy()
    wrong[sample["occluded"]] += 4
    found = scores({**sample, "disparity": wrong}, {SGBM: stereo_photometric.Sgbm()})
    fit, fit_seen, _, epe_seen = found[TRUTH]
    assert fit > 5 * fit_seen
    assert found[SGBM][2] > 10 * found[SGBM][3]
    assert epe_seen == 0


def test_the_table_has_a_line_for_each_place_and_method(sample, monkeypatch, capsys):
    places = stereo_photometric.ENVIRONMENTS
    groups = [StereoGroup(f"{place}/day", [sample]) for place in places]
    monkeypatch.setattr(stereo_photometric, "scene_groups", lambda **_: groups)
    monkeypatch.setattr(stereo_photometric, "load_model", lambda _: Off(3))
    assert stereo_photometric.main(["--models", "off"]) == 0
    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines()][2:]
    assert [line[:2] for line in lines] == [
        [f"| {place}", name] for place in (*places, "mean") for name in (TRUTH, SGBM, "off")
    ]
    assert lines[-1][4:] == ["3.000", "3.000 |"]
