"""Recordings written out as the folders that the readers read.

============== ==============================================================================
layout         files below the output folder
============== ==============================================================================
vivid          ``<group>/<name>/img/{color,thermal_raw}/<seconds, 6 decimals>.png``,
               ``gpslist.txt`` (east north seconds) and the four frame lists
odombeyondvision ``sequence_<name>/{rgb,thermal}/seq_####_<ns>.png``, ``synchronized_data.csv``
tartanrgbt     ``<group>/<name>/{thermal_left_rect,thermal_left_rect_8}/########.png``, colour,
               ``thermal_left_ffc/data.txt``, ``odometry/poses.npy``, ``target_timestamps.txt``
pairs          ``<name>/{rgb,thermal}/<ns>.png``, ``pairs.csv`` with stamps, gaps and places
============== ==============================================================================

Only frames of the frame list are written, 16-bit pictures as they are. A second run writes what is
missing and leaves the rest; other settings in the same folder are refused. What is NOT here:
rectification, and registration of TartanRGBT's colour pictures to the thermal camera: they go to
``rgb_left`` as their own camera saw them, and to ``rgb_in_thermal``, which the reader reads, only
if the topic holds registered ones (`Topics.registered`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, DatasetCorruptError, UnknownNameError, WriteError
from thermoscope.core.files import atomic_write
from thermoscope.data.bags import FIXES, IMAGES, Bag, Frame, Poses
from thermoscope.data.framelist import RULES, FrameList, FrameRule, PairReport, frame_list
from thermoscope.data.stamps import NS, nearest_in_time
from thermoscope.data.utm import utm_from_degrees

__all__ = ["LAYOUTS", "TOPICS", "ExtractReport", "Topics", "extract"]

SETTINGS = "extract.json"


@dataclass(frozen=True)
class Topics:
    """Topics of one kind of recording, the first that is there is taken.

    Attributes:
        rgb: Colour pictures.
        thermal: Thermal pictures.
        pose: GPS fixes, or odometry; ``pairs`` can do without.
        ffc: Shutter flags; may be absent from the recording.
        registered: The colour pictures lie in the thermal camera's grid.
    """

    rgb: tuple[str, ...]
    thermal: tuple[str, ...]
    pose: tuple[str, ...] = ()
    ffc: tuple[str, ...] = ()
    registered: bool = False


TOPICS: Mapping[str, Topics] = {
    "vivid": Topics(("/camera/image_color", "/rgb/image"), ("/thermal/image_raw",), ("/gps",)),
    "odombeyondvision": Topics(
        ("/camera/color/image_raw",), ("/flir_boson/image_raw",), ("/aft_mapped_to_init",)
    ),
    "tartanrgbt": Topics(
        ("/zed/zed_node/left/image_rect_color", "/zed/zed_node/left_raw/image_raw_color"),
        ("/thermal_left/image_rect", "/thermal_left/image"),
        ("/zed/zed_node/odom",),
        ("/thermal_left/ffc_status",),
    ),
    "pairs": Topics((), ()),  # nobody knows but who recorded
}


@dataclass(frozen=True)
class ExtractReport:
    """What was written.

    Attributes:
        folder: The sequence's folder.
        written: New pictures.
        present: Pictures that an earlier run had written.
        pairs: See `PairReport`.
        odd: Reason to number of messages that were left out.
    """

    folder: Path
    written: int
    present: int
    pairs: PairReport
    odd: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f"{self.folder}: {self.written} pictures written, {self.present} were there",
            f"pairs: {self.pairs}",
            *(f"odd: {count} x {reason}" for reason, count in self.odd.items()),
        ]
        return "\n".join(lines)


@dataclass(frozen=True)
class _Job:
    """One extraction."""

    bag: Bag
    folder: Path
    topics: dict[str, str]
    rule: FrameRule
    registered: bool


@dataclass
class _Tally:
    written: int = 0
    present: int = 0


def extract(
    bags: Iterable[str | Path],
    out: str | Path,
    *,
    layout: str,
    name: str = "",
    group: str = "",
    topics: Topics | None = None,
    rule: FrameRule | None = None,
) -> ExtractReport:
    """Write the frames of one recording in the `layout` of a data set.

    Args:
        bags: The recording: one path, or ``.bag`` files that follow each other.
        out: Folder for all sequences.
        layout: One of `LAYOUTS`.
        name: Of the sequence; that of the first file if empty.
        group: Folder between `out` and the sequence: ``driving_full``, ``day1``; may be empty.
        topics: Instead of `TOPICS`.
        rule: Instead of `RULES`.

    Raises:
        UnknownNameError: No such layout, or a topic is not in the recording.
        ConfigError: The folder holds an extraction with other settings, a topic has no pictures,
            fixes or poses, or none is named for ``pairs``.
        DatasetNotFoundError: The recording is absent.
        DatasetCorruptError: It is damaged, or not one pair of frames comes out of it.
        MissingDependencyError: ``rosbags`` is not installed.
        UnitError: GPS fixes with impossible degrees.
        WriteError: No space or no permission.
    """
    if layout not in LAYOUTS:
        raise UnknownNameError("layout", layout, LAYOUTS)
    paths = [Path(bag) for bag in bags]
    wanted = topics or TOPICS[layout]
    with Bag(*paths) as bag:
        folder = Path(out) / group / f"{_PREFIX.get(layout, '')}{name or paths[0].stem}"
        job = _Job(bag, folder, _picked(bag, wanted), rule or RULES[layout], wanted.registered)
        _claim(job, layout, paths)
        pairs, tally = LAYOUTS[layout](job)
        return ExtractReport(folder, tally.written, tally.present, pairs, dict(bag.odd))


def _picked(bag: Bag, topics: Topics) -> dict[str, str]:
    unnamed = [what for what in ("rgb", "thermal") if not getattr(topics, what)]
    if unnamed:
        pictures = [name for name, (kind, _) in bag.topics.items() if kind in IMAGES]
        raise ConfigError(
            f"{bag.paths[0]}: which topic is {' and which is '.join(unnamed)}? Those with pictures "
            f"are: {', '.join(pictures) or 'none'}."
        )
    asked = ("rgb", "thermal", *(["pose"] if topics.pose else []))
    picked = {what: bag.pick(getattr(topics, what), what=what) for what in asked}
    found = [topic for topic in topics.ffc if topic in bag.topics]
    return picked | ({"ffc": found[0]} if found else {})


def _claim(job: _Job, layout: str, paths: list[Path]) -> None:
    settings = {
        "layout": layout,
        "recording": [path.name for path in paths],
        "topics": job.topics,
        "rule": asdict(job.rule),
        "registered": job.registered,
    }
    path = job.folder / SETTINGS
    if path.exists():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as err:
            raise DatasetCorruptError(f"{path} is no JSON: {err}. Delete the folder.") from err
        if before != settings:
            changed = [key for key in settings if before.get(key) != settings[key]]
            raise ConfigError(
                f"{job.folder} holds an extraction with another {' and '.join(changed)}. Choose "
                "another name or folder, or delete it."
            )
    _write_text(path, json.dumps(settings, indent=1) + "\n")


def _pairs(job: _Job, pose_ns: NDArray[np.int64] | None) -> FrameList:
    """The frame list; the stamps of its members are looked up by the caller."""
    rgb, thermal = job.bag.stamps(job.topics["rgb"]), job.bag.stamps(job.topics["thermal"])
    found = frame_list(job.rule, rgb, thermal, pose_ns=pose_ns)
    if not len(found):
        raise DatasetCorruptError(
            f"{job.bag.paths[0]}: no pair of frames: {found.report}. Check the topics "
            f"({', '.join(job.topics.values())}) and the clocks, or allow larger gaps."
        )
    return replace(found, rgb=rgb[found.rgb], thermal=thermal[found.thermal])


def _own_pairs(job: _Job) -> tuple[PairReport, _Tally]:
    track = _track(job)
    pairs, tally = _pairs(job, None if track is None else track[0]), _Tally()
    saved = {
        side: _save(job, side, stamps, _named(side, str), tally)
        for side, stamps in (("rgb", pairs.rgb), ("thermal", pairs.thermal))
    }
    places = (
        [","] * len(pairs)
        if track is None
        else [f"{x:.3f},{y:.3f}" for x, y in track[1][pairs.pose]]
    )
    rows = ["rgb,thermal,sequence,t_ns,dt_s,x_m,y_m"]
    for rgb, thermal, place in zip(pairs.rgb.tolist(), pairs.thermal.tolist(), places, strict=True):
        if rgb in saved["rgb"] and thermal in saved["thermal"]:
            names = f"{saved['rgb'][rgb]},{saved['thermal'][thermal]},{job.folder.name}"
            rows.append(f"{names},{thermal},{(thermal - rgb) / NS:.6f},{place}")
    _write_lines(job.folder / "pairs.csv", rows)
    return pairs.report, tally


def _track(job: _Job) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Stamps and (N, 2) metres of GPS fixes or poses, if there is a topic for them."""
    topic = job.topics.get("pose")
    if topic is None:
        return None
    if job.bag.topics[topic][0] in FIXES:
        fixes = job.bag.fixes(topic)
        return fixes.t_ns, utm_from_degrees(fixes.latitude_deg, fixes.longitude_deg)
    poses = job.bag.poses(topic)
    return poses.t_ns, poses.position_m[:, :2]


def _vivid(job: _Job) -> tuple[PairReport, _Tally]:
    fixes = job.bag.fixes(job.topics["pose"])
    pairs = _pairs(job, fixes.t_ns)
    ground = utm_from_degrees(fixes.latitude_deg, fixes.longitude_deg)
    tally = _Tally()
    names = {
        "color": _save(job, "rgb", pairs.rgb, _named("img/color", _seconds), tally),
        "thermal_raw": _save(
            job, "thermal", pairs.thermal, _named("img/thermal_raw", _seconds), tally
        ),
    }
    whole = [
        row
        for row in zip(pairs.rgb, pairs.thermal, pairs.pose, strict=True)
        if row[0] in names["color"] and row[1] in names["thermal_raw"]
    ]
    track = [
        f"{east:.3f} {north:.3f} {_seconds(int(t))}"
        for (east, north), t in zip(ground, fixes.t_ns, strict=True)
    ]
    _write_lines(job.folder / "gpslist.txt", track)
    listed = {"rgb": ("color", 0), "thermal": ("thermal_raw", 1)}
    for side, (kind, column) in listed.items():
        files = [names[kind][int(row[column])] for row in whole]
        _write_lines(job.folder / f"{side}_framelist.txt", files)
        _write_lines(job.folder / f"{side}_gps_framelist.txt", [track[int(r[2])] for r in whole])
    return pairs.report, tally


def _odombeyondvision(job: _Job) -> tuple[PairReport, _Tally]:
    poses = job.bag.poses(job.topics["pose"])
    pairs = _pairs(job, poses.t_ns)
    tally = _Tally()
    saved = {
        side: _save(job, side, stamps, _sequential(side, stamps), tally)
        for side, stamps in (("rgb", pairs.rgb), ("thermal", pairs.thermal))
    }
    rows = [OBV_COLUMNS]
    for rgb, thermal, pose in zip(pairs.rgb, pairs.thermal, pairs.pose, strict=True):
        if rgb in saved["rgb"] and thermal in saved["thermal"]:
            names = [Path(saved["rgb"][int(rgb)]).name, Path(saved["thermal"][int(thermal)]).name]
            rows.append(",".join([str(poses.t_ns[pose]), *names, *_pose_cells(poses, int(pose))]))
    _write_lines(job.folder / "synchronized_data.csv", rows)
    return pairs.report, tally


OBV_COLUMNS = (
    "timestamp_ns,rgb_filename,thermal_filename,pos_x,pos_y,pos_z,"
    "orient_x,orient_y,orient_z,orient_w,lin_vel_x,lin_vel_y,lin_vel_z,"
    "ang_vel_x,ang_vel_y,ang_vel_z"
)


def _pose_cells(poses: Poses, row: int) -> list[str]:
    values = np.concatenate([poses.position_m[row], poses.quaternion[row], poses.velocity[row]])
    return [repr(float(value)) for value in values]


def _tartanrgbt(job: _Job) -> tuple[PairReport, _Tally]:
    poses = job.bag.poses(job.topics["pose"])
    pairs = _pairs(job, poses.t_ns)
    tally = _Tally()
    number = {int(t): i for i, t in enumerate(pairs.thermal)}
    colour = {int(r): number[int(t)] for r, t in zip(pairs.rgb, pairs.thermal, strict=True)}
    found = [_save(job, "rgb", pairs.rgb, lambda t: _colour_name(job, colour[t]), tally)]
    eight = _numbered("thermal_left_rect_8", number)
    found.append(_save(job, "thermal", pairs.thermal, eight, tally, change=_eight_bits))
    first = next(job.bag.images(job.topics["thermal"]))
    if first.picture.dtype == np.uint16:
        sixteen = _numbered("thermal_left_rect", number)
        found.append(_save(job, "thermal", pairs.thermal, sixteen, tally))
    lost = sum(len(pairs) - len(names) for names in found)
    if lost:
        raise DatasetCorruptError(
            f"{job.bag.paths[0]}: {lost} listed pictures do not decode: {dict(job.bag.odd)}. "
            "Frames of this layout are found by their number, so none may lack."
        )
    _write_lines(job.folder / "target_timestamps.txt", [str(t) for t in pairs.thermal])
    if "ffc" in job.topics:
        flags = _shutter(job, pairs.thermal)
        _write_lines(job.folder / "thermal_left_ffc" / "data.txt", [str(int(f)) for f in flags])
    at = pairs.pose
    rows = np.column_stack([poses.t_ns[at], poses.position_m[at], poses.quaternion[at]])
    with atomic_write(job.folder / "odometry" / "poses.npy") as stream:
        np.save(stream, rows.astype(np.float64))
    return pairs.report, tally


def _colour_name(job: _Job, number: int) -> str:
    if job.registered:
        return f"rgb_in_thermal/{number:08d}_rgb_in_thermal.png"
    return f"rgb_left/{number:08d}.png"


def _numbered(folder: str, number: Mapping[int, int]) -> Callable[[int], str]:
    return lambda t_ns: f"{folder}/{number[t_ns]:08d}.png"


def _shutter(job: _Job, stamps: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the shutter was closed; where no flag is within 0.5 s it may have been."""
    flags = job.bag.flags(job.topics["ffc"])
    at = nearest_in_time(flags.t_ns, stamps, max_gap_s=0.5)
    unknown = int(np.count_nonzero(at < 0))
    if unknown:
        job.bag.odd[f"{job.topics['ffc']}: frame without a flag within 0.5 s, marked closed"] = (
            unknown
        )
    closed = np.ones(len(stamps), bool)
    closed[at >= 0] = flags.values[at[at >= 0]]
    return closed


def _eight_bits(picture: NDArray[Any]) -> NDArray[Any]:
    from thermoscope.sensor.tone import ToneSpec, tone_map

    return (
        tone_map(picture, ToneSpec.of("clahe_bilateral")) if picture.dtype != np.uint8 else picture
    )


def _seconds(t_ns: int) -> str:
    """Seconds with 6 decimals, rounded down so that order is kept."""
    return f"{t_ns // NS}.{t_ns % NS // 1000:06d}"


def _sequential(side: str, stamps: NDArray[np.int64]) -> Callable[[int], str]:
    number = {int(t): i for i, t in enumerate(stamps)}
    return lambda t_ns: f"{side}/seq_{number[t_ns]:04d}_{t_ns}.png"


def _named(folder: str, name: Callable[[int], str]) -> Callable[[int], str]:
    return lambda t_ns: f"{folder}/{name(t_ns)}.png"


def _save(
    job: _Job,
    side: str,
    stamps: NDArray[np.int64],
    name_of: Callable[[int], str],
    tally: _Tally,
    *,
    change: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
) -> dict[int, str]:
    """Stamp to file name of the pictures that are in the folder afterwards."""
    names = {int(t): name_of(int(t)) for t in stamps}
    there = {t: name for t, name in names.items() if (job.folder / name).is_file()}
    tally.present += len(there)
    missing = set(names) - set(there)
    if missing:
        frame: Frame
        for frame in job.bag.images(job.topics[side], only=missing):
            picture = frame.picture if change is None else change(frame.picture)
            _write_png(job.folder / names[frame.t_ns], picture)
            there[frame.t_ns] = names[frame.t_ns]
            tally.written += 1
    return there


def _write_png(path: Path, picture: NDArray[Any]) -> None:
    import cv2

    order = picture if picture.ndim == 2 else picture[..., ::-1]  # OpenCV's order is BGR
    encoded, data = cv2.imencode(".png", np.ascontiguousarray(order))
    if not encoded:
        raise WriteError(f"cannot encode {path}: {picture.shape} {picture.dtype}.")
    with atomic_write(path) as stream:
        stream.write(data.tobytes())


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    _write_text(path, "".join(f"{line}\n" for line in lines))


def _write_text(path: Path, text: str) -> None:
    with atomic_write(path) as stream:
        stream.write(text.encode())


_PREFIX = {"odombeyondvision": "sequence_"}
LAYOUTS: Mapping[str, Callable[[_Job], tuple[PairReport, _Tally]]] = {
    "vivid": _vivid,
    "odombeyondvision": _odombeyondvision,
    "tartanrgbt": _tartanrgbt,
    "pairs": _own_pairs,
}
