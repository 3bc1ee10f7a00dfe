"""``thermoscope rig serve``: a page in the browser that shows the rig and records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from thermoscope.cli.arguments import parse
from thermoscope.cli.rig_record import RecordingArguments

if TYPE_CHECKING:
    from thermoscope.rig.capture import CaptureSource
    from thermoscope.rig.simulated_plan import SimulatedCamera

__all__ = ["ServeArguments", "main", "radiometric"]

TLINEAR = {"ir16": "tlinear"}  # a Boson's word for hundredths of a kelvin


@dataclass(frozen=True)
class ServeArguments(RecordingArguments):
    """Show the rig in a browser: previews, temperatures, record, stop, download.

    It listens on this machine only unless --host says otherwise; then a token is needed, which is
    part of the address that is printed. Nothing is encrypted.
    """

    out: Path = Path("recordings")
    """Folder of the recordings; each is a folder in it."""
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


def main(command: str, words: Sequence[str]) -> int:
    """Serve until Ctrl-C or SIGTERM."""
    arguments = parse(ServeArguments, words, verb=f"rig {command}")
    from thermoscope.rig.serve import Console, ConsoleOptions
    from thermoscope.rig.serve_access import new_token

    sources = arguments.sources()
    if arguments.radiometric:
        sources = [radiometric(source) for source in sources]
    options = ConsoleOptions(
        folder=arguments.out,
        host=arguments.host,
        port=arguments.port,
        token={"auto": None, "token": new_token(), "open": ""}[arguments.access],
        names=arguments.name,
        palette=arguments.palette,
        record=arguments.options(),
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
