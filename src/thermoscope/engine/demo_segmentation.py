"""Section of the demo report: one view in colour and thermal, classes from both and from either.

What is NOT here: classes of single thermal frames (`thermoscope.engine.demo_perception`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from thermoscope.core.errors import ThermoscopeError
from thermoscope.core.sample import Sample
from thermoscope.core.weights import list_weights
from thermoscope.engine import report as page
from thermoscope.engine.dense_pictures import class_overlay
from thermoscope.engine.evaluate_segmentation import class_table, evaluate_segmentation, pair_of
from thermoscope.engine.segmenters import INPUTS, segmenter_of
from thermoscope.sensor.palette import apply_palette
from thermoscope.sensor.tone import tone_map

if TYPE_CHECKING:
    from thermoscope.engine.demo import DemoFrame, Section

__all__ = ["pair_parts", "pair_section"]

NAME = "sartm_small.fine"
TAXONOMY = "fine"
WORDS = {"rgb_thermal": "both", "rgb": "colour alone", "thermal": "thermal alone"}


def pair_section(frames: Sequence[DemoFrame]) -> Iterator[Section]:
    """A rendered night through the bundled network; a sentence where that is absent."""
    del frames  # two registered views are needed, which single frames of the user are not
    title = "Classes at night: colour and thermal together"
    if NAME not in list_weights():
        text = (
            f"The weights {NAME} are not in this installation. Make them with: thermoscope train "
            "sartm --preset fine --out runs/sartm"
        )
        yield title, [page.notice(text, "warning")]
        return
    from thermoscope.models.load import load_model
    from thermoscope.synthetic.dataset import Scenes
    from thermoscope.synthetic.rig import rig_preset

    try:
        rig = replace(rig_preset("mfnet"), rgb=None)  # one camera sees both bands
        night = Scenes(
            split="test", environment="urban", preset=rig, count=1, hour="night", taxonomy=TAXONOMY
        )
        yield title, pair_parts(load_model(NAME), night[0], name=NAME)
    except ThermoscopeError as err:
        yield title, [page.notice(str(err), "warning")]


def pair_parts(model: Any, sample: Sample, *, name: str) -> list[page.Fragment]:
    """What the report shows of one view.

    Args:
        model: A segmenter of both bands, see `thermoscope.engine.segmenters`.
        sample: With ``rgb``, a thermal plane of its size, and ``labels``.
        name: Of the weights.

    Raises:
        ConfigError: No such segmenter, or classes that the labels do not have.
    """
    from thermoscope.synthetic.labels import TAXONOMIES

    known = TAXONOMIES.get(sample["taxonomy"])
    classes = known.classes if known else tuple(model.classes)
    table, segmenter, pair = (
        class_table(model.classes, classes),
        segmenter_of(model),
        pair_of(sample),
    )
    colour = np.rint(255 * sample["rgb"].transpose(1, 2, 0)).astype(np.uint8)
    grey = apply_palette(tone_map(np.asarray(pair.thermal), "percentile"), "white_hot")
    answers = {inputs: table[segmenter.labels(pair.only(inputs))] for inputs in INPUTS}
    report = evaluate_segmentation(model, [sample], classes=classes)
    rows = [
        (WORDS[row.inputs], f"{row.miou['present']:.2f}", f"{row.pixel_accuracy:.2f}")
        for row in report.rows
    ]
    shown = [
        page.picture(
            class_overlay([colour if inputs == "rgb" else grey], answer, classes), WORDS[inputs]
        )
        for inputs, answer in answers.items()
    ]
    text = (
        f"{name} reads a colour and a thermal picture of one view, and answers from either alone "
        "where the other is missing. This view is rendered, so the truth is known."
    )
    return [
        page.paragraph(text),
        page.gallery([page.picture(colour, "colour, at night"), page.picture(grey, "thermal")]),
        page.gallery(shown),
        page.table(("seen", "mean IoU", "pixels right"), rows),
    ]
