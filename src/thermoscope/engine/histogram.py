"""How the values of a frame are spread, as a small drawing over the colours they have.

The drawing is SVG of the page it stands in: sharp at any size, and its text follows light or dark.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.engine.colour_bar import ticks
from thermoscope.engine.display_unit import DisplayUnit, unit_label
from thermoscope.sensor.palette import palette_table
from thermoscope.sensor.window import Window

__all__ = ["histogram_svg"]

BINS = 160
WIDTH, HEIGHT = 640, 170  # of the drawing's own units
PLOT, STRIP = 118, 10  # height of the bars, and of the palette below them
SHOWN_PERCENT = (0.05, 99.95)  # one dead pixel must not squeeze all others into one bar


def histogram_svg(
    values: NDArray[Any], *, unit: DisplayUnit, window: Window | None, palette: str = "inferno"
) -> str:
    """SVG of the number of pixels by value, with the palette of `window` below the axis.

    Args:
        values: (H, W), kelvin, counts or levels; what is not finite takes no part.
        unit: Unit of the axis.
        window: Values of the palette's two ends; None leaves the palette out.
        palette: See `thermoscope.sensor.palette.list_palettes`.

    Returns:
        The markup; empty if no pixel is finite.
    """
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return ""
    shown = _range(finite)
    counted, _ = np.histogram(finite.astype(np.float64), BINS, (shown.low, shown.high))
    step = WIDTH / BINS
    tallest = max(int(counted.max()), 1)
    bars = "".join(
        f"M{i * step:.1f} {PLOT}v{-PLOT * n / tallest:.1f}h{step:.1f}V{PLOT}"
        for i, n in enumerate(counted.tolist())
        if n
    )
    outside = 1 - counted.sum() / finite.size
    note = f"{outside:.2%} of the pixels lie outside" if outside > 0 else ""
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="Histogram in {unit_label(unit)}"><path class="bar" d="{bars}"/>'
        f"{_strip(shown, window, palette)}{_axis(shown, unit)}"
        f'<text x="{WIDTH}" y="{HEIGHT - 2}" text-anchor="end">{note}</text>'
        f'<text x="0" y="{HEIGHT - 2}">{unit_label(unit)}</text></svg>'
    )


def _range(finite: NDArray[Any]) -> Window:
    low, high = (float(v) for v in np.percentile(finite, SHOWN_PERCENT))
    margin = 0.02 * (high - low) if high > low else max(1e-3 * abs(low), 0.5)
    if finite.dtype.kind == "u":  # whole numbers: bars of equal many values, no comb
        per_bin = max(1.0, np.ceil((high - low + 1) / BINS))
        return Window(low - 0.5, low - 0.5 + per_bin * BINS)
    return Window(low - margin, high + margin)


def _strip(shown: Window, window: Window | None, palette: str) -> str:
    """The palette as a row of small rectangles, where each bar's value lies in it."""
    if window is None:
        return ""
    centres = shown.low + (np.arange(BINS) + 0.5) * shown.span / BINS
    levels = np.clip((centres - window.low) / max(window.span, 1e-9) * 255, 0, 255)
    colours = palette_table(palette)[levels.astype(int)].tolist()
    step = WIDTH / BINS
    cells = "".join(
        f'<rect x="{i * step:g}" y="{PLOT + 3}" width="{step:g}" height="{STRIP}" '
        f'fill="#{r:02x}{g:02x}{b:02x}"/>'
        for i, (r, g, b) in enumerate(colours)
    )
    return f'<g shape-rendering="crispEdges">{cells}</g>'  # no seams between the cells


def _axis(shown: Window, unit: DisplayUnit) -> str:
    parts = []
    for tick in ticks(shown, unit):
        x = (tick.value - shown.low) / shown.span * WIDTH
        anchor = "start" if x < 15 else "end" if x > WIDTH - 15 else "middle"
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{PLOT + STRIP + 3}" y2="{PLOT + STRIP + 8}"/>'
            f'<text x="{x:.1f}" y="{PLOT + STRIP + 20}" text-anchor="{anchor}">{tick.text}</text>'
        )
    return f'<line x1="0" x2="{WIDTH}" y1="{PLOT + 1}" y2="{PLOT + 1}"/>' + "".join(parts)
