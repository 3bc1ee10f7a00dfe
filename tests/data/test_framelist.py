"""Frame lists: which frames meet, none twice, forward in time, and every loss counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.data.framelist import (
    RULES,
    FrameList,
    FrameRule,
    frame_list,
)
from thermoscope.data.stamps import nearest_in_time, speed_mps

MS = 1_000_000
S = 1_000_000_000


def ms(*values: float) -> list[int]:
    return [round(v * MS) for v in values]


def pairs(found: FrameList) -> list[tuple[int, int]]:
    return list(zip(found.rgb.tolist(), found.thermal.tolist(), strict=True))


def test_nearest_pairs_and_reasons() -> None:
    found = frame_list(RULES["sthereo"], ms(0, 100, 200, 900), ms(30, 190, 215, 1500))
    assert pairs(found) == [(0, 0), (2, 1)]
    assert found.gap_s.tolist() == pytest.approx([0.030, -0.010])
    assert found.report.offered == 4
    assert found.report.dropped == {
        "with no thermal frame free within 0.1 s": 1,
        "whose thermal frame is nearer to another": 1,
    }
    assert found.report.gap_s[1.0] == pytest.approx(0.030)
    assert "2 of 4 kept" in str(found.report)


def test_the_gap_limit_is_inclusive() -> None:
    rule = FrameRule("nearest", max_gap_s=0.1)
    assert len(frame_list(rule, ms(0), ms(100))) == 1
    assert len(frame_list(rule, ms(0), [100 * MS + 1])) == 0


def test_the_order_of_the_input_does_not_matter() -> None:
    rule = FrameRule("nearest", max_gap_s=0.1)
    found = frame_list(rule, ms(200, 0), ms(10, 210))
    assert pairs(found) == [(1, 0), (0, 1)]


def test_repeated_stamps_count_once() -> None:
    found = frame_list(FrameRule("nearest", max_gap_s=0.1), ms(0, 0, 200), ms(0, 200, 200))
    assert pairs(found) == [(0, 0), (2, 1)]
    assert found.report.dropped == {"with a repeated stamp": 1}


def test_slots_take_the_closest_pair_of_each_second() -> None:
    """Ticks 0 s, 1 s, 2 s and 3 s; frames at 1.5 s serve one tick only."""
    rgb = ms(100, 600, 1500, 2900)
    thermal = ms(250, 610, 1505, 2600)
    found = frame_list(RULES["vivid"], rgb, thermal)
    assert pairs(found) == [(1, 1), (2, 2)]
    assert found.report.offered == 3
    assert found.report.dropped == {"slots with no pair within 0.2 s": 1}


def test_slots_report_holes() -> None:
    found = frame_list(RULES["vivid"], ms(0, 5000), ms(10, 5010))
    assert pairs(found) == [(0, 0), (1, 1)]
    assert found.report.dropped == {"slots with no free frames within reach": 4}


def test_slots_give_one_pair_a_second_from_fast_streams() -> None:
    rgb = np.arange(0, 60 * S, 33 * MS)
    thermal = np.arange(7 * MS, 60 * S, 100 * MS)
    found = frame_list(RULES["vivid"], rgb, thermal)
    assert len(found) in (60, 61)
    assert found.report.gap_s[1.0] <= 0.0165


def test_the_clock_starts_with_the_odometry() -> None:
    pose = ms(500, 700, 1500, 2500, 3500)
    rgb, thermal = ms(480, 1530, 2400, 3490), ms(510, 1480, 2710, 3505)
    found = frame_list(RULES["odombeyondvision"], rgb, thermal, pose_ns=pose)
    assert pairs(found) == [(0, 0), (1, 1), (3, 3)]
    assert found.pose.tolist() == [0, 2, 4]
    assert found.report.dropped == {"ticks with no thermal frame within 0.1 s": 1}
    assert found.report.pose_gap_s[1.0] == pytest.approx(0.030)


def test_the_clock_uses_no_frame_twice() -> None:
    rule = FrameRule("clock", max_gap_s=0.3, rate_hz=10.0)
    found = frame_list(rule, ms(0, 400), ms(0, 400), pose_ns=ms(0, 100, 200, 300, 400))
    assert pairs(found) == [(0, 0), (1, 1)]
    assert found.report.dropped["ticks that would use a frame again"] == 3


def test_pairs_without_a_pose_are_dropped() -> None:
    found = frame_list(RULES["sthereo"], ms(0, 2000), ms(10, 2010), pose_ns=ms(400))
    assert pairs(found) == [(0, 0)]
    assert found.pose.tolist() == [0]
    assert found.report.dropped == {"with no pose within 0.5 s": 1}


def test_standing_still_is_dropped() -> None:
    rule = FrameRule("nearest", max_gap_s=0.1, min_speed_mps=0.5)
    found = frame_list(
        rule, ms(0, 1000, 2000), ms(0, 1000, 2000), pose_ns=ms(0, 1000, 2000),
        pose_speed_mps=[0.5, 0.49, np.nan],
    )  # fmt: skip
    assert pairs(found) == [(0, 0)]
    assert found.report.dropped == {"slower than 0.5 m/s": 2}


def test_every_tenth_pair() -> None:
    stamps = np.arange(25) * 100 * MS
    found = frame_list(RULES["tartanrgbt"], stamps, stamps)
    assert found.rgb.tolist() == [0, 10, 20]
    assert found.report.dropped == {"between every 10. pair": 22}


def test_empty_streams_give_an_empty_list_with_nan_gaps() -> None:
    for rule in (RULES["vivid"], RULES["sthereo"]):
        found = frame_list(rule, np.empty(0, np.int64), ms(1))
        assert len(found) == 0
        assert np.isnan(found.report.gap_s[0.5])


stamps = st.lists(st.integers(0, 8_000), max_size=40)


@example(rgb=[0, 1], thermal=[0, 0, 0], mode="nearest")  # a stamp three times
@given(rgb=stamps, thermal=stamps, mode=st.sampled_from(["nearest", "slots", "clock"]))
def test_no_frame_twice_forward_in_time_nothing_lost(
    rgb: list[int], thermal: list[int], mode: str
) -> None:
    rule = FrameRule(mode, max_gap_s=0.2)  # type: ignore[arg-type]
    t, u = np.array(rgb, np.int64) * MS, np.array(thermal, np.int64) * MS
    found = frame_list(rule, t, u, pose_ns=np.arange(0, 8 * S, 100 * MS))
    assert np.all(np.diff(t[found.rgb]) > 0)
    assert np.all(np.diff(u[found.thermal]) > 0)
    assert np.all(np.abs(found.gap_s) <= 0.2)
    assert found.report.kept + sum(found.report.dropped.values()) == found.report.offered


def test_nearest_in_time_takes_the_earlier_of_two() -> None:
    assert nearest_in_time(ms(0, 200), ms(100), max_gap_s=1.0).tolist() == [0]
    assert nearest_in_time([], ms(100), max_gap_s=1.0).tolist() == [-1]


def test_speed_along_a_track() -> None:
    """3 m east and 4 m north in 2 s are 2.5 m/s."""
    found = speed_mps([[0, 0], [3, 4], [6, 8]], [0, 2 * S, 4 * S])
    assert found.tolist() == pytest.approx([2.5, 2.5, 2.5])
    assert np.isnan(speed_mps([[0, 0]], [0])).all()


def test_refusals() -> None:
    with pytest.raises(UnitError, match="rgb_ns must be integer nanoseconds, got float64"):
        frame_list(RULES["sthereo"], [0.5], ms(1))
    with pytest.raises(ShapeError, match=r"thermal_ns must be \(N,\), got \(1, 1\)"):
        frame_list(RULES["sthereo"], ms(1), [[1]])
    with pytest.raises(ConfigError, match="need poses. Give pose_ns"):
        frame_list(RULES["odombeyondvision"], ms(1), ms(1))
    slow = FrameRule(min_speed_mps=0.5)
    with pytest.raises(ConfigError, match="min_speed_mps 0.5 needs pose_ns and pose_speed_mps"):
        frame_list(slow, ms(1), ms(1), pose_ns=ms(1))
    with pytest.raises(ShapeError, match=r"pose_speed_mps must be \(1,\), as pose_ns, got \(2,\)"):
        frame_list(slow, ms(1), ms(1), pose_ns=ms(1), pose_speed_mps=[1.0, 2.0])
    with pytest.raises(ConfigError, match="t_ns must increase"):
        speed_mps([[0, 0], [1, 1]], [5, 5])
    with pytest.raises(ShapeError, match=r"position_m must be \(2, D\), got \(2,\)"):
        speed_mps([0, 1], [5, 6])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_gap_s": 0.0}, "max_gap_s"),
        ({"mode": "magic"}, "mode must be nearest, slots or clock, got 'magic'"),
        ({"every": 0}, "every must be 1 or more, got 0"),
        ({"min_speed_mps": -1.0}, "min_speed_mps must be 0 or more, got -1.0"),
    ],
)
def test_impossible_rules(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FrameRule(**settings)  # type: ignore[arg-type]
