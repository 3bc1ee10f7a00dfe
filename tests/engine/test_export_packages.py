"""Optional packages: named when absent, and silent on the network when there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from thermoscope.core.errors import MissingDependencyError
from thermoscope.engine.export_packages import openvino_package, optional_package


def test_present_and_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    assert optional_package("json", purpose="x").dumps(1) == "1"
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependencyError, match=r"running it needs .*thermoscope\[export\]"):
        openvino_package(purpose="running it")


def test_openvino_reports_to_nobody() -> None:
    """In a process of its own, because other tests import openvino."""
    code = (
        "from thermoscope.engine.export_packages import openvino_package\n"
        "package = openvino_package(purpose='this')\n"
        "import openvino.tools.ovc.telemetry_utils as used\n"
        "print(package.__name__, used.tm.__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["openvino", "openvino.tools.ovc.telemetry_stub"]
