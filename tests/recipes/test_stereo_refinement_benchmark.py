"""The table of refinements: each row is the way it says, over the same answers."""

import cv2
import numpy as np
import pytest
from benchmarks import stereo_refinement
from benchmarks.stereo_refinement import WAYS, Refined, rematched

from thermoscope.engine.stereo_frames import StereoGroup
from thermoscope.models.stereo_result import StereoResult

SIZE = (96, 160)
TRUE_PX = 12.0


def views():
    """Texture seen twice, 12 px apart."""
    noise = np.random.default_rng(0).normal(size=SIZE).astype(np.float32)
    right = 22_000 + 400 * cv2.GaussianBlur(noise, (0, 0), 1.5)
    columns, rows = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in SIZE[::-1]))
    return cv2.remap(right, columns - TRUE_PX, rows, cv2.INTER_LINEAR), right


class Off:
    """A network that is wrong by some pixels everywhere."""

    refine = True

    def __init__(self, by_px):
        self.by_px = by_px

    def predict(self, left, right):
        plane = np.full(left.shape, TRUE_PX + self.by_px, np.float32)
        return StereoResult(plane, np.ones_like(plane), np.ones(plane.shape, bool))


@pytest.mark.parametrize("by_px", [-5, 5])
def test_the_disparity_is_found_anew_around_the_answer(by_px):
    left, right = views()
    found = rematched(left, right, Off(by_px).predict(left, right).disparity)
    inside = (slice(None), slice(40, -20))
    assert np.abs(found - TRUE_PX)[inside].mean() < 0.3


def test_what_lies_further_away_is_not_found():
    left, right = views()
    found = rematched(left, right, Off(20).predict(left, right).disparity)
    assert np.median(np.abs(found - TRUE_PX)) > 8


def test_every_way_but_the_first_moves_the_answer_and_nothing_else():
    pair = views()
    given = Off(0.6).predict(*pair)
    for name, way in WAYS.items():
        found = Refined(Off(0.6), way).predict(*pair)
        assert np.array_equal(found.disparity, given.disparity) == (name == "the network alone")
        np.testing.assert_array_equal(found.confidence, given.confidence)
        assert found.disparity.dtype == np.float32


def test_the_table_has_a_line_for_each_way(monkeypatch, capsys):
    left, right = views()
    sample = {
        "counts": left.astype(np.uint16)[None],
        "counts_right": right.astype(np.uint16)[None],
        "disparity": np.full((1, *SIZE), TRUE_PX, np.float32),
        "valid": np.ones((1, *SIZE), bool),
        "name": "one",
    }
    groups = [StereoGroup(f"{name}/day", [sample]) for name in stereo_refinement.ENVIRONMENTS]
    monkeypatch.setattr(stereo_refinement, "scene_groups", lambda **_: groups)
    monkeypatch.setattr(stereo_refinement, "load_model", lambda _, folder: Off(0.6))
    monkeypatch.setattr(stereo_refinement, "real_pair", lambda: (left, right))
    assert stereo_refinement.main([]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == ["refinement", *WAYS]
    alone, compared = (float(line.split(" | ")[1]) for line in lines[1:3])
    assert alone == pytest.approx(0.6)
    assert compared < 0.3
    monkeypatch.setattr(stereo_refinement, "real_pair", lambda: None)
    assert stereo_refinement.main([]) == 0
    assert "| - | - |" in capsys.readouterr().out
