"""The benchmark of learning from a recording: it runs, and its record is what the rig saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks import stereo_own
from tests.fakes.tiny_weights import write_tiny_stereo

from thermoscope.io.read import read


def test_every_network_has_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tiny_stereo(tmp_path / "weights")
    monkeypatch.setenv("THERMOSCOPE_WEIGHTS", str(tmp_path / "weights"))
    out, name = tmp_path / "out", "thermostereort_tiny"
    words = ["--preset", "tiny", "--rig", "tiny", "--start", name, "--teacher", name]
    words += ["--steps", "2", "--pairs", "4", "--val", "1"]
    assert stereo_own.main(["--out", str(out), *words]) == 0
    rows = json.loads((out / "rows.json").read_text())["rows"]
    assert list(rows) == [
        "SGBM, holes filled",
        "`thermostereort_tiny`",
        "trained on, old rig alone",
        "trained on, with the recording",
        "the teacher, `thermostereort_tiny`",
    ]
    assert rows["`thermostereort_tiny`"] == rows["the teacher, `thermostereort_tiny`"]
    printed = capsys.readouterr().out
    assert "| SGBM, holes filled | " in printed
    recorded = read(out / "recording" / "left" / "0003.png")
    seen = stereo_own.frames("train", "tiny", 4, None)[3]["counts"][0]
    assert recorded.counts is not None
    assert np.array_equal(recorded.counts, seen)
