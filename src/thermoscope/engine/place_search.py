"""The nearest of many descriptors: exact by matrix product, or approximate through faiss.

Both give the same kind of answer. What is NOT here: what a descriptor belongs to
(`thermoscope.engine.place_index`).

Source: Malkov and Yashunin, Hierarchical Navigable Small World Graphs, TPAMI 2020 (what faiss runs
here).
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thermoscope.core.errors import ConfigError, MissingDependencyError

__all__ = ["Backend", "ExactSearch", "FaissSearch", "Searcher", "make_searcher"]

Backend = Literal["exact", "faiss"]
Rows = NDArray[np.float32]
ROWS_AT_ONCE = 1 << 16  # similarities of a block stay in cache: 64 queries of it are 16 MB
QUERIES_AT_ONCE = 64
LINKS = 32  # of a node of the graph
LOOKED_AT_BUILDING = 100
LOOKED_AT_SEARCHING = 256


class Searcher(Protocol):
    """Finds rows with the largest dot product."""

    def add(self, rows: Rows) -> None:
        """Append (N, D) rows of unit length; they are numbered in the order of adding."""
        ...

    def search(self, queries: Rows, k: int) -> tuple[NDArray[np.int64], Rows]:
        """(Q, k) numbers and dot products, best first; number -1 where there are fewer."""
        ...


class ExactSearch:
    """Every row is compared with every query, block by block.

    Args:
        dims: Numbers in a row.
        rows: (N, D) to start with; is used, not copied.
    """

    def __init__(self, dims: int, rows: Rows | None = None) -> None:
        first = [] if rows is None else [torch.from_numpy(rows)]
        self.dims, self.blocks = dims, first

    def __len__(self) -> int:
        return sum(len(block) for block in self.blocks)

    def add(self, rows: Rows) -> None:
        """See `Searcher`."""
        self.blocks.append(torch.from_numpy(np.ascontiguousarray(rows)))

    def search(self, queries: Rows, k: int) -> tuple[NDArray[np.int64], Rows]:
        """See `Searcher`."""
        numbers = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        asked = torch.from_numpy(np.ascontiguousarray(queries))
        for start in range(0, len(asked), QUERIES_AT_ONCE):
            part = slice(start, start + QUERIES_AT_ONCE)
            found, places = self._best(asked[part], k)
            numbers[part, : places.shape[1]] = places.numpy()
            scores[part, : places.shape[1]] = found.numpy()
        return numbers, scores

    def _best(self, asked: Tensor, k: int) -> tuple[Tensor, Tensor]:
        best = torch.zeros(len(asked), 0)
        places = torch.zeros(len(asked), 0, dtype=torch.int64)
        first = 0
        for rows in (piece for block in self.blocks for piece in torch.split(block, ROWS_AT_ONCE)):
            values, local = (asked @ rows.T).topk(min(k, len(rows)), dim=1)
            both = torch.cat((best, values), dim=1)
            numbers = torch.cat((places, local + first), dim=1)
            best, order = both.topk(min(k, both.shape[1]), dim=1)
            places = numbers.gather(1, order)
            first += len(rows)
        return best, places


class FaissSearch:
    """A navigable graph: sublinear, approximate, about twice the memory of the rows.

    Args:
        dims: Numbers in a row.
        graph: From `to_bytes`; an empty graph if None.

    Raises:
        MissingDependencyError: faiss is not installed.
        ConfigError: `graph` is of rows of another length.
    """

    def __init__(self, dims: int, graph: NDArray[np.uint8] | None = None) -> None:
        self.faiss = _faiss()
        if graph is None:
            self.index = self.faiss.IndexHNSWFlat(dims, LINKS, self.faiss.METRIC_INNER_PRODUCT)
            self.index.hnsw.efConstruction = LOOKED_AT_BUILDING
        else:
            self.index = self.faiss.deserialize_index(graph)
        if self.index.d != dims:
            raise ConfigError(f"the graph is of {self.index.d} numbers a row, expected {dims}.")
        self.index.hnsw.efSearch = LOOKED_AT_SEARCHING

    def __len__(self) -> int:
        return int(self.index.ntotal)

    def add(self, rows: Rows) -> None:
        """See `Searcher`."""
        self.index.add(np.ascontiguousarray(rows))

    def search(self, queries: Rows, k: int) -> tuple[NDArray[np.int64], Rows]:
        """See `Searcher`."""
        scores, numbers = self.index.search(np.ascontiguousarray(queries), k)
        return np.asarray(numbers, np.int64), np.asarray(scores, np.float32)

    def to_bytes(self) -> NDArray[np.uint8]:
        """The graph, so that it need not be built again."""
        return np.asarray(self.faiss.serialize_index(self.index), np.uint8)


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as err:
        raise MissingDependencyError(
            "faiss-cpu", extra="index", purpose="approximate search"
        ) from err
    return faiss


def make_searcher(backend: Backend, dims: int) -> ExactSearch | FaissSearch:
    """An empty searcher.

    Raises:
        ConfigError: Unknown backend.
        MissingDependencyError: faiss is not installed.
    """
    if backend == "exact":
        return ExactSearch(dims)
    if backend == "faiss":
        return FaissSearch(dims)
    raise ConfigError(f"backend must be 'exact' or 'faiss', got {backend!r}.")
