"""A calibration as one page: numbers, what to do about them, and pictures; no other file needed.

Pictures a camera: points found in one view with their errors drawn longer; coverage of all views;
errors as a cloud; and how far the lens bends a straight grid.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import CalibrationError
from thermoscope.core.files import atomic_write
from thermoscope.geometry.camera import Camera
from thermoscope.rig.calibrate import (
    CELLS,
    CameraResult,
    RigCalibration,
    Views,
    vertical_disparity,
)
from thermoscope.sensor.tone import tone_map

__all__ = ["advice", "report_page", "write_report"]

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]

GATE_RGB_PX = 0.3
GATE_THERMAL_PX = 0.5
GATE_HOLD_OUT = 1.3  # times the error of fit
GATE_COVERAGE = 0.8
GATE_CORNER_PX = 2.0
GATE_FOCAL = 0.01
SIDE_PX = 420
ERROR_SCALE = 20  # errors are drawn this many times longer
RED, GREEN, BLUE, GREY = (214, 62, 42), (40, 150, 70), (40, 90, 200), (150, 150, 150)

STYLE = """body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:1180px;padding:0 1em;
color:#1c1c1c}table{border-collapse:collapse;margin:1em 0}td,th{padding:.3em .8em;text-align:right;
border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}
.row{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:1em}
figure{margin:0}figure img{width:100%}
figcaption{font-size:13px;color:#444}.bad{color:#b3261e;font-weight:600}h2{margin-top:1.6em}"""


def write_report(
    path: str | Path,
    calibration: RigCalibration,
    views: Views,
    frames: Mapping[str, Mapping[str, NDArray[Any]]],
) -> None:
    """The page as one HTML file.

    Args:
        path: The file.
        calibration: What was found.
        views: The detections behind it.
        frames: Camera to view to (H, W) frame; one is shown a camera.

    Raises:
        WriteError: The file cannot be written.
    """
    with atomic_write(path) as stream:
        stream.write(report_page(calibration, views, frames).encode())


def report_page(
    calibration: RigCalibration,
    views: Views,
    frames: Mapping[str, Mapping[str, NDArray[Any]]],
) -> str:
    """The HTML of `write_report`."""
    parts = [
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Calibration</title>"
        f"<style>{STYLE}</style><h1>Calibration of {len(calibration.cameras)} camera(s)</h1>",
        f"<p>Board <code>{html.escape(calibration.target)}</code>, "
        f"{len(calibration.T_rig_board)} views, {calibration.rms_px:.3f} px rms over all points."
        f"{_rejected(calibration)}</p>",
        _camera_table(calibration),
        _pair_table(calibration, views),
    ]
    remarks = advice(calibration)
    if remarks:
        rows = "".join(f"<li>{html.escape(r)}</li>" for r in remarks)
        parts.append(f"<h2>What to do</h2><ul>{rows}</ul>")
    for name, result in calibration.cameras.items():
        parts.append(f"<h2>{html.escape(name)}</h2>{_parameters(result)}")
        parts.extend(["<div class='row'>", *_figures(result, frames.get(name, {})), "</div>"])
    return "\n".join(parts) + "</html>\n"


def advice(calibration: RigCalibration, *, gate_px: float = GATE_THERMAL_PX) -> list[str]:
    """What is not good enough, and what to do about it; empty if all is well."""
    remarks = []
    for name, r in calibration.cameras.items():
        if r.rms_px > gate_px:
            remarks.append(
                f"{name}: {r.rms_px:.2f} px rms is above {gate_px}. Average more frames a view, "
                "hold the board still, heat it again, and check its flatness."
            )
        if math.isnan(r.hold_out_px):
            remarks.append(f"{name}: too few views to hold any out. Take 20 or more.")
        elif r.hold_out_px > GATE_HOLD_OUT * r.rms_px + 0.02:
            remarks.append(
                f"{name}: held-out views are off by {r.hold_out_px:.2f} px, the others by "
                f"{r.rms_px:.2f}. Take more views, tilted more."
            )
        if r.coverage < GATE_COVERAGE:
            remarks.append(
                f"{name}: points cover {r.coverage:.0%} of the picture. Move the board into the "
                "corners; outside them the lens model is a guess."
            )
        if r.deviation[0] > GATE_FOCAL * r.camera.fx:
            remarks.append(
                f"{name}: the focal length is known to {r.deviation[0] / r.camera.fx:.1%} only. "
                "Tilt the board by 20 to 40 degrees in most views."
            )
        if r.corner_spread_px > GATE_CORNER_PX:
            remarks.append(
                f"{name}: fits without a fifth of the views disagree by {r.corner_spread_px:.1f} "
                "px in the corners. Do not measure there, or take views there."
            )
    return remarks


def _rejected(calibration: RigCalibration) -> str:
    if not calibration.rejected:
        return ""
    return f" Left out for their error: {html.escape(', '.join(calibration.rejected))}."


def _camera_table(calibration: RigCalibration) -> str:
    head = (
        "<table><tr><th>camera</th><th>model</th><th>views</th><th>rms px</th><th>held out px</th>"
        "<th>coverage</th><th>corner spread px</th></tr>"
    )
    rows = [
        f"<tr><td>{html.escape(name)}</td><td>{r.camera.model}</td><td>{len(r.found)}</td>"
        f"<td>{_number(r.rms_px, GATE_THERMAL_PX)}</td>"
        f"<td>{_number(r.hold_out_px, GATE_HOLD_OUT * r.rms_px + 0.02)}</td>"
        f"<td>{r.coverage:.0%}</td><td>{_number(r.corner_spread_px, GATE_CORNER_PX)}</td></tr>"
        for name, r in calibration.cameras.items()
    ]
    return head + "".join(rows) + "</table>"


def _number(value: float, limit: float) -> str:
    if math.isnan(value):
        return "-"
    text = f"{value:.3f}"
    return f"<span class='bad'>{text}</span>" if value > limit else text


def _pair_table(calibration: RigCalibration, views: Views) -> str:
    names = list(calibration.cameras)
    if len(names) < 2:
        return ""
    rows = []
    for name in names[1:]:
        pose = calibration.T(names[0], name)
        angle = math.degrees(math.acos(float(np.clip((np.trace(pose[:3, :3]) - 1) / 2, -1, 1))))
        try:
            median, p95 = vertical_disparity(calibration, views, names[0], name)
            rows_text = f"{median:.2f} / {p95:.2f}"
        except CalibrationError:
            rows_text = "not side by side"
        x, y, z = (f"{1000 * v:.1f}" for v in pose[:3, 3])
        rows.append(
            f"<tr><td>{html.escape(names[0])} &larr; {html.escape(name)}</td>"
            f"<td>{1000 * calibration.baseline_m(names[0], name):.2f}</td><td>{x} {y} {z}</td>"
            f"<td>{angle:.2f}</td><td>{rows_text}</td></tr>"
        )
    return (
        "<table><tr><th>pair</th><th>baseline mm</th><th>x y z mm</th><th>turn deg</th>"
        "<th>row difference px, median / 95 %</th></tr>" + "".join(rows) + "</table>"
    )


def _parameters(result: CameraResult) -> str:
    camera = result.camera
    values = (camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion)
    names = ("fx", "fy", "cx", "cy", *(f"d{i + 1}" for i in range(len(camera.distortion))))
    cells = "".join(
        f"<td>{name} {value:.4f} &plusmn; {deviation:.4f}</td>"
        for name, value, deviation in zip(names, values, result.deviation, strict=True)
    )
    return f"<table><tr>{cells}</tr></table>"


def _figures(result: CameraResult, frames: Mapping[str, NDArray[Any]]) -> list[str]:
    pictures = []
    worst = max(result.error, key=lambda view: float(np.abs(result.error[view]).mean()))
    if worst in frames:
        drawn = _errors_picture(frames[worst], result.found[worst], result.error[worst])
        pictures.append((drawn, f"worst view {worst}, errors drawn {ERROR_SCALE} times longer"))
    pictures.append((_coverage_picture(result), "points of all views; empty cells are red"))
    pictures.append((_cloud_picture(result), "errors of all points; circles: 0.5 and 1 px"))
    pictures.append((_lens_picture(result.camera), "the lens: rays on a regular grid, as pixels"))
    return [_figure(picture, caption) for picture, caption in pictures]


def _figure(picture: Picture, caption: str) -> str:
    ok, data = cv2.imencode(".png", picture[..., ::-1])
    text = base64.b64encode(data.tobytes()).decode() if ok else ""
    return (
        f"<figure><img src='data:image/png;base64,{text}' alt='{html.escape(caption)}'>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _canvas(camera: Camera) -> tuple[Picture, float]:
    scale = SIDE_PX / camera.width
    size = (round(camera.height * scale), SIDE_PX, 3)
    return np.full(size, 255, np.uint8), scale


def _pixel(point: Floats, scale: float) -> tuple[int, int]:
    x, y = np.clip((point + 0.5) * scale, -10000, 10000)
    return round(float(x)), round(float(y))


def _errors_picture(frame: NDArray[Any], found: Floats, error: Floats) -> Picture:
    grey = tone_map(frame)
    scale = SIDE_PX / grey.shape[1]
    picture = cv2.cvtColor(cv2.resize(grey, None, fx=scale, fy=scale), cv2.COLOR_GRAY2RGB)
    for place, miss in zip(found, error, strict=True):
        cv2.circle(picture, _pixel(place, scale), 3, GREEN, 1, cv2.LINE_AA)
        tip = place + ERROR_SCALE * miss
        cv2.line(picture, _pixel(place, scale), _pixel(tip, scale), RED, 1, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


def _coverage_picture(result: CameraResult) -> Picture:
    picture, scale = _canvas(result.camera)
    pixels = np.concatenate(list(result.found.values()))
    height, width = picture.shape[:2]
    for column in range(CELLS[0]):
        for row in range(CELLS[1]):
            x0, x1 = (round(width * c / CELLS[0]) for c in (column, column + 1))
            y0, y1 = (round(height * r / CELLS[1]) for r in (row, row + 1))
            at = (pixels + 0.5) * scale
            inside = (at >= (x0, y0)) & (at < (x1, y1))
            if not inside.all(axis=1).any():
                picture[y0:y1, x0:x1] = (250, 205, 200)
            cv2.rectangle(picture, (x0, y0), (x1, y1), (225, 225, 225), 1)
    for point in pixels:
        cv2.circle(picture, _pixel(point, scale), 1, BLUE, -1, cv2.LINE_AA)
    return picture


def _cloud_picture(result: CameraResult) -> Picture:
    picture = np.full((SIDE_PX, SIDE_PX, 3), 255, np.uint8)
    middle, per_px = SIDE_PX // 2, SIDE_PX / 4
    for radius in (0.5, 1.0):
        cv2.circle(picture, (middle, middle), round(radius * per_px), GREY, 1, cv2.LINE_AA)
    for error in np.concatenate(list(result.error.values())):
        cv2.circle(picture, _pixel(error * per_px + middle, 1.0), 1, RED, -1, cv2.LINE_AA)
    return picture


def _lens_picture(camera: Camera) -> Picture:
    """Lines of equal tangent as pixels: straight and even for a pinhole."""
    picture, scale = _canvas(camera)
    steps, fine = np.linspace(-2.4, 2.4, 25), np.linspace(-2.4, 2.4, 121)
    for value in steps:
        for axis in (0, 1):
            rays = np.ones((len(fine), 3))
            rays[:, axis], rays[:, 1 - axis] = value, fine
            pixels, valid = camera.project(rays)
            for a, b, ok in zip(pixels, pixels[1:], valid[1:] & valid[:-1], strict=False):
                if ok:
                    cv2.line(picture, _pixel(a, scale), _pixel(b, scale), GREY, 1, cv2.LINE_AA)
    return picture
