"""Find the verb, load its module, run it. ``--help`` loads nothing else.

Exit status: 0 done, 1 done and something was found (doctor), 2 wrong input or usage, 130 stopped by
the user. A `ThermoscopeError` prints its text; anything else is a bug and shows its traceback.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from thermoscope.core.errors import ThermoscopeError, UnknownNameError
from thermoscope.core.version import VERSION

__all__ = ["VERBS", "main"]

VERBS: dict[str, str] = {
    "info": "what a file is: size, unit, temperatures, camera, what is wrong with it",
    "convert": "pictures, 16-bit files or temperature tables from thermal files",
    "spot": "temperatures of points and regions",
    "stats": "one line of statistics a file, as table, JSON or CSV",
    "segment": "a class for every pixel of thermal frames",
    "depth": "the depth of every pixel of thermal frames",
    "stereo": "disparity and depth of rectified thermal pairs",
    "features": "descriptors and dense features that agree between the bands",
    "place": "make a map of pictures, and find where a picture was taken",
    "align": "bring an RGB and a thermal picture of one scene onto each other",
    "train": "run a recipe: distillation, heads, stereo",
    "models": "networks that can be loaded, and what their cards say",
    "eval": "scores of a model on a data set",
    "export": "a network as one ONNX or OpenVINO file, checked against torch",
    "doctor": "is this file or folder healthy, and what to type next",
    "scenes": "render thermal and RGB scenes with exact ground truth",
    "rig": "record thermal and colour cameras, verify, recover and replay",
    "datasets": "data sets known by name",
    "licences": "licences of weights, data sets and plug-ins",
    "demo": "run the main job on a sample and write a report",
}
USAGE = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``thermoscope VERB ...`` and return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files may be no text at all
        sys.stdout.reconfigure(errors="backslashreplace")
    debug = "--debug" in words
    words = [w for w in words if w != "--debug"]
    if not words or words[0] in ("-h", "--help"):
        sys.stdout.write(help_text())
        return 0
    if words[0] == "--version":
        sys.stdout.write(f"thermoscope {VERSION}\n")
        return 0
    return _run(words, debug=debug)


def _run(words: list[str], *, debug: bool) -> int:
    try:
        if words[0] not in VERBS:
            raise UnknownNameError("command", words[0], VERBS, listing="thermoscope --help")
        status: int = import_module(f"thermoscope.cli.{words[0]}").main(words[1:])
        sys.stdout.flush()
    except ThermoscopeError as err:
        if debug:
            raise
        sys.stderr.write(f"thermoscope: {err}\n")
        return USAGE
    except KeyboardInterrupt:
        sys.stderr.write("thermoscope: stopped.\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away: ``thermoscope stats | head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def help_text() -> str:
    """The text of ``thermoscope --help``."""
    rows = "\n".join(f"  {verb:<10} {text}" for verb, text in VERBS.items())
    return (
        "usage: thermoscope VERB ...\n\n"
        "Thermal-infrared perception: read, measure, understand and record thermal images.\n\n"
        f"{rows}\n\n"
        "thermoscope VERB --help tells more. --debug shows tracebacks; --version the version.\n"
    )
