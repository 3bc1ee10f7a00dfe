import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.fakes import flir_files
from tests.fakes import image_files as fake

from thermoscope.core.errors import ConfigError, ReadError
from thermoscope.io.read import RawLayout
from thermoscope.io.sequence import files_of, open_sequence
from thermoscope.io.write import write_image
from thermoscope.sensor.planck import LinearScale
from thermoscope.sensor.quality import Quality

FRAMES = [fake.scene(24, 32, seed=k) for k in range(12)]


@pytest.fixture
def folder(tmp_path):
    """f0.png to f11.png, and things that are no frames."""
    path = tmp_path / "flight"
    path.mkdir()
    for k, frame in enumerate(FRAMES):
        write_image(path / f"f{k}.png", frame)
    (path / "notes.txt").write_text("no frame")
    (path / ".hidden.png").write_bytes(b"")
    (path / "below").mkdir()
    return path


def first_values(sequence):
    return [int(image.counts[0, 0]) for image in sequence]


EXPECTED = [int(frame[0, 0]) for frame in FRAMES]


# -- sources -------------------------------------------------------------------------------------


def test_a_folder_in_natural_order(folder):
    sequence = open_sequence(folder)
    assert len(sequence) == sequence.frame_count == 12
    assert first_values(sequence) == EXPECTED
    assert first_values(sequence) == EXPECTED  # a second time


@pytest.mark.parametrize("kind", [str, Path])
def test_a_glob(folder, kind):
    sequence = open_sequence(kind(folder / "f1*.png"))
    assert [image.source.path.name for image in sequence] == ["f1.png", "f10.png", "f11.png"]


def test_a_list_keeps_its_order(folder):
    paths = [folder / "f3.png", str(folder / "f1.png")]
    assert first_values(open_sequence(paths)) == [EXPECTED[3], EXPECTED[1]]


def test_one_file_is_a_sequence_of_one(folder):
    sequence = open_sequence(folder / "f3.png")
    assert len(sequence) == 1
    assert first_values(sequence) == [EXPECTED[3]]


def multi_frame_files():
    stack = np.stack(FRAMES[:4])
    grey = [Image.fromarray((f // 16).astype(np.uint8)) for f in FRAMES[:4]]
    return {
        ".tiff": fake.tiff(stack, photometric="minisblack"),
        ".cptv": fake.cptv(FRAMES[:4]),
        ".y16": stack.tobytes(),
        ".gif": fake.encoded(grey[0], "GIF", save_all=True, append_images=grey[1:]),
    }


@pytest.mark.parametrize("suffix", [".tiff", ".cptv", ".y16", ".gif"])
def test_multi_frame_files(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(multi_frame_files()[suffix])
    with open_sequence(path, shape=(24, 32)) as sequence:
        assert len(sequence) == 4
        images = list(sequence)
        assert [image.source.frame_index for image in images] == [0, 1, 2, 3]
        back = [np.asarray(sequence[k].values) for k in (3, -2, 0)]
    for image, frame in zip(images, FRAMES, strict=False):
        wanted = frame // 16 if suffix == ".gif" else frame
        np.testing.assert_array_equal(image.values, wanted)
    for values, k in zip(back, (3, 2, 0), strict=True):
        np.testing.assert_array_equal(values, images[k].values)


def test_a_flir_sequence(tmp_path):
    path = tmp_path / "a.seq"
    path.write_bytes(flir_files.seq(3))
    with open_sequence(path) as sequence:
        assert [image.source.frame_index for image in sequence] == [0, 1, 2]
        assert len(sequence) == 3
        assert all(image.radiometric for image in sequence)


def test_a_folder_of_single_fff_frames(tmp_path):
    for k in range(2):
        (tmp_path / f"{k}.fff").write_bytes(flir_files.fff())
    assert [image.kind for image in open_sequence(tmp_path)] == ["kelvin", "kelvin"]


def test_layout_and_scale_reach_every_frame(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(16) + np.stack(FRAMES[:2]).tobytes())
    layout = RawLayout((24, 32), header_bytes=16)
    with open_sequence(path, raw=layout, scale=LinearScale(0.1)) as sequence:
        assert [float(image.kelvin[0, 0]) for image in sequence] == pytest.approx(
            [EXPECTED[0] / 10, EXPECTED[1] / 10], abs=1e-3
        )


def test_quality_of_the_pixels_can_be_left_out(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(np.full((2, 24, 32), 3000, np.uint16).tobytes())
    layout = RawLayout((24, 32))
    for source in (path, [path]):
        judged = open_sequence(source, raw=layout)
        plain = open_sequence(source, raw=layout, quality=False)
        assert [image.quality for image in judged] == [{Quality.CONSTANT}] * 2
        assert [image.quality for image in plain] == [frozenset()] * 2


# -- slices --------------------------------------------------------------------------------------


def test_slices_are_sequences(folder):
    sequence = open_sequence(folder)
    part = sequence[2:9:3]
    assert len(part) == part.frame_count == 3
    assert first_values(part) == [EXPECTED[k] for k in (2, 5, 8)]
    assert first_values(sequence[::-1]) == EXPECTED[::-1]
    assert first_values(part[1:]) == [EXPECTED[5], EXPECTED[8]]
    assert first_values(sequence[20:]) == []
    assert int(part[-1].counts[0, 0]) == EXPECTED[8]


@pytest.mark.parametrize("index", [12, -13])
def test_an_index_past_the_end(folder, index):
    with pytest.raises(IndexError):
        open_sequence(folder)[index]


def test_sequences_of_files_can_be_pickled(folder):
    sequence = pickle.loads(pickle.dumps(open_sequence(folder)[3:5]))
    assert first_values(sequence) == EXPECTED[3:5]


# -- damage --------------------------------------------------------------------------------------


def test_a_damaged_frame_raises_and_says_which(folder):
    (folder / "f4.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    frames = iter(open_sequence(folder))
    assert [int(next(frames).counts[0, 0]) for _ in range(4)] == EXPECTED[:4]
    with pytest.raises(ReadError, match=r"f4\.png"):
        next(frames)


def test_damaged_frames_are_skipped_and_reported(folder):
    (folder / "f4.png").write_bytes(b"")
    (folder / "f11.png").write_bytes(b"nothing")
    sequence = open_sequence(folder, on_error="skip")
    assert first_values(sequence) == EXPECTED[:4] + EXPECTED[5:11]
    assert [skipped.index for skipped in sequence.skipped] == [4, 11]
    assert "empty" in str(sequence.skipped[0].error)
    list(sequence)
    assert len(sequence.skipped) == 2  # counted anew
    with pytest.raises(ReadError, match="empty"):
        sequence[4]


def test_multi_frame_files_in_a_folder_give_all_their_frames(folder):
    tiff = fake.tiff(np.stack(FRAMES[:3]), photometric="minisblack")
    (folder / "f3.tiff").write_bytes(tiff)  # after f3.png
    (folder / "f20.cptv").write_bytes(fake.cptv(FRAMES[:2]))
    (folder / "f21.tiff").write_bytes(b"damaged")
    wanted = EXPECTED[:4] + EXPECTED[:3] + EXPECTED[4:] + EXPECTED[:2]
    with open_sequence(folder, on_error="skip") as sequence:
        assert sequence.frame_count is None  # not before somebody looks
        assert first_values(sequence) == wanted
        assert [skipped.index for skipped in sequence.skipped] == [17]
        assert len(sequence) == sequence.frame_count == 18
        assert [int(sequence[k].counts[0, 0]) for k in (5, 16, 4, 0)] == [
            wanted[k] for k in (5, 16, 4, 0)
        ]
        assert pickle.loads(pickle.dumps(sequence))[16].source.format == "cptv"


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("absent", "No such file"),
        ("a*.png", "no file matches"),
        ("", "no image file"),
        ([], "empty"),
    ],
)
def test_nothing_there(tmp_path, source, match):
    target = source if isinstance(source, list) else str(tmp_path / source)
    with pytest.raises(ReadError, match=match):
        open_sequence(target)


def test_an_unknown_policy(folder):
    with pytest.raises(ConfigError, match="'raise' or 'skip', got 'ignore'"):
        open_sequence(folder, on_error="ignore")


# -- memory --------------------------------------------------------------------------------------


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


@pytest.mark.parametrize("suffix", [".tiff", ".y16", ".cptv", "folder"])
def test_memory_does_not_grow_with_the_sequence(tmp_path, suffix):
    frames = 400
    frame = fake.scene(120, 160)
    path = tmp_path / f"long{suffix}"
    if suffix == "folder":
        path.mkdir()
        write_image(path / "0.png", frame)
        for k in range(1, frames):
            (path / f"{k}.png").hardlink_to(path / "0.png")
    elif suffix == ".tiff":
        path.write_bytes(fake.tiff(np.broadcast_to(frame, (frames, *frame.shape))))
    elif suffix == ".y16":
        path.write_bytes(frame.tobytes() * frames)
    else:
        path.write_bytes(fake.cptv([frame] * frames))
    with open_sequence(path, shape=(120, 160)) as sequence:
        start, grown = 0.0, 0.0
        for index, image in enumerate(sequence):
            assert image.shape == (120, 160)
            if index == 50:
                start = resident_mb()
        grown = resident_mb() - start
    assert index == frames - 1
    assert grown < 4  # 350 frames are 13 MB


def test_a_name_that_is_too_long_is_a_read_error():
    for long in ("y" * 300, f"{'y' * 300}*.png"):
        with pytest.raises(ReadError):
            files_of(long)
        with pytest.raises(ReadError):
            open_sequence(long)
