"""A second opinion on the real pair of MS2: a pole is whole, and the views fit better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.engine.stereo_real import judge_pair
from thermoscope.geometry.disparity_refinement import refine_disparity
from thermoscope.io.read import read
from thermoscope.models.load import load_model

POLE = (slice(20, 120), slice(426, 438))  # a lamp post beside the road


@pytest.mark.real
def test_a_pole_of_the_real_pair_is_found(real_data: Path) -> None:
    left, right = (
        np.asarray(read(real_data / f"stereo/ms2/{side}/000011_thr.png").counts, np.float32)
        for side in ("left", "right")
    )
    plain, asked = load_model("thermostereort_fast"), load_model("thermostereort_fast")
    asked.second_opinion = True
    methods = {"sgbm": Sgbm(), "plain": plain, "asked": asked}
    judged = {j.method: j for j in judge_pair(methods, left, right, baseline="sgbm")}
    assert judged["asked"].photometric < 0.97 * judged["plain"].photometric
    assert judged["asked"].consistent > judged["sgbm"].consistent
    given = plain.predict(left, right).disparity
    moved = refine_disparity(left, right, given, second_opinion=True)
    assert np.abs(moved - given).max() < 12
    assert moved[POLE].mean() > given[POLE].mean() + 0.5
