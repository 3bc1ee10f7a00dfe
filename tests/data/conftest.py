"""A writer of small true files, for readers' fakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

Save = Callable[..., Path]


@pytest.fixture
def save() -> Save:
    """``save(path, array)`` or ``save(path, shape=(4, 6), value=7, dtype="uint16")``."""

    def write(path, array=None, *, shape=(4, 6), value=0, dtype="uint8"):
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = np.full(shape, value, dtype) if array is None else array
        assert cv2.imwrite(str(path), picture)
        return path

    return write
