"""The kernel's half of V4L2 over a plain file, so that the real linuxpy runs without a device."""

from __future__ import annotations

import errno
import mmap
import time
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from linuxpy.video import device as linuxpy_device
from linuxpy.video import raw

CAPTURE_AND_STREAMING = 0x04000001
MONOTONIC = 0x2000


class V4l2Kernel:
    """One video device; buffers are pages of its file.

    Attributes:
        pictures: What comes next: (data, sequence, seconds, flags), or an error number.
        refuses: request name -> error number.
        gives: Size and layout that it agrees on, whatever is asked for; None = as asked.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "video7"
        self.pictures: deque[tuple[bytes, int, float, int] | int] = deque()
        self.refuses: dict[str, int] = {}
        self.gives: tuple[int, int, str] | None = None
        self.streaming = False
        self.rate: float | None = None
        self._queue: deque[int] = deque()
        self._page = mmap.PAGESIZE * 16
        self.path.write_bytes(bytes(self._page * 16))
        self._format: Any = None

    def ioctl(self, fd: object, request: raw.IOC, *arguments: Any) -> Any:
        if request.name in self.refuses:
            raise OSError(self.refuses[request.name], "refused")
        getattr(self, f"_{request.name.lower()}")(*arguments)
        return arguments[0] if arguments else None

    def _querycap(self, caps: Any) -> None:
        caps.capabilities = caps.device_caps = CAPTURE_AND_STREAMING

    def _s_fmt(self, fmt: Any) -> None:
        if self.gives is not None:
            fmt.fmt.pix.width, fmt.fmt.pix.height = self.gives[:2]
            fmt.fmt.pix.pixelformat = raw.v4l2_fourcc(*self.gives[2])
        self._format = (fmt.fmt.pix.width, fmt.fmt.pix.height, fmt.fmt.pix.pixelformat)

    def _g_fmt(self, fmt: Any) -> None:
        fmt.fmt.pix.width, fmt.fmt.pix.height, fmt.fmt.pix.pixelformat = self._format

    def _s_parm(self, parm: Any) -> None:
        interval = parm.parm.capture.timeperframe
        self.rate = interval.denominator / interval.numerator

    def _reqbufs(self, request: Any) -> None:
        self._queue.clear()

    def _querybuf(self, buffer: Any) -> None:
        buffer.length, buffer.m.offset = self._page, buffer.index * self._page

    def _qbuf(self, buffer: Any) -> None:
        self._queue.append(buffer.index)

    def _dqbuf(self, buffer: Any) -> None:
        if not self.pictures:
            time.sleep(0.01)  # a plain file is always ready
            raise BlockingIOError(errno.EAGAIN, "none yet")
        picture = self.pictures.popleft()
        if isinstance(picture, int):
            raise OSError(picture, "gone")
        data, buffer.sequence, seconds, buffer.flags = picture
        buffer.index = self._queue.popleft()
        buffer.bytesused = len(data)
        buffer.timestamp.secs, buffer.timestamp.usecs = int(seconds), round(seconds % 1 * 1e6)
        with self.path.open("r+b") as file:
            file.seek(buffer.index * self._page)
            file.write(data)

    def _streamon(self, kind: Any) -> None:
        self.streaming = True

    def _streamoff(self, kind: Any) -> None:
        self.streaming = False


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> V4l2Kernel:
    """A device at ``folder / "video7"`` that linuxpy talks to."""
    kernel = V4l2Kernel(folder)
    monkeypatch.setattr(linuxpy_device, "ioctl", kernel.ioctl)
    return kernel
