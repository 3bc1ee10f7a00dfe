"""The command that trains a config again, for its card: a preset and the options that differ.

What is NOT here: parsing that command (`thermoscope.cli.train`).
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["train_command"]

UNSTATED = frozenset(  # how a run is executed, and not what comes out
    {"devices", "nodes", "accelerator", "strategy", "workers", "cache"}
    | {"log_every", "checkpoint_every"}
)


def train_command(recipe: str, config: Any, presets: Mapping[str, Any], *, name: str) -> str:
    """``thermoscope train`` with the preset that is nearest and every option that differs from it.

    Options that change how a run is executed and not what comes out, such as where finished scenes
    are kept, are left out. A folder is named by its last part: where it lay on one machine says
    nothing on another. A config that flags cannot say (another number of data sets than the preset
    has) is asked for as ``config.yaml``, which lies beside the weights.

    Args:
        recipe: Name in ``thermoscope train``.
        config: What ran.
        presets: The recipe's, of the same class.
        name: Of the weights.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Options:
        ...     steps: int = 10
        ...     seed: int = 0
        >>> presets = {"small": Options(), "paper": Options(steps=900)}
        >>> train_command("depth", Options(steps=900, seed=3), presets, name="mine")
        'thermoscope train depth --preset paper --seed 3 --out runs/mine'
    """
    found = {preset: _flags(config, default, "") for preset, default in presets.items()}
    sayable = {preset: flags for preset, flags in found.items() if flags is not None}
    words = ["--config", "config.yaml"]
    if sayable:
        preset = min(sayable, key=lambda key: len(sayable[key]))
        words = ["--preset", preset, *(word for flag in sayable[preset] for word in flag)]
    return shlex.join(["thermoscope", "train", recipe, *words, "--out", f"runs/{name}"])


def _flags(value: Any, default: Any, prefix: str) -> list[list[str]] | None:
    """A flag with its values for every option that differs; None where flags cannot say it."""
    parts = _parts(value, default)
    if parts is None:
        return None
    flags: list[list[str]] = []
    for key, inner, other in parts:
        rendered_cache = key == "root" and getattr(value, "data", "") == "scenes"
        if inner == other or key in UNSTATED or rendered_cache:
            continue
        path = f"{prefix}{key}"
        nested = _is_nested(inner) or _is_nested(other)
        more = _flags(inner, other, f"{path}.") if nested else [_flag(path, inner)]
        if more is None:
            return None
        flags += more
    return flags


def _parts(value: Any, default: Any) -> list[tuple[str, Any, Any]] | None:
    """Fields of two dataclasses of one class, or items of two tuples of one length, by name."""
    if isinstance(value, tuple) and isinstance(default, tuple) and len(value) == len(default):
        both = zip(value, default, strict=True)
        return [(str(i), mine, other) for i, (mine, other) in enumerate(both)]
    if type(value) is not type(default) or not dataclasses.is_dataclass(value):
        return None
    names = [field.name for field in dataclasses.fields(value)]
    return [(name, getattr(value, name), getattr(default, name)) for name in names]


def _is_nested(value: Any) -> bool:
    """A dataclass, or a tuple of them."""
    items = value if isinstance(value, tuple) else (value,)
    return any(dataclasses.is_dataclass(item) for item in items)


def _flag(path: str, value: Any) -> list[str]:
    name = f"--{path.replace('_', '-')}"
    if isinstance(value, bool):
        head, _, last = name[2:].rpartition(".")
        return [name] if value else [f"--{head + '.' if head else ''}no-{last}"]
    return [name, *map(_word, value if isinstance(value, (tuple, list)) else (value,))]


def _word(value: Any) -> str:
    if isinstance(value, Path):
        return value.name if value.is_absolute() else str(value)
    return str(value)
