"""Palettes: lightness, shapes, names."""

from __future__ import annotations

import numpy as np
import pytest

from thermoscope.core.errors import ShapeError, UnitError, UnknownNameError
from thermoscope.sensor.palette import apply_palette, lightness, list_palettes, palette_table

RISING = ["white_hot", "inferno", "ironbow", "lava", "arctic", "amber", "green_hot", "magma"]


def test_the_thermographers_palettes_are_there() -> None:
    wanted = {"inferno", "ironbow", "white_hot", "black_hot", "arctic", "rainbow_hc", "lava"}
    assert wanted <= set(list_palettes())
    assert list_palettes() == sorted(list_palettes())


@pytest.mark.parametrize("name", list_palettes())
def test_every_palette_is_a_table_of_256_colours(name: str) -> None:
    table = palette_table(name)
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    assert len(np.unique(table, axis=0)) > 200
    assert not table.flags.writeable


@pytest.mark.parametrize("name", RISING)
def test_lightness_never_falls(name: str) -> None:
    steps = np.diff(lightness(palette_table(name)))
    assert steps.min() >= 0
    assert lightness(palette_table(name))[[0, -1]] == pytest.approx([1, 98], abs=3)


@pytest.mark.parametrize("name", ["ironbow", "lava", "arctic", "amber", "green_hot"])
def test_our_own_palettes_have_even_steps_of_lightness(name: str) -> None:
    height = lightness(palette_table(name))
    even = np.linspace(height[0], height[-1], 256)
    assert np.abs(height - even).max() < 0.6  # of 100: rounding to 8 bits


def test_black_hot_is_white_hot_reversed() -> None:
    assert np.array_equal(palette_table("black_hot"), palette_table("white_hot")[::-1])
    assert (np.diff(lightness(palette_table("black_hot"))) < 0).all()


def test_lightness_of_known_colours() -> None:
    colours = np.array([[0, 0, 0], [255, 255, 255], [119, 119, 119], [255, 0, 0]], np.uint8)
    assert lightness(colours) == pytest.approx([0, 100, 50.0, 53.2], abs=0.1)


def test_inferno_is_the_published_one_and_rgb() -> None:
    assert palette_table("inferno")[[0, 128, 255]].tolist() == [
        [0, 0, 4],
        [188, 55, 84],
        [252, 255, 164],
    ]


@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (1, 4), (7, 5)])
def test_each_pixel_gets_the_colour_of_its_level(shape: tuple[int, int]) -> None:
    gray = (np.arange(np.prod(shape)) * 7 % 256).astype(np.uint8).reshape(shape)
    picture = apply_palette(gray, "ironbow")
    assert picture.shape == (*shape, 3)
    assert np.array_equal(picture, palette_table("ironbow")[gray])
    assert np.array_equal(apply_palette(gray[:, ::-1], "ironbow"), picture[:, ::-1])


def test_wrong_input() -> None:
    gray = np.zeros((2, 2), np.uint8)
    with pytest.raises(UnknownNameError, match="unknown palette 'infernp'. Did you mean 'inferno'"):
        apply_palette(gray, "infernp")
    with pytest.raises(UnitError, match="a palette colours uint8 levels, got uint16"):
        apply_palette(gray.astype(np.uint16), "inferno")
    with pytest.raises(ShapeError, match=r"gray must be \(H, W\)"):
        apply_palette(gray[..., None], "inferno")
