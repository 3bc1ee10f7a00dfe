"""TartanRGBT: runs of rectified 8-bit thermal with aligned colour, shutter flags and poses.

``dayN/<run>/`` holds ``thermal_left_rect_8/NNNNNNNN.png`` (10 frames a second, 1-99 % stretch,
CLAHE and bilateral filter), the colour picture in the grid of the left thermal camera once a
second, ``thermal_left_ffc/data.txt`` (0 or 1 a frame), ``odometry/poses.npy`` (float64 rows: ns,
x y z, qx qy qz qw) and ``target_timestamps.txt`` (ns a row). Two namings exist:

========== ===================================================== ============================
naming     colour pictures                                       frames
========== ===================================================== ============================
loader     ``rgb_in_thermal/NNNNNNNN_rgb_in_thermal.png``        all; colour every tenth
download   ``RGB_aligned_with_thermal/NNNNNNNN.png``             every tenth of everything
========== ===================================================== ============================

Both also hold ``thermal_right_rect_8`` and 16-bit ``thermal_left_rect`` for every colour frame.
The originals' colour pictures were warped through a stereo depth; these are seen from the thermal
camera and have no holes.

Source: the public loader and release of TartanRGBT (AnyThermal, ICRA 2026).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from thermoscope.core.files import atomic_write
from thermoscope.geometry.pose import quaternion_of
from thermoscope.sensor.tone import ToneSpec
from thermoscope.synthetic.layouts.files import agc, rgb_bytes, write_lines, write_png
from thermoscope.synthetic.layouts.layout import LAYOUTS, Block, Entry, Facts, of_split
from thermoscope.synthetic.observe import Observation

__all__ = ["TartanRGBT"]

STEP = 10  # thermal frames a colour frame
PAIRS_PER_RUN = 60


class TartanRGBT:
    """See the module.

    Args:
        naming: "loader" or "download".
    """

    preset = "tartanrgbt"
    taxonomy = "fine"
    aligned = False
    sequence = True
    infinity_share = 0.0

    def __init__(self, naming: str = "loader") -> None:
        self.naming = naming
        self.name = "tartanrgbt" if naming == "loader" else "tartanrgbt_download"
        self.rate_hz = 10.0 if naming == "loader" else 1.0

    def blocks(self, count: int, split: str) -> Sequence[Block]:
        """Runs of up to 60 colour frames; `count` counts those. 31 to 9 runs are for training."""
        runs: list[Block] = []
        each = STEP if self.naming == "loader" else 1
        for name, part in of_split(count, split, {"train": 31, "val": 9}).items():
            for start in range(0, part, PAIRS_PER_RUN):
                pairs = min(PAIRS_PER_RUN, part - start)
                run = f"day{len(runs) % 5 + 1}/{name}_{len(runs):02d}"
                runs.append(Block(run, len(runs), name, pairs * each))
        return runs

    def write(self, root: Path, entry: Entry, seen: Observation) -> Facts:
        """The pictures of one instant; colour and the right view only every tenth."""
        run = Path(entry.block.name)
        stem = f"{entry.index * (1 if self.naming == 'loader' else STEP):08d}"
        tone = ToneSpec.of("clahe_bilateral")
        pictures = {run / "thermal_left_rect_8" / f"{stem}.png": agc(seen.counts, tone)}
        if self.naming == "download" or entry.index % STEP == 0:
            pictures[run / "thermal_left_rect" / f"{stem}.png"] = seen.counts[0]
            pictures[run / "thermal_right_rect_8" / f"{stem}.png"] = agc(seen.counts_right, tone)
            pictures[run / self._colour(stem)] = rgb_bytes(seen.rgb_in_thermal)
        for path, picture in pictures.items():
            write_png(root / path, picture)
        pose = seen.T_world_camera
        return {
            "files": [str(path) for path in pictures],
            "t_ns": seen.t_ns,
            "ffc": seen.ffc,
            "pose": [*pose[:3, 3].tolist(), *quaternion_of(pose).tolist()],
        }

    def _colour(self, stem: str) -> str:
        if self.naming == "loader":
            return f"rgb_in_thermal/{stem}_rgb_in_thermal.png"
        return f"RGB_aligned_with_thermal/{stem}.png"

    def finish(self, root: Path, frames: Sequence[tuple[Entry, Facts]]) -> None:
        """Shutter flags, poses and times of each run, and the two lists of runs."""
        runs: dict[Block, list[Facts]] = {}
        for entry, facts in frames:
            runs.setdefault(entry.block, []).append(facts)
        for block, rows in runs.items():
            folder = root / block.name
            write_lines(
                folder / "thermal_left_ffc" / "data.txt", [str(int(r["ffc"])) for r in rows]
            )
            write_lines(folder / "target_timestamps.txt", [str(r["t_ns"]) for r in rows])
            poses = np.array([[r["t_ns"], *r["pose"]] for r in rows], np.float64)
            with atomic_write(folder / "odometry" / "poses.npy") as stream:
                np.save(stream, poses, allow_pickle=False)
        for split in ("train", "val"):
            write_lines(root / f"{split}_runs.txt", [b.name for b in runs if b.split == split])


LAYOUTS.add("tartanrgbt", TartanRGBT("loader"))
LAYOUTS.add("tartanrgbt_download", TartanRGBT("download"))
