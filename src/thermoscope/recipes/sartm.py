"""Train SARTM: classes of RGB-thermal pairs, with words and with branches that teach each other.

    thermoscope train sartm --preset small --out runs/sartm

Presets: ``paper`` is the paper's (SAM2 Hiera base+, LoRA of rank 16, all weights 1, PST900);
``small`` is ours, on the bundled backbone and rendered scenes with MFNet's classes; ``adapted``
goes on with real pairs without labels (`thermoscope.recipes.sartm_adapt`); ``fine`` does so with a
name for everything in a scene; ``cached`` keeps the features of the frozen backbone, to compare
settings quickly; ``udder`` does so with thermal frames and real masks of buffaloes' udders;
``aerial`` learns people and vehicles seen from a drone out of boxes
(`thermoscope.data.box_outlines`); ``tiny`` runs in seconds. What is NOT here: the network
(`thermoscope.models.sartm`), losses (`thermoscope.recipes.sartm_task`) and training pairs
(`thermoscope.recipes.sartm_frames`).

Source: Xing et al., SARTM, arXiv 2505.01950.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.config import write_config
from thermoscope.core.errors import ConfigError, ShapeError, UnknownNameError
from thermoscope.core.files import make_folder
from thermoscope.core.sample import IGNORE_INDEX
from thermoscope.core.weights import (
    UNWRITTEN,
    TrainingSource,
    WeightsCard,
    find_weights,
    write_weights,
)
from thermoscope.engine.labelled_frames import (
    FrameChoice,
    LabelledFrames,
    open_frames,
)
from thermoscope.engine.loop import FitResult, LoopConfig, first_process, fit
from thermoscope.losses.segmentation import SegmentationTerm
from thermoscope.models.load import load_model
from thermoscope.models.sartm import ALL_INPUTS, SIZES, Answer, Head, Sartm, build_sartm
from thermoscope.models.text_encoders import load_text_table
from thermoscope.recipes.dense_frames import Augmentation, warn_of_findings
from thermoscope.recipes.dense_task import scored_on, seeded, sources_of, warn_of_cuts
from thermoscope.recipes.pair_sources import PairSource
from thermoscope.recipes.sartm_adapt import AdaptConfig, AdaptTask
from thermoscope.recipes.sartm_frames import (
    KeptFeatures,
    LabelledPair,
    PairAugmentation,
    PairFrames,
    labelled_pair,
)
from thermoscope.recipes.sartm_task import LossWeights, SartmTask
from thermoscope.recipes.train_command import train_command

__all__ = ["PRESETS", "SartmConfig", "drawn_frames", "run"]


@dataclass(frozen=True)
class SartmConfig:
    """What is trained on what.

    Attributes:
        size: Which network, see `thermoscope.models.sartm.SIZES`, or ``"tiny"``.
        backbone: Trunk by name or folder; the size's own if empty.
        source: See `named_backbone`.
        tag: The weights are called ``<size>.<tag>``; without a tag, as the size.
        lora_rank: Of the updates in the trunk, 0 = none; the size's own if None.
        lora_alpha: Their strength; the rank if None.
        lora_shared: One update for both modalities.
        start: Weights to begin with, of the same size; what depends on the classes is fresh where
            the classes are others. Empty = fresh.
        inputs: What is learned from: both pictures, or the thermal one alone.
        head: Which head answers; both are trained.
        answer: See `Sartm`.
        text_encoder: That turns class names to vectors; empty = none: no words are used.
        temperature: Of relations and prototypes.
        weights: Of the losses.
        terms: Losses of classes.
        train: Pairs to learn from.
        draw: So many of them, drawn by the loop's seed; 0 = all.
        val: Pairs to score at the end.
        score: Whether that is done.
        unseen: Classes of the data that are not learned: their pixels count for nothing. With some,
            nothing is scored at the end, because the heads cannot answer with all classes; words
            can, see `evaluate_segmentation`.
        size_px: Height and width that pairs are scaled to; None = as they are.
        crop_px: Of a training view.
        longest_px: See `Sartm`; the longer side of `crop_px` if None.
        loss_stride: Classes are compared at each so many-th pixel.
        augmentation: Random changes.
        keep_features: See `PairFrames`.
        loop: Steps, optimiser, devices.
        adapt: Second stage, on real pairs without labels.
    """

    size: str = "sartm_small"
    backbone: str = ""
    source: str | None = None
    tag: str = ""
    lora_rank: int | None = None
    lora_alpha: float | None = None
    lora_shared: bool = True
    start: str = ""
    inputs: Literal["rgb_thermal", "thermal"] = "rgb_thermal"
    head: Head = "mean"
    answer: Answer = "fused"
    text_encoder: str = "minilm"
    temperature: float = 0.1
    weights: LossWeights = field(default_factory=LossWeights)
    terms: tuple[SegmentationTerm, ...] = ("dice", "cross_entropy")
    train: FrameChoice = field(
        default_factory=lambda: FrameChoice(rendered=800, taxonomy="mfnet", colour=True)
    )
    draw: int = 0
    val: FrameChoice = field(
        default_factory=lambda: FrameChoice(
            split="val", rendered=100, taxonomy="mfnet", colour=True
        )
    )
    score: bool = True
    unseen: tuple[str, ...] = ()
    size_px: tuple[int, int] | None = (256, 320)
    crop_px: tuple[int, int] = (240, 320)
    longest_px: int | None = None
    loss_stride: int = 2
    augmentation: PairAugmentation = field(default_factory=PairAugmentation)
    keep_features: bool = False
    loop: LoopConfig = field(default_factory=LoopConfig)
    adapt: AdaptConfig = field(default_factory=AdaptConfig)

    def __post_init__(self) -> None:
        check_positive(self.loss_stride, name="loss_stride")
        if self.size not in SIZES and self.size != "tiny":
            raise ConfigError(
                f"size must be 'tiny' or one of {', '.join(SIZES)}, got {self.size!r}."
            )

        if self.adapt.steps and self.inputs == "thermal":
            raise ConfigError("adapting takes pairs: leave --adapt.steps at 0 for thermal alone.")

    @property
    def name(self) -> str:
        """Of the weights."""
        return f"{self.size}.{self.tag}" if self.tag else self.size


CLASS_BOUND = ("prototypes.", "fpn.classify.", "decoder.class_tokens", "decoder.weigh.")
_TINY_SCENES = FrameChoice(
    rendered=4, preset="tiny", environments=("indoor",), taxonomy="fine", colour=True
)
_SMALL = SartmConfig(
    loop=LoopConfig(
        steps=1200,
        batch_size=8,
        learning_rate=1e-3,
        weight_decay=0.01,
        warmup_steps=60,
        precision="bf16-mixed",
    ),
)
_CACHED = SartmConfig(  # a step costs as much as the heads: for comparing many settings
    size_px=(240, 320),
    keep_features=True,
    augmentation=PairAugmentation(
        scale=(1.0, 1.0),
        colour=0,
        blur=0,
        dark=0,
        thermal=Augmentation(brightness=0, contrast=0, gamma=0),
    ),
    loop=LoopConfig(
        steps=600, batch_size=8, learning_rate=1e-3, weight_decay=0.01, precision="bf16-mixed"
    ),
)
_UDDER = FrameChoice(data="buffalo_udder", root=Path("data"))
_HITUAV = FrameChoice(data="hituav", root=Path("data"))
_REAL = AdaptConfig(steps=300, pairs=(PairSource("msrs"), PairSource("roadscene")))
PRESETS: dict[str, SartmConfig] = {
    "small": _SMALL,
    "adapted": replace(_SMALL, adapt=_REAL),
    "fine": replace(
        _SMALL,
        tag="fine",
        train=replace(_SMALL.train, taxonomy="fine"),
        val=replace(_SMALL.val, taxonomy="fine"),
        adapt=_REAL,
    ),
    "cached": _CACHED,
    "udder": replace(
        _CACHED,
        tag="udder",
        inputs="thermal",
        text_encoder="",
        train=_UDDER,
        val=replace(_UDDER, split="val"),
        loop=replace(_CACHED.loop, steps=300, warmup_steps=30),
    ),
    "aerial": replace(
        _SMALL,
        tag="aerial",
        inputs="thermal",
        text_encoder="",
        start="sartm_small",
        train=_HITUAV,
        val=replace(_HITUAV, split="val"),
        size_px=None,
        crop_px=(320, 320),
        longest_px=640,  # people are 10 px wide at 640
        augmentation=PairAugmentation(
            scale=(0.6, 3.0),  # other heights and lenses: size must not tell people from cars
            rotation_deg=20.0,
            thermal=Augmentation(inversion=0.1),
        ),
        loop=replace(_SMALL.loop, steps=1500, learning_rate=3e-3, warmup_steps=100),
    ),
    "paper": SartmConfig(
        size="sartm_sam2_base_plus",
        head="decoder",
        text_encoder="clip_base",
        weights=LossWeights(1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0),
        terms=("cross_entropy",),
        train=FrameChoice(data="pst900", root=Path("data/pst900")),
        val=FrameChoice(data="pst900", root=Path("data/pst900"), split="test"),
        size_px=None,
        crop_px=(1280, 1280),
        loss_stride=1,
        augmentation=PairAugmentation(
            scale=(0.9, 3.5),  # a short side of 0.5 to 2 crops of 1280 px, of frames of 720 px
            colour=0.5,
            colour_share=0.2,
            blur=0.2,
            dark=0.0,
            thermal=Augmentation(brightness=0, contrast=0, gamma=0),
            rgb_missing=0.0,
            thermal_missing=0.0,
        ),
        loop=LoopConfig(
            steps=37_000,  # 500 epochs of 597 pairs, the last batch of each dropped
            batch_size=8,
            learning_rate=1e-4,
            weight_decay=0.01,
            warmup_steps=740,
            gradient_clip=0.0,
            seed=3407,
        ),
    ),
    "tiny": SartmConfig(
        size="tiny",
        text_encoder="",
        train=_TINY_SCENES,
        val=FrameChoice(
            split="val",
            rendered=2,
            preset="tiny",
            environments=("indoor",),
            taxonomy="fine",
            colour=True,
        ),
        size_px=(64, 80),
        crop_px=(48, 64),
        loop=LoopConfig(steps=10, batch_size=4, learning_rate=1e-2, warmup_steps=2, log_every=1),
    ),
}
_TINY_NETWORK: dict[str, Any] = {
    "encoder": "vit",
    "backbone": "tiny",
    "widths": [8, 16, 32],
    "hidden": 16,
    "decoder_mlp": 32,
    "lora_rank": 2,
}


def network_arguments(
    config: SartmConfig, classes: Sequence[str], text: NDArray[np.float32] | None
) -> dict[str, Any]:
    """Arguments of `build_sartm`, as plain values for the card."""
    chosen = dict(_TINY_NETWORK if config.size == "tiny" else SIZES[config.size])
    chosen |= {"backbone": config.backbone} if config.backbone else {}
    chosen |= {"source": config.source} if config.source else {}
    chosen |= {} if config.lora_rank is None else {"lora_rank": config.lora_rank}
    chosen |= {} if config.lora_alpha is None else {"lora_alpha": config.lora_alpha}
    longest = max(config.crop_px) if config.longest_px is None else config.longest_px
    text_width = text.shape[1] if text is not None and config.weights.text else 0
    return {
        **chosen,
        "classes": list(classes),
        "lora_shared": config.lora_shared,
        "head": config.head,
        "answer": config.answer,
        "inputs": ["thermal"] if config.inputs == "thermal" else list(ALL_INPUTS),
        "text_width": text_width,
        "text_encoder": config.text_encoder,
        "longest_px": longest,
    }


def text_table(
    config: SartmConfig, classes: Sequence[str], text: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    """(K, D) embeddings of the classes: those given, else of the config's encoder, else None."""
    if text is None and config.text_encoder and config.weights.words:
        text = load_text_table(classes, encoder=config.text_encoder)
    if text is not None and (text.ndim != 2 or len(text) != len(classes)):
        raise ShapeError(
            f"text must be ({len(classes)}, D), a vector a class, got {text.shape}.",
            actual_shape=text.shape,
        )
    return text


def start_from(model: Sartm, name: str) -> int:
    """Fill `model` with the weights called `name` where both have a tensor of that shape.

    Returns:
        Number of tensors filled.

    Raises:
        UnknownNameError: No such weights.
        ConfigError: They are no SARTM, or of another trunk.
    """
    other = load_model(name)
    if not isinstance(other, Sartm) or other.encoder.trunk_sha256 != model.encoder.trunk_sha256:
        raise ConfigError(
            f"{name!r} cannot be the start: it is no SARTM on the same trunk. Choose the size and "
            "the backbone that it was trained with."
        )
    mine = model.state_dict()
    left = () if other.classes == model.classes else CLASS_BOUND
    kept = {
        key: value
        for key, value in other.state_dict().items()
        if key in mine and mine[key].shape == value.shape and not key.startswith(left)
    }
    model.load_state_dict({**mine, **kept})
    return len(kept)


def drawn_frames(available: int, count: int, seed: int) -> list[int]:
    """Numbers of `count` frames of those available, rising; all of them if `count` is 0."""
    order = np.random.default_rng([seed, 7]).permutation(available)
    return sorted(order[: count or None].tolist())


def _pairs(config: SartmConfig, model: Sartm, data: LabelledFrames) -> Iterator[LabelledPair]:
    colour = config.inputs == "rgb_thermal"
    ids = _learned_ids(data.classes, config.unseen)
    for index in drawn_frames(len(data), config.draw, config.loop.seed):
        pair = labelled_pair(data[index], model, config.size_px, colour=colour)
        yield replace(pair, labels=ids[pair.labels]) if config.unseen else pair


def _learned_ids(classes: Sequence[str], unseen: Sequence[str]) -> NDArray[np.uint8]:
    """(256,) id among the learned classes of each id of the data; 255 for the others."""
    table = np.full(256, IGNORE_INDEX, np.uint8)
    learned = [i for i, name in enumerate(classes) if name not in unseen]
    table[learned] = np.arange(len(learned))
    return table


def run(
    config: SartmConfig,
    out: Path,
    *,
    text: NDArray[np.float32] | None = None,
    kept: KeptFeatures | None = None,
) -> FitResult:
    """Train, adapt if asked to, score, and write weights with their card into `out`.

    Args:
        config: What.
        out: Folder, made if absent.
        text: (K, D) embeddings of the class names; those of the config's encoder if None.
        kept: Features that earlier runs kept, see `PairFrames`; filled further.

    Raises:
        ConfigError: Data without class names, or settings that do not fit.
        UnknownNameError: No such backbone, data set, text encoder or unseen class.
        DatasetNotFoundError: The data is not where the config says.
        ReadError: SAM2 is not within reach.
        WriteError: `out` cannot be written.
    """
    data = open_frames(config.train, truth="labels")
    warn_of_findings(data)
    scored = config.score and not config.unseen
    val = open_frames(config.val, truth="labels") if scored else None
    if not data.classes:
        raise ConfigError(
            f"{config.train.data}: nobody says what the classes are. State --train.classes."
        )
    for name in config.unseen:
        if name not in data.classes:
            raise UnknownNameError("class", name, data.classes)
    warn_of_cuts(data, val)
    classes = [name for name in data.classes if name not in config.unseen]
    table = text_table(config, classes, text)
    arguments = network_arguments(config, classes, table)
    task = _task(config, arguments, data, table, kept)
    model = task.model
    make_folder(out)
    write_config(config, out / "config.yaml")
    if config.adapt.steps:
        fit(task, config.loop, out)
        task.val = val
        second = AdaptTask(config.adapt, task)
        result = fit(second, second.loop(config.loop), out / "adapt")
        model.load_state_dict(second.teacher.state_dict())
    else:
        task.val = val
        result = fit(task, config.loop, out)
    if first_process():
        write_weights(model, _card(config, model, arguments, result.scores, val), out)
    return result


def _task(
    config: SartmConfig,
    arguments: dict[str, Any],
    data: LabelledFrames,
    table: NDArray[np.float32] | None,
    kept: KeptFeatures | None,
) -> SartmTask:
    with seeded(config.loop.seed):
        model = build_sartm(**arguments)
    if config.start:
        start_from(model, config.start)
    frames = PairFrames(
        model,
        list(_pairs(config, model, data)),
        config.crop_px,
        augmentation=config.augmentation,
        keep_features=config.keep_features,
        seed=config.loop.seed,
        kept={} if kept is None else kept,
    )
    return SartmTask(
        model,
        frames,
        batch_size=config.loop.batch_size,
        weights=config.weights,
        terms=config.terms,
        temperature=config.temperature,
        loss_stride=config.loss_stride,
        text=None if table is None else torch.from_numpy(np.asarray(table, np.float32)),
    )


def _sources(config: SartmConfig, model: Sartm) -> tuple[TrainingSource, ...]:
    """Everything that the weights have seen, once."""
    below: WeightsCard | None = getattr(model.encoder.trunk, "card", None)
    found = [*sources_of([config.train], "segmentation")]
    if config.adapt.steps:
        real = [FrameChoice(p.data, p.root or Path(), count=1) for p in config.adapt.pairs]
        found += sources_of(real, "adaptation without labels")
    found += find_weights(config.start)[0].sources if config.start else ()
    return tuple(dict.fromkeys([*found, *(below.sources if below else ())]))


def _card(
    config: SartmConfig,
    model: Sartm,
    arguments: dict[str, Any],
    scores: dict[str, float],
    val: LabelledFrames | None,
) -> WeightsCard:
    trunk = model.encoder.trunk_sha256
    shown = "RGB-thermal pairs, or either alone," if len(model.inputs) > 1 else "thermal frames"
    return WeightsCard(
        name=config.name,
        model="sartm",
        text=f"Segmentation of {shown} into {len(model.classes)} classes.",
        licence="Apache-2.0",
        sha256=UNWRITTEN,
        input_spec=model.input_spec,
        sources=_sources(config, model),
        command=train_command("sartm", config, PRESETS, name=config.name),
        seed=config.loop.seed,
        scores={key: round(value, 4) for key, value in scores.items()},
        protocol=scored_on(val, "present"),
        arguments={**arguments, **({"backbone_sha256": trunk} if trunk else {})},
    )
