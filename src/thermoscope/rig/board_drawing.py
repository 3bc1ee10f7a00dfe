"""A board as a PDF to print or cut, and as a picture for rendering: both from its shapes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError
from thermoscope.rig.calibration_target import Shape, Target

__all__ = ["MARGIN_M", "board_pdf", "board_picture", "bounds"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

POINTS_PER_M = 72 / 0.0254  # PDF units
CIRCLE_BEZIER = 0.5522847498  # control points of a quarter circle: 4/3 (sqrt 2 - 1)
MARGIN_M = 0.012
RULER_M = 0.1
PICTURE_LIMIT_PX = 8192


def bounds(target: Target) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of everything dark, m."""
    shapes = target.shapes
    return (
        min(s.x for s in shapes),
        min(s.y for s in shapes),
        max(s.x + s.width for s in shapes),
        max(s.y + s.height for s in shapes),
    )


def board_picture(target: Target, *, px_per_m: float, margin_m: float = MARGIN_M) -> Floats:
    """(H, W) how much of each pixel is dark, 0 to 1; exact for squares.

    The pixel centre (0, 0) lies half a pixel inside the top left of the bounds plus margin.

    Raises:
        ConfigError: A resolution that is not positive, or a picture beyond 8192 px.
    """
    check_positive(px_per_m, name="px_per_m")
    left, top, right, bottom = bounds(target)
    width = round((right - left + 2 * margin_m) * px_per_m)
    height = round((bottom - top + 2 * margin_m) * px_per_m)
    if not 1 <= min(width, height) or max(width, height) > PICTURE_LIMIT_PX:
        raise ConfigError(
            f"a board picture of {width}x{height} px is outside 1 to {PICTURE_LIMIT_PX}. "
            "Choose another px_per_m."
        )
    picture = np.zeros((height, width))
    for shape in target.shapes:
        x0, y0 = shape.x - left + margin_m, shape.y - top + margin_m
        across = _coverage(x0 * px_per_m, (x0 + shape.width) * px_per_m, width)
        down = _coverage(y0 * px_per_m, (y0 + shape.height) * px_per_m, height)
        rows, columns = np.flatnonzero(down), np.flatnonzero(across)
        box = np.ix_(rows, columns)
        cover = np.outer(down[rows], across[columns])
        if shape.round:
            cover = _disk_coverage(shape, rows, columns, (x0, y0), px_per_m)
        picture[box] = np.maximum(picture[box], cover)
    return picture


def board_pdf(target: Target, *, title: str = "") -> bytes:
    """One page at true size: the board as filled paths, a 100 mm ruler and a line of text.

    Print at 100 %, measure the ruler, and give the measured square, not the wanted one.

    Args:
        target: The board.
        title: Printed below; the target's own text if empty. Latin letters only.
    """
    left, top, right, bottom = bounds(target)
    width, height = right - left + 2 * MARGIN_M, bottom - top + 4 * MARGIN_M
    words = ["0 g"]
    for s in target.shapes:
        x, y = s.x - left + MARGIN_M, height - (s.y - top + MARGIN_M) - s.height
        box = [v * POINTS_PER_M for v in (x, y, s.width, s.height)]
        words.append(_ellipse_path(*box) if s.round else _rectangle_path(*box))
    ruler = [v * POINTS_PER_M for v in (MARGIN_M, 1.6 * MARGIN_M, RULER_M, 0.0008)]
    words.append(_rectangle_path(*ruler))
    label = (title or target.text).encode("latin-1", "replace").decode("latin-1")
    safe = "".join(f"\\{c}" if c in "()\\" else c for c in label)
    at = f"{MARGIN_M * POINTS_PER_M:.3f} {0.7 * MARGIN_M * POINTS_PER_M:.3f}"
    words.append(f"BT /F1 9 Tf {at} Td ({safe}   bar above = 100 mm) Tj ET")
    page = (max(width, RULER_M + 2 * MARGIN_M) * POINTS_PER_M, height * POINTS_PER_M)
    return _pdf(page, "\n".join(words).encode("latin-1"))


def _pdf(page: tuple[float, float], content: bytes) -> bytes:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {page[0]:.3f} {page[1]:.3f}] /Contents 4 0 R "
        "/Resources << /Font << /F1 5 0 R >> >> >>".encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    text, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(text))
        text += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return text + (
        b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, rows)
        + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, len(text))
    )


def _rectangle_path(x: float, y: float, width: float, height: float) -> str:
    return f"{x:.4f} {y:.4f} {width:.4f} {height:.4f} re f"


def _ellipse_path(x: float, y: float, width: float, height: float) -> str:
    a, b, cx, cy = width / 2, height / 2, x + width / 2, y + height / 2
    unit = [(1, 0), (0, 1), (-1, 0), (0, -1), (1, 0)]
    words = [f"{cx + a:.4f} {cy:.4f} m"]
    for (x0, y0), (x1, y1) in pairwise(unit):
        control = [(x0 + CIRCLE_BEZIER * x1, y0 + CIRCLE_BEZIER * y1)]
        control += [(x1 + CIRCLE_BEZIER * x0, y1 + CIRCLE_BEZIER * y0), (x1, y1)]
        words.append(" ".join(f"{cx + a * u:.4f} {cy + b * v:.4f}" for u, v in control) + " c")
    return "\n".join([*words, "f"])


def _coverage(start: float, stop: float, count: int) -> Floats:
    """Share of each of `count` unit cells that lies between `start` and `stop`."""
    cells = np.arange(count)
    return np.asarray(np.clip(np.minimum(cells + 1, stop) - np.maximum(cells, start), 0, 1))


def _disk_coverage(
    shape: Shape, rows: Ints, columns: Ints, corner: tuple[float, float], px_per_m: float
) -> Floats:
    """Coverage of an ellipse, from 8 x 8 samples a pixel."""
    steps = (np.arange(8) + 0.5) / 8
    x = ((columns[:, None] + steps) / px_per_m - corner[0]) / shape.width * 2 - 1
    y = ((rows[:, None] + steps) / px_per_m - corner[1]) / shape.height * 2 - 1
    inside = y[:, None, :, None] ** 2 + x[None, :, None, :] ** 2 <= 1
    return np.asarray(inside.mean(axis=(2, 3)))
