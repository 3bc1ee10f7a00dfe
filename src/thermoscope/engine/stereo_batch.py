"""Many pairs through a stereo network: bad frames are reported and skipped, times are kept.

Pairs come from two files, folders, globs or multi-frame files, in order, one pair in memory. What
is NOT here: writing results (`thermoscope.cli.stereo`), the network.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, ReadError, ThermoscopeError
from thermoscope.io.paired_files import matched
from thermoscope.io.sequence import ImageSequence, files_of, open_sequence
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.models.stereo_checks import PairFinding, check_pair, check_range
from thermoscope.models.stereo_result import StereoCalibration, StereoResult, view_values

__all__ = [
    "BatchSummary",
    "MatchedPair",
    "PairGuard",
    "SkippedPair",
    "match_pairs",
    "pair_sources",
    "same_source",
]

SATURATED_SHARE = 0.5
LEAST_KNOWN = 0.5
RECENT = 64  # times kept: memory stays the same however long a sequence is


class PairMatcher(Protocol):
    """What matches: the network, or anything with its `predict`."""

    min_disparity_px: int
    max_disparity_px: int

    def predict(
        self,
        left: Any,
        right: Any,
        calibration: StereoCalibration | None = None,
        *,
        check_left_right: bool = False,
    ) -> StereoResult:
        """Disparity of a pair."""
        ...


@dataclass(frozen=True)
class SkippedPair:
    """A pair that was not matched.

    Attributes:
        index: Its place in the sequence, from 0.
        name: Of the left frame, or of the source where it could not be read.
        reason: Why.
        unreadable: Whether a file could not be read; else what is in it is no good.
    """

    index: int
    name: str
    reason: str
    unreadable: bool = False


@dataclass(frozen=True)
class MatchedPair:
    """A pair with its answer.

    Attributes:
        index: Its place in the sequence, from 0.
        stem: For the names of result files.
        left: The left frame.
        result: Disparity and what follows.
        seconds: Time of matching alone.
        findings: What speaks against the answer.
    """

    index: int
    stem: str
    left: ThermalImage
    result: StereoResult
    seconds: float
    findings: list[PairFinding]


@dataclass
class BatchSummary:
    """Counts and times, updated pair by pair; memory does not grow.

    Attributes:
        matched: Pairs.
        skipped: Pairs.
        seconds: Sum of matching times.
        recent_s: The last 64 matching times.
    """

    matched: int = 0
    skipped: int = 0
    seconds: float = 0.0
    recent_s: list[float] = field(default_factory=list)

    def add(self, pair: MatchedPair | SkippedPair) -> None:
        """Count one more."""
        if isinstance(pair, SkippedPair):
            self.skipped += 1
            return
        self.matched += 1
        self.seconds += pair.seconds
        self.recent_s = [*self.recent_s[-RECENT + 1 :], pair.seconds]

    @property
    def median_ms(self) -> float:
        """Median of the last 64 matching times; nan before the first."""
        return 1e3 * float(np.median(self.recent_s)) if self.recent_s else float("nan")

    @property
    def fps(self) -> float:
        """Pairs a second of matching time; nan before the first."""
        return self.matched / self.seconds if self.seconds > 0 else float("nan")


class PairGuard:
    """Says which pairs must not be matched; remembers the last one to notice a frozen camera."""

    def __init__(self) -> None:
        self._last: dict[str, NDArray[Any]] = {}

    def reason(self, left: NDArray[Any], right: NDArray[Any]) -> str | None:
        """Why this pair is to be skipped, None if it is not.

        Args:
            left: (H, W).
            right: Any shape.
        """
        if left.shape != right.shape:
            return f"left is {left.shape[1]}x{left.shape[0]}, right {_size(right)} px"
        for name, view in (("left", left), ("right", right)):
            problem = _problem(view)
            if problem:
                return f"{name} {problem}"
        if np.array_equal(left, right):
            return "left and right are the same picture: name the other camera's file"
        frozen = [
            name
            for name, view in (("left", left), ("right", right))
            if name in self._last and np.array_equal(self._last[name], view)
        ]
        self._last = {"left": left, "right": right}
        if frozen:
            return f"{' and '.join(frozen)} frozen: the frame before is repeated (shutter, FFC)"
        return None


def _size(view: NDArray[Any]) -> str:
    return "x".join(str(n) for n in view.shape[::-1])


def _problem(view: NDArray[Any]) -> str | None:
    known = np.isfinite(view)
    share = float(known.mean())
    if share < LEAST_KNOWN:
        return f"has values in {share:.0%} of its pixels only (NaN)"
    values = view[known]
    low, high = values.min(), values.max()
    if low == high:
        return f"is black or blank: every pixel is {low}"
    at_top = float((values == high).mean())
    if at_top > SATURATED_SHARE:
        return f"is saturated: {at_top:.0%} of its pixels are {high}"
    return None


def pair_sources(
    left: str | Path, right: str | Path, *, shape: tuple[int, int] | None = None
) -> tuple[ImageSequence, ImageSequence]:
    """Both views' frames, as many left as right; those of a video are counted.

    Files of two folders or globs are paired by stem where stems agree, else by their place.

    Args:
        left: File, folder, glob, multi-frame file or video.
        right: The same for the other camera.
        shape: (H, W) of headerless raw frames.

    Raises:
        ReadError: Nothing there, files of which only some have a partner of the same stem, or a
            video that cannot be gone through.
        ConfigError: Another number of frames left and right.
    """
    views: tuple[Any, Any] = left, right
    files = [files_of(source) for source in views]
    if len(files[0]) > 1 and len(files[0]) == len(files[1]):
        views = matched(*files, names=(str(left), str(right)))
    first, second = (open_sequence(source, shape=shape) for source in views)
    try:
        counts = (len(first), len(second))
        if counts[0] != counts[1]:
            raise ConfigError(
                f"{left} has {counts[0]} frames and {right} has {counts[1]}: frames are paired by "
                "their place. Remove those without a partner."
            )
    except ThermoscopeError:
        first.close()
        second.close()
        raise
    return first, second


def match_pairs(
    matcher: PairMatcher,
    left: ImageSequence,
    right: ImageSequence,
    *,
    calibration: StereoCalibration | None = None,
    check_left_right: bool = False,
    check_every: int = 100,
    loops: int = 1,
) -> Iterator[MatchedPair | SkippedPair]:
    """Each pair in order, matched or skipped with a reason; no bad pair ends the run.

    Args:
        matcher: The network.
        left: Frames of the left camera.
        right: Frames of the right camera.
        calibration: Adds depth and points.
        check_left_right: See `ThermoStereoRT.predict`.
        check_every: The slower checks of `check_pair` see the first pair and then each so many-th;
            0 = none.
        loops: Passes over the sequence.
    """
    for turn in range(loops):
        station = _Station(matcher, calibration, check_left_right, PairGuard())
        for index, frames in _frames(left, right):
            if isinstance(frames, ThermoscopeError):
                yield SkippedPair(index, f"pair {index}", str(frames), unreadable=True)
                continue
            thorough = check_every > 0 and turn == 0 and index % check_every == 0
            yield station.match(index, *frames, thorough=thorough)


def _frames(
    left: ImageSequence, right: ImageSequence
) -> Iterator[tuple[int, tuple[ThermalImage, ThermalImage] | ThermoscopeError]]:
    """Pairs by their place; one that cannot be read is its error."""
    for index in range(min(len(left), len(right))):
        try:
            yield index, (left[index], right[index])
        except IndexError:
            return
        except ThermoscopeError as err:
            yield index, err


@dataclass(frozen=True)
class _Station:
    """Where one pair after the other is matched."""

    matcher: PairMatcher
    calibration: StereoCalibration | None
    check_left_right: bool
    guard: PairGuard

    def match(
        self, index: int, left: ThermalImage, right: ThermalImage, *, thorough: bool
    ) -> MatchedPair | SkippedPair:
        name = _stem(left, index)
        try:
            views = view_values(left), view_values(right)
            reason = self.guard.reason(*views) or self._other_size(views[0])
            if reason is not None:
                return SkippedPair(index, name, reason)
            findings = _checks(self.matcher, *views) if thorough else []
            start = time.perf_counter()
            result = self.matcher.predict(
                *views, self.calibration, check_left_right=self.check_left_right
            )
            seconds = time.perf_counter() - start
        except ThermoscopeError as err:
            return SkippedPair(index, name, str(err))
        findings += _range_check(self.matcher, result)
        return MatchedPair(index, name, left, result, seconds, findings)

    def _other_size(self, view: NDArray[Any]) -> str | None:
        """Why the calibration does not fit this pair, None if it does or there is none."""
        if self.calibration is None:
            return None
        camera = self.calibration.camera
        if view.shape == (camera.height, camera.width):
            return None
        return (
            f"the pair is {view.shape[1]}x{view.shape[0]} px, and the calibration is for "
            f"{camera.width}x{camera.height}, the size of the first pair"
        )


def _checks(matcher: PairMatcher, left: NDArray[Any], right: NDArray[Any]) -> list[PairFinding]:
    return check_pair(
        left,
        right,
        max_disparity_px=matcher.max_disparity_px,
        min_disparity_px=matcher.min_disparity_px,
    )


def _range_check(matcher: PairMatcher, result: StereoResult) -> list[PairFinding]:
    found = check_range(
        result.disparity,
        min_disparity_px=matcher.min_disparity_px,
        max_disparity_px=matcher.max_disparity_px,
    )
    return [found] if found else []


def _stem(image: ThermalImage, index: int) -> str:
    path = image.source.path
    if path is None:
        return f"pair_{index:06d}"
    return path.stem if image.source.frame_count == 1 else f"{path.stem}_{index:06d}"


def same_source(left: str | Path, right: str | Path) -> None:
    """Both views must not be one file.

    Raises:
        ReadError: They are.
    """
    if Path(left).resolve() == Path(right).resolve():
        raise ReadError(f"{left} is given as left and as right view. Name the other camera's file.")
