"""Recordings of others become ours: every kind of file, every kind of picture, nothing lost."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.fakes.bag_files import FORMATS, NS, Messages, write_bag, write_foreign_mcap

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
    WriteError,
)
from thermoscope.data.pairs import pairs
from thermoscope.engine.rig_export import ExportConfig, export_recording
from thermoscope.engine.rig_import import import_recording
from thermoscope.geometry.pose import from_quaternion, invert
from thermoscope.rig.calibration_files import read_calibration, read_camera_info
from thermoscope.rig.recording_format import read_manifest
from thermoscope.rig.replay import replay_all
from thermoscope.rig.verify import verify_recording

T0 = 1_600_000_000 * NS
STEP = NS // 10
HEIGHT, WIDTH = 6, 8


def counts(index: int) -> np.ndarray:
    return np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 900 + index


def colour(index: int) -> np.ndarray:
    """(H, W, 3) RGB with another value in each channel."""
    plane = np.full((HEIGHT, WIDTH), 20 * index % 200, np.uint8)
    return np.stack([plane + 1, plane + 2, plane + 3], axis=2)


def stream(make: Messages, frames: int = 3) -> list:
    """A thermal and a colour camera at 10 Hz, and what a robot records beside them."""
    messages = []
    for i in range(frames):
        t = T0 + i * STEP
        messages += [
            ("/boson/image_raw", t + 5, make.image(t, counts(i), "mono16")),
            ("/front/image_raw", t + 6, make.image(t + 1, colour(i)[..., ::-1], "bgr8")),
            ("/front/image_mono", t + 6, make.image(t + 1, colour(i)[..., 0], "mono8")),
            ("/gps", t + 7, make.fix(t, 36.5, 127.5)),
        ]
    return messages


def written(folder: Path, kind: str, messages: list) -> Path:
    if kind == "foreign":
        return write_foreign_mcap(folder / "run.mcap", "ros2", messages)
    return write_bag(folder / "run", kind, messages)


@pytest.mark.parametrize("kind", [*FORMATS, "foreign"])
def test_a_recording_of_each_format(kind: str, tmp_path: Path) -> None:
    source = written(tmp_path, kind, stream(Messages("ros2" if kind == "foreign" else kind)))
    out = tmp_path / "run1"
    report = import_recording(source, out)
    assert report.topics == {"boson": "/boson/image_raw", "front": "/front/image_raw"}
    assert [(s.topic, s.reason, s.messages) for s in report.skipped] == [
        ("/front/image_mono", "is 8-bit grey and not called thermal", 3),
        ("/gps", "is sensor_msgs/msg/NavSatFix", 3),
    ]
    manifest = read_manifest(out)
    assert manifest == report.manifest
    assert [
        (c.name, c.kind, c.codec, c.width_px, c.height_px, c.rate_hz) for c in manifest.cameras
    ] == [
        ("boson", "thermal", "mono16", WIDTH, HEIGHT, 10.0),
        ("front", "rgb", "raw", WIDTH, HEIGHT, 10.0),
    ]
    assert manifest.stopped == f"imported from {source.name}"
    checked = verify_recording(out)
    assert (checked.problems, checked.events) == ((), {"import": 2})
    frames = list(replay_all(out))
    assert [(f.camera, f.host_ns, f.sequence) for f in frames[:4]] == [
        ("boson", T0, 0),
        ("front", T0 + 1, 0),
        ("boson", T0 + STEP, 1),
        ("front", T0 + STEP + 1, 1),
    ]
    assert np.array_equal(frames[2].image, counts(1))
    assert np.array_equal(frames[3].image, colour(1))


def test_compressed_mosaic_and_8_bit_thermal_pictures(tmp_path: Path) -> None:
    make = Messages("ros2")
    jpeg = cv2.imencode(".jpg", colour(3))[1].tobytes()
    png = cv2.imencode(".png", counts(0))[1].tobytes()
    red = np.zeros((HEIGHT, WIDTH), np.uint8)
    red[::2, ::2] = 100
    source = written(
        tmp_path,
        "mcap",
        [
            ("/front/image_raw/compressed", T0, make.compressed(T0, jpeg, "bgr8; jpeg compressed")),
            ("/lwir/image/compressed", T0, make.compressed(T0, png, "16UC1; png compressed")),
            ("/back/image_raw", T0, make.image(T0, red, "bayer_rggb8")),
            ("/thermal_8", T0, make.image(T0, red, "mono8")),
            ("/thermal_8_jet", T0, make.image(T0, colour(0), "rgb8")),
            ("/head/depth/image_raw", T0, make.image(T0, counts(0), "16UC1")),
        ],
    )
    report = import_recording(source, tmp_path / "run1")
    codecs = {c.name: (c.kind, c.codec) for c in report.manifest.cameras}
    assert codecs == {
        "back": ("rgb", "raw"),
        "front": ("rgb", "jpeg"),
        "lwir": ("thermal", "mono16"),
        "thermal_8": ("thermal", "raw"),
    }
    reasons = {s.topic: s.reason for s in report.skipped}
    assert reasons == {
        "/thermal_8_jet": "holds thermal pictures in false colour, without counts",
        "/head/depth/image_raw": "is depth, by its name",
    }
    assert verify_recording(tmp_path / "run1").whole
    images = {f.camera: f.image for f in replay_all(tmp_path / "run1")}
    assert np.array_equal(
        images["front"], cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)[..., ::-1]
    )
    assert np.array_equal(images["lwir"], counts(0))
    assert images["back"][2, 2].tolist() == [100, 0, 0]
    assert np.array_equal(images["thermal_8"], red)


def test_one_topic_of_each_camera_or_those_asked_for(tmp_path: Path) -> None:
    make = Messages("ros1")
    rectified = [
        (f"/boson/{name}", T0 + i, make.image(T0 + i, counts(i), "mono16"))
        for i in range(2)
        for name in ("image_rect", "image_raw")
    ]
    source = written(tmp_path, "ros1", [*stream(make), *rectified])
    report = import_recording(source, tmp_path / "run1")
    assert report.topics["boson"] == "/boson/image_raw"
    assert ("/boson/image_rect", "is /boson/image_raw in another form") in [
        (s.topic, s.reason) for s in report.skipped
    ]
    asked = {"thermal_left": "/boson/image_rect", "rgb_left": "/front/image_mono"}
    report = import_recording(source, tmp_path / "run2", topics=asked)
    assert report.topics == asked
    assert report.manifest.frames == {"thermal_left": 2, "rgb_left": 3}
    assert {s.reason for s in report.skipped} == {"was not asked for"}
    grey = next(f.image for f in replay_all(tmp_path / "run2") if f.camera == "rgb_left")
    assert grey.shape == (HEIGHT, WIDTH, 3)


K = [5.0, 0.0, 4.0, 0.0, 6.0, 3.0, 0.0, 0.0, 1.0]
TURN = (0.0, 0.0, np.sin(0.2), np.cos(0.2))


@pytest.mark.parametrize("kind", ["ros1", "ros2"])
def test_lenses_and_places(kind: str, tmp_path: Path) -> None:
    make, size = Messages(kind), (WIDTH, HEIGHT)
    messages = [
        ("/boson/image_raw", T0, make.image(T0, counts(0), "mono16", frame="boson_optical")),
        ("/front/image_rect", T0, make.image(T0, colour(0), "rgb8", frame="front_optical")),
        ("/boson/camera_info", T0, make.camera_info(size, K, [0.1, 0.2, 0.3, 0.4], "equidistant")),
        ("/front/camera_info", T0, make.camera_info(size, K, [0.1, 0.2, 0.0, 0.0, 0.0])),
        ("/tf_static", T0, make.transform("base", "boson_optical", (1.0, 0, 0), (0, 0, 0, 1.0))),
        ("/tf_static", T0, make.transform("base", "front_optical", (1.0, 0.5, 0), TURN)),
    ]
    source = written(tmp_path, kind, messages)
    report = import_recording(source, tmp_path / "run1")
    assert (report.calibration, report.lenses) == ("calibration.json", ("boson", "front"))
    rig = read_calibration(tmp_path / "run1" / "calibration.json")
    boson, front = rig.cameras["boson"], rig.cameras["front"]
    assert (boson.model, boson.distortion) == ("fisheye", (0.1, 0.2, 0.3, 0.4))
    assert (boson.fx, boson.fy, boson.cx, boson.cy) == (5, 6, 4, 3)
    assert (front.model, front.fx) == ("pinhole", 6)
    assert np.array_equal(rig.T_camera_rig["boson"], np.eye(4))
    assert np.allclose(rig.T_camera_rig["front"], invert(from_quaternion(TURN, (0, 0.5, 0))))
    assert verify_recording(tmp_path / "run1").whole
    assert "/boson/camera_info" not in {s.topic for s in report.skipped}


def test_lenses_without_places_and_lenses_that_do_not_fit(tmp_path: Path) -> None:
    make = Messages("ros2")
    infos = [
        ("/boson/camera_info", T0, make.camera_info((WIDTH, HEIGHT), K, [0.0] * 5)),
        ("/front/camera_info", T0, make.camera_info((WIDTH * 2, HEIGHT * 2), K, [0.0] * 5)),
    ]
    source = written(tmp_path, "ros2", [*stream(make), *infos])
    report = import_recording(source, tmp_path / "run1")
    assert (report.calibration, report.lenses) == ("", ("boson",))
    name, camera = read_camera_info(tmp_path / "run1" / "boson.yaml")
    assert (name, camera.fx, camera.model) == ("boson", 5, "pinhole")
    assert ("/front/camera_info", "is for 16x12, pictures have 8x6", 1) in [
        (s.topic, s.reason, s.messages) for s in report.skipped
    ]


@pytest.mark.parametrize(
    ("frames", "transforms"),
    [
        (("left", "right"), []),
        (("left", "right"), [("base", "left", (0.0, 0, 0), (0, 0, 0, 0.0))]),
        (("both", "both"), [("base", "both", (0.0, 0, 0), (0, 0, 0, 1.0))]),
    ],
)
def test_places_that_nobody_told_are_not_invented(frames, transforms, tmp_path: Path) -> None:
    make = Messages("ros2")
    messages = [("/tf_static", T0, make.transform(*entry)) for entry in transforms]
    for name, frame in zip("ab", frames, strict=True):
        picture = make.image(T0, counts(0), "mono16", frame=frame)
        info = make.camera_info((WIDTH, HEIGHT), K, [0.0] * 5)
        messages += [(f"/{name}/image", T0, picture), (f"/{name}/camera_info", T0, info)]
    report = import_recording(written(tmp_path, "mcap", messages), tmp_path / "run1")
    assert (report.calibration, report.lenses) == ("", ("a", "b"))
    assert sorted(p.suffix for p in (tmp_path / "run1").iterdir()) == [
        ".json",
        ".mcap",
        ".yaml",
        ".yaml",
    ]


def test_odd_pictures_are_counted_and_told_in_the_recording(tmp_path: Path) -> None:
    make = Messages("mcap")
    raw = "/boson/image_raw"
    odd = [
        (raw, T0 + 10 * STEP, make.image(T0 + STEP, counts(9), "mono16")),
        (raw, T0 + 11 * STEP, make.image(T0 + 11 * STEP, counts(9)[:3], "mono16")),
        (raw, T0 + 12 * STEP, make.image(T0 + 12 * STEP, counts(9), "yuv422")),
        (raw, T0 + 13 * STEP, b"\x00\x01\x00\x00\x02"),
    ]
    source = written(tmp_path, "mcap", [*stream(make), *odd])
    report = import_recording(source, tmp_path / "run1")
    assert report.manifest.frames["boson"] == 3
    told = {s.reason.split(".")[0]: s.messages for s in report.skipped if s.topic == raw}
    assert told == {
        "is not later than the picture before it": 1,
        "is 8x3 uint16, unlike the first picture": 1,
        "image encoding 'yuv422' is not known": 1,
        "unreadable message (AnyReaderError)": 1,
    }
    assert verify_recording(tmp_path / "run1").events["import"] == len(report.skipped)


def test_segments_stand_alone(tmp_path: Path) -> None:
    source = written(tmp_path, "ros2", stream(Messages("ros2"), frames=25))
    report = import_recording(source, tmp_path / "run1", segment_s=1.0)
    assert [s.frames["boson"] for s in report.manifest.segments] == [10, 10, 5]
    assert report.manifest.frames == {"boson": 25, "front": 25}
    assert verify_recording(tmp_path / "run1").whole


def test_an_imported_recording_is_exported_without_a_calibration(tmp_path: Path) -> None:
    rng, make = np.random.default_rng(0), Messages("ros1")
    messages = []
    for i in range(6):
        t = T0 + i * STEP
        thermal = rng.integers(20_000, 21_000, (60, 80)).astype(np.uint16)
        rgb = rng.integers(0, 255, (60, 80, 3)).astype(np.uint8)
        messages += [
            ("/boson/image_raw", t, make.image(t, thermal, "mono16")),
            ("/front/image_raw", t + 9, make.image(t + 9, rgb, "rgb8")),
        ]
    import_recording(written(tmp_path, "ros1", messages), tmp_path / "run1")
    config = ExportConfig(layout="pairs", rate_hz=10.0)
    report = export_recording(tmp_path / "run1", tmp_path / "data", config)
    assert (report.pairs, report.registered) == (6, False)
    samples = pairs(tmp_path / "data" / "run1")
    assert np.array_equal(np.asarray(samples[5]["counts"])[0], thermal)
    assert np.array_equal((np.moveaxis(samples[5]["rgb"], 0, -1) * 255).round(), rgb)


def left_behind(folder: Path, source: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path != source]


@pytest.mark.parametrize("kind", ["ros1", "mcap"])
def test_a_damaged_file_leaves_nothing_behind(kind: str, tmp_path: Path) -> None:
    source = written(tmp_path, kind, stream(Messages(kind)))
    whole = source.read_bytes()
    folder = source.parent
    before = left_behind(folder, source)
    source.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DatasetCorruptError, match="is no readable recording"):
        import_recording(source, folder / "run1")
    assert left_behind(folder, source) == before


@pytest.mark.parametrize("kept", [0.3, 0.7])
def test_a_damaged_sqlite_file_leaves_nothing_behind(kept: float, tmp_path: Path) -> None:
    source = written(tmp_path, "ros2", stream(Messages("ros2"), frames=200))
    (database,) = source.glob("*.db3")
    database.write_bytes(database.read_bytes()[: int(database.stat().st_size * kept)])
    with pytest.raises(DatasetCorruptError, match="is no readable recording"):
        import_recording(source, tmp_path / "run1")
    assert left_behind(tmp_path, source) == []


def test_a_file_that_breaks_off_late_leaves_nothing_behind(tmp_path: Path) -> None:
    source = written(tmp_path, "foreign", stream(Messages("ros2"), frames=200))
    data = bytearray(source.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    source.write_bytes(data)
    with pytest.raises(DatasetCorruptError, match="is no readable recording"):
        import_recording(source, tmp_path / "run1")
    assert left_behind(tmp_path, source) == []


def test_refusals(tmp_path: Path) -> None:
    make = Messages("ros1")
    source = written(tmp_path, "ros1", stream(make))
    empty = write_bag(tmp_path / "empty", "ros1", [])
    only_gps = write_bag(tmp_path / "gps", "ros1", [("/gps", T0, make.fix(T0, 1.0, 2.0))])
    out = tmp_path / "run1"
    with pytest.raises(DatasetCorruptError, match=r"empty\.bag has no topic to import: it"):
        import_recording(empty, out)
    with pytest.raises(DatasetCorruptError, match="no topic to import: /gps is sensor_msgs"):
        import_recording(only_gps, out)
    with pytest.raises(UnknownNameError, match="unknown thermal topic '/bosn/image_raw'"):
        import_recording(source, out, topics={"thermal": "/bosn/image_raw"})
    with pytest.raises(ConfigError, match="topic /gps holds sensor_msgs/msg/NavSatFix, expected"):
        import_recording(source, out, topics={"thermal": "/gps"})
    with pytest.raises(DatasetNotFoundError, match="absent.bag is no recording"):
        import_recording(tmp_path / "absent.bag", out)
    with pytest.raises(WriteError, match="cannot write .*gps.bag/run1: Not a directory"):
        import_recording(source, only_gps / "run1")
    assert not out.exists()
    import_recording(source, out)
    with pytest.raises(ConfigError, match="run1 exists. Choose another folder"):
        import_recording(source, out)
    with pytest.raises(ConfigError, match="is a recording of thermoscope already"):
        import_recording(out / "000000.mcap", tmp_path / "run2")
