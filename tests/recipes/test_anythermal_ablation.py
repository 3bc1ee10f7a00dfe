"""The ablation of distillation: arms differ as they say, rows are kept, the table adds up."""

import json
from dataclasses import fields

import numpy as np
import pytest
import torch
from benchmarks import anythermal_ablation
from benchmarks.anythermal import Encoder
from benchmarks.anythermal_ablation import BEST, CLS, COLUMNS, OURS, arms, best_block, table
from safetensors.torch import save_file
from tests.fakes.distill_run import small_pairs
from tests.fakes.pair_collection import pair_collection

from thermoscope.models.anythermal import AnyThermal
from thermoscope.recipes.distill_anythermal import PRESETS


@pytest.fixture
def teacher(tmp_path):
    """A folder with a DINOv2 of random weights."""
    folder = tmp_path / "teacher"
    folder.mkdir()
    state = AnyThermal.tiny(seed=1).backbone.state_dict()
    save_file({k: v.clone() for k, v in state.items()}, folder / "model.safetensors")
    return folder


def difference(one, other):
    return {f.name for f in fields(one) if getattr(one, f.name) != getattr(other, f.name)}


def test_arms_differ_in_what_they_say():
    every = arms(PRESETS["small"])
    ours = every[OURS]
    for name, changed in {
        "ours without patch losses": {"patch_weight", "patch_nce_weight"},
        "ours without displaced windows": {"views"},
        "ours without polarity inversion": {"views"},
        "ours, large windows, targets with their place": {"views", "without_position"},
        "ours, small windows, targets with their place": {"views", "without_position"},
        "ours, small windows": {"views"},
        "ours, targets with their place": {"without_position"},
        "ours, rendered pairs": {"sources"},
        "ours, real and rendered pairs": {"sources"},
    }.items():
        assert difference(ours, every[name]) == changed
    plain, patched = every["paper's loss, AdamW, random views"], every["+ patch losses"]
    assert difference(plain, patched) == {"patch_weight", "patch_nce_weight"}
    assert difference(patched, every["+ both directions"]) == {"symmetric"}
    assert every["ours without polarity inversion"].views.polarity == 0
    assert every["paper"].loop.optimizer == "sgd"
    assert {config.loop.steps for config in every.values()} == {PRESETS["small"].loop.steps}


def test_no_arm_knows_a_list_but_train():
    for config in arms(PRESETS["small"]).values():
        assert config.val == ()
        assert {source.split for source in config.sources} == {"train"}


def test_two_steps_of_an_arm_and_the_rows_of_the_teacher(teacher, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("THERMOSCOPE_DATA", str(pair_collection(tmp_path, ("msrs", "roadscene"))))
    words = ["--out", str(tmp_path / "out"), "--preset", "tiny", "--teacher", str(teacher)]
    words += ["--steps", "2", "--seeds", "1", "--folds", "3", "--arms", CLS, BEST, "paper", OURS]
    assert anythermal_ablation.main(words) == 0
    log = tmp_path / "out" / "arms.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["arm"] for row in rows] == [CLS, BEST, "paper", OURS]
    assert all(row["n"] == 4 and set(row["scores"]) == set(COLUMNS) for row in rows)
    assert "block" in rows[1]["chosen"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["arms.jsonl"]
    assert capsys.readouterr().out.count("\n| ") == 5
    before = log.read_text()
    assert anythermal_ablation.main(words) == 0  # every row is there: nothing is run again
    assert log.read_text() == before
    with pytest.raises(SystemExit):
        anythermal_ablation.main([*words, "--steps", "3"])
    assert "made with other settings" in capsys.readouterr().err


def test_the_best_block_is_the_one_that_finds_most():
    network = AnyThermal.tiny(seed=3)
    with torch.no_grad():  # whatever is seen, the later blocks say the same
        for parameter in network.backbone.encoder.layer[1].parameters():
            parameter.fill_(100.0)
    pairs = small_pairs(8)
    grey = [
        type(p)(np.repeat(p.thermal[:, :, None], 3, axis=2), p.thermal, p.source, p.index)
        for p in pairs
    ]
    found = best_block(Encoder("teacher", network, 3, "cls"), grey)
    assert found.block == 0
    assert found.name == f"block 0, {found.pooling}"


def test_the_table_gives_mean_and_range():
    done = {
        (OURS, 0): {"scores": dict.fromkeys(COLUMNS, 40.0)},
        (OURS, 1): {"scores": dict.fromkeys(COLUMNS, 50.0)},
        (CLS, 0): {"scores": dict.fromkeys(COLUMNS, 8.0)},
    }
    lines = table(done, [CLS, "paper", OURS]).splitlines()
    assert lines[2].startswith(f"| {CLS} | 1 | 8.0 | 8.0 |")
    assert lines[3].startswith(f"| {OURS} | 2 | 45.0 (40.0 to 50.0) |")
    assert len(lines) == 4
