"""Stereo pairs kept on disk for training: small files, read in any order by any process.

A pair is rendered once (`Scenes`), or made of a real texture and an exact disparity (`Retextured`),
and a teacher's answer is kept beside it. What is NOT here: losses and settings
(`thermoscope.recipes.thermostereort`), random changes (`thermoscope.data.stereo_augment`).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_in_range
from thermoscope.core.errors import DatasetCorruptError
from thermoscope.core.files import atomic_write
from thermoscope.core.sample import Sample
from thermoscope.data.stereo_augment import StereoPairViews
from thermoscope.models.stereo_teacher import PseudoLabels, StereoTeacher

__all__ = ["StereoStore", "pair_of", "sparse_truth"]

CHUNK = 16  # pairs a task: neighbours share a world
LEVELS_PER_PX = 128.0  # disparity is kept in 16 bit: steps of 1/128 px, up to 255 px


class _Samples(Protocol):
    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


@dataclass(frozen=True)
class StereoStore:
    """Pairs of one source, each in a file of its own under `folder`.

    Attributes:
        folder: Where the files are; made if absent.
        samples: Where a pair comes from that has no file yet.
        teacher: Adds its answers, kept in `teacher_folder`; None = no teacher.
        teacher_folder: Where they are; needs another one for another teacher.
        rendered: Whether the truth is dense, and may be made sparse.
    """

    folder: Path
    samples: _Samples
    teacher: StereoTeacher | None = None
    teacher_folder: Path | None = None
    rendered: bool = True

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> StereoPairViews:
        """Pair `index`, with the teacher's answer if there is a teacher.

        Raises:
            DatasetCorruptError: A damaged file.
            WriteError: The folder cannot be written.
        """
        path = self.folder / f"{index:06d}.npz"
        stored = _load(path) if path.is_file() else None
        if stored is None:
            stored = _packed(pair_of(self.samples[index]))
            _save(path, stored)
        pair = _unpacked(stored)
        if self.teacher is None:
            return pair
        return _with_labels(pair, self._labels(index, pair))

    def _labels(self, index: int, pair: StereoPairViews) -> PseudoLabels:
        folder = self.teacher_folder or self.folder / "teacher"
        path = folder / f"{index:06d}.npz"
        if path.is_file():
            found = _load(path)
            return PseudoLabels(
                _px(found["disparity"]),
                found["valid"],
                _px(found["disparity_right"]),
                found["valid_right"],
            )
        if self.teacher is None:
            raise DatasetCorruptError(f"{path} is missing. Make it with a teacher.")
        labels = self.teacher.labels(pair.left, pair.right)
        planes = {
            "disparity": _levels(labels.disparity),
            "valid": labels.valid,
            "disparity_right": _levels(labels.disparity_right),
            "valid_right": labels.valid_right,
        }
        _save(path, planes)
        return labels

    def fill(self, progress: Callable[[int], None] | None = None, *, workers: int = 0) -> None:
        """Make every file that is missing, in order.

        Args:
            progress: Called with the number of pairs that are there.
            workers: Processes that make pairs beside this one; the teacher answers here.
        """
        if workers:
            self._fill_in(workers)
        for index in range(len(self)):
            if not self._complete(index):
                self[index]
            if progress is not None:
                progress(index + 1)

    def _fill_in(self, workers: int) -> None:
        plain = replace(self, teacher=None)
        missing = [i for i in range(len(self)) if not plain._complete(i)]
        parts = [missing[i : i + CHUNK] for i in range(0, len(missing), CHUNK)]
        # Fresh processes: one that is forked from here may hang in the threads of the networks.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for done in [pool.submit(_make, plain, part) for part in parts]:
                done.result()

    def _complete(self, index: int) -> bool:
        name = f"{index:06d}.npz"
        taught = self.teacher_folder or self.folder / "teacher"
        has_labels = self.teacher is None or (taught / name).is_file()
        return has_labels and (self.folder / name).is_file()


def _make(store: StereoStore, indices: list[int]) -> None:
    for index in indices:
        store[index]


def pair_of(sample: Sample) -> StereoPairViews:
    """The pair in a sample of counts, counts_right, disparity and disparity_right.

    Without the last, the truth of the right view is that of the left one moved to where it is seen,
    the nearest of several first.

    Raises:
        DatasetCorruptError: The sample lacks one of the views or the disparity.
    """
    for key in ("counts", "counts_right", "disparity"):
        if key not in sample:
            raise DatasetCorruptError(
                f"sample {sample.get('name', '')!r} has no {key}: not a stereo pair with truth."
            )
    disparity = np.asarray(sample["disparity"][0], np.float32)
    valid = np.asarray(sample["valid"][0]) & np.isfinite(disparity)
    right = sample.get("disparity_right")
    other = _seen_right(disparity, valid) if right is None else np.asarray(right[0], np.float32)
    return StereoPairViews(
        left=sample["counts"][0].astype(np.float32),
        right=sample["counts_right"][0].astype(np.float32),
        disparity=np.where(valid, disparity, 0).astype(np.float32),
        valid=valid,
        disparity_right=np.nan_to_num(other, posinf=0, neginf=0),
        valid_right=np.isfinite(other),
    )


def _seen_right(disparity: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(H, W) disparity of the right view where the left one knows it, inf elsewhere."""
    y, x = np.nonzero(valid)
    order = np.argsort(disparity[y, x], kind="stable")  # the nearest comes last and stays
    y, x = y[order], x[order]
    x_right = np.rint(x - disparity[y, x]).astype(np.intp)
    inside = (x_right >= 0) & (x_right < disparity.shape[1])
    found = np.full(disparity.shape, np.inf, np.float32)
    found[y[inside], x_right[inside]] = disparity[y[inside], x[inside]]
    return found


def sparse_truth(
    pair: StereoPairViews, share: float, *, seed: int, rows: float = 1.0
) -> StereoPairViews:
    """The pair with its truth on a few scan lines only, as a spinning lidar would leave it.

    The same points are kept in both views; a teacher's answer stays dense. The same seed keeps the
    same points.

    Args:
        pair: With dense truth.
        share: Of the pixels that the beams reach, in (0, 1].
        seed: Of the points.
        rows: Share of the rows, from the lowest up, that the beams reach.

    Raises:
        ConfigError: `share` or `rows` is out of range.
    """
    check_in_range(share, 1e-4, 1, name="share")
    check_in_range(rows, 1e-4, 1, name="rows")
    height, width = pair.left.shape
    rng = np.random.default_rng([seed, 0x5350])
    every = max(1, round(np.sqrt(1 / share) * 0.7))  # rows are sparser than points along them
    kept = np.zeros((height, width), bool)
    lines = np.arange(int(rng.integers(every)), height, every)
    kept[lines] = rng.random((len(lines), width)) < min(1.0, share * every)
    kept[: round((1 - rows) * height)] = False
    valid = pair.valid & kept
    right, valid_right = pair.disparity_right, pair.valid_right
    if right is not None and valid_right is not None:
        y, x = np.nonzero(valid)
        x_right = np.rint(x - pair.disparity[y, x]).astype(np.intp)
        inside = (x_right >= 0) & (x_right < width)
        y, x, x_right = y[inside], x[inside], x_right[inside]
        seen = np.abs(right[y, x_right] - pair.disparity[y, x]) < 1.0  # not hidden there
        points = np.zeros((height, width), bool)
        points[y[seen], x_right[seen]] = True
        valid_right = valid_right & points
    return replace(pair, valid=valid, valid_right=valid_right)


def _with_labels(pair: StereoPairViews, labels: PseudoLabels) -> StereoPairViews:
    return replace(
        pair,
        teacher=labels.disparity,
        taught=labels.valid,
        teacher_right=labels.disparity_right,
        taught_right=labels.valid_right,
    )


def _levels(disparity: NDArray[np.float32]) -> NDArray[np.int16]:
    limit = np.iinfo(np.int16).max
    return np.asarray(np.clip(np.rint(disparity * LEVELS_PER_PX), -limit, limit), np.int16)


def _px(levels: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(levels.astype(np.float32) / np.float32(LEVELS_PER_PX), np.float32)


def _packed(pair: StereoPairViews) -> dict[str, NDArray[Any]]:
    planes: dict[str, NDArray[Any]] = {
        "left": pair.left.astype(np.uint16),
        "right": pair.right.astype(np.uint16),
        "disparity": _levels(pair.disparity),
        "valid": pair.valid,
    }
    if pair.disparity_right is not None and pair.valid_right is not None:
        planes["disparity_right"] = _levels(pair.disparity_right)
        planes["valid_right"] = pair.valid_right
    return planes


def _unpacked(planes: dict[str, NDArray[Any]]) -> StereoPairViews:
    right = planes.get("disparity_right")
    return StereoPairViews(
        left=planes["left"].astype(np.float32),
        right=planes["right"].astype(np.float32),
        disparity=_px(planes["disparity"]),
        valid=planes["valid"],
        disparity_right=None if right is None else _px(right),
        valid_right=planes.get("valid_right"),
    )


def _save(path: Path, planes: dict[str, NDArray[Any]]) -> None:
    data = io.BytesIO()
    np.savez(data, **planes)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as stream:
        stream.write(data.getbuffer())


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as err:
        raise DatasetCorruptError(
            f"{path} is damaged: {err}. Delete it: it is made again."
        ) from err
