"""One training loop for every recipe: CPU, GPU, several processes or machines, exact resume.

A recipe is a `Task`: a network, batches by step number, losses. Because a batch depends on nothing
but the step, a run that was killed and started again is bit-equal to one that was not, and several
processes see together what one would see alone. Devices and precision are Lightning Fabric's.
What is NOT here: any paper, any data set.
"""

from __future__ import annotations

import json
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from lightning_fabric import Fabric, seed_everything
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from thermoscope.core.checks import check_positive
from thermoscope.core.config import config_to_dict
from thermoscope.core.errors import ConfigError, ThermoscopeWarning
from thermoscope.core.files import make_folder
from thermoscope.engine.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from thermoscope.engine.processor import emulates_bfloat16

__all__ = [
    "Batch",
    "FitResult",
    "Gather",
    "LoopConfig",
    "Task",
    "first_process",
    "fit",
    "learning_rate_at",
]

Batch = dict[str, Tensor]
Gather = Callable[[Tensor], Tensor]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True)
class LoopConfig:
    """How long, how fast, on what.

    Attributes:
        steps: Updates of the weights.
        batch_size: Samples an update sees, over all processes together.
        learning_rate: Highest one.
        weight_decay: Of the optimiser; norms, biases and other vectors are exempt.
        optimizer: Which one.
        schedule: ``"cosine"`` falls to 0 after the warm-up, ``"constant"`` stays.
        warmup_steps: Updates over which the rate rises linearly from 0.
        gradient_clip: Largest norm of the gradient, 0 for none.
        precision: ``"bf16-mixed"`` becomes ``"32-true"``, with a warning, on a CPU that would only
            emulate it.
        accelerator: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        devices: Processes on each machine.
        nodes: Machines.
        strategy: ``"auto"``, ``"ddp"``, ``"fsdp"``; ``"ddp"`` for several processes on CPU.
        seed: Of weights, batches and augmentation.
        workers: Processes that prepare batches, 0 for none.
        checkpoint_every: Steps between checkpoints, 0 for only the last.
        log_every: Steps between lines of the log.
    """

    steps: int = 1000
    batch_size: int = 16
    learning_rate: float = 1e-4
    weight_decay: float = 0.05
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_steps: int = 50
    gradient_clip: float = 1.0
    precision: Precision = "32-true"
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    seed: int = 0
    workers: int = 0
    checkpoint_every: int = 200
    log_every: int = 10

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "learning_rate", "devices", "nodes", "log_every"):
            check_positive(getattr(self, name), name=name)
        if self.batch_size % (self.devices * self.nodes):
            raise ConfigError(
                f"batch_size {self.batch_size} cannot be shared by {self.devices * self.nodes} "
                "processes. Choose a multiple."
            )


class Task(Protocol):
    """What a recipe brings.

    Attributes:
        module: The network and everything else with weights; those with ``requires_grad`` train.
    """

    module: nn.Module

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Dicts of ``params`` and ``lr_scale``, a factor on the learning rate."""
        ...

    def batch(self, step: int, rank: int, world_size: int) -> Batch:
        """What process `rank` of `world_size` sees at `step`; depends on nothing else."""
        ...

    def losses(self, batch: Batch, gather: Gather) -> dict[str, Tensor]:
        """Scalars by name; ``"loss"`` is minimised. `gather` joins all processes' rows."""
        ...

    def scores(self) -> dict[str, float]:
        """Validation after the last step, in the first process only."""
        ...


@dataclass
class FitResult:
    """What a run gave.

    Attributes:
        steps: Updates made, over all runs of the folder.
        history: The lines of the log, each with ``step`` and the losses.
        scores: The task's own, after the last step.
        seconds: Wall time of this call.
    """

    steps: int
    history: list[dict[str, float]] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


def learning_rate_at(step: int, config: LoopConfig) -> float:
    """Learning rate of update `step` (0-based).

    Example:
        >>> config = LoopConfig(steps=100, warmup_steps=10, learning_rate=1.0)
        >>> [round(learning_rate_at(s, config), 3) for s in (0, 9, 55, 99)]
        [0.1, 1.0, 0.5, 0.0]
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.learning_rate
    share = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def fit(task: Task, config: LoopConfig, out: str | Path, *, resume: bool = True) -> FitResult:
    """Train the task; the log and the checkpoint lie in `out`.

    Started by a launcher (``torchrun``, ``fabric run``) or with ``devices`` > 1, processes share
    the batch. A run that stopped goes on where its last checkpoint was, exactly.

    Args:
        task: The recipe.
        config: How.
        out: Folder for ``log.jsonl`` and ``checkpoint.pt``; made if absent.
        resume: Whether a checkpoint in `out` is continued. If not, it is an error that there is
            one.

    Raises:
        ConfigError: A checkpoint of other settings, or one is there and `resume` is off.
        WriteError: `out` cannot be written.
        ReadError: The checkpoint is damaged.
    """
    folder = make_folder(out)
    start_time = time.perf_counter()
    fabric = _fabric(config)
    fabric.launch()
    seed_everything(config.seed, verbose=False)
    run = _Run(task, config, folder, fabric)
    start = run.restore(resume=resume)
    history = run.train(start)
    scores = task.scores() if fabric.is_global_zero else {}
    return FitResult(config.steps, history, scores, time.perf_counter() - start_time)


def _fabric(config: LoopConfig) -> Fabric:
    several = config.devices * config.nodes > 1
    strategy = "ddp" if several and config.strategy == "auto" else config.strategy
    return Fabric(
        accelerator=config.accelerator,
        devices=config.devices,
        num_nodes=config.nodes,
        strategy=strategy,
        precision=_precision(config),
    )


def _precision(config: LoopConfig) -> Precision:
    on_cpu = config.accelerator == "cpu" or (
        config.accelerator == "auto" and not torch.accelerator.is_available()
    )
    if config.precision == "bf16-mixed" and on_cpu and emulates_bfloat16():
        warnings.warn(
            "this CPU has no instructions for bfloat16 and would take several times as long: "
            "training in float32.",
            ThermoscopeWarning,
            stacklevel=4,
        )
        return "32-true"
    return config.precision


def first_process() -> bool:
    """Whether this process writes what is written once."""
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    return not several or torch.distributed.get_rank() == 0


class _Batches(Dataset[Batch]):
    """Step number to batch, for the loader's worker processes."""

    def __init__(self, task: Task, rank: int, world_size: int, steps: int) -> None:
        self.task, self.rank, self.world_size, self.steps = task, rank, world_size, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        return self.task.batch(step, self.rank, self.world_size)


class _Losses(nn.Module):
    """The task's network behind `forward`, which is where DDP synchronises gradients."""

    def __init__(self, task: Task, gather: Gather) -> None:
        super().__init__()
        self.inner, self.task, self.gather = task.module, task, gather

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return self.task.losses(batch, self.gather)


class _Run:
    """One process's view of a training run."""

    def __init__(self, task: Task, config: LoopConfig, folder: Path, fabric: Fabric) -> None:
        self.task, self.config, self.folder, self.fabric = task, config, folder, fabric
        optimizer = _optimizer(task, config)
        wrapped = _Losses(task, self._gather)
        self.model, self.optimizer = fabric.setup(wrapped, optimizer)

    def _gather(self, rows: Tensor) -> Tensor:
        if self.fabric.world_size == 1:
            return rows
        joined = self.fabric.all_gather(rows, sync_grads=rows.is_floating_point())
        return joined.flatten(0, 1) if isinstance(joined, Tensor) else rows

    def restore(self, *, resume: bool) -> int:
        path = self.folder / "checkpoint.pt"
        if not path.is_file():
            return 0
        if not resume:
            raise ConfigError(f"{path} is there already. Choose another folder, or resume.")
        found = read_checkpoint(path, settings=self._settings())
        self.task.module.load_state_dict(found.weights)
        self.optimizer.load_state_dict(found.optimizer)
        torch.set_rng_state(found.random_state)
        return found.step

    def _settings(self) -> dict[str, Any]:
        """What must agree for a run to go on; where it runs may change."""
        free = {"accelerator", "devices", "nodes", "strategy", "workers"}
        free |= {"checkpoint_every", "log_every"}
        return {k: v for k, v in config_to_dict(self.config).items() if k not in free}

    def train(self, start: int) -> list[dict[str, float]]:
        self.model.train()
        history: list[dict[str, float]] = []
        clock = time.perf_counter()
        for step, batch in self._batches(start):
            losses = self._update(step, batch)
            last = step + 1 == self.config.steps
            if (step + 1) % self.config.log_every == 0 or last:
                row = {"step": float(step + 1), **self._means(losses)}
                row["seconds"] = time.perf_counter() - clock
                history.append(row)
                self._log(row)
            every = self.config.checkpoint_every
            if last or (every and (step + 1) % every == 0):
                self._save(step + 1)
        self.model.eval()
        return history

    def _batches(self, start: int) -> Iterator[tuple[int, Batch]]:
        config, fabric = self.config, self.fabric
        batches = _Batches(self.task, fabric.global_rank, fabric.world_size, config.steps)
        steps = range(start, config.steps)
        loader: DataLoader[Batch] = DataLoader(
            batches, batch_size=None, sampler=steps, num_workers=config.workers
        )
        for step, batch in zip(steps, loader, strict=True):
            yield step, fabric.to_device(batch)

    def _update(self, step: int, batch: Batch) -> dict[str, Tensor]:
        rate = learning_rate_at(step, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["lr_scale"]
        torch.manual_seed(hash((self.config.seed, step, self.fabric.global_rank)) % 2**63)
        losses: dict[str, Tensor] = self.model(batch)
        if not torch.isfinite(losses["loss"]):
            raise ConfigError(
                f"the loss is {losses['loss'].item()} at step {step}. Lower learning_rate, raise "
                "warmup_steps, or use precision='32-true'."
            )
        self.fabric.backward(losses["loss"])
        if self.config.gradient_clip:
            limit = self.config.gradient_clip
            self.fabric.clip_gradients(self.model, self.optimizer, max_norm=limit)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return {name: value.detach() for name, value in losses.items()}

    def _means(self, losses: dict[str, Tensor]) -> dict[str, float]:
        """Over all processes."""
        names = sorted(losses)
        values = torch.stack([losses[n].float().to(self.fabric.device) for n in names])
        joined = self.fabric.all_reduce(values, reduce_op="mean")
        means = joined if isinstance(joined, Tensor) else values
        return dict(zip(names, means.tolist(), strict=True))

    def _log(self, row: dict[str, float]) -> None:
        if not self.fabric.is_global_zero:
            return
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps({k: round(v, 6) for k, v in row.items()}) + "\n")

    def _save(self, step: int) -> None:
        if self.fabric.is_global_zero:
            state = Checkpoint(
                step=step,
                settings=self._settings(),
                weights=self.task.module.state_dict(),
                optimizer=self.optimizer.state_dict(),
                random_state=torch.get_rng_state(),
            )
            write_checkpoint(self.folder / "checkpoint.pt", state)
        self.fabric.barrier()


def _optimizer(task: Task, config: LoopConfig) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = []
    for group in task.parameter_groups():
        trained = [p for p in group["params"] if p.requires_grad]
        scale = float(group.get("lr_scale", 1.0))
        for decay, chosen in (
            (config.weight_decay, [p for p in trained if p.ndim > 1]),
            (0.0, [p for p in trained if p.ndim <= 1]),
        ):
            if chosen:
                groups.append({"params": chosen, "lr_scale": scale, "weight_decay": decay})
    if not groups:
        raise ConfigError("nothing to train: no parameter of the task requires a gradient.")
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.learning_rate)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.learning_rate)
