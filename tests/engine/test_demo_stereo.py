"""The stereo section of the demo report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thermoscope.core.sample import Sample
from thermoscope.engine.demo_stereo import stereo_parts, stereo_section
from thermoscope.models.thermostereort import thermostereort_tiny


def test_without_weights_the_section_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thermoscope.core.weights.BUNDLED", tmp_path)
    monkeypatch.delenv("THERMOSCOPE_WEIGHTS", raising=False)
    ((title, parts),) = stereo_section([])
    assert title == "Depth from two thermal cameras"
    assert "thermoscope train thermostereort --preset fast" in str(parts[0])


def test_a_pair_gives_pictures_and_a_latency(rng: np.random.Generator) -> None:
    view = rng.integers(3000, 4000, (1, 32, 48)).astype(np.uint16)
    pair: Sample = {
        "name": "pair",
        "counts": view,
        "counts_right": np.roll(view, -4, axis=2),
        "disparity": np.full((1, 32, 48), 4, np.float32),
        "valid": np.ones((1, 32, 48), bool),
        "K": np.array([[50.0, 0, 23.5], [0, 50, 15.5], [0, 0, 1]]),
        "baseline_m": 0.3,
    }
    parts = stereo_parts(thermostereort_tiny().eval(), pair, name="thermostereort_tiny")
    text = " ".join(map(str, parts))
    assert "matches a rectified pair of 48x32 px in" in text
    assert "the median error is" in text
    assert text.count("<img") == 4
