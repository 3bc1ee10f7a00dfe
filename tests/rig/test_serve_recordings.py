"""The list, the zip, and names that a browser may not use."""

import io
import os
import zipfile
from dataclasses import replace
from datetime import datetime

import pytest
from tests.rig.made_recordings import fill, write_recording

from thermoscope.core.errors import ConfigError, ReadError
from thermoscope.rig.recording_format import read_manifest, write_manifest
from thermoscope.rig.serve_recordings import find, find_file, list_recordings, name_for, zipped


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "runs"
    write_recording(folder / "bridge", segments=2, frames=10)
    (folder / "notes").mkdir()
    (folder / "notes" / "secret.txt").write_text("not a recording")
    (folder / "bridge" / "secret.txt").write_text("not of the recording")
    (tmp_path / "000000.mcap").write_bytes(b"above the folder")
    return folder


def test_the_list_tells_what_a_person_asks(folder):
    (about,) = list_recordings(folder)
    size = sum((folder / "bridge" / file).stat().st_size for file in about["files"])

    assert about["name"] == "bridge"
    assert list(about["files"]) == ["000000.mcap", "000001.mcap", "recording.json"]
    assert about["size_bytes"] == size
    assert about["frames"] == {"thermal": 20, "rgb": 20}
    assert about["seconds"] == pytest.approx(2 * 9 / 30, abs=0.1)
    assert (about["whole"], about["stopped"], about["lost"]) == (True, "asked", 0)


def test_what_is_cut_off_or_damaged_is_listed_as_that(folder):
    (folder / "cut").mkdir()
    fill(folder / "cut" / "000000.mcap", 0, 10).abandon()
    (folder / "bridge" / "recording.json").write_text("{")
    abouts = {about["name"]: about for about in list_recordings(folder)}

    assert abouts["cut"]["whole"] is False
    assert abouts["cut"]["stopped"].startswith("damaged: ")
    assert "thermoscope rig recover" in abouts["bridge"]["stopped"]
    assert list_recordings(folder / "nowhere") == []


def test_the_newest_is_first(folder):
    older = write_recording(folder / "older", segments=1, frames=10)
    manifest = read_manifest(older)
    write_manifest(older, replace(manifest, started_utc_ns=manifest.started_utc_ns - 1))
    assert [about["name"] for about in list_recordings(folder)] == ["bridge", "older"]
    write_manifest(older, replace(manifest, started_utc_ns=manifest.started_utc_ns + 1))
    assert [about["name"] for about in list_recordings(folder)] == ["older", "bridge"]


def test_the_zip_holds_every_byte_and_comes_in_pieces(folder):
    pieces = list(zipped(folder / "bridge"))
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        segment = archive.read("bridge/000001.mcap")

    assert names == [f"bridge/{file}" for file in ("000000.mcap", "000001.mcap", "recording.json")]
    assert segment == (folder / "bridge" / "000001.mcap").read_bytes()
    assert len(pieces) >= 3


def test_the_zip_takes_files_of_a_machine_without_a_clock(folder):
    os.utime(folder / "bridge" / "000000.mcap", (0, 0))
    content = b"".join(zipped(folder / "bridge"))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.getinfo("bridge/000000.mcap").date_time[0] == 1980


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../runs/bridge", "bridge/", "/etc", "notes", "nowhere", "bridge\0", "~"],
)
def test_only_recordings_of_the_folder_are_found(folder, name):
    with pytest.raises(ReadError, match="no recording"):
        find(folder, name)


@pytest.mark.parametrize(
    "file", ["", "..", "../000000.mcap", "secret.txt", "/etc/passwd", "../notes/secret.txt"]
)
def test_only_files_of_the_recording_are_found(folder, file):
    assert find_file(folder, "bridge", "000000.mcap") == folder / "bridge" / "000000.mcap"
    with pytest.raises(ReadError, match="bridge has no file"):
        find_file(folder, "bridge", file)


def test_links_lead_nowhere(folder, tmp_path):
    write_recording(tmp_path / "elsewhere", segments=1, frames=10)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "bridge" / "000002.mcap").symlink_to(tmp_path / "000000.mcap")

    assert [about["name"] for about in list_recordings(folder)] == ["bridge"]
    with pytest.raises(ReadError, match="no recording 'link'"):
        find(folder, "link")
    with pytest.raises(ReadError, match="no file '000002.mcap'"):
        find_file(folder, "bridge", "000002.mcap")


@pytest.mark.parametrize("label", ["../up", "a b", ".hidden", "a" * 41, "x/y", "ä"])
def test_a_name_that_could_harm_is_refused(label):
    with pytest.raises(ConfigError, match="40 letters, digits"):
        name_for(label, datetime(2026, 5, 1))


def test_names_sort_by_time():
    assert name_for("", datetime(2026, 5, 1, 9, 30, 7)) == "2026-05-01_09-30-07"
