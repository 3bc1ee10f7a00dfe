"""Lenses and places of the cameras of somebody's recording: ``camera_info`` and ``/tf_static``.

A rectified picture has the lens of its message's P, any other that of K and D. Places are known
where ``/tf_static`` ties the frames of all cameras together; a camera alone stands at the origin.
What is NOT here: calibrating (`thermoscope.rig.calibrate`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import CalibrationError
from thermoscope.data.bags import Bag
from thermoscope.engine.rig_import_topics import CameraTopic
from thermoscope.geometry.camera import Camera, CameraModel
from thermoscope.geometry.pose import from_quaternion, invert

__all__ = ["lenses_of", "places_of"]

Floats = NDArray[np.float64]

CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TRANSFORMS = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")
LENSES: dict[str, CameraModel] = {
    "": "pinhole",
    "plumb_bob": "radtan",
    "rational_polynomial": "radtan",
    "equidistant": "fisheye",
    "fisheye": "fisheye",
}


def lenses_of(bag: Bag, topics: Sequence[CameraTopic]) -> tuple[dict[str, Camera], dict[str, str]]:
    """Lens of each camera that has a usable ``camera_info``, and why another's is not used.

    Returns:
        Camera name to lens, and topic of ``camera_info`` to reason.
    """
    kinds = bag.topics
    lenses: dict[str, Camera] = {}
    unused: dict[str, str] = {}
    for topic in topics:
        if kinds.get(topic.camera_info, ("", 0))[0] != CAMERA_INFO:
            continue
        first = next(bag.messages([topic.camera_info]), None)
        if first is None:
            continue
        try:
            lenses[topic.record.name] = _lens(first[2], topic)
        except CalibrationError as err:
            unused[topic.camera_info] = str(err)
    return lenses, unused


def _lens(message: Any, topic: CameraTopic) -> Camera:
    """The lens that a message tells; fields have capital names in ROS 1."""
    capital = hasattr(message, "K")
    k, d, p = (
        np.asarray(getattr(message, name.upper() if capital else name), np.float64)
        for name in ("k", "d", "p")
    )
    size = (topic.record.width_px, topic.record.height_px)
    if (message.width, message.height) != size:
        raise CalibrationError(
            f"is for {message.width}x{message.height}, pictures have {size[0]}x{size[1]}"
        )
    matrix = p.reshape(3, 4)[:, :3] if topic.rectified else k.reshape(3, 3)
    if not matrix[0, 0] > 0:
        raise CalibrationError("is of a camera that was not calibrated: its focal length is 0")
    if topic.rectified or not d.any():
        return Camera.from_matrix(matrix, width=size[0], height=size[1])
    if message.distortion_model not in LENSES:
        raise CalibrationError(f"has the distortion model {message.distortion_model!r}")
    return Camera.from_matrix(
        matrix,
        width=size[0],
        height=size[1],
        model=LENSES[message.distortion_model],
        distortion=tuple(d),
    )


def places_of(bag: Bag, frames: Mapping[str, str]) -> dict[str, Floats] | None:
    """T_camera_rig (4, 4) of each camera, the first one being the rig; None where one is unknown.

    Args:
        bag: An open recording.
        frames: Camera name to coordinate frame; cameras that share one have no known places.
    """
    wanted = {name: frame.strip("/") for name, frame in frames.items()}
    first = next(iter(wanted.values()))
    found = _poses_from(first, _static_transforms(bag)) if len(wanted) > 1 else {first: np.eye(4)}
    shared = len(set(wanted.values())) < len(wanted)
    if shared or any(frame not in found for frame in wanted.values()):
        return None
    return {name: invert(found[frame]) for name, frame in wanted.items()}


def _static_transforms(bag: Bag) -> dict[str, dict[str, Floats]]:
    """Frame to neighbour to T_frame_neighbour."""
    topics = [t for t, (kind, _) in bag.topics.items() if kind in TRANSFORMS and "static" in t]
    known: dict[str, dict[str, Floats]] = {}
    for _, _, message in bag.messages(topics) if topics else ():
        for entry in message.transforms:
            parent, child = entry.header.frame_id.strip("/"), entry.child_frame_id.strip("/")
            turn, move = entry.transform.rotation, entry.transform.translation
            with suppress(CalibrationError):  # a quaternion of zeros ties nothing
                pose = from_quaternion((turn.x, turn.y, turn.z, turn.w), (move.x, move.y, move.z))
                known.setdefault(parent, {})[child] = pose
                known.setdefault(child, {})[parent] = invert(pose)
    return known


def _poses_from(start: str, known: Mapping[str, Mapping[str, Floats]]) -> dict[str, Floats]:
    """Frame to T_start_frame, of all frames that are tied to `start`."""
    found: dict[str, Floats] = {start: np.eye(4)}
    waiting = [start]
    while waiting:
        here = waiting.pop()
        for frame, step in known.get(here, {}).items():
            if frame not in found:
                found[frame] = found[here] @ step
                waiting.append(frame)
    return found
