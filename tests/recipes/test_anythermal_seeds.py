"""The row of several seeds: what is there is not made again, and the numbers add up."""

from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.anythermal_seeds import finished, summary, trained

from thermoscope.core.errors import UnknownNameError
from thermoscope.recipes.distill_anythermal import PRESETS


def tables(r1: float, probe: str) -> dict:
    return {
        "thermal to RGB": {"pooled": {"n": 78, "r1": r1, "r1_95": [1.0, 2.0]}},
        "mask probe": {"20 labels": probe},
    }


def test_mean_and_range_of_every_number() -> None:
    found = summary([tables(80.0, "40.0 +- 2.0"), tables(83.0, "44.0 +- 6.5")]).splitlines()
    assert found[0].endswith("| mean of 2 | range |")
    assert "| thermal to RGB | pooled | r1 | 81.5 | 80 to 83 |" in found
    assert "| mask probe | 20 labels |  | 42.0 | 40 to 44 |" in found
    assert not any("r1_95" in line for line in found)


def test_nothing_is_done_at_first(tmp_path: Path) -> None:
    assert finished(tmp_path / "seeds.jsonl") == {}


def test_lines_are_found_by_seed_and_title(tmp_path: Path) -> None:
    log = tmp_path / "seeds.jsonl"
    log.write_text('{"seed": 2, "title": "patches", "rows": {"right patch %": 3.0}}\n')
    assert finished(log) == {(2, "patches"): {"right patch %": 3.0}}


def test_weights_that_are_there_are_not_trained_again(tmp_path: Path) -> None:
    config = replace(PRESETS["tiny"], teacher="no such teacher")  # training would fail
    folder = tmp_path / f"{config.name}_1"
    folder.mkdir()
    (folder / f"{config.name}.safetensors").write_bytes(b"")
    assert trained(config, tmp_path, 1, None) == folder
    with pytest.raises(UnknownNameError, match="no such teacher"):
        trained(config, tmp_path, 2, None)
