"""Rows of numbers in text files, whether commas or blanks divide them.

Data sets mix both: a file written with commas and split on blanks reads as nothing, in silence.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

from thermoscope.core.errors import DatasetCorruptError
from thermoscope.data.files_by_stem import lines_of

__all__ = ["cells_of", "named_rows", "ns_of", "number_of", "rows_of"]


def cells_of(line: str) -> list[str]:
    """Cells of a line, divided by commas, blanks or both.

    Example:
        >>> cells_of("1.5, 2 -3")
        ['1.5', '2', '-3']
    """
    return line.replace(",", " ").split()


def rows_of(path: Path, widths: Sequence[int], *, content: str) -> list[list[str]]:
    """Rows of a table; a first line without any number is a heading and left out.

    Args:
        path: Text file.
        widths: Numbers of cells that a row may have; all rows have the same.
        content: What a row holds, for the message.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetCorruptError: A row has another number of cells, or there is no row.
    """
    rows = [cells_of(line) for line in lines_of(path)]
    if rows and not any(_is_number(cell) for cell in rows[0]):
        rows = rows[1:]
    odd = [row for row in rows if len(row) not in widths or len(row) != len(rows[0])]
    if odd or not rows:
        found = f"a row of {len(odd[0])} cells: {' '.join(odd[0])!r}" if odd else "no row"
        raise DatasetCorruptError(f"{path} holds {found}; expected {content} in every row.")
    return rows


def named_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Rows of a CSV file with a heading, by column; other columns than `columns` are left out.

    Raises:
        DatasetNotFoundError: There is no such file.
        DatasetCorruptError: It is no text, lacks a column, or a row breaks off.
    """
    reader = csv.DictReader(lines_of(path))
    try:
        rows = list(reader)
    except csv.Error as err:
        raise DatasetCorruptError(f"{path} is no table: {err}.") from err
    lacking = [column for column in columns if column not in (reader.fieldnames or ())]
    if lacking:
        raise DatasetCorruptError(
            f"{path} has no column {', '.join(lacking)}; expected {', '.join(columns)}."
        )
    for row in rows:
        if any(row[column] is None for column in columns):
            whole = [cell for cell in row.values() if cell is not None]
            raise DatasetCorruptError(f"{path} has a row that breaks off: {','.join(whole)}.")
    return [{column: row[column] for column in columns} for row in rows]


def number_of(cell: str, *, path: Path) -> float:
    """The number in a cell; ``None`` and ``nan`` are nan.

    Raises:
        DatasetCorruptError: It is no number.
    """
    if cell == "None":
        return math.nan
    try:
        return float(cell)
    except ValueError as err:
        raise DatasetCorruptError(f"{path} holds {cell!r}; expected a number.") from err


def ns_of(cell: str, *, path: Path, unit: str) -> int:
    """Nanoseconds of a stamp, exactly, where a float would lose the last digits.

    Args:
        cell: Digits, with or without decimals and exponent.
        path: For the message: the table, or the file whose name holds the stamp.
        unit: ``"s"`` or ``"ns"``.

    Raises:
        DatasetCorruptError: It is no finite number.

    Example:
        >>> ns_of("1600000000.000001", path=Path("a"), unit="s")
        1600000000000001000
    """
    try:
        value = Decimal(cell) * (1_000_000_000 if unit == "s" else 1)
        return int(value)
    except (InvalidOperation, ValueError, OverflowError) as err:
        raise DatasetCorruptError(
            f"{path} holds the stamp {cell!r}; expected {unit} as a number."
        ) from err


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell == "None"  # an unknown number
    return True
