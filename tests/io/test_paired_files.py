"""Files of two cameras in one order."""

from pathlib import Path

import pytest

from thermoscope.core.errors import ReadError
from thermoscope.io.paired_files import matched
from thermoscope.io.sequence import files_of

NAMES = ("left", "right")


def paths(*names):
    return [Path("a") / name for name in names]


def test_stems_decide_and_the_second_list_leads():
    found = matched(
        paths("1.png", "2.png", "3.png"), paths("3.tiff", "1.tiff", "2.tiff"), names=NAMES
    )
    assert [path.stem for path in found[0]] == [path.stem for path in found[1]] == ["3", "1", "2"]


def test_where_no_stem_agrees_the_place_decides():
    first, second = paths("l1.png", "l2.png"), paths("r1.png", "r2.png")
    assert matched(first, second, names=NAMES) == (first, second)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            ("1.png", "2.png"),
            ("2.png", "3.png"),
            r"left has 2 files and right 2; 2 have no partner",
        ),
        (("a.png", "b.png"), ("c.png",), r"left has 2 files and right 1; 3 have no partner"),
        (("1.png", "1.jpg", "2.png"), ("1.png", "2.png"), r"left has 1.png and 1.jpg: two files"),
        (("1.png", "2.png"), ("1.png", "2.png", "2.bmp"), r"right has 2.png and 2.bmp: two files"),
    ],
)
def test_what_has_no_partner_or_two_is_refused(first, second, said):
    with pytest.raises(ReadError, match=said):
        matched(paths(*first), paths(*second), names=NAMES)


def test_files_of_a_folder_a_pattern_and_one(tmp_path):
    for name in ("f10.png", "f2.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    expected = [tmp_path / "f2.png", tmp_path / "f10.png"]
    assert files_of(tmp_path) == files_of(str(tmp_path / "f*.png")) == expected
    assert files_of(expected[0]) == expected[:1]
    for absent in (tmp_path / "g.png", tmp_path / "g*.png"):
        with pytest.raises(ReadError):
            files_of(absent)
