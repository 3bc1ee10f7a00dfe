import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoscope.core.errors import ReadError, ShapeError, ThermoscopeError, UnitError
from thermoscope.geometry.ply import read_ply, write_ply

HEADER = "ply\nformat {order} 1.0\nelement vertex {count}\n{properties}end_header\n"
XYZ = "property float x\nproperty float y\nproperty float z\n"


def ply_bytes(data=b"", *, order="binary_little_endian", count="1", properties=XYZ):
    header = HEADER.format(order=order, count=count, properties=properties)
    return header.encode() + data


@pytest.mark.parametrize("n", [0, 1, 1000])
@pytest.mark.parametrize("coloured", [False, True])
def test_round_trip(n, coloured, tmp_path, rng):
    points = rng.normal(0, 50, (n, 3))
    colours = rng.integers(0, 256, (n, 3), dtype=np.uint8) if coloured else None
    write_ply(tmp_path / "a.ply", points, colours)
    back, back_colours = read_ply(tmp_path / "a.ply")
    assert (back == points.astype(np.float32)).all()
    assert (back_colours is None) == (not coloured)
    if coloured:
        assert (back_colours == colours).all()


def test_the_file_byte_by_byte(tmp_path):
    write_ply(tmp_path / "a.ply", [[1.0, -2.0, 0.5]], np.array([[255, 0, 7]], np.uint8))
    properties = XYZ + "".join(f"property uchar {c}\n" for c in ("red", "green", "blue"))
    data = np.array([1, -2, 0.5], "<f4").tobytes() + bytes([255, 0, 7])
    assert (tmp_path / "a.ply").read_bytes() == ply_bytes(data, properties=properties)


def test_foreign_layouts_are_read(tmp_path):
    file = tmp_path / "a.ply"
    properties = (
        "property double z\nproperty short label\nproperty double y\nproperty double x\n"
        "element face 1\nproperty list uchar int vertex_indices\n"
    )
    row = np.array([(3.0, 9, 2.0, 1.0)], [("z", ">f8"), ("l", ">i2"), ("y", ">f8"), ("x", ">f8")])
    file.write_bytes(
        ply_bytes(row.tobytes() + b"faces", order="binary_big_endian", properties=properties)
    )
    points, colours = read_ply(file)
    assert points.tolist() == [[1, 2, 3]]
    assert colours is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a PLY file: it starts with b''"),
        (b"plyx", "not a PLY file"),
        (b"ply\nformat", "no PLY header end"),
        (b"ply\n" + b"comment x\n" * 5000 + b"end_header\n", "no PLY header end"),
        (ply_bytes(order="ascii"), "not a binary PLY"),
        (ply_bytes(b"12345"), "truncated: 1 points need 12 bytes, 5 are there"),
        (ply_bytes(count="99999999999999999"), "truncated: 99999999999999999 points"),
        (ply_bytes(count="-1"), "does not begin with vertices"),
        (ply_bytes(count=""), "does not begin with vertices"),
        (ply_bytes(properties="property float x\n"), r"x, y and z: it has \['x'\]"),
        (ply_bytes(properties=XYZ + XYZ), "does not begin with vertices"),
        (ply_bytes(properties=XYZ + "property list uchar int n\n"), "is not a plain number"),
        (ply_bytes(properties="property quad x\n"), "'quad x' is not a plain number"),
    ],
)
def test_broken_files(content, message, tmp_path):
    (tmp_path / "a.ply").write_bytes(content)
    with pytest.raises(ReadError, match=message):
        read_ply(tmp_path / "a.ply")


@settings(deadline=None, max_examples=150)
@given(place=st.integers(0, 200), patch=st.binary(max_size=6), cut=st.integers(0, 200))
def test_mutated_files_end_in_an_error_or_a_cloud(place, patch, cut, tmp_path_factory):
    whole = ply_bytes(np.arange(6, dtype="<f4").tobytes(), count="2")
    broken = (whole[:place] + patch + whole[place + len(patch) :])[: len(whole) - cut]
    file = tmp_path_factory.getbasetemp() / "mutated.ply"
    file.write_bytes(broken)
    try:
        points, _ = read_ply(file)
    except ThermoscopeError:
        return
    assert points.shape[1] == 3


def test_a_failed_write_leaves_the_old_file(tmp_path):
    write_ply(tmp_path / "a.ply", [[1, 2, 3]])
    before = (tmp_path / "a.ply").read_bytes()
    with pytest.raises(UnitError, match=r"points must be finite.*points\[valid\]"):
        write_ply(tmp_path / "a.ply", [[np.nan, 0, 0]])
    with pytest.raises(UnitError, match="points must be finite"):
        write_ply(tmp_path / "a.ply", [[1e300, 0, 0]])
    with pytest.raises(ShapeError, match=r"points must be \(N, 3\), got \(3,\)"):
        write_ply(tmp_path / "a.ply", [1, 2, 3])
    with pytest.raises(ShapeError, match=r"colours must be \(1, 3\) as the points"):
        write_ply(tmp_path / "a.ply", [[1, 2, 3]], np.zeros((2, 3), np.uint8))
    with pytest.raises(UnitError, match="colours must be uint8"):
        write_ply(tmp_path / "a.ply", [[1, 2, 3]], np.zeros((1, 3)))
    assert (tmp_path / "a.ply").read_bytes() == before
    assert [f.name for f in tmp_path.iterdir()] == ["a.ply"]


def test_an_absent_file(tmp_path):
    with pytest.raises(ReadError, match="cannot read .*absent.ply: No such file"):
        read_ply(tmp_path / "absent.ply")
