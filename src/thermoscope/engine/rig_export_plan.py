"""Which frames of a recording become a data set: paired across cameras, clean, and thinned.

One pass over each camera finds what is wrong with its frames (shutter, standing picture,
duplicate) and how its picture moves; the motions tell the skew between cameras. What is NOT here:
what is made of the frames (`.rig_export_views`) and files (`.rig_export_layouts`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, RigError, UnknownNameError
from thermoscope.rig.camera import FfcState, Frame
from thermoscope.rig.clock import clock_spans, fit_clock
from thermoscope.rig.faults import Stillness
from thermoscope.rig.pairing import pair_nearest
from thermoscope.rig.recording_format import CameraRecord, Manifest
from thermoscope.rig.replay import RecordedCamera
from thermoscope.rig.skew import estimate_skew, image_motion_px

__all__ = ["ExportPlan", "PairedFrame", "PlannedPair", "camera_roles", "plan_export"]

NS = 1_000_000_000
SKEW_S = 300.0  # of motion are enough for the skew
LATEST = 0.75  # of the time between frames: half, and jitter; later than that there was a gap
Times = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class PairedFrame:
    """One frame of a pair.

    Attributes:
        camera: Its camera.
        sequence: The host's count of it in the recording.
        counter: The device's own count; None where it does not tell.
        t_ns: Recording's time by the fitted clock of the camera, ns since 1970.
        dt_ns: `t_ns` minus that of the thermal frame, ns.
    """

    camera: str
    sequence: int
    counter: int | None
    t_ns: int
    dt_ns: int


@dataclass(frozen=True)
class PlannedPair:
    """Frames of one instant by role: thermal, thermal_right, rgb, rgb_right."""

    frames: Mapping[str, PairedFrame]

    @property
    def t_ns(self) -> int:
        """Of the thermal frame, ns since 1970."""
        return self.frames["thermal"].t_ns


@dataclass(frozen=True)
class ExportPlan:
    """What of a recording will be exported.

    Attributes:
        pairs: In the order of time.
        left_out: Reason to thermal frames that are not in a pair.
        skew: Camera to what is known of its skew against the thermal camera; see `SkewReport`.
    """

    pairs: tuple[PlannedPair, ...]
    left_out: Mapping[str, int]
    skew: Mapping[str, Mapping[str, Any]]


def camera_roles(cameras: Sequence[CameraRecord]) -> dict[str, str]:
    """Role to camera: the first of its kind, and the first of it whose name says right.

    Raises:
        ConfigError: No thermal or no colour camera.

    Example:
        >>> records = [CameraRecord(name, "", kind, "raw", 8, 8, 30.0) for name, kind in
        ...            (("thermal_left", "thermal"), ("thermal_right", "thermal"), ("zed", "rgb"))]
        >>> camera_roles(records)
        {'thermal': 'thermal_left', 'thermal_right': 'thermal_right', 'rgb': 'zed'}
    """
    roles: dict[str, str] = {}
    for kind in ("thermal", "rgb"):
        names = [camera.name for camera in cameras if camera.kind == kind]
        right = [name for name in names if "right" in name]
        left = [name for name in names if name not in right]
        if not left:
            told = ", ".join(f"{camera.name} ({camera.kind})" for camera in cameras)
            raise ConfigError(
                f"the recording has no {kind} camera but {told or 'none'}. An export needs a "
                "thermal and a colour camera, none of them called right alone."
            )
        roles[kind] = left[0]
        if right:
            roles[f"{kind}_right"] = right[0]
    return roles


def plan_export(
    folder: Path,
    manifest: Manifest,
    roles: Mapping[str, str],
    *,
    rate_hz: float,
    settle_s: float,
    max_gap_ms: float | None,
) -> ExportPlan:
    """Pair, check and thin the frames of a recording.

    Args:
        folder: Of the recording.
        manifest: Of the recording.
        roles: Role to camera, with "thermal" and "rgb".
        rate_hz: Pairs a second.
        settle_s: After the shutter opened, frames are left out for so long, s.
        max_gap_ms: Largest difference in time between frames of a pair once the skew is taken off;
            None = half a period of the slower camera.

    Raises:
        UnknownNameError: A role names a camera that is not in the recording.
        ReadError: The recording is damaged or was never closed.
        RigError: Not one clean pair.
    """
    records = {camera.name: camera for camera in manifest.cameras}
    for name in roles.values():
        if name not in records:
            raise UnknownNameError("camera of the recording", name, records)
    tracks = {role: _track(folder, name, settle_s) for role, name in roles.items()}
    thermal = tracks.pop("thermal")
    skew = {roles[role]: _skew(thermal, track) for role, track in tracks.items()}
    limits_ms = {
        role: max_gap_ms or _half_period_ms(records[roles["thermal"]], records[roles[role]])
        for role in tracks
    }
    partners = {
        role: _partners(
            thermal, track, limits_ms[role], -1e6 * float(skew[roles[role]].get("skew_ms", 0.0))
        )
        for role, track in tracks.items()
    }
    joined = _Joined(roles, thermal, tracks, partners)
    clean, left_out = joined.clean()
    if not clean:
        told = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        limits = ", ".join(f"{role} {limit:.1f} ms" for role, limit in limits_ms.items())
        raise RigError(
            f"{folder} has no clean pair: of {len(thermal.t_ns)} thermal frames {told or 'none'}. "
            f"Limits in time: {limits}. Allow more with --max-gap-ms, or record again."
        )
    beat_ns = NS / (records[roles["thermal"]].rate_hz or 30.0)
    chosen = _sampled(thermal.t_ns[clean], NS / rate_hz, beat_ns)
    if len(chosen) < len(clean):
        left_out["between samples"] = len(clean) - len(chosen)
    pairs = tuple(joined.pair(clean[i], manifest.offset_ns) for i in chosen)
    return ExportPlan(pairs, left_out, skew)


def _sampled(t_ns: Times, step_ns: float, beat_ns: float) -> list[int]:
    """Positions of the frames nearest to a beat of `step_ns`, which starts anew after a gap.

    Frames come every `beat_ns` and do not fall on the beat of the samples: each may be half a frame
    early, and what one is off is not carried to the next.
    """
    passed_ns = t_ns - t_ns[0]
    if len(t_ns) > 1:  # half of them may have no partner
        beat_ns = max(beat_ns, float(np.median(np.diff(passed_ns))))
    early_ns = beat_ns / 2 if step_ns > beat_ns else np.inf  # every frame is asked for
    kept, last, due = [], -1, 0.0
    for position, at in enumerate(passed_ns.tolist()):
        if at <= last or at < due - early_ns:
            continue
        kept.append(position)
        last, due = at, (due if at - due < LATEST * beat_ns else at) + step_ns
    return kept


@dataclass
class _Track:
    """The frames of one camera without repeats of the counter."""

    t_ns: Times
    """Monotonic clock of the host, ns."""
    sequence: list[int]
    counter: list[int | None]
    trouble: list[str]
    """What is wrong with a frame; empty if nothing."""
    motion: NDArray[np.float64]
    """(N, 2) px."""


@dataclass
class _Told:
    """What a pass over a camera collects."""

    frames: list[tuple[int, int | None, int | None, int]] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


def _track(folder: Path, name: str, settle_s: float) -> _Track:
    told = _Told()
    motion = image_motion_px(_clean_images(folder, name, settle_s, told))
    sequence = [row[0] for row in told.frames]
    counter = [row[1] for row in told.frames]
    return _Track(_times(told.frames), sequence, counter, told.trouble, motion)


def _clean_images(
    folder: Path, name: str, settle_s: float, told: _Told
) -> Iterator[NDArray[np.generic]]:
    """Pictures of a camera without duplicates, noting what is wrong with each."""
    stillness, opened_ns, before = Stillness(), None, None
    with RecordedCamera(folder, name, pace="fast") as camera:
        for frame in camera.frames():
            if frame.counter is not None and frame.counter == before:
                continue
            before, still = frame.counter, stillness.update(frame.image)
            if frame.ffc is FfcState.RUNNING:
                opened_ns = frame.host_ns + int(settle_s * NS)
            told.frames.append(_clocks(frame))
            told.trouble.append(_trouble(frame, opened_ns, still))
            yield frame.image


def _clocks(frame: Frame) -> tuple[int, int | None, int | None, int]:
    host_ns = frame.kernel_ns if frame.kernel_ns is not None else frame.host_ns
    return frame.sequence, frame.counter, frame.device_ns, host_ns


def _trouble(frame: Frame, opened_ns: int | None, still: bool) -> str:
    if opened_ns is not None and frame.host_ns <= opened_ns:
        return "shutter"
    return "frozen" if still else ""


def _times(frames: Sequence[tuple[int, int | None, int | None, int]]) -> Times:
    """Host times by the fitted clock of the device where it has one, else as they came."""
    times = np.array([host for *_, host in frames], np.int64)
    device = [row[2] for row in frames]
    if frames and None not in device:
        counted = [row[1] for row in frames]
        device_ns = np.array(device, np.int64)
        spans = clock_spans(device_ns, None if None in counted else np.array(counted, np.int64))
        for span in spans:
            try:
                times[span] = fit_clock(device_ns[span], times[span]).host_ns(device_ns[span])
            except RigError:  # one frame between two restarts
                continue
    return np.asarray(np.maximum.accumulate(times))


def _skew(thermal: _Track, other: _Track) -> dict[str, Any]:
    """The skew of another camera against the thermal one, or why it is not known."""
    first, second = _beginning(thermal), _beginning(other)
    try:
        report = estimate_skew(
            thermal.t_ns[first], thermal.motion[first], other.t_ns[second], other.motion[second],
            valid_a=_clean(thermal)[first], valid_b=_clean(other)[second],
        )  # fmt: skip
    except RigError as err:
        return {"unknown": str(err)}
    names = ("skew_ms", "low_ms", "high_ms", "agreement", "duration_s")
    return {name: round(float(getattr(report, name)), 4) for name in names}


def _beginning(track: _Track) -> slice:
    if not len(track.t_ns):
        return slice(0)
    return slice(int(np.searchsorted(track.t_ns, track.t_ns[0] + int(SKEW_S * NS))))


def _clean(track: _Track) -> Bools:
    return np.array([not trouble for trouble in track.trouble], bool)


def _half_period_ms(*cameras: CameraRecord) -> float:
    return 500.0 / min(camera.rate_hz or 30.0 for camera in cameras)


def _partners(thermal: _Track, other: _Track, max_gap_ms: float, offset_ns: float) -> Times:
    """Index of the other camera's frame of each thermal frame, -1 where there is none."""
    pairs = pair_nearest(thermal.t_ns, other.t_ns, max_dt_ns=max_gap_ms * 1e6, offset_ns=offset_ns)
    partners = np.full(len(thermal.t_ns), -1, np.int64)
    partners[pairs.first] = pairs.second
    return partners


@dataclass(frozen=True)
class _Joined:
    """Cameras whose frames are joined with those of the thermal one."""

    roles: Mapping[str, str]
    thermal: _Track
    others: Mapping[str, _Track]
    partners: Mapping[str, Times]

    def clean(self) -> tuple[list[int], dict[str, int]]:
        """Thermal frames whose pair is clean, and how many others are not, by reason."""
        why = [self._trouble(index) for index in range(len(self.thermal.t_ns))]
        clean = [index for index, reason in enumerate(why) if not reason]
        return clean, dict(Counter(reason for reason in why if reason))

    def _trouble(self, index: int) -> str:
        if self.thermal.trouble[index]:
            return self.thermal.trouble[index]
        for role, track in self.others.items():
            partner = int(self.partners[role][index])
            trouble = "without a partner" if partner < 0 else track.trouble[partner]
            if trouble:
                return trouble
        return ""

    def pair(self, index: int, offset_ns: int) -> PlannedPair:
        """The pair of a thermal frame; `offset_ns` is recording's minus host's time."""
        places = {"thermal": (self.thermal, index)}
        for role, track in self.others.items():
            places[role] = (track, int(self.partners[role][index]))
        zero_ns = int(self.thermal.t_ns[index])
        return PlannedPair(
            {
                role: PairedFrame(
                    camera=self.roles[role],
                    sequence=track.sequence[at],
                    counter=track.counter[at],
                    t_ns=int(track.t_ns[at]) + offset_ns,
                    dt_ns=int(track.t_ns[at]) - zero_ns,
                )
                for role, (track, at) in places.items()
            }
        )
