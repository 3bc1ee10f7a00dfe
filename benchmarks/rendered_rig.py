"""The whole chain on rendered pictures, against the truth that they were rendered from.

    python -m benchmarks.rendered_rig [--width 640] [--views 40] [--places 12] [--out FILE]

A rig of two 95 degree thermal cameras (Kannala-Brandt) and two colour cameras sees a board, and is
calibrated from what it saw. Then it records places, two instants in each; the recording is exported
with the calibration that was found, and read back as a data set. Stereo and place recognition run
on what was read. The truth is never shown to any step: it is only compared with.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.core.files import sha256_of
from thermoscope.core.sample import Sample
from thermoscope.data.tartanrgbt import tartanrgbt
from thermoscope.engine.rig_export import ExportConfig, ExportReport, export_recording
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import invert, transform
from thermoscope.geometry.rectify import RectifiedPair, rectify
from thermoscope.io.ros_messages import FrameStamp
from thermoscope.models.load import load_model
from thermoscope.models.place import place_model
from thermoscope.rig.board_frames import BoardFrames, BoardLook, board_poses
from thermoscope.rig.calibrate import RigCalibration, calibrate, vertical_disparity
from thermoscope.rig.calibration_files import write_calibration
from thermoscope.rig.calibration_target import Target, parse_target
from thermoscope.rig.recording_format import CameraRecord, Manifest, write_manifest
from thermoscope.rig.segment import PictureCoder, SegmentWriter
from thermoscope.rig.target_detectors import Detection, detect
from thermoscope.synthetic.dataset import Scenes
from thermoscope.synthetic.observe import Observation
from thermoscope.synthetic.rig import StereoPair, VirtualRig

Floats = NDArray[np.float64]
NAMES = ("thermal_left", "thermal_right", "rgb_left", "rgb_right")
MODELS: dict[str, Any] = {name: "fisheye" if "thermal" in name else "radtan" for name in NAMES}
BOARD = "checkerboard:6x9:0.05"
LOOKS = {
    "thermal": BoardLook(light_counts=22000, dark_counts=22200),  # a warmed print: dark is hot
    "rgb": BoardLook(210.0, 30.0, 120.0, noise_counts=2.0, blur_px=0.6),
}
RATE_HZ = 1.0
STEP_NS = 1_000_000_000
OFFSET_NS = 1_700_000_000_000_000_000


def proof_rig(width: int = 640) -> VirtualRig:
    """Two 95 degree lenses that differ a little, 120 mm apart, below two colour cameras."""
    left = Camera.from_fov(
        640, 512, 95.0, model="fisheye", distortion=(-0.09, 0.012, -0.004, 0.0005)
    )
    right = replace(
        left, fx=left.fx * 1.004, fy=left.fy * 1.003, cx=left.cx + 3.1, cy=left.cy - 2.2
    )
    rectified = Camera(330.0, 330.0, 319.5, 255.5, 640, 512)
    thermal = StereoPair(left, right, rectified, 0.12, (-0.7, 1.5, 0.2))
    colour = StereoPair.ideal(Camera(366.7, 366.7, 479.5, 299.5, 960, 600), 0.12)
    turn = (0.4, -0.3, 0.1)
    rig = VirtualRig("proof", thermal, colour, (0.0, -0.05, 0.012), turn)
    return rig.scaled(width)


@dataclass(frozen=True)
class Truth:
    """The cameras of a rig as they are.

    Attributes:
        cameras: By name.
        places: T_rig_camera (4, 4) of each; the left thermal camera is the rig.
    """

    cameras: Mapping[str, Camera]
    places: Mapping[str, Floats]

    @classmethod
    def of(cls, rig: VirtualRig) -> Truth:
        """Of a virtual rig, seen through its lenses."""
        colour = rig.rgb
        if colour is None:
            raise SystemExit("the proof needs a rig with a colour pair")
        T_left_rgb = rig.thermal.turns()[0] @ rig.T_thermal_rgb
        places = (
            np.eye(4), rig.thermal.T_left_right, T_left_rgb, T_left_rgb @ colour.T_rectified
        )  # fmt: skip
        lenses = (rig.thermal.left, rig.thermal.right, colour.rectified, colour.rectified_right)
        return cls(dict(zip(NAMES, lenses, strict=True)), dict(zip(NAMES, places, strict=True)))

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """Camera to (width, height)."""
        return {name: (camera.width, camera.height) for name, camera in self.cameras.items()}


# -- calibrate -------------------------------------------------------------------------------------


def board_views(
    truth: Truth, target: Target, *, views: int, seed: int = 0
) -> dict[str, dict[str, Detection]]:
    """Camera to view to what is found in its rendered frame; half a board is not looked for."""
    rng = np.random.default_rng(seed)
    board = BoardFrames(target)
    poses = board_poses(target, truth.cameras["thermal_left"], views, rng=rng, fill=(0.3, 0.9))
    found: dict[str, dict[str, Detection]] = {name: {} for name in NAMES}
    for number, pose in enumerate(poses):
        for name in NAMES:
            look = LOOKS[name.partition("_")[0]]
            camera, place = truth.cameras[name], invert(truth.places[name]) @ pose
            pixels, shown = camera.project(transform(place, target.points))
            if not (shown & camera.contains(pixels)).all():
                continue
            frame = board.counts(camera, place, look, rng=rng)
            frame = frame if "thermal" in name else frame.astype(np.uint8)
            detection = detect(frame, target, tones=("percentile",))
            if detection is not None:
                found[name][f"{number:03d}"] = detection
    return found


@dataclass(frozen=True)
class CameraErrors:
    """How far a calibrated camera is from the true one.

    Attributes:
        rms_px: Of the fit.
        hold_out_px: On views that the fit had not seen.
        focal_percent: Of fx.
        ray_px: Distance of a ray's pixels in both cameras over the picture, 95th percentile.
        place_mm: Of the camera's centre, from the left thermal camera.
        turn_deg: Of the camera, from the left thermal camera.
    """

    rms_px: float
    hold_out_px: float
    focal_percent: float
    ray_px: float
    place_mm: float
    turn_deg: float


def camera_errors(truth: Truth, found: RigCalibration) -> dict[str, CameraErrors]:
    """Camera to its errors."""
    errors = {}
    for name, result in found.cameras.items():
        true = truth.cameras[name]
        pixels = true.pixel_grid()[::16, ::16].reshape(-1, 2)
        rays, seen = true.unproject(pixels)
        apart = np.linalg.norm(result.camera.project(rays[seen])[0] - pixels[seen], axis=-1)
        gap = invert(truth.places[name]) @ found.T(NAMES[0], name)
        errors[name] = CameraErrors(
            result.rms_px,
            result.hold_out_px,
            100 * (result.camera.fx / true.fx - 1),
            float(np.percentile(apart, 95)),
            1000 * float(np.linalg.norm(gap[:3, 3])),
            float(np.degrees(np.linalg.norm(cv2.Rodrigues(gap[:3, :3])[0]))),
        )
    return errors


# -- record, export, read back ---------------------------------------------------------------------


def two_instants(rig: VirtualRig, places: int, cache: Path, *, seed: int = 3) -> Scenes:
    """Two instants in each of so many places, through the lenses of the rig."""
    return Scenes(
        split="val",
        environment=("indoor", "urban", "offroad"),
        seed=seed,
        preset=rig,
        count=2 * places,
        frames_per_scene=2,
        rate_hz=RATE_HZ,
        hour="day",
        lens="distorted",
        cache=cache,
    )


def record_scenes(folder: Path, scenes: Scenes, calibration: RigCalibration) -> Path:
    """The scenes as a recording, with the calibration that was found."""
    folder.mkdir(parents=True)
    file = folder / "calibration.json"
    write_calibration(file, calibration)
    records = _records(scenes.rig)
    models = {name: result.camera for name, result in calibration.cameras.items()}
    writer = SegmentWriter(
        folder / "000000.mcap",
        records,
        offset_ns=OFFSET_NS,
        calibration=models,
        calibration_file=file,
    )
    coders = {record.name: PictureCoder(record) for record in records}
    for index in range(len(scenes)):
        stamp = _stamp(index)
        for name, picture in pictures(scenes[index]).items():
            writer.add_frame(name, coders[name].encode(picture, stamp.t_ns), stamp)
    segment = writer.close()
    lost = dict.fromkeys(NAMES, 0)
    manifest = Manifest(records, OFFSET_NS, OFFSET_NS, (segment,), lost, "asked", file.name)
    write_manifest(folder, replace(manifest, calibration_sha256=sha256_of(file)))
    return folder


def _records(rig: VirtualRig) -> tuple[CameraRecord, ...]:
    kinds = {name: ("thermal", "mono16") if "thermal" in name else ("rgb", "raw") for name in NAMES}
    return tuple(
        CameraRecord(name, f"rendered-{name}", *kinds[name], *size, RATE_HZ)  # type: ignore[arg-type]
        for name, size in Truth.of(rig).sizes.items()
    )


def _stamp(index: int) -> FrameStamp:
    host_ns = (index + 5) * STEP_NS
    return FrameStamp(OFFSET_NS + host_ns, index, 100 + index, host_ns // 2, host_ns)


def pictures(sample: Sample) -> dict[str, NDArray[Any]]:
    """What each camera gives: counts, and 8-bit colour."""
    colours = {"rgb_left": bytes_of(sample["rgb"]), "rgb_right": bytes_of(sample["rgb_right"])}
    thermal = {"thermal_left": sample["counts"][0], "thermal_right": sample["counts_right"][0]}
    return {**thermal, **colours}


def bytes_of(rgb: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of (3, H, W) in [0, 1]."""
    return np.ascontiguousarray((rgb * 255).round().astype(np.uint8).transpose(1, 2, 0))


# -- compare with the truth ------------------------------------------------------------------------


@dataclass(frozen=True)
class SeenAgain:
    """Points of the true rectified left view, and where they are in the exported one.

    Attributes:
        rows: (N,) rows of the true view.
        columns: (N,) columns of it.
        pixels: (N, 2) nearest pixels x y of the exported view.
        disparity_px: (N,) that a perfect matcher would give there.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    pixels: NDArray[np.int64]
    disparity_px: Floats


def seen_again(truth: Observation, pair: RectifiedPair, *, step: int = 2) -> SeenAgain:
    """Points that both thermal cameras see, by the true depth and lenses.

    Args:
        truth: The same instant, rendered rectified.
        pair: Rectification of the exported views.
        step: Every so many pixels.
    """
    rig = truth.rig.thermal
    depth, free = truth.truth.depth, ~truth.truth.occluded
    rows, columns = np.mgrid[0 : depth.shape[0] : step, 0 : depth.shape[1] : step]
    near = np.isfinite(depth[rows, columns]) & free[rows, columns]
    rows, columns = rows[near], columns[near]
    rays, _ = rig.rectified.unproject(np.stack([columns, rows], axis=-1).astype(np.float64))
    points = rays / rays[:, 2:] * depth[rows, columns][:, None]
    T_exported_true = invert(pair.T_left_rectified) @ rig.turns()[0]
    points = transform(T_exported_true, points)
    places, shown = pair.camera.project(points)
    pixels = np.rint(places).astype(np.int64)
    kept = shown & pair.camera.contains(pixels.astype(np.float64))
    disparity = pair.camera.fx * pair.baseline_m / points[:, 2]
    return SeenAgain(rows[kept], columns[kept], pixels[kept], disparity[kept])


@dataclass(frozen=True)
class ExportErrors:
    """What the exported pictures are worth.

    Attributes:
        stereo_px: Median and mean error of the disparity that is found in them, px.
        wrong: Share of points with an error above 3 px.
        colour: Median difference of a pixel's colour to what the thermal camera itself would see
            in colour, of 255.
        colour_unregistered: The same if the colour view were laid over the thermal one as it is.
        coloured: Share of pixels with a colour.
    """

    stereo_px: tuple[float, float]
    wrong: float
    colour: float
    colour_unregistered: float
    coloured: float


def export_errors(
    data: Any, scenes: Scenes, pair: RectifiedPair, report: ExportReport, matcher: Any
) -> ExportErrors:
    """Compare the first exported instant of every place with the rendered truth."""
    plain = replace(scenes, lens="rectified", colour="left", cache=None)
    stereo, colour, laid_over = [], [], []
    for index in range(0, len(data), 2):
        sample, truth = data[index], plain.observe(index)
        points = seen_again(truth, pair)
        x, y = points.pixels.T
        found = matcher.predict(sample["thermal"][0], sample["thermal_right"][0]).disparity
        stereo.append(np.abs(found[y, x] - points.disparity_px))
        true_rgb = truth.rgb_in_thermal[:, points.rows, points.columns]
        rgb = np.asarray(sample["rgb"])
        coloured = rgb[:, y, x].any(axis=0)  # a hole is black
        colour.append(np.abs(rgb[:, y, x] - true_rgb).mean(axis=0)[coloured])
        size = (rgb.shape[2], rgb.shape[1])
        view = cv2.resize(pictures(scenes[index])["rgb_left"], size, interpolation=cv2.INTER_AREA)
        laid_over.append(np.abs(view[y, x].T / 255.0 - true_rgb).mean(axis=0)[coloured])
    errors = np.concatenate(stereo)
    return ExportErrors(
        (float(np.median(errors)), float(errors.mean())),
        float((errors > 3).mean()),
        255 * float(np.median(np.concatenate(colour))),
        255 * float(np.median(np.concatenate(laid_over))),
        report.valid_share,
    )


def places_found(data: Any, model: Any) -> dict[str, float]:
    """Share of second instants whose nearest first instant is of the same place."""
    found = {}
    thermal = model.describe([data[i]["thermal"][0] for i in range(len(data))])
    colour = model.describe([np.asarray(data[i]["rgb"]) for i in range(len(data))], modality="rgb")
    for name, gallery in (("thermal to thermal", thermal), ("thermal to colour", colour)):
        similar = thermal[1::2] @ gallery[::2].T
        right = similar.argmax(axis=1) == np.arange(len(similar))
        found[name] = float(right.mean())
    return found


# -- the whole -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Proof:
    """Every number of the chain.

    Attributes:
        cameras: Of each camera.
        baselines_mm: Found and true, of the thermal and of the colour pair.
        rows_px: Rows of a point apart after rectification, median and 95th percentile, by band.
        exported: Of the exported pictures.
        places: Of place recognition.
        pairs: Exported and read back.
        seconds: Of processor, by step.
    """

    cameras: Mapping[str, CameraErrors]
    baselines_mm: Mapping[str, tuple[float, float]]
    rows_px: Mapping[str, tuple[float, float]]
    exported: ExportErrors
    places: Mapping[str, float]
    pairs: int
    seconds: Mapping[str, float]


def prove(
    folder: Path, *, width: int, views: int, places: int, model: str = "thermostereort_fast"
) -> Proof:
    """The chain from boards to places in an empty folder."""
    clock = _Clock()
    rig = proof_rig(width)
    truth, target = Truth.of(rig), parse_target(BOARD)
    seen = board_views(truth, target, views=views)
    clock.lap("boards")
    found = calibrate(seen, target, truth.sizes, models=MODELS)
    clock.lap("calibrate")
    scenes = two_instants(rig, places, folder / "rendered")
    recording = record_scenes(folder / "walk", scenes, found)
    clock.lap("record")
    report = export_recording(
        recording, folder / "data", ExportConfig(rate_hz=RATE_HZ, model=model)
    )
    clock.lap("export")
    data = tartanrgbt(folder / "data", split="all")
    pair = rectified_pair(found)
    exported = export_errors(data, scenes, pair, report, load_model(model))
    clock.lap("stereo")
    recognised = places_found(data, place_model("anythermal_small", pooling="cls_mean"))
    clock.lap("places")
    bands = ("thermal", "rgb")
    return Proof(
        camera_errors(truth, found),
        {b: _baselines(truth, found, b) for b in bands},
        {b: vertical_disparity(found, seen, f"{b}_left", f"{b}_right") for b in bands},
        exported,
        recognised,
        len(data),
        clock.laps,
    )


def rectified_pair(found: RigCalibration) -> RectifiedPair:
    """Of the thermal cameras, as an export makes it."""
    left, right = (found.cameras[name].camera for name in NAMES[:2])
    return rectify(left, right, found.T(*NAMES[:2]))


def _baselines(truth: Truth, found: RigCalibration, band: str) -> tuple[float, float]:
    left, right = f"{band}_left", f"{band}_right"
    true = np.linalg.norm((invert(truth.places[left]) @ truth.places[right])[:3, 3])
    return 1000 * found.baseline_m(left, right), 1000 * float(true)


class _Clock:
    """Seconds of processor between laps."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.process_time()

    def lap(self, name: str) -> None:
        now = time.process_time()
        self.laps[name], self._last = now - self._last, now


def rows_of(proof: Proof) -> Iterator[str]:
    """Markdown."""
    yield "| camera | rms px | held out px | fx | ray, 95 % px | centre mm | turn degrees |"
    yield "|---|---|---|---|---|---|---|"
    for name, e in proof.cameras.items():
        yield (
            f"| {name} | {e.rms_px:.3f} | {e.hold_out_px:.3f} | {e.focal_percent:+.3f} % | "
            f"{e.ray_px:.3f} | {e.place_mm:.2f} | {e.turn_deg:.3f} |"
        )
    yield ""
    for band, (found, true) in proof.baselines_mm.items():
        median, p95 = proof.rows_px[band]
        yield (
            f"{band} baseline {found:.2f} mm (true {true:.2f}); rows apart after rectification "
            f"{median:.3f} px median, {p95:.3f} px 95 %"
        )
    shown = proof.exported
    yield f"{proof.pairs} pairs exported and read back; {shown.coloured:.1%} of the pixels coloured"
    yield (
        f"disparity: {shown.stereo_px[0]:.2f} px median, {shown.stereo_px[1]:.2f} px mean, "
        f"{shown.wrong:.1%} above 3 px"
    )
    yield (
        f"colour: {shown.colour:.1f} of 255 from what the thermal camera would see (median); laid "
        f"over unregistered {shown.colour_unregistered:.1f}"
    )
    yield "same place first: " + ", ".join(f"{k} {v:.0%}" for k, v in proof.places.items())
    yield "seconds of processor: " + ", ".join(f"{k} {v:.1f}" for k, v in proof.seconds.items())


def main() -> None:
    """Print the proof."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--views", type=int, default=40)
    parser.add_argument("--places", type=int, default=12)
    parser.add_argument("--model", default="thermostereort_fast")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    git = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    with tempfile.TemporaryDirectory() as folder:
        proof = prove(
            Path(folder),
            width=arguments.width,
            views=arguments.views,
            places=arguments.places,
            model=arguments.model,
        )
    lines = [f"commit {git.stdout.strip()}, {vars(arguments)}", "", *rows_of(proof)]
    print("\n".join(lines))
    if arguments.out:
        arguments.out.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
