"""Rows of numbers with commas or blanks, exact stamps, tables with a heading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError
from thermoscope.data.tables import named_rows, ns_of, number_of, rows_of


@pytest.mark.parametrize("text", ["1 2 3\n4 5 6", "1,2,3\n4,5,6\n", "x, y, z\n1, 2, 3\n\n4\t5 6\n"])
def test_commas_blanks_and_headings_read_alike(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(text)
    assert rows_of(path, (3,), content="x y z") == [["1", "2", "3"], ["4", "5", "6"]]


def test_stamps_are_exact() -> None:
    """A float64 of the same seconds is off by 89 ns."""
    path = Path("a")
    assert ns_of("1630733313.282105385", path=path, unit="s") == 1_630_733_313_282_105_385
    assert ns_of("1.630733313282105385e+18", path=path, unit="ns") == 1_630_733_313_282_105_385
    for cell in ("x", "nan", "inf"):
        with pytest.raises(DatasetCorruptError, match=f"stamp '{cell}'; expected s as a number"):
            ns_of(cell, path=path, unit="s")


def test_unknown_numbers_are_nan() -> None:
    assert np.isnan(number_of("None", path=Path("a")))
    assert number_of("-1.5e3", path=Path("a")) == -1500


def test_named_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeffb,a,"c"\n1,2,3\n')
    assert named_rows(path, ("a", "b")) == [{"a": "2", "b": "1"}]
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetCorruptError, match="is no UTF-8 text"):
        named_rows(path, ("a",))
    with pytest.raises(DatasetNotFoundError, match=r"absent.csv is not there"):
        named_rows(tmp_path / "absent.csv", ("a",))
