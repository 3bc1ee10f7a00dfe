import json

import numpy as np
import pytest
from PIL import Image
from tests.fakes import flir_files
from tests.fakes import image_files as fake

from thermoscope.core.errors import ShapeError
from thermoscope.io.diagnose import diagnose
from thermoscope.io.findings import findings_of
from thermoscope.io.scale_guess import likely_scales
from thermoscope.io.write import write_image
from thermoscope.sensor.planck import LinearScale
from thermoscope.sensor.quality import Quality


def png(path, values):
    Image.fromarray(values).save(path)
    return path


def names(diagnosis, severity=None):
    return {f.name for f in diagnosis.findings if severity in (None, f.severity)}


def text_of(diagnosis, name):
    return next(f.text for f in diagnosis.findings if f.name == name)


# -- one file ------------------------------------------------------------------------------------


def test_a_sound_16_bit_file(tmp_path):
    path = png(tmp_path / "a.png", fake.scene())
    diagnosis = diagnose(path)
    assert diagnosis.exit_code == 0
    assert diagnosis.what == "PNG, 64x48, 16 bit, counts without temperatures"
    assert names(diagnosis) == {"no_temperature"}
    assert f"thermoscope info {path}" in diagnosis.next_commands


def test_a_constant_frame_is_an_error(tmp_path):
    diagnosis = diagnose(png(tmp_path / "a.png", np.full((48, 64), 3000, np.uint16)))
    assert diagnosis.exit_code == 1
    assert diagnosis.findings[0].severity == "error"
    assert diagnosis.findings[0].name == "constant"


def test_an_8_bit_picture_is_sound_and_no_measurement(tmp_path):
    diagnosis = diagnose(png(tmp_path / "a.png", (fake.scene(low=0) // 3).astype(np.uint8)))
    assert diagnosis.exit_code == 0
    assert "8-bit picture (AGC), not radiometric" in diagnosis.what
    assert names(diagnosis, "info") == {"agc"}


def test_a_radiometric_file_names_the_camera_and_the_hottest_point(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(flir_files.rjpeg(flir_files.fff()))
    diagnosis = diagnose(path)
    assert diagnosis.what.startswith("FLIR radiometric JPEG (")
    assert diagnosis.facts["radiometric"] is True
    assert any(c.startswith(f"thermoscope spot {path} --at ") for c in diagnosis.next_commands)


def test_dji_says_why_there_is_no_temperature_and_suggests_no_scale(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(fake.dji_rjpeg(fake.scene(72, 80, 19_000), np.zeros((72, 80), np.uint8)))
    diagnosis = diagnose(path)
    assert diagnosis.exit_code == 0
    assert "DJI's Thermal SDK" in text_of(diagnosis, "no_temperature")
    assert diagnosis.facts["likely_scales"] == []


def test_a_guessed_unit_is_a_warning(tmp_path):
    path = tmp_path / "a.tiff"
    path.write_bytes(fake.tiff(np.linspace(10, 40, 3072, dtype=np.float32).reshape(48, 64)))
    diagnosis = diagnose(path)
    assert "taken as celsius" in text_of(diagnosis, "temperature_note")


# -- scales --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "scale", "median_c"),
    [
        (29_400, LinearScale(0.01), 22.5),
        (7_300, LinearScale(0.04), 24.9),
        (2_180, LinearScale(0.01, 273.15), 23.5),
        (18_600, LinearScale(1 / 64), 20.1),
    ],
)
def test_likely_scales(low, scale, median_c):
    best = likely_scales(fake.scene(low=low))[0]
    assert best.scale == scale
    assert best.median_c == pytest.approx(median_c, abs=1.5)


@pytest.mark.parametrize("counts", [np.zeros((9, 9), "u2"), np.full((9, 9), 65535, "u2")])
def test_no_scale_fits(counts):
    assert likely_scales(counts) == []


def test_a_scale_is_suggested_and_not_applied(tmp_path):
    path = png(tmp_path / "a.png", fake.scene(low=29_400))
    diagnosis = diagnose(path)
    assert diagnosis.facts["radiometric"] is False
    assert "read(path, scale=LinearScale(0.01))" in text_of(diagnosis, "no_temperature")
    assert any("--kelvin-per-count 0.01" in c for c in diagnosis.next_commands)


# -- what cannot be read -------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n"])
def test_unreadable_files_are_an_answer(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    diagnosis = diagnose(path)
    assert (diagnosis.exit_code, diagnosis.readable) == (2, False)
    assert names(diagnosis, "error") == {"unreadable"}
    assert "a.png" in text_of(diagnosis, "unreadable")


def test_an_absent_path(tmp_path):
    assert diagnose(tmp_path / "absent").exit_code == 2


def test_raw_pixels_get_the_size_to_type(tmp_path):
    path = tmp_path / "a dump.raw"
    path.write_bytes(fake.scene(120, 160).tobytes())
    diagnosis = diagnose(path)
    assert diagnosis.exit_code == 2
    assert f"thermoscope info '{path}' --size 160x120" in diagnosis.next_commands
    told = diagnose(path, shape=(120, 160))
    assert told.exit_code == 0
    assert f"thermoscope info '{path}' --size 160x120" in told.next_commands


def test_a_folder_of_folders_points_below(tmp_path):
    (tmp_path / "a").mkdir()
    png(tmp_path / "a" / "0.png", fake.scene())
    (tmp_path / "empty").mkdir()
    diagnosis = diagnose(tmp_path)
    assert diagnosis.exit_code == 2
    assert diagnosis.next_commands == (f"thermoscope doctor {tmp_path / 'a'}",)


def test_an_impossible_argument(tmp_path):
    with pytest.raises(ShapeError, match="shape must be"):
        diagnose(tmp_path, shape=(0, 1))


# -- sequences -----------------------------------------------------------------------------------


def moving(frames: int) -> list[np.ndarray]:
    """A drifting scene with fresh noise."""
    wide = fake.scene(48, 64 + frames, seed=99)
    wide[10:20, 30:40] += 300
    noise = np.random.default_rng(7).normal(0, 3, (frames, 48, 64))
    return [np.rint(wide[:, k : k + 64] + noise[k]).astype(np.uint16) for k in range(frames)]


def test_a_freeze_and_the_jump_after_it_is_found(tmp_path):
    frames = moving(60)
    frames[20:28] = [frames[19]] * 8
    frames[28:] = [frame + 60 for frame in frames[28:]]
    path = tmp_path / "a.tiff"
    path.write_bytes(fake.tiff(np.stack(frames), photometric="minisblack"))
    diagnosis = diagnose(path)
    assert "60 frames" in diagnosis.what
    assert "1 shutter event(s), 8 frames" in text_of(diagnosis, "ffc_events")
    assert "at frame 20" in text_of(diagnosis, "ffc_events")
    assert diagnosis.exit_code == 0


def test_missing_frames_by_their_times(tmp_path):
    from thermoscope.io.thermal_image import CaptureInfo, ThermalImage

    for k, frame in enumerate(moving(40)):
        t_ns = (k + (5 if k >= 25 else 0)) * 100_000_000
        capture = CaptureInfo("ACME", t_ns=t_ns, t_zone="utc")
        write_image(tmp_path / f"{k:03d}.png", ThermalImage(counts=frame, capture=capture))
    diagnosis = diagnose(tmp_path)
    assert text_of(diagnosis, "dropped").startswith("5 frames are missing")
    assert diagnosis.what.startswith("folder of 40 frames, PNG (ACME), 64x48")


def test_a_still_sequence_without_a_fault_is_sound(tmp_path):
    path = tmp_path / "a.tiff"
    path.write_bytes(fake.tiff(np.stack(moving(50)), photometric="minisblack"))
    assert names(diagnose(path)) == {"no_temperature"}


def test_dead_pixels_over_several_frames(tmp_path):
    frames = np.stack(moving(40))
    frames[:, 30, 30] = 0
    path = tmp_path / "a.tiff"
    path.write_bytes(fake.tiff(frames, photometric="minisblack"))
    diagnosis = diagnose(path)
    assert "1 dead" in text_of(diagnosis, "defects")
    assert text_of(diagnosis, "dead_pixels").startswith("40 of 40 frames")


def test_a_folder_with_a_damaged_file(tmp_path):
    for k, frame in enumerate(moving(5)):
        png(tmp_path / f"{k}.png", frame)
    (tmp_path / "2.png").write_bytes(b"")
    diagnosis = diagnose(tmp_path)
    assert diagnosis.exit_code == 1
    assert text_of(diagnosis, "unreadable").startswith("1 of 5 frames cannot be read. 2.png")
    assert diagnosis.facts["looked_at"] == 4


def test_a_mixed_folder(tmp_path):
    png(tmp_path / "a.png", fake.scene())
    png(tmp_path / "b.png", (fake.scene(20, 30, 0) // 3).astype(np.uint8))
    diagnosis = diagnose(tmp_path)
    assert "mixed_sizes" in names(diagnosis)
    assert "1 other kind" in diagnosis.what
    assert len(diagnosis.facts["kinds"]) == 2


def test_a_long_folder_is_sampled(tmp_path):
    path = tmp_path / "a.y16"
    frame = fake.scene(8, 8)
    path.write_bytes(b"".join(np.roll(frame, k).tobytes() for k in range(2000)))
    diagnosis = diagnose(path, shape=(8, 8))
    assert diagnosis.facts["frames"] == 2000
    assert diagnosis.facts["looked_at"] == 360


# -- form ----------------------------------------------------------------------------------------


def test_as_dict_is_strict_json(tmp_path):
    path = tmp_path / "a.tiff"
    path.write_bytes(fake.tiff(np.full((48, 64), np.nan, np.float32)))
    entry = json.loads(json.dumps(diagnose(path).as_dict(), allow_nan=False))
    assert entry["findings"][0].keys() == {"severity", "name", "text"}
    assert entry["exit_code"] == diagnose(path).exit_code


def test_every_flag_has_a_meaning():
    found = findings_of(dict.fromkeys(Quality, 1), frames=1)
    assert {finding.name for finding in found} == {flag.value for flag in Quality}
    assert [f.severity for f in found] == sorted(
        (f.severity for f in found), key=["error", "warning", "info"].index
    )
