"""A minute of the whole rig at its true size and rate, from the check to the frames read back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from thermoscope.cli.main import main
from thermoscope.io.sequence import open_sequence

CAMERAS = ("thermal_left", "thermal_right", "rgb_left", "rgb_right")
SECONDS, RATE_HZ = 60, 30


@pytest.mark.timeout(600)
def test_check_record_verify_replay_and_read_back(tmp_path: Path, capsys) -> None:
    """Nothing may be lost without account; on a busy machine a camera may overrun, and says so."""
    out = tmp_path / "run"
    rig = ["--simulate", "--out"]
    main(["rig", "check", *rig, str(tmp_path), "--seconds", "2", "--reserve-gb", "1", "--json"])
    checked = {check["name"] for check in json.loads(capsys.readouterr().out)}
    assert {f"{camera} rate" for camera in CAMERAS} | {"space", "write speed"} <= checked

    words = ["--seconds", str(SECONDS), "--reserve-gb", "1"]
    assert main(["rig", "record", *rig, str(out), *words]) in (0, 1)  # 1: frames lost, and told
    assert "stopped: duration" in capsys.readouterr().out

    assert main(["rig", "verify", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    lost = {c: report["camera_drops"].get(c, 0) + report["queue_drops"].get(c, 0) for c in CAMERAS}
    for camera in CAMERAS:
        assert abs(report["frames"][camera] + lost[camera] - SECONDS * RATE_HZ) <= 5
        assert report["frames"][camera] > SECONDS  # how many more is a matter of the machine

    assert main(["rig", "replay", str(out), "--fast"]) == 0
    replayed = capsys.readouterr().out
    assert all(f"{camera} {report['frames'][camera]}" in replayed for camera in CAMERAS)

    sequence = open_sequence(next(iter(sorted(out.glob("*.mcap")))), quality=False)
    first, middle = sequence[0], sequence[len(sequence) // 2]
    assert first.shape == (512, 640)
    assert first.values.dtype == np.uint16
    assert not np.array_equal(first.values, middle.values)
    shutil.rmtree(out)  # two gigabytes that pytest would keep
