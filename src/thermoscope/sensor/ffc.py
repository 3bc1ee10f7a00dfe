"""Shutter events (flat-field correction) in a sequence: frozen frames, flat frames, steps.

A camera without a status line still shows its shutter: it repeats the last frame, or sends the
flat shutter itself, and afterwards the offset has jumped. `FfcDetector` finds this frame by frame
in constant memory, `detect_ffc` in a whole sequence. What is NOT here: the status that the camera
itself tells (the readers set `CaptureInfo.ffc`), and removing the drift.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive, check_shape
from thermoscope.core.errors import ConfigError, ShapeError, UnitError

__all__ = ["FfcDetector", "FfcEvent", "FrameState", "detect_ffc"]

Kind = Literal["freeze", "flat", "step"]
Sample = NDArray[np.float32]

SAMPLES = 2048  # pixels looked at for levels: enough for a median to a tenth of the noise
EDGE_ROWS = 4  # telemetry there counts on while the picture stands still
STILL = 0.05  # change of a repeated, lossy frame against the usual change
FLAT, SUDDEN, BACK = 0.3, 0.6, 0.5  # contrast against the usual one: in, the frame before, out
STEP_JITTERS, STEP_SHARE = 8.0, 0.8
MEMORY = 0.05  # weight of a frame in the running averages: about 20 frames
WARM = 5  # frames before averages mean anything
INTERVALS = 31  # for the running median of the frame period
CLOCK_JUMP_NS = 60_000_000_000


@dataclass(frozen=True)
class FfcEvent:
    """One shutter event.

    Attributes:
        start: First frame without a new picture.
        stop: First frame with a new one again; equal to `start` where no frame was lost.
        step_counts: Jump of the level across the event, in the unit of the frames; nan if the
            sequence begins or ends in the event.
        kind: ``"freeze"`` (repeated frames), ``"flat"`` (the shutter itself) or ``"step"`` (only
            the jump is left: the camera or the recording skipped the rest).
    """

    start: int
    stop: int
    step_counts: float
    kind: Kind


@dataclass(frozen=True)
class FrameState:
    """What `FfcDetector.update` knows about the frame it was given.

    Attributes:
        index: Position in the sequence.
        frozen: The picture has stood still, or been flat, long enough to be a shutter event.
        duplicate: Repeats the frame before, not (yet) long enough for a shutter event.
        frames_since_ffc: 0 during an event, 1 at the first new picture after it and so on; None
            before the first.
        dropped: Frames missing before this one, by its time; 0 without times.
        clock_jump: The time ran backwards or leapt by more than a minute.
        event: The event that this frame ends, or None.
    """

    index: int
    frozen: bool = False
    duplicate: bool = False
    frames_since_ffc: int | None = None
    dropped: int = 0
    clock_jump: bool = False
    event: FfcEvent | None = None


class FfcDetector:
    """Finds shutter events frame by frame, in constant memory (two frames and a few numbers).

    Args:
        min_repeats: Repeats of a frame that make a freeze; fewer are duplicates.
        min_s: Time that the picture must stand still as well, s, when frames carry times. At high
            frame rates it keeps duplicates apart from freezes.
        max_frames: A flat stretch longer than this is the scene, not the shutter.

    Not seen: a shutter in a scene that is as flat as the shutter, and a step smaller than the
    frame-to-frame jitter. A noise-free static scene looks frozen.

    Raises:
        ConfigError: `min_repeats` or `max_frames` is below 1, or `min_s` not positive.

    Example:
        >>> detector = FfcDetector()
        >>> rng = np.random.default_rng(0)
        >>> live = rng.normal(3000, 3, (6, 16, 16))
        >>> sequence = [*live[:3], live[2], live[2], live[2], *live[3:]]
        >>> [detector.update(frame).frozen for frame in sequence]
        [False, False, False, False, True, True, False, False, False]
    """

    def __init__(self, *, min_repeats: int = 2, min_s: float = 0.2, max_frames: int = 600) -> None:
        for name, value in (("min_repeats", min_repeats), ("max_frames", max_frames)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"{name} must be a whole number of 1 or more, got {value!r}.")
        self.min_repeats, self.max_frames = min_repeats, max_frames
        self.min_ns = int(check_positive(min_s, name="min_s") * 1e9)
        self._clock = _Clock()
        self._index = -1
        self._frame: NDArray[Any] | None = None  # the one before
        self._live: Sample | None = None  # of the last frame with a new picture
        self._live_ns: int | None = None
        self._usual = _Usual()
        self._run: _Run | None = None
        self._last_stop: int | None = None

    def update(self, frame: NDArray[Any], t_ns: int | None = None) -> FrameState:
        """State of the next frame of the sequence.

        Args:
            frame: (H, W), any real element type; the same size every time. nan is left out.
            t_ns: Its time, ns, or None.

        Raises:
            ShapeError: Not (H, W), no pixel, or not of the size of the frames before.
            UnitError: Not real numbers.
        """
        array = self._checked(frame)
        self._index += 1
        dropped, clock_jump = self._clock.tick(t_ns)
        sample = _sample_of(array)
        contrast = _contrast(sample)
        still = self._repeats(array, sample)
        flat = not still and self._flat(contrast)
        event = None
        if still or flat:
            self._extend(flat, t_ns)
        else:
            event = self._close(self._step(sample)) or self._bare_step(sample)
            if event is not None:
                self._last_stop = event.stop
            else:
                self._usual.learn(_change(sample, self._live), contrast)
            self._live, self._live_ns = sample, t_ns
        self._frame = array.copy()
        frozen = self._run is not None and self._long_enough(self._run)
        return FrameState(
            index=self._index,
            frozen=frozen,
            duplicate=still and not frozen,
            frames_since_ffc=self._since(frozen),
            dropped=dropped,
            clock_jump=clock_jump,
            event=event,
        )

    def finish(self) -> FfcEvent | None:
        """The event in which the sequence ends, or None. The detector may go on afterwards."""
        return self._event(self._run, float("nan")) if self._run is not None else None

    def _checked(self, frame: NDArray[Any]) -> NDArray[Any]:
        array = np.asarray(frame)
        check_shape(array, "H W", name="frame")
        if array.dtype.kind not in "uif":
            raise UnitError(f"frame must be real numbers, got {array.dtype}. Pass counts.")
        expected = array.shape if self._frame is None else self._frame.shape
        if array.size == 0 or array.shape != expected:
            raise ShapeError(
                f"frame {self._index + 1} is {array.shape}, expected {expected} with at least one "
                "pixel. Use one detector for each camera.",
                actual_shape=array.shape,
                expected_shape=str(expected),
            )
        return array

    def _repeats(self, array: NDArray[Any], sample: Sample) -> bool:
        """Whether the picture is that of the frame before: equal, or changed next to nothing."""
        if self._frame is None:
            return False
        rows = slice(EDGE_ROWS, -EDGE_ROWS) if len(array) >= 4 * EDGE_ROWS else slice(None)
        if np.array_equal(array[rows], self._frame[rows], equal_nan=array.dtype.kind == "f"):
            return True
        change = _change(sample, _sample_of(self._frame))
        return self._usual.warm and change < STILL * self._usual.change

    def _flat(self, contrast: float) -> bool:
        usual = self._usual
        if not usual.warm:
            return False
        if self._run is not None and self._run.flat:
            if self._run.count < self.max_frames:
                return contrast < BACK * usual.contrast
            self._run, self._usual = None, _Usual()  # not the shutter: the scene is flat now
            return False
        before = _contrast(self._live) if self._live is not None else 0.0
        return contrast < FLAT * usual.contrast and before > SUDDEN * usual.contrast

    def _extend(self, flat: bool, t_ns: int | None) -> None:
        if self._run is None:
            self._run = _Run(start=self._index, before_ns=self._live_ns)
        self._run.flat = self._run.flat or flat
        self._run.count += 1
        self._run.last_ns = t_ns

    def _close(self, step: float) -> FfcEvent | None:
        run, self._run = self._run, None
        return self._event(run, step) if run is not None else None

    def _event(self, run: _Run, step: float) -> FfcEvent | None:
        if not self._long_enough(run):
            return None
        return FfcEvent(run.start, run.start + run.count, step, "flat" if run.flat else "freeze")

    def _long_enough(self, run: _Run) -> bool:
        timed = run.before_ns is not None and run.last_ns is not None
        if timed and run.last_ns - run.before_ns < self.min_ns:  # type: ignore[operator]
            return False
        return run.count >= self.min_repeats

    def _step(self, sample: Sample) -> float:
        return _middle(sample - self._live) if self._live is not None else float("nan")

    def _bare_step(self, sample: Sample) -> FfcEvent | None:
        """A jump of nearly all pixels by one amount, with no frame lost."""
        if self._live is None or not self._usual.warm:
            return None
        change = sample - self._live
        step = _middle(change)
        alike = float((np.abs(change - step) < abs(step) / 2).mean())
        if alike < STEP_SHARE or abs(step) < STEP_JITTERS * self._usual.jitter:
            self._usual.learn_jitter(step)
            return None
        return FfcEvent(self._index, self._index, step, "step")

    def _since(self, frozen: bool) -> int | None:
        if frozen:
            return 0
        return None if self._last_stop is None else self._index - self._last_stop + 1


def detect_ffc(
    frames: NDArray[Any] | Iterable[NDArray[Any]],
    t_ns: Iterable[int] | None = None,
    *,
    min_repeats: int = 2,
    min_s: float = 0.2,
    max_frames: int = 600,
) -> list[FfcEvent]:
    """Shutter events of a sequence, in order; see `FfcDetector` for what counts as one.

    Args:
        frames: (N, H, W), or any iterable of (H, W) frames, read once in constant memory.
        t_ns: Time of each frame, ns, or None.
        min_repeats: Repeats of a frame that make a freeze.
        min_s: Least duration of a freeze, s; used with `t_ns` only.
        max_frames: Longest flat stretch that counts as the shutter.

    Returns:
        The events; empty for an empty sequence.

    Raises:
        ShapeError: Frames that are not (H, W) of one size, or another number of times.
        UnitError: Not real numbers.
        ConfigError: A limit is out of range.
    """
    detector = FfcDetector(min_repeats=min_repeats, min_s=min_s, max_frames=max_frames)
    if isinstance(frames, np.ndarray):
        check_shape(frames, "N H W", name="frames")
    times = None if t_ns is None else iter(t_ns)
    events = []
    for index, frame in enumerate(frames):
        t = None if times is None else next(times, _NO_TIME)
        if t is _NO_TIME:
            raise ShapeError(f"t_ns ends before frame {index}. Pass one time for each frame.")
        events.append(detector.update(frame, t).event)
    if times is not None and next(times, _NO_TIME) is not _NO_TIME:
        raise ShapeError("t_ns has more times than there are frames. Pass one for each frame.")
    return [event for event in (*events, detector.finish()) if event is not None]


_NO_TIME: Any = object()


@dataclass
class _Run:
    """A stretch without a new picture."""

    start: int
    before_ns: int | None
    last_ns: int | None = None
    count: int = 0
    flat: bool = False


class _Usual:
    """Running averages of live frames."""

    def __init__(self) -> None:
        self.change = self.contrast = self.jitter = 0.0
        self._learned = 0

    @property
    def warm(self) -> bool:
        """Whether the averages mean anything yet."""
        return self._learned >= WARM

    def learn(self, change: float, contrast: float) -> None:
        """Take in one live frame; a single wild one moves the averages by 10 % at most."""
        if not np.isfinite([change, contrast]).all():
            return
        weight = max(MEMORY, 1 / (self._learned + 1))
        limit = 3.0 if self.warm else float("inf")
        self.change += weight * (min(change, limit * self.change) - self.change)
        self.contrast += weight * (min(contrast, limit * self.contrast) - self.contrast)
        self._learned += 1

    def learn_jitter(self, step: float) -> None:
        """Take in the common change of one live frame."""
        if np.isfinite(step):
            self.jitter += MEMORY * (abs(step) - self.jitter)


class _Clock:
    """Frame period, missing frames and jumps, from the times of the frames."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._intervals: deque[int] = deque(maxlen=INTERVALS)

    def tick(self, t_ns: int | None) -> tuple[int, bool]:
        """(frames missing before this one, whether the clock jumped)."""
        last, self._last = self._last, t_ns
        if t_ns is None or last is None:
            return 0, False
        interval = int(t_ns) - int(last)
        if interval < 0 or interval > CLOCK_JUMP_NS:
            return 0, True
        dropped = 0
        if len(self._intervals) >= WARM:
            period = float(np.median(self._intervals))
            dropped = max(round(interval / period) - 1, 0) if period > 0 else 0
        self._intervals.append(interval)
        return dropped, False


def _sample_of(array: NDArray[Any]) -> Sample:
    """Some 2000 pixels on a regular grid, as floats."""
    stride = max(int(np.sqrt(array.size / SAMPLES)), 1)
    return array[::stride, ::stride].astype(np.float32).ravel()


def _contrast(sample: Sample) -> float:
    known = sample[np.isfinite(sample)]
    if not known.size:
        return 0.0
    low, high = np.percentile(known, (5, 95))
    return float(high - low)


def _change(sample: Sample, before: Sample | None) -> float:
    if before is None:
        return float("nan")
    change = np.abs(sample - before)
    known = change[np.isfinite(change)]
    return float(known.mean()) if known.size else float("nan")


def _middle(change: Sample) -> float:
    known = change[np.isfinite(change)]
    return float(np.median(known)) if known.size else float("nan")
