"""Point clouds as binary PLY: float32 x y z in metres, optional uint8 colours.

The reader takes any binary PLY whose first element is a vertex list of plain numbers, and never
allocates more than the file holds. What is NOT here: meshes, normals, ASCII PLY.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import ReadError, ShapeError, UnitError
from thermoscope.core.files import atomic_write

__all__ = ["read_ply", "write_ply"]

HEADER_LIMIT = 16_384
PLACES = ("x", "y", "z")
COLOURS = ("red", "green", "blue")
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}


def write_ply(path: str | Path, points: ArrayLike, colours: ArrayLike | None = None) -> None:
    """Write a cloud; the file appears whole or not at all.

    Args:
        path: The file.
        points: (N, 3), m; N may be 0.
        colours: (N, 3) uint8 RGB.

    Raises:
        ShapeError: Not (N, 3), or as many colours as points are not given.
        UnitError: A coordinate is not finite in float32, or the colours are not uint8.
        WriteError: The file cannot be written.

    Source: Turk, The PLY polygon file format, 1994.
    """
    given = np.asarray(points)
    check_shape(given, "N 3", name="points")
    with np.errstate(over="ignore"):
        xyz = given.astype("<f4")
    if not np.isfinite(xyz).all():
        raise UnitError("points must be finite to be written. Pass points[valid].")
    fields = [(name, "<f4") for name in PLACES]
    if colours is not None:
        rgb = np.asarray(colours)
        if rgb.shape != xyz.shape:
            raise ShapeError(f"colours must be {xyz.shape} as the points, got {rgb.shape}.")
        if rgb.dtype != np.uint8:
            raise UnitError(f"colours must be uint8 in [0, 255], got {rgb.dtype}.")
        fields += [(name, "u1") for name in COLOURS]
    table = np.empty(len(xyz), fields)
    for i, name in enumerate(PLACES):
        table[name] = xyz[:, i]
    for i, name in enumerate(COLOURS if colours is not None else ()):
        table[name] = rgb[:, i]
    names = {"<f4": "float", "u1": "uchar"}
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(table)}"]
    header += [f"property {names[kind]} {name}" for name, kind in fields]
    with atomic_write(path) as stream:
        stream.write(("\n".join([*header, "end_header"]) + "\n").encode("ascii"))
        stream.write(table.tobytes())


def read_ply(path: str | Path) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Points and colours of a binary PLY file.

    Returns:
        Points (N, 3) float32, m, as stored (nan too); colours (N, 3) uint8 RGB, or None.

    Raises:
        ReadError: No such file, no PLY, an ASCII PLY, a vertex list without x y z or with lists,
            or fewer bytes than the header promises.
    """
    file = Path(path)
    try:
        with file.open("rb") as stream:
            head = stream.read(HEADER_LIMIT)
            lines, start = _header(head, file)
            order, count, fields = _vertex(lines, file)
            layout = np.dtype([(name, order + kind) for name, kind in fields])
            held = file.stat().st_size - start
            if count * layout.itemsize > held:
                raise ReadError(
                    f"{file} is truncated: {count} points need {count * layout.itemsize} bytes, "
                    f"{held} are there. Copy or write it again.",
                    path=file,
                    offset=start,
                )
            stream.seek(start)
            table = np.frombuffer(stream.read(count * layout.itemsize), layout, count)
    except OSError as err:
        if isinstance(err, ReadError):
            raise
        raise ReadError(f"cannot read {file}: {err.strerror or err}.", path=file) from err
    with np.errstate(over="ignore"):
        points = np.stack([table[name].astype(np.float32) for name in PLACES], axis=-1)
    kinds = dict(fields)
    if any(kinds.get(name) != "u1" for name in COLOURS):
        return points, None
    return points, np.stack([table[name] for name in COLOURS], axis=-1)


def _header(head: bytes, file: Path) -> tuple[list[list[str]], int]:
    """Words of each header line, and where the data start."""
    if head[:3] != b"ply" or head[3:4] not in (b"\n", b"\r"):
        raise ReadError(f"{file} is not a PLY file: it starts with {head[:8]!r}.", path=file)
    mark = head.find(b"\nend_header")
    stop = head.find(b"\n", mark + 1) if mark >= 0 else -1
    if stop < 0:
        raise ReadError(
            f"{file} has no PLY header end in its first {HEADER_LIMIT} bytes.", path=file
        )
    text = head[:mark].decode("ascii", "replace")
    return [line.split() for line in text.splitlines()[1:] if line.strip()], stop + 1


def _vertex(lines: list[list[str]], file: Path) -> tuple[str, int, list[tuple[str, str]]]:
    """Byte order, number and fields of the first element, which must be the vertices."""
    order, count, fields, elements = "", -1, [], 0
    for words in lines:
        if words[0] == "format":
            order = ORDERS.get(words[1] if len(words) > 1 else "", "")
        elif words[0] == "element":
            elements += 1
            if elements == 1 and words[1:2] == ["vertex"] and words[-1].isdecimal():
                count = int(words[-1])
        elif words[0] == "property" and elements == 1:
            fields.append(_field(words, file))
    if not order:
        raise ReadError(f"{file} is not a binary PLY. Convert ASCII PLY to binary.", path=file)
    names = [name for name, _ in fields]
    if count < 0 or not set(PLACES) <= set(names) or len(set(names)) != len(names):
        raise ReadError(
            f"{file} does not begin with vertices of x, y and z: it has {names}.", path=file
        )
    return order, count, fields


def _field(words: list[str], file: Path) -> tuple[str, str]:
    if len(words) != 3 or words[1] not in TYPES:
        raise ReadError(
            f"{file}: vertex property {' '.join(words[1:])!r} is not a plain number.", path=file
        )
    return words[2], TYPES[words[1]]
