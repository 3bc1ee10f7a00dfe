"""Train a stereo network on rendered pairs, pairs of real texture, and a teacher's answers.

    thermoscope train thermostereort --preset fast --out runs/fast
    thermoscope train thermostereort --preset teacher --out runs/teacher

Presets: ``fast`` and ``base`` made the shipped weights, the former trains ``fast_first`` before,
the latter grows out of the former; ``own`` adapts ``fast`` to a recording of your own;
``teacher`` is the iterating network that can teach the others; ``sparse`` learns from 4 % of the
pixels, as of a lidar; ``tiny`` runs in seconds.
What is NOT here: the presets and their settings (`thermoscope.recipes.stereo_settings`), the
network (`thermoscope.models.thermostereort`), pairs on disk (`thermoscope.recipes.stereo_store`).

Differs from the paper in: everything it does not state, which is most of its training.
Source: Hu et al., ThermoStereoRT, ICRA 2025, arXiv 2504.07418 (sparse truth, dense teacher).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from thermoscope.core.config import write_config
from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.core.files import data_folder, make_folder
from thermoscope.core.sample import Sample
from thermoscope.core.weights import (
    UNWRITTEN,
    TrainingSource,
    WeightsCard,
    find_weights,
    write_weights,
)
from thermoscope.data.catalogue import dataset_info
from thermoscope.data.stereo_augment import (
    StereoPairViews,
    augment,
    crop,
)
from thermoscope.engine.loop import Batch, FitResult, Gather, first_process, fit
from thermoscope.losses.stereo import (
    bin_cross_entropy,
    bin_targets,
    distillation_masks,
    stereo_losses,
)
from thermoscope.metrics.stereo import mean_stereo_scores, stereo_scores
from thermoscope.models.growth import grow_into
from thermoscope.models.load import load_model
from thermoscope.models.stereo_teacher import StereoTeacher
from thermoscope.models.thermostereort import (
    SIZES,
    STRIDE,
    Matching,
    ThermoStereoRT,
)
from thermoscope.recipes.stereo_settings import PRESETS, StereoConfig, StereoData
from thermoscope.recipes.stereo_sources import RealPairs, own_pairs, samples_of
from thermoscope.recipes.stereo_store import StereoStore, sparse_truth
from thermoscope.recipes.train_command import train_command
from thermoscope.synthetic.cache import fingerprint
from thermoscope.synthetic.dataset import RENDERER, Scenes
from thermoscope.synthetic.retexture import RETEXTURER, Retextured
from thermoscope.synthetic.scenes import ENVIRONMENTS

__all__ = ["PRESETS", "StereoConfig", "StereoData", "StereoTask", "run"]

OWN_SCORED = 16  # pairs of a recording
ALIKE_SHARPNESS = 16.0  # a cosine of 1 against 0 is then e^16


class StereoTask:
    """Batches, losses and scores of stereo.

    Args:
        config: What is trained.
        network: What is trained.
        stores: Pairs to learn from; one named twice comes twice as often.
        val: Pairs to score at the end; None = no score.
        own: Pairs of a recording that are not learned from; their views should agree better after
            training than before.
    """

    def __init__(
        self,
        config: StereoConfig,
        network: ThermoStereoRT,
        stores: list[StereoStore],
        val: StereoStore | None = None,
        own: Sequence[Sample] = (),
    ) -> None:
        self.module: torch.nn.Module = network
        self.config, self.network, self.stores, self.val = config, network, stores, val
        self.own = [own[i] for i in range(0, len(own), -(-len(own) // OWN_SCORED) or 1)]
        self.own_agree_before = agreement(network, self.own) if self.own else 0.0
        self.count = sum(len(store) for store in stores)
        self._order: tuple[int, np.ndarray] | None = None

    def parameter_groups(self) -> list[dict[str, Any]]:
        """All, at one rate."""
        return [{"params": list(self.network.parameters()), "lr_scale": 1.0}]

    def batch(self, step: int, rank: int, world_size: int) -> Batch:
        """Windows of changed pairs; each pair is seen once before any is seen again."""
        size, seed = self.config.loop.batch_size, self.config.loop.seed
        rows = []
        for number in range(step * size + rank, (step + 1) * size, world_size):
            rng = np.random.default_rng([seed, number, 0x5354])
            rows.append(_window(self._pair(number), rng, self.config))
        stacked = {k: np.stack([row[k] for row in rows])[:, None] for k in rows[0]}
        batch = {k: torch.from_numpy(v) for k, v in stacked.items()}
        ramp = min(1.0, (step + 1) / max(1, self.config.teacher_ramp))
        return {**batch, "teacher_weight": torch.tensor(self.config.teacher_weight * ramp)}

    def _pair(self, number: int) -> StereoPairViews:
        epoch, place = divmod(number, self.count)
        if self._order is None or self._order[0] != epoch:
            shuffled = np.random.default_rng([self.config.loop.seed, epoch]).permutation(self.count)
            self._order = (epoch, shuffled)
        index = int(self._order[1][place])
        for store in self.stores:
            if index < len(store):
                pair = store[index]
                break
            index -= len(store)
        if self.config.truth == "sparse" and store.rendered:
            share, rows = self.config.sparse_share, self.config.sparse_rows
            pair = sparse_truth(pair, share, seed=index, rows=rows)
        return pair

    def losses(self, batch: Batch, gather: Gather) -> dict[str, Tensor]:
        """Parts of the objective by name, and ``"loss"``, their weighted sum.

        Each process takes the mean over its own pairs; the mean of the gradients over processes is
        that of the whole batch.
        """
        found = self.network.compute(batch["left"], batch["right"])
        parts = stereo_losses(
            found.disparity,
            found.earlier,
            truth=batch["disparity"],
            valid=batch["valid"],
            teacher=batch.get("teacher"),
            taught=batch.get("taught"),
            teacher_weight=float(batch["teacher_weight"]),
            earlier_weight=self.config.earlier_weight,
        )
        bins, alike = self._bins(found, batch)
        return {
            "loss": parts.total + self.config.bin_weight * bins + self.config.alike_weight * alike,
            "truth": parts.truth,
            "teacher": parts.teacher,
            "earlier": parts.earlier,
            "bins": bins,
            "alike": alike,
        }

    def _bins(self, found: Matching, batch: Batch) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the distribution over bins, and of the bare correlation, nats.

        Truth and teacher are averaged apart, as in `stereo_losses`: the teacher is believed at the
        many easy pixels, and one mean over both would drown the few hard ones of a lidar.
        """
        known = batch["valid"]
        parts = [(1.0, batch["disparity"], known)]
        if "teacher" in batch:
            _, told = distillation_masks(known, batch["taught"])
            parts.append((float(batch["teacher_weight"]), batch["teacher"], told))
        bins, alike = found.logits.new_zeros(2)
        for weight, disparity, where in parts:
            targets, learned = bin_targets(
                disparity,
                where,
                bins=self.network.bins,
                stride=STRIDE,
                first_bin=self.network.first_bin,
                every_px=1 if self.config.truth == "sparse" else 2,
            )
            bins = bins + weight * bin_cross_entropy(found.logits, targets, learned)
            sharp = ALIKE_SHARPNESS * found.alike
            alike = alike + weight * bin_cross_entropy(sharp, targets, learned)
        return bins, alike

    def scores(self) -> dict[str, float]:
        """epe_px, bad_1 and bad_3 on the validation pairs, occluded pixels included.

        With a recording also own_agree and own_agree_before, see `agreement`.
        """
        self.network.eval()
        own: dict[str, float] = {}
        if self.own:
            before, after = self.own_agree_before, agreement(self.network, self.own)
            own = {"own_agree_before": before, "own_agree": after}
        if self.val is None:
            return own
        low, high = self.network.min_disparity_px, self.network.max_disparity_px
        found = []
        for index in range(len(self.val)):
            pair = self.val[index]
            inside = pair.valid & (pair.disparity >= low) & (pair.disparity < high)
            answer = self.network.predict(pair.left, pair.right).disparity
            found.append(stereo_scores(answer, pair.disparity, inside))
        mean = mean_stereo_scores(found)
        return {"epe_px": mean.epe_px, "bad_1": mean.bad_1, "bad_3": mean.bad_3, **own}


def agreement(network: ThermoStereoRT, pairs: Sequence[Sample]) -> float:
    """Mean share of the pixels of a pair at which left and right disparity agree within 1 px.

    It is no accuracy, but all there is without truth: a wrong answer rarely agrees with itself.
    """
    training = network.training
    network.eval()
    shares = []
    for sample in pairs:
        left, right = sample["counts"][0], sample["counts_right"][0]
        shares.append(network.predict(left, right, check_left_right=True).valid.mean())
    network.train(training)
    return float(np.mean(shares))


def _window(
    pair: StereoPairViews, rng: np.random.Generator, config: StereoConfig
) -> dict[str, np.ndarray]:
    """A changed window of a pair; what is outside the range of the network is not learned."""
    height, width = (min(a, b) for a, b in zip(config.crop_px, pair.left.shape, strict=True))
    if (height, width) != config.crop_px:
        raise ConfigError(
            f"pairs of {pair.left.shape} px are smaller than the window {config.crop_px}. "
            "Choose a smaller crop_px or a larger rig."
        )
    top = int(rng.integers(0, pair.left.shape[0] - height + 1))
    left = int(rng.integers(0, pair.left.shape[1] - width + 1))
    seen = augment(
        crop(pair, top=top, left=left, height=height, width=width), rng, config.augmentation
    )
    low, high = config.min_disparity_px, config.max_disparity_px

    def inside(disparity: np.ndarray) -> np.ndarray:
        return (disparity >= low) & (disparity < high)

    planes = {
        "left": seen.left,
        "right": seen.right,
        "disparity": seen.disparity,
        "valid": seen.valid & inside(seen.disparity),
    }
    if seen.teacher is not None and seen.taught is not None:
        planes |= {"teacher": seen.teacher, "taught": seen.taught & inside(seen.teacher)}
    elif config.teacher:  # in one batch with pairs that have one
        planes |= {"teacher": np.zeros_like(seen.disparity), "taught": np.zeros_like(seen.valid)}
    return {k: np.ascontiguousarray(v) for k, v in planes.items()}


# -- a run ----------------------------------------------------------------------------------------


def run(config: StereoConfig, out: Path) -> FitResult:
    """Make the pairs, train, score, and write weights with their card into `out`.

    Raises:
        ConfigError: Settings that do not fit.
        UnknownNameError: No such rig, environment, start, teacher, data set or preset.
        DatasetNotFoundError: Retextured pairs are wanted and there are no real frames, or a data
            set is not where the config says.
        ReadError: The teacher's weights are not where the config says, or a recording has no sound
            pair.
        WriteError: `out` cannot be written.
    """
    if config.teacher and config.truth == "dense" and not config.data.real:
        raise ConfigError(
            "rendered truth is dense and leaves the teacher nothing to say. Name a recording "
            "(--data.real.left and --data.real.right) or a data set (--data.real.data), choose "
            "--truth sparse, or leave --teacher empty."
        )
    network = _trained_before(config, out) if config.first else _network(config)
    stores, val = _stores(config, out)
    make_folder(out)
    write_config(config, out / "config.yaml")
    for store in [*stores, *([val] if val else [])]:
        store.fill(workers=config.data.workers)
    own = own_pairs(config.data.real, held_out=True)[0] if config.data.real.left else ()
    task = StereoTask(config, network, stores, val, own)
    result = fit(task, config.loop, out)
    if first_process():
        _write_weights(config, network, result, out)
    return result


def _before(config: StereoConfig, out: Path) -> StereoConfig:
    """The preset `config.first`, on the data folders, devices and seed of `config`.

    Raises:
        UnknownNameError: No such preset.
    """
    if config.first not in PRESETS:
        raise UnknownNameError("preset", config.first, PRESETS)
    before = PRESETS[config.first]
    here = {
        name: getattr(config.loop, name)
        for name in ("seed", "precision", "accelerator", "devices", "nodes", "strategy", "workers")
    }
    data = replace(
        before.data,
        retextured=before.data.retextured if config.data.retextured else 0,
        textures=config.data.textures,
        cache=config.data.cache or out / "pairs",
        workers=config.data.workers,
        val=0,
    )
    return replace(before, data=data, loop=replace(before.loop, **here))


def _trained_before(config: StereoConfig, out: Path) -> ThermoStereoRT:
    """The network of the preset `config.first`, trained in a folder of its own, to go on with."""
    before = _before(config, out)
    network = _network(before)
    if network.arguments != _network(config).arguments:
        raise ConfigError(
            f"preset {config.first!r} trains another network than {config.name} of "
            f"{config.min_disparity_px} to {config.max_disparity_px} px. Choose the same size, "
            "range and attention, or leave --first empty."
        )
    stores, _ = _stores(before, out)
    for store in stores:
        store.fill(workers=before.data.workers)
    fit(StereoTask(before, network, stores), before.loop, out / "first")
    return network.train()


def _network(config: StereoConfig) -> ThermoStereoRT:
    torch.manual_seed(config.loop.seed)
    network = SIZES[config.size](
        min_disparity_px=config.min_disparity_px,
        max_disparity_px=config.max_disparity_px,
        attention=config.attention,
    )
    if config.start is not None:
        grow_into(network, load_model(config.start, folder=config.start_folder))
    return network


def _stores(config: StereoConfig, out: Path) -> tuple[list[StereoStore], StereoStore | None]:
    data = config.data
    cache = data.cache or out / "pairs"
    places = data.environments or ENVIRONMENTS
    teacher, mark = None, ""
    if config.teacher:
        network = load_model(config.teacher, folder=config.teacher_folder)
        teacher, mark = StereoTeacher(network), f"teacher_{network.card.sha256[:12]}"

    def store(kind: str, samples: Any, settings: dict[str, Any], *, taught: bool) -> StereoStore:
        folder = cache / f"{kind}_{fingerprint(settings)}"
        told = teacher if taught else None
        return StereoStore(folder, samples, told, folder / mark, rendered=kind != "real")

    def scenes(split: str, count: int) -> Scenes:
        return Scenes(
            split=split,
            environment=places if split == "train" else tuple(dict.fromkeys(places)),
            seed=data.seed,
            preset=data.preset,
            count=count,
            frames_per_scene=data.frames_per_scene,
            colour="none",
        )

    about = {
        "renderer": RENDERER,
        "preset": data.preset,
        "environments": places,
        "frames_per_scene": data.frames_per_scene,
        "seed": data.seed,
    }
    found = []
    sparse = config.truth == "sparse"  # dense truth leaves a teacher nothing to say
    if data.scenes:
        found.append(store("scenes", scenes("train", data.scenes), about, taught=sparse))
    if data.retextured:
        found.append(_retextured(config, store, taught=sparse))
    if data.real:
        found += _real(data.real, store, sum(len(part) for part in found))
    val = store("val", scenes("val", data.val), about, taught=False) if data.val else None
    return found, val


def _retextured(config: StereoConfig, store: Any, *, taught: bool) -> StereoStore:
    data = config.data
    textures = data.textures or data_folder()
    if textures is None:
        raise ConfigError(
            "retextured pairs need real frames: set data.textures or THERMOSCOPE_DATA, "
            "or data.retextured to 0."
        )
    settings: dict[str, Any] = {
        "count": data.retextured,
        "seed": data.seed,
        "width": 640,
        "height": 256,
        "max_disparity_px": float(config.max_disparity_px) * 0.75,
        "sources": data.texture_sources,
    }
    about = {**settings, "version": RETEXTURER, "textures": str(Path(textures).resolve())}
    made: StereoStore = store("retextured", Retextured(textures, **settings), about, taught=taught)
    return made


def _real(chosen: RealPairs, store: Any, rendered: int) -> list[StereoStore]:
    """The store of these pairs, as often as their share asks for."""
    samples = samples_of(chosen)
    settings = {k: str(v) for k, v in vars(chosen).items() if k not in ("count", "share")}
    settings["pairs"] = str(len(samples))  # a recording that has grown is another one
    made: StereoStore = store("real", samples, settings, taught=True)
    return [made] * chosen.repeats(len(made), rendered)


def _sources(config: StereoConfig) -> tuple[TrainingSource, ...]:
    """Everything that the weights have seen, once: also what they began with, and what taught."""
    stages = [config, _before(config, Path())] if config.first else [config]
    found = [source for stage in stages for source in _shown(stage)]
    if config.start is not None:
        found += find_weights(config.start, folder=config.start_folder)[0].sources
    if config.teacher:
        card, _ = find_weights(config.teacher, folder=config.teacher_folder)
        found += [TrainingSource(config.teacher, card.licence, "distillation"), *card.sources]
    return tuple(dict.fromkeys(found))


def _shown(config: StereoConfig) -> list[TrainingSource]:
    data, found = config.data, []
    if data.scenes:
        found.append(TrainingSource("scenes", "Apache-2.0", "rendered stereo pairs"))
    if data.retextured:
        found += [
            TrainingSource(name, dataset_info(name).licence, "textures of pairs")
            for name in data.texture_sources
        ]
    if data.real.left is not None:
        found.append(TrainingSource("own", "unstated", "pairs without truth"))
    if data.real.data:
        licence = dataset_info(data.real.data).licence
        found.append(TrainingSource(data.real.data, licence, "pairs with truth"))
    return found


def _write_weights(
    config: StereoConfig, network: ThermoStereoRT, result: FitResult, out: Path
) -> None:
    data = config.data
    card = WeightsCard(
        name=config.name,
        model="thermostereort",
        text="Disparity of a rectified thermal stereo pair, with confidence.",
        licence="Apache-2.0",
        sha256=UNWRITTEN,
        input_spec=network.input_spec,
        sources=_sources(config),
        command=train_command("thermostereort", config, PRESETS, name=config.name),
        seed=config.loop.seed,
        scores=result.scores,
        protocol=(
            f"scenes val, rig {data.preset}, seed {data.seed}, {data.val} pairs, all known pixels "
            f"of {config.min_disparity_px} to {config.max_disparity_px} px, occluded ones included"
        ),
        arguments=network.arguments,
    )
    write_weights(network, card, out)
