"""``thermoscope datasets extract``: recordings as the folders that the readers read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from thermoscope.cli.arguments import parse
from thermoscope.core.errors import ConfigError
from thermoscope.data.bag_extract import TOPICS, Topics, extract
from thermoscope.data.framelist import RULES, FrameRule

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """Write the paired frames of ROS bags and MCAP files as a data set's folders, without ROS."""

    bags: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Recordings: .bag or .mcap files, or ROS 2 folders; each becomes a sequence of its name."""
    out: Path
    """Folder for all sequences."""
    layout: Literal["vivid", "odombeyondvision", "tartanrgbt", "pairs"]
    """Data set whose layout is written; pairs for your own recordings, with --rgb and --thermal."""
    group: str = ""
    """Folder between --out and the sequences: driving_full, day1."""
    name: str = ""
    """Name of the sequence, for one recording; with it several .bag files are one recording."""
    rgb: str = ""
    """Topic of the colour pictures, if not the data set's."""
    thermal: str = ""
    """Topic of the thermal pictures, if not the data set's."""
    pose: str = ""
    """Topic of the GPS fixes or odometry, if not the data set's."""
    registered: bool = False
    """The colour pictures lie in the thermal camera's grid (layout tartanrgbt)."""
    max_gap_s: float | None = None
    """Largest time between the two pictures of a pair, if not the data set's."""
    every: int | None = None
    """Of the pairs found, keep the first of each so many, if not the data set's."""


def main(words: Sequence[str]) -> int:
    """Run the verb."""
    arguments = parse(Arguments, words, verb="datasets extract")
    paths = arguments.bags
    if not paths:
        raise ConfigError("no recording is given. Name .bag or .mcap files, or ROS 2 folders.")
    recordings = [paths] if arguments.name else [(path,) for path in paths]
    for recording in recordings:
        report = extract(
            recording,
            arguments.out,
            layout=arguments.layout,
            name=arguments.name,
            group=arguments.group,
            topics=_topics(arguments),
            rule=_rule(arguments),
        )
        print(report)
    return 0


def _topics(arguments: Arguments) -> Topics:
    usual = TOPICS[arguments.layout]
    given = {
        side: (topic,) for side in ("rgb", "thermal", "pose") if (topic := getattr(arguments, side))
    }
    return dataclasses.replace(usual, registered=arguments.registered, **given)


def _rule(arguments: Arguments) -> FrameRule:
    usual = RULES[arguments.layout]
    max_gap_s = usual.max_gap_s if arguments.max_gap_s is None else arguments.max_gap_s
    every = usual.every if arguments.every is None else arguments.every
    return dataclasses.replace(usual, max_gap_s=max_gap_s, every=every)
