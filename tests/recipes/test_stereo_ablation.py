"""The ablation of stereo training: its arms differ as they say, and its table adds up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.stereo_ablation import DENSE, SPARSE, TAUGHT, arms, finished, table


def scores(epe_px: float) -> dict[str, float]:
    return {"epe_px": epe_px, "bad_1": epe_px / 10, "bad_3": epe_px / 20}


def test_arms_differ_in_one_thing() -> None:
    every = arms(steps=10, pairs=4, val=2)
    assert every[SPARSE].config == every[TAUGHT].config
    assert not every[SPARSE].taught
    assert every[TAUGHT].taught
    assert every[DENSE].config.truth == "dense"
    dense = vars(every[DENSE].config)
    for name, key in (
        ("dense, refinement without attention", "attention"),
        ("dense, flip mirrors without swapping the views", "augmentation"),
        ("dense, no flip", "augmentation"),
    ):
        other = vars(every[name].config)
        assert [k for k in dense if dense[k] != other[k]] == [key]


def test_table_says_what_the_teacher_closes(tmp_path: Path) -> None:
    rows = [(SPARSE, 0, 2.0), (SPARSE, 1, 3.0), (TAUGHT, 0, 1.5), (DENSE, 0, 0.5)]
    log = tmp_path / "arms.jsonl"
    lines = [json.dumps({"arm": a, "seed": s, "scores": scores(e)}) for a, s, e in rows]
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = finished(log)
    assert len(done) == 4
    found = table(done, list(arms(1, 1, 1)))
    assert "| sparse | 2 | 2.50 (2.00 to 3.00) | 25.00 (20.00 to 30.00) |" in found
    assert "| dense | 1 | 0.50 | 5.00 | 2.50 |" in found
    assert found.endswith("the teacher closes 50%.")  # (2.5 - 1.5) / (2.5 - 0.5)


def test_table_of_unfinished_arms_claims_nothing(tmp_path: Path) -> None:
    assert finished(tmp_path / "arms.jsonl") == {}
    assert "closes" not in table({(DENSE, 0): scores(1.0)}, [DENSE, SPARSE])


@pytest.mark.parametrize("name", [SPARSE, DENSE])
def test_main_arms_are_repeated_over_seeds(name: str) -> None:
    assert arms(1, 1, 1)[name].repeated
