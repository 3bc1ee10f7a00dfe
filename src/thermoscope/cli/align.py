"""``thermoscope align``: an RGB and a thermal picture of one scene onto each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import tyro

from thermoscope.cli.arguments import parse, print_json
from thermoscope.cli.each_frame import check_new, input_files
from thermoscope.core.files import atomic_write

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """Register an RGB and a thermal picture of one scene, with no calibration.

    Into the folder go STEM_rgb.png (RGB in the thermal frame), STEM_alignment.json (homography,
    residual, confidence), STEM_overlay.png, STEM_swipe.png and STEM_checkerboard.png, where STEM is
    the thermal file's. Refused, with exit status 2 and nothing written, below --least-confidence.
    """

    rgb: Annotated[Path, tyro.conf.Positional]
    """Colour picture."""
    thermal: Annotated[Path, tyro.conf.Positional]
    """Thermal picture of the same scene."""
    out: Path
    """Folder to write into."""
    bend: Literal["homography", "thin_plate"] = "homography"
    """thin_plate lets the picture bend on top of the homography."""
    least_confidence: float = 0.5
    """What is below is refused, 0 to 1."""
    palette: str = "inferno"
    """Colours of the thermal picture in the overlay."""
    overwrite: bool = False
    """Replace files that exist."""
    json: bool = False
    """Print the numbers as JSON."""


def main(words: Sequence[str]) -> int:
    """Run the verb; 0 if the pictures were registered."""
    arguments = parse(Arguments, words, verb="align")
    from thermoscope.engine.align import align
    from thermoscope.engine.align_pictures import (
        alignment_facts,
        checkerboard_picture,
        overlay_picture,
        swipe_picture,
    )
    from thermoscope.engine.convert import write_picture

    rgb, thermal = _colour(arguments.rgb), _grey(arguments.thermal)
    stem = arguments.thermal.stem
    names = ("rgb", "overlay", "swipe", "checkerboard")
    paths = {name: arguments.out / f"{stem}_{name}.png" for name in names}
    facts_path = arguments.out / f"{stem}_alignment.json"
    inputs = input_files([arguments.rgb, arguments.thermal])
    outputs = [*paths.values(), facts_path]
    check_new(outputs, set(), overwrite=arguments.overwrite, inputs=inputs)
    found = align(rgb, thermal, bend=arguments.bend, least_confidence=arguments.least_confidence)
    warped = found.warp(rgb)
    write_picture(paths["rgb"], warped)
    write_picture(paths["overlay"], overlay_picture(warped, thermal, palette=arguments.palette))
    write_picture(paths["swipe"], swipe_picture(warped, thermal))
    write_picture(paths["checkerboard"], checkerboard_picture(warped, thermal))
    facts = alignment_facts(found)
    with atomic_write(facts_path) as stream:
        stream.write((json.dumps(facts, indent=2, allow_nan=False) + "\n").encode())
    if arguments.json:
        print_json(facts)
    else:
        print(
            f"{stem}: residual {found.residual_px:.2f} px at 640 wide, confidence "
            f"{found.confidence:.2f}, {found.inlier_share:.0%} of {found.blocks} blocks agree"
        )
    return 0


def _colour(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8; a grey picture three times."""
    from thermoscope.io.read import read

    image = read(path)
    picture = image.agc if image.agc is not None else _grey(path)
    return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture


def _grey(path: Path) -> NDArray[np.uint8]:
    """(H, W) uint8: the AGC picture as it is, counts and kelvin through a percentile stretch."""
    from thermoscope.io.read import read
    from thermoscope.sensor.tone import tone_map

    image = read(path)
    return np.asarray(image.luma) if image.kind == "agc" else tone_map(np.asarray(image.values))
