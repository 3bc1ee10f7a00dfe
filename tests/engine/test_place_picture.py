"""The sheet of matches: what is written, and where the pictures are."""

import numpy as np
import pytest
from PIL import Image

from thermoscope.core.errors import ConfigError
from thermoscope.engine.place_index import Match
from thermoscope.engine.place_picture import GAP_PX, PAPER, TILE_PX, match_sheet, match_text
from thermoscope.io.thermal_image import ThermalImage


def match(rank=1, name="/maps/bridge.png", path="", position=(12, 4.5, 1)):
    return Match(rank, name, path, 0.834, 0.576, position, 0)


def test_a_line_says_rank_place_similarity_and_position():
    assert match_text(match()) == "1. bridge.png  0.83  (12.0, 4.5) m"
    assert match_text(match(2, "barn", position=None)) == "2. barn  0.83"


def test_a_row_is_the_query_and_its_matches_in_their_colours(tmp_path):
    red = np.zeros((60, 80, 3), np.uint8)
    red[..., 0] = 200
    Image.fromarray(red).save(tmp_path / "red.png")
    frame = ThermalImage(agc=np.full((60, 80), 90, np.uint8))
    found = [match(path=str(tmp_path / "red.png")), match(2, path=str(tmp_path / "gone.png"))]
    sheet = match_sheet([("q", frame), ("r", frame)], [found, found[:1]])
    tile = TILE_PX + GAP_PX
    assert sheet.shape[1] == 3 * tile
    middle = sheet.shape[0] // 4
    assert sheet[middle, tile + TILE_PX // 2].tolist() == [200, 0, 0]
    assert len(set(sheet[middle, 2 * tile + TILE_PX // 2].tolist())) == 1  # grey: no picture
    assert tuple(sheet[3 * middle, 2 * tile + TILE_PX // 2]) == PAPER  # no second match


def test_a_sheet_needs_queries():
    with pytest.raises(ConfigError, match="got 0 for 0"):
        match_sheet([], [])
