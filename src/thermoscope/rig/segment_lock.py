"""Whether somebody is writing a segment: a lock on its file, which the system gives back.

The recorder holds it while the file is open; if it is killed, the lock goes with it. Where the
system or the disk has no such locks, no segment seems to be recorded. What is NOT here: the words
for people.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

try:
    fcntl: Any = import_module("fcntl")
except ImportError:  # no POSIX system
    fcntl = None

__all__ = ["is_being_recorded", "lock_segment"]


def lock_segment(file: IO[bytes]) -> None:
    """Tell everybody that `file` is being written, until it is closed."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def is_being_recorded(path: Path) -> bool:
    """Whether a recorder has the segment open."""
    if fcntl is None:
        return False
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
