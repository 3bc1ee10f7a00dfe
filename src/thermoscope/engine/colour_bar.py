"""The scale beside a thermal picture: bar, round numbers, unit; or an honest "not a scale".

What is NOT here: the picture itself (`thermoscope.engine.render`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thermoscope.engine.display_unit import (
    DisplayUnit,
    displayed,
    from_displayed,
    unit_label,
    value_text,
)
from thermoscope.sensor.window import Window

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

__all__ = ["INK", "PAPER", "Band", "Scale", "Tick", "colour_bar", "ticks"]

Colour = tuple[int, int, int]
INK: Colour = (226, 228, 232)
FAINT: Colour = (150, 154, 162)
PAPER: Colour = (18, 19, 23)


class Tick(NamedTuple):
    """A mark of the scale.

    Attributes:
        value: In the inner unit (kelvin, counts, levels).
        text: Its number in the unit shown.
    """

    value: float
    text: str


class Band(NamedTuple):
    """An isotherm on the bar: `low` to `high`, inner unit (infinite = open), in its colour."""

    low: float
    high: float
    colour: Colour


@dataclass(frozen=True)
class Scale:
    """What a colour bar has to say.

    Attributes:
        table: (256, 3) uint8 colours from black to white.
        unit: Unit shown.
        window: Values of the two ends; None where the picture has no single scale.
        coldest: Lowest value of the frame, inner unit.
        hottest: Highest value of the frame, inner unit.
        bands: Isotherms.
    """

    table: NDArray[np.uint8]
    unit: DisplayUnit
    window: Window | None
    coldest: float
    hottest: float
    bands: tuple[Band, ...] = ()


def ticks(window: Window, unit: DisplayUnit, *, most: int = 8) -> list[Tick]:
    """Round numbers (1, 2, 5 times a power of ten) of `unit` inside `window`, rising.

    Args:
        window: In the inner unit.
        unit: Unit shown.
        most: Number of ticks not to exceed, >= 2.

    Returns:
        At least two ticks; a window without width has one, its value.

    Example:
        >>> [t.text for t in ticks(Window(293.15, 313.15), "C", most=5)]
        ['20', '25', '30', '35', '40']
    """
    low, high = displayed(window.low, unit), displayed(window.high, unit)
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        return [Tick(window.low, value_text(window.low, unit).split(" ", 1)[0])]
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(power * m for m in (1, 2, 5, 10, 20) if _count(low, high, power * m) <= most)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-6)
    numbers = [(first + i) * step for i in range(_count(low, high, step))]
    return [Tick(from_displayed(n, unit), f"{round(n, digits) + 0.0:.{digits}f}") for n in numbers]


def _count(low: float, high: float, step: float) -> int:
    return math.floor(high / step + 1e-6) - math.ceil(low / step - 1e-6) + 1


def colour_bar(scale: Scale, *, height: int, font: Font) -> NDArray[np.uint8]:
    """(height, W, 3) uint8 RGB panel with the bar, its numbers and unit; W fits the text.

    A picture without a single scale gets a bar without numbers, the words "enhanced, not a
    scale", and the true range of the frame below. Small arrows at the ends say that the frame
    has values beyond.

    Args:
        scale: What to show.
        height: Of the panel, px.
        font: From Pillow.
    """
    from PIL import Image, ImageDraw

    line = math.ceil(font.getbbox("Ag0")[3] * 1.25)
    marks = _marks(scale, height, line)
    footer = _footer(scale)
    heading = "" if scale.window is None else unit_label(scale.unit)
    texts = [heading, *(text for _, text in marks)]
    width = 4 * line + max(math.ceil(font.getlength(t)) for t in texts)
    width = max(width, line + max(math.ceil(font.getlength(t)) for t in (*footer, "")))
    panel = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(panel)
    top = 2 * line
    bottom = max(height - line - line * len(footer), top + line)
    _draw_bar(draw, scale, x=line, top=top, bottom=bottom, thickness=round(1.2 * line))
    draw.text((line, line // 3), heading, INK, font=font)
    for part, text in marks:
        y = bottom - part * (bottom - top)
        draw.line([(round(2.2 * line), y), (round(2.6 * line), y)], INK)
        draw.text((round(2.9 * line), y), text, INK, font=font, anchor="lm")
    for row, text in enumerate(footer):
        y = height - line * (len(footer) - row) - line // 3
        draw.text((line // 2, y), text, FAINT, font=font)
    return np.asarray(panel, np.uint8)


def _marks(scale: Scale, height: int, line: int) -> list[tuple[float, str]]:
    """Position on the bar (0 bottom, 1 top) and text of each mark."""
    window = scale.window
    if window is None:
        names = ("warmer", "colder") if scale.unit in ("C", "K", "F") else ("higher", "lower")
        return [(0.97, names[0]), (0.03, names[1])]
    most = int(min(8, max(2, (height - 3 * line) / (1.6 * line))))
    found = ticks(window, scale.unit, most=most)
    if window.flat or len(found) == 1:
        return [(0.5, found[0].text)]
    return [(min(max((t.value - window.low) / window.span, 0), 1), t.text) for t in found]


def _footer(scale: Scale) -> Sequence[str]:
    if scale.window is not None:
        return ()
    low, high = (value_text(v, scale.unit) for v in (scale.coldest, scale.hottest))
    return "enhanced,", "not a scale", f"min {low}", f"max {high}"


def _draw_bar(
    draw: ImageDraw, scale: Scale, *, x: int, top: int, bottom: int, thickness: int
) -> None:
    rows = max(bottom - top, 1)
    for row in range(rows):
        part = 1 - (row + 0.5) / rows
        draw.line([(x, top + row), (x + thickness, top + row)], _bar_colour(scale, part))
    draw.rectangle([x - 1, top - 1, x + thickness + 1, bottom], outline=FAINT)
    if scale.window is None:
        return
    middle, size = x + thickness / 2, thickness // 2
    if scale.hottest > scale.window.high:
        peak = [(x, top - 4), (x + thickness, top - 4), (middle, top - 4 - size)]
        draw.polygon(peak, fill=_bar_colour(scale, 1.0))
        draw.polygon(peak, outline=FAINT)
    if scale.coldest < scale.window.low:
        peak = [(x, bottom + 3), (x + thickness, bottom + 3), (middle, bottom + 3 + size)]
        draw.polygon(peak, fill=_bar_colour(scale, 0.0))
        draw.polygon(peak, outline=FAINT)


def _bar_colour(scale: Scale, part: float) -> Colour:
    """Colour at `part` of the bar: the palette's, or that of the last isotherm that covers it."""
    window = scale.window
    if window is not None:
        value = window.low + part * window.span
        for band in reversed(scale.bands):
            if band.low <= value <= band.high:
                return band.colour
    red, green, blue = scale.table[min(int(part * 256), 255)].tolist()
    return red, green, blue
