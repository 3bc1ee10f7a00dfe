"""Train a place descriptor on the frozen backbone: a pooling that tells places apart.

    thermoscope train place_recognition --preset small --out runs/place

Presets: ``small`` is ours, which made the shipped pooling (32 clusters of 64 numbers, crops of two
bands that differ, revisits in every batch); ``pairs`` learns from two folders of your own
(``--train.0.places.root FOLDER --val.root FOLDER``); ``paper`` is AnyThermal's (64 clusters of 128
numbers, five data sets, whole pictures, Adam 1e-3, batches of 128 pairs of one data set); ``tiny``
runs in seconds. What is NOT here: the pooling (`thermoscope.layers.pooling`), mining
(`thermoscope.losses.triplet`), data (`thermoscope.recipes.place_moments`).

Source: Maheshwari et al., AnyThermal, arXiv 2602.06203.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from thermoscope.core.config import write_config
from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.core.files import make_folder
from thermoscope.core.weights import UNWRITTEN, TrainingSource, WeightsCard, write_weights
from thermoscope.data.catalogue import dataset_info
from thermoscope.engine.evaluate_retrieval import evaluate_retrieval, protocol_for
from thermoscope.engine.loop import Batch, FitResult, Gather, LoopConfig, first_process, fit
from thermoscope.engine.place_views import PlaceChoice
from thermoscope.losses.triplet import triplet_margin_loss
from thermoscope.models.place import PlaceRecognizer, build
from thermoscope.recipes.pair_views import ViewConfig, random_view
from thermoscope.recipes.place_moments import Moments, PlaceSource, load_moments
from thermoscope.recipes.train_command import train_command

__all__ = ["PRESETS", "PlaceConfig", "PlaceTask", "run"]

UNCHANGED = ViewConfig(
    scale=(1.0, 1.0),
    aspect=1.0,
    flip=0.0,
    polarity=0.0,
    tone=0.0,
    blur=0.0,
    noise=0.0,
    darkness=0.0,
)


@dataclass(frozen=True)
class PlaceConfig:
    """What is trained on what.

    Attributes:
        backbone: Name for `load_model`; ``"tiny"`` is random, for tests.
        source: Where ``anythermal_base`` lies, see `load_model`.
        tag: The weights are called ``<backbone>.<tag>``.
        pooling: ``"salad"`` or ``"gem"``: those with something to learn.
        clusters: Of SALAD.
        dims: Numbers of a cluster.
        global_dims: Numbers of the class token.
        hidden: Width of the networks inside.
        layer: Block whose tokens are pooled.
        size_px: Height and width of the network's input.
        margin: Of the triplet loss.
        per_pair: Triplets of an anchor and a positive.
        hard_share: Share of the hardest among these; the others are semi-hard.
        temperature: Of that draw, see `mine_triplets`.
        revisit: Whether batches are filled with places that were visited twice.
        views: Crops and photometric changes; their size is `size_px`.
        variants: Views of each moment whose tokens are kept in memory, so that the backbone runs
            once for each; 0 = new views and the backbone in every step.
        train: What to learn from; a batch is of one source, all equally often.
        val: What to score at the end; not scored if `score` is off.
        score: Whether to score.
        loop: Steps, optimiser, devices; ``batch_size`` counts moments, of two pictures each.

    Raises:
        ConfigError: A pooling without weights, or nothing to learn from.
    """

    backbone: str = "anythermal_small"
    source: str | None = None
    tag: str = "place"
    pooling: Literal["salad", "gem"] = "salad"
    clusters: int = 32
    dims: int = 64
    global_dims: int = 128
    hidden: int = 256
    layer: int = -1
    size_px: tuple[int, int] = (224, 224)
    margin: float = 0.15
    per_pair: int = 10
    hard_share: float = 0.85
    temperature: float = 10.0
    revisit: bool = True
    views: ViewConfig = field(default_factory=lambda: ViewConfig(scale=(0.5, 1.0), misalign=0.15))
    variants: int = 4
    train: tuple[PlaceSource, ...] = ()
    val: PlaceChoice = field(default_factory=lambda: PlaceChoice(count=96))
    score: bool = True
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        if self.pooling not in ("salad", "gem"):
            raise ConfigError(
                f"pooling {self.pooling!r} has nothing to learn. Choose salad or gem."
            )
        if not self.train:
            raise ConfigError("train is empty: name at least one source.")
        if self.variants < 0:
            raise ConfigError(f"variants must be 0 or more, got {self.variants}.")


def _paper_source(data: str, rule: Literal["metres", "frames"], *radii: float) -> PlaceSource:
    choice = PlaceChoice(data=data, root=Path("data") / data, split="train")
    return PlaceSource(choice, rule, *radii)


_LOOPS = PlaceChoice(split="train", count=192, preset="small")
_PAIRS = PlaceChoice(data="msrs,roadscene", split="train")
PRESETS: dict[str, PlaceConfig] = {
    "small": PlaceConfig(
        train=(PlaceSource(_LOOPS, "metres", 5.0, 10.0), PlaceSource(_PAIRS)),
        loop=LoopConfig(
            steps=600,
            batch_size=32,
            optimizer="adamw",
            learning_rate=5e-4,
            weight_decay=1e-3,
            warmup_steps=30,
        ),
    ),
    "pairs": PlaceConfig(
        train=(PlaceSource(PlaceChoice(data="pairs", root=Path("data/pairs"), split="train")),),
        val=PlaceChoice(data="pairs", root=Path("data/pairs")),
        loop=LoopConfig(steps=300, batch_size=32, learning_rate=5e-4, weight_decay=1e-3),
    ),
    "paper": PlaceConfig(
        backbone="anythermal_base",
        clusters=64,
        dims=128,
        global_dims=256,
        hidden=512,
        size_px=(224, 294),
        revisit=False,
        views=UNCHANGED,
        variants=0,
        train=(
            _paper_source("boson_night", "metres", 35, 50, 100),
            _paper_source("vivid", "metres", 15, 25, 40),
            _paper_source("sthereo", "metres", 15, 25, 50),
            _paper_source("freiburg", "frames", 1, 2, 5),
            _paper_source("tartanrgbt", "frames", 1, 2, 5),
        ),
        val=PlaceChoice(data="ms2", root=Path("data/ms2")),
        loop=LoopConfig(
            steps=10_000,
            batch_size=128,
            optimizer="adam",
            learning_rate=1e-3,
            weight_decay=1e-3,
            schedule="constant",
            warmup_steps=0,
            gradient_clip=0.0,
        ),
    ),
    "tiny": PlaceConfig(
        backbone="tiny",
        clusters=4,
        dims=4,
        global_dims=4,
        hidden=8,
        size_px=(28, 42),
        variants=1,
        train=(
            PlaceSource(
                PlaceChoice(
                    split="train",
                    count=4,
                    frames_per_scene=4,
                    preset="tiny",
                    environments=("indoor",),
                ),
                "metres",
                1.0,
                2.0,
            ),
        ),
        val=PlaceChoice(count=3, frames_per_scene=3, preset="tiny", environments=("indoor",)),
        loop=LoopConfig(steps=4, batch_size=4, warmup_steps=1, log_every=1),
    ),
}


class PlaceTask:
    """Batches, losses and scores.

    Args:
        config: What is trained.
        model: Its pooling is trained.
        sources: Moments, in memory.

    Raises:
        ConfigError: A source with fewer than two moments.
    """

    def __init__(self, config: PlaceConfig, model: PlaceRecognizer, sources: list[Moments]) -> None:
        if not sources or min(map(len, sources)) < 2:
            raise ConfigError("a source of places needs at least two moments.")
        self.module: nn.Module = model
        self.config, self.model, self.sources = config, model, sources
        self.views = replace(config.views, size_px=config.size_px)
        spec = model.input_spec
        self.mean = torch.tensor(spec.mean).view(-1, 1, 1)
        self.std = torch.tensor(spec.std).view(-1, 1, 1)
        self._tokens: dict[tuple[int, int, int], tuple[Tensor, Tensor]] = {}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The pooling, at one rate."""
        return [{"params": list(self.model.parameters()), "lr_scale": 1.0}]

    # -- batches ---------------------------------------------------------------------------------

    def batch(self, step: int, rank: int, world_size: int) -> Batch:
        """This process's share of the moments of `step`: tokens, or images where none are kept."""
        config = self.config
        rng = np.random.default_rng([config.loop.seed, step, 3])
        source = int(rng.integers(len(self.sources)))
        size = config.loop.batch_size
        chosen = self.sources[source].draw(size, rng, revisit=config.revisit)
        variants = rng.integers(config.variants or 1, size=size).tolist()
        share = size // world_size
        mine = range(rank * share, (rank + 1) * share)
        fixed = {
            "step": torch.tensor(step),
            "source": torch.tensor(source),
            "moments": torch.tensor([chosen[place] for place in mine]),
        }
        if not config.variants:
            seeds = [[config.loop.seed, step, 4, place] for place in mine]
            images = [
                self._images(source, chosen[place], seed)
                for place, seed in zip(mine, seeds, strict=True)
            ]
            return {**fixed, "images": torch.stack(images)}
        kept = [self._kept(source, chosen[place], variants[place]) for place in mine]
        cls, grid = (torch.stack(part) for part in zip(*kept, strict=True))
        return {**fixed, "cls": cls, "grid": grid}

    def _images(self, source: int, moment: int, seed: list[int]) -> Tensor:
        """(2, 3, H, W) colour and thermal view, normalised."""
        views = random_view(
            self.sources[source].pairs[moment], self.views, np.random.default_rng(seed)
        )
        both = torch.from_numpy(np.stack((views.rgb, views.thermal)))
        return (both - self.mean) / self.std

    def _kept(self, source: int, moment: int, variant: int) -> tuple[Tensor, Tensor]:
        """Half-precision tokens of one view, made once."""
        key = source, moment, variant
        if key not in self._tokens:
            images = self._images(source, moment, [self.config.loop.seed, 5, *key])
            device = self.model.backbone.backbone.embeddings.cls_token.device
            cls, grid = self.model.tokens(images.to(device))
            self._tokens[key] = cls.half().cpu(), grid.half().cpu()
        return self._tokens[key]

    # -- losses ----------------------------------------------------------------------------------

    def losses(self, batch: Batch, gather: Gather) -> dict[str, Tensor]:
        """Triplet loss over the pictures of all processes, and how many triplets are active."""
        config = self.config
        if "images" in batch:
            cls, grid = self.model.tokens(batch["images"].flatten(0, 1))
        else:
            cls, grid = batch["cls"].flatten(0, 1).float(), batch["grid"].flatten(0, 1).float()
        descriptors = gather(self.model.pooling(cls, grid))
        moments = gather(batch["moments"].repeat_interleave(2))
        source = self.sources[int(batch["source"])]
        found = triplet_margin_loss(
            descriptors,
            source.relation(moments),
            margin=config.margin,
            per_pair=config.per_pair,
            hard_share=config.hard_share,
            temperature=config.temperature,
            generator=torch.Generator().manual_seed(config.loop.seed + 7919 * int(batch["step"])),
        )
        share = found.active / max(found.mined, 1)
        return {"loss": found.loss, "active_share": torch.tensor(share)}

    def scores(self) -> dict[str, float]:
        """Recalls on the validation places, thermal queries in a colour map."""
        if not self.config.score:
            return {}
        report = evaluate_retrieval(self.model, self.config.val)
        return {f"recall_at_{k}": value for k, value in report.rows[0].recall.items()}


def run(config: PlaceConfig, out: Path) -> FitResult:
    """Train, score, and write weights with their card into `out`.

    Raises:
        ConfigError: Settings that do not fit.
        UnknownNameError: No such backbone or data set.
        DatasetNotFoundError: The data is not where the config says.
        WriteError: `out` cannot be written.
    """
    arguments: dict[str, Any] = {
        "backbone": config.backbone,
        "pooling": config.pooling,
        "clusters": config.clusters,
        "dims": config.dims,
        "global_dims": config.global_dims,
        "hidden": config.hidden,
        "layer": config.layer,
        "size_px": list(config.size_px),
    }
    if config.source:
        arguments["source"] = config.source
    with torch.random.fork_rng():
        torch.manual_seed(config.loop.seed)
        model = build(**arguments)
    sources = [load_moments(source) for source in config.train]
    make_folder(out)
    write_config(config, out / "config.yaml")
    result = fit(PlaceTask(config, model, sources), config.loop, out)
    if first_process():
        write_weights(model, _card(config, model, result, arguments), out)
    return result


def _card(
    config: PlaceConfig, model: PlaceRecognizer, result: FitResult, arguments: dict[str, Any]
) -> WeightsCard:
    name = f"{config.backbone}.{config.tag}"
    below = model.backbone.card
    fixed = {} if below is None else {"backbone_sha256": below.sha256}
    scored = f"{config.val.data} {config.val.split}, protocol {protocol_for(config.val.data)!r}, "
    return WeightsCard(
        name=name,
        model="anythermal_place",
        text=f"Place descriptor of {model.dims} numbers for thermal and colour pictures.",
        licence="Apache-2.0",
        sha256=UNWRITTEN,
        input_spec=model.input_spec,
        sources=(*_sources(config), *(below.sources if below else ())),
        command=train_command("place_recognition", config, PRESETS, name=name),
        seed=config.loop.seed,
        scores={key: round(value, 4) for key, value in result.scores.items()},
        protocol=f"{scored}thermal query, colour map" if config.score else "not scored",
        arguments={**arguments, **fixed},
    )


def _sources(config: PlaceConfig) -> tuple[TrainingSource, ...]:
    names = {name for source in config.train for name in source.places.names}
    found = []
    for name in sorted(names):
        try:
            licence = dataset_info(name).licence
        except UnknownNameError:
            licence = "unstated"
        found.append(TrainingSource(name, licence, "place descriptor"))
    return tuple(found)
