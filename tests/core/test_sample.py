from pathlib import Path

import numpy as np
import pytest

from thermoscope.core.errors import ShapeError, UnitError, UnknownNameError
from thermoscope.core.sample import FIELDS, Sample, check_sample, sample_table

ROOT = Path(__file__).parents[2]


def a_sample() -> dict[str, object]:
    return {
        "name": "s0",
        "counts": np.zeros((1, 4, 6), np.uint16),
        "depth": np.ones((1, 4, 6), np.float32),
        "valid": np.ones((1, 4, 6), bool),
        "rgb": np.zeros((3, 8, 12), np.float32),
        "labels": np.zeros((1, 4, 6), np.int64),
        "taxonomy": "mfnet",
        "K": np.eye(3),
        "t_ns": 5,
        "baseline_m": 0.3,
        "ffc": False,
    }


def test_a_good_sample_passes():
    check_sample(a_sample())


def test_torch_tensors_pass_too():
    torch = pytest.importorskip("torch")
    check_sample({"counts_right": torch.zeros((1, 4, 6), dtype=torch.uint16)})
    with pytest.raises(UnitError, match="must be float32, got torch.float64"):
        check_sample({"depth": torch.zeros((1, 4, 6), dtype=torch.float64)})


def test_keys_of_the_type_and_the_table_are_one_list():
    assert set(Sample.__annotations__) == set(FIELDS)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"conts": 1}, UnknownNameError, "unknown sample key 'conts'. Did you mean 'counts'"),
        ({"counts": np.zeros((1, 4, 6), np.float32)}, UnitError, "must be uint16, got float32"),
        ({"counts": np.zeros((4, 6), np.uint16)}, ShapeError, r"must be \(1, H, W\)"),
        ({"depth": np.ones((1, 4, 7), np.float32)}, ShapeError, "differ in size"),
        ({"t_ns": 0.5}, UnitError, "must be int, got float"),
        ({"ffc": 1}, UnitError, "must be bool, got int"),
        ({"K": np.eye(4)}, ShapeError, r"must be \(3, 3\)"),
    ],
)
def test_each_fault_is_named(change, error, text):
    with pytest.raises(error, match=text):
        check_sample(a_sample() | change)


def test_labels_need_a_taxonomy():
    sample = a_sample()
    del sample["taxonomy"]
    with pytest.raises(UnitError, match="labels and no taxonomy"):
        check_sample(sample)


def test_docs_are_generated_from_the_code():
    assert (ROOT / "docs" / "sample.md").read_text(encoding="utf-8") == sample_table()
