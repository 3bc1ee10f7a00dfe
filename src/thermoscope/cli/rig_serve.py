"""``thermoscope rig serve``: a page in the browser that shows the rig and records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from thermoscope.cli.arguments import parse
from thermoscope.cli.rig_cameras import camera_sources

if TYPE_CHECKING:
    from thermoscope.rig.capture import CaptureSource
    from thermoscope.rig.simulated_plan import SimulatedCamera

__all__ = ["ServeArguments", "main", "radiometric"]

GB = 1_000_000_000
TLINEAR = {"ir16": "tlinear"}  # a Boson's word for hundredths of a kelvin


@dataclass(frozen=True)
class ServeArguments:
    """Show the rig in a browser: previews, temperatures, record, stop, download.

    It listens on this machine only unless --host says otherwise; then a token is needed, which is
    part of the address that is printed. Nothing is encrypted.
    """

    cameras: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """NAME=driver:where, or driver:where."""
    out: Path = Path("recordings")
    """Folder of the recordings; each is a folder in it."""
    simulate: bool = False
    """A simulated rig instead of cameras."""
    size: float = 1.0
    """Of the simulated pictures, 0.1 to 1."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all networks of this machine."""
    port: int = 8765
    """0 = any free one."""
    access: Literal["auto", "token", "open"] = "auto"
    """token: ask for one; open: do not; auto: ask unless --host is this machine only."""
    name: tuple[str, ...] = ()
    """Names, beside this machine's own, under which browsers may reach it."""
    radiometric: bool = False
    """Ask Bosons for temperatures instead of counts, to show and to record."""
    palette: str = "ironbow"
    """Colours of thermal pictures."""
    segment_s: float = 60.0
    """Length of a segment, s."""
    reserve_gb: float = 2.0
    """Stop cleanly when so little space is left."""
    thermal: Literal["mono16", "delta"] = "mono16"
    """mono16 opens in every ROS 2 tool; delta is smaller and takes less time. Both lose nothing."""
    colour: Literal["jpeg", "raw"] = "jpeg"
    """jpeg (quality 95) loses a little; raw loses nothing and is five times as much."""
    calibration: Path | None = None
    """calibration.json to keep along."""
    threads: bool = False
    """Everything in one process: starts sooner, and keeps up with less."""


def main(command: str, words: Sequence[str]) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    arguments = parse(ServeArguments, words, verb=f"rig {command}")
    from thermoscope.rig.recorder import RecordOptions
    from thermoscope.rig.serve import Console, ConsoleOptions
    from thermoscope.rig.serve_access import new_token

    sources = camera_sources(
        arguments.cameras,
        simulate=arguments.simulate,
        size=arguments.size,
        thermal=arguments.thermal,
        colour=arguments.colour,
    )
    if arguments.radiometric:
        sources = [radiometric(source) for source in sources]
    options = ConsoleOptions(
        folder=arguments.out,
        host=arguments.host,
        port=arguments.port,
        token={"auto": None, "token": new_token(), "open": ""}[arguments.access],
        names=arguments.name,
        palette=arguments.palette,
        record=RecordOptions(
            segment_s=arguments.segment_s,
            reserve_bytes=int(arguments.reserve_gb * GB),
            isolation="thread" if arguments.threads else "process",
            calibration=arguments.calibration,
        ),
    )
    with Console(sources, options) as console:
        for url in console.urls:
            print(f"open {url}", flush=True)
        print("Ctrl-C ends it", flush=True)
        console.run()
        print("closing the cameras", flush=True)
    return 0


def radiometric(source: CaptureSource) -> CaptureSource:
    """The same camera, told to give temperatures, if it is a Boson or a simulated one."""
    from thermoscope.rig import boson
    from thermoscope.rig.simulated_rig import SimulatedOpener

    opener = source.open_camera
    if isinstance(opener, SimulatedOpener):
        cameras = tuple(map(_simulated_radiometric, opener.plan.cameras))
        opener = replace(opener, plan=replace(opener.plan, cameras=cameras))
    elif isinstance(opener, partial) and opener.args[0].startswith("boson:"):
        opener = partial(opener, settings=replace(boson.DEFAULT, extra=TLINEAR))
    return replace(source, open_camera=opener)


def _simulated_radiometric(camera: SimulatedCamera) -> SimulatedCamera:
    if camera.kind != "thermal":
        return camera
    extra = {**camera.settings.extra, **TLINEAR}
    return replace(camera, settings=replace(camera.settings, extra=extra))
