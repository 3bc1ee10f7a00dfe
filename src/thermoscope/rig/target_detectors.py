"""Finding a board in a thermal frame, whatever its polarity: hot on cold or cold on hot.

A frame goes through its 1-99 % stretch and, where that is not enough, through a local stretch that
takes out the glow of an unevenly heated board; each of them is tried as it is and inverted. The
polarity that worked is part of the answer. What is NOT here: what the points are good for
(`calibrate`).

=============== ===================================================== ==========================
method          what it does                                          target
=============== ===================================================== ==========================
``sector``      OpenCV's sector-based search, then corners refined    checkerboard
``classic``     OpenCV's quadrilateral search, then corners refined   checkerboard
``blob``        OpenCV's blobs and clustering into a grid             circles, symmetric or not
``lattice``     outlines at several thresholds, ellipse fit, a grid   circles, large disks and
                grown from neighbour to neighbour: distortion bends   square holes
                it and it still holds
``tags``        OpenCV's ArUco search for AprilTags                   AprilGrid
=============== ===================================================== ==========================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, ShapeError
from thermoscope.rig.board_lattice import grow_lattice, match_cells
from thermoscope.rig.calibration_target import AprilGrid, Checkerboard, CircleGrid, Target
from thermoscope.sensor.tone import tone_map

__all__ = ["Detection", "Method", "Polarity", "average_frames", "detect", "methods_of", "prepared"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Polarity = Literal["normal", "inverted"]
Method = Literal["sector", "classic", "blob", "lattice", "tags"]

POLARITIES: tuple[Polarity, ...] = ("normal", "inverted")
SMALL_PX = 400  # a frame with a shorter side below this is doubled before the search
SMALL_TAGS_PX = 1000  # the same for tags, whose corners touch the squares between them
STEEPNESS = 2.0  # of the edge of a blob: 1 spans its whole contrast, more is less fooled by glow
CROWD = 12  # times the board's points: more blobs than that are noise
REFINE_STOP = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 40, 0.005)


@dataclass(frozen=True)
class Detection:
    """Points of a board in one frame.

    Attributes:
        points: (N, 2) columns and rows, px; integer coordinates are pixel centres.
        ids: (N,) row of each in the target's `points`.
        polarity: ``"normal"`` if dark shapes are colder than the board.
        method: What found it.
        tone: ``"percentile"`` or ``"local_field"``.
    """

    points: Floats
    ids: Ints
    polarity: Polarity
    method: Method
    tone: str = "percentile"


def average_frames(frames: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """(H, W) float32 mean of frames of a board that stands still: noise falls with their root.

    Args:
        frames: (H, W) each, counts or grey.

    Raises:
        ShapeError: No frame, or frames of several sizes.
    """
    shapes = {frame.shape for frame in frames}  # none, one or several
    if len(shapes) != 1 or any(len(shape) != 2 for shape in shapes):
        raise ShapeError(
            f"frames to average must be (H, W) of one size, got {sorted(shapes) or 'none'}. "
            "Average frames of one camera and one pose of the board."
        )
    return np.asarray(np.mean(np.stack(frames), axis=0, dtype=np.float64), np.float32)


def prepared(frame: NDArray[Any], *, tone: str = "percentile", inverted: bool = False) -> Bytes:
    """(H, W) uint8 picture of a frame as the detectors see it.

    Raises:
        ShapeError: Not (H, W).
        UnitError: An element type that is no image.
        ConfigError: No such tone.
    """
    picture = tone_map(frame, tone)
    return np.asarray(255 - picture if inverted else picture, np.uint8)


def methods_of(target: Target) -> tuple[Method, ...]:
    """Detectors that know the kind of board, best first."""
    if isinstance(target, Checkerboard):
        return ("sector", "classic")
    if isinstance(target, AprilGrid):
        return ("tags",)
    square = isinstance(target, CircleGrid) and target.square
    return ("lattice",) if square else ("lattice", "blob")


def detect(
    frame: NDArray[Any],
    target: Target,
    *,
    methods: Sequence[Method] = (),
    polarities: Sequence[Polarity] = POLARITIES,
    tones: Sequence[str] = ("percentile", "local_field"),
) -> Detection | None:
    """The board in a frame; None if no method finds it whole (an AprilGrid: one tag at least).

    Points are ordered so that the board's x axis runs to the right in the picture where the
    pattern alone cannot tell: hold boards that look the same upside down upright, within 90
    degrees, in all cameras.

    Args:
        frame: (H, W) counts, kelvin or grey; average static frames first (`average_frames`).
        target: What to look for.
        methods: In the order of trial; all that fit if none is given.
        polarities: In the order of trial; put the one that worked before first.
        tones: In the order of trial.

    Raises:
        ShapeError: `frame` is not (H, W).
        UnitError: An element type that is no image.
        ConfigError: A method that does not know the target.
    """
    known = methods_of(target)
    for method in methods:
        if method not in known:
            raise ConfigError(
                f"method {method!r} cannot find {target.text}. Known for it: {', '.join(known)}."
            )
    for tone in tones:
        plain = prepared(frame, tone=tone)
        small = min(plain.shape) < (SMALL_TAGS_PX if isinstance(target, AprilGrid) else SMALL_PX)
        scale = 2 if small else 1
        large = cv2.resize(plain, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        for method in methods or known:
            best: Detection | None = None
            for polarity in polarities:
                picture = np.asarray(255 - large if polarity == "inverted" else large, np.uint8)
                found = DETECTORS[method](picture, target)
                if found is None or (best is not None and len(best.ids) >= len(found[1])):
                    continue
                best = Detection((found[0] + 0.5) / scale - 0.5, found[1], polarity, method, tone)
                if len(best.ids) == len(target.points):
                    return best
            if best is not None:
                return best
    return None


Found = tuple[Floats, Ints] | None


def _sector(picture: Bytes, target: Target) -> Found:
    board = cast(Checkerboard, target)
    thorough = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY
    for flags in (0, thorough):  # evening out brightness loses boards on a dark ground
        ok, corners = cv2.findChessboardCornersSB(picture, (board.columns, board.rows), flags=flags)
        if ok:
            return _ordered(_refined(picture, corners), board)
    return None


def _classic(picture: Bytes, target: Target) -> Found:
    board = cast(Checkerboard, target)
    flags = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_FAST_CHECK
    ok, corners = cv2.findChessboardCorners(picture, (board.columns, board.rows), flags=flags)
    if not ok:
        return None
    return _ordered(_refined(picture, corners), board)


def _refined(picture: Bytes, corners: NDArray[Any]) -> NDArray[Any]:
    """Corners to a fraction of a pixel, in a window that reaches a third of the way to the next."""
    points = corners.reshape(-1, 2)
    gaps = np.linalg.norm(points[1:] - points[:-1], axis=1)
    reach = int(np.clip(np.min(gaps) / 3, 2, 11))
    start = points[:, None].astype(np.float32)
    return np.asarray(cv2.cornerSubPix(picture, start, (reach, reach), (-1, -1), REFINE_STOP))


def _ordered(corners: NDArray[Any], board: Checkerboard) -> Found:
    """Corners right-handed as seen in the picture, with the x axis to the right."""
    grid = np.asarray(corners, np.float64).reshape(board.rows, board.columns, 2)
    along, down = grid[:, -1] - grid[:, 0], grid[-1] - grid[0]
    across, fall = along.mean(axis=0), down.mean(axis=0)
    if across[0] * fall[1] - across[1] * fall[0] < 0:
        grid = grid[::-1]
    if across[0] < 0:
        grid = grid[::-1, ::-1]
    return grid.reshape(-1, 2).copy(), np.arange(board.rows * board.columns)


def _blob_finder(area: tuple[float, float]) -> Any:
    library: Any = cv2  # its stubs lack the blob detector
    wanted = library.SimpleBlobDetector_Params()
    wanted.minArea, wanted.maxArea = area
    wanted.minThreshold, wanted.maxThreshold, wanted.thresholdStep = 20, 235, 15
    wanted.minDistBetweenBlobs = 4
    wanted.filterByColor, wanted.blobColor = True, 0
    wanted.filterByConvexity, wanted.minConvexity = True, 0.8
    wanted.filterByCircularity, wanted.minCircularity = True, 0.5
    wanted.filterByInertia, wanted.minInertiaRatio = True, 0.1
    return library.SimpleBlobDetector_create(wanted)


def _blob(picture: Bytes, target: Target) -> Found:
    board = cast(CircleGrid, target)
    finder = _blob_finder((12.0, picture.size / (4.0 * len(board.points))))
    kind = cv2.CALIB_CB_ASYMMETRIC_GRID if board.asymmetric else cv2.CALIB_CB_SYMMETRIC_GRID
    ok, centres = cv2.findCirclesGrid(
        picture,
        (board.columns, board.rows),
        flags=kind | cv2.CALIB_CB_CLUSTERING,
        blobDetector=finder,
    )
    if not ok:
        return None
    points = np.asarray(centres, np.float64).reshape(-1, 2)
    return match_cells(points, board.cells, board.cells)


def _lattice(picture: Bytes, target: Target) -> Found:
    board = cast(CircleGrid, target)
    for blobs in _blob_sets(picture, square=board.square, count=len(board.points)):
        cells = grow_lattice(blobs, count=len(board.points))
        if cells is None:
            continue
        matched = match_cells(blobs[cells[0]], cells[1], board.cells)
        if matched is not None:
            return matched
    return None


def _blob_sets(picture: Bytes, *, square: bool, count: int) -> Iterator[Floats]:
    """Centres (M, 2) of dark blobs at one threshold after another; at least `count` of them."""
    smooth: Any = cv2.GaussianBlur(picture, (0, 0), 1.0)
    side = max(15, min(picture.shape) // 4) | 1
    local, mean = cv2.THRESH_BINARY_INV, cv2.ADAPTIVE_THRESH_MEAN_C
    otsu, _ = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    levels = [otsu, otsu * 0.75, otsu * 1.2, 128.0, 90.0, 170.0]
    masks = [cv2.threshold(smooth, level, 255, local)[1] for level in levels[:1]]
    masks += [cv2.adaptiveThreshold(smooth, 255, mean, local, side, bias) for bias in (6, 15)]
    masks += [cv2.threshold(smooth, level, 255, local)[1] for level in levels[1:]]
    for mask in masks:
        outlines, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        outer = [o for o, (_, _, _, parent) in zip(outlines, tree[0], strict=True) if parent < 0]
        largest = picture.size / count
        blobs = [o for o in outer if cv2.contourArea(o) < largest and _is_blob(o, square=square)]
        if count <= len(blobs) <= CROWD * count:
            yield np.array([_centre(outline, smooth) for outline in blobs])


def _is_blob(outline: NDArray[Any], *, square: bool) -> bool:
    """True for the outline of a disk (or a square hole) seen at an angle."""
    area = cv2.contourArea(outline)
    if len(outline) < 8 or area < 12 or area < 0.88 * cv2.contourArea(cv2.convexHull(outline)):
        return False
    _, axes, _ = cv2.fitEllipse(outline)
    long, short = max(axes), min(axes)
    fill = area / (np.pi / 4 * long * short + 1e-9)
    low, high = (0.6, 1.25) if square else (0.8, 1.1)
    return bool(short >= 0.25 * long and low < fill < high)


def _centre(outline: NDArray[Any], picture: Bytes) -> tuple[float, float]:
    """Centroid of a dark blob, its border pixels weighed by how dark they are."""
    x, y, width, height = cv2.boundingRect(outline)
    rim = 3
    left, top = max(x - rim, 0), max(y - rim, 0)
    part = picture[top : y + height + rim, left : x + width + rim].astype(np.float64)
    inside = np.zeros(part.shape, np.uint8)
    cv2.drawContours(inside, [outline], -1, 1, cv2.FILLED, offset=(-left, -top))
    wide = cv2.dilate(inside, np.ones((3, 3), np.uint8), iterations=rim) > 0
    edge = wide & (inside == 0)
    ground = float(np.median(part[edge])) if edge.any() else 255.0
    dark = float(np.median(part[inside > 0]))
    half, slope = (ground + dark) / 2, STEEPNESS / max(ground - dark, 1.0)
    weights = np.clip(0.5 + (half - part) * slope, 0, 1) * wide
    weights[cv2.erode(inside, np.ones((3, 3), np.uint8), iterations=2) > 0] = 1.0  # mirrored light
    rows, columns = np.indices(part.shape)
    total = weights.sum()
    return left + float((weights * columns).sum() / total), top + float(
        (weights * rows).sum() / total
    )


def _tags(picture: Bytes, target: Target) -> Found:
    board = cast(AprilGrid, target)
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    wanted = cv2.aruco.DetectorParameters()
    wanted.markerBorderBits = board.border_bits
    wanted.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    wanted.cornerRefinementWinSize = 4
    corners, ids, _ = cv2.aruco.ArucoDetector(family, wanted).detectMarkers(picture)
    known = board.rows * board.columns
    kept = [] if ids is None else [i for i, t in enumerate(ids.ravel()) if t < known]
    if not kept:
        return None
    tags = ids.ravel()[kept].astype(np.int64)
    points = np.concatenate([corners[i].reshape(4, 2) for i in kept]).astype(np.float64)
    return points, (tags[:, None] * 4 + np.arange(4)).ravel()


DETECTORS: dict[Method, Callable[[Bytes, Target], Found]] = {
    "sector": _sector,
    "classic": _classic,
    "blob": _blob,
    "lattice": _lattice,
    "tags": _tags,
}
