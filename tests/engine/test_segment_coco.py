"""COCO run lengths against a plain decoder, and segments that can be counted by hand."""

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, ReadError, ShapeError
from thermoscope.engine.segment_coco import coco_document, mask_from_rle, rle_from_mask


def plain_runs(text):
    """The format as its public code reads it: one character after the other."""
    runs, place = [], 0
    while place < len(text):
        value, digit_number, more = 0, 0, True
        while more:
            digit = ord(text[place]) - 48
            value += (digit & 0x1F) * 32**digit_number
            more = bool(digit & 0x20)
            place += 1
            digit_number += 1
            if not more and digit & 0x10:
                value -= 32**digit_number
        if len(runs) > 2:
            value += runs[len(runs) - 2]
        runs.append(value)
    return runs


def plain_mask(rle):
    height, width = rle["size"]
    flat, one = [], False
    for run in plain_runs(rle["counts"]):
        flat += [one] * run
        one = not one
    return np.array(flat).reshape(width, height).T


@pytest.mark.parametrize(
    ("mask", "counts"),
    [
        (np.ones((2, 2), bool), "04"),  # no zeros, then four ones
        (np.zeros((2, 2), bool), "4"),
        (np.array([[0, 1], [1, 1]], bool), "13"),  # down the columns: 0 1 1 1
        (np.zeros((4, 5), bool), "d0"),  # 20 = 20 + 0 * 32: the fifth bit asks for one more digit
        # Runs 0 1 1 1 1 2; from the fourth on the difference to the one before the last.
        (np.array([[1, 0, 1, 0, 1, 1]], bool), "011001"),
    ],
)
def test_texts_worked_out_by_hand(mask, counts):
    assert rle_from_mask(mask)["counts"] == counts
    np.testing.assert_array_equal(mask_from_rle({"size": mask.shape, "counts": counts}), mask)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (48, 64), (300, 3)])
def test_what_is_written_is_read_by_a_plain_decoder(rng, shape, share):
    mask = rng.random(shape) < share
    rle = rle_from_mask(mask)
    np.testing.assert_array_equal(plain_mask(rle), mask)
    np.testing.assert_array_equal(mask_from_rle(rle), mask)


def test_long_and_falling_runs(rng):
    mask = np.zeros((500, 500), bool)
    mask[100:, 30] = mask[3, 200] = mask[499, 499] = True
    np.testing.assert_array_equal(plain_mask(rle_from_mask(mask)), mask)


def test_damaged_texts():
    with pytest.raises(ReadError, match=r"hold '\\n', which is none of their digits"):
        mask_from_rle({"size": [2, 2], "counts": "1\n"})
    with pytest.raises(ReadError, match="run lengths of 3 pixels do not fill 2 x 2"):
        mask_from_rle({"size": [2, 2], "counts": "12"})
    with pytest.raises(ShapeError, match=r"mask must be \(H, W\)"):
        rle_from_mask(np.zeros((1, 2, 2), bool))


def test_segments_are_the_connected_pieces_of_each_class():
    labels = np.zeros((10, 20), np.uint8)
    labels[1:5, 2:6] = 2  # 16 px
    labels[5:9, 6:12] = 2  # 24 px, touches the first at a corner: one segment of 40
    labels[0:4, 15:20] = 2  # 20 px
    labels[9, 0] = 1  # too small
    kelvin = np.full(labels.shape, 290, np.float32)
    kelvin[0:4, 15:20] = 310
    kelvin[0, 15], kelvin[0, 16] = np.nan, 330
    found = coco_document(labels, ("a", "b", "c"), file_name="x.png", kelvin=kelvin)
    rows = found["annotations"]
    assert [(r["id"], r["category_id"], r["area"]) for r in rows] == [
        (1, 0, 139),
        (2, 2, 40),
        (3, 2, 20),
    ]
    assert rows[1]["bbox"] == [2, 1, 10, 8]
    assert rows[2]["bbox"] == [15, 0, 5, 4]
    assert (rows[2]["min_k"], rows[2]["median_k"], rows[2]["max_k"]) == (310, 310, 330)
    np.testing.assert_array_equal(
        plain_mask(rows[2]["segmentation"]),
        (labels == 2) & (np.indices(labels.shape)[1] >= 15),
    )
    assert found["images"] == [{"id": 1, "file_name": "x.png", "width": 20, "height": 10}]
    assert found["categories"][2] == {"id": 2, "name": "c"}
    every = coco_document(labels, ("a", "b", "c"), file_name="x.png", min_pixels=1)
    assert sum(r["area"] for r in every["annotations"]) == labels.size
    assert "min_k" not in every["annotations"][0]


def test_wrong_requests():
    labels = np.zeros((4, 4), np.uint8)
    with pytest.raises(ConfigError, match="min_pixels must be at least 1, got 0"):
        coco_document(labels, ("a",), file_name="x", min_pixels=0)
    with pytest.raises(ShapeError, match=r"kelvin must be \(4, 4\)"):
        coco_document(labels, ("a",), file_name="x", kelvin=np.zeros((3, 4), np.float32))
