"""The segmentation part of ``thermoscope eval``: masks, agreement without truth, boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from thermoscope.cli.eval import MODELS, labelled_frames, warn_contaminated
from thermoscope.cli.progress import progress_bar
from thermoscope.core.errors import ConfigError

if TYPE_CHECKING:
    from thermoscope.cli.eval import Arguments
    from thermoscope.data.base import Listed
    from thermoscope.data.boxes import Box

__all__ = ["segmentation_scores"]

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
    protocol = arguments.protocol or ("boxes" if _has_only_boxes(arguments) else "")
    score = {"agreement": _agreement, "boxes": _boxes}.get(protocol, _masks)
    return score(model, arguments)


def _has_only_boxes(arguments: Arguments) -> bool:
    """Whether the data has boxes where others have masks."""
    from thermoscope.data.labelled_folder import boxes_in
    from thermoscope.data.real_pairs import BOXES

    if arguments.data != "folder" or arguments.root is None:
        return arguments.data in BOXES
    return boxes_in(arguments.root) is not None and not (arguments.root / "labels").is_dir()


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
    from thermoscope.engine.evaluate_boxes import evaluate_boxes

    frames, boxes = _boxed_frames(arguments)
    with progress_bar("eval") as steps:
        steps.expect(len(frames))
        found = evaluate_boxes(
            model,
            frames,
            boxes,
            longest_px=arguments.longest_px,
            progress=steps.done,
        ).to_dict()
    rows = [{"group": group, **scores} for group, scores in found.pop("scores").items()]
    return {"protocol": "boxes", **found, "rows": rows}


def _boxed_frames(arguments: Arguments) -> tuple[Listed, dict[str, tuple[Box, ...]]]:
    """The frames asked for, without outlines where the reader has both, and their boxes."""
    from thermoscope.data.base import READERS
    from thermoscope.data.boxes import open_boxes
    from thermoscope.data.labelled_folder import boxes_in, labelled_folder
    from thermoscope.data.real_pairs import BOXES

    root = arguments.root
    own = boxes_in(root) if root is not None and arguments.data == "folder" else None
    if root is None or (own is None and arguments.data not in BOXES):
        raise ConfigError(
            f"the protocol 'boxes' needs data with boxes ({', '.join(BOXES)}, or a folder with "
            f"boxes.json or boxes/) and its --root, got {arguments.data!r}."
        )
    if own is not None:
        found, boxes = labelled_folder(root, split=arguments.split, truth="labels"), open_boxes(own)
    else:
        place, names = BOXES[arguments.data]
        found = READERS.get(arguments.data)(root, split=arguments.split)
        boxes = open_boxes(root / place.format(split=arguments.split), names)
    chosen = found.items[:: arguments.every][: arguments.count or None]
    return replace(found, items=chosen), boxes.boxes
