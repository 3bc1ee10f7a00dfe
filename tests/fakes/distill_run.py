"""A small distillation as a program of its own: to be killed, resumed, or run by two processes.

python distill_run.py OUT STEPS DEVICES [KILL_AT]
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from thermoscope.engine.loop import fit
from thermoscope.models.anythermal import AnyThermal
from thermoscope.models.teachers import Teacher
from thermoscope.recipes.distill_anythermal import PRESETS, DistillTask
from thermoscope.recipes.pair_views import Pair


def small_pairs(count=12):
    """Pairs with structure: each has a block of its own place, in both bands."""
    pairs = []
    for i in range(count):
        rng = np.random.default_rng(i)
        rgb = rng.integers(0, 60, (48, 64, 3), dtype=np.uint8)
        thermal = rng.integers(0, 60, (48, 64), dtype=np.uint8)
        top, left = rng.integers(0, 24), rng.integers(0, 32)
        rgb[top : top + 20, left : left + 24] += rng.integers(60, 190, 3, dtype=np.uint8)
        thermal[top : top + 20, left : left + 24] += np.uint8(rng.integers(60, 190))
        pairs.append(Pair(rgb, thermal, "a" if i % 2 else "b", i * 10, name=str(i)))
    return pairs


def small_task(steps=4, devices=1, batch_size=4, **changes):
    preset = PRESETS["tiny"]
    loop = replace(
        preset.loop, steps=steps, devices=devices, batch_size=batch_size, checkpoint_every=2
    )
    loop = replace(loop, accelerator="cpu", learning_rate=1e-3)
    teacher = Teacher(AnyThermal.tiny(1), name="tiny")
    config = replace(preset, loop=loop, **changes)
    return DistillTask(config, teacher.network.shortened(0), teacher, small_pairs())


def main():
    out, steps, devices = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    task = small_task(steps, devices, queue=8)
    if len(sys.argv) > 4:
        plain, last = task.batch, int(sys.argv[4])

        def batch(step, rank, world_size):
            if step == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return plain(step, rank, world_size)

        task.batch = batch
    torch.set_num_threads(1)
    fit(task, task.config.loop, out)


if __name__ == "__main__":
    main()
