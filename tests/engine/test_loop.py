import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from tests.fakes import distill_run
from tests.fakes.distill_run import small_task

from thermoscope.core.errors import ConfigError, ReadError, ThermoscopeWarning, WriteError
from thermoscope.engine import loop
from thermoscope.engine.checkpoint import read_checkpoint
from thermoscope.engine.loop import LoopConfig, fit, learning_rate_at

SCRIPT = Path(distill_run.__file__)


def run(*words, expected=0, launcher=()):
    root = str(SCRIPT.parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": ""}
    done = subprocess.run(
        [sys.executable, *launcher, str(SCRIPT), *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == expected, done.stderr[-2000:]


def losses(folder):
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows]


def test_killed_and_resumed_equals_uninterrupted(tmp_path):
    run(tmp_path / "a", 6, 1)
    run(tmp_path / "b", 6, 1, 5, expected=-signal.SIGKILL)
    assert read_checkpoint(tmp_path / "b" / "checkpoint.pt").step == 4
    run(tmp_path / "b", 6, 1)
    whole, parts = (read_checkpoint(tmp_path / n / "checkpoint.pt") for n in "ab")
    assert whole.step == parts.step == 6
    for name, value in whole.weights.items():
        assert torch.equal(value, parts.weights[name]), name
    for a, b in zip(
        whole.optimizer["state"].values(), parts.optimizer["state"].values(), strict=True
    ):
        assert torch.equal(a["exp_avg_sq"], b["exp_avg_sq"])


def test_two_processes_do_what_one_does(tmp_path):
    run(tmp_path / "one", 20, 1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launcher = ("-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={port}")
    run(tmp_path / "two", 20, 2, launcher=launcher)
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == len(two) == 20
    assert max(abs(a - b) for a, b in zip(one, two, strict=True)) < 1e-4
    assert one[-1] < one[0]


def test_emulated_halves_are_not_used(tmp_path, monkeypatch):
    def history(folder, precision):
        task = small_task(2)
        return fit(task, replace(task.config.loop, precision=precision), tmp_path / folder).history

    whole = history("whole", "32-true")
    monkeypatch.setattr(loop, "emulates_bfloat16", lambda: True)
    with pytest.warns(ThermoscopeWarning, match="training in float32"):
        emulated = history("emulated", "bf16-mixed")
    monkeypatch.setattr(loop, "emulates_bfloat16", lambda: False)
    asked = history("asked", "bf16-mixed")
    assert [row["loss"] for row in emulated] == [row["loss"] for row in whole]
    assert [row["loss"] for row in asked] != [row["loss"] for row in whole]


def test_schedule():
    config = LoopConfig(steps=10, warmup_steps=2, learning_rate=1.0)
    rates = [learning_rate_at(s, config) for s in range(10)]
    assert rates[:2] == [0.5, 1.0]
    assert rates[2] == 1.0
    assert rates[6] == pytest.approx(0.5)
    assert all(a > b for a, b in pairwise(rates[2:]))
    assert learning_rate_at(9, replace(config, schedule="constant")) == 1.0


def test_log_and_result(tmp_path):
    task = small_task(steps=3)
    result = fit(task, task.config.loop, tmp_path)
    assert result.steps == 3
    assert [row["step"] for row in result.history] == [1, 2, 3]
    assert losses(tmp_path) == pytest.approx([row["loss"] for row in result.history], abs=1e-6)


def test_a_finished_run_is_not_repeated(tmp_path):
    task = small_task(steps=2)
    fit(task, task.config.loop, tmp_path)
    assert fit(task, task.config.loop, tmp_path).history == []


def test_other_settings_are_refused_and_named(tmp_path):
    task = small_task(steps=2)
    fit(task, task.config.loop, tmp_path)
    other = replace(task.config.loop, learning_rate=5e-3)
    with pytest.raises(ConfigError, match=r"learning_rate 0\.001 -> 0\.005"):
        fit(task, other, tmp_path)
    with pytest.raises(ConfigError, match="Choose another folder, or resume"):
        fit(task, task.config.loop, tmp_path, resume=False)


def test_damaged_checkpoint(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    task = small_task(steps=2)
    with pytest.raises(ReadError, match="Remove it to start again"):
        fit(task, task.config.loop, tmp_path)


def test_loss_that_is_not_finite_stops_before_the_weights_are_spoilt(tmp_path):
    task = small_task(steps=2)
    plain = task.losses
    task.losses = lambda batch, gather: {"loss": plain(batch, gather)["loss"] * float("nan")}
    before = task.student.backbone.layernorm.weight.detach().clone()
    with pytest.raises(ConfigError, match="loss is nan at step 0"):
        fit(task, task.config.loop, tmp_path)
    assert torch.equal(task.student.backbone.layernorm.weight.detach(), before)


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    task = small_task(steps=1)
    with pytest.raises(WriteError, match="cannot make the folder"):
        fit(task, task.config.loop, tmp_path / "file" / "run")


def test_wrong_settings():
    with pytest.raises(ConfigError, match="cannot be shared by 3"):
        LoopConfig(batch_size=16, devices=3)
    with pytest.raises(ConfigError, match="steps"):
        LoopConfig(steps=0)
