"""What went wrong between a camera and us, frame by frame: drops, duplicates, freezes, shutter.

A drop is proven by the device counter, never guessed from the time; a freeze by the pixels,
because a new picture has new noise. Nothing is deleted: frames are flagged. What is NOT here:
frames that our own queue had to drop (the recorder counts those itself).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.rig.camera import FfcState, Frame

__all__ = ["Fault", "FaultDetector", "FaultKind", "Stillness"]

FaultKind = Literal["drop", "duplicate", "freeze", "ffc", "restart"]
STRIDE = 7  # a first look at every 7th pixel of both axes settles nearly every frame


@dataclass(frozen=True)
class Fault:
    """One thing that went wrong, or one shutter event."""

    kind: FaultKind
    camera: str
    host_ns: int
    """Monotonic clock of the host at its first frame; of a drop, at the frame after it, ns."""
    counter: int | None
    """The device's count of its first frame; of a drop, of the first frame that is missing."""
    frames: int
    """Frames missing, repeated, frozen, or with a closed shutter."""
    sequence: int
    """The host's count of its first frame; of a drop, of the frame after it."""


class Stillness:
    """Whether a picture repeats the one before.

    Noise changes some pixel of every new picture: with a share s of pixels changed, N pixels all
    stay by chance with probability (1 - s)^N, below 1e-140 for s = 0.1 % of 640x512. So a repeat is
    a picture in which no pixel moved against the others. One step of all pixels is no new picture;
    a picture of one single value (a lens cap, saturation) says nothing.
    """

    def __init__(self) -> None:
        self._before: NDArray[np.generic] | None = None

    def update(self, image: NDArray[np.generic]) -> bool:
        """True if `image` repeats the one before; keeps a reference to it until the next."""
        before, self._before = self._before, image
        if before is None or before.shape != image.shape:
            return False
        if not _repeats(before[::STRIDE, ::STRIDE], image[::STRIDE, ::STRIDE]):
            return False
        return bool((image != image.flat[0]).any()) and _repeats(before, image)


def _repeats(before: NDArray[Any], image: NDArray[Any]) -> bool:
    change = image - before  # unsigned: wraps, and equal steps stay equal
    return bool((change == change.flat[0]).all())


class FaultDetector:
    """Finds faults of one camera in the order of its frames; memory is one picture.

    Example:
        >>> detector = FaultDetector()
        >>> noise = np.random.default_rng(0).integers(0, 99, (3, 30, 30)).astype(np.uint16)
        >>> for i, counter in enumerate((7, 8, 11)):
        ...     faults = detector.update(Frame("left", noise[i], counter, None, i, sequence=i))
        >>> faults[0].kind, faults[0].counter, faults[0].frames
        ('drop', 9, 2)
    """

    def __init__(self) -> None:
        self._last: Frame | None = None
        self._stillness = Stillness()
        self._open: Fault | None = None

    def update(self, frame: Frame) -> list[Fault]:
        """Faults that `frame` completes: one that lasts is told when it is over."""
        last, self._last = self._last, frame
        found = self._counted(last, frame)
        if any(fault.kind == "duplicate" for fault in found):
            return found
        still = self._stillness.update(frame.image)
        kind: FaultKind | None = None
        if frame.ffc is FfcState.RUNNING:
            kind = "ffc"
        elif still:
            kind = "freeze"
        return found + self._lasting(kind, frame)

    def close(self) -> list[Fault]:
        """The fault that is still open, if any: call it after the last frame."""
        done = [self._open] if self._open else []
        self._open = None
        return done

    def _counted(self, last: Frame | None, frame: Frame) -> list[Fault]:
        if last is None or last.counter is None or frame.counter is None:
            return []
        gap = frame.counter - last.counter
        if gap == 1:
            return []
        if gap == 0:
            return [_fault("duplicate", frame, frame.counter, 1)]
        if gap < 0:
            return [_fault("restart", frame, frame.counter, 0)]
        return [_fault("drop", frame, last.counter + 1, gap - 1)]

    def _lasting(self, kind: FaultKind | None, frame: Frame) -> list[Fault]:
        if self._open is not None and self._open.kind == kind:
            first = self._open
            self._open = Fault(
                first.kind, first.camera, first.host_ns, first.counter,
                first.frames + 1, first.sequence,
            )  # fmt: skip
            return []
        done = self.close()
        self._open = _fault(kind, frame, frame.counter, 1) if kind else None
        return done


def _fault(kind: FaultKind, frame: Frame, counter: int | None, frames: int) -> Fault:
    return Fault(kind, frame.camera, frame.host_ns, counter, frames, frame.sequence)
