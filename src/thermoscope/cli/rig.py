"""``thermoscope rig``: cameras that record together, and what they recorded."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from thermoscope.core.errors import UnknownNameError

__all__ = ["COMMANDS", "main"]

COMMANDS: dict[str, str] = {
    "list": "rig_cameras",
    "live": "rig_cameras",
    "check": "rig_record",
    "record": "rig_record",
    "serve": "rig_serve",
    "replay": "rig_recording",
    "verify": "rig_recording",
    "recover": "rig_recording",
    "info": "rig_recording",
    "import": "rig_import",
    "calibrate": "rig_calibrate",
    "export": "rig_export",
}
HELP = """usage: thermoscope rig COMMAND ...

Record thermal and colour cameras together, and trust what was recorded.

  list                          cameras that are plugged in, with the address to open each by
        --json
  live CAMERA                   a picture file that is renewed, and a line with rate and state
        --picture PNG  --every S  --seconds S
  check CAMERA...               rates, clocks, space, write speed, USB, calibration: all ready?
        --simulate  --out DIR  --calibration JSON  --seconds S  --reserve-gb N  --json
  record CAMERA... --out DIR    until Ctrl-C, --seconds, a stop command, or a full disk
        --simulate  --seconds S  --thermal mono16|delta  --colour jpeg|raw  --calibration JSON
        --segment-s S  --reserve-gb N  --threads  --wait  --socket PATH  --stop-file PATH  --quiet
  serve CAMERA... --out DIR     a page in the browser: previews, record, stop, FFC, download
        --simulate  --host ADDRESS  --port N  --access auto|token|open  --name NAME  --palette NAME
        --thermal mono16|delta  --colour jpeg|raw  --calibration JSON  --segment-s S  --reserve-gb N
        --radiometric  --threads
  replay DIR                    the frames again, in real time
        --fast  --speed X
  verify DIR                    is every byte as it was written?
        --fast  --json
  recover DIR                   make whole what was cut off or damaged
  info DIR                      cameras, length, losses
        --json
  import BAG OUT                a recording of a ROS 1 or ROS 2 bag, or of an MCAP file of others
        --topic NAME=/topic  --segment-s S  --json
  calibrate ...                 lenses and places of the cameras, from views of a target
  export DIR OUT                a data set: clean pairs, rectified, colour in the thermal grid
        --rate HZ  --layout tartanrgbt|tartanrgbt_download|ms2|pairs  --calibration JSON
        --model NAME|sgbm  --weights DIR  --left-right-check  --name NAME  --group NAME
        --split train|val|test  --max-gap-ms MS  --settle-s S  --json

A camera is NAME=driver:where, for example thermal_left=boson:93588. --simulate instead of cameras
takes two thermal and two colour ones that do not exist (--size 0.25 makes them smaller).
thermoscope rig COMMAND --help tells more."""


def main(words: Sequence[str]) -> int:
    """Run the verb."""
    if not words or words[0] in ("-h", "--help"):
        print(HELP)
        raise SystemExit(0)
    if words[0] not in COMMANDS:
        raise UnknownNameError("rig command", words[0], COMMANDS, listing="thermoscope rig")
    module = import_module(f"thermoscope.cli.{COMMANDS[words[0]]}")
    if words[0] == "calibrate":
        return int(module.main(words[1:]))
    return int(module.main(words[0], words[1:]))
