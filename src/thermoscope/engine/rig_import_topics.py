"""Which topics of somebody's recording become cameras, and why the others do not.

A topic is a thermal camera if its pictures have 16 bits, or 8 bits and a name that says thermal; it
is a colour camera if they have colours. Of several topics of one camera (``/cam/image_raw``,
``/cam/image_rect``, ``/cam/image_raw/compressed``) the one with most of the sensor's own values is
taken. What is NOT here: writing (`thermoscope.engine.rig_import`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ConfigError, DatasetCorruptError
from thermoscope.data.bags import IMAGES, Bag
from thermoscope.data.ros_image import picture_of
from thermoscope.rig.recording_format import CameraRecord, Codec

__all__ = ["CameraTopic", "Skipped", "choose_topics"]

PROBES = 20  # messages that tell the kind and the rate of a topic
THERMAL = re.compile(r"(?:^|[/_])(?:thermal|lwir|boson|lepton|tir)")
DEPTH = re.compile(r"depth|disparity")
JPEG_START = b"\xff\xd8"


@dataclass(frozen=True)
class Skipped:
    """Messages that were not imported.

    Attributes:
        topic: Their topic.
        reason: Why not.
        messages: How many.
    """

    topic: str
    reason: str
    messages: int


@dataclass(frozen=True)
class CameraTopic:
    """A topic that becomes a camera.

    Attributes:
        topic: Its name.
        frame_id: Coordinate frame of its pictures.
        channels: 1 or 3.
        record: The camera.
    """

    topic: str
    frame_id: str
    channels: int
    record: CameraRecord

    @property
    def rectified(self) -> bool:
        """Whether the pictures are free of distortion, by the topic's name."""
        return "rect" in self.topic.removesuffix("/compressed").rpartition("/")[2]

    @property
    def camera_info(self) -> str:
        """Topic with the camera's calibration, where ROS drivers put it."""
        return f"{self.topic.removesuffix('/compressed').rpartition('/')[0]}/camera_info"


def choose_topics(
    bag: Bag, asked: Mapping[str, str] | None = None
) -> tuple[list[CameraTopic], list[Skipped]]:
    """The topics that become cameras, by name of the camera, and those that do not.

    Args:
        bag: An open recording.
        asked: Camera name to topic; nothing else is taken. None: chosen by what they hold.

    Raises:
        ConfigError: A topic that was asked for holds no pictures.
        DatasetCorruptError: None of its pictures decodes, or no topic is left; the file breaks off.
        UnknownNameError: No such topic.
    """
    if asked:
        return _asked(bag, asked)
    skipped: list[Skipped] = []
    found: dict[str, list[CameraTopic]] = {}
    for topic, (kind, count) in sorted(bag.topics.items()):
        camera = _camera(bag, topic, _camera_name(topic)) if kind in IMAGES else f"is {kind}"
        reason = camera if isinstance(camera, str) else _unfit(camera)
        if reason:
            skipped.append(Skipped(topic, reason, count))
        elif isinstance(camera, CameraTopic):
            found.setdefault(camera.record.name, []).append(camera)
    chosen = []
    for name in sorted(found):
        best, *others = sorted(found[name], key=_loss)
        chosen.append(best)
        skipped += [
            Skipped(other.topic, f"is {best.topic} in another form", bag.topics[other.topic][1])
            for other in others
        ]
    if not chosen:
        told = "; ".join(f"{s.topic} {s.reason}" for s in skipped) or "it holds no messages"
        raise DatasetCorruptError(
            f"{bag.paths[0]} has no topic to import: {told}. Expected thermal or colour pictures; "
            "choose them with --topic NAME=/topic."
        )
    return chosen, skipped


def _asked(bag: Bag, asked: Mapping[str, str]) -> tuple[list[CameraTopic], list[Skipped]]:
    chosen = []
    for name, wanted in asked.items():
        topic = bag.pick([wanted], what=name)
        kind = bag.topics[topic][0]
        if kind not in IMAGES:
            raise ConfigError(f"topic {topic} holds {kind}, expected {' or '.join(IMAGES)}.")
        camera = _camera(bag, topic, name)
        if isinstance(camera, str):
            raise DatasetCorruptError(f"topic {topic} {camera}. Choose another with --topic.")
        chosen.append(camera)
    taken = {camera.topic for camera in chosen}
    others = [(topic, count) for topic, (_, count) in bag.topics.items() if topic not in taken]
    return chosen, [Skipped(topic, "was not asked for", count) for topic, count in sorted(others)]


def _camera_name(topic: str) -> str:
    """``/rig/left/image_raw/compressed`` is the camera ``rig_left``."""
    parts = [part for part in topic.removesuffix("/compressed").split("/") if part]
    if len(parts) > 1 and parts[-1].startswith(("image", "img")):
        parts = parts[:-1]
    return re.sub(r"\W", "_", "_".join(parts)) or "camera"


def _camera(bag: Bag, topic: str, name: str) -> CameraTopic | str:
    """The camera of a topic, by its first pictures; or why there is none."""
    stamps, reasons, first = [], Counter[str](), None
    for _, t_ns, message in islice(bag.messages([topic]), PROBES):
        stamps.append(t_ns)
        try:
            first = first or (message, picture_of(message))
        except DatasetCorruptError as err:
            reasons[str(err)] += 1
    if first is None:
        return f"has no picture that decodes: {next(iter(reasons), 'it is empty')}"
    message, picture = first
    thermal = picture.dtype == np.uint16 or (picture.ndim == 2 and _says_thermal(topic, name))
    settings = {"topic": topic, "encoding": getattr(message, "encoding", "") or message.format}
    record = CameraRecord(
        name=name,
        serial="",
        kind="thermal" if thermal else "rgb",
        codec=_codec(message, picture, thermal=thermal),
        width_px=picture.shape[1],
        height_px=picture.shape[0],
        rate_hz=_rate_hz(stamps),
        settings=settings,
    )
    channels = 1 if picture.ndim == 2 else 3
    return CameraTopic(topic, str(message.header.frame_id), channels, record)


def _codec(message: Any, picture: NDArray[Any], *, thermal: bool) -> Codec:
    """JPEG bytes are kept, unless grey ones are to become a colour camera's."""
    if picture.dtype == np.uint16:
        return "mono16"
    jpeg = not hasattr(message, "encoding") and bytes(message.data[:2]) == JPEG_START
    return "jpeg" if jpeg and (thermal or picture.ndim == 3) else "raw"


def _rate_hz(stamps: Sequence[int]) -> float:
    gaps = np.diff(stamps)
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    return round(1e9 / usual, 3) if usual > 0 else 0.0


def _says_thermal(*names: str) -> bool:
    return any(THERMAL.search(name.lower()) for name in names)


def _unfit(camera: CameraTopic) -> str:
    """Why a topic is not taken unless it is asked for; empty if it is."""
    record, name = camera.record, camera.topic.lower()
    if DEPTH.search(name):
        return "is depth, by its name"
    if record.kind == "rgb" and camera.channels == 1:
        return "is 8-bit grey and not called thermal"
    if record.kind == "rgb" and _says_thermal(name):
        return "holds thermal pictures in false colour, without counts"
    return ""


def _loss(camera: CameraTopic) -> tuple[bool, bool, bool, str]:
    """Sorts the topics of one camera: first the one nearest to what the sensor gave."""
    compressed = camera.topic.endswith("/compressed")
    return camera.record.codec != "mono16", camera.rectified, compressed, camera.topic
