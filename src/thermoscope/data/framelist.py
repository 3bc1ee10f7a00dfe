"""Which frames of two cameras, and which poses, belong together.

Clocks tick apart, frames are lost and vehicles stand still; a list of pairs is therefore a choice.
Here it is made by a `FrameRule` and comes with a `PairReport`: how many frames were kept, how many
were dropped and why, and how far in time the members of a pair lie apart. No frame is used twice,
and both sides of a list run forward in time. What is NOT here: reading stamps from files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.data.stamps import NS, Indices, checked_stamps, nearest_in_time

__all__ = [
    "RULES",
    "FrameList",
    "FrameRule",
    "PairReport",
    "frame_list",
]

QUANTILES = (0.5, 0.9, 0.99, 1.0)


@dataclass(frozen=True)
class FrameRule:
    """How pairs are chosen.

    Attributes:
        mode: ``"nearest"``: every RGB frame with the thermal frame nearest to it. ``"slots"``: at
            most one pair for each tick of a regular clock, the pair with the smallest gap among the
            frames that lie within `reach_s` of the tick. ``"clock"``: at each tick, the RGB and the
            thermal frame nearest to the tick; the clock starts with the first pose.
        max_gap_s: Largest time between the frames of a pair, and in mode ``"clock"`` between a
            frame and its tick too.
        rate_hz: Ticks a second, for ``"slots"`` and ``"clock"``.
        reach_s: Frames considered around a tick, for ``"slots"``.
        max_pose_gap_s: Largest time between a pair and its pose, if poses are given.
        every: Of the pairs found, the first of each so many is kept.
        min_speed_mps: Pairs slower than this are dropped, if speeds are given; 0 keeps all.

    Raises:
        ConfigError: A number is not positive, or `every` is less than 1.
    """

    mode: Literal["nearest", "slots", "clock"] = "nearest"
    max_gap_s: float = 0.1
    rate_hz: float = 1.0
    reach_s: float = 1.0
    max_pose_gap_s: float = 0.5
    every: int = 1
    min_speed_mps: float = 0.0

    def __post_init__(self) -> None:
        """Raises: see the class."""
        for name in ("max_gap_s", "rate_hz", "reach_s", "max_pose_gap_s"):
            check_positive(getattr(self, name), name=name)
        if self.mode not in ("nearest", "slots", "clock"):
            raise ConfigError(f"mode must be nearest, slots or clock, got {self.mode!r}.")
        if self.every < 1:
            raise ConfigError(f"every must be 1 or more, got {self.every}.")
        if not 0 <= self.min_speed_mps < np.inf:
            raise ConfigError(f"min_speed_mps must be 0 or more, got {self.min_speed_mps}.")


RULES: Mapping[str, FrameRule] = {
    # One pair for each whole second from frames within 1 s of it, gap at most 0.2 s; the published
    # script warns when the GPS fix is more than 1 s away, here such a pair is dropped.
    "vivid": FrameRule("slots", max_gap_s=0.2, rate_hz=1.0, reach_s=1.0, max_pose_gap_s=1.0),
    # Thermal within 0.1 s of each RGB frame, pose within 0.5 s. Readers then take every tenth line.
    "sthereo": FrameRule("nearest", max_gap_s=0.1, max_pose_gap_s=0.5),
    # Every second of the odometry's clock. The published script has no limit on the gap.
    "odombeyondvision": FrameRule("clock", max_gap_s=0.1, rate_hz=1.0, max_pose_gap_s=0.1),
    # Cameras on one trigger, recorded at 10 Hz.
    "tartanrgbt": FrameRule("nearest", max_gap_s=0.05, max_pose_gap_s=0.2, every=10),
    # Anybody's own recording: one and a half frames of a 30 Hz camera.
    "pairs": FrameRule("nearest", max_gap_s=0.05),
}


@dataclass(frozen=True)
class PairReport:
    """What became of the frames.

    Attributes:
        offered: Frames that could have led to a pair: RGB frames, or ticks of the clock.
        kept: Pairs in the list.
        dropped: Reason to number; with `kept` they add up to `offered`.
        gap_s: Quantile (0.5, 0.9, 0.99, 1) to time between RGB and thermal, s; nan in an empty
            list.
        pose_gap_s: The same between a pair and its pose; empty without poses.
    """

    offered: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    gap_s: Mapping[float, float] = field(default_factory=dict)
    pose_gap_s: Mapping[float, float] = field(default_factory=dict)

    def __str__(self) -> str:
        reasons = "".join(f"; {count} {reason}" for reason, count in self.dropped.items())
        text = f"{self.kept} of {self.offered} kept{reasons}"
        for name, gaps in (("gap", self.gap_s), ("pose gap", self.pose_gap_s)):
            if gaps and self.kept:
                values = ", ".join(f"{q:.0%} {1e3 * gap:.1f} ms" for q, gap in gaps.items())
                text += f"; {name}: {values}"
        return text


@dataclass(frozen=True)
class FrameList:
    """Pairs as positions in the given stamps.

    Attributes:
        rgb: (N,) positions in the RGB stamps.
        thermal: (N,) positions in the thermal stamps.
        pose: (N,) positions in the pose stamps; empty if none were given.
        gap_s: (N,) time from the RGB to the thermal frame, s, signed.
        report: What was kept and dropped.
    """

    rgb: Indices
    thermal: Indices
    pose: Indices
    gap_s: NDArray[np.float64]
    report: PairReport

    def __len__(self) -> int:
        return len(self.rgb)


def frame_list(
    rule: FrameRule,
    rgb_ns: ArrayLike,
    thermal_ns: ArrayLike,
    *,
    pose_ns: ArrayLike | None = None,
    pose_speed_mps: ArrayLike | None = None,
) -> FrameList:
    """Pairs of RGB and thermal frames, with their poses if given, after `rule`.

    Repeated stamps count once: the later frames are dropped, and reported.

    Args:
        rule: See `FrameRule`; `RULES` holds those of published data sets.
        rgb_ns: (N,) integer stamps, ns, any order, one clock for all streams.
        thermal_ns: (M,) likewise.
        pose_ns: (P,) likewise; a pair without a pose near enough is dropped.
        pose_speed_mps: (P,) speed at each pose, for `FrameRule.min_speed_mps`; nan counts as slow.

    Returns:
        The list in the order of time; it may be empty.

    Raises:
        UnitError: Stamps are not integers.
        ShapeError: Stamps are not one row of numbers, or speeds do not match the poses.
        ConfigError: Speeds without poses, a smallest speed without speeds, or mode ``"clock"``
            without poses.

    Example:
        >>> ms = 1_000_000
        >>> found = frame_list(RULES["sthereo"], [0, 300 * ms], [20 * ms, 900 * ms])
        >>> found.rgb.tolist(), found.thermal.tolist()
        ([0], [0])
        >>> print(found.report)
        1 of 2 kept; 1 with no thermal frame free within 0.1 s; gap: 50% 20.0 ms, 90% 20.0 ms, \
99% 20.0 ms, 100% 20.0 ms
    """
    rgb, thermal = checked_stamps(rgb_ns, "rgb_ns"), checked_stamps(thermal_ns, "thermal_ns")
    pose = None if pose_ns is None else checked_stamps(pose_ns, "pose_ns")
    speed = _speeds(rule, pose, pose_speed_mps)
    draft = _draft(rule, rgb, thermal, pose)
    draft = _with_poses(draft, rule, rgb, pose)
    if speed is not None:
        fast = speed[draft.pose] >= rule.min_speed_mps
        draft = draft.only(fast, f"slower than {rule.min_speed_mps:g} m/s")
    first = np.arange(len(draft.rgb)) % rule.every == 0
    draft = draft.only(first, f"between every {rule.every}. pair")
    return _finished(draft, rgb, thermal, pose)


@dataclass(frozen=True)
class _Draft:
    """Pairs so far."""

    rgb: Indices
    thermal: Indices
    offered: int
    dropped: Counter[str]
    pose: Indices = field(default_factory=lambda: np.empty(0, np.int64))

    def only(self, chosen: NDArray[np.bool_], reason: str) -> _Draft:
        """The chosen pairs; the others are dropped for `reason`."""
        lost = int(np.count_nonzero(~chosen))
        dropped = self.dropped + Counter({reason: lost})
        pose = self.pose[chosen] if len(self.pose) else self.pose
        return replace(
            self, rgb=self.rgb[chosen], thermal=self.thermal[chosen], pose=pose, dropped=dropped
        )


def _speeds(
    rule: FrameRule, pose: Indices | None, pose_speed_mps: ArrayLike | None
) -> NDArray[np.float64] | None:
    if pose is None and (pose_speed_mps is not None or rule.mode == "clock"):
        raise ConfigError("speeds and the mode 'clock' need poses. Give pose_ns.")
    if rule.min_speed_mps == 0:
        return None
    if pose is None or pose_speed_mps is None:
        raise ConfigError(f"min_speed_mps {rule.min_speed_mps:g} needs pose_ns and pose_speed_mps.")
    speed = np.asarray(pose_speed_mps, dtype=np.float64)
    if speed.shape != pose.shape:
        raise ShapeError(f"pose_speed_mps must be {pose.shape}, as pose_ns, got {speed.shape}.")
    return speed


def _draft(rule: FrameRule, rgb: Indices, thermal: Indices, pose: Indices | None) -> _Draft:
    if rule.mode == "nearest":
        return _nearest(rule, rgb, thermal)
    if rule.mode == "slots":
        return _slots(rule, rgb, thermal)
    return _clock(rule, rgb, thermal, np.empty(0, np.int64) if pose is None else pose)


def _in_order(stamps: Indices) -> Indices:
    """Positions in the order of time, each stamp once."""
    return np.asarray(np.unique(stamps, return_index=True)[1], dtype=np.int64)


def _nearest(rule: FrameRule, rgb: Indices, thermal: Indices) -> _Draft:
    order, others = _in_order(rgb), _in_order(thermal)
    nearest = nearest_in_time(thermal[others], rgb[order], max_gap_s=rule.max_gap_s)
    free = nearest >= 0
    partner = nearest.copy()
    partner[free] = others[nearest[free]]
    draft = _Draft(
        order, partner, len(rgb), Counter({"with a repeated stamp": len(rgb) - len(order)})
    )
    draft = draft.only(free, f"with no thermal frame free within {rule.max_gap_s:g} s")
    gap = np.abs(thermal[draft.thermal] - rgb[draft.rgb])
    by_gap = np.argsort(gap, kind="stable")
    best = np.zeros(len(gap), bool)
    best[by_gap[np.unique(draft.thermal[by_gap], return_index=True)[1]]] = True
    return draft.only(best, "whose thermal frame is nearer to another")


def _slots(rule: FrameRule, rgb: Indices, thermal: Indices) -> _Draft:
    empty = "slots with no free frames within reach"
    apart = f"slots with no pair within {rule.max_gap_s:g} s"
    dropped: Counter[str] = Counter()
    pairs: list[tuple[int, int]] = []
    ticks = _ticks(rgb, thermal, rule.rate_hz)
    reach, last = round(rule.reach_s * NS), (np.iinfo(np.int64).min,) * 2
    sides = [(o, s[o]) for s, o in ((rgb, _in_order(rgb)), (thermal, _in_order(thermal)))]
    for tick in ticks:
        near = [
            _within(order, t, tick - reach, tick + reach, after)
            for (order, t), after in zip(sides, last, strict=True)
        ]
        if not len(near[0]) or not len(near[1]):
            dropped[empty] += 1
            continue
        gaps = np.abs(rgb[near[0]][:, None] - thermal[near[1]][None])
        off = np.abs(rgb[near[0]] - tick)[:, None] + np.abs(thermal[near[1]] - tick)[None]
        best = np.lexsort((off.ravel(), gaps.ravel()))[0]
        if gaps.ravel()[best] > round(rule.max_gap_s * NS):
            dropped[apart] += 1
            continue
        i, j = (
            int(side[k]) for side, k in zip(near, np.unravel_index(best, gaps.shape), strict=True)
        )
        pairs.append((i, j))
        last = (int(rgb[i]), int(thermal[j]))
    rows = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    return _Draft(rows[:, 0], rows[:, 1], len(ticks), dropped)


def _within(order: Indices, t: Indices, low: int, high: int, after: int) -> Indices:
    """Positions whose stamps lie in [low, high] and after `after`; `t` is sorted."""
    first = max(int(np.searchsorted(t, low)), int(np.searchsorted(t, after, side="right")))
    return order[first : int(np.searchsorted(t, high, side="right"))]


def _ticks(rgb: Indices, thermal: Indices, rate_hz: float) -> Indices:
    """Multiples of the period from the whole second at or before the first frame to the last."""
    if not len(rgb) or not len(thermal):
        return np.empty(0, np.int64)
    first = min(rgb.min(), thermal.min()) // NS * NS
    return _regular(int(first), int(max(rgb.max(), thermal.max())), rate_hz)


def _regular(first_ns: int, last_ns: int, rate_hz: float) -> Indices:
    count = int((last_ns - first_ns) / NS * rate_hz) + 1
    steps = np.rint(np.arange(count) * (NS / rate_hz)).astype(np.int64)
    return np.asarray(first_ns + steps, dtype=np.int64)


def _clock(rule: FrameRule, rgb: Indices, thermal: Indices, pose: Indices) -> _Draft:
    ticks = np.empty(0, np.int64)
    if len(pose):
        ticks = _regular(int(pose.min()), int(pose.max()), rule.rate_hz)
    near = [nearest_in_time(side, ticks, max_gap_s=rule.max_gap_s) for side in (rgb, thermal)]
    draft = _Draft(near[0], near[1], len(ticks), Counter())
    draft = draft.only(draft.rgb >= 0, f"ticks with no RGB frame within {rule.max_gap_s:g} s")
    draft = draft.only(
        draft.thermal >= 0, f"ticks with no thermal frame within {rule.max_gap_s:g} s"
    )
    close = np.abs(thermal[draft.thermal] - rgb[draft.rgb]) <= round(rule.max_gap_s * NS)
    draft = draft.only(close, f"ticks whose frames are more than {rule.max_gap_s:g} s apart")
    fresh = np.ones(len(draft.rgb), bool)
    fresh[1:] = (np.diff(rgb[draft.rgb]) > 0) & (np.diff(thermal[draft.thermal]) > 0)
    return draft.only(fresh, "ticks that would use a frame again")


def _with_poses(draft: _Draft, rule: FrameRule, rgb: Indices, pose: Indices | None) -> _Draft:
    if pose is None:
        return draft
    found = nearest_in_time(pose, rgb[draft.rgb], max_gap_s=rule.max_pose_gap_s)
    draft = replace(draft, pose=found)
    return draft.only(found >= 0, f"with no pose within {rule.max_pose_gap_s:g} s")


def _finished(draft: _Draft, rgb: Indices, thermal: Indices, pose: Indices | None) -> FrameList:
    gap_s = (thermal[draft.thermal] - rgb[draft.rgb]) / NS
    pose_gap: Mapping[float, float] = {}
    if pose is not None:
        pose_gap = _quantiles((pose[draft.pose] - rgb[draft.rgb]) / NS)
    report = PairReport(
        offered=draft.offered,
        kept=len(draft.rgb),
        dropped={reason: count for reason, count in draft.dropped.items() if count},
        gap_s=_quantiles(gap_s),
        pose_gap_s=pose_gap,
    )
    return FrameList(draft.rgb, draft.thermal, draft.pose, gap_s, report)


def _quantiles(gap_s: NDArray[np.float64]) -> Mapping[float, float]:
    if not len(gap_s):
        return dict.fromkeys(QUANTILES, float("nan"))
    return {q: float(np.quantile(np.abs(gap_s), q)) for q in QUANTILES}
