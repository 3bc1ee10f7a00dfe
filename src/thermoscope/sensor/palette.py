"""Grey to colour: thermal palettes by name.

The perceptual palettes of science come from OpenCV's tables. The thermographer's ones are made
here from a few control colours, and re-spaced so that lightness (CIE L*) grows evenly: equal steps
of grey look like equal steps, and a print in grey still reads right. What is NOT here: choosing
which value gets which grey (`thermoscope.sensor.tone`), colour bars (`thermoscope.engine.render`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import UnitError
from thermoscope.core.registry import Registry

__all__ = ["apply_palette", "lightness", "list_palettes", "palette_table"]

Table = NDArray[np.uint8]

PALETTES: Registry[Callable[[], Table]] = Registry("palette")


def list_palettes() -> list[str]:
    """Names of all palettes, sorted."""
    return PALETTES.names()


@cache
def palette_table(name: str) -> Table:
    """(256, 3) uint8 RGB, one colour per grey level, read-only.

    Raises:
        UnknownNameError: No palette of this name; the text names the closest.

    Example:
        >>> palette_table("white_hot")[[0, 128, 255]].tolist()
        [[0, 0, 0], [128, 128, 128], [255, 255, 255]]
    """
    table = np.ascontiguousarray(PALETTES.get(name)(), np.uint8)
    table.setflags(write=False)
    return table


def apply_palette(gray: NDArray[np.uint8], name: str = "inferno") -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB picture of an (H, W) uint8 grey one.

    Raises:
        UnknownNameError: No palette of this name; the text names the closest.
        UnitError: `gray` is not uint8: tone-map it first.
        ShapeError: `gray` is not (H, W).

    Example:
        >>> apply_palette(np.array([[0, 255]], np.uint8), "black_hot").tolist()
        [[[255, 255, 255], [0, 0, 0]]]
    """
    table = palette_table(name)
    levels = np.asarray(gray)
    check_shape(levels, "H W", name="gray")
    if levels.dtype != np.uint8:
        raise UnitError(
            f"a palette colours uint8 levels, got {levels.dtype}. Tone-map first: "
            "thermoscope.sensor.tone.tone_map."
        )
    import cv2

    coloured = cv2.applyColorMap(np.ascontiguousarray(levels), table[:, None])
    return np.asarray(coloured, np.uint8).reshape(*levels.shape, 3)


def lightness(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(...) CIE L* (0 black to 100 white) of (..., 3) uint8 sRGB colours.

    Source: IEC 61966-2-1 (sRGB), CIE 15 (L* of the D65 white).
    """
    part = np.asarray(rgb, np.float64) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722])
    return np.asarray(
        np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)
    )


def _from_opencv(constant: str) -> Callable[[], Table]:
    def table() -> Table:
        import cv2

        grey = np.arange(256, dtype=np.uint8)[:, None]
        return np.asarray(cv2.applyColorMap(grey, getattr(cv2, constant)), np.uint8)[:, 0, ::-1]

    return table


def _from_colours(colours: Sequence[str], *, even: bool = True) -> Callable[[], Table]:
    """Straight lines through hex colours; `even` re-spaces them to even steps of lightness."""

    def table() -> Table:
        points = np.array([list(bytes.fromhex(c)) for c in colours], np.float64)
        at = np.linspace(0, 1, 4096)
        knots = np.linspace(0, 1, len(points))
        path = np.stack([np.interp(at, knots, channel) for channel in points.T], axis=1)
        if even:
            height = lightness(path)
            at = np.interp(np.linspace(height[0], height[-1], 256), height, at)
        else:
            at = np.linspace(0, 1, 256)
        line = np.stack([np.interp(at, knots, channel) for channel in points.T], axis=1)
        return np.asarray(np.rint(line), np.uint8)

    return table


for _name in ("inferno", "magma", "plasma", "viridis", "cividis", "turbo"):
    PALETTES.add(_name, _from_opencv(f"COLORMAP_{_name.upper()}"))
_GREY = ("000000", "ffffff")
PALETTES.add("white_hot", _from_colours(_GREY, even=False))
PALETTES.add("black_hot", _from_colours(_GREY[::-1], even=False))
PALETTES.add(
    "ironbow",
    _from_colours(
        ("000000", "1c0a5c", "5a0e9c", "a3128f", "d8304c", "f0640f", "fba00a", "fddc4c", "ffffff")
    ),
)
PALETTES.add(
    "lava",
    _from_colours(("000000", "141d48", "501c5c", "a81f3f", "e2430f", "fb9a16", "ffde6b", "ffffff")),
)
PALETTES.add(
    "arctic",
    _from_colours(
        ("000010", "0b2a8c", "1f6fd0", "4aa3d8", "8fc4c4", "cfd0a0", "f3dc95", "ffecc0", "ffffff")
    ),
)
PALETTES.add("amber", _from_colours(("000000", "4a2500", "a85a00", "f29a00", "ffcf66", "fff6df")))
PALETTES.add(
    "green_hot", _from_colours(("000000", "063a16", "0f7a2e", "35bd52", "9ff0a4", "f4fff2"))
)
# Many hues for small differences. Lightness rises and falls: not for print, not for measuring.
PALETTES.add(
    "rainbow_hc",
    _from_colours(
        (
            "000000", "4b0082", "1f1fd6", "0a7fe0", "0ac7c7", "12a84a",
            "8fd414", "f5e50a", "f78f0a", "e01414", "f05ab4", "ffffff",
        ),
        even=False,
    ),
)  # fmt: skip
