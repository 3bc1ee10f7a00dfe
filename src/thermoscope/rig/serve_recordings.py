"""Recordings of one folder: what there is, and each as a zip that is made while it is sent.

Names come from a browser: only a folder that lies right in the given one, and a file right in that,
is ever opened. What is NOT here: making recordings (`thermoscope.rig.serve_worker`).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from thermoscope.core.errors import ConfigError, ReadError
from thermoscope.rig.recording_format import MANIFEST, read_manifest, segment_files

__all__ = ["find", "find_file", "list_recordings", "name_for", "zipped"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}")
PIECE_BYTES = 1 << 18


def name_for(label: str, now: datetime) -> str:
    """Folder name of a new recording: the local time, and what the person called it.

    Args:
        label: Letters, digits, ``_``, ``.`` and ``-``, at most 40; or nothing.
        now: The local time.

    Raises:
        ConfigError: Another character, or more of them.

    Example:
        >>> name_for("bridge", datetime(2026, 5, 1, 9, 30, 7))
        '2026-05-01_09-30-07_bridge'
    """
    if label and (not NAME.fullmatch(label) or len(label) > 40):
        raise ConfigError(
            f"the name of a recording may have 40 letters, digits, _ . and -, got {label[:60]!r}."
        )
    return now.strftime("%Y-%m-%d_%H-%M-%S") + (f"_{label}" if label else "")


def find(folder: Path, name: str) -> Path:
    """The recording called `name` in `folder`.

    Raises:
        ReadError: There is none.
    """
    path = folder / name
    if not NAME.fullmatch(name) or path.is_symlink() or not path.is_dir() or not _files(path):
        raise ReadError(f"no recording {name[:80]!r}. See the list.", path=folder)
    return path


def find_file(folder: Path, name: str, file: str) -> Path:
    """A file of a recording.

    Raises:
        ReadError: There is no such recording, or no such file in it.
    """
    for path in _files(find(folder, name)):
        if path.name == file:
            return path
    raise ReadError(f"{name} has no file {file[:80]!r}. See the list.", path=folder)


def _files(recording: Path) -> list[Path]:
    """What belongs to it: manifest, segments, calibration."""
    wanted = [recording / MANIFEST, *segment_files(recording), *recording.glob("*.json")]
    return sorted({path for path in wanted if path.is_file() and not path.is_symlink()})


def list_recordings(folder: Path) -> list[dict[str, Any]]:
    """Recordings in `folder`, the newest first, as plain values.

    ``whole`` is False for one that was cut off, or is being made; then seconds and frames are those
    of its closed segments.
    """
    if not folder.is_dir():
        return []
    found = [
        _about(path)
        for path in folder.iterdir()
        if NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink() and _files(path)
    ]
    return sorted(found, key=lambda about: cast(int, about["started_utc_ns"]), reverse=True)


def _about(recording: Path) -> dict[str, Any]:
    files = {path.name: path.stat().st_size for path in _files(recording)}
    about: dict[str, Any] = {
        "name": recording.name,
        "size_bytes": sum(files.values()),
        "files": files,
        "whole": False,
        "started_utc_ns": int(recording.stat().st_mtime_ns),
        "seconds": 0.0,
        "frames": {},
        "lost": 0,
        "stopped": "",
    }
    try:
        manifest = read_manifest(recording)
    except ReadError as err:
        return about | {"stopped": f"damaged: {err}"}
    seconds = sum((s.stop_ns - s.start_ns) / 1e9 for s in manifest.segments)
    return about | {
        "whole": bool(manifest.stopped),
        "started_utc_ns": manifest.started_utc_ns,
        "seconds": round(seconds, 1),
        "frames": manifest.frames,
        "lost": sum(manifest.queue_drops.values()),
        "stopped": manifest.stopped,
    }


class _Outgoing:
    """The writing end of a zip that nobody keeps."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._at = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing is kept back."""

    def taken(self) -> bytes:
        data, self._pieces = b"".join(self._pieces), []
        return data


def zipped(recording: Path) -> Iterator[bytes]:
    """The recording as a zip, not compressed (it is already), of any size, in small pieces."""
    out = _Outgoing()
    with zipfile.ZipFile(cast(Any, out), "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for path in _files(recording):
            name = f"{recording.name}/{path.name}"
            entry = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)  # 1970: no clock
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while piece := source.read(PIECE_BYTES):
                    target.write(piece)
                    yield out.taken()
    yield out.taken()
