"""Small files that claim gigabytes are refused at once, before anything is allocated."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from tests.fakes import bombs
from thermoscope.io.read import read

from thermoscope.core.errors import ImageTooLargeError, ThermoscopeError

BOMBS = bombs.all_bombs()
SECONDS = 0.1
MEGABYTES = 64
DECLARED = [name for name in BOMBS if " x " in name or "2^31" in name or "2^40" in name]


def peak_mb() -> float:
    """Highest resident memory since `forget_peak`, MB."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM to the present


def refusal(path: Path) -> ThermoscopeError:
    """The error that reading raises."""
    with pytest.raises(ThermoscopeError) as caught:
        read(path)
    return caught.value


def test_there_are_enough_bombs():
    assert len(BOMBS) >= 20
    assert all(len(data) < 2_000_000 for _, data in BOMBS.values())


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_at_once(tmp_path: Path, name: str):
    suffix, data = BOMBS[name]
    path = tmp_path / f"bomb{suffix}"
    path.write_bytes(data)
    refusal(path)  # imports of the decoder happen here, not in the measurement
    forget_peak()
    before = peak_mb()
    seconds = []
    for _ in range(3):  # the best of three: other processes share the machine
        begun = time.perf_counter()
        refusal(path)
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < SECONDS
    assert peak_mb() - before < MEGABYTES


@pytest.mark.parametrize("name", DECLARED)
def test_the_refusal_names_the_size(tmp_path: Path, name: str):
    suffix, data = BOMBS[name]
    path = tmp_path / f"bomb{suffix}"
    path.write_bytes(data)
    error = refusal(path)
    assert path.name in str(error)
    assert isinstance(error, ImageTooLargeError)


def test_the_limit_is_the_callers(tmp_path: Path):
    from thermoscope.io.image import write_image

    path = tmp_path / "small.png"
    write_image(path, np.arange(1200, dtype=np.uint16).reshape(30, 40))
    assert read(path, max_pixels=1200).shape == (30, 40)
    with pytest.raises(ImageTooLargeError, match="40x30"):
        read(path, max_pixels=1199)
