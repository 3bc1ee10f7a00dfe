"""What a data set holds, counted without decoding: by environment, time of day and sequence.

A share that is far from the others is what a model will not learn: `Balance.evenness` says in one
number how equal the groups are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thermoscope.core.errors import ConfigError
from thermoscope.data.base import Dataset, Item

__all__ = ["Balance", "Group", "balance"]

UNSAID = "(not stated)"
_GROUPS = ("environment", "time_of_day", "sequence")


@dataclass(frozen=True)
class Group:
    """Frames that share a value.

    Attributes:
        kind: "split", "environment", "time_of_day" or "sequence".
        name: The value.
        frames: How many.
        share: Of all frames, [0, 1].
    """

    kind: str
    name: str
    frames: int
    share: float


@dataclass(frozen=True)
class Balance:
    """Counts of one or several parts of a data set.

    Attributes:
        name: Data set.
        frames: In all parts.
        groups: Largest first within a kind.
        positioned: Frames with a position in metres.
        files: Files by kind, such as ``{"rgb": 784}``.
        findings: What the readers left out, each line once.
    """

    name: str
    frames: int
    groups: tuple[Group, ...]
    positioned: int
    files: Mapping[str, int]
    findings: tuple[str, ...]

    def of(self, kind: str) -> tuple[Group, ...]:
        """Groups of one kind.

        Raises:
            ConfigError: No such kind.
        """
        known = ("split", *_GROUPS)
        if kind not in known:
            raise ConfigError(f"kind must be one of {', '.join(known)}, got {kind!r}.")
        return tuple(group for group in self.groups if group.kind == kind)

    def evenness(self, kind: str) -> float:
        """Entropy of the shares over that of equal shares: 1 = equal, 0 = one group.

        Raises:
            ConfigError: No such kind.

        Source: Pielou, J. Theoretical Biology 13 (1966).
        """
        groups = self.of(kind)
        if len(groups) < 2:
            return 0.0
        entropy = -sum(g.share * math.log(g.share) for g in groups)
        return entropy / math.log(len(groups))


def balance(parts: Sequence[Dataset]) -> Balance:
    """Counts over all parts, usually the splits of one data set.

    Raises:
        ConfigError: No part.
    """
    if not parts:
        raise ConfigError("balance needs at least one data set, got none.")
    items: list[tuple[str, Item]] = [
        (part.split, part.item(i)) for part in parts for i in range(len(part))
    ]
    groups = _counted("split", [split for split, _ in items])
    for kind in _GROUPS:
        groups += _counted(kind, [getattr(item, kind) or UNSAID for _, item in items])
    files = Counter(kind for _, item in items for kind in item.paths)
    return Balance(
        name=parts[0].name,
        frames=len(items),
        groups=tuple(groups),
        positioned=sum(item.position_m is not None for _, item in items),
        files=dict(sorted(files.items())),
        findings=tuple(dict.fromkeys(f for p in parts for f in getattr(p, "findings", ()))),
    )


def _counted(kind: str, values: Sequence[str]) -> list[Group]:
    ordered = sorted(Counter(values).items(), key=lambda entry: (-entry[1], entry[0]))
    return [Group(kind, name, frames, frames / len(values)) for name, frames in ordered]
