"""The state of a training run on disk: written whole or not at all, read without running code."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from thermoscope.core.errors import ConfigError, ReadError
from thermoscope.core.files import atomic_write

__all__ = ["Checkpoint", "read_checkpoint", "write_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """Everything a run needs to go on as if it had not stopped.

    Attributes:
        step: Updates made.
        settings: What the run must agree on, plain values.
        weights: Of the trained module.
        optimizer: Its state.
        random_state: Of torch's generator.
    """

    step: int
    settings: dict[str, Any]
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]
    random_state: Tensor


def write_checkpoint(path: str | Path, state: Checkpoint) -> None:
    """Replace `path` by `state`, atomically.

    Raises:
        WriteError: The file cannot be written; the old one is untouched.
    """
    values = {f.name: getattr(state, f.name) for f in fields(state)}
    with atomic_write(path) as stream:
        torch.save(values, stream)


def read_checkpoint(path: str | Path, *, settings: dict[str, Any] | None = None) -> Checkpoint:
    """The state in `path`.

    Args:
        path: Written by `write_checkpoint`.
        settings: Those of the run that wants to go on; not compared if None.

    Raises:
        ReadError: Not a checkpoint, or a damaged one.
        ConfigError: Settings differ; each is named.
    """
    try:
        values = torch.load(Path(path), map_location="cpu", weights_only=True)
        state = Checkpoint(**values)
    except Exception as err:  # torch raises half a dozen kinds for a bad file
        raise ReadError(
            f"{path} is not a checkpoint of this package ({type(err).__name__}). Remove it to "
            "start again.",
            path=Path(path),
        ) from err
    if settings is not None and settings != state.settings:
        names = sorted(settings.keys() | state.settings.keys())
        changed = [n for n in names if settings.get(n) != state.settings.get(n)]
        pairs = ", ".join(f"{n} {state.settings.get(n)!r} -> {settings.get(n)!r}" for n in changed)
        raise ConfigError(
            f"{path} is of a run with other settings ({pairs}). Use the same settings, or another "
            "folder."
        )
    return state
