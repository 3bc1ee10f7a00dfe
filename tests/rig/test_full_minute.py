"""A minute of the whole rig at its true size and rate, from the check to the frames read back."""

from __future__ import annotations

import json
import shutil
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader

from thermoscope.cli.main import main
from thermoscope.io.ros_messages import parse_frame_stamp
from thermoscope.io.sequence import open_sequence

CAMERAS = ("thermal_left", "thermal_right", "rgb_left", "rgb_right")
SECONDS, RATE_HZ = 60, 30


def counters_of(folder: Path, camera: str) -> list[int]:
    """The camera's own numbers of the frames that were recorded."""
    found = []
    for file in sorted(folder.glob("*.mcap")):
        with file.open("rb") as stream:
            messages = make_reader(stream).iter_messages(topics=[f"/{camera}/frame"])
            found += [parse_frame_stamp(message.data).counter for _, _, message in messages]
    return found


@pytest.mark.timeout(600)
def test_check_record_verify_replay_and_read_back(tmp_path: Path, capsys) -> None:
    """Nothing may be lost without account; on a busy machine a camera may overrun, and says so."""
    out = tmp_path / "run"
    rig = ["--simulate", "--out"]
    main(["rig", "check", *rig, str(tmp_path), "--seconds", "2", "--reserve-gb", "1", "--json"])
    checked = {check["name"] for check in json.loads(capsys.readouterr().out)}
    assert {f"{camera} rate" for camera in CAMERAS} | {"space", "write speed"} <= checked

    begun = time.monotonic()
    words = ["--seconds", str(SECONDS), "--reserve-gb", "1"]
    assert main(["rig", "record", *rig, str(out), *words]) in (0, 1)  # 1: frames lost, and told
    took_s = time.monotonic() - begun
    assert "stopped: duration" in capsys.readouterr().out

    assert main(["rig", "verify", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    lost = {c: report["camera_drops"].get(c, 0) + report["queue_drops"].get(c, 0) for c in CAMERAS}
    for camera in CAMERAS:
        counters = counters_of(out, camera)
        assert len(counters) == report["frames"][camera]
        assert all(later > earlier for earlier, later in pairwise(counters))
        taken = counters[-1] - counters[0] + 1
        assert taken <= len(counters) + lost[camera]  # more: told of at either end
        assert SECONDS * RATE_HZ / 2 < taken <= took_s * RATE_HZ  # how near is the machine's matter

    assert main(["rig", "replay", str(out), "--fast"]) == 0
    replayed = capsys.readouterr().out
    assert all(f"{camera} {report['frames'][camera]}" in replayed for camera in CAMERAS)

    sequence = open_sequence(next(iter(sorted(out.glob("*.mcap")))), quality=False)
    first, middle = sequence[0], sequence[len(sequence) // 2]
    assert first.shape == (512, 640)
    assert first.values.dtype == np.uint16
    assert not np.array_equal(first.values, middle.values)
    shutil.rmtree(out)  # two gigabytes that pytest would keep
