"""A map of places to search: descriptors with names, files and positions, kept in one file.

The file is a plain npz (numbers and JSON, nothing is unpickled) and remembers which model described
its pictures: a query by another model is refused. What is NOT here: describing pictures
(`thermoscope.models.place`), how the nearest are found (`thermoscope.engine.place_search`).
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_positive, check_shape
from thermoscope.core.errors import ConfigError, ReadError, ShapeError, UnitError
from thermoscope.core.files import answer, atomic_write
from thermoscope.engine.place_search import (
    Backend,
    ExactSearch,
    FaissSearch,
    make_searcher,
)
from thermoscope.engine.place_sequence import rerank_sequence

__all__ = ["Match", "PlaceIndex"]

FORMAT = "thermoscope place index"
VERSION = 1
UNIT_TOLERANCE = 1e-2
Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Match:
    """A place found.

    Attributes:
        rank: From 1.
        name: Of the place in the index.
        path: Of its picture, "" if there is none.
        similarity: Cosine of the two descriptors, -1 to 1.
        distance: Euclidean, between the two descriptors of unit length, 0 to 2.
        position_m: x, y, z in the frame of reference of who made the index; None if not known.
        row: Number in the index.
    """

    rank: int
    name: str
    path: str
    similarity: float
    distance: float
    position_m: tuple[float, float, float] | None
    row: int


class PlaceIndex:
    """Places to search.

    Args:
        dims: Numbers in a descriptor.
        model: Name of the model that describes.
        identity: `PlaceRecognizer.identity` of it; "" is not checked.
        modality: Of the pictures in the index.
        backend: ``"exact"``, or ``"faiss"`` for more than about a million places.

    Attributes:
        descriptors: (N, dims) float32, of unit length.
        names: Of the places, each once.
        paths: Of their pictures.
        positions_m: (N, 3), nan where not known.

    Raises:
        ConfigError: `dims` is not positive, or an unknown backend.
        MissingDependencyError: faiss is not installed.

    Example:
        >>> index = PlaceIndex(2)
        >>> index.add([[1, 0], [0, 1]], ["bridge", "barn"], positions_m=[[0, 0, 0], [50, 0, 0]])
        >>> [(m.name, round(m.similarity, 2)) for m in index.search([[0.6, 0.8]], k=2)[0]]
        [('barn', 0.8), ('bridge', 0.6)]
    """

    def __init__(
        self,
        dims: int,
        *,
        model: str = "",
        identity: str = "",
        modality: Literal["thermal", "rgb"] = "thermal",
        backend: Backend = "exact",
    ) -> None:
        check_positive(dims, name="dims")
        self.dims, self.model, self.identity, self.modality = dims, model, identity, modality
        self.backend: Backend = backend
        self.searcher = make_searcher(backend, dims)
        self.names: list[str] = []
        self.paths: list[str] = []
        self._parts = [np.zeros((0, dims), np.float32)]
        self._positions = [np.zeros((0, 3))]
        self._known: set[str] = set()

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    @property
    def descriptors(self) -> Rows:
        """(N, dims), in the order of adding."""
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
            if isinstance(self.searcher, ExactSearch):  # share the rows instead of keeping two
                self.searcher = ExactSearch(self.dims, self._parts[0])
        return self._parts[0]

    @property
    def positions_m(self) -> NDArray[np.float64]:
        """(N, 3), nan where not known."""
        self._positions = [np.concatenate(self._positions)]
        return self._positions[0]

    def add(
        self,
        descriptors: ArrayLike,
        names: Sequence[str],
        *,
        paths: Sequence[str | Path] | None = None,
        positions_m: ArrayLike | None = None,
    ) -> None:
        """Put places into the index; nothing is added if anything is wrong.

        Args:
            descriptors: (N, dims), of unit length.
            names: N, new to the index.
            paths: N, of the pictures.
            positions_m: (N, 2) or (N, 3); unknown if None.

        Raises:
            ShapeError: Another shape, or lists of other lengths.
            UnitError: A descriptor is not of unit length, or not finite.
            ConfigError: A name is in the index, or twice among the new ones.
        """
        rows = self._unit_rows(descriptors, "descriptors")
        files = ["" for _ in names] if paths is None else [str(path) for path in paths]
        positions = _positions(positions_m, len(names))
        if not len(rows) == len(names) == len(files) == len(positions):
            raise ShapeError(
                f"descriptors, names, paths and positions must be of one number, got {len(rows)}, "
                f"{len(names)}, {len(files)} and {len(positions)}."
            )
        new = set(names)
        if len(new) < len(names) or new & self._known:
            twice = next((n for n in names if n in self._known), "") or _first_twice(names)
            raise ConfigError(f"the place {twice!r} is in the index already. Names must differ.")
        self.searcher.add(rows)
        self._parts.append(rows)
        self._positions.append(positions)
        self.names += names
        self.paths += files
        self._known |= new

    def locate(self, positions_m: Mapping[str, tuple[float, float, float]]) -> int:
        """Give places whose position is not known the one under their name; how many got one."""
        table, located = self.positions_m, 0
        for row, name in enumerate(self.names):
            if name in positions_m and np.isnan(table[row, 0]):
                table[row] = positions_m[name]
                located += 1
        return located

    def _unit_rows(self, descriptors: ArrayLike, name: str) -> Rows:
        rows = np.array(descriptors, dtype=np.float32, order="C")  # a copy: the index keeps it
        check_shape(rows, f"N {self.dims}", name=name)
        lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
        if not np.all(np.abs(lengths - 1) < UNIT_TOLERANCE):
            worst = lengths[int(np.argmax(~(np.abs(lengths - 1) < UNIT_TOLERANCE)))]
            raise UnitError(
                f"{name} must be of unit length and finite, one has length {worst:g}. "
                "Normalise them, or look at the frame it is of."
            )
        return rows

    def check_model(self, identity: str) -> None:
        """Refuse descriptors of another model.

        Raises:
            ConfigError: The index was made by another model, or other weights of it.
        """
        if self.identity and identity != self.identity:
            raise ConfigError(
                f"this index was made with {self.model or 'a model'} [{self.identity}], the query "
                f"is described by [{identity}]. Use that model, or make the index again."
            )

    def rank(self, descriptors: ArrayLike, k: int) -> tuple[NDArray[np.int64], Rows]:
        """(Q, k) rows of the nearest places and their cosines, best first.

        Fewer columns if the index holds fewer places.

        Raises:
            ShapeError: Another shape.
            UnitError: A descriptor is not of unit length, or not finite.
            ConfigError: `k` is not positive, or the index is empty.
        """
        check_positive(k, name="k")
        if not len(self):
            raise ConfigError("the index is empty. Add places first.")
        queries = self._unit_rows(descriptors, "descriptors")
        return self.searcher.search(queries, min(k, len(self)))

    def search(self, descriptors: ArrayLike, k: int = 5) -> list[list[Match]]:
        """The `k` nearest places of each query, best first.

        Args:
            descriptors: (Q, dims), of unit length.
            k: At least 1.

        Raises:
            ShapeError: Another shape.
            UnitError: A descriptor is not of unit length, or not finite.
            ConfigError: `k` is not positive, or the index is empty.
        """
        rows, cosines = self.rank(descriptors, k)
        return [
            [self._match(rank, int(row), float(cosine)) for rank, row, cosine in found if row >= 0]
            for found in (
                zip(range(1, len(line) + 1), line, values, strict=True)
                for line, values in zip(rows, cosines, strict=True)
            )
        ]

    def search_sequence(
        self, descriptors: ArrayLike, k: int = 5, *, length: int = 5
    ) -> list[list[Match]]:
        """As `search`, for consecutive frames of one drive through a map in order of recording.

        Args:
            descriptors: (Q, dims), in the order of recording.
            k: At least 1.
            length: Frames matched together, see `rerank_sequence`.

        Returns:
            `Match.similarity` is the mean over the frames matched together.

        Raises:
            ShapeError: Another shape.
            UnitError: A descriptor is not of unit length, or not finite.
            ConfigError: `k` or `length` is not positive, or the index is empty.
        """
        check_positive(k, name="k")
        if not len(self):
            raise ConfigError("the index is empty. Add places first.")
        queries = self._unit_rows(descriptors, "descriptors")
        similarity = rerank_sequence(queries @ self.descriptors.T, length=length)
        order = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        return [
            [self._match(rank, int(row), float(line[row])) for rank, row in enumerate(rows, 1)]
            for rows, line in zip(order, similarity, strict=True)
        ]

    def _match(self, rank: int, row: int, cosine: float) -> Match:
        x, y, z = (float(v) for v in self.positions_m[row])
        return Match(
            rank=rank,
            name=self.names[row],
            path=self.paths[row],
            similarity=min(1.0, cosine),
            distance=float(np.sqrt(max(0.0, 2 - 2 * cosine))),
            position_m=(x, y, z) if np.isfinite((x, y, z)).all() else None,
            row=row,
        )

    def save(self, path: str | Path) -> None:
        """Write one file; what was there before stays until the new one is whole.

        Raises:
            WriteError: It cannot be written.
        """
        about = {
            "format": FORMAT,
            "version": VERSION,
            "model": self.model,
            "identity": self.identity,
            "modality": self.modality,
            "names": self.names,
            "paths": self.paths,
        }
        text = np.frombuffer(json.dumps(about).encode("utf-8"), np.uint8)
        arrays = {"about": text, "descriptors": self.descriptors, "positions_m": self.positions_m}
        if isinstance(self.searcher, FaissSearch):
            arrays["graph"] = self.searcher.to_bytes()
        with atomic_write(path) as stream:
            np.savez(stream, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path, *, backend: Backend = "exact") -> PlaceIndex:
        """An index from its file.

        Args:
            path: From `save`.
            backend: As in the constructor; a graph in the file is used, else built.

        Raises:
            ReadError: No such file, or not an index, or a damaged one.
            MissingDependencyError: faiss is not installed.
            ConfigError: Unknown backend.
        """
        file = Path(path)
        about, arrays = _read(file)
        rows = arrays["descriptors"]
        index = cls(
            rows.shape[1],
            model=about["model"],
            identity=about["identity"],
            modality=about["modality"],
            backend=backend,
        )
        graph = arrays.get("graph")
        if backend == "exact":
            index.searcher = ExactSearch(index.dims, rows)
        elif graph is not None:
            index.searcher = FaissSearch(index.dims, graph)
        else:
            index.searcher.add(rows)
        index._parts, index._positions = [rows], [arrays["positions_m"]]
        index.names, index.paths = list(about["names"]), list(about["paths"])
        index._known = set(index.names)
        return index


def _positions(positions_m: ArrayLike | None, count: int) -> NDArray[np.float64]:
    found = np.full((count, 3), np.nan)
    if positions_m is None:
        return found
    given = np.asarray(positions_m, dtype=float)
    if given.ndim != 2 or given.shape[1] not in (2, 3):
        raise ShapeError(f"positions_m must be (N, 2) or (N, 3), got {given.shape}.")
    if given.shape[1] == 3:
        return given
    unknown = np.isnan(given).any(axis=1)
    return np.column_stack((given, np.where(unknown, np.nan, 0.0)))


def _first_twice(names: Sequence[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def _read(file: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Description and arrays of an index file, checked against each other."""
    if not answer(file.is_file):
        raise ReadError(
            f"no index at {file}. Make one: thermoscope place index FOLDER --out {file.name}.",
            path=file,
        )
    if not zipfile.is_zipfile(file):
        raise ReadError(
            f"{file} is not a place index, or a damaged one. Give the file that thermoscope place "
            "index has written.",
            path=file,
        )
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        about = json.loads(arrays.pop("about").tobytes())
        fits = about["format"] == FORMAT and about["version"] == VERSION
        rows, positions = arrays["descriptors"], arrays["positions_m"]
        counts = {len(rows), len(positions), len(about["names"]), len(about["paths"])}
        fits = fits and rows.dtype == np.float32 and rows.ndim == 2 and len(counts) == 1
        fits = fits and positions.dtype == np.float64 and positions.shape[1:] == (3,)
        fits = fits and {"model", "identity", "modality"} <= set(about)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as err:
        raise ReadError(
            f"{file} is not a place index, or a damaged one. Make it again: thermoscope place "
            "index.",
            path=file,
        ) from err
    if not fits:
        raise ReadError(
            f"{file} is no place index of version {VERSION}, or its parts contradict each other. "
            "Make it again.",
            path=file,
        )
    return about, arrays
