"""Intrinsics of one camera or of all, and where the cameras stand, from frames of a board.

    calibration = calibrate({"thermal_left": {"000": detection, ...}, ...}, target, sizes)

Every camera that saw the board in the same view is tied to the others; all are refined together.
The error of fit says little about a wide lens (a wrong model can fit well and be off by pixels
where no point was), so three more numbers stand beside it: the error on views held out, the share
of the picture that points cover, and how far fits without a fifth of the views disagree in the
corners. What is NOT here: finding the board (`target_detectors`), files (`calibration_files`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import CalibrationError
from thermoscope.geometry.camera import Camera, CameraModel
from thermoscope.geometry.pose import from_rotation, invert, transform
from thermoscope.geometry.rectify import rectify
from thermoscope.rig.bundle import Bundle, Sight, adjust, camera_parameters, residuals
from thermoscope.rig.calibration_target import Target
from thermoscope.rig.sights import Sights, Views

__all__ = ["CameraResult", "RigCalibration", "Views", "calibrate", "vertical_disparity"]

Floats = NDArray[np.float64]

LEAST_VIEWS = 3
FOLDS = 5
UNBIASING = 3  # the bias of a centroid follows from the fit, and the fit from the bias
CELLS = (8, 6)  # columns and rows of the coverage count
FOCAL_GUESSES = (0.45, 0.65, 0.9, 1.4, 2.2)  # of the image width: 120 to 26 degrees
OUTLIER_VIEW = 4.0  # times the median view's error, and more than a pixel


@dataclass(frozen=True)
class CameraResult:
    """One calibrated camera.

    Attributes:
        camera: Intrinsics.
        T_camera_rig: (4, 4) takes rig coordinates (those of the first camera) to the camera's.
        rms_px: Root mean square of the point errors, px.
        hold_out_px: The same on views that the fit had not seen; nan with fewer than 5 views.
        coverage: Share of 8 x 6 image cells in which a point was found.
        corner_spread_px: How far a ray through a picture's corner moves between fits that leave
            out a fifth of the views, rms, px; nan with fewer than 5 views.
        deviation: Standard deviation of fx, fy, cx, cy and the coefficients, as the residuals
            suggest.
        found: View to pixels (N, 2).
        error: View to found minus projected (N, 2), px.
    """

    camera: Camera
    T_camera_rig: Floats
    rms_px: float
    hold_out_px: float
    coverage: float
    corner_spread_px: float
    deviation: tuple[float, ...]
    found: Mapping[str, Floats] = field(repr=False)
    error: Mapping[str, Floats] = field(repr=False)


@dataclass(frozen=True)
class RigCalibration:
    """Cameras that stand in a fixed relation.

    Attributes:
        target: The board, in the words of `parse_target`.
        cameras: By name; the first one is the origin of the rig.
        T_rig_board: View to pose (4, 4) of the board.
        rms_px: Of all points, px.
        rejected: Views left out, as camera/view: their error was far above the others'.
    """

    target: str
    cameras: Mapping[str, CameraResult]
    T_rig_board: Mapping[str, Floats]
    rms_px: float
    rejected: tuple[str, ...] = ()

    def T(self, a: str, b: str) -> Floats:
        """(4, 4) pose taking coordinates of camera `b` to those of camera `a`.

        Raises:
            CalibrationError: No such camera.
        """
        for name in (a, b):
            if name not in self.cameras:
                raise CalibrationError(
                    f"no camera {name!r} in the calibration. Cameras: {', '.join(self.cameras)}."
                )
        return self.cameras[a].T_camera_rig @ invert(self.cameras[b].T_camera_rig)

    def baseline_m(self, a: str, b: str) -> float:
        """Distance between two cameras, m.

        Raises:
            CalibrationError: No such camera.
        """
        return float(np.linalg.norm(self.T(a, b)[:3, 3]))


def calibrate(
    views: Views,
    target: Target,
    sizes: Mapping[str, tuple[int, int]],
    *,
    models: Mapping[str, CameraModel] | None = None,
) -> RigCalibration:
    """Intrinsics, places and errors of the cameras that saw a board.

    Args:
        views: Camera to view to detection; the same view name is the same instant. The first
            camera is the origin of the rig.
        target: The board.
        sizes: Camera to (width, height), px.
        models: Camera to lens model; ``"fisheye"`` (Kannala-Brandt) where not given.

    Raises:
        CalibrationError: A camera with fewer than 3 usable views, a camera that shares no view
            with the others, or a fit that does not converge.
    """
    sights = Sights.of(views, target)
    wanted = {name: (models or {}).get(name, "fisheye") for name in views}
    singles = {name: _single(name, sights.only(name), sizes[name], wanted[name]) for name in views}
    bundle = _joined(sights, singles)
    bundle, covariance = adjust(bundle, sights.sights)
    outliers = _outliers(bundle, sights)
    if outliers:
        sights = sights.without(outliers)
        bundle = _subset(bundle, sights)
    found = sights
    for _ in range(UNBIASING if target.outlines is not None else 1):
        sights = found.unbiased(bundle, target)
        bundle, covariance = adjust(bundle, sights.sights)
    _check_fit(bundle, sights)
    return _result(bundle, covariance, sights, target, outliers)


def vertical_disparity(
    calibration: RigCalibration, views: Views, left: str, right: str
) -> tuple[float, float]:
    """Median and 95th percentile of the row difference after rectification, px.

    Args:
        calibration: Of both cameras.
        views: What was found; points that both saw count.
        left: Name of the left camera.
        right: Name of the right camera.

    Raises:
        CalibrationError: No such camera, no common point, or a pair that cannot be rectified.
    """
    pose = calibration.T(left, right)
    cameras = [calibration.cameras[name].camera for name in (left, right)]
    pair = rectify(cameras[0], cameras[1], pose, keep="all")
    turns = (pair.T_left_rectified, pair.T_right_rectified)
    gaps = []
    for view in sorted(set(views[left]) & set(views[right])):
        a, b = views[left][view], views[right][view]
        _, rows_a, rows_b = np.intersect1d(a.ids, b.ids, return_indices=True)
        heights = [
            pair.camera.project(transform(invert(turn), camera.unproject(pixels)[0]))[0][:, 1]
            for camera, turn, pixels in zip(
                cameras, turns, (a.points[rows_a], b.points[rows_b]), strict=True
            )
        ]
        gaps.append(np.abs(heights[0] - heights[1]))
    every = np.concatenate(gaps) if gaps else np.empty(0)
    every = every[np.isfinite(every)]
    if not len(every):
        raise CalibrationError(
            f"{left} and {right} share no point of the board. Show it to both at once."
        )
    return float(np.median(every)), float(np.percentile(every, 95))


def _single(
    name: str, sights: Sequence[Sight], size: tuple[int, int], model: CameraModel
) -> tuple[Camera, dict[int, Floats]]:
    """A camera alone: intrinsics, and T_camera_board of each view."""
    if len(sights) < LEAST_VIEWS:
        raise CalibrationError(
            f"{name}: {len(sights)} usable views of the board, expected at least {LEAST_VIEWS} "
            "and better 20. Add views, or check the target's rows and columns."
        )
    views = [s.view for s in sights]
    local = [Sight(0, i, s.points, s.pixels) for i, s in enumerate(sights)]
    width, height = size
    best: tuple[float, Bundle] | None = None
    for share in FOCAL_GUESSES:
        zeros = {"pinhole": (), "radtan": (0.0,) * 5, "fisheye": (0.0,) * 4}[model]
        guess = Camera(
            share * width,
            share * width,
            (width - 1) / 2,
            (height - 1) / 2,
            width,
            height,
            model,
            zeros,
        )
        poses = [_board_pose(guess, s) for s in local]
        start = Bundle((guess,), (np.eye(4),), tuple(poses))
        found, _ = adjust(start, local, steps=15)
        error = float(np.median([np.abs(residuals(found, s)).mean() for s in local]))
        if best is None or error < best[0]:
            best = error, found
    if best is None or not best[0] < 0.05 * width:
        raise CalibrationError(
            f"{name}: the fit does not converge. Check that the target's rows, columns and kind "
            "are those of the board, and tilt the board between views."
        )
    bundle, _ = adjust(best[1], local)
    return bundle.cameras[0], dict(zip(views, bundle.T_rig_board, strict=True))


def _board_pose(camera: Camera, sight: Sight) -> Floats:
    """T_camera_board of one view, from its rays."""
    rays, valid = camera.unproject(sight.pixels)
    front = valid & (rays[:, 2] > 0.1)
    if front.sum() >= 4:
        plane = rays[front, :2] / rays[front, 2:]
        ok, r, t = cv2.solvePnP(
            sight.points[front], plane[:, None], np.eye(3), None, flags=cv2.SOLVEPNP_IPPE
        )
        if ok and float(t[2, 0]) > 0:
            return from_rotation(cv2.Rodrigues(r)[0], np.asarray(t).ravel())
    span = float(np.ptp(sight.points, axis=0).max())
    return from_rotation(np.eye(3), (0.0, 0.0, 2 * span))


def _joined(sights: Sights, singles: Mapping[str, tuple[Camera, dict[int, Floats]]]) -> Bundle:
    """All cameras in the coordinates of the first, along the links with most common views."""
    names = sights.cameras
    poses = [singles[name][1] for name in names]
    places: dict[int, Floats] = {0: np.eye(4)}
    while len(places) < len(names):
        links = [
            (len(set(poses[a]) & set(poses[b])), a, b)
            for a in places
            for b in range(len(names))
            if b not in places
        ]
        common, a, b = max(links, key=lambda link: link[0])
        if common == 0:
            lost = ", ".join(n for i, n in enumerate(names) if i not in places)
            raise CalibrationError(
                f"{lost}: no view of the board in common with {names[0]}. Show the board to "
                "both at once, and give the files of one instant the same name."
            )
        shared = set(poses[a]) & set(poses[b])
        places[b] = _middle([poses[b][v] @ invert(poses[a][v]) for v in shared]) @ places[a]
    boards: dict[int, Floats] = {}
    for index in range(len(names)):
        for view, pose in poses[index].items():
            boards.setdefault(view, invert(places[index]) @ pose)
    return Bundle(
        tuple(singles[name][0] for name in names),
        tuple(places[i] for i in range(len(names))),
        tuple(boards[v] for v in range(len(sights.views))),
    )


def _middle(poses: Sequence[Floats]) -> Floats:
    """The pose nearest to all others: one bad view does not move it."""
    scale = float(np.median([np.linalg.norm(p[:3, 3]) for p in poses])) + 1e-9
    weights = np.array([[1.0, 1.0, 1.0, 1 / scale]])
    gaps = [sum(float(np.linalg.norm((p - q)[:3] * weights)) for q in poses) for p in poses]
    return poses[int(np.argmin(gaps))]


def _outliers(bundle: Bundle, sights: Sights) -> tuple[str, ...]:
    sizes = np.array(
        [np.sqrt((residuals(bundle, s) ** 2).sum(axis=1).mean()) for s in sights.sights]
    )
    limit = max(OUTLIER_VIEW * float(np.median(sizes)), 1.0)
    return tuple(sights.name(int(i)) for i in np.flatnonzero(sizes > limit))


def _subset(bundle: Bundle, sights: Sights) -> Bundle:
    """The bundle with fresh poses for the views of `sights`."""
    poses = []
    for view in range(len(sights.views)):
        sight = next(s for s in sights.sights if s.view == view)
        pose = _board_pose(bundle.cameras[sight.camera], sight)
        poses.append(invert(bundle.T_camera_rig[sight.camera]) @ pose)
    return Bundle(bundle.cameras, bundle.T_camera_rig, tuple(poses))


def _check_fit(bundle: Bundle, sights: Sights) -> None:
    for index, name in enumerate(sights.cameras):
        own = [i for i, s in enumerate(sights.sights) if s.camera == index]
        if len(own) < LEAST_VIEWS:
            raise CalibrationError(
                f"{name}: {len(own)} views fit together, expected at least {LEAST_VIEWS}. "
                "Hold the board still, and upright in all cameras."
            )
        error = np.concatenate([residuals(bundle, sights.sights[i]) for i in own])
        if not np.median(np.abs(error)) < 0.02 * bundle.cameras[index].width:
            raise CalibrationError(
                f"{name}: points are off by {np.median(np.abs(error)):.1f} px after the fit. "
                "Check the board's rows and columns, and that one view is one instant."
            )


def _result(
    bundle: Bundle,
    covariance: Floats,
    sights: Sights,
    target: Target,
    outliers: tuple[str, ...],
) -> RigCalibration:
    errors = [residuals(bundle, s) for s in sights.sights]
    every = np.concatenate(errors)
    held, spread = _held_out(bundle, sights)
    cameras, at = {}, 0
    for index, name in enumerate(sights.cameras):
        own = [i for i, s in enumerate(sights.sights) if s.camera == index]
        error = {sights.views[sights.sights[i].view]: errors[i] for i in own}
        found = {sights.views[sights.sights[i].view]: sights.sights[i].pixels for i in own}
        count = camera_parameters(bundle.cameras[index])
        rms = _rms(list(error.values()))
        diagonal = np.clip(np.diag(covariance)[at : at + count], 0, None)
        cameras[name] = CameraResult(
            bundle.cameras[index],
            bundle.T_camera_rig[index],
            rms,
            _rms(held[index]),
            _coverage(bundle.cameras[index], np.concatenate(list(found.values()))),
            spread[index],
            tuple(float(v) for v in np.sqrt(diagonal / 2) * rms),
            found,
            error,
        )
        at += count + (6 if index else 0)
    poses = dict(zip(sights.views, bundle.T_rig_board, strict=True))
    return RigCalibration(target.text, cameras, poses, _rms([every]), outliers)


def _rms(errors: Sequence[Floats]) -> float:
    """Root mean square length of the errors (N, 2); nan of none."""
    if not errors:
        return float("nan")
    return float(np.sqrt((np.concatenate(list(errors)) ** 2).sum(axis=1).mean()))


def _coverage(camera: Camera, pixels: Floats) -> float:
    share = (pixels + 0.5) / (camera.width, camera.height)
    cells = np.clip((share * CELLS).astype(int), 0, np.subtract(CELLS, 1))
    return len({(int(x), int(y)) for x, y in cells}) / (CELLS[0] * CELLS[1])


def _held_out(bundle: Bundle, sights: Sights) -> tuple[list[list[Floats]], list[float]]:
    """Errors of every camera on views left out in turn, and the spread in the corners."""
    cameras = range(len(sights.cameras))
    held: list[list[Floats]] = [[] for _ in cameras]
    fits: list[Bundle] = []
    count = len(sights.views)
    for fold in range(FOLDS if count >= FOLDS else 0):
        rest = [i for i, s in enumerate(sights.sights) if s.view % FOLDS != fold]
        if any(sum(sights.sights[i].camera == c for i in rest) < LEAST_VIEWS for c in cameras):
            continue
        kept = sights.kept(rest)
        poses = [bundle.T_rig_board[sights.views.index(v)] for v in kept.views]
        start = Bundle(bundle.cameras, bundle.T_camera_rig, tuple(poses))
        fit, _ = adjust(start, kept.sights, steps=15)
        fits.append(fit)
        out = sights.kept([i for i, s in enumerate(sights.sights) if s.view % FOLDS == fold])
        tested, _ = adjust(_subset(fit, out), out.sights, steps=15, fixed_rig=True)
        for sight in out.sights:
            held[sight.camera].append(residuals(tested, sight))
    spread = [_corner_spread(bundle.cameras[c], [fit.cameras[c] for fit in fits]) for c in cameras]
    return held, spread


def _corner_spread(camera: Camera, fits: Sequence[Camera]) -> float:
    """Root mean square distance between a corner's ray in the fit and in the other fits, px."""
    right, bottom = camera.width - 1, camera.height - 1
    corners = np.array([[0, 0], [right, 0], [0, bottom], [right, bottom]], np.float64)
    rays, valid = camera.unproject(corners)
    moved = [fit.project(rays[valid])[0] - corners[valid] for fit in fits]
    known = [m[np.isfinite(m).all(axis=1)] for m in moved]
    return _rms(known) if known and len(np.concatenate(known)) else float("nan")
