"""Start, stop and status from every side."""

import json
import subprocess
import sys
import threading

import pytest

from thermoscope.core.errors import MissingDependencyError, RigError
from thermoscope.rig.control import Control, ask, watch_button
from thermoscope.rig.recorder import RecorderStatus

STATUS = RecorderStatus(
    1.0, {"a": 30}, {"a": 30.0}, 5, 2.0, 7, float("inf"), {}, {}, {"a": "none"}, {"a": 305.0}
)


def test_the_socket_takes_start_status_and_stop(tmp_path):
    path = tmp_path / "s"
    with Control(socket=path) as control:
        assert json.loads(ask(path, "status")) == {"recording": False}
        assert not control.wait_for_start(0.1)
        assert ask(path, "start") == "ok"
        assert control.wait_for_start(1.0)
        control.tell(STATUS)
        told = json.loads(ask(path, "status"))
        assert (told["recording"], told["frames"], told["seconds_left"]) == (True, {"a": 30}, None)
        assert ask(path, "dance") == "unknown word 'dance': start, stop or status"
        assert control.stop_reason() == ""
        assert ask(path, "stop") == "ok"
        assert control.stop_reason() == "asked"
    assert not path.exists()
    with pytest.raises(RigError, match="nobody listens on"):
        ask(path, "status")


def test_the_socket_is_for_its_owner_only(tmp_path):
    with Control(socket=tmp_path / "s"):
        assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
    with pytest.raises(RigError, match="cannot listen on"), Control(socket=tmp_path / "no" / "s"):
        pass


SIGNALS = """
import signal
from thermoscope.rig.control import Control
before = signal.getsignal(signal.SIGTERM)
with Control(signals=True) as control:
    signal.raise_signal(signal.SIGUSR1)
    print(control.wait_for_start(5.0))
    signal.raise_signal(signal.SIGTERM)
    print(control.stop_reason())
    control.stop("later")
    print(control.stop_reason())
print(signal.getsignal(signal.SIGTERM) == before)
"""


def test_signals_and_what_they_were_before():
    """In a process of its own: a signal that goes astray ends no other test."""
    run = subprocess.run(
        [sys.executable, "-c", SIGNALS], capture_output=True, text=True, check=False
    )
    assert run.stdout.split() == ["True", "SIGTERM", "SIGTERM", "True"], run.stderr


def test_a_stop_before_the_start_ends_the_wait(tmp_path):
    control = Control(stop_file=tmp_path / "stop")
    threading.Timer(0.1, (tmp_path / "stop").touch).start()
    assert not control.wait_for_start(5.0)
    assert control.stop_reason() == "stop file"


def test_one_button_starts_and_stops():
    control = Control()
    control.toggle()
    assert control.wait_for_start(0)
    control.toggle()
    assert control.stop_reason() == "button"


def test_a_button_needs_its_package():
    with pytest.raises(MissingDependencyError, match="a start button needs the package 'gpiod'"):
        watch_button(Control(), chip="/dev/gpiochip0", line=37)
