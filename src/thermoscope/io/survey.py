"""A look over the frames of a file or folder, in constant memory and bounded time.

The first frames are followed one by one (shutter events, repeats, drops); of the rest an even
sample is read. What is NOT here: the words (`thermoscope.io.diagnose`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ThermoscopeError
from thermoscope.io.sequence import ImageSequence
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.sensor.defects import DefectMap, find_defects
from thermoscope.sensor.ffc import FfcDetector, FfcEvent
from thermoscope.sensor.quality import Quality

__all__ = ["Survey", "survey"]

FOLLOWED = 300  # consecutive frames: 10 s at 30 Hz, 33 s at 9 Hz
SAMPLED = 60  # of the frames after them
DEFECT_FRAMES = 24


@dataclass
class Survey:
    """What was seen.

    Attributes:
        frame_count: Frames there are; None if not known.
        looked_at: Frames that were read.
        unreadable: Frames that could not be read, with the first reason.
        kinds: (format, kind, width, height, bits) -> number of frames.
        cameras: (make, model) -> number of frames.
        flags: In how many frames each quality flag was seen.
        events: Shutter events among the followed frames.
        duplicates: Frames that repeat the one before without being a shutter event.
        dropped: Frames missing by their times.
        clock_jumps: Times that ran backwards or leapt.
        defects: Of the sensor, from several frames of counts; None if not looked for.
        first: The first frame that could be read.
    """

    frame_count: int | None = None
    looked_at: int = 0
    unreadable: list[ThermoscopeError] = field(default_factory=list)
    kinds: Counter[tuple[str, str, int, int, int]] = field(default_factory=Counter)
    cameras: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    flags: Counter[Quality] = field(default_factory=Counter)
    events: list[FfcEvent] = field(default_factory=list)
    duplicates: int = 0
    dropped: int = 0
    clock_jumps: int = 0
    defects: DefectMap | None = None
    first: ThermalImage | None = None


def survey(sequence: ImageSequence, *, followed: int = FOLLOWED, sampled: int = SAMPLED) -> Survey:
    """Look over a sequence.

    Shutter events are looked for in counts and temperatures of one size, not in 8-bit pictures:
    their AGC moves by itself.

    Args:
        sequence: Of any length.
        followed: How many frames to follow from the first one on.
        sampled: How many of the others to read, evenly spread.
    """
    found = Survey(frame_count=len(sequence))
    detector: FfcDetector | None = FfcDetector()
    for image in _frames(sequence, found, range(min(followed, len(sequence)))):
        detector = _follow(image, found, detector)
    last = detector.finish() if detector is not None else None
    found.events += [last] if last is not None else []
    rest = np.linspace(followed, len(sequence) - 1, sampled).astype(int)
    later = sorted({int(k) for k in rest if k >= followed})
    for image in _frames(sequence, found, later):
        _note(image, found)
    found.defects = _defects(sequence, found)
    return found


def _frames(
    sequence: ImageSequence, found: Survey, indices: range | list[int]
) -> Iterator[ThermalImage]:
    for index in indices:
        try:
            yield sequence[index]
        except (ThermoscopeError, IndexError) as err:
            if isinstance(err, ThermoscopeError):
                found.unreadable.append(err)


def _note(image: ThermalImage, found: Survey) -> None:
    source = image.source
    found.looked_at += 1
    found.first = found.first or image
    found.flags.update(image.quality)
    key = (source.format, image.kind, image.width, image.height, source.bit_depth)
    found.kinds[key] += 1
    found.cameras[image.capture.make, image.capture.model] += 1


def _follow(image: ThermalImage, found: Survey, detector: FfcDetector | None) -> FfcDetector | None:
    """Note the frame, and let the detector see it; None from the first one it cannot follow."""
    _note(image, found)
    alike = len({key[1:4] for key in found.kinds}) == len(found.cameras) == 1
    if detector is None or image.kind == "agc" or not alike:
        return None
    plane: NDArray[np.generic] = image.counts if image.counts is not None else image.kelvin
    state = detector.update(plane, image.capture.t_ns)
    found.events += [state.event] if state.event is not None else []
    found.duplicates += state.duplicate
    found.dropped += state.dropped
    found.clock_jumps += state.clock_jump
    return detector


def _defects(sequence: ImageSequence, found: Survey) -> DefectMap | None:
    """Defects from a few frames over the followed stretch, where they are counts of one size."""
    count = found.looked_at
    counts_only = len(found.kinds) == 1 and found.first is not None
    if count < DEFECT_FRAMES or not counts_only or found.first.counts is None:  # type: ignore[union-attr]
        return None
    step = max(min(count, FOLLOWED) // DEFECT_FRAMES, 1)
    indices = range(0, step * DEFECT_FRAMES, step)
    planes = (image.counts for image in _frames(sequence, Survey(), indices))
    try:
        return find_defects(plane for plane in planes if plane is not None)
    except ThermoscopeError:
        return None  # frames too small to say
