"""The segmentation part of ``thermoscope eval``: masks, agreement without truth, boxes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermoscope.cli.eval import MODELS, labelled_frames, warn_contaminated
from thermoscope.cli.progress import progress_bar
from thermoscope.core.errors import ConfigError

if TYPE_CHECKING:
    from thermoscope.cli.eval import Arguments

__all__ = ["segmentation_scores"]

BOXES = {"hituav": "detection/hituav/annotations_{split}.json"}
Progress = Callable[[str], None]


def segmentation_scores(arguments: Arguments) -> dict[str, Any]:
    """What the protocol asks for, as plain values; tables are flat unless JSON is wanted.

    Raises:
        ConfigError: No segmenter, or data that the protocol cannot score.
    """
    from thermoscope.engine.segmenters import segmenter_of
    from thermoscope.models.load import load_model

    name = arguments.model or MODELS["segmentation"]
    model = load_model(name, folder=arguments.weights)
    segmenter_of(model, name=name)
    warn_contaminated(model, arguments)
    score = {"agreement": _agreement, "boxes": _boxes}.get(arguments.protocol or "", _masks)
    return score(model, arguments)


def _masks(model: Any, arguments: Arguments) -> dict[str, Any]:
    from thermoscope.engine.evaluate_segmentation import evaluate_segmentation
    from thermoscope.engine.segmenters import inputs_of

    shown = arguments.inputs or inputs_of(model)
    frames = labelled_frames(arguments, colour=any("rgb" in inputs for inputs in shown))
    with progress_bar("eval") as steps:
        steps.expect(len(frames))
        report = evaluate_segmentation(
            model,
            frames,
            protocol=arguments.protocol or "present",
            longest_px=arguments.longest_px,
            inputs=arguments.inputs,
            degradations=arguments.degrade,
            words=arguments.words,
            progress=steps.done,
        ).to_dict()
    if arguments.json:
        return report
    del report["confusion"]  # of no use on a screen
    return {**report, "rows": [_row(row) for row in report["rows"]]}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A line of the table: mean IoU under each convention side by side."""
    return {
        **{key: row[key] for key in ("inputs", "degraded", "time", "frames")},
        **{f"miou {convention}": value for convention, value in row["miou"].items()},
        "macc": row["macc"]["present"],
        "pixels right": row["pixel_accuracy"],
        "classes": row["classes_present"],
    }


def _agreement(model: Any, arguments: Arguments) -> dict[str, Any]:
    from thermoscope.engine.evaluate_agreement import evaluate_agreement

    frames = labelled_frames(arguments, colour=True)
    with progress_bar("eval") as steps:
        steps.expect(len(frames))
        return evaluate_agreement(
            model, frames, longest_px=arguments.longest_px, progress=steps.done
        ).to_dict()


def _boxes(model: Any, arguments: Arguments) -> dict[str, Any]:
    from thermoscope.data.base import READERS
    from thermoscope.data.boxes import read_boxes
    from thermoscope.engine.evaluate_boxes import evaluate_boxes

    if arguments.data not in BOXES or arguments.root is None:
        raise ConfigError(
            f"the protocol 'boxes' needs data with boxes ({', '.join(BOXES)}) and its --root, got "
            f"{arguments.data!r}."
        )
    file = Path(BOXES[arguments.data].format(split=arguments.split))
    frames = READERS.get(arguments.data)(arguments.root, split=arguments.split)
    with progress_bar("eval") as steps:
        steps.expect(len(frames))
        found = evaluate_boxes(
            model,
            frames,
            read_boxes(arguments.root / file),
            longest_px=arguments.longest_px,
            progress=steps.done,
        ).to_dict()
    rows = [{"group": group, **scores} for group, scores in found.pop("scores").items()]
    return {"protocol": "boxes", **found, "rows": rows}
