"""Rows that a benchmark keeps as lines of JSON, and cells of the tables made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def kept_rows(path: Path) -> list[dict[str, Any]]:
    """What was measured so far; nothing where there is no file yet."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def mean_and_range(values: Sequence[float], digits: int = 1) -> str:
    """The mean, and smallest and largest where there are several.

    Example:
        >>> mean_and_range([1.0, 2.0]), mean_and_range([2.0], 2)
        ('1.5 (1.0 to 2.0)', '2.00')
    """
    mean = f"{np.mean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def seeds_table(
    rows: Mapping[str, Sequence[Mapping[str, float]]],
    columns: Mapping[str, str],
    *,
    of: str,
    factor: float = 1.0,
) -> str:
    """Markdown: a line for each name, with mean and range over its seeds.

    Args:
        rows: Name to the scores of each seed; names without any are left out.
        columns: Key in the scores to the words above the column; ``-`` where a score is missing.
        of: Words above the names.
        factor: On every score; 100 for shares.

    Example:
        >>> print(seeds_table({"a": [{"x": 0.5}]}, {"x": "hit"}, of="arm", factor=100))
        | arm | seeds | hit |
        |---|---|---|
        | a | 1 | 50.0 |
    """
    lines = [
        f"| {of} | seeds | {' | '.join(columns.values())} |",
        "|---" * (2 + len(columns)) + "|",
    ]
    for name, found in rows.items():
        cells = [
            mean_and_range([factor * scores[key] for scores in found]) if key in found[0] else "-"
            for key in columns
            if found
        ]
        lines += [f"| {name} | {len(found)} | {' | '.join(cells)} |"] if cells else []
    return "\n".join(lines)
