"""Recipes by name: what ``thermoscope train`` knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from thermoscope.core.config import read_config
from thermoscope.core.errors import UnknownNameError
from thermoscope.engine.loop import FitResult

__all__ = ["RECIPES", "Recipe", "load_recipe"]

RECIPES: dict[str, str] = {  # name -> what it makes
    "distill_anythermal": "a thermal backbone from RGB-thermal pairs",
    "place_recognition": "a place descriptor on a frozen backbone",
    "segmentation": "a segmentation head on a frozen backbone",
    "depth": "a depth head on a frozen backbone",
    "thermostereort": "a stereo network",
    "sartm": "a segmenter of RGB-thermal pairs",
}


@dataclass(frozen=True)
class Recipe:
    """A recipe's parts.

    Attributes:
        name: As in `RECIPES`.
        presets: Named configs; the first is the default.
    """

    name: str
    presets: Mapping[str, Any]

    def config(self, preset: str | None = None, file: Path | None = None) -> Any:
        """The config in `file`, else the preset's.

        Raises:
            UnknownNameError: No such preset.
            ConfigError: A file that does not fit the recipe.
        """
        name = preset or next(iter(self.presets))
        if name not in self.presets:
            raise UnknownNameError(f"preset of {self.name}", name, self.presets)
        return read_config(type(self.presets[name]), file) if file else self.presets[name]

    def run(self, config: Any, out: Path) -> FitResult:
        """Train and write log, checkpoint, weights and card into `out`."""
        result: FitResult = import_module(f"thermoscope.recipes.{self.name}").run(config, out)
        return result


def load_recipe(name: str) -> Recipe:
    """The recipe called `name`.

    Raises:
        UnknownNameError: There is none.
    """
    if name not in RECIPES:
        raise UnknownNameError("recipe", name, RECIPES)
    return Recipe(name, import_module(f"thermoscope.recipes.{name}").PRESETS)
