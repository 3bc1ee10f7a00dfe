"""Shutter events: freezes, flat frames, steps; duplicates, drops and jumps told apart."""

from __future__ import annotations

import math
import tracemalloc
from dataclasses import dataclass, field

import numpy as np
import pytest
from tests.sensor import odd_frames as odd

from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.sensor.ffc import FfcDetector, FfcEvent, detect_ffc

H, W = 24, 32
PERIOD_NS = 111_111_111  # 9 Hz


@dataclass
class Recording:
    """A camera that pans, drifts and corrects itself, on a bus that drops and repeats."""

    frames: list[np.ndarray] = field(default_factory=list)
    t_ns: list[int] = field(default_factory=list)
    events: list[tuple[int, int, float]] = field(default_factory=list)  # start, stop, step
    repeated: int = 0
    dropped: int = 0


def recording(seed: int, *, frames: int, events: int, drops: float = 0.02) -> Recording:
    rng = np.random.default_rng(seed)
    world = odd.scene(seed, height=H, width=4 * W, noise=0)
    made, now, offset, place, wait = Recording(), 10**15, 0.0, 0.0, 20

    def send(frame: np.ndarray) -> None:
        nonlocal now
        now += PERIOD_NS
        if rng.random() < drops and len(made.frames) > 10:
            made.dropped += 1
            return
        made.frames.append(frame)
        made.t_ns.append(now + int(rng.normal(0, 2e5)))

    while len(made.frames) < frames:
        offset += rng.normal(0, 0.3)
        place = (place + 0.3 * rng.random()) % (3 * W)
        live = world[:, int(place) : int(place) + W] + offset
        send(np.rint(live + rng.normal(0, 3, (H, W))).astype(np.uint16))
        if rng.random() < 0.01:
            send(made.frames[-1].copy())
            made.repeated += 1
        wait -= 1
        if wait > 0 or len(made.events) == events:
            continue
        start, last, flat = len(made.frames), made.frames[-1], rng.random() < 0.25
        for _ in range(math.ceil(rng.uniform(0.3, 3) * 9)):
            shutter = np.rint(3100 + offset + rng.normal(0, 3, (H, W))).astype(np.uint16)
            send(shutter if flat else last.copy())
        step = rng.choice([-1, 1]) * rng.uniform(5, 80)
        made.events.append((start, len(made.frames), step))
        offset, wait = offset + step, int(rng.integers(15, 48))
    return made


def hits(found: list[FfcEvent], true: list[tuple[int, int, float]]) -> list[FfcEvent | None]:
    """For each true event one found event that covers at least half of it."""
    return [
        next((e for e in found if 2 * (min(e.stop, b) - max(e.start, a)) >= b - a), None)
        for a, b, _ in true
    ]


def live(rng: np.random.Generator, count: int, *, level: float = 3000) -> list[np.ndarray]:
    scene = odd.scene(1, height=H, width=W, noise=0) - 3000 + level
    return [np.rint(scene + rng.normal(0, 3, scene.shape)).astype(np.uint16) for _ in range(count)]


# -- ten thousand frames -------------------------------------------------------------------------


@pytest.mark.parametrize("timed", [True, False])
def test_ten_thousand_frames(timed):
    made = recording(7, frames=10_000, events=200)
    assert len(made.events) == 200
    found = detect_ffc(made.frames, made.t_ns if timed else None)
    matched = hits(found, made.events)
    assert sum(m is not None for m in matched) / 200 >= 0.99
    false = [e for e in found if not any(e.start <= b and e.stop >= a for a, b, _ in made.events)]
    assert len(false) / 10_000 <= 0.001
    wrong = [
        abs(m.step_counts - step)
        for m, (_, _, step) in zip(matched, made.events, strict=True)
        if m is not None
    ]
    assert np.median(wrong) < 1.0  # counts; the scene drifts on meanwhile


def test_duplicates_and_drops_are_counted_and_are_no_events():
    made = recording(8, frames=3000, events=0)
    detector = FfcDetector()
    states = [detector.update(f, t) for f, t in zip(made.frames, made.t_ns, strict=True)]
    assert [s.event for s in states if s.event] == []
    assert not any(s.frozen for s in states)
    assert made.repeated > 20
    # a repeated frame whose original or copy was dropped leaves no trace
    assert 0.9 * made.repeated <= sum(s.duplicate for s in states) <= made.repeated
    assert made.dropped > 40
    assert sum(s.dropped for s in states) == made.dropped


def test_memory_does_not_grow_with_the_sequence():
    rng = np.random.default_rng(0)

    def endless(count: int):
        for _ in range(count):
            yield rng.integers(0, 65536, (64, 64)).astype(np.uint16)

    detect_ffc(endless(10))
    tracemalloc.start()
    detect_ffc(endless(400))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 64 * 64 * 2  # 400 frames would be ten times that


# -- single events -------------------------------------------------------------------------------


def test_a_freeze_is_where_it_is(rng):
    before, after = live(rng, 20), live(rng, 20, level=3040)
    events = detect_ffc([*before, *[before[-1]] * 5, *after])
    assert [(e.start, e.stop, e.kind) for e in events] == [(20, 25, "freeze")]
    assert events[0].step_counts == pytest.approx(40, abs=1)


def test_a_shutter_is_where_it_is(rng):
    flat = [rng.normal(3200, 3, (H, W)).astype(np.uint16) for _ in range(4)]
    events = detect_ffc([*live(rng, 20), *flat, *live(rng, 20, level=2970)])
    assert [(e.start, e.stop, e.kind) for e in events] == [(20, 24, "flat")]
    assert events[0].step_counts == pytest.approx(-30, abs=1)


def test_freeze_then_shutter_is_one_event(rng):
    before = live(rng, 20)
    flat = [rng.normal(3200, 3, (H, W)).astype(np.uint16) for _ in range(3)]
    events = detect_ffc([*before, *[before[-1]] * 3, *flat, *live(rng, 10)])
    assert [(e.start, e.stop, e.kind) for e in events] == [(20, 26, "flat")]


def test_a_bare_step_is_an_event_without_frames(rng):
    events = detect_ffc([*live(rng, 20), *live(rng, 20, level=3060)])
    assert [(e.start, e.stop, e.kind) for e in events] == [(20, 20, "step")]
    assert events[0].step_counts == pytest.approx(60, abs=1)


def test_something_hot_that_enters_is_no_event(rng):
    frames = live(rng, 40)
    for frame in frames[20:]:
        frame[:, : W // 2] += 500  # half of the picture
    assert detect_ffc(frames) == []


def test_a_scene_that_stays_flat_is_no_shutter(rng):
    wall = [rng.normal(3200, 3, (H, W)).astype(np.uint16) for _ in range(80)]
    assert detect_ffc([*live(rng, 20), *wall, *live(rng, 20)], max_frames=50) == []


def test_telemetry_that_counts_on_does_not_hide_a_freeze(rng):
    before = live(rng, 10)
    frozen = [before[-1].copy() for _ in range(6)]
    for index, frame in enumerate(frozen):
        frame[0] = 5000 + index
    events = detect_ffc([*before, *frozen, *live(rng, 5)])
    assert [(e.start, e.stop) for e in events] == [(10, 16)]


def test_a_lossy_freeze_is_found(rng):
    before = live(rng, 20)
    frozen = []
    for _ in range(6):
        frame = before[-1].copy()
        frame[rng.integers(0, H), rng.integers(0, W)] += 2  # what a codec does
        frozen.append(frame)
    events = detect_ffc([*before, *frozen, *live(rng, 5)])
    assert [(e.start, e.stop) for e in events] == [(20, 26)]


def test_the_end_of_the_sequence_closes_an_event(rng):
    before = live(rng, 10)
    (event,) = detect_ffc([*before, *[before[-1]] * 4])
    assert (event.start, event.stop) == (10, 14)
    assert math.isnan(event.step_counts)


def test_at_a_high_rate_time_separates_duplicates_from_freezes(rng):
    first, second, third = live(rng, 10), live(rng, 10), live(rng, 10)
    frames = [*first, *[first[-1]] * 4, *second, *[second[-1]] * 20, *third]
    t_ns = [round(i * 1e9 / 60) for i in range(len(frames))]
    assert [(e.start, e.stop) for e in detect_ffc(frames, t_ns)] == [(24, 44)]
    assert len(detect_ffc(frames)) == 2  # without times, four repeats are a freeze


def test_frames_since_ffc_counts_up(rng):
    before = live(rng, 8)
    detector = FfcDetector()
    states = [detector.update(f) for f in [*before, *[before[-1]] * 3, *live(rng, 3)]]
    assert [s.frames_since_ffc for s in states] == [None] * 9 + [0, 0, 1, 2, 3]
    assert [s.duplicate for s in states[8:11]] == [True, False, False]
    assert [s.frozen for s in states[8:11]] == [False, True, True]
    assert states[11].event == FfcEvent(8, 11, states[11].event.step_counts, "freeze")
    assert [s.index for s in states] == list(range(14))


def test_a_clock_that_jumps_is_said_and_drops_nothing(rng):
    detector = FfcDetector()
    t_ns = [i * PERIOD_NS for i in range(10)]
    t_ns += [5, 5 + PERIOD_NS, 5 + PERIOD_NS + 3600 * 10**9]
    states = [detector.update(f, t) for f, t in zip(live(rng, 13), t_ns, strict=True)]
    assert [s.index for s in states if s.clock_jump] == [10, 12]
    assert sum(s.dropped for s in states) == 0


# -- any frame -----------------------------------------------------------------------------------


def test_nothing_has_no_events(rng):
    assert detect_ffc([]) == []
    assert detect_ffc(np.zeros((0, 4, 4), np.uint16)) == []
    assert detect_ffc(live(rng, 1)) == []


@pytest.mark.parametrize("dtype", [np.uint8, ">u2", np.float32, np.float64, np.int32])
def test_every_element_type_is_taken(rng, dtype):
    before, after = live(rng, 20), live(rng, 10)
    frames = np.stack([*before, *[before[-1]] * 4, *after])
    if dtype == np.uint8:
        frames = (frames - frames.min()) // 4
    events = detect_ffc(frames.astype(dtype))
    assert [(e.start, e.stop) for e in events] == [(20, 24)]


def test_unknown_pixels_are_left_out(rng):
    frames = np.stack(live(rng, 30)).astype(np.float32)
    frames[20:24] = frames[19]
    frames[:, :5] = np.nan
    events = detect_ffc(frames)
    assert [(e.start, e.stop) for e in events] == [(20, 24)]
    assert np.isfinite(events[0].step_counts)
    assert detect_ffc(np.full((8, 6, 6), np.nan))[0].kind == "freeze"  # equal is equal


def test_a_reused_buffer_is_no_freeze(rng):
    buffer = np.empty((H, W), np.uint16)
    detector = FfcDetector()
    for frame in live(rng, 12):
        buffer[:] = frame
        assert not detector.update(buffer).duplicate


@pytest.mark.parametrize(
    ("frames", "error", "match"),
    [
        (np.zeros((4, 4), np.uint16), ShapeError, "frames must be"),
        ([np.zeros((4, 4)), np.zeros((4, 5))], ShapeError, "one detector for each camera"),
        ([np.zeros((0, 4))], ShapeError, "at least one pixel"),
        ([np.zeros((4, 4), bool)], UnitError, "must be real numbers, got bool"),
    ],
)
def test_detect_refuses_frames(frames, error, match):
    with pytest.raises(error, match=match):
        detect_ffc(frames)


def test_detect_refuses_another_number_of_times(rng):
    frames = live(rng, 3)
    with pytest.raises(ShapeError, match="t_ns ends before frame 2"):
        detect_ffc(frames, [0, 1])
    with pytest.raises(ShapeError, match="more times than there are frames"):
        detect_ffc(frames, [0, 1, 2, 3])


@pytest.mark.parametrize(
    ("setting", "match"),
    [
        ({"min_repeats": 0}, "min_repeats must be a whole number of 1 or more"),
        ({"max_frames": 2.5}, "max_frames must be a whole number"),
        ({"min_s": 0.0}, "min_s must be positive"),
    ],
)
def test_detect_refuses_settings(setting, match):
    with pytest.raises(ConfigError, match=match):
        detect_ffc([], **setting)


# -- real ----------------------------------------------------------------------------------------


@pytest.mark.real
def test_a_real_sequence_without_shutter_has_no_event(real_data):
    import cv2

    paths = sorted(real_data.glob("sequence/optris16/*.png"))
    frames = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in paths]
    assert detect_ffc(frames) == []
    frozen = [*frames[:15], *[frames[14]] * 4, *[f + np.uint16(25) for f in frames[15:]]]
    (event,) = detect_ffc(frozen)
    assert (event.start, event.stop) == (15, 19)
    assert event.step_counts == pytest.approx(25, abs=6)
