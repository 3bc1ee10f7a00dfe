"""Small thermal files whose values a person can check."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def scene(*, hot: int = 32015, at: tuple[int, int] = (20, 12)) -> np.ndarray:
    """48x64 counts of a slope with noise, 0.01 K a count: 20 degrees and a hot corner at (x, y)."""
    rows, columns = np.indices((48, 64))
    noise = np.random.default_rng(5).normal(0, 4, (48, 64))
    counts = 29315 + 3 * columns + 2 * rows + noise
    x, y = at
    counts[y : y + 6, x : x + 8] = hot + np.abs(noise[y : y + 6, x : x + 8])
    counts[y + 2, x + 3] = hot + 60
    return np.rint(counts).astype(np.uint16)


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """A 16-bit PNG of unknown scale; hottest pixel (23, 14) with 32075 counts."""
    path = tmp_path / "frame.png"
    Image.fromarray(scene()).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three frames; the object moves."""
    path = tmp_path / "flight"
    path.mkdir()
    for i in range(3):
        Image.fromarray(scene(at=(10 + 6 * i, 12))).save(path / f"f{i}.png")
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A file that is no image."""
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nthis is not one")
    return path
