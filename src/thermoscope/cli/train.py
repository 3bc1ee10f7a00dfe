"""``thermoscope train``: run a recipe."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from thermoscope.cli.arguments import print_json, print_table, warn
from thermoscope.core.errors import ThermoscopeWarning
from thermoscope.core.files import check_folder
from thermoscope.recipes.catalogue import RECIPES, Recipe, load_recipe

__all__ = ["Arguments", "main", "parsed"]


@dataclass(frozen=True)
class Arguments:
    """Run a recipe: a paper's training, on one CPU, one GPU or several machines.

    Every field of the recipe's config is a flag: thermoscope train RECIPE --help lists them. The
    same command again goes on where it stopped.
    """

    out: Path
    """Folder for log, checkpoint, weights and card."""
    preset: str | None = None
    """Named config of the recipe."""
    config: Path | None = None
    """YAML file with a config; a run writes its own as config.yaml."""
    json: bool = False
    """Print the result as JSON."""


def main(words: Sequence[str]) -> int:
    """Run the verb."""
    if not words or words[0] in ("-h", "--help"):
        print(help_text())
        return 0
    recipe = load_recipe(words[0])
    arguments, config = parsed(recipe, words[1:])
    check_folder(arguments.out)  # before minutes of work
    with warnings.catch_warnings():
        warnings.showwarning = _in_one_line(warnings.showwarning)
        result = recipe.run(config, arguments.out)
    summary = {"steps": result.steps, "seconds": round(result.seconds, 1), **result.scores}
    if arguments.json:
        print_json({"recipe": recipe.name, "out": str(arguments.out), **summary})
    else:
        print_table(list(summary), [[_short(v) for v in summary.values()]])
        print(f"log, weights and card are in {arguments.out}")
    return 0


def parsed(recipe: Recipe, words: Sequence[str]) -> tuple[Arguments, Any]:
    """What the words after the recipe's name say: where and how to run, and the recipe's config."""
    asks_help = bool({"-h", "--help"} & set(words))
    plain = [w for w in words if w not in ("-h", "--help")]
    if asks_help:
        plain = [*plain, "--out", "."]
    flags = (tyro.conf.FlagCreatePairsOff,)
    arguments, rest = tyro.cli(
        Arguments,
        args=plain,
        prog=f"thermoscope train {recipe.name}",
        config=flags,
        return_unknown_args=True,
    )
    default = recipe.config(arguments.preset, arguments.config)
    kind: type = type(default)
    config = tyro.cli(
        kind,
        args=[*rest, *(["--help"] if asks_help else [])],
        default=default,
        prog=f"thermoscope train {recipe.name} --out OUT",
        config=flags,
        description=f"Makes {RECIPES[recipe.name]}. Besides the options below: --out DIR "
        "(needed), --preset NAME, --config FILE, --json. Presets: "
        f"{', '.join(recipe.presets)}.",
    )
    return arguments, config


def _in_one_line(usual: Callable[..., None]) -> Callable[..., None]:
    """Shows our own warnings as the verbs' lines, and others as usual."""

    def show(message: Warning | str, category: type[Warning], *rest: Any, **more: Any) -> None:
        if issubclass(category, ThermoscopeWarning):
            warn(str(message))
        else:
            usual(message, category, *rest, **more)

    return show


def _short(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"


def help_text() -> str:
    """The text of ``thermoscope train --help``."""
    rows = "\n".join(f"  {name:<20} {text}" for name, text in RECIPES.items())
    return (
        "usage: thermoscope train RECIPE --out DIR [--preset NAME] [--config FILE] [options]\n\n"
        f"Recipes:\n{rows}\n\n"
        "thermoscope train RECIPE --help lists the presets and every option of a recipe."
    )
