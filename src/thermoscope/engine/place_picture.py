"""A picture of answers: each query, and beside it the places found.

What is NOT here: search (`thermoscope.engine.place_index`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, ThermoscopeError
from thermoscope.engine.place_index import Match
from thermoscope.engine.render import RenderStyle, render
from thermoscope.io.read import read
from thermoscope.io.thermal_image import ThermalImage

__all__ = ["match_sheet", "match_text"]

TILE_PX = 480  # width of one picture with its title
GAP_PX = 12
PAPER = (245, 245, 245)
MISSING = (205, 205, 205)
Picture = NDArray[np.uint8]


def match_text(match: Match) -> str:
    """Rank, name, similarity and position in a line: ``1. bridge  0.83  (12.0, 4.5) m``.

    Of a name that is a path only the last part.
    """
    where = ""
    if match.position_m is not None:
        where = "  ({:.1f}, {:.1f}) m".format(*match.position_m[:2])
    return f"{match.rank}. {PurePath(match.name).name}  {match.similarity:.2f}{where}"


def match_sheet(
    queries: Sequence[tuple[str, ThermalImage]], matches: Sequence[Sequence[Match]]
) -> Picture:
    """(H, W, 3) uint8: a row for each query, the query on the left, its matches after it.

    Args:
        queries: Name and frame of each.
        matches: Of each; pictures are read from their paths, and a grey tile stands for one that
            cannot be read.

    Raises:
        ConfigError: No query, or another number of match lists.
    """
    if not queries or len(queries) != len(matches):
        raise ConfigError(
            f"a sheet needs one list of matches a query, got {len(matches)} for {len(queries)}."
        )
    rows = []
    for (name, frame), found in zip(queries, matches, strict=True):
        tiles = [_tile(frame, f"query {name}"), *(_matched(match) for match in found)]
        rows.append(_row(tiles))
    width = max(row.shape[1] for row in rows)
    return np.concatenate([_widened(row, width) for row in rows])


def _matched(match: Match) -> Picture:
    title = match_text(match)
    try:
        return _tile(_read(match.path), title)
    except ThermoscopeError:
        grey = np.full((TILE_PX * 3 // 4, TILE_PX, 3), MISSING, np.uint8)
        return _tile(ThermalImage(agc=grey), f"{title} (no picture)")


def _read(path: str) -> ThermalImage:
    """The picture of a place; of a longer file the frame that ``a.seq#12`` names."""
    file, _, frame = path.rpartition("#")
    if file and frame.isdecimal() and not Path(path).exists():
        return read(file, frame=int(frame))
    return read(path)


def _tile(frame: ThermalImage, title: str) -> Picture:
    import cv2

    style = RenderStyle(colour_bar=False)
    plain = render(frame, style)
    height = max(1, round(plain.shape[0] * TILE_PX / plain.shape[1]))
    scaled = cv2.resize(plain, (TILE_PX, height), interpolation=cv2.INTER_AREA)
    titled = RenderStyle(colour_bar=False, title=title)
    return render(ThermalImage(agc=np.asarray(scaled, np.uint8)), titled)


def _row(tiles: Sequence[Picture]) -> Picture:
    height = max(tile.shape[0] for tile in tiles)
    parts = []
    for tile in tiles:
        paper = np.full((height + GAP_PX, tile.shape[1] + GAP_PX, 3), PAPER, np.uint8)
        paper[: tile.shape[0], : tile.shape[1]] = tile
        parts.append(paper)
    return np.concatenate(parts, axis=1)


def _widened(row: Picture, width: int) -> Picture:
    paper = np.full((row.shape[0], width, 3), PAPER, np.uint8)
    paper[:, : row.shape[1]] = row
    return paper
