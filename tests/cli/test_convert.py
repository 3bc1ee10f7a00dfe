import csv
import json

import numpy as np
import pytest
from PIL import Image

from thermoscope.cli.main import main

SCALE = ["--kelvin-per-count", "0.01"]


def convert(*words) -> int:
    return main(["convert", *map(str, words)])


def test_picture_has_a_colour_bar_and_plain_has_not(frame, tmp_path, capsys):
    assert convert(frame, tmp_path / "a.png", "--spots", *SCALE) == 0
    assert capsys.readouterr().out == "1 converted, 0 failed\n"
    assert convert(frame, tmp_path / "b.png", "--plain") == 0
    wide, plain = (np.asarray(Image.open(tmp_path / n)) for n in ("a.png", "b.png"))
    assert plain.shape == (48 * 8, 64 * 8, 3)  # enlarged eight times to 512 px
    assert wide.shape[1] > plain.shape[1]
    hottest = plain[14 * 8, 23 * 8]
    assert (plain.sum(axis=2) <= hottest.sum()).all()


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_other_picture_formats(suffix, frame, tmp_path):
    target = tmp_path / f"a{suffix}"
    assert convert(frame, target, "--palette", "ironbow", "--tone", "clahe") == 0
    with Image.open(target) as picture:
        assert picture.format == {".jpg": "JPEG", ".webp": "WEBP"}[suffix]


def test_isotherm_paints_what_is_hot(frame, tmp_path):
    # 32015 counts and more are 320.15 K = 47 degrees Celsius, 116.6 degrees Fahrenheit
    for limit, unit in ((40, "C"), (104, "F"), (313.15, "K"), (31315, "counts")):
        target = tmp_path / f"{unit}.png"
        words = ["--above", limit, "--unit", unit, "--palette", "white_hot", "--plain", *SCALE]
        assert convert(frame, target, *words) == 0
        picture = np.asarray(Image.open(target)).astype(int)
        painted = np.ptp(picture, axis=2) > 50
        assert painted.mean() == pytest.approx(48 / (48 * 64))


def test_values_typed_without_a_unit_are_those_of_the_frame(frame, tmp_path):
    # counts of unknown scale: 31000 means counts, not degrees
    words = ["--above", 31000, "--scale", 29000, 33000, "--palette", "white_hot", "--plain"]
    assert convert(frame, tmp_path / "a.png", *words) == 0
    picture = np.asarray(Image.open(tmp_path / "a.png")).astype(int)
    assert (np.ptp(picture, axis=2) > 50).mean() == pytest.approx(48 / (48 * 64))
    assert picture[0, 0, 0] == pytest.approx(315 / 4000 * 255, abs=2)


def test_locked_scale_gives_equal_colours_to_equal_values(folder, tmp_path):
    words = ["--scale", 10, 60, "--palette", "white_hot", "--plain", *SCALE]
    assert convert(folder, tmp_path / "out", *words) == 0
    pictures = [np.asarray(Image.open(p)) for p in sorted((tmp_path / "out").iterdir())]
    assert len(pictures) == 3
    assert pictures[0][0, 0].tolist() == pictures[2][0, 0].tolist()
    # 20 of 10 to 60 degrees is a fifth of the way
    assert pictures[0][0, 0, 0] == pytest.approx(0.2 * 255, abs=3)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_counts_come_back_bit_for_bit(suffix, frame, tmp_path):
    target = tmp_path / f"counts{suffix}"
    assert convert(frame, target, "--to", "counts") == 0
    import cv2

    before, after = (cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in (frame, target))
    assert after.dtype == np.uint16
    assert (after == before).all()


def test_celsius_table(frame, tmp_path):
    assert convert(frame, tmp_path / "t.csv", "--to", "celsius_csv", *SCALE) == 0
    rows = list(csv.reader((tmp_path / "t.csv").read_text("ascii").splitlines()))
    assert (len(rows), len(rows[0])) == (48, 64)
    assert float(rows[14][23]) == pytest.approx(320.75 - 273.15, abs=0.006)


def test_kelvin_as_npy(frame, tmp_path):
    assert convert(frame, tmp_path / "t.npy", "--to", "kelvin", *SCALE) == 0
    kelvin = np.load(tmp_path / "t.npy")
    assert kelvin.dtype == np.float32
    assert kelvin[14, 23] == pytest.approx(320.75)


def test_agc_comes_with_the_way_back(folder, tmp_path):
    from thermoscope.sensor.tone_sidecar import ToneSidecar

    assert convert(folder, tmp_path / "pack", "--to", "agc") == 0
    assert sorted(p.name for p in (tmp_path / "pack").iterdir()) == [
        f"f{i}{end}" for i in range(3) for end in (".png", ".tone.json")
    ]
    levels = np.asarray(Image.open(tmp_path / "pack" / "f1.png"))
    sidecar = ToneSidecar.load(tmp_path / "pack" / "f1.tone.json")
    counts = np.asarray(Image.open(folder / "f1.png"))
    back = sidecar.counts_from_agc(levels)
    assert not back.clipped.all()
    step = np.ptp(counts) / 253
    assert np.abs(back.values - counts)[~back.clipped].max() <= step


# -- many files ----------------------------------------------------------------------------------


def test_patterns_and_several_inputs_go_into_a_folder(folder, frame, tmp_path):
    assert convert(f"{folder}/f[01].png", frame, tmp_path / "out") == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["f0.png", "f1.png", "frame.png"]


def test_existing_files_are_kept(frame, tmp_path, capsys):
    target = tmp_path / "a.png"
    target.write_bytes(b"mine")
    assert convert(frame, target) == 2
    assert "a.png exists. Pass --overwrite to replace it" in capsys.readouterr().err
    assert target.read_bytes() == b"mine"
    assert convert(frame, target, "--overwrite") == 0
    assert target.read_bytes() != b"mine"


def test_two_inputs_of_one_name_do_not_overwrite_each_other(frame, tmp_path, capsys):
    other = tmp_path / "other" / frame.name
    other.parent.mkdir()
    other.write_bytes(frame.read_bytes())
    assert convert(frame, other, tmp_path / "out", "--overwrite") == 2
    captured = capsys.readouterr()
    assert "two inputs have one name" in captured.err
    assert captured.out == "1 converted, 1 failed\n"


def test_a_broken_file_does_not_stop_the_others(frame, broken, tmp_path, capsys):
    assert convert(broken, frame, tmp_path / "out") == 2
    captured = capsys.readouterr()
    assert captured.out == "1 converted, 1 failed\n"
    assert "broken.png" in captured.err
    assert (tmp_path / "out" / "frame.png").exists()


def test_a_broken_frame_of_a_folder_does_not_stop_the_others(folder, broken, tmp_path, capsys):
    broken.rename(folder / "f1a.png")
    assert convert(folder, tmp_path / "out") == 2
    captured = capsys.readouterr()
    assert captured.out == "3 converted, 1 failed\n"
    assert captured.err.count("f1a.png") == 1


def test_files_of_one_call_share_their_tone_mapping(folder, tmp_path):
    # for annotation tools: f1 comes with or without its folder, with one and the same brightness
    files = sorted(folder.iterdir())
    assert convert(folder, tmp_path / "a", "--to", "agc") == 0
    assert convert(*files, tmp_path / "b", "--to", "agc") == 0
    assert convert(files[1], tmp_path / "c.png", "--to", "agc") == 0
    first, second = ((tmp_path / d / "f1.png").read_bytes() for d in "ab")
    assert first == second


def test_pages_of_a_file_become_numbered_files(tmp_path):
    import tifffile

    pages = np.arange(3 * 48 * 64, dtype=np.uint16).reshape(3, 48, 64)
    tifffile.imwrite(tmp_path / "stack.tiff", pages, photometric="minisblack")
    assert convert(tmp_path / "stack.tiff", tmp_path / "out", "--to", "counts") == 0
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == [f"stack_{i:06d}.tiff" for i in range(3)]
    assert (tifffile.imread(tmp_path / "out" / names[2]) == pages[2]).all()


def test_raw_pixels_need_their_size(tmp_path, capsys):
    rows, columns = np.indices((48, 64))
    (tmp_path / "dump.y16").write_bytes((3000 + rows + columns).astype("<u2").tobytes())
    assert convert(tmp_path / "dump.y16", tmp_path / "a.tiff", "--to", "counts") == 2
    assert "dump.y16" in capsys.readouterr().err
    words = ["--to", "counts", "--size", "64x48"]
    assert convert(tmp_path / "dump.y16", tmp_path / "a.tiff", *words) == 0


# -- misuse --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.txt"], "cannot be written as a.txt"),
        (["a.csv", "--to", "celsius_csv"], "no temperature"),
        (["a.png", "--palette", "infernp"], "Did you mean 'inferno'"),
        (["a.png", "--tone", "clahee"], "Did you mean 'clahe'"),
        (["a.png", "--unit", "C"], "no temperature"),
        (["a.png", "--emissivity", "0.9"], "no Planck radiometry"),
        (["a.png", "--size", "640"], "--size must be WIDTHxHEIGHT"),
        (["a.png", "--scale", "30", "10", *SCALE], "--scale must rise, got 30 10"),
        (["a.png", "--scale", "1", "9", "--tone", "clahe"], "leave --tone out"),
        (["a.png", "--tone", "fixed"], "--tone fixed needs --scale"),
        (["a.png", "--above", "30", "--below", "10"], "--above 30 exceeds --below 10"),
    ],
)
def test_misuse_is_one_sentence(words, message, frame, tmp_path, capsys):
    words[0] = str(tmp_path / words[0])
    assert convert(frame, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not list(tmp_path.glob("a.*"))


def test_nothing_to_convert(tmp_path, capsys):
    assert convert(tmp_path / "out") == 2
    assert "convert needs inputs and a target" in capsys.readouterr().err
    assert convert(tmp_path / "absent.png", tmp_path / "out.png") == 2
    assert "absent.png" in capsys.readouterr().err


@pytest.mark.real
def test_real_flir_file(real_data, tmp_path, capsys):
    file = real_data / "raw" / "flir_rjpeg" / "IR_2412.jpg"
    assert convert(file, tmp_path / "t.csv", "--to", "celsius_csv") == 0
    values = np.loadtxt(tmp_path / "t.csv", delimiter=",")
    capsys.readouterr()
    assert main(["info", str(file), "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert values.shape == (480, 640)
    assert values.max() == pytest.approx(entry["temperature"]["max"]["celsius"], abs=0.011)
    assert values.max() == pytest.approx(35.25, abs=0.1)  # a bird's face


def test_the_input_is_never_replaced(frame, capsys):
    before = frame.read_bytes()
    assert convert(frame, frame, "--overwrite") == 2
    assert "is an input: it is kept" in capsys.readouterr().err
    assert frame.read_bytes() == before


def test_no_picture_replaces_another_input(folder, capsys):
    Image.fromarray(np.full((8, 9), 300, np.float32)).save(folder / "f0.tiff")
    before = (folder / "f0.png").read_bytes()
    assert convert(folder, folder, "--overwrite") == 2
    assert "f0.png is an input: it is kept" in capsys.readouterr().err
    assert (folder / "f0.png").read_bytes() == before


def test_what_levels_cannot_be_is_not_suggested_and_said_once(tmp_path, capsys):
    (tmp_path / "in").mkdir()
    for i in range(4):
        levels = np.full((8, 8), 10 * i, np.uint8)
        Image.fromarray(levels).save(tmp_path / f"in/{i}.png")
    assert convert(tmp_path / "in", tmp_path / "out", "--to", "counts") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith("this frame has no counts, only agc. Choose --to picture.")
    assert lines[1].startswith("thermoscope: the same for 3 more: ")
    kelvin = np.full((8, 8), 300.0, np.float32)
    Image.fromarray(kelvin).save(tmp_path / "k.tiff")
    assert convert(tmp_path / "k.tiff", tmp_path / "c.tiff", "--to", "counts") == 2
    assert "only kelvin. Choose --to kelvin or --to picture." in capsys.readouterr().err
