"""The endurance run, for a second: bad pairs are skipped in every pass, and memory stays."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from benchmarks.stereo_soak import BAD, PAIRS, Minute, Soak, network, reason_kind, soak, write_pairs

from thermoscope.models.thermostereort import thermostereort_tiny


def test_bad_pairs_are_skipped_in_every_pass_and_memory_stays(tmp_path: Path) -> None:
    left, right = write_pairs(tmp_path, (32, 48))
    assert len(list(left.iterdir())) == len(list(right.iterdir())) == PAIRS
    found = soak(thermostereort_tiny().eval(), left, right, seconds=1.0, length_s=0.3)
    assert found.passes >= 2
    assert found.skipped == dict.fromkeys(BAD.values(), found.passes)
    assert sum(m.matched for m in found.minutes) == (PAIRS - len(BAD)) * found.passes
    assert json.loads(json.dumps(asdict(found)))["passes"] == found.passes
    assert found.end_mb < 1.05 * found.first_pass_mb
    assert all(0 < m.median_ms <= m.p99_ms for m in found.minutes)


def test_problems_are_named() -> None:
    good = Soak(60.0, [Minute(median_ms=10), Minute(median_ms=14)], 100.0, 104.0)
    good.passes, good.skipped = 3, dict.fromkeys(BAD.values(), 3)
    assert good.problems() == []
    bad = Soak(60.0, [Minute(median_ms=10), Minute(median_ms=16)], 100.0, 106.0)
    bad.passes, bad.skipped = 3, {"black": 3}
    assert bad.problems() == [
        "memory grew by 6.0% after the first pass",
        "the median went from 10.0 to 16.0 ms",
        "skipped in 3 passes: {'black': 3}",
    ]


def test_a_strange_reason_stays_as_it_is(tmp_path: Path) -> None:
    assert reason_kind("left is black or blank: every pixel is 0") == "black"
    assert reason_kind("out of cheese") == "out of cheese"


@pytest.mark.parametrize("name", ["thermostereort_tiny"])
def test_random_weights_are_called_random(name: str, tmp_path: Path) -> None:
    model, trained = network(name, tmp_path)
    assert not trained
    assert not model.training
