from __future__ import annotations

import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import flir_files as fake

from thermoscope.core.errors import ImageTooLargeError, MissingDependencyError, ReadError
from thermoscope.io.flir import is_flir, open_flir_seq, read_flir, read_flir_visible
from thermoscope.sensor.quality import Quality

SCENE = fake.counts_scene()


def hand_kelvin(counts: float, *, emissivity: float = 0.95) -> float:
    """The temperature by hand for `fake.CAMERA`, all surroundings at 20 degrees Celsius."""
    R, B, O = 21106.77 / 0.012545258, 1501.0, 7340.0  # noqa: E741
    ambient = R / (np.exp(B / 293.15) - 1) + O
    half = 0.9957169  # transmission of half a metre of air at 20 degrees, 50 % humidity
    share = emissivity * half**2
    return float(B / np.log(R / ((counts - (1 - share) * ambient) / share - O) + 1))


# -- what comes out -------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("coding", ["little", "big", "png", "png-straight"])
@pytest.mark.parametrize("jpeg", [False, True])
def test_counts_come_back_identical_from_every_coding(order: str, coding: str, jpeg: bool):
    payload = fake.fff(order=order, coding=coding)
    image = read_flir(fake.rjpeg(payload) if jpeg else payload)
    np.testing.assert_array_equal(image.counts, SCENE)
    assert image.counts.dtype == np.uint16
    assert image.source.format == ("flir-rjpeg" if jpeg else "flir-fff")
    assert image.quality == frozenset()


@pytest.mark.parametrize("order", ["<", ">"])
def test_kelvin_follows_the_formula_by_hand(order: str):
    image = read_flir(fake.fff(order=order))
    assert image.kelvin[3, 4] == pytest.approx(hand_kelvin(float(SCENE[3, 4])), abs=0.002)
    assert image.temperature_note == ""


def test_another_emissivity_is_one_call_away():
    image = read_flir(fake.fff())
    shiny = image.with_radiometry(image.radiometry.replace(emissivity=0.5))
    expected = hand_kelvin(float(SCENE[12, 16]), emissivity=0.5)
    assert shiny.kelvin[12, 16] == pytest.approx(expected, abs=0.005)


def test_capture_says_camera_moment_and_place(tmp_path: Path):
    extra = [(0x2B, 1, fake.gps(-43.5, 172.6, 20.0)), (0x22, 1, fake.palette("Iron"))]
    extra += [(0x2A, 1, fake.picture_in_picture(1.25, -4, 7)), (0x0E, 5, fake.visible_jpeg())]
    capture = read_flir(fake.fff(extra=extra), path=tmp_path / "a.fff").capture
    assert (capture.make, capture.model, capture.lens) == ("FLIR", "FAKE SC660", "FOL38")
    assert capture.t_ns == 1_368_152_543_335_000_000
    assert capture.t_zone == "utc"
    assert capture.horizontal_fov_deg == 23.75
    assert capture.extra["latitude_deg"] == -43.5
    assert capture.extra["longitude_deg"] == 172.6
    assert capture.extra["palette"] == "Iron"
    assert capture.extra["visible_scale"] == 1.25
    assert capture.extra["visible_offset_px"] == [-4, 7]
    assert capture.extra["visible_image"] == "40x30 JPEG"
    assert capture.extra["utc_offset_min"] == -360


def test_a_position_without_fix_is_no_position():
    for record in (fake.gps(0, 0, 0), fake.gps(50, 10, 0, valid=0), fake.gps(95, 10, 0)):
        extra = read_flir(fake.fff(extra=[(0x2B, 1, record)])).capture.extra
        assert "latitude_deg" not in extra


def test_exif_gives_orientation_maker_and_place():
    image = read_flir(fake.rjpeg(before=fake.exif(6, latitude=-43.0)))
    assert Quality.ROTATED in image.quality
    assert image.capture.make == "FLIR Systems AB"
    assert image.capture.extra["latitude_deg"] == pytest.approx(-43.5)
    assert image.capture.extra["longitude_deg"] == pytest.approx(11.01)


def test_damaged_exif_costs_nothing_but_exif():
    image = read_flir(fake.rjpeg(before=fake.segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff")))
    np.testing.assert_array_equal(image.counts, SCENE)


@pytest.mark.parametrize("record", [fake.visible_jpeg(), fake.visible_png()])
def test_visible_picture_is_rgb(record: bytes):
    picture = read_flir_visible(fake.rjpeg(fake.fff(extra=[(0x0E, 5, record)])))
    assert picture.shape == (30, 40, 3)
    assert picture[15, 5].astype(int) == pytest.approx([255, 0, 0], abs=6)
    assert picture[15, 35].astype(int) == pytest.approx([0, 0, 255], abs=6)


def test_no_visible_picture_is_none():
    assert read_flir_visible(fake.fff()) is None


# -- radiometric JPEG -----------------------------------------------------------------------------


def test_pieces_come_in_any_order_and_twice():
    pieces = fake.flir_pieces(fake.fff(), 700)
    assert len(pieces) == 7
    shuffled = [pieces[k] for k in (3, 0, 6, 2, 2, 5, 1, 4)]
    np.testing.assert_array_equal(read_flir(fake.jpeg_with(shuffled)).counts, SCENE)


def test_pieces_numbered_from_one_or_not_at_all_are_read():
    pieces = fake.flir_pieces(fake.fff(), 700)
    from_one = [p[:6] + bytes([p[6] + 1, p[7] + 1]) + p[8:] for p in pieces]
    unnumbered = [p[:6] + b"\0\0" + p[8:] for p in pieces]
    for contents in (from_one, unnumbered):
        np.testing.assert_array_equal(read_flir(fake.jpeg_with(contents)).counts, SCENE)


def test_a_missing_middle_piece_is_named():
    pieces = fake.flir_pieces(fake.fff(), 700)
    with pytest.raises(ReadError, match=r"FLIR piece 3 is missing between 2 and 4 \(byte \d+\)"):
        read_flir(fake.jpeg_with(pieces[:3] + pieces[4:]))


def test_two_different_pieces_of_one_number_are_refused():
    pieces = fake.flir_pieces(fake.fff(), 700)
    other = pieces[2][:-1] + b"\x99"
    with pytest.raises(ReadError, match="two different FLIR pieces of index 2"):
        read_flir(fake.jpeg_with([*pieces, other]))


def test_missing_last_piece_fills_the_rest_and_says_so():
    payload = fake.fff()
    pieces = fake.flir_pieces(payload, len(payload) - 200)
    image = read_flir(fake.jpeg_with(pieces[:1]))
    assert Quality.TRUNCATED in image.quality
    np.testing.assert_array_equal(image.counts.ravel()[:-100], SCENE.ravel()[:-100])
    assert not image.counts.ravel()[-100:].any()
    assert np.isnan(image.kelvin.ravel()[-100:]).all()


def test_a_plain_jpeg_is_told_apart():
    plain = fake.picture_jpeg()
    assert not is_flir(plain)
    with pytest.raises(ReadError, match="no APP1 segment 'FLIR'.*plain picture"):
        read_flir(plain)


def test_faults_are_reported_at_their_place_in_the_jpeg(tmp_path: Path):
    payload = bytearray(fake.fff())
    payload[20:24] = struct.pack("<I", 77)
    jpeg = fake.rjpeg(bytes(payload))
    with pytest.raises(ReadError, match=r"x\.jpg: no FFF version from 100 to 199") as caught:
        read_flir(jpeg, path=tmp_path / "x.jpg")
    assert caught.value.offset == jpeg.index(b"FFF\0") + 20
    assert caught.value.path == tmp_path / "x.jpg"


# -- FFF ------------------------------------------------------------------------------------------


def changed(data: bytes, at: int, layout: str, *values: int) -> bytes:
    body = bytearray(data)
    struct.pack_into(layout, body, at, *values)
    return bytes(body)


RAW_AT = fake.fff().index(fake.picture_head("<", 2, 32, 24))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"FFF\0", "ends inside the FFF header"),
        (b"AFF\0" + bytes(200), "an AFF container.*not supported.*Export"),
        (changed(fake.fff(), 28, "<I", 0), "0 records declared, expected 1 to 1024"),
        (changed(fake.fff(), 28, "<I", 2**31), "2147483648 records declared"),
        (changed(fake.fff(), 24, "<I", 2**31), "ends inside the record directory"),
        (changed(fake.fff(), 24, "<I", 8), "directory at 8 lies in the header"),
        (fake.container([(0x20, 1, fake.camera_info())]), "no raw thermal image.*0x20"),
        (fake.container([]), "directory has no used entry"),
        (changed(fake.fff(), RAW_AT, "<H", 3), "3 bytes per pixel, expected 2"),
        (changed(fake.fff(), RAW_AT + 2, "<H", 0), "declared size 0x24 has no pixel"),
        (changed(fake.fff(), RAW_AT + 2, "<H", 640), "640x24 needs 30720 bytes, 1536 there"),
        (fake.fff()[:-800], "needs 1536 bytes, 736 there"),
        (b"GIF89a", r"not a FLIR file: it begins with b'GIF89a'"),
        (b"", "not a FLIR file"),
    ],
)
def test_damage_is_a_read_error_with_a_place_and_a_hint(data: bytes, message: str):
    with pytest.raises(ReadError, match=message) as caught:
        read_flir(data)
    assert caught.value.offset is not None
    assert str(caught.value).endswith(".")


def test_size_is_refused_before_anything_is_decoded():
    huge = changed(fake.fff(), RAW_AT + 2, "<HH", 65535, 65535)
    with pytest.raises(ImageTooLargeError, match="65535x65535 = 4294836225 pixels, over the limit"):
        read_flir(huge)
    with pytest.raises(ImageTooLargeError, match="limit of 767"):
        read_flir(fake.fff(), max_pixels=767)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (fake.png16(SCENE)[:-40], "PNG cannot be decoded"),
        (fake.png16(SCENE)[:20], "ends inside the PNG header"),
        (fake.png16(SCENE).replace(b"IHDR", b"iHDR"), "begins with chunk b'iHDR', expected IHDR"),
        (changed(fake.png16(SCENE), 24, "BB", 8, 0), "8 bit, colour type 0; expected 16-bit grey"),
    ],
)
def test_damaged_png_pixels_are_a_read_error(payload: bytes, message: str):
    body = fake.picture_head("<", 2, 32, 24) + payload
    with pytest.raises(ReadError, match=message):
        read_flir(fake.container([(1, 3, body)]))


def test_png_size_is_checked_apart_from_the_head():
    body = fake.picture_head("<", 2, 32, 24)
    body += changed(fake.png16(SCENE), 16, ">II", 50_000, 50_000)
    with pytest.raises(ImageTooLargeError, match="50000x50000"):
        read_flir(fake.container([(1, 3, body)]))


def test_records_that_point_at_each_other_or_outside_end_in_an_error():
    loop = fake.fff()
    for slot, kind in ((0, 1), (1, 0x20)):  # both records claim the directory itself
        loop = changed(loop, 64 + 32 * slot, "<HHIIII", kind, 1, 100, 1, 64, 448)
    with pytest.raises(ReadError):
        read_flir(loop)
    with pytest.raises(ReadError):
        read_flir(changed(fake.fff(), 64 + 32 + 12, "<II", 2**32 - 1, 2**32 - 1))


# -- what the file says about temperature ---------------------------------------------------------


def test_without_camera_info_counts_have_no_temperature():
    image = read_flir(fake.container([(1, 2, fake.raw_data(SCENE)[1])]))
    assert image.kind == "counts"
    assert "no CameraInfo record" in image.temperature_note


@pytest.mark.parametrize("change", [{"R1": 0.0}, {"B": float("nan")}, {"R2": -1.0}, {"F": 1e30}])
def test_impossible_planck_constants_give_no_temperature(change: dict[str, float]):
    image = read_flir(fake.fff(camera=change))
    assert image.radiometry is None
    assert "Planck constants are not usable" in image.temperature_note


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"emissivity": 0.0}, "emissivity is 0, which is impossible: 1 was used"),
        ({"emissivity": float("nan")}, "emissivity is not stated: 1 was used"),
        ({"air_k": 1e9}, "air_k is 1e+09, which is impossible: 293.15 was used"),
        ({"window_transmission": 7.0}, "window_transmission is 7, which is impossible"),
        ({"air": (1e30, 0.0, 0.0, 0.0, 1.9)}, "air constants are not usable"),
        ({"model": "Vue Pro 640 9mm"}, "sold without temperature calibration"),
    ],
)
def test_a_replaced_parameter_is_named(change: dict[str, object], note: str):
    image = read_flir(fake.fff(camera=change))
    assert note in image.temperature_note
    assert np.isfinite(image.kelvin).all()


def test_humidity_in_percent_means_the_same():
    percent = read_flir(fake.fff(camera={"relative_humidity": 50.0}))
    np.testing.assert_array_equal(percent.kelvin, read_flir(fake.fff()).kelvin)


# -- JPEG-LS --------------------------------------------------------------------------------------


def test_jpegls_pixels_come_back_identical():
    pytest.importorskip("imagecodecs", reason="JPEG-LS needs the extra 'formats'")
    frames = fake.seq(3, coding="jpegls")
    np.testing.assert_array_equal(read_flir(frames, frame=2).counts, SCENE + np.uint16(20))
    with pytest.raises(ReadError, match="JPEG-LS stream has no end marker"):
        read_flir(fake.fff(coding="jpegls")[:-400])


def jpegls_stream(width: int, height: int, depth: int = 16) -> bytes:
    head = b"\xff\xd8\xff\xf7" + struct.pack(">HBHHB", 11, depth, height, width, 1)
    return head + bytes(200) + b"\xff\xd9"


@pytest.mark.parametrize(
    ("stream", "error", "message"),
    [
        (jpegls_stream(60_000, 60_000), ImageTooLargeError, "60000x60000"),
        (jpegls_stream(32, 24, depth=8), ReadError, "1 x 8 bit, expected 1 x 9 to 16"),
        (b"\xff\xd8\xff\xc0" + bytes(200), ReadError, "not JPEG-LS"),
        (b"\xff\xd8\xff\xe0\0\x02" * 3, ReadError, "JPEG-LS header|not JPEG-LS"),
    ],
)
def test_jpegls_is_checked_before_a_decoder_is_asked(
    stream: bytes, error: type[Exception], message: str
):
    body = fake.picture_head("<", 2, 32, 24) + stream
    with pytest.raises(error, match=message):
        read_flir(fake.container([(1, 3, body)]))


def test_without_a_jpegls_decoder_the_pip_line_is_printed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    body = fake.picture_head("<", 2, 32, 24) + jpegls_stream(32, 24)
    with pytest.raises(MissingDependencyError, match=r"pip install 'thermoscope\[formats\]'"):
        read_flir(fake.container([(1, 3, body)]))


# -- sequences ------------------------------------------------------------------------------------


@pytest.fixture
def seq_path(tmp_path: Path) -> Path:
    path = tmp_path / "a.seq"
    path.write_bytes(fake.seq(4))
    return path


def test_sequence_gives_each_frame(seq_path: Path):
    frames = open_flir_seq(seq_path)
    assert frames.frame_count is None
    assert [int(f.counts[0, 0]) for f in frames] == [17000, 17010, 17020, 17030]
    assert len(frames) == 4
    assert int(frames[-1].counts[0, 0]) == 17030
    assert frames[2].source.frame_index == 2
    assert frames[2].source.frame_count == 4
    assert frames[2].source.format == "flir-seq"
    assert frames.skipped_bytes == 0
    with pytest.raises(IndexError, match="frame 4 of 4"):
        frames[4]


def test_sequence_survives_pickling(seq_path: Path):
    frames = pickle.loads(pickle.dumps(open_flir_seq(seq_path)))
    assert int(frames[3].counts[0, 0]) == 17030


def test_magic_bytes_inside_the_pixels_start_no_frame(tmp_path: Path):
    scene = SCENE.copy()
    scene.ravel()[100:140] = np.frombuffer(b"FFF\0" * 20, "<u2")
    path = tmp_path / "a.seq"
    path.write_bytes(fake.fff(scene) + fake.fff(scene))
    assert len(open_flir_seq(path)) == 2


def test_padding_and_damage_between_frames_are_skipped_and_counted(tmp_path: Path):
    path = tmp_path / "a.seq"
    path.write_bytes(fake.seq(3, gap=100))
    frames = open_flir_seq(path)
    assert len(frames) == 3
    assert frames.skipped_bytes == 200
    one = len(fake.fff())
    broken = bytearray(fake.seq(3))
    broken[one + 20 : one + 24] = b"\xff" * 4  # version of the second frame
    path.write_bytes(broken)
    frames = open_flir_seq(path)
    assert [int(f.counts[0, 0]) for f in frames] == [17000, 17020]
    assert frames.skipped_bytes == one


@pytest.mark.parametrize(("lost", "count", "flagged"), [(400, 2, True), (1400, 1, False)])
def test_a_torn_tail_is_flagged_or_left_out(tmp_path: Path, lost: int, count: int, flagged: bool):
    path = tmp_path / "a.seq"
    path.write_bytes(fake.seq(2)[:-lost])
    frames = open_flir_seq(path)
    assert len(frames) == count
    assert (Quality.TRUNCATED in frames[-1].quality) is flagged
    assert (frames.skipped_bytes > 0) is not flagged


def test_a_sequence_that_is_none_says_why(tmp_path: Path):
    with pytest.raises(ReadError, match="Check the path"):
        open_flir_seq(tmp_path / "absent.seq")
    path = tmp_path / "a.seq"
    path.write_bytes(b"nonsense")
    with pytest.raises(ReadError, match="no FFF container here"):
        open_flir_seq(path)
    with pytest.raises(ReadError, match=r"frame 9 asked for, and there are 4.*Ask for 0 to 3"):
        read_flir(fake.seq(4), frame=9)
    with pytest.raises(ReadError, match="frame 1 asked for, and there is one"):
        read_flir(fake.rjpeg(), frame=1)


def test_indexing_reads_headers_only(tmp_path: Path):
    path = tmp_path / "a.seq"
    path.write_bytes(fake.seq(200))
    frames = open_flir_seq(path)
    assert int(frames[0].counts[0, 0]) == 17000
    assert frames.frame_count is None  # nobody asked for the end
    assert len(frames) == 200


# -- FPF ------------------------------------------------------------------------------------------

KELVIN = np.linspace(280, 310, 12 * 16, dtype=np.float32).reshape(12, 16)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("coding", [2, 3])
def test_fpf_temperatures_come_back_identical(order: str, coding: int):
    image = read_flir(fake.fpf(KELVIN, order=order, coding=coding))
    np.testing.assert_array_equal(image.kelvin, KELVIN)
    assert image.source.format == "flir-fpf"
    assert image.capture.model == "FAKE E40"
    assert image.capture.t_ns == 1_361_531_960_891_000_000  # 2013-02-22 11:19:20.891


def test_cut_fpf_is_nan_and_flagged():
    image = read_flir(fake.fpf(KELVIN)[:-40])
    assert Quality.TRUNCATED in image.quality
    assert np.isnan(image.kelvin.ravel()[-10:]).all()
    assert np.isfinite(image.kelvin.ravel()[:-10]).all()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (fake.fpf(KELVIN)[:100], "needs 768 bytes of temperatures from byte 892 on, 0 there"),
        (fake.fpf(KELVIN, content=2), "FPF of object signal, expected temperature"),
        (fake.fpf(KELVIN, content=9), "FPF of unknown content 9"),
        (changed(fake.fpf(KELVIN), 0x2A, "<H", 0), "pixel format 0, expected 2"),
        (fake.fpf(KELVIN)[:40], "ends inside the FPF header"),
        (changed(fake.fpf(KELVIN), 0x2C, "<H", 0), "0x12 has no pixel"),
        (changed(fake.fpf(KELVIN), 0x24, "<I", 2**32 - 1), "from byte 4294967295 on, 0 there"),
    ],
)
def test_damaged_fpf_is_a_read_error(data: bytes, message: str):
    with pytest.raises(ReadError, match=message):
        read_flir(data)


# -- anything at all ------------------------------------------------------------------------------

SEEDS = [fake.fff(), fake.rjpeg(fake.fff(coding="png"), piece_bytes=900), fake.fpf(KELVIN)]


@given(
    seed=st.sampled_from(SEEDS),
    cut=st.floats(0, 1),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=6),
)
def test_any_damage_gives_an_image_or_a_read_error(
    seed: bytes, cut: float, edits: list[tuple[float, int]]
):
    data = bytearray(seed[: int(len(seed) * cut)])
    for where, value in edits:
        if data:
            data[int(where * (len(data) - 1))] = value
    try:
        offset, pixels = 0, read_flir(bytes(data)).kind
    except ReadError as err:
        offset, pixels = err.offset, "none"
    assert offset is not None
    assert pixels in ("kelvin", "counts", "none")
