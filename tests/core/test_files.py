import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from thermoscope.core.errors import WriteError
from thermoscope.core.files import (
    atomic_write,
    check_folder,
    data_folder,
    make_folder,
    sha256_of,
)


def test_content_appears_whole_and_folder_is_made(tmp_path):
    target = tmp_path / "a" / "b.bin"
    with atomic_write(target) as stream:
        stream.write(b"123")
        assert not target.exists()
    assert target.read_bytes() == b"123"
    assert [p.name for p in target.parent.iterdir()] == ["b.bin"]


def test_failure_keeps_the_old_content_and_no_litter(tmp_path):
    target = tmp_path / "b.bin"
    target.write_bytes(b"old")

    def fail() -> None:
        with atomic_write(target) as stream:
            stream.write(b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_mode_follows_the_umask(tmp_path):
    with atomic_write(tmp_path / "x") as stream:
        stream.write(b"")
    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o666 & ~mask


def test_target_that_is_a_folder_is_named(tmp_path):
    (tmp_path / "d").mkdir()

    def write() -> None:
        with atomic_write(tmp_path / "d") as stream:
            stream.write(b"1")

    with pytest.raises(WriteError, match=r"cannot write .*d: Is a directory\. Nothing was changed"):
        write()
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_parent_that_is_a_file_is_named(tmp_path):
    (tmp_path / "f").write_bytes(b"")

    def write() -> None:
        with atomic_write(tmp_path / "f" / "g"):
            pass

    with pytest.raises(WriteError, match="cannot write"):
        write()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_a_write_error(tmp_path):
    def write() -> None:
        with atomic_write(tmp_path / "x") as stream, Path("/dev/full").open("wb", 0) as full:
            stream.write(b"1")
            full.write(b"1")

    with pytest.raises(WriteError, match="No space left on device"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_kill_in_the_middle_leaves_the_old_file(tmp_path):
    target = tmp_path / "t.bin"
    target.write_bytes(b"old")
    code = (
        "import sys, os, signal\n"
        "from thermoscope.core.files import atomic_write\n"
        "with atomic_write(sys.argv[1]) as stream:\n"
        "    stream.write(b'x' * 1000000); stream.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"


def test_sha256_and_progress(tmp_path):
    content = os.urandom(3 * (1 << 20) + 5)
    (tmp_path / "x").write_bytes(content)
    pieces: list[int] = []
    assert sha256_of(tmp_path / "x", progress=pieces.append) == hashlib.sha256(content).hexdigest()
    assert pieces == [1 << 20, 1 << 20, 1 << 20, 5]


def test_data_folder_follows_the_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("THERMOSCOPE_DATA", str(tmp_path))
    assert data_folder() == tmp_path.resolve()
    monkeypatch.setenv("THERMOSCOPE_DATA", str(tmp_path / "absent"))
    assert data_folder() is None


def test_folders_are_made_or_named(tmp_path):
    assert make_folder(tmp_path / "a" / "b").is_dir()
    check_folder(tmp_path / "a" / "b" / "c")
    assert not (tmp_path / "a" / "b" / "c").exists()
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WriteError, match="cannot make the folder .*file"):
            make_folder(wrong)
        with pytest.raises(WriteError, match="that is a file. Choose another one"):
            check_folder(wrong)
