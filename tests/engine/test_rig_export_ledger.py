"""What is done survives; what is not as it was written is not done."""

import json

import pytest

from thermoscope.core.errors import ConfigError, DatasetCorruptError
from thermoscope.engine.rig_export_ledger import ExportLedger
from thermoscope.engine.rig_export_plan import ExportPlan, PairedFrame, PlannedPair

HEAD = {"settings": {"rate_hz": 1.0}, "model": None}


def plan():
    frames = [PairedFrame("thermal", i, None, 1000 + i, 0) for i in range(3)]
    pairs = tuple(PlannedPair({"thermal": frame}) for frame in frames)
    return ExportPlan(pairs, {"frozen": 2}, {"rgb": {"skew_ms": 1.5}})


def never():
    raise ZeroDivisionError("the plan is there")


def write_two(folder):
    ledger = ExportLedger(folder, "run", "run", HEAD)
    ledger.plan(plan)
    with ledger.appending() as add:
        add(0, {"run/0.txt": b"zero"}, {"share": 0.5})
        add(1, {"run/1.txt": b"one", "run/1.csv": b"1"}, {})
    return ledger


def test_the_plan_is_made_once_and_reads_back(tmp_path):
    write_two(tmp_path)
    again = ExportLedger(tmp_path, "run", "run", HEAD)
    assert again.plan(never) == plan()
    assert sorted(again.done) == [0, 1]
    assert again.done[0]["share"] == 0.5


def test_damaged_deleted_and_torn_pairs_are_not_done(tmp_path):
    write_two(tmp_path)
    (tmp_path / "run" / "1.csv").write_bytes(b"2")
    with (tmp_path / ".run.done.jsonl").open("a") as stream:
        stream.write('{"number": 2')
    again = ExportLedger(tmp_path, "run", "run", HEAD)
    again.plan(never)
    assert sorted(again.done) == [0]
    (tmp_path / "run" / "0.txt").unlink()
    again = ExportLedger(tmp_path, "run", "run", HEAD)
    again.plan(never)
    assert again.done == {}


def test_a_manifest_takes_the_place_of_plan_and_journal(tmp_path):
    ledger = write_two(tmp_path)
    assert not ledger.complete
    ledger.close({"run/table.txt": b"all"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.export.json"]
    told = json.loads(ledger.manifest.read_text())
    assert list(told) == ["head", "plan", "tables", "pairs"]
    again = ExportLedger(tmp_path, "run", "run", HEAD)
    again.plan(never)
    assert again.complete
    (tmp_path / "run" / "table.txt").write_bytes(b"none")
    assert not again.complete


def test_another_head_is_refused_once_a_pair_is_there(tmp_path):
    other = {"settings": {"rate_hz": 2.0}, "model": "sgbm"}
    ExportLedger(tmp_path, "run", "run", HEAD).plan(plan)
    ExportLedger(tmp_path, "run", "run", other).plan(plan)  # nothing was written yet
    ExportLedger(tmp_path, "run", "run", HEAD)
    write_two(tmp_path)
    with pytest.raises(ConfigError, match=r"another settings\.rate_hz, model\."):
        ExportLedger(tmp_path, "run", "run", other)


def test_a_list_holds_each_run_once(tmp_path):
    ledger = ExportLedger(tmp_path, "run", "run", HEAD)
    for line in ("b", "a", "b"):
        ledger.add_to_list("train_list.txt", line)
    assert (tmp_path / "train_list.txt").read_text() == "a\nb\n"


def test_a_file_that_is_no_plan_is_named(tmp_path):
    (tmp_path / "run.export.json").write_text("[]")
    with pytest.raises(DatasetCorruptError, match=r"run\.export\.json is no plan of an export"):
        ExportLedger(tmp_path, "run", "run", HEAD)
