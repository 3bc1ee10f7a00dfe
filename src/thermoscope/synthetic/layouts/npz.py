"""One ``.npz`` a sample, with every key of the Sample contract. Reads with plain ``numpy.load``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from thermoscope.synthetic.cache import save_sample
from thermoscope.synthetic.layouts.files import write_lines
from thermoscope.synthetic.layouts.layout import LAYOUTS, Block, Entry, Facts, of_split
from thermoscope.synthetic.observe import Observation

__all__ = ["Npz"]


class Npz:
    """``<split>/NNNNNN.npz`` and ``samples.csv`` (file, name, environment, hour, weather)."""

    name = "npz"
    preset = "small"
    taxonomy = "fine"
    aligned = False
    rate_hz = 1.0
    sequence = False
    infinity_share = 0.0

    def blocks(self, count: int, split: str) -> Sequence[Block]:
        """All frames are for training unless a split is asked for."""
        parts = of_split(count, split, {"train": 1.0})
        return [Block(name, i, name, n) for i, (name, n) in enumerate(parts.items())]

    def write(self, root: Path, entry: Entry, seen: Observation) -> Facts:
        """The whole sample."""
        path = Path(entry.block.split) / f"{entry.index:06d}.npz"
        save_sample(root / path, seen.sample())
        place = seen.moment.place
        row = [str(path), seen.moment.name, place.environment, f"{place.hour:.4f}"]
        return {"files": [str(path)], "row": [*row, seen.conditions.weather]}

    def finish(self, root: Path, frames: Sequence[tuple[Entry, Facts]]) -> None:
        """The table of samples."""
        head = "file,name,environment,hour,weather"
        write_lines(root / "samples.csv", [head, *(",".join(f["row"]) for _, f in frames)])


LAYOUTS.add("npz", Npz())
