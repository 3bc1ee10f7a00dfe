"""``thermoscope scenes render`` as a process: killed, out of room, not allowed, again."""

import os
import resource
import signal
import subprocess
import sys
import time

import pytest

FRAMES = 12
CODE = "import sys; from thermoscope.cli.main import main; sys.exit(main(sys.argv[1:]))"


def command(folder, *more):
    words = ["scenes", "render", str(folder), "--environment", "indoor", "--preset", "tiny"]
    return [sys.executable, "-c", CODE, *words, "--count", str(FRAMES), *more]


def run(folder, *more, **options):
    return subprocess.run(
        command(folder, *more), capture_output=True, text=True, check=False, **options
    )


def files_of(folder):
    """Content of every file by its path, but for the journal of the render."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".scenes_done.jsonl"
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    done = run(folder)
    assert done.returncode == 0, done.stderr
    assert f"{FRAMES} frames in {folder}: {FRAMES} rendered now" in done.stdout.replace("\n", "")
    return folder


def test_a_killed_render_goes_on_to_the_same_bytes(whole, tmp_path):
    process = subprocess.Popen(
        command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while len(list(tmp_path.rglob("0*.npz"))) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    finished = list(tmp_path.rglob("0*.npz"))
    assert 2 <= len(finished) < FRAMES
    assert not (tmp_path / "samples.csv").exists()  # the table comes last
    left = tmp_path / "train" / ".000007.npz.ab_12xyz"  # as a kill in the middle of a file leaves
    left.write_bytes(b"half")
    again = run(tmp_path)
    assert again.returncode == 0, again.stderr
    assert files_of(tmp_path) == files_of(whole)


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_a_full_disk_is_one_line_and_leaves_no_half_file(whole, tmp_path):
    """No file may grow beyond 20 kB: what a write to a full disk looks like."""
    full = run(tmp_path, preexec_fn=limit_files)
    assert full.returncode == 2
    (message,) = [line for line in full.stderr.splitlines() if line.startswith("thermoscope:")]
    assert "cannot write" in message
    assert f"Stopped with 0 of {FRAMES} frames complete: make room and give the same" in message
    assert "Traceback" not in full.stderr
    assert sorted(files_of(tmp_path)) == ["scenes.json"]
    assert run(tmp_path).returncode == 0
    assert files_of(tmp_path) == files_of(whole)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("kept")
    failed = run(tmp_path / "file" / "out")
    assert failed.returncode == 2
    assert "thermoscope: cannot write" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_one_line(tmp_path):
    tmp_path.chmod(0o500)
    failed = run(tmp_path)
    tmp_path.chmod(0o700)
    assert failed.returncode == 2
    assert "Permission denied" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not list(tmp_path.iterdir())
