"""What of an export is done: it survives a kill, and a finished export tells all about itself.

While an export runs, its plan and a line for each finished pair stand in hidden files beside the
data; at the end one manifest replaces them. A pair counts as done only if every file of it still
has the hash that was noted. What is NOT here: what the files hold.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from thermoscope.core.config import config_from_dict, config_to_dict
from thermoscope.core.errors import ConfigError, DatasetCorruptError, WriteError
from thermoscope.core.files import atomic_write, sha256_of
from thermoscope.engine.rig_export_plan import ExportPlan

__all__ = ["ExportLedger"]

UNFINISHED = re.compile(r"\..+\.(png|npy|csv|txt|json)\.[a-z0-9_]{8}")  # of `atomic_write`
Head = Mapping[str, Any]
Entry = dict[str, Any]


class ExportLedger:
    """Plan and progress of one export.

    Args:
        folder: Output folder, which several exports may share.
        name: Of the run.
        run_folder: Where the run's own files go, below `folder`.
        head: Recording, calibration, settings: what makes two exports the same; plain JSON.

    Raises:
        ConfigError: The folder holds an export of this name with another head.
        DatasetCorruptError: A manifest or plan there cannot be read.
        WriteError: The folder cannot be made.
    """

    def __init__(self, folder: Path, name: str, run_folder: str, head: Head) -> None:
        self.manifest = folder / f"{name}.export.json"
        self._folder, self._run_folder, self._head = folder, folder / run_folder, dict(head)
        self._plan_file = folder / f".{name}.plan.json"
        self._journal = folder / f".{name}.done.jsonl"
        self._told = self._read(self.manifest) or self._read(self._plan_file)
        self.done: dict[int, Entry] = {}

    def _read(self, path: Path) -> dict[str, Any] | None:
        if not path.exists():
            return None
        try:
            told = json.loads(path.read_text("utf-8"))
            before = told["head"]
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise DatasetCorruptError(
                f"{path} is no plan of an export: {err!r}. Delete it, and the same command "
                "makes it again."
            ) from err
        if before != self._head and path == self._plan_file and not self._begun:
            return None
        if before != self._head:
            changed = ", ".join(_differences(before, self._head))
            raise ConfigError(
                f"{self._folder} holds an export of this name with another {changed}. Give the "
                "same words to go on with it, or another --name or folder."
            )
        return dict(told)

    @property
    def _begun(self) -> bool:
        return self._journal.exists() and self._journal.stat().st_size > 0

    @property
    def complete(self) -> bool:
        """The manifest and the tables are there, as they were written."""
        if not self.manifest.exists() or self._told is None:
            return False
        tables = self._told["tables"].items()
        return all(_is_as_written(self._folder / name, sha) for name, sha in tables)

    def plan(self, make: Callable[[], ExportPlan]) -> ExportPlan:
        """The plan of the export that is there, else a new one, which is noted.

        Raises:
            WriteError: No space or no permission.
        """
        if self._told is not None:
            plan = config_from_dict(ExportPlan, self._told["plan"], where=self._plan_file.name)
            self.done = dict(self._intact())
            return plan
        plan = make()
        content = {"head": self._head, "plan": config_to_dict(plan)}
        with atomic_write(self._plan_file) as stream:
            stream.write(json.dumps(content).encode())
        self._told = content
        return plan

    def _intact(self) -> Iterator[tuple[int, Entry]]:
        """Pairs whose files are all as they were written; a torn last line is not done."""
        for number, entry in self._noted():
            files = entry["files"]
            if all(_is_as_written(self._folder / name, sha) for name, sha in files.items()):
                yield number, entry

    def _noted(self) -> Iterator[tuple[int, Entry]]:
        if self._told is not None and "pairs" in self._told:
            yield from enumerate(self._told["pairs"])
        if not self._journal.exists():
            return
        for line in self._journal.read_text("utf-8").splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            yield int(row["number"]), row["entry"]

    @contextmanager
    def appending(self) -> Iterator[Callable[[int, Mapping[str, bytes], Entry], None]]:
        """Gives what writes a pair: its number, files and facts; done when the call returns.

        Raises:
            WriteError: No space or no permission; what is done stays.
        """
        self._sweep()
        with self._resumable():
            stream = self._journal.open("ab")
        with stream:
            if stream.tell():
                stream.write(b"\n")  # ends a line that a kill tore

            def add(number: int, files: Mapping[str, bytes], facts: Entry) -> None:
                with self._resumable():
                    entry = {**facts, "files": self.write(files)}
                    line = json.dumps({"number": number, "entry": entry})
                    stream.write(line.encode() + b"\n")
                    stream.flush()
                    os.fsync(stream.fileno())
                self.done[number] = entry

            yield add

    @contextmanager
    def _resumable(self) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            raise WriteError(
                f"{err} {len(self.done)} pairs are complete: make room and give the same command "
                "again to go on."
            ) from err

    def write(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Write files whole, and their hashes by name.

        Raises:
            WriteError: No space or no permission.
        """
        for name, data in files.items():
            with atomic_write(self._folder / name) as stream:
                stream.write(data)
        return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}

    def add_to_list(self, name: str, line: str) -> None:
        """Add a line to a list that runs share, once, in sorted order.

        Raises:
            WriteError: No space or no permission.
        """
        path = self._folder / name
        before = path.read_text("utf-8").splitlines() if path.is_file() else []
        lines = sorted({*before, line})
        if lines != before:
            with atomic_write(path) as stream:
                stream.write("".join(f"{text}\n" for text in lines).encode())

    def close(self, tables: Mapping[str, bytes]) -> None:
        """Write the tables and the manifest; then the plan and the journal go.

        Raises:
            WriteError: No space or no permission.
        """
        told = self._told or {}
        content = {
            "head": self._head,
            "plan": told["plan"],
            "tables": self.write(tables),
            "pairs": [self.done[number] for number in sorted(self.done)],
        }
        with atomic_write(self.manifest) as stream:
            stream.write((json.dumps(content, indent=1) + "\n").encode())
        self._plan_file.unlink(missing_ok=True)
        self._journal.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove unfinished files that a killed run left."""
        for path in (*self._folder.glob(".*"), *self._run_folder.rglob(".*")):
            if UNFINISHED.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)


def _differences(before: Head, now: Head) -> Iterator[str]:
    """Names of what changed, one level down: ``settings.rate_hz``."""
    for key, value in now.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            yield from (f"{key}.{k}" for k in value if old.get(k) != value[k])
        elif old != value:
            yield key


def _is_as_written(path: Path, sha256: str) -> bool:
    return path.is_file() and sha256_of(path) == sha256
