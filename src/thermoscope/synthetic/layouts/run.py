"""Rendering a whole data set to disk: in order, with workers, and again from where it stopped.

A journal beside the data says which frames are done; every file appears whole or not at all. So a
run that was killed, or met a full disk, goes on when the same command is given again, and ends with
the same files. What is NOT here: what the files are (`.layout` and the layouts).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, WriteError
from thermoscope.core.files import atomic_write
from thermoscope.synthetic.cache import fingerprint
from thermoscope.synthetic.dataset import RENDERER, Scenes
from thermoscope.synthetic.layouts.layout import LAYOUTS, Block, Entry, Facts, Layout
from thermoscope.synthetic.rig import StereoPair, VirtualRig, rig_preset

__all__ = ["MANIFEST", "Progress", "RenderPlan", "render_layout"]

MANIFEST = "scenes.json"
JOURNAL = ".scenes_done.jsonl"
IMAGES_PER_PLACE = 4  # of layouts without sequences
CHUNK = 8  # frames a task: what a killed worker loses at most
UNFINISHED = re.compile(r"\..+\.(npz|npy|png|txt|json|csv|yaml)\.[a-z0-9_]{8}")  # of `atomic_write`
Progress = Callable[[int, int], None]
"""Called with frames done and frames in all."""


@dataclass(frozen=True)
class RenderPlan:
    """What to render.

    Attributes:
        layout: A name of `LAYOUTS`.
        count: Frames (TartanRGBT: colour frames), >= 1.
        environment: "urban", "indoor", "offroad", "aerial", or several, comma-separated.
        seed: Of everything, >= 0.
        preset: Rig; the layout's own if None.
        split: "all" for the shares of the data set, or "train", "val", "test".
        taxonomy: Of the labels; the layout's own if None.
        noise: False drops the sensor and what depends on the view.

    Raises:
        ConfigError: A count or seed out of range.
        UnknownNameError: Unknown layout, rig, environment, split or taxonomy.
    """

    layout: str = "npz"
    count: int = 10
    environment: str = "urban"
    seed: int = 0
    preset: str | None = None
    split: str = "all"
    taxonomy: str | None = None
    noise: bool = True

    def __post_init__(self) -> None:
        check_positive(self.count, name="count")
        layout = LAYOUTS.get(self.layout)
        for block in layout.blocks(self.count, self.split):
            self.scenes(block)

    @property
    def rig(self) -> VirtualRig:
        """The rig that renders: without a colour pair for layouts of aligned pictures."""
        layout = LAYOUTS.get(self.layout)
        rig = rig_preset(self.preset or layout.preset)
        if layout.aligned:
            return replace(rig, rgb=None)
        share = layout.infinity_share
        rgb = _shifted(rig.rgb, share) if rig.rgb is not None else None
        return replace(rig, thermal=_shifted(rig.thermal, share), rgb=rgb)

    def scenes(self, block: Block) -> Scenes:
        """The samples of a block."""
        layout = LAYOUTS.get(self.layout)
        return Scenes(
            split=block.split,
            environment=tuple(self.environment.split(",")),
            seed=self.seed + 1000 * block.number,
            preset=self.rig,
            count=max(block.count, 1),
            frames_per_scene=max(block.count, 1) if layout.sequence else IMAGES_PER_PLACE,
            rate_hz=layout.rate_hz,
            hour=block.hour,
            weather=block.weather,
            taxonomy=self.taxonomy or layout.taxonomy,
            noise=self.noise,
        )

    def entries(self) -> list[Entry]:
        """All frames, in order."""
        found: list[Entry] = []
        for block in LAYOUTS.get(self.layout).blocks(self.count, self.split):
            found += [Entry(len(found) + i, i, block) for i in range(block.count)]
        return found

    def manifest(self) -> dict[str, Any]:
        """Settings as written beside the data."""
        settings = {**asdict(self), "preset": self.rig.name, "renderer": RENDERER}
        made_by = "Rendered by thermoscope: no picture in this folder is a real one."
        return {"note": made_by, **settings, "fingerprint": fingerprint(settings)}


def _shifted(pair: StereoPair, share: float) -> StereoPair:
    return replace(pair, infinity_px=share * pair.rectified.width) if share else pair


def render_layout(
    root: str | Path, plan: RenderPlan, *, workers: int = 1, progress: Progress | None = None
) -> int:
    """Write a data set, or what is missing of it.

    Args:
        root: Folder of the data set.
        plan: What to render.
        workers: Processes; 1 renders in this one.
        progress: Told after every few frames.

    Returns:
        Frames rendered now: 0 if all were there.

    Raises:
        ConfigError: The folder holds a render with other settings, or `workers` is not positive.
        WriteError: No space or no permission; what is done stays, and the same call goes on.
    """
    check_positive(workers, name="workers")
    folder = Path(root)
    _claim(folder, plan)
    _sweep(folder)
    done = dict(_journal(folder))
    entries = plan.entries()
    missing = [e for e in entries if e.number not in done]
    with _resumable(done, len(entries)):
        with _appending(folder / JOURNAL) as journal:
            for number, facts in _rendered(folder, plan, missing, workers):
                done[number] = facts
                journal(json.dumps({"entry": number, "facts": facts}))
                if progress is not None:
                    progress(len(done), len(entries))
        LAYOUTS.get(plan.layout).finish(folder, [(e, done[e.number]) for e in entries])
    return len(missing)


def _claim(folder: Path, plan: RenderPlan) -> None:
    """Put the manifest into the folder, or check the one there."""
    path = folder / MANIFEST
    wanted = plan.manifest()
    if not path.exists():
        with atomic_write(path) as stream:
            stream.write((json.dumps(wanted, indent=2) + "\n").encode())
        return
    try:
        found = json.loads(path.read_text())
        same = found["fingerprint"] == wanted["fingerprint"]
        differs = [k for k in wanted if k != "fingerprint" and found.get(k) != wanted[k]]
    except (ValueError, KeyError, TypeError) as err:
        raise ConfigError(f"{path} is no manifest of a render. Choose another folder.") from err
    if not same:
        what = ", ".join(f"{k} {found.get(k)!r} instead of {wanted[k]!r}" for k in differs)
        raise ConfigError(
            f"{folder} holds a render with other settings: {what or 'another version'}. "
            "Give the same settings to go on with it, or choose another folder."
        )


def _sweep(folder: Path) -> None:
    """Remove the unfinished files that a killed run left: this folder is a render's own."""
    for path in folder.rglob(".*"):
        if UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def _journal(folder: Path) -> Iterator[tuple[int, Facts]]:
    """Frames that are done and whose files are there; a torn last line counts as not done."""
    try:
        lines = (folder / JOURNAL).read_text().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if all((folder / name).is_file() for name in row["facts"]["files"]):
            yield int(row["entry"]), row["facts"]


@contextmanager
def _appending(path: Path) -> Iterator[Callable[[str], None]]:
    """Append lines that are on disk when the call returns."""
    with path.open("ab") as stream:
        if stream.tell():
            stream.write(b"\n")  # ends a line that a kill tore

        def add(line: str) -> None:
            stream.write(line.encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

        yield add


@contextmanager
def _resumable(done: dict[int, Facts], total: int) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        raise WriteError(
            f"{err} Stopped with {len(done)} of {total} frames complete: "
            "make room and give the same command again to go on."
        ) from err


def _rendered(
    folder: Path, plan: RenderPlan, entries: Sequence[Entry], workers: int
) -> Iterator[tuple[int, Facts]]:
    """Each frame's number and facts, as they are done."""
    tasks = list(_chunks(entries))
    if workers == 1 or len(tasks) < 2:
        for task in tasks:
            for entry in task:
                yield entry.number, _render(folder, plan, entry)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=spawn) as pool:
        futures: list[Future[list[tuple[int, Facts]]]] = [
            pool.submit(_render_all, folder, plan, task) for task in tasks
        ]
        try:
            for future in as_completed(futures):
                yield from future.result()
        finally:
            for future in futures:
                future.cancel()


def _chunks(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Runs of frames of one block: tasks that share built scenes."""
    task: list[Entry] = []
    for entry in entries:
        if task and (len(task) == CHUNK or task[0].block != entry.block):
            yield task
            task = []
        task.append(entry)
    if task:
        yield task


def _render_all(folder: Path, plan: RenderPlan, task: list[Entry]) -> list[tuple[int, Facts]]:
    return [(entry.number, _render(folder, plan, entry)) for entry in task]


def _render(folder: Path, plan: RenderPlan, entry: Entry) -> Facts:
    layout: Layout = LAYOUTS.get(plan.layout)
    return layout.write(folder, entry, _scenes(plan, entry.block).observe(entry.index))


@lru_cache(maxsize=4)
def _scenes(plan: RenderPlan, block: Block) -> Scenes:
    return plan.scenes(block)
