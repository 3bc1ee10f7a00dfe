"""The course of a simulated camera, for any plan."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoscope.rig.camera import FfcState
from thermoscope.rig.simulated_plan import Faults, Outage, RigPlan, default_cameras
from thermoscope.rig.simulated_timeline import Planned, injected_faults, timeline

CAMERAS = default_cameras(2, 1)
rates = st.sampled_from([0.0, 0.02, 0.3])
plans = st.builds(
    RigPlan,
    st.just(CAMERAS),
    st.builds(
        Faults,
        drop_rate=rates,
        duplicate_rate=rates,
        freeze_rate=rates,
        ffc_every_s=st.none() | st.floats(1, 5),
        ffc_together=st.booleans(),
        unplugged=st.just(())
        | st.builds(lambda s: (Outage(s, 1, "thermal_left"),), st.floats(0, 8)),
        no_pulses=st.just(()) | st.builds(lambda s: (Outage(s, 0.8),), st.floats(0, 8)),
    ),
    seed=st.integers(0, 1000),
    duration_s=st.just(10.0),
)


def course(plan: RigPlan, index: int = 0) -> list[Planned]:
    return list(timeline(plan, plan.cameras[index]))


@settings(max_examples=12)
@given(plans)
def test_time_goes_forward(plan: RigPlan) -> None:
    planned = course(plan)

    assert len(planned) == 300
    assert [p.pulse for p in planned] == list(range(300))
    for a, b in pairwise(planned):
        assert b.arrival_ns > a.arrival_ns
        assert b.arrival_ns >= b.kernel_ns > b.exposure_ns
        if "absent" not in (a.fate, b.fate):
            assert b.counter == a.counter + 1
            assert 32 <= b.clock_ms - a.clock_ms <= 35
        assert b.picture <= b.pulse


@settings(max_examples=12)
@given(plans)
def test_faults_account_for_every_pulse(plan: RigPlan) -> None:
    planned = course(plan)
    faults = injected_faults(plan, plan.cameras[0])
    frames = {kind: sum(f.frames for f in faults if f.kind == kind) for kind in
              ("drop", "freeze", "ffc", "unplugged", "reboot", "duplicate")}  # fmt: skip
    fates = [p.fate for p in planned]

    assert frames["drop"] == fates.count("dropped")
    assert frames["unplugged"] + frames["reboot"] == fates.count("absent") + fates.count("silent")
    assert frames["ffc"] == sum(p.fate == "frame" and p.ffc is FfcState.RUNNING for p in planned)
    assert frames["duplicate"] == sum(
        p.fate == "frame" and p.copies == 2 and p.picture == p.pulse for p in planned
    )


@settings(max_examples=6)
@given(plans)
def test_same_plan_same_course(plan: RigPlan) -> None:
    assert course(plan) == course(plan)
    other = replace(plan, seed=plan.seed + 1)
    assert [p.arrival_ns for p in course(plan)] != [p.arrival_ns for p in course(other)]


def test_a_clean_plan_is_clean() -> None:
    plan = RigPlan(CAMERAS, duration_s=10)

    assert [injected_faults(plan, camera) for camera in CAMERAS] == [[], [], []]
    assert {p.fate for p in course(plan)} == {"frame"}
    assert all(p.picture == p.pulse for p in course(plan))


def test_an_unplugged_camera_boots_again() -> None:
    plan = RigPlan(CAMERAS, Faults(unplugged=(Outage(2, 1, "thermal_left"),)), duration_s=5)
    planned = course(plan)

    assert [p.fate for p in planned[59:91]] == ["frame", *["absent"] * 30, "frame"]
    assert (planned[59].counter, planned[90].counter, planned[91].counter) == (185, 0, 1)
    assert planned[90].clock_ms < 100
    assert [(f.kind, f.pulse, f.frames) for f in injected_faults(plan, CAMERAS[0])] == [
        ("unplugged", 60, 30)
    ]


def test_slaves_without_pulses_fall_silent_then_reboot() -> None:
    plan = RigPlan(CAMERAS, Faults(no_pulses=(Outage(2, 1),)), duration_s=10)
    thermal, colour = course(plan), course(plan, 2)

    fates = [p.fate for p in thermal]
    assert (fates.count("silent"), fates.count("absent")) == (15, 15 + 90)  # half a second, reboot
    assert fates[59:62] == ["frame", "silent", "silent"]
    assert {p.fate for p in colour} == {"frame"}  # the master of the pulse


def test_a_short_pause_is_no_reboot() -> None:
    plan = RigPlan(CAMERAS, Faults(no_pulses=(Outage(2, 0.2),)), duration_s=5)

    assert {p.fate for p in course(plan)} == {"frame", "silent"}


def test_a_commanded_correction() -> None:
    plan, asked = RigPlan(CAMERAS, duration_s=2), iter([False] * 10 + [True] + [False] * 100)
    planned = list(timeline(plan, CAMERAS[0], ffc_asked=lambda: next(asked)))

    assert [p.pulse for p in planned if p.ffc is FfcState.RUNNING] == list(range(10, 22))
    assert planned[30].last_ffc == planned[10].counter
    assert (planned[9].offset_counts, planned[21].offset_counts, planned[22].offset_counts) == (
        0, 0, 7,
    )  # fmt: skip
    assert {p.picture for p in planned[10:22]} == {9}


@pytest.mark.parametrize("rate", [0.02, 0.2])
def test_rates_are_kept(rate: float) -> None:
    plan = RigPlan(CAMERAS, Faults(drop_rate=rate, duplicate_rate=rate), duration_s=100)
    kinds = [f.kind for f in injected_faults(plan, CAMERAS[0])]

    assert kinds.count("drop") / 3000 == pytest.approx(rate, rel=0.3)
    assert kinds.count("duplicate") / 3000 == pytest.approx(rate * (1 - rate), rel=0.3)
