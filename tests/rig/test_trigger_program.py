"""The trigger's program, as the board would run it."""

from __future__ import annotations

import importlib.util
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def trigger() -> ModuleType:
    spec = importlib.util.spec_from_file_location("trigger", ROOT / "docs" / "rig" / "trigger.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Pin:
    level = 1

    def value(self) -> int:
        return self.level


def test_thirty_pulses_are_one_second_to_the_tick(trigger: ModuleType) -> None:
    periods = [
        high + low + trigger.OVERHEAD_TICKS
        for high, low in islice(trigger.pulses(lambda: trigger.START), 300)
    ]

    assert sum(periods[:30]) == 1_000_000
    assert sum(periods) == 10_000_000
    assert set(periods) == {33_333, 33_334}


def test_markers_are_in_the_width_only(trigger: ModuleType) -> None:
    pin, clock = Pin(), [0]
    button = trigger.Button(pin, lambda: clock[0])
    train = trigger.pulses(button.marker)
    highs = [high for high, _ in islice(train, 20)]
    assert highs == [4000 if bit else 1000 for bit in trigger.START] + [1000] * 7

    clock[0], pin.level = 1000, 0
    highs = [high for high, _ in islice(train, 1)]
    pin.level = 1
    highs += [high for high, _ in islice(train, 19)]
    assert highs == [4000 if bit else 1000 for bit in trigger.STOP] + [1000] * 7


def test_a_bouncing_button_is_one_press(trigger: ModuleType) -> None:
    pin, clock = Pin(), [1000]
    button = trigger.Button(pin, lambda: clock[0])
    button.marker()
    seen = []
    for clock[0], pin.level in ((2000, 0), (2010, 1), (2020, 0), (2033, 1), (2600, 1)):
        seen.append(bool(button.marker()))

    assert seen == [True, False, False, False, False]


def test_rules_name_the_cameras_that_the_drivers_look_for() -> None:
    from thermoscope.rig import boson, lepton

    rules = (ROOT / "docs" / "rig" / "70-thermoscope.rules").read_text()

    for driver in (boson, lepton):
        assert f'ATTRS{{idVendor}}=="{driver.VENDOR:04x}"' in rules
        assert f'ATTRS{{idProduct}}=="{driver.PRODUCT:04x}"' in rules
