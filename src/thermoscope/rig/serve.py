"""The console: a page on the local network that shows a rig, records, and hands the files out.

    with Console(sources, ConsoleOptions(folder=Path("runs"))) as console:
        print(console.url); console.run()

The web server runs at a lower priority than the rig's process, so browsers never take a frame from
the recorder. What is NOT here: HTTPS, users, the desktop; the page itself is in ``console/``.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from thermoscope.core.checks import check_in_range, check_positive
from thermoscope.core.errors import MissingDependencyError, RigError, WriteError
from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.recorder import RecordOptions
from thermoscope.rig.serve_access import Access, Guard, is_loopback, new_token
from thermoscope.rig.serve_live import Live
from thermoscope.rig.serve_recordings import name_for
from thermoscope.rig.serve_worker import Worker

__all__ = ["Console", "ConsoleOptions"]

NICER_BY = 10  # the rig's process keeps the priority that the console had
MOST_CONNECTIONS = 200
BACKLOG = 128
SEND_BUFFER_BYTES = 1 << 17  # what a slow client is behind, at most
SHUTDOWN_S = 3
SIOCGIFADDR = 0x8915  # Linux: the address of an interface, netdevice(7)
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class ConsoleOptions:
    """What the console listens on, and how it records.

    Raises:
        ConfigError: A port outside [0, 65535], or a time that is not positive.
    """

    folder: Path
    """Of the recordings; made if it is not there."""
    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 for all networks of this machine."""
    port: int = 8765
    """0 = any free one."""
    token: str | None = None
    """What a client must know; empty: nothing; None: a new one unless `host` is loopback."""
    names: tuple[str, ...] = ()
    """Names, beside this machine's own, under which browsers may reach it."""
    palette: str = "ironbow"
    """For thermal pictures."""
    stall_s: float = 10.0
    """A client that takes no data for so long is dropped, s."""
    record: RecordOptions = field(default_factory=RecordOptions)
    """How to record."""

    def __post_init__(self) -> None:
        check_in_range(self.port, 0, 65_535, name="port")
        check_positive(self.stall_s, name="stall_s")


class Console:
    """One rig and its page.

    Entering it opens the cameras, and lowers the priority of this process for good if they run in
    others.

    Args:
        sources: The cameras.
        options: See `ConsoleOptions`.

    Raises:
        MissingDependencyError: fastapi or uvicorn is not installed.
        WriteError: The folder cannot be made.
        RigError: The address cannot be listened on.
        UnknownNameError: No such palette.
        ConfigError: No camera, or two of one name.

    Attributes:
        live: What the rig shows.
        worker: The rig.
        folder: Of the recordings.
    """

    def __init__(self, sources: Sequence[CaptureSource], options: ConsoleOptions) -> None:
        for package in ("fastapi", "uvicorn"):
            _optional_package(package)
        self.folder, self._options = options.folder, options
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise WriteError(f"cannot make {self.folder}: {err.strerror}. Check the path.") from err
        token = options.token
        if token is None:
            token = "" if is_loopback(options.host) else new_token()
        self._access = Access.of(token, (options.host, *options.names))
        self.worker = Worker(sources, options.record)
        reserve_bytes = options.record.reserve_bytes
        self.live = Live(self.worker, self.folder, reserve_bytes, options.palette)
        self._socket = _listening(options)
        self.port: int = self._socket.getsockname()[1]
        self._server: Any = None
        self._running = ExitStack()

    def __enter__(self) -> Console:
        self._running.enter_context(self._socket)
        self._running.enter_context(self.worker)
        if self._options.record.isolation == "process":
            os.nice(NICER_BY)
        self._running.enter_context(self.live)
        return self

    def __exit__(self, *exception: object) -> None:
        self._running.close()

    @property
    def url(self) -> str:
        """What to open in a browser on this machine; with the token, if there is one."""
        return self._url("127.0.0.1" if self._everywhere else self._options.host)

    @property
    def urls(self) -> list[str]:
        """`url`, and what to open on another machine when it listens on all networks."""
        if not self._everywhere:
            return [self.url]
        return [self._url(address) for address in _own_addresses()]

    @property
    def _everywhere(self) -> bool:
        return self._options.host in ("0.0.0.0", "::")  # noqa: S104  # compared, not bound

    def _url(self, host: str) -> str:
        host = f"[{host}]" if ":" in host else host
        token = self._access.token
        return f"http://{host}:{self.port}/" + (f"?token={token}" if token else "")

    def start(self, label: str = "") -> str:
        """Begin a recording; its name.

        Raises:
            ConfigError: The label has a character that it may not have.
            RigError: One is being made.
        """
        name = name_for(label, datetime.now())  # local: people read it
        self.worker.start(self.folder / name)
        return name

    def app(self) -> Any:
        """The application, for any ASGI server."""
        from thermoscope.rig.serve_app import build

        return Guard(build(self), self._access, cookie=f"thermoscope_{self.port}")

    def run(self) -> None:
        """Serve until Ctrl-C, SIGTERM or `stop`."""
        import uvicorn

        config = uvicorn.Config(
            self.app(),
            log_level="warning",
            lifespan="off",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=SHUTDOWN_S,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        with _signals_end_only_the_server():
            self._server.run(sockets=[self._socket])

    @property
    def stopping(self) -> bool:
        """Whether `run` is about to return: endless answers must end."""
        return self._server is not None and bool(self._server.should_exit)

    def stop(self) -> None:
        """End `run`; from another thread."""
        if self._server is not None:
            self._server.should_exit = True


@contextmanager
def _signals_end_only_the_server() -> Iterator[None]:
    """It raises its signal again when it is done: by then the rig must be closed in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _optional_package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as err:
        raise MissingDependencyError(name, extra="serve", purpose="the console") from err


def _listening(options: ConsoleOptions) -> socket.socket:
    """A socket whose clients are dropped by the system when they take nothing for a while."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            stall_ms = int(options.stall_s * 1000)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stall_ms)
        listener.bind((options.host, options.port))
        listener.listen(BACKLOG)
    except OSError as err:
        listener.close()
        raise RigError(
            f"cannot listen on {options.host} port {options.port}: {err.strerror}. "
            "Choose another --port, or an address of this machine for --host."
        ) from err
    return listener


def _own_addresses() -> list[str]:
    """IPv4 addresses of this machine's network interfaces, loopback last."""
    import fcntl

    found = ["127.0.0.1"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # an interface without an address
                reply = fcntl.ioctl(probe, SIOCGIFADDR, name.encode().ljust(256, b"\0"))
                found.append(socket.inet_ntoa(reply[20:24]))
    return sorted(set(found), key=is_loopback)
