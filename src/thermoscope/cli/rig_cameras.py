"""``thermoscope rig list`` and ``live``, and the cameras that the other commands name."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table
from thermoscope.core.errors import ConfigError
from thermoscope.core.files import atomic_write

if TYPE_CHECKING:
    from thermoscope.rig.camera import Frame
    from thermoscope.rig.capture import CaptureSource
    from thermoscope.rig.recording_format import Codec

__all__ = ["ListArguments", "LiveArguments", "camera_sources", "main"]

SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class ListArguments:
    """Cameras that are plugged in, with the address to open each by."""

    json: bool = False
    """Print JSON."""


@dataclass(frozen=True)
class LiveArguments:
    """Show one camera: a PNG that is renewed, and a line with rate, state and temperature.

    Point any picture viewer that reloads at the file; over SSH it works without a display.
    """

    camera: Annotated[str, tyro.conf.Positional]
    """driver:where, for example boson:93588, v4l2:/dev/video2, simulated:thermal_left."""
    picture: Path = Path("live.png")
    """The file."""
    every: float = 0.5
    """Seconds between two pictures."""
    seconds: float | None = None
    """Stop after so many; else at Ctrl-C."""


def main(command: str, words: Sequence[str]) -> int:
    """Run one of the commands."""
    if command == "list":
        return _list(parse(ListArguments, words, verb="rig list"))
    return _live(parse(LiveArguments, words, verb="rig live"))


def camera_sources(
    cameras: Sequence[str],
    *,
    simulate: bool,
    size: float = 1.0,
    thermal: Literal["mono16", "delta"] = "mono16",
    colour: Literal["jpeg", "raw"] = "jpeg",
) -> list[CaptureSource]:
    """The cameras of a command line: ``NAME=driver:where`` or ``driver:where``, or a simulated rig.

    Args:
        cameras: As the user wrote them.
        simulate: Two thermal and two colour cameras instead.
        size: Of the simulated pictures against 640x512 and 960x600.
        thermal: Codec of 16-bit pictures.
        colour: Codec of 8-bit pictures.

    Raises:
        ConfigError: No camera, both kinds, or a name twice.
    """
    from thermoscope.rig.camera import open_camera
    from thermoscope.rig.capture import CaptureSource

    if bool(cameras) == simulate:
        raise ConfigError(
            f"name cameras or pass --simulate, got {len(cameras)} cameras and "
            f"{'' if simulate else 'no '}--simulate. thermoscope rig list shows what is plugged in."
        )
    if simulate:
        return _simulated(size, thermal, colour)
    found = []
    for text in cameras:
        name, equals, address = text.partition("=")
        if not equals:
            name, address = text.replace(":", "_").replace("/", "_").strip("_"), text
        opener = partial(open_camera, address, name=name)
        found.append(CaptureSource(name, opener, thermal, colour))
    return found


def _simulated(size: float, thermal: Codec, colour: Codec) -> list[CaptureSource]:
    from thermoscope.rig.capture import CaptureSource
    from thermoscope.rig.simulated_plan import RigPlan, default_cameras
    from thermoscope.rig.simulated_rig import SimulatedOpener

    if not 0.1 <= size <= 1:
        raise ConfigError(f"--size must lie in [0.1, 1], got {size:g}.")
    plan = RigPlan(
        default_cameras(
            thermal_size=(2 * round(320 * size), 2 * round(256 * size)),
            rgb_size=(2 * round(480 * size), 2 * round(300 * size)),
        ),
        duration_s=86_400.0,
        start_ns=time.monotonic_ns(),
    )
    return [
        CaptureSource(camera.name, SimulatedOpener(plan, camera.name), thermal, colour)
        for camera in plan.cameras
    ]


def _list(arguments: ListArguments) -> int:
    from thermoscope.rig.camera import list_cameras

    found = list_cameras()
    if arguments.json:
        print_json([vars(camera) for camera in found])
        return 0
    if not found:
        print("no camera found. Cables and permissions: docs/rig; without one: --simulate")
        return 1
    rows = [(c.address, c.model, c.serial or "?", c.device) for c in found]
    print_table(("address", "model", "serial", "device"), rows)
    return 0


def _live(arguments: LiveArguments) -> int:
    from thermoscope.rig.camera import open_camera

    if not arguments.every > 0:
        raise ConfigError(f"--every must be positive, got {arguments.every:g}.")
    begun_ns = shown_ns = time.monotonic_ns()
    counted = 0
    with open_camera(arguments.camera) as camera:
        for frame in camera.frames():
            now_ns, counted = time.monotonic_ns(), counted + 1
            if now_ns - shown_ns >= arguments.every * SECOND_NS:
                _show(arguments.picture, frame)
                print(_line(frame, counted * SECOND_NS / (now_ns - shown_ns)), flush=True)
                shown_ns, counted = now_ns, 0
            over_ns = (arguments.seconds or float("inf")) * SECOND_NS
            if now_ns - begun_ns >= over_ns:
                break
    return 0


def _line(frame: Frame, rate_hz: float) -> str:
    parts = [f"frame {frame.sequence}", f"{rate_hz:.1f} Hz"]
    if frame.counter is not None:
        parts.append(f"counter {frame.counter}")
    if frame.ffc is not None:
        parts.append(f"ffc {frame.ffc.value}")
    if frame.temperature_k is not None:
        parts.append(f"{frame.temperature_k - 273.15:.1f} °C")
    low, high = int(frame.image.min()), int(frame.image.max())
    return "  ".join([*parts, f"pixels {low} to {high}"])


def _show(path: Path, frame: Frame) -> None:
    import cv2
    import numpy as np

    image: Any = frame.image
    if image.dtype == np.uint16:
        low, high = np.percentile(image[::4, ::4], (1, 99))
        span = max(float(high - low), 1.0)
        image = np.clip((image - low) * (255.0 / span), 0, 255).astype(np.uint8)
    elif image.ndim == 3:
        image = image[..., ::-1]
    _, data = cv2.imencode(".png", image, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    with atomic_write(path) as stream:
        stream.write(bytes(data))
