"""The index: exact answers, a file that comes back, other models and damaged files refused."""

import importlib.util
import math

import numpy as np
import pytest

from thermoscope.core.errors import (
    ConfigError,
    MissingDependencyError,
    ReadError,
    ShapeError,
    UnitError,
)
from thermoscope.engine import place_search
from thermoscope.engine.place_index import PlaceIndex

HAS_FAISS = importlib.util.find_spec("faiss") is not None


def unit(rng, count, dims=8):
    rows = rng.normal(size=(count, dims)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def village():
    index = PlaceIndex(2, model="m", identity="m-1", modality="rgb")
    index.add([[1, 0]], ["bridge"], paths=["/maps/bridge.png"], positions_m=[[10, 20, 30]])
    index.add([[0, 1], [-1, 0]], ["barn", "mill"], positions_m=[[1, 2], [np.nan, np.nan]])
    return index


def test_matches_say_what_where_and_how_sure():
    first, second, third = village().search([[0.6, 0.8]], k=9)[0]
    assert (first.rank, first.name, first.path, first.row) == (1, "barn", "", 1)
    assert first.similarity == pytest.approx(0.8)
    assert first.distance == pytest.approx(math.sqrt(0.4))
    assert first.position_m == (1, 2, 0)
    assert (second.name, second.path) == ("bridge", "/maps/bridge.png")
    assert second.position_m == (10, 20, 30)
    assert (third.name, third.position_m) == ("mill", None)


def test_blocks_of_rows_and_queries_give_what_sorting_gives(rng, monkeypatch):
    monkeypatch.setattr(place_search, "ROWS_AT_ONCE", 7)
    monkeypatch.setattr(place_search, "QUERIES_AT_ONCE", 3)
    index = PlaceIndex(8)
    rows, queries = unit(rng, 40), unit(rng, 10)
    index.add(rows[:25], [f"a{i}" for i in range(25)])
    index.add(rows[25:], [f"b{i}" for i in range(15)])
    found, cosines = index.rank(queries, 12)
    expected = np.argsort(-(queries @ rows.T), axis=1)[:, :12]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(
        cosines, np.take_along_axis(queries @ rows.T, expected, axis=1), atol=1e-6
    )


def test_a_saved_index_answers_alike_and_grows(tmp_path, rng):
    index = village()
    index.save(tmp_path / "map.npz")
    loaded = PlaceIndex.load(tmp_path / "map.npz")
    assert loaded.search([[0.6, 0.8]]) == index.search([[0.6, 0.8]])
    assert (loaded.model, loaded.identity, loaded.modality) == ("m", "m-1", "rgb")
    loaded.add([[0.6, 0.8]], ["church"])
    assert loaded.search([[0.6, 0.8]], k=1)[0][0].name == "church"
    loaded.save(tmp_path / "map.npz")
    again = PlaceIndex.load(tmp_path / "map.npz")
    assert again.names == ["bridge", "barn", "mill", "church"]
    np.testing.assert_array_equal(again.positions_m[2:], np.full((2, 3), np.nan))
    assert "church" in again
    assert "inn" not in again


def test_the_index_keeps_its_own_numbers():
    rows = np.array([[1, 0]], np.float32)
    index = PlaceIndex(2)
    index.add(rows, ["a"])
    rows[:] = 0
    assert index.search([[1, 0]])[0][0].similarity == pytest.approx(1)
    assert index.descriptors.tolist() == [[1, 0]]


def test_a_refused_batch_leaves_nothing_behind():
    index = village()
    with pytest.raises(ConfigError, match="'barn' is in the index already"):
        index.add([[1, 0], [0, 1]], ["new", "barn"])
    with pytest.raises(ConfigError, match="'x' is in the index already"):
        index.add([[1, 0], [0, 1]], ["x", "x"])
    with pytest.raises(UnitError, match="unit length and finite, one has length 2"):
        index.add([[1, 0], [2, 0]], ["p", "q"])
    with pytest.raises(UnitError, match="one has length nan"):
        index.add([[np.nan, 0]], ["p"])
    with pytest.raises(ShapeError, match=r"descriptors must be \(N, 2\)"):
        index.add([[1, 0, 0]], ["p"])
    with pytest.raises(ShapeError, match="of one number, got 1, 2, 2 and 2"):
        index.add([[1, 0]], ["p", "q"])
    with pytest.raises(ShapeError, match=r"positions_m must be \(N, 2\) or \(N, 3\)"):
        index.add([[1, 0]], ["p"], positions_m=[1])
    assert len(index) == len(index.descriptors) == len(index.positions_m) == 3


def test_another_model_is_refused():
    index = village()
    index.check_model("m-1")
    with pytest.raises(ConfigError, match=r"made with m \[m-1\], the query.*\[m-2\]"):
        index.check_model("m-2")


def test_bad_queries():
    with pytest.raises(ConfigError, match="the index is empty"):
        PlaceIndex(2).search([[1, 0]])
    with pytest.raises(ConfigError, match="k must be positive"):
        village().search([[1, 0]], k=0)
    with pytest.raises(UnitError, match="unit length"):
        village().search([[1, 1]])
    with pytest.raises(ConfigError, match="backend must be"):
        PlaceIndex(2, backend="annoy")


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "map.npz"
    with pytest.raises(ReadError, match="no index at.*place index FOLDER --out map.npz"):
        PlaceIndex.load(path)
    village().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match="not a place index, or a damaged one"):
        PlaceIndex.load(path)
    path.write_text("a picture")
    with pytest.raises(ReadError, match="not a place index"):
        PlaceIndex.load(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(ReadError, match="not a place index"):
        PlaceIndex.load(path)
    np.savez(path, about=np.array({"format": 1}, dtype=object))
    with pytest.raises(ReadError, match="not a place index"):
        PlaceIndex.load(path)


def test_parts_that_contradict_each_other_are_refused(tmp_path):
    path = tmp_path / "map.npz"
    village().save(path)
    with np.load(path) as content:
        arrays = dict(content)
    np.savez(path, **{**arrays, "descriptors": arrays["descriptors"][:2]})
    with pytest.raises(ReadError, match="its parts contradict each other"):
        PlaceIndex.load(path)


@pytest.mark.skipif(HAS_FAISS, reason="faiss is installed")
def test_without_faiss_the_message_says_how_to_get_it():
    with pytest.raises(MissingDependencyError, match=r"thermoscope\[index\].*faiss-cpu"):
        PlaceIndex(2, backend="faiss")


@pytest.mark.skipif(not HAS_FAISS, reason="needs the extra 'index'")
def test_faiss_finds_what_exact_search_finds(tmp_path, rng):
    rows, queries = unit(rng, 2000, 32), unit(rng, 50, 32)
    exact, graph = PlaceIndex(32), PlaceIndex(32, backend="faiss")
    for index in (exact, graph):
        index.add(rows, [str(i) for i in range(2000)])
    expected = exact.rank(queries, 1)[0]
    assert (graph.rank(queries, 1)[0] == expected).mean() > 0.98
    graph.save(tmp_path / "map.npz")
    loaded = PlaceIndex.load(tmp_path / "map.npz", backend="faiss")
    np.testing.assert_array_equal(loaded.rank(queries, 3)[0], graph.rank(queries, 3)[0])
    assert PlaceIndex.load(tmp_path / "map.npz").rank(queries, 1)[0].tolist() == expected.tolist()


def test_places_get_the_position_that_they_lack():
    index = PlaceIndex(2)
    index.add([[1, 0], [0, 1]], ["bridge", "barn"], positions_m=[[1, 2], [np.nan, np.nan]])
    assert index.locate({"bridge": (9, 9, 9), "barn": (3, 4, 5), "inn": (0, 0, 0)}) == 1
    assert index.positions_m.tolist() == [[1, 2, 0], [3, 4, 5]]
