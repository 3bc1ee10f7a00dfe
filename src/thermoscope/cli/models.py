"""``thermoscope models``: networks that can be loaded, and what their cards say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table
from thermoscope.core.config import config_to_dict
from thermoscope.core.errors import ReadError
from thermoscope.core.weights import find_weights, list_weights

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """Networks that can be loaded; with a name, everything its card says."""

    name: Annotated[str | None, tyro.conf.Positional] = None
    """Name of the weights."""
    weights: Path | None = None
    """Folder with weights of your own; the bundled ones if not given."""
    json: bool = False
    """Print JSON."""


def main(words: Sequence[str]) -> int:
    """Run the verb."""
    arguments = parse(Arguments, words, verb="models")
    if arguments.name is not None:
        _show(arguments.name, arguments)
        return 0
    rows, found = [], list_weights(arguments.weights)
    if arguments.weights is not None and not found:
        raise ReadError(
            f"there are no weights in {arguments.weights}. Name the folder that a finished run "
            "wrote into.",
            path=arguments.weights,
        )
    for name in found:
        card, path = find_weights(name, folder=arguments.weights)
        megabytes = round(path.stat().st_size / 1e6, 1)
        rows.append({"name": name, "mb": megabytes, "licence": card.licence, "text": card.text})
    if arguments.json:
        print_json(rows)
        return 0
    from thermoscope.models.load import OUTSIDE

    table = [list(row.values()) for row in rows]
    table += [[name, None, None, f"{text}; bring the file"] for name, text in OUTSIDE.items()]
    print_table(("name", "MB", "licence", "what it does"), table)
    return 0


def _show(name: str, arguments: Arguments) -> None:
    card = config_to_dict(find_weights(name, folder=arguments.weights)[0])
    if arguments.json:
        print_json(card)
        return
    for key, value in card.items():
        lines = value if isinstance(value, list) else [value]
        for number, line in enumerate(lines):
            shown = line
            if isinstance(line, dict):
                shown = ", ".join(f"{k} {v}" for k, v in line.items())
            print(f"{key if number == 0 else '':<12} {shown}")
