"""Every fault that is put in is found, and ten thousand clean frames give no alarm."""

from itertools import chain

import numpy as np
import pytest

from thermoscope.rig.camera import FfcState, Frame
from thermoscope.rig.faults import FaultDetector, Stillness
from thermoscope.rig.simulated_plan import Faults, RigPlan, default_cameras
from thermoscope.rig.simulated_timeline import injected_faults, timeline

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(20_000, 23_000, (64, 80)).astype(np.uint16)


def noisy(index):
    noise = np.random.default_rng([5, index]).normal(16, 4, PICTURE.shape)
    return PICTURE + noise.astype(np.uint16)


def frames(counters, *, ffc=None, images=None):
    for i, counter in enumerate(counters):
        image = noisy(i) if images is None else images[i]
        yield Frame("left", image, counter, None, i * 33, ffc=(ffc or {}).get(i), sequence=i)


def found(stream):
    detector = FaultDetector()
    return [*chain.from_iterable(detector.update(frame) for frame in stream), *detector.close()]


def test_counters_prove_drops_duplicates_and_restarts():
    faults = found(frames([5, 6, 9, 9, 10, 0, 1]))
    assert [(f.kind, f.counter, f.frames, f.sequence) for f in faults] == [
        ("drop", 7, 2, 2),
        ("duplicate", 9, 1, 3),
        ("restart", 0, 0, 5),
    ]


def test_a_freeze_is_told_once_with_its_length():
    images = [noisy(0), noisy(1), noisy(1), noisy(1), noisy(4)]
    (fault,) = found(frames(range(5), images=images))
    assert (fault.kind, fault.counter, fault.frames, fault.host_ns) == ("freeze", 2, 2, 66)


def test_a_freeze_at_the_end_is_told_by_close():
    (fault,) = found(frames(range(3), images=[noisy(0), noisy(1), noisy(1)]))
    assert (fault.kind, fault.frames) == ("freeze", 1)


def test_the_shutter_is_no_freeze():
    images = [noisy(0), noisy(1), noisy(1), noisy(1), noisy(4)]
    closed = dict.fromkeys((2, 3), FfcState.RUNNING)
    (fault,) = found(frames(range(5), images=images, ffc=closed))
    assert (fault.kind, fault.counter, fault.frames) == ("ffc", 2, 2)


def test_a_step_of_all_pixels_is_no_new_picture_and_one_changed_pixel_is():
    stillness = Stillness()
    assert not stillness.update(noisy(7))
    assert stillness.update(noisy(7) + np.uint16(21))
    touched = noisy(7) + np.uint16(21)
    touched[3, 5] += 1
    assert not stillness.update(touched)


def test_a_rig_that_comes_to_rest_is_no_freeze():
    stillness = Stillness()
    for i in range(20):
        assert not stillness.update(np.roll(PICTURE, min(i, 10) * 3, 1) + noisy(i) - PICTURE)


def test_a_lens_cap_says_nothing():
    black = np.zeros((40, 40), np.uint8)
    stillness = Stillness()
    assert not any(stillness.update(black) for _ in range(9))


def test_cameras_without_a_counter_show_repeats_as_freezes():
    (fault,) = found(frames([None] * 4, images=[noisy(0), noisy(1), noisy(1), noisy(2)]))
    assert (fault.kind, fault.counter, fault.frames) == ("freeze", None, 1)


def simulated(plan, camera):
    """Frames as a driver would give them, with pictures that are as noisy as the real ones."""
    sequence = 0
    for planned in timeline(plan, camera):
        for _ in range(planned.copies if planned.fate == "frame" else 0):
            image = small_noise(planned.picture)
            yield Frame(
                camera.name, image, planned.counter, planned.clock_ms * 1_000_000,
                planned.arrival_ns, ffc=planned.ffc, sequence=sequence,
            )  # fmt: skip
            sequence += 1


def small_noise(index):
    return PICTURE[:56, :56] + np.random.default_rng(index).integers(0, 9, (56, 56), np.uint16)


def test_all_faults_of_a_simulated_camera_are_found():
    faults = Faults(drop_rate=0.02, duplicate_rate=0.01, freeze_rate=0.005, ffc_every_s=20)
    plan = RigPlan(default_cameras(1, 0), faults, seed=3, duration_s=100, pace="fast")
    camera = plan.cameras[0]
    injected, seen = injected_faults(plan, camera), found(simulated(plan, camera))
    for kind in ("drop", "duplicate"):
        told = {c for f in seen if f.kind == kind for c in range(f.counter, f.counter + f.frames)}
        assert told == {f.counter for f in injected if f.kind == kind}
        assert len(told) > 20
    for kind in ("freeze", "ffc"):
        told = {c for f in seen if f.kind == kind for c in range(f.counter, f.counter + f.frames)}
        wanted = {
            c for f in injected if f.kind == kind for c in range(f.counter, f.counter + f.frames)
        }
        assert len(wanted) > 30
        assert len(told & wanted) / len(wanted) >= 0.99
        assert not told - wanted


@pytest.mark.parametrize(("pixel", "share"), [(np.uint16, 0.5), (np.uint8, 0.01)])
def test_no_false_alarm_over_10_000_clean_frames(pixel, share):
    """A scene at rest in which one count moves in half of the pixels, or in one of a hundred."""
    rng = np.random.default_rng(7)
    base = np.full((50, 50), 100, pixel) + np.arange(50).astype(pixel)
    bank = (rng.random((200, 50, 50)) < share).astype(pixel)
    detector = FaultDetector()
    for i in range(10_000):
        image = base + np.roll(bank[i % 200], i // 200, 1)
        assert not detector.update(Frame("c", image, i, i, i, sequence=i))
    assert not detector.close()
