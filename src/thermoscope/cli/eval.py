"""``thermoscope eval``: scores of a model on a data set, under a stated protocol."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table, warn
from thermoscope.cli.progress import progress_bar
from thermoscope.core.errors import ConfigError

__all__ = ["MODELS", "Arguments", "labelled_frames", "main", "warn_contaminated"]

M = TypeVar("M")
MODELS = {
    "retrieval": "anythermal_small.place",
    "segmentation": "anythermal_small.segmentation",
    "depth": "anythermal_small.depth",
    "stereo": "sgbm",
}
FEW = 50  # rendered frames, where nobody says how many


@dataclass(frozen=True)
class Arguments:
    """Scores of a model on a data set.

    Protocols of segmentation: present, foreground, strict, anythermal; agreement (of colour and
    thermal alone, without labels) and boxes (hituav, wisard, folder); of depth: scale_shift,
    metric, median, anythermal; of retrieval: pairs, frames, loops, ms2, cart, odombeyondvision; of
    stereo: filtered, raw. The result names the one used and what it does. Stereo is scored beside
    OpenCV's SGBM, on the same pixels. Segmentation is tabled under every convention, for both bands
    and either alone, by day and night.
    """

    task: Annotated[Literal["retrieval", "segmentation", "depth", "stereo"], tyro.conf.Positional]
    """What to score."""
    model: str | None = None
    """Name of the weights; the shipped ones of the task if not given."""
    data: str = "scenes"
    """scenes, folder or pairs (your own), or a data set: mfnet, pst900, fmb, cart, semanticrt, kp,
    ms2, odombeyondvision ... (of retrieval: several, comma-separated)."""
    root: Path | None = None
    """Folder of the data set; for scenes, where rendered frames are kept."""
    split: str = "test"
    """Part of the data set."""
    protocol: str | None = None
    """Rules of the score; the first of the task, or the data set's own, if not given."""
    every: int = 1
    """Take each so many-th frame (10 on MS2, as published)."""
    count: int = 0
    """Largest number of frames, 0 for all; 50 for scenes if not given."""
    taxonomy: str = "fmb"
    """Labels of scenes: fine, mfnet, cart, fmb, pst900, semanticrt, kp."""
    environments: tuple[str, ...] = ()
    """Of scenes: urban, indoor, offroad, aerial; all if not given."""
    preset: str = "small"
    """Rig of scenes."""
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of their ids, where the data set does not say."""
    weights: Path | None = None
    """Folder with weights of your own; the bundled ones if not given."""
    longest_px: int | None = None
    """Scale longer frames down to this for the network; the model's own length if not given."""
    inputs: tuple[Literal["rgb_thermal", "rgb", "thermal"], ...] = ()
    """Segmentation: what the model is shown, a row each; all that it takes if not given."""
    degrade: tuple[str, ...] = ()
    """Segmentation: further rows, all or some of misaligned_4, misaligned_8, misaligned_16, noise,
    under_exposed, over_exposed, hot_saturated, missing_rgb, missing_thermal."""
    words: bool = False
    """Segmentation: the model chooses from the names of the data's classes, also from those that it
    never learned (sartm)."""
    database: Literal["rgb", "thermal"] = "rgb"
    """Retrieval: modality of the map."""
    query: Literal["rgb", "thermal"] = "thermal"
    """Retrieval: modality of what is looked for."""
    pooling: Literal["cls", "mean", "cls_mean", "gem"] = "cls_mean"
    """Retrieval: how the tokens of a bare backbone become one vector."""
    sequence_length: int = 1
    """Retrieval: frames that are matched together."""
    json: bool = False
    """Print JSON."""


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if a frame could not be scored, the others still are."""
    arguments = parse(Arguments, words, verb="eval")
    found = _SCORERS[arguments.task](arguments)
    for failure in found.get("failed", ()):
        warn(f"{failure['frame']}: {failure['reason']}")
    named = {"model": arguments.model or MODELS[arguments.task], "data": arguments.data}
    result = {**named, "split": arguments.split, **found}
    if arguments.json:
        print_json(_without_nan(result))
    else:
        _show(result)
    return 2 if found.get("failed") else 0


def _segmentation(arguments: Arguments) -> dict[str, Any]:
    from thermoscope.cli.eval_segmentation import segmentation_scores

    return segmentation_scores(arguments)


def _depth(arguments: Arguments) -> dict[str, Any]:
    from thermoscope.engine.evaluate_depth import evaluate_depth
    from thermoscope.models.dense_heads import ThermalDepth

    model = _model(arguments, ThermalDepth)
    frames = labelled_frames(arguments)
    with progress_bar("eval") as steps:
        steps.expect(len(frames))
        return evaluate_depth(
            model,
            frames,
            protocol=arguments.protocol or "scale_shift",
            longest_px=arguments.longest_px,
            progress=steps.done,
        ).to_dict()


def _retrieval(arguments: Arguments) -> dict[str, Any]:
    from thermoscope.engine.evaluate_retrieval import evaluate_retrieval
    from thermoscope.engine.place_views import PlaceChoice
    from thermoscope.models.place import place_model

    model = place_model(
        arguments.model or MODELS["retrieval"],
        pooling=arguments.pooling,
        folder=arguments.weights,
    )
    warn_contaminated(model, arguments)
    choice = PlaceChoice(
        data=arguments.data,
        root=arguments.root,
        split=arguments.split,
        every=arguments.every,
        count=_count(arguments),
        environments=arguments.environments,
        preset=arguments.preset,
    )
    with progress_bar("eval") as steps:
        return evaluate_retrieval(
            model,
            choice,
            protocol=arguments.protocol,
            database=arguments.database,
            query=arguments.query,
            sequence_length=arguments.sequence_length,
            progress=steps.done,
        ).to_dict()


def _stereo(arguments: Arguments) -> dict[str, Any]:
    from thermoscope.engine.evaluate_stereo import Matcher, evaluate_stereo
    from thermoscope.engine.stereo_baselines import Sgbm
    from thermoscope.engine.stereo_frames import limits_of, stereo_groups
    from thermoscope.models.load import load_model
    from thermoscope.models.thermostereort import ThermoStereoRT

    protocol = arguments.protocol or "filtered"
    low, high = (-96, 96) if arguments.data == "cats" else (0, 96)
    methods: dict[str, Matcher] = {"sgbm": Sgbm(min_disparity_px=low, max_disparity_px=high)}
    if arguments.model not in (None, "sgbm"):
        network = load_model(str(arguments.model), folder=arguments.weights)
        if not isinstance(network, ThermoStereoRT):
            raise ConfigError(f"{arguments.model!r} is no stereo network. Choose another --model.")
        methods = {str(arguments.model): network, **methods}
    groups = stereo_groups(
        arguments.data,
        arguments.root,
        protocol=protocol,
        split=arguments.split,
        count=arguments.count,
        every=arguments.every,
    )
    with progress_bar("eval") as steps:
        report = evaluate_stereo(
            methods,
            groups,
            protocol=protocol,
            min_disparity_px=low,
            max_disparity_px=high,
            limits_px=limits_of(arguments.data),
            progress=steps.done,
        ).to_dict()
    report["rows"] = [_flat(row) for row in report["rows"]]
    return report


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """A line of the table: which pixels of which frames, disparity, depth, time."""
    scores, depth = row["scores"], row["depth"] or {}
    return {
        **{key: row[key] for key in ("method", "pixels", "group")},
        **{key: scores[key] for key in ("images", "answered", "epe_px", "d1_all")},
        **{f"bad_{limit:g}": share for limit, share in scores["bad"].items()},
        **{key: depth.get(key, math.nan) for key in ("abs_rel", "rmse_m", "delta_1")},
        "ms": row["milliseconds"],
    }


_SCORERS = {
    "segmentation": _segmentation,
    "depth": _depth,
    "retrieval": _retrieval,
    "stereo": _stereo,
}


def _model(arguments: Arguments, kind: type[M]) -> M:
    """The model asked for, if it is of the kind that the task needs."""
    from thermoscope.models.load import load_model

    name = arguments.model or MODELS[arguments.task]
    model = load_model(name, folder=arguments.weights)
    if not isinstance(model, kind):
        raise ConfigError(
            f"{name!r} is a {type(model).__name__}: it cannot be scored on {arguments.task}. "
            "Choose another --model."
        )
    warn_contaminated(model, arguments)
    return model


def warn_contaminated(model: Any, arguments: Arguments) -> None:
    """Say so where the weights have trained on the data."""
    from thermoscope.engine.contamination import contamination

    for card in (model.card, getattr(getattr(model, "backbone", None), "card", None)):
        for data in arguments.data.split(","):
            if warning := contamination(card, data):
                warn(warning)
                return


def _count(arguments: Arguments) -> int:
    return arguments.count or (FEW if arguments.data == "scenes" else 0)


def labelled_frames(arguments: Arguments, *, colour: bool = False) -> Any:
    """The frames asked for, what they lack said; scenes with `colour`, if they are to have it."""
    from thermoscope.engine.labelled_frames import FrameChoice, open_frames

    frames = open_frames(
        FrameChoice(
            data=arguments.data,
            root=arguments.root,
            split=arguments.split,
            every=arguments.every,
            count=_count(arguments),
            environments=arguments.environments,
            preset=arguments.preset,
            classes=arguments.classes,
            taxonomy=arguments.taxonomy,
            colour=colour,
        ),
        truth="labels" if arguments.task == "segmentation" else "depth",
    )
    for finding in getattr(frames.inner, "findings", ()):
        warn(finding)
    return frames


def _without_nan(value: Any) -> Any:
    """JSON has no nan: null says that there is no score."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _show(result: dict[str, Any]) -> None:
    tables = {key: value for key, value in result.items() if isinstance(value, dict)}
    rows = result.get("rows", [])
    plain = [k for k in result if k not in tables and k not in ("failed", "rows")]
    print_table(("what", "value"), [(key, _text(result[key])) for key in plain])
    for key, table in tables.items():
        print_table((key, ""), [(name, _text(value)) for name, value in table.items()])
    if rows:
        print_table(list(rows[0]), [[_text(value) for value in row.values()] for row in rows])


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    return ", ".join(map(str, value)) or "-" if isinstance(value, (list, tuple)) else str(value)
