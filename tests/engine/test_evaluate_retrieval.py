"""Protocols on descriptors whose neighbours can be seen, and the whole way with a tiny model."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.fakes.place_files import NS, cart_flight, obv_recording

from thermoscope.core.errors import (
    ConfigError,
    DatasetCorruptError,
    DatasetNotFoundError,
    UnknownNameError,
)
from thermoscope.engine.evaluate_retrieval import (
    RETRIEVAL_PROTOCOLS,
    evaluate_retrieval,
    protocol_for,
    score_retrieval,
)
from thermoscope.engine.place_views import (
    Described,
    PlaceChoice,
    PlacePair,
    PlaceView,
    describe_views,
    open_places,
    reader_options,
)
from thermoscope.models.place import place_model


def described(degrees, *, names, positions=None, source="s", recording="r", dark=None):
    count = len(degrees)
    angles = np.deg2rad(np.asarray(degrees, dtype=float))
    where = np.full((count, 3), np.nan) if positions is None else np.asarray(positions, dtype=float)
    sources = [source] * count if isinstance(source, str) else source
    recordings = [recording] * count if isinstance(recording, str) else recording
    views = tuple(
        PlaceView(names[i], sources[i], recordings[i], i, where[i], np.zeros((0, 0)))
        for i in range(count)
    )
    rows = np.stack((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
    return Described(rows, views, where, np.zeros(count, bool) if dark is None else np.array(dark))


def row(report, name):
    return next(r for r in report.rows if r.name == name)


def test_pairs_of_two_sources_alone_and_in_one_gallery():
    sources = ["x", "x", "y", "y"]
    gallery = described([0, 20, 3, 60], names=["a", "b", "c", "d"], source=sources)
    # a is nearer to c of the other source than to itself; d is nearest to b everywhere
    queries = described([2, 18, 4, 35], names=["a", "b", "c", "d"], source=sources)
    report = score_retrieval(queries, gallery, protocol="pairs")
    assert [r.name for r in report.rows] == ["all", "x", "y"]
    assert row(report, "all").recall[1] == pytest.approx(2 / 4)
    assert row(report, "x").recall == {1: 1, 5: 1, 10: 1}
    assert row(report, "y").recall[1] == pytest.approx(2 / 2)  # d finds d when b is not there
    assert (row(report, "x").gallery, row(report, "x").counted) == (2, 2)
    low, high = row(report, "all").interval_1
    assert 0 <= low < 0.5 < high <= 1


def test_near_black_colour_pictures_are_reported_apart():
    gallery = described([0, 90, 180], names=["a", "b", "c"], dark=[False, True, False])
    queries = described([1, 170, 181], names=["a", "b", "c"])
    report = score_retrieval(queries, gallery, protocol="pairs")
    hidden = row(report, "all, colour picture near-black")
    assert (hidden.counted, hidden.recall[1], hidden.gallery) == (1, 0, 3)
    assert row(report, "all, the others").recall[1] == 1


def test_metres_with_the_own_picture_out_leaves_lonely_queries_out():
    where = [[0, 0, 0], [10, 0, 0], [500, 0, 0]]
    side = described([0, 5, 90], names=["a", "b", "c"], positions=where)
    report = score_retrieval(side, side, protocol="ms2")
    whole = report.rows[0]
    assert (whole.counted, whole.left_out) == (2, 1)
    assert whole.recall[1] == 1
    assert report.choices["own picture"] == "taken out of the map, by its id"
    assert report.choices["right place"] == "within 15 m in x and y"


def test_each_recording_alone_gives_the_weighted_recall():
    where = [[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 0, 0], [1, 0, 0]]
    recording = ["r", "r", "r", "t", "t"]
    gallery = described([0, 10, 20, 90, 180], names="abcde", positions=where, recording=recording)
    queries = described([4, 14, 24, 94, 184], names="abcde", positions=where, recording=recording)
    report = score_retrieval(queries, gallery, protocol="odombeyondvision")
    # in r all are within 3 m of each other, in t too: 3 of 3 and 2 of 2
    assert report.rows[0].recall[1] == 1
    assert report.choices["map"] == "each recording alone"
    joint = score_retrieval(queries, gallery, protocol="loops")
    assert joint.choices["map"] == "all in one"


def test_height_counts_in_loops_and_not_in_flights():
    low = described([0, 90], names="ab", positions=[[0, 0, 0], [50, 0, 0]])
    high = described([0, 90], names="cd", positions=[[0, 0, 40], [50, 0, 40]])
    assert score_retrieval(low, high, protocol="cart").rows[0].counted == 2
    assert score_retrieval(low, high, protocol="loops").rows[0].counted == 0


def test_odombeyondvision_from_its_files(tmp_path):
    """Equal pictures: every other place ties with the right one, and counts against it."""
    start, second = 1_600_000_000 * NS, NS
    for name, places in (("a", [0, 2, 110, 111]), ("b", [0, 120])):
        rows = [(start + i * second, start + i * second, float(x)) for i, x in enumerate(places)]
        obv_recording(tmp_path / "ExtractedData" / f"sequence_01_{name}", rows)
    choice = PlaceChoice(data="odombeyondvision", root=tmp_path, split="test")
    report = evaluate_retrieval(place_model("tiny", size_px=(28, 28)), choice)
    assert report.protocol == "odombeyondvision"
    whole = report.rows[0]
    assert (whole.gallery, whole.counted, whole.left_out) == (6, 4, 2)
    assert (whole.recall[1], whole.recall[5]) == (0, 1)


def test_cart_from_its_files(tmp_path):
    flight = "2023-03-21-09-59-39"
    places = np.array([[400_000 + 10 * i, 4_000_000, 30 + 50 * i] for i in range(5)], dtype=float)
    cart_flight(tmp_path, flight, range(5), places, t_s=np.arange(5) + 1.6e9)
    choice = PlaceChoice(data="cart", root=tmp_path, split="val")
    report = evaluate_retrieval(place_model("tiny", size_px=(28, 28)), choice)
    assert (report.protocol, report.rows[0].counted) == ("cart", 5)  # neighbours are 10 m away
    assert report.rows[0].recall[5] == 1


def test_ms2_is_read_as_published():
    assert reader_options("ms2", "val") == {"protocol": "retrieval"}
    assert reader_options("ms2", "train")["positions"] is True
    assert reader_options("msrs", "val") == {}


def test_frames_as_the_rule():
    side = described([0, 2, 50, 90], names="abcd", recording=["r", "r", "r", "t"])
    report = score_retrieval(side, side, protocol="frames")
    assert (report.rows[0].counted, report.rows[0].left_out) == (3, 1)


def test_a_sequence_outvotes_one_wrong_frame():
    names = [str(i) for i in range(8)]
    gallery = replace(described([0] * 8, names=names), descriptors=np.eye(8, dtype=np.float32))
    seen = np.eye(8, dtype=np.float32)
    seen[4] = seen[0]  # an odd frame
    queries = replace(described([0] * 8, names=names), descriptors=seen)
    alone = score_retrieval(queries, gallery, protocol="pairs")
    together = score_retrieval(queries, gallery, protocol="pairs", sequence_length=5)
    assert alone.rows[0].recall[1] == pytest.approx(7 / 8)
    assert together.rows[0].recall[1] == 1
    assert together.choices["sequence"] == "5 frames together"


class Pictures:
    """Frames in memory: thermal is the colour picture's green, inverted."""

    def __init__(self, count=6):
        rng = np.random.default_rng(4)
        self.rgb = [rng.integers(0, 255, (6, 8, 3)).astype(np.uint8) for _ in range(count)]
        self.rgb[0] //= 50

    def __len__(self):
        return len(self.rgb)

    def view(self, number, modality):
        rgb = np.kron(self.rgb[number], np.ones((8, 8, 1), np.uint8))
        picture = rgb if modality == "rgb" else 255 - rgb[:, :, 1]
        name = f"p{number}"
        return PlaceView(name, "memory", "r", number, np.array([9.0 * number, 0, 0]), picture)


def test_the_whole_way_states_its_choices():
    model = place_model("tiny", size_px=(42, 56))
    places = Pictures()
    seen = []
    report = evaluate_retrieval(
        model, PlacePair(places, places), protocol="pairs", progress=seen.append
    )
    assert len(seen) == 12
    assert report.rows[0].counted == 6
    assert [r.name for r in report.rows] == [
        "all",
        "all, colour picture near-black",
        "all, the others",
    ]
    said = report.to_dict()
    assert said["choices"]["database"] == "rgb"
    assert said["choices"]["query"] == "thermal"
    assert "42 x 56 px" in said["choices"]["descriptor"]
    assert json.loads(json.dumps(said))["rows"][0]["recall_at_10"] == 1
    names, rows = report.table()
    assert len(names) == len(rows[0])
    assert rows[0][names.index("R@10")] == "100.0"


def test_a_map_of_the_queries_themselves_is_refused():
    model, places = place_model("tiny", size_px=(42, 56)), Pictures(2)
    with pytest.raises(ConfigError, match="the map holds the very thermal pictures"):
        evaluate_retrieval(model, PlacePair(places, places), protocol="pairs", database="thermal")
    report = evaluate_retrieval(
        model, PlacePair(places, places), protocol="ms2", database="thermal"
    )
    assert report.rows[0].recall[1] == 1  # the neighbour 9 m away is the only one left


def test_descriptions_keep_what_is_known_and_drop_pictures():
    found = describe_views(place_model("tiny", size_px=(28, 28)), Pictures(3), "rgb", batch_size=2)
    assert [view.name for view in found.views] == ["p0", "p1", "p2"]
    assert found.positions_m[2].tolist() == [18, 0, 0]
    assert found.near_black.tolist() == [True, False, False]
    assert all(view.picture.size == 0 for view in found.views)
    assert len(found.of(np.array([True, False, True]))) == 2


def test_scenes_are_two_visits_to_the_same_places():
    choice = PlaceChoice(count=3, frames_per_scene=2, preset="tiny", environments=("indoor",))
    pair = open_places(choice)
    assert len(pair.gallery) == len(pair.queries) == 3
    day, night = pair.gallery.view(1, "rgb"), pair.queries.view(1, "thermal")
    assert day.picture.shape[0] == 3
    assert night.picture.ndim == 2
    assert (day.recording, night.recording) == ("indoor_00000", "indoor_00000")
    assert (day.name, night.name) == ("indoor_00000_v0_000001", "indoor_00000_v1_000001")
    assert np.linalg.norm(day.position_m - night.position_m) < 5


@pytest.mark.real
def test_real_pairs_open_as_one_gallery_of_several_sources(real_data):
    choice = PlaceChoice(data="msrs,roadscene", root=real_data, count=5)
    report = evaluate_retrieval(place_model("tiny", size_px=(28, 28)), choice)
    assert [r.name for r in report.rows][:3] == ["all", "msrs", "roadscene"]
    assert [r.gallery for r in report.rows][:3] == [10, 5, 5]
    assert report.rows[0].counted == 10


@pytest.mark.real
def test_frames_without_colour_say_so(real_data):
    choice = PlaceChoice(data="hituav", root=real_data, count=1)
    with pytest.raises(DatasetCorruptError, match="has no colour picture, only"):
        evaluate_retrieval(place_model("tiny", size_px=(28, 28)), choice)


def test_protocols_are_found_by_data():
    assert protocol_for("scenes") == "loops"
    assert protocol_for("ms2") == "ms2"
    assert protocol_for("msrs,roadscene") == "pairs"
    assert all(p.rule == "pair" or p.reach > 0 for p in RETRIEVAL_PROTOCOLS.values())


def test_the_collection_of_real_pairs_needs_no_root_but_a_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THERMOSCOPE_DATA", str(tmp_path / "absent"))
    choice = PlaceChoice(data="msrs, roadscene")
    assert choice.names == ["msrs", "roadscene"]
    with pytest.raises(DatasetNotFoundError, match="Set THERMOSCOPE_DATA to its folder"):
        open_places(choice)


def test_bad_settings(tmp_path):
    side = described([0], names=["a"])
    with pytest.raises(ConfigError, match="a has no position, which the rule"):
        score_retrieval(side, side, protocol="ms2")
    with pytest.raises(UnknownNameError, match="unknown retrieval protocol 'ms3'"):
        score_retrieval(side, side, protocol="ms3")
    with pytest.raises(UnknownNameError, match="unknown retrieval protocol"):
        evaluate_retrieval(place_model("tiny"), PlaceChoice(count=1), protocol="x")
    with pytest.raises(ConfigError, match="scenes never end"):
        PlaceChoice()
    with pytest.raises(ConfigError, match="'ms2' needs the folder"):
        PlaceChoice(data="ms2")
    with pytest.raises(ConfigError, match="every must be at least 1"):
        PlaceChoice(count=1, every=0)
    with pytest.raises(ConfigError, match="hours of scenes are 'day' or 'night', got 'noon'"):
        PlaceChoice(count=1, map_hour="noon")
    with pytest.raises(UnknownNameError, match="unknown data set 'msrz'"):
        open_places(PlaceChoice(data="msrz", root=tmp_path))
