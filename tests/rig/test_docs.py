"""What the pages of the rig show must run, and list what there is."""

from __future__ import annotations

import re
import sys
from itertools import islice
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from thermoscope.core.errors import CameraError
from thermoscope.rig.camera import DRIVERS, CameraSettings, open_camera

PAGES = Path(__file__).resolve().parents[2] / "docs" / "rig"


def code_of(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)


class Buffer:
    """One GenICam buffer of a 4x3 camera."""

    def __init__(self, number: int) -> None:
        self.frame_id, self.timestamp_ns = number * 2, number * 10**7
        data = np.arange(12, dtype=np.uint16)
        part = SimpleNamespace(width=4, height=3, data=data)
        self.payload = SimpleNamespace(components=[part])

    def __enter__(self) -> Buffer:
        return self

    def __exit__(self, *exception: object) -> None: ...


class Harvester:
    """The parts of `harvesters.core.Harvester` that the adapter uses."""

    nodes: dict[str, Any]

    def add_file(self, path: str) -> None: ...
    def update(self) -> None: ...
    def reset(self) -> None: ...

    def create(self, key: dict[str, str]) -> SimpleNamespace:
        if key["serial_number"] != "22181234":
            raise ValueError(key)
        names = ("Width", "Height", "PixelFormat", "TriggerSource", "TriggerMode")
        Harvester.nodes = {name: SimpleNamespace(value=None) for name in names}
        numbers = iter(range(100))
        return SimpleNamespace(
            remote_device=SimpleNamespace(node_map=SimpleNamespace(**Harvester.nodes)),
            start=lambda: None,
            destroy=lambda: None,
            fetch=lambda timeout: Buffer(next(numbers)),
        )


@pytest.fixture
def genicam(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    core, package = ModuleType("harvesters.core"), ModuleType("harvesters")
    core.Harvester = Harvester  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "harvesters", package)
    monkeypatch.setitem(sys.modules, "harvesters.core", core)
    module = ModuleType("genicam")
    exec(code_of("adapters.md")[0], module.__dict__)
    monkeypatch.setitem(sys.modules, "genicam", module)
    monkeypatch.setitem(DRIVERS, "genicam", "genicam")
    return module


@pytest.mark.usefixtures("genicam")
def test_the_adapter_runs() -> None:
    settings = CameraSettings(4, 3, 30, "y16", "slave")
    with open_camera("genicam:22181234", name="left", settings=settings) as camera:
        frames = list(islice(camera.frames(), 3))

    assert frames[2].image.tolist() == np.arange(12).reshape(3, 4).tolist()
    assert [(f.counter, f.device_ns, f.sequence) for f in frames] == [
        (0, 0, 0), (2, 10**7, 1), (4, 2 * 10**7, 2),
    ]  # fmt: skip
    values = {name: node.value for name, node in Harvester.nodes.items()}
    assert values == {
        "Width": 4, "Height": 3, "PixelFormat": "Mono16", "TriggerSource": "Line0",
        "TriggerMode": "On",
    }  # fmt: skip
    with pytest.raises(CameraError, match="left: no camera 7 is plugged in"):
        open_camera("genicam:7", name="left")


def test_the_adapter_is_short() -> None:
    lines = [line for line in code_of("adapters.md")[0].splitlines() if line.strip()]

    assert len(lines) <= 46


def test_the_other_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    exec(code_of("index.md")[0], {})
    exec(code_of("drivers.md")[0], {})
    printed = capsys.readouterr().out

    assert printed.startswith("(512, 640) ")
    assert "InjectedFault(kind='drop', camera='thermal_left'" in printed
    assert printed.endswith("4.5 ms\n")


def test_every_driver_is_on_the_page() -> None:
    page = (PAGES / "drivers.md").read_text()

    for driver in ("boson", "lepton", "v4l2", "uvc", "opencv", "zedx", "file", "simulated"):
        assert f"`{driver}:" in page
    assert page.count("**never**") == 6
