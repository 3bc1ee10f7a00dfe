"""Section of the demo report: a thermal pair in, disparity, a point cloud and the latency out.

What is NOT here: single frames (`thermoscope.engine.demo_perception`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from thermoscope.core.errors import ThermoscopeError
from thermoscope.core.sample import Sample
from thermoscope.core.weights import list_weights
from thermoscope.engine import report as page
from thermoscope.engine.stereo_pictures import cloud_picture, disparity_picture
from thermoscope.geometry.camera import Camera
from thermoscope.models.stereo_result import StereoCalibration
from thermoscope.sensor.palette import apply_palette
from thermoscope.sensor.tone import tone_map

if TYPE_CHECKING:
    from thermoscope.engine.demo import DemoFrame, Section
    from thermoscope.models.thermostereort import ThermoStereoRT

__all__ = ["stereo_parts", "stereo_section"]

NAMES = ("thermostereort_fast", "thermostereort_base")
TIMED = 3


def stereo_section(frames: Sequence[DemoFrame]) -> Iterator[Section]:
    """A rendered pair through the bundled stereo network; a sentence where that is absent."""
    del frames  # a pair is needed, which single frames of the user are not
    title = "Depth from two thermal cameras"
    known = [name for name in NAMES if name in list_weights()]
    if not known:
        text = (
            f"No stereo weights ({', '.join(NAMES)}) are in this installation. Make them with: "
            "thermoscope train thermostereort --preset fast --out runs/fast"
        )
        yield title, [page.notice(text, "warning")]
        return
    from thermoscope.models.load import load_model
    from thermoscope.synthetic.dataset import Scenes

    try:
        pair = Scenes(split="test", environment="urban", preset="ms2", count=1, colour="none")[0]
        yield title, stereo_parts(load_model(known[0]), pair, name=known[0])
    except ThermoscopeError as err:
        yield title, [page.notice(str(err), "warning")]


def stereo_parts(network: ThermoStereoRT, pair: Sample, *, name: str) -> list[page.Fragment]:
    """What the report shows of one pair with its calibration.

    Args:
        network: In eval mode.
        pair: counts, counts_right, K, baseline_m; disparity and valid, if known, for the error.
        name: Of the weights.

    Raises:
        ShapeError: Views that do not fit; see `ThermoStereoRT.predict`.
    """
    left, right = pair["counts"][0], pair["counts_right"][0]
    K = pair["K"]
    camera = Camera(K[0, 0], K[1, 1], K[0, 2], K[1, 2], left.shape[1], left.shape[0])
    calibration = StereoCalibration(camera, pair["baseline_m"])
    found = network.predict(left, right, calibration, check_left_right=True)
    times = []
    for _ in range(TIMED):
        start = time.perf_counter()
        network.predict(left, right)
        times.append(1e3 * (time.perf_counter() - start))
    height, width = left.shape
    text = (
        f"{name} matches a rectified pair of {width}x{height} px in {np.median(times):.0f} ms "
        "here, in plain PyTorch; exported it is faster. Darkened: hidden from the right view, or "
        "the two views disagree."
    )
    if "disparity" in pair and "valid" in pair and pair["valid"].any():
        error = np.abs(found.disparity - pair["disparity"][0])[pair["valid"][0]]
        middle = float(np.median(error))
        text += f" On this rendered pair, which it never saw, the median error is {middle:.2f} px."
    colours = apply_palette(tone_map(left))
    parts: list[page.Fragment] = [
        page.paragraph(text),
        page.gallery(
            [
                page.picture(colours, "left thermal view"),
                page.picture(apply_palette(tone_map(right)), "right thermal view"),
                page.picture(disparity_picture(found.disparity, valid=found.valid), "disparity"),
            ]
        ),
    ]
    if found.points is not None and found.depth is not None:
        seen = found.depth > 0
        cloud = cloud_picture(found.points[seen], colours[seen])
        parts.append(page.picture(cloud, "the same as a point cloud, from above"))
    return parts
