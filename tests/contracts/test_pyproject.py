"""The project file keeps its promises: bounds, reasons, extras, light install."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

if sys.version_info < (3, 11):
    pytest.skip("tomllib needs Python 3.11", allow_module_level=True)
import tomllib

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
PROJECT = tomllib.loads(TEXT)["project"]
EXTRAS = PROJECT["optional-dependencies"]
HEAVY = {"torchvision", "timm", "open-clip-torch", "ray", "rerun-sdk", "onnxruntime", "openvino"}


def name_of(requirement: str) -> str:
    return re.match(r"[A-Za-z0-9_.-]+", requirement).group().lower()


def test_extras_that_the_design_names_exist():
    wanted = {"rig", "export", "serve", "teachers", "formats", "index", "cluster", "viz", "dev"}
    assert wanted | {"datasets", "parquet"} == set(EXTRAS)


def test_default_install_is_light():
    assert not {name_of(r) for r in PROJECT["dependencies"]} & HEAVY


def test_torch_is_bounded():
    assert "torch>=2.6,<2.14" in PROJECT["dependencies"]


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_each_dependency_has_a_bound_and_a_reason(requirement):
    assert re.search(r"[<>=]=?\d", requirement)
    line = next(line for line in TEXT.splitlines() if f'"{requirement}"' in line)
    assert re.search(r"#\s*\S.{10,}", line), "a reason beside the bound"


def test_constraints_pin_every_direct_dependency():
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line and not line.startswith("#")
    )
    names = {n.lower().replace("_", "-") for n in pins}
    direct = [*PROJECT["dependencies"], *EXTRAS["dev"], *EXTRAS["formats"]]
    assert {name_of(r).replace("_", "-") for r in direct} <= names
    assert all("+" not in version for version in pins.values()), "no local build tags"
