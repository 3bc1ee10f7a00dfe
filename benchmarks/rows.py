"""Rows that a benchmark keeps as lines of JSON, and cells of the tables made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
