"""Keeping what is expensive: built scenes in memory, finished samples on disk.

A built scene (meshes, ray-casting tree, path) serves many frames, so each process keeps the last
few. Samples go to disk as plain ``.npz`` (no pickle), written atomically, in a folder named by the
settings that made them: other settings never meet. What is NOT here: eviction on disk.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError
from thermoscope.core.files import atomic_write
from thermoscope.core.sample import FIELDS, Sample, check_sample

__all__ = ["Recent", "fingerprint", "load_sample", "save_sample"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_PLAIN: dict[str, Callable[[Any], Any]] = {"str": str, "int": int, "float": float, "bool": bool}


class Recent(Generic[K, V]):
    """The last few values of a slow function, least recently used out first.

    Args:
        make: The function.
        capacity: Values kept, >= 1.

    Raises:
        ConfigError: `capacity` is not positive.
    """

    def __init__(self, make: Callable[[K], V], capacity: int) -> None:
        check_positive(capacity, name="capacity")
        self._make, self._capacity = make, capacity
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __call__(self, key: K) -> V:
        """The value of `key`, made if it is not kept."""
        if key not in self._kept:
            while len(self._kept) >= self._capacity:  # room first: two big scenes at most
                self._kept.popitem(last=False)
            self._kept[key] = self._make(key)
        self._kept.move_to_end(key)
        return self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)


def fingerprint(settings: dict[str, Any]) -> str:
    """16 hex digits that change with any setting.

    Args:
        settings: Plain values, nested dicts and lists of them.
    """
    text = json.dumps(settings, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save_sample(path: Path, sample: Sample) -> None:
    """Write every key of a sample into one ``.npz``, all of it or nothing.

    Raises:
        WriteError: No space or no permission.
        UnknownNameError: A key is not of the contract; likewise its other errors.
    """
    check_sample(sample)
    data = io.BytesIO()
    planes: dict[str, Any] = {key: np.asarray(value) for key, value in sample.items()}
    np.savez(data, **planes)
    with atomic_write(path) as stream:
        stream.write(data.getbuffer())


def load_sample(path: Path) -> Sample:
    """The sample in a file of `save_sample`.

    Raises:
        DatasetNotFoundError: No such file.
        DatasetCorruptError: Not such a file, or a damaged one.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            sample = {key: _plain(key, stored[key]) for key in stored.files}
    except FileNotFoundError as err:
        raise DatasetNotFoundError(f"no sample {path}. Render it again.") from err
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as err:
        raise DatasetCorruptError(
            f"{path} is no sample: {err}. Delete it and render again."
        ) from err
    check_sample(sample)
    return sample  # type: ignore[return-value]


def _plain(key: str, value: np.ndarray) -> Any:
    field = FIELDS[key]
    return value if field.shape else _PLAIN[field.dtype](value.item())
