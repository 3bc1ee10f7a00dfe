"""A small simulated rig for the console: one thermal camera that tells temperatures, one colour."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.recorder import RecordOptions
from thermoscope.rig.serve import Console, ConsoleOptions
from thermoscope.rig.simulated_plan import RigPlan, default_cameras
from thermoscope.rig.simulated_rig import SimulatedOpener

RECORD = RecordOptions(isolation="thread", reserve_bytes=1_000_000)


def rig_sources() -> list[CaptureSource]:
    """Cameras ``thermal`` (144x48, hundredths of a kelvin) and ``rgb`` (80x50)."""
    thermal, rgb = default_cameras(1, 1, thermal_size=(144, 48), rgb_size=(80, 50))
    words = {**thermal.settings.extra, "ir16": "tlinear"}
    thermal = replace(thermal, settings=replace(thermal.settings, extra=words))
    plan = RigPlan((thermal, rgb), duration_s=3_600, start_ns=time.monotonic_ns())
    return [CaptureSource(c.name, SimulatedOpener(plan, c.name)) for c in plan.cameras]


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[Console]:
    """A console of that rig that answers on a free port."""
    words = {"folder": folder, "port": 0, "record": RECORD, **options}
    with Console(rig_sources(), ConsoleOptions(**words)) as console:
        thread = threading.Thread(target=console.run)
        thread.start()
        try:
            wait_until(lambda: console.live.state()["shutters"])
            yield console
        finally:
            console.stop()
            thread.join(10)


def wait_until(true: Any, seconds: float = 60.0) -> Any:
    """What `true` gives, once it is true."""
    end = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)
    return value


def ask(
    console: Console, path: str, *, body: Any = None, headers: dict[str, str] | None = None,
    method: str = "",
) -> tuple[int, dict[str, str], bytes]:  # fmt: skip
    """Status, headers and content of one request; a body makes it a POST."""
    data = None if body is None else json.dumps(body)
    kind = {} if body is None else {"Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", console.port, timeout=60)
    try:
        connection.request(
            method or ("GET" if data is None else "POST"), path, data, {**kind, **(headers or {})}
        )
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, told, answer.read()
    finally:
        connection.close()


def command(console: Console, name: str, body: Any = None) -> Any:
    """The answer to a command of the page, as it sends it."""
    headers = {"X-Thermoscope-Console": "1"}
    status, _, content = ask(console, f"/api/{name}", body=body or {}, headers=headers)
    return status, json.loads(content)
