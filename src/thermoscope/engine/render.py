"""A thermal frame as a picture for people: palette, colour bar with unit, isotherms, markers.

What is NOT here: pictures of labels or depth, and reports (`thermoscope.engine.report`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_in_range, check_shape
from thermoscope.core.errors import ConfigError, ShapeError, UnitError
from thermoscope.engine.colour_bar import INK, PAPER, Band, Scale, colour_bar
from thermoscope.engine.display_unit import DisplayUnit, value_text
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.sensor.palette import apply_palette, palette_table
from thermoscope.sensor.tone import ToneSpec, Window, tone_map, tone_window

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

__all__ = ["Isotherm", "Marker", "RenderStyle", "overlay", "render"]

Colour = tuple[int, int, int]
Picture = NDArray[np.uint8]

READABLE_PX = 480  # longer side of a small frame is enlarged to at least this
INVALID: Colour = (96, 104, 112)  # slate: in no palette here
HOT, COLD, PLAIN = (255, 84, 64), (64, 190, 255), (240, 240, 240)


@dataclass(frozen=True)
class Isotherm:
    """Pixels painted in one colour because of their value.

    `above` alone paints what is at least that, `below` alone what is at most that, both together
    what lies between them.

    Attributes:
        above: Lower limit, K (counts or levels for a frame shown in these); None = open.
        below: Upper limit; None = open.
        colour: RGB.

    Raises:
        ConfigError: No limit, or `above` exceeds `below`.
    """

    above: float | None = None
    below: float | None = None
    colour: Colour = (0, 255, 140)

    def __post_init__(self) -> None:
        low, high = self.limits
        if self.above is None and self.below is None:
            raise ConfigError("an isotherm needs a limit. State above, below or both.")
        if not low <= high:
            raise ConfigError(f"above must not exceed below, got {low:g} and {high:g}.")

    @property
    def limits(self) -> tuple[float, float]:
        """Lower and upper limit, infinite where open."""
        low = -math.inf if self.above is None else self.above
        return low, math.inf if self.below is None else self.below


@dataclass(frozen=True)
class Marker:
    """A cross on a pixel, with its value.

    Attributes:
        x: Column of the frame, px.
        y: Row of the frame, px.
        name: Written before the value.
    """

    x: int
    y: int
    name: str = ""


@dataclass(frozen=True)
class RenderStyle:
    """How a frame is shown. The defaults suit any frame.

    Attributes:
        palette: See `thermoscope.sensor.palette.list_palettes`.
        tone: Tone mapping; None = ``percentile``, and an 8-bit AGC picture as it is.
        unit: ``"C"``, ``"K"``, ``"F"``, ``"counts"``, ``"agc"``, or ``"auto"``: Celsius where
            the frame is radiometric, else counts, else the levels of the AGC picture.
        scale: Locked ends of the scale, K (counts or levels for a frame shown in these): the
            same colours in every picture. None = from the frame. Excludes `tone`.
        colour_bar: Show the scale.
        isotherms: Later ones paint over earlier ones.
        markers: Spots to point out.
        extremes: Mark the hottest and the coldest pixel.
        title: Line above the picture.

    Raises:
        ConfigError: Both `scale` and `tone`, or a scale in the wrong order.
    """

    palette: str = "inferno"
    tone: ToneSpec | None = None
    unit: DisplayUnit | Literal["auto"] = "auto"
    scale: tuple[float, float] | None = None
    colour_bar: bool = True
    isotherms: tuple[Isotherm, ...] = ()
    markers: tuple[Marker, ...] = ()
    extremes: bool = False
    title: str = ""

    def __post_init__(self) -> None:
        if self.scale is None:
            return
        if self.tone is not None:
            raise ConfigError(
                "a locked scale is a tone mapping of its own. State scale or tone, not both."
            )
        if not Window(*self.scale).span > 0:
            raise ConfigError(f"scale must rise, got {self.scale[0]:g} to {self.scale[1]:g}.")


def render(image: ThermalImage, style: RenderStyle | None = None) -> Picture:
    """(H', W', 3) uint8 RGB picture of a frame, with all that `style` asks for around and on it.

    Frames below 480 px are enlarged by a whole factor, pixel by pixel. Pixels without a value are
    slate grey. A picture that already has a burnt-in palette is shown as it is, without a scale.

    Args:
        image: Any frame.
        style: None = `RenderStyle()`.

    Raises:
        UnitError: The frame does not have the unit asked for.
        UnknownNameError: No such palette.
        ShapeError: A marker lies outside the frame.

    Example:
        >>> frame = ThermalImage(counts=np.arange(4800, dtype=np.uint16).reshape(60, 80))
        >>> render(frame, RenderStyle(colour_bar=False)).shape
        (360, 480, 3)
    """
    look = style or RenderStyle()
    unit = _unit(image, look)
    values = _values(image, unit)
    spec = _tone(look, unit)
    burnt_in = unit == "agc" and image.agc is not None and image.agc.ndim == 3
    picture = image.agc if burnt_in else _coloured(values, spec, look)
    factor = max(1, math.ceil(READABLE_PX / max(values.shape)))
    picture = np.repeat(np.repeat(np.asarray(picture), factor, axis=0), factor, axis=1)
    picture = _marked(picture, values, _markers(values, look), unit, factor)
    if look.colour_bar and not burnt_in:
        picture = _with_bar(picture, _scale(values, spec, look, unit))
    return _with_title(picture, look.title) if look.title else picture


def overlay(
    picture: Picture, mask: NDArray[np.bool_], *, colour: Colour, opacity: float = 0.5
) -> Picture:
    """A copy of `picture` with `mask` tinted in `colour`.

    Args:
        picture: (H, W, 3) uint8 RGB.
        mask: (H, W) bool.
        colour: RGB.
        opacity: 0 leaves the picture, 1 covers it.

    Raises:
        ShapeError: Sizes that do not fit.
        ConfigError: `opacity` outside [0, 1].
    """
    check_in_range(opacity, 0, 1, name="opacity")
    size = check_shape(picture, "H W 3", name="picture")
    check_shape(mask, f"{size['H']} {size['W']}", name="mask")
    tinted: Picture = picture.copy()
    blend = (1 - opacity) * picture[mask] + opacity * np.array(colour, np.float64)
    tinted[mask] = np.rint(blend)
    return tinted


def _unit(image: ThermalImage, look: RenderStyle) -> DisplayUnit:
    if look.unit != "auto":
        return look.unit
    return "C" if image.radiometric else "counts" if image.counts is not None else "agc"


def _values(image: ThermalImage, unit: DisplayUnit) -> NDArray[Any]:
    if unit in ("C", "K", "F"):
        return image.kelvin
    if unit == "agc":
        return image.luma
    if image.counts is None:
        raise UnitError(f"this frame has no counts, only {image.kind}. Show it in another unit.")
    return image.counts


def _tone(look: RenderStyle, unit: DisplayUnit) -> ToneSpec:
    inner = unit if unit in ("counts", "agc") else "kelvin"
    if look.scale is not None:
        return ToneSpec.of("fixed", low=look.scale[0], high=look.scale[1], unit=inner)
    if look.tone is not None:
        return look.tone
    return ToneSpec.of("fixed", low=0, high=255, unit="agc") if unit == "agc" else ToneSpec()


def _coloured(values: NDArray[Any], spec: ToneSpec, look: RenderStyle) -> Picture:
    picture = apply_palette(tone_map(values, spec), look.palette)
    for isotherm in look.isotherms:
        low, high = isotherm.limits
        picture[(values >= low) & (values <= high)] = isotherm.colour
    picture[~np.isfinite(values)] = INVALID
    return picture


def _scale(values: NDArray[Any], spec: ToneSpec, look: RenderStyle, unit: DisplayUnit) -> Scale:
    finite = values[np.isfinite(values)]
    coldest, hottest = (
        (float(finite.min()), float(finite.max())) if finite.size else (math.nan, math.nan)
    )
    bands = tuple(Band(*i.limits, i.colour) for i in look.isotherms)
    table = palette_table(look.palette)
    return Scale(table, unit, tone_window(values, spec), coldest, hottest, bands)


def _markers(values: NDArray[Any], look: RenderStyle) -> list[tuple[Marker, Colour]]:
    height, width = values.shape
    for m in look.markers:
        if not (0 <= m.x < width and 0 <= m.y < height):
            raise ShapeError(f"marker at ({m.x}, {m.y}) lies outside the {width}x{height} frame.")
    found = [(m, PLAIN) for m in look.markers]
    masked = np.where(np.isfinite(values), values.astype(np.float64), np.nan)
    if look.extremes and np.isfinite(masked).any():
        (y0, x0), (y1, x1) = (divmod(int(f(masked)), width) for f in (np.nanargmin, np.nanargmax))
        if values[y0, x0] == values[y1, x1]:
            return [*found, (Marker(x0, y0, "min = max"), PLAIN)]
        found += [(Marker(x0, y0, "min"), COLD), (Marker(x1, y1, "max"), HOT)]
    return found


def _marked(
    picture: Picture,
    values: NDArray[Any],
    markers: list[tuple[Marker, Colour]],
    unit: DisplayUnit,
    factor: int,
) -> Picture:
    if not markers:
        return picture
    from PIL import Image, ImageDraw

    canvas = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(canvas), _font(picture.shape[0])
    for marker, colour in markers:
        value = float(values[marker.y, marker.x])
        text = f"{marker.name} {value_text(value, unit)}".strip()
        centre = ((marker.x + 0.5) * factor, (marker.y + 0.5) * factor)
        _draw_marker(draw, centre, text, colour, font=font, room=canvas.size)
    return np.asarray(canvas, np.uint8)


def _draw_marker(
    draw: ImageDraw,
    centre: tuple[float, float],
    text: str,
    colour: Colour,
    *,
    font: Font,
    room: tuple[int, int],
) -> None:
    """A cross with an open middle, dark rim, and its text on the side that has room."""
    x, y = centre
    size = 0.7 * _line(font)
    arms = ((1, 0), (-1, 0), (0, 1), (0, -1))
    for width, paint in ((4, (0, 0, 0)), (2, colour)):
        for dx, dy in arms:
            start = (x + 0.35 * size * dx, y + 0.35 * size * dy)
            draw.line([start, (x + size * dx, y + size * dy)], paint, width)
    length, rise = font.getlength(text), _line(font)
    right = x + 1.3 * size
    left = right if right + length < room[0] else max(x - 1.3 * size - length, 2)
    top = min(max(y - rise / 2, 2), room[1] - 1.3 * rise)
    draw.text((left, top), text, PLAIN, font=font, stroke_width=2, stroke_fill=(0, 0, 0))


def _font(height: int) -> Font:
    """Pillow's own font: a thirtieth of the picture, 13 to 30 px."""
    from PIL import ImageFont

    return ImageFont.load_default(size=min(max(round(height / 30), 13), 30))


def _line(font: Font) -> int:
    return math.ceil(font.getbbox("Ag0")[3])


def _with_bar(picture: Picture, scale: Scale) -> Picture:
    font = _font(picture.shape[0])
    height = max(picture.shape[0], 14 * _line(font))
    panel = colour_bar(scale, height=height, font=font)
    return np.hstack([_padded(picture, height), panel])


def _padded(picture: Picture, height: int) -> Picture:
    padded = np.full((height, *picture.shape[1:]), PAPER, np.uint8)
    top = (height - picture.shape[0]) // 2
    padded[top : top + picture.shape[0]] = picture
    return padded


def _with_title(picture: Picture, title: str) -> Picture:
    from PIL import Image, ImageDraw

    font = _font(picture.shape[0])
    line = _line(font)
    room, text = picture.shape[1] - line, title
    while text and font.getlength(text + "...") > room and font.getlength(title) > room:
        text = text[:-1]
    strip = Image.new("RGB", (picture.shape[1], 2 * line), PAPER)
    shown = text if text == title else text + "..."
    ImageDraw.Draw(strip).text((line // 2, line), shown, INK, font=font, anchor="lm")
    return np.vstack([np.asarray(strip, np.uint8), picture])
