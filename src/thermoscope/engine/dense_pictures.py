"""Pictures of segmentation and depth for people: class colours with a legend, depth with a scale.

What is NOT here: thermal frames on their own (`thermoscope.engine.render`).
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ShapeError
from thermoscope.engine.colour_bar import INK, PAPER
from thermoscope.models.dense_heads import DepthMap, Segmentation
from thermoscope.sensor.palette import apply_palette, palette_table

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

__all__ = ["class_colours", "class_overlay", "depth_picture", "segmentation_picture"]

Colour = tuple[int, int, int]
Picture = NDArray[np.uint8]

READABLE_PX = 480  # longer side of a small frame is enlarged to at least this
OPACITY = 0.55  # of class colours over the frame: shapes stay visible
GOLDEN = 0.618034  # hues this share of the circle apart stay distinct however many there are
KNOWN_COLOURS: dict[str, Colour] = {
    "unlabelled": (70, 70, 74),
    "background": (70, 70, 74),
    "sky": (96, 160, 220),
    "road": (140, 92, 160),
    "sidewalk": (224, 120, 200),
    "building": (150, 130, 110),
    "person": (235, 52, 64),
    "car": (44, 92, 235),
    "truck": (20, 160, 235),
    "bus": (0, 210, 210),
    "motorcycle": (250, 150, 40),
    "bicycle": (250, 205, 50),
    "vegetation": (60, 160, 70),
    "trees": (60, 160, 70),
    "water": (40, 120, 180),
}
NEAR_SHARE, FAR_SHARE = 2, 98  # percentiles of depth at the ends of the scale


def class_colours(classes: Sequence[str]) -> NDArray[np.uint8]:
    """(K, 3) uint8 RGB: usual colours for usual names, distinct hues for the rest.

    Example:
        >>> class_colours(["sky", "udder"])[0].tolist()
        [96, 160, 220]
    """
    colours = []
    for index, name in enumerate(classes):
        hue = (0.08 + index * GOLDEN) % 1
        drawn = colorsys.hsv_to_rgb(hue, 0.55 + 0.35 * (index % 2), 0.95 - 0.25 * (index % 3 == 2))
        colours.append(KNOWN_COLOURS.get(name, tuple(round(255 * part) for part in drawn)))
    return np.array(colours, np.uint8).reshape(-1, 3)


def segmentation_picture(grey: NDArray[np.uint8], found: Segmentation) -> Picture:
    """(H', W', 3) uint8 RGB: the frame tinted by class, and a legend of the classes in it.

    Args:
        grey: (H, W) tone-mapped frame.
        found: Of the same size.

    Raises:
        ShapeError: Sizes that differ.
    """
    if grey.shape != found.labels.shape:
        raise ShapeError(
            f"frame of {grey.shape} does not fit labels of {found.labels.shape}.",
            actual_shape=grey.shape,
        )
    return class_overlay([apply_palette(grey, "white_hot")], found.labels, found.classes)


def class_overlay(
    frames: Sequence[Picture], labels: NDArray[np.integer], classes: Sequence[str]
) -> Picture:
    """(H', W', 3) uint8 RGB: frames beside each other, each tinted by class, and a legend.

    Args:
        frames: (H, W, 3) uint8 RGB each.
        labels: (H, W) class ids.
        classes: Names; the index is the id.

    Raises:
        ShapeError: Sizes that differ.
    """
    colours = class_colours(classes)
    tint = OPACITY * colours[labels]
    for frame in frames:
        check_shape(frame, f"{labels.shape[0]} {labels.shape[1]} 3", name="frame")
    tinted = [np.rint((1 - OPACITY) * frame.astype(np.float32) + tint) for frame in frames]
    picture = _enlarged(np.hstack(tinted).astype(np.uint8))
    counts = np.bincount(labels.ravel(), minlength=len(classes))
    rows = [
        (classes[i], tuple(colours[i].tolist()), counts[i] / labels.size)
        for i in np.argsort(-counts, kind="stable")
        if counts[i]
    ]
    return _beside(picture, _legend(rows, picture.shape[0]))


def depth_picture(found: DepthMap) -> Picture:
    """(H', W', 3) uint8 RGB: near bright, far dark, with a scale.

    Metric depth is shown in the logarithm, where equal steps are equal ratios; the scale goes from
    the 2nd to the 98th percentile. Relative depth has a scale without numbers.
    """
    values = np.log(np.maximum(found.depth, 1e-6)) if found.metric else found.depth
    low, high = (float(p) for p in np.percentile(values, (NEAR_SHARE, FAR_SHARE)))
    share = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    levels = np.rint(255 * (1 - share)).astype(np.uint8)
    picture = _enlarged(apply_palette(levels, "magma"))
    marks = _metric_marks(low, high) if found.metric else [(0.03, "near"), (0.97, "far")]
    return _beside(picture, _depth_bar(marks, "m" if found.metric else "relative", picture))


def _metric_marks(low: float, high: float) -> list[tuple[float, str]]:
    """Share of the scale and text of 1, 2, 5 times powers of ten inside it; else of its ends."""
    span = max(high - low, 1e-9)
    rounds = [m * 10.0**e for e in range(-2, 4) for m in (1, 2, 5)]
    inside = [(math.log(v), v) for v in rounds if low <= math.log(v) <= high]
    if len(inside) < 2:
        inside = [(low, math.exp(low)), (low + span, math.exp(low + span))]
    return [((at - low) / span, f"{value:.3g}") for at, value in inside]


def _enlarged(picture: Picture) -> Picture:
    factor = max(1, math.ceil(READABLE_PX / max(picture.shape[:2])))
    return np.repeat(np.repeat(picture, factor, axis=0), factor, axis=1)


def _font(height: int) -> Font:
    from PIL import ImageFont

    return ImageFont.load_default(size=min(max(round(height / 30), 13), 30))


def _line(font: Font) -> int:
    return math.ceil(font.getbbox("Ag0")[3] * 1.5)


def _legend(rows: Sequence[tuple[str, tuple[Any, ...], float]], height: int) -> Picture:
    from PIL import Image, ImageDraw

    font = _font(height)
    line = _line(font)
    texts = [
        f"{name}  {100 * share:.0f} %" if share >= 0.005 else f"{name}  < 1 %"
        for name, _, share in rows
    ]
    width = 2 * line + max(math.ceil(font.getlength(text)) for text in texts) + line // 2
    panel = Image.new("RGB", (width, max(height, line * (len(rows) + 1))), PAPER)
    draw = ImageDraw.Draw(panel)
    for number, (text, (_, colour, _share)) in enumerate(zip(texts, rows, strict=True)):
        top = line // 2 + number * line
        draw.rectangle([line // 2, top + 2, line // 2 + line - 6, top + line - 4], fill=colour)
        draw.text((line * 7 // 4, top + line // 2), text, INK, font=font, anchor="lm")
    return np.asarray(panel, np.uint8)


def _depth_bar(marks: Sequence[tuple[float, str]], heading: str, picture: Picture) -> Picture:
    """Near at the bottom, as on the ground of a picture."""
    from PIL import Image, ImageDraw

    height = picture.shape[0]
    font = _font(height)
    line = _line(font)
    widest = max(math.ceil(font.getlength(text)) for text in (heading, *(t for _, t in marks)))
    panel = Image.new("RGB", (3 * line + widest, height), PAPER)
    draw = ImageDraw.Draw(panel)
    draw.text((line // 2, line // 3), heading, INK, font=font)
    top, bottom = 2 * line, height - line
    table = palette_table("magma")
    for row in range(top, bottom):
        level = round(255 * (row - top) / max(bottom - top - 1, 1))
        draw.line([(line // 2, row), (line * 3 // 2, row)], tuple(table[level].tolist()))
    for share, text in marks:
        y = bottom - share * (bottom - top)
        draw.line([(line * 3 // 2, y), (line * 7 // 4, y)], INK)
        draw.text((2 * line, y), text, INK, font=font, anchor="lm")
    return np.asarray(panel, np.uint8)


def _beside(picture: Picture, panel: Picture) -> Picture:
    height = max(picture.shape[0], panel.shape[0])
    parts = []
    for part in (picture, panel):
        padded = np.full((height, part.shape[1], 3), PAPER, np.uint8)
        padded[: part.shape[0]] = part
        parts.append(padded)
    return np.hstack(parts)
