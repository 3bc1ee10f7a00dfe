from pathlib import Path

import pytest

from thermoscope.core.errors import UnknownNameError
from thermoscope.data.catalogue import dataset_info, datasets_page, list_datasets

ROOT = Path(__file__).parents[2]


def test_names_are_sorted_unique_and_found():
    names = list_datasets()
    assert names == sorted(set(names))
    assert all(dataset_info(n).name == n for n in names)


def test_non_commercial_sources_are_known_as_such():
    terms = {n: dataset_info(n).licensed().terms for n in list_datasets()}
    assert {n for n, t in terms.items() if t == "non-commercial"} == {
        "llvip",
        "ms2",
        "semanticrt",
    }
    assert terms["scenes"] == "permissive"


def test_unknown_name():
    with pytest.raises(UnknownNameError, match="unknown data set 'msr'. Did you mean 'msrs'"):
        dataset_info("msr")


def test_page_is_generated_from_the_code():
    assert (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8") == datasets_page()
