"""Fluke: tables of temperatures as its software exports them (CSV), and .is2 files.

The CSV reader takes any table of temperatures with an optional line that names the unit, column
numbers and row numbers. The .is2 reader is the package ``fluke-thermal-reader`` (MIT), kept inside
a folder and a size of our choice; it is untested here for want of a real file. What is NOT
supported: .is3 video.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ImageTooLargeError
from thermoscope.io.float_units import FloatUnit, unit_from_text
from thermoscope.io.guarded import guarded, optional_package
from thermoscope.io.planes import Origin, image_from_array
from thermoscope.io.request import Request
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage

__all__ = ["looks_like_is2", "read_csv", "read_is2"]

LONGEST_TABLE = 16 << 20  # a table of 1280x1024 with a decimal has 8 MB
LEAST_SIDE, MOST_ROWS = 2, 16384
IS2_PIXELS = "Images/Main/IR.data"
IS2_CURVES = "CalibrationData.gpbenc"
CURVE_MARK = bytes((74, 25, 13))  # before each calibration curve
MOST_CURVES = 48  # each costs the package up to 65,536 steps
MOST_UNPACKED = 128 << 20
_UNIT = re.compile(r"°\s?([CFK])\b|\b(celsius|fahrenheit|kelvin)\b", re.IGNORECASE)


def read_csv(request: Request) -> ThermalImage:
    """A table of temperatures.

    Cells are separated by comma, semicolon or tab (then a decimal comma is understood); an empty
    cell is nan. A first row and a first column that count up by one are numbers of columns and
    rows. The unit comes from the text above the table, or, said in the note, from the values.

    Raises:
        ReadError: No table of numbers, or rows of different length.
        ImageTooLargeError: The file is longer than 16 MB, or over the limit of pixels.
    """
    if request.size > LONGEST_TABLE:
        raise ImageTooLargeError(
            f"{request.path.name}: a table of {request.size} bytes, over {LONGEST_TABLE}. "
            "Export a 16-bit or float TIFF instead.",
            path=request.path,
        )
    lines = _as_text(bytes(request.load().data)).splitlines()
    separator = _separator(lines)
    start, width = _first_row(lines, separator)
    rows = [line for line in lines[start:] if line.strip(separator + " ")]
    if len(rows) < LEAST_SIDE:
        raise request.error("no table of numbers in it", "Expected rows of temperatures.")
    if len(rows) > MOST_ROWS:
        raise request.error(
            f"{len(rows)} rows of numbers: no picture", "Expected a temperature table."
        )
    request.check_pixels(width, len(rows))
    values = np.empty((len(rows), width))
    for y, line in enumerate(rows):
        numbers = _numbers(line, separator)
        if numbers is None or numbers.size != width:
            raise request.error(
                f"row {start + y + 1} has {line.count(separator) + 1} cells or text, "
                f"expected {width} numbers"
            )
        values[y] = numbers
    values = values[:, : width - int(np.isnan(values[:, -1]).all())]  # after a last separator
    source = Source(request.path, "csv", bit_depth=32)
    origin = Origin(source, unit=_stated_unit(lines[: start + 1]))
    picture = _without_numbering(values).astype(np.float32)
    return image_from_array(picture, origin, scale=request.scale)


def _as_text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _separator(lines: list[str]) -> str:
    widest = max(lines, key=len, default="")
    return next((c for c in "\t;" if c in widest), ",")


def _first_row(lines: list[str], separator: str) -> tuple[int, int]:
    """(index, cells) of the first line that holds numbers only."""
    for index, line in enumerate(lines):
        numbers = _numbers(line, separator)
        if numbers is not None and numbers.size >= LEAST_SIDE and not np.isnan(numbers).all():
            return index, numbers.size
    return len(lines), 0


def _numbers(line: str, separator: str) -> NDArray[np.float64] | None:
    """The cells of a line, nan where one is empty; None if one is text."""
    if separator != ",":
        line = line.replace(",", ".")
    cells = [cell if cell and not cell.isspace() else "nan" for cell in line.split(separator)]
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        return None


def _without_numbering(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The table without a first row and a first column of consecutive numbers."""
    if _counts_up(values[0]) and values.shape[0] > LEAST_SIDE:
        values = values[1:]
        if _counts_up(values[:, 0]) and values.shape[1] > LEAST_SIDE:
            values = values[:, 1:]
    return values


def _counts_up(line: NDArray[np.float64]) -> bool:
    known = line[1:] if np.isnan(line[0]) else line
    return known.size > 1 and known[0] in (0, 1) and bool((np.diff(known) == 1).all())


def _stated_unit(lines: list[str]) -> FloatUnit | None:
    found = _UNIT.search("\n".join(lines))
    return unit_from_text(found[1] or found[2]) if found else None


def looks_like_is2(request: Request) -> bool:
    """Whether a file is a ZIP archive with Fluke's infrared pixels in it."""
    if not request.head.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(request.path) as archive:
            return IS2_PIXELS in archive.namelist()
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return False


def read_is2(request: Request) -> ThermalImage:
    """A Fluke .is2 file: object temperatures as the camera's own parameters give them.

    Raises:
        MissingDependencyError: The package ``fluke-thermal-reader`` is not installed.
        ReadError: Damaged, or of a camera that the package does not know.
        ImageTooLargeError: Unpacked over 128 MB, or over the limit of pixels.
    """
    _check_archive(request)
    parsers = optional_package(
        "fluke_thermal_reader.parsers",
        package="fluke-thermal-reader",
        purpose="reading Fluke .is2 files",
    )
    with guarded(request.path, "Fluke .is2"), tempfile.TemporaryDirectory() as folder:
        parser = parsers.IS2Parser()
        parser.temp_dir = folder  # it would unpack into, and delete, a folder of the user's
        found = parser.parse(str(request.path))
        celsius = np.asarray(found["data"], np.float32)
    request.check_pixels(celsius.shape[1], celsius.shape[0])
    capture = CaptureInfo(
        make=_known(found.get("CameraManufacturer")) or "Fluke",
        model=_known(found.get("CameraModel")),
        serial=_known(found.get("CameraSerial")),
        extra={
            name: float(found[key])
            for key, name in (("Emissivity", "emissivity"), ("BackgroundTemp", "background_c"))
            if isinstance(found.get(key), (int, float, np.floating))
        },
    )
    origin = Origin(Source(request.path, "fluke-is2"), capture, unit="celsius")
    return image_from_array(celsius, origin)


def _known(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) and value != "Unknown" else None


def _check_archive(request: Request) -> None:
    """Refuse an archive that unpacks to gigabytes, or that keeps the package busy for minutes."""
    with guarded(request.path, "ZIP archive"), zipfile.ZipFile(request.path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MOST_UNPACKED:
            raise ImageTooLargeError(
                f"{request.path.name}: unpacks to {unpacked} bytes, over {MOST_UNPACKED}. "
                "Nothing was unpacked.",
                path=request.path,
            )
        if IS2_CURVES not in archive.namelist():
            raise request.error(f"no {IS2_CURVES} in the archive: not a whole .is2 file")
        curves = archive.read(IS2_CURVES).count(CURVE_MARK)
        if curves > MOST_CURVES:
            raise request.error(f"{curves} calibration curves, expected at most {MOST_CURVES}")
