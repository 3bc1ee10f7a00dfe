"""CATS, on a small folder in its layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from thermoscope.core.errors import DatasetCorruptError, DatasetNotFoundError, UnknownNameError
from thermoscope.core.sample import check_sample
from thermoscope.data.base import READERS, Dataset
from thermoscope.data.cats import CATS
from thermoscope.synthetic.layouts.run import RenderPlan, render_layout

SCENES = (
    "INDOOR/BOOKS/scene1",
    "INDOOR/BOOKS/scene10",
    "INDOOR/BOOKS/scene2",
    "OUTDOOR/SHED/scene1",
)


def write_scene(folder: Path, *, value: float = -3.5) -> None:
    import cv2

    thermal, truth = folder / "rectified" / "thermal", folder / "gt_disparity" / "thermal"
    thermal.mkdir(parents=True)
    truth.mkdir(parents=True)
    view = np.arange(24, dtype=np.uint16).reshape(4, 6) + 3000
    for name in ("left", "right"):
        cv2.imwrite(str(thermal / f"{name}_thermal_default.png"), view)
    rows = [[value] * 6 for _ in range(4)]
    rows[1][2] = 8.25
    text = "\n".join(",".join(str(v) for v in row) for row in rows)
    (truth / "gt_disparity_interp.txt").write_text(text + "\n")
    (truth / "gt_disparity.txt").write_text(text.replace("8.25", "NaN") + "\n")
    (truth / "disp_range.txt").write_text("-3.5000 8.2500\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for scene in SCENES:
        write_scene(tmp_path / "CATS_Release" / scene)
    return tmp_path


def test_signed_truth_raw_and_interpolated(root: Path) -> None:
    filled = CATS(root, split="all")[0]
    check_sample(filled)
    assert filled["counts"].shape == (1, 4, 6)
    assert filled["disparity"][0, 0, 0] == -3.5
    assert filled["disparity"][0, 1, 2] == 8.25
    assert filled["valid"].all()
    raw = CATS(root, split="all", truth="raw")[0]
    assert raw["valid"].sum() == 23
    assert not raw["valid"][0, 1, 2]
    assert raw["disparity"][0, 1, 2] == 0


def test_order_ranges_and_items(root: Path) -> None:
    data = CATS(root, split="all")
    assert isinstance(data, Dataset)
    assert [data.item(i).name for i in range(len(data))] == [
        "indoor_books_scene1", "indoor_books_scene2", "indoor_books_scene10", "outdoor_shed_scene1",
    ]  # fmt: skip
    assert data.item(3).environment == "outdoor"
    assert data.disparity_range(0) == (-3.5, 8.25)


def test_every_tenth_scene_is_for_validation(tmp_path: Path) -> None:
    for number in range(1, 21):
        write_scene(tmp_path / "Indoor" / "TOYS" / f"scene{number}")
    train, val = CATS(tmp_path, split="train"), CATS(tmp_path, split="val")
    assert (len(train), len(val)) == (18, 2)
    assert [val.item(i).name for i in range(2)] == ["indoor_toys_scene10", "indoor_toys_scene20"]


def test_a_mask_takes_pixels_out(root: Path) -> None:
    import cv2

    mask = np.full((4, 6), 255, np.uint8)
    mask[0] = 0
    folder = root / "CATS_Release" / SCENES[0] / "rectified" / "thermal"
    cv2.imwrite(str(folder / "mask.png"), mask)
    assert CATS(root, split="all")[0]["valid"].sum() == 18


def test_the_rendered_layout_is_read(tmp_path: Path) -> None:
    render_layout(tmp_path, RenderPlan(layout="cats", count=1, environment="indoor", preset="tiny"))
    data = READERS.get("cats")(tmp_path, split="all")
    sample = data[0]
    check_sample(sample)
    low, high = data.disparity_range(0)
    known = sample["disparity"][sample["valid"]]
    assert known.min() < 0  # converging: far things are negative
    raw = CATS(tmp_path, split="all", truth="raw")[0]
    seen = raw["disparity"][raw["valid"]]
    assert low - 1e-3 <= seen.min() <= seen.max() <= high + 1e-3


def test_what_is_missing_or_damaged_is_said(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="no scene under .*Expected: CATS_Release"):
        CATS(tmp_path / "nowhere")
    with pytest.raises(DatasetNotFoundError, match=r"'val' of cats is empty: .* has 4\. Ask for"):
        CATS(root)
    with pytest.raises(UnknownNameError, match="unknown split of cats 'test'"):
        CATS(root, split="test")
    with pytest.raises(UnknownNameError, match="unknown truth of cats 'dense'"):
        CATS(root, truth="dense")  # type: ignore[arg-type]
    truth = root / "CATS_Release" / SCENES[0] / "gt_disparity" / "thermal"
    (truth / "disp_range.txt").write_text("5\n")
    with pytest.raises(DatasetCorruptError, match="expected the least and the greatest"):
        CATS(root, split="all").disparity_range(0)
    (truth / "gt_disparity_interp.txt").write_text("1,2\n3,4\n")
    with pytest.raises(DatasetCorruptError, match=r"disparity \(2, 2\) differ in size"):
        CATS(root, split="all")[0]
    (truth / "gt_disparity_interp.txt").write_text("1,two\n")
    with pytest.raises(DatasetCorruptError, match="is no table of disparities"):
        CATS(root, split="all")[0]
