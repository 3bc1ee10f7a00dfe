"""The bounded twin of benchmarks/fuzz_readers.py: 800 damaged files, each ends cleanly."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from types import FrameType

import numpy as np
import pytest
from benchmarks.fuzz_readers import CLEAN, judge, judged, read_ours
from benchmarks.fuzz_seeds import MUTATORS, make_seeds, mutant

from thermoscope.io.thermal_image import ThermalImage
from thermoscope.sensor.quality import Quality

FILES = 800
RANDOM_SEED = 2026
SEEDS = make_seeds(None)


class TookTooLong(BaseException):
    """Not an `Exception`: no reader may swallow it."""


@pytest.fixture
def five_seconds():
    def alarm(number: int, frame: FrameType | None) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, alarm)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_every_damaged_file_ends_in_our_error_or_a_flagged_image(
    tmp_path: Path, five_seconds: None
):
    outcomes: Counter[str] = Counter()
    bad = []
    for index in range(len(SEEDS), len(SEEDS) + FILES):
        case = mutant(SEEDS, RANDOM_SEED, index)
        signal.setitimer(signal.ITIMER_REAL, 5)
        outcome, detail = judge(read_ours, case, tmp_path)
        outcomes[outcome] += 1
        if outcome not in CLEAN:
            bad.append(f"{index}: {case.seed.family}, {case.how}: {outcome} {detail}")
    assert bad == []
    assert outcomes["error"] > FILES // 10  # the damage is real
    assert outcomes["valid"] + outcomes["valid+flags"] > FILES // 10  # and not total


def test_undamaged_seeds_are_images_and_odd_ones_are_not(tmp_path: Path, five_seconds: None):
    for index, seed in enumerate(SEEDS):
        signal.setitimer(signal.ITIMER_REAL, 5)
        outcome, detail = judge(read_ours, mutant(SEEDS, 0, index), tmp_path)
        expected = ("error",) if seed.family == "odd" else ("valid", "valid+flags")
        assert outcome in expected, f"{seed.family}: {seed.name}: {outcome} {detail}"


def test_a_mutant_can_be_made_again():
    one, two = (mutant(SEEDS, 7, 1234) for _ in range(2))
    assert one.data == two.data
    assert one.how == two.how
    assert mutant(SEEDS, 8, 1234).data != one.data


@pytest.mark.parametrize("change", MUTATORS, ids=lambda change: change.__name__)
def test_mutators_take_any_size(change):
    rng = np.random.default_rng(3)
    for size in (1, 2, 3, 600):
        for _ in range(20):
            change(bytearray(range(256)) * 3 if size == 600 else bytearray(size), rng)


def test_absurd_images_are_recognised():
    kelvin = np.full((10, 10), 300, np.float32)
    assert judged(ThermalImage(stored_kelvin=kelvin)) == "valid"
    kelvin[:2] = np.nan
    assert judged(ThermalImage(stored_kelvin=kelvin)) == "silent absurd"
    flags = frozenset({Quality.NON_FINITE})
    assert judged(ThermalImage(stored_kelvin=kelvin, quality=flags)) == "valid+flags"
    kelvin[:2] = 5000
    assert judged(ThermalImage(stored_kelvin=kelvin, quality=flags)) == "silent absurd"
