"""Who may start and stop a recording: Ctrl-C and signals, a file, a local socket, a button.

    with Control(socket=Path("rig.sock")) as control:
        control.wait_for_start()
        record(folder, sources, stop=control.stop_reason, on_status=control.tell)

The socket takes lines: ``start``, ``stop``, ``status``; the answer is one line, JSON for a status.
A button on a GPIO line needs the package ``gpiod`` (never tried on hardware). What is NOT here: a
web page, which would talk to the same object.
"""

from __future__ import annotations

import json
import math
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from thermoscope.core.errors import MissingDependencyError, RigError
from thermoscope.rig.recorder import RecorderStatus

__all__ = ["Control", "ask", "watch_button"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)
BACKLOG, LINE_BYTES, TIMEOUT_S = 8, 256, 5.0
DEBOUNCE_S = 0.2


class Control:
    """Start, stop and status of one recording, from several sides at once.

    Args:
        signals: Take SIGINT and SIGTERM as stop, and SIGUSR1 as start; main thread only.
        stop_file: A file whose appearance stops the recording.
        socket: Unix socket to listen on; removed at the end.

    Raises:
        RigError: The socket cannot be made.
    """

    def __init__(
        self,
        *,
        signals: bool = False,
        stop_file: Path | None = None,
        socket: Path | None = None,
    ) -> None:
        self._signals, self._stop_file, self._path = signals, stop_file, socket
        self._started = threading.Event()
        self._reason = ""
        self._status: RecorderStatus | None = None
        self._before: dict[int, Any] = {}
        self._listener: Any = None

    def start(self) -> None:
        """Let `wait_for_start` go on."""
        self._started.set()

    def stop(self, reason: str = "asked") -> None:
        """End the recording; the first reason counts."""
        self._reason = self._reason or reason
        self._started.set()

    def toggle(self) -> None:
        """What one button does: start, then stop."""
        if self._started.is_set():
            self.stop("button")
        else:
            self.start()

    def wait_for_start(self, timeout_s: float | None = None) -> bool:
        """Whether the start came, before a stop or the timeout."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._started.wait(0.05):
            if self.stop_reason() or (until is not None and time.monotonic() > until):
                break
        return self._started.is_set() and not self.stop_reason()

    def stop_reason(self) -> str:
        """Why the recording has to end; empty while it may go on."""
        if not self._reason and self._stop_file is not None and self._stop_file.exists():
            self.stop("stop file")
        return self._reason

    def tell(self, status: RecorderStatus) -> None:
        """Keep the newest status for those who ask."""
        self._status = status

    def status(self) -> dict[str, Any]:
        """The newest status as plain values; only ``recording`` before the first."""
        plain: dict[str, Any] = {"recording": self._status is not None and not self._reason}
        if self._status is not None:
            plain |= asdict(self._status)
            if not math.isfinite(plain["seconds_left"]):
                plain["seconds_left"] = None
        return plain

    def __enter__(self) -> Control:
        if self._path is not None:
            self._listen(self._path)
        if self._signals:
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._on_signal)
            self._before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, self._on_signal)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._listener is not None:
            self._listener.close()
            with suppress(FileNotFoundError):
                self._path.unlink()  # type: ignore[union-attr]

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGUSR1:
            self.start()
        else:
            self.stop(signal.Signals(number).name)

    def _listen(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            if path.is_socket():
                path.unlink()
        try:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(path))
            path.chmod(0o600)
            self._listener.listen(BACKLOG)
        except OSError as err:
            self._listener.close()
            raise RigError(
                f"cannot listen on {path}: {err}. Choose a short path in a folder of yours."
            ) from err
        threading.Thread(target=self._serve, name="control", daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return  # closed
            with peer, suppress(OSError):
                peer.settimeout(TIMEOUT_S)
                word = peer.recv(LINE_BYTES).decode("ascii", "replace").strip()
                peer.sendall((self._answer(word) + "\n").encode())

    def _answer(self, word: str) -> str:
        if word == "status":
            return json.dumps(self.status())
        known: dict[str, Callable[[], None]] = {"start": self.start, "stop": self.stop}
        if word not in known:
            return f"unknown word {word!r}: start, stop or status"
        known[word]()
        return "ok"


def ask(path: str | Path, word: str) -> str:
    """What a recorder answers on its socket.

    Args:
        path: The socket.
        word: start, stop or status.

    Raises:
        RigError: Nobody listens there.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(TIMEOUT_S)
            peer.connect(str(path))
            peer.sendall(f"{word}\n".encode())
            with peer.makefile(encoding="utf-8") as lines:
                return lines.readline().strip()
    except OSError as err:
        raise RigError(
            f"nobody listens on {path} ({err}). Is thermoscope rig record --socket running?"
        ) from err


def watch_button(control: Control, *, chip: str, line: int) -> None:
    """Toggle the recording at each press of a button, in a thread; active high, debounced 200 ms.

    Never tried on hardware.

    Args:
        control: Whose recording.
        chip: Device of the GPIO controller, for example ``/dev/gpiochip0``.
        line: Number of the line.

    Raises:
        MissingDependencyError: ``gpiod`` is not installed.
    """
    try:
        gpiod: Any = import_module("gpiod")
        words: Any = import_module("gpiod.line")
    except ImportError as err:
        raise MissingDependencyError("gpiod", extra="rig", purpose="a start button") from err
    settings = gpiod.LineSettings(edge_detection=words.Edge.RISING, bias=words.Bias.PULL_DOWN)
    lines = gpiod.request_lines(chip, consumer="thermoscope", config={line: settings})

    def watch() -> None:
        last_s = 0.0
        while True:
            lines.wait_edge_events()
            lines.read_edge_events()
            if time.monotonic() - last_s > DEBOUNCE_S:
                control.toggle()
            last_s = time.monotonic()

    threading.Thread(target=watch, name="button", daemon=True).start()
