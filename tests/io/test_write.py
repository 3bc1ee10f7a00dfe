import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thermoscope.core.errors import ShapeError, UnitError, WriteError
from thermoscope.io.frame_metadata import metadata_text, parsed_metadata
from thermoscope.io.read import read
from thermoscope.io.thermal_image import CaptureInfo, ThermalImage
from thermoscope.io.write import write_image
from thermoscope.sensor.planck import LinearScale, Planck, PlanckCurve
from thermoscope.sensor.quality import Quality

SIDES = st.tuples(st.integers(1, 12), st.integers(1, 12))
PLANCK = Planck(PlanckCurve(R=16556.0, B=1428.0, F=1.0, O=-207.0), emissivity=0.9, distance_m=12)
COUNTS = np.arange(2000, 2080, dtype=np.uint16).reshape(8, 10)


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


# -- reads back identical ------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".tif"])
@settings(max_examples=25)
@given(counts=SIDES.flatmap(lambda s: hnp.arrays(np.uint16, s)), compress=st.booleans())
def test_counts_read_back_identical(folder, suffix, counts, compress):
    path = folder / f"counts{suffix}"
    write_image(path, counts, compress=compress)
    back = read(path)
    np.testing.assert_array_equal(back.counts, counts)
    assert back.kind == "counts"


@settings(max_examples=25)
@given(kelvin=SIDES.flatmap(lambda s: hnp.arrays(np.float32, s)))
def test_temperatures_read_back_bit_for_bit(folder, kelvin):
    path = folder / "kelvin.tiff"
    write_image(path, kelvin)
    back = read(path)
    assert back.kind == "kelvin"
    np.testing.assert_array_equal(back.stored_kelvin.view(np.uint32), kelvin.view(np.uint32))


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@settings(max_examples=20)
@given(
    agc=SIDES.flatmap(lambda s: st.one_of(hnp.arrays(np.uint8, s), hnp.arrays(np.uint8, (*s, 3))))
)
def test_pictures_read_back_identical(folder, suffix, agc):
    path = folder / f"agc{suffix}"
    write_image(path, agc)
    back = read(path).agc
    grey = agc.ndim == 3 and (agc == agc[..., :1]).all()
    np.testing.assert_array_equal(back, agc[..., 0] if grey else agc)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("radiometry", [PLANCK, LinearScale(0.01, 3.5)], ids=["planck", "linear"])
def test_the_radiometry_comes_back(tmp_path, suffix, radiometry):
    image = ThermalImage(counts=COUNTS, radiometry=radiometry)
    write_image(tmp_path / f"a{suffix}", image)
    back = read(tmp_path / f"a{suffix}")
    assert back.radiometry == radiometry
    np.testing.assert_array_equal(back.kelvin, image.kelvin)


def test_camera_moment_note_and_told_flags_come_back(tmp_path):
    capture = CaptureInfo(
        "ACMÉ", "T1", t_ns=1_700_000_000_123_456_789, t_zone="utc", ffc=False,
        extra={"a": 1.5, "b": [1, "x"], "c": np.float32(2.5), "d": float("nan")},
    )  # fmt: skip
    image = ThermalImage(
        counts=COUNTS,
        capture=capture,
        temperature_note="why not",
        quality=frozenset({Quality.FFC, Quality.DEAD_PIXELS}),
    )
    for name in ("a.png", "a.tiff"):
        write_image(tmp_path / name, image)
        back = read(tmp_path / name)
        assert (back.capture.make, back.capture.t_ns) == ("ACMÉ", capture.t_ns)
        assert back.capture.extra == {"a": 1.5, "b": [1, "x"], "c": 2.5, "d": None}
        assert back.temperature_note == "why not"
        assert Quality.FFC in back.quality
        assert Quality.DEAD_PIXELS not in back.quality  # pixels say otherwise


def test_layouts_of_memory_do_not_matter(tmp_path):
    wide = np.repeat(COUNTS.astype(">u2"), 2, axis=1)[:, ::2]
    write_image(tmp_path / "a.tiff", wide)
    np.testing.assert_array_equal(read(tmp_path / "a.tiff").counts, COUNTS)


def test_stored_temperatures_win_over_counts_without_a_scale(tmp_path):
    kelvin = np.full((8, 10), 300.0, np.float32)
    image = ThermalImage(counts=COUNTS, stored_kelvin=kelvin)
    write_image(tmp_path / "a.tiff", image)
    assert read(tmp_path / "a.tiff").kind == "kelvin"
    write_image(tmp_path / "b.tiff", image, plane="counts")
    assert read(tmp_path / "b.tiff").kind == "counts"


def test_temperatures_of_counts_on_request(tmp_path):
    image = ThermalImage(counts=COUNTS, radiometry=LinearScale(0.1))
    write_image(tmp_path / "a.tiff", image, plane="kelvin")
    back = read(tmp_path / "a.tiff")
    assert back.counts is None
    np.testing.assert_array_equal(back.kelvin, image.kelvin)


def test_a_scale_rounds_temperatures_into_a_png(tmp_path):
    kelvin = np.array([[300.004, 299.996], [250.0, 350.25]], np.float32)
    write_image(tmp_path / "a.png", kelvin, scale=LinearScale(0.01))
    back = read(tmp_path / "a.png")
    assert back.counts.tolist() == [[30000, 30000], [25000, 35025]]
    assert back.kelvin[1, 1] == pytest.approx(350.25)


# -- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp", ".JPG"])
def test_lossy_targets_are_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with pytest.raises(WriteError, match=r"cannot hold counts without loss. Use .tiff or .png"):
        write_image(path, COUNTS)
    assert not path.exists()


@pytest.mark.parametrize("name", ["a.xyz", "a"])
def test_unknown_suffixes_are_refused(tmp_path, name):
    with pytest.raises(WriteError, match="no writer for"):
        write_image(tmp_path / name, COUNTS)


def test_png_has_no_temperatures(tmp_path):
    with pytest.raises(WriteError, match=r"whole numbers only.*scale=LinearScale\(0.01\)"):
        write_image(tmp_path / "a.png", np.full((2, 2), 300, np.float32))


@pytest.mark.parametrize(
    ("values", "error", "match"),
    [
        (
            np.zeros((2, 2), np.int32),
            UnitError,
            "uint16 counts, float32 kelvin or uint8, got int32",
        ),
        (np.zeros((2, 2), np.float64), UnitError, "got float64"),
        (np.zeros((2, 2, 2), np.uint16), ShapeError, "counts must be"),
        (np.zeros((0, 2), np.uint16), ShapeError, "at least one pixel"),
    ],
)
def test_arrays_that_are_no_frame(tmp_path, values, error, match):
    with pytest.raises(error, match=match):
        write_image(tmp_path / "a.tiff", values)


def test_planes_that_are_not_there(tmp_path):
    with pytest.raises(UnitError, match="this frame has no agc, only counts"):
        write_image(tmp_path / "a.png", COUNTS, plane="agc")
    with pytest.raises(UnitError, match="no temperature"):
        write_image(tmp_path / "a.tiff", COUNTS, plane="kelvin")
    with pytest.raises(UnitError, match="this frame has none"):
        write_image(tmp_path / "a.png", COUNTS, scale=LinearScale(0.01))
    with pytest.raises(UnitError, match="must be finite"):
        write_image(tmp_path / "a.png", np.full((2, 2), np.nan, "f4"), scale=LinearScale(0.01))


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.tiff"
    write_image(path, COUNTS)
    with pytest.raises(UnitError):
        write_image(path, COUNTS, plane="agc")
    np.testing.assert_array_equal(read(path).counts, COUNTS)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tiff"]
    with pytest.raises(WriteError, match="cannot write"):
        write_image(path / "below.tiff", COUNTS)


# -- the entry -----------------------------------------------------------------------------------


def test_the_entry_is_plain_json_in_ascii():
    text = metadata_text(ThermalImage(counts=COUNTS), plane="counts", radiometry=PLANCK)
    assert text.isascii()
    assert json.loads(text)["radiometry"]["curve"]["B"] == 1428.0


@pytest.mark.parametrize("text", ["", "a description", '{"shape": [1]}', None, 7])
def test_text_of_others_is_left_alone(text):
    assert parsed_metadata(text) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"thermoscope": 1',
        '{"thermoscope": 1}',
        '{"thermoscope": 1, "unit": "furlong"}',
        '{"thermoscope": 1, "unit": "counts", "flags": ["no_such"]}',
        '{"thermoscope": 1, "unit": "counts", "radiometry": {"type": "magic"}}',
        '{"thermoscope": 1, "unit": "counts", "radiometry": 7}',
        '{"thermoscope": 1, "unit": "counts", "radiometry": {"type": "linear"}}',
        '{"thermoscope": 1, "unit": "counts", "capture": {"t_ns": "noon"}}',
        '{"thermoscope": 1, "unit": "counts", "capture": ' + "[" * 100_000,
    ],
)
def test_damaged_text_of_ours_is_empty_but_for_a_note(text):
    found = parsed_metadata(text)
    assert found.unit is None
    assert found.radiometry is None
    assert "damaged" in found.note
