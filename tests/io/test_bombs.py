"""Small files that claim gigabytes are refused at once, before anything is allocated."""

from __future__ import annotations

import math
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from tests.fakes import bombs, flir_files

from thermoscope.core.errors import ImageTooLargeError, ThermoscopeError
from thermoscope.io.read import read

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
    best, tries = float("inf"), 0
    while best >= SECONDS and tries < 20:  # other processes share the machine
        begun = time.perf_counter()
        refusal(path)
        best, tries = min(best, time.perf_counter() - begun), tries + 1
    assert best < SECONDS
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


def test_colour_counts_for_more_than_grey(tmp_path: Path):
    path = tmp_path / "colour.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (30, 40, 3), np.uint8)).save(path)
    assert read(path, max_pixels=1600).shape == (30, 40)
    with pytest.raises(ImageTooLargeError, match="over the limit of 1000"):
        read(path, max_pixels=1300)


AT_THE_LIMIT = {
    "grey16.png": 1.0,
    "grey8.jpg": 1.0,
    "rgb.jpg": 1.3,
    "rgb.png": 1.3,
    "rgb.bmp": 1.7,
    "rgba.png": 1.7,
    "palette.gif": 1.7,
    "rgb.webp": 2.6,
    "float.tif": 2.0,
    "double.tif": 4.0,
    "flir.fff": 1.0,
}


def write_flat(path: Path, side: int) -> None:
    """A constant picture of `side` x `side`, a few hundred kilobytes at most but for BMP."""
    rgb = Image.new("RGB", (side, side), (10, 200, 30))
    counts = np.full((side, side), 17_000, np.uint16)
    floats = {"float.tif": np.float32, "double.tif": np.float64}
    if path.name in floats:
        array = np.full((side, side), 300, floats[path.name])
        tifffile.imwrite(path, array, compression="zlib")
    elif path.name == "grey16.png":
        Image.fromarray(counts).save(path)
    elif path.name == "flir.fff":
        path.write_bytes(flir_files.fff(counts, coding="png"))
    else:
        modes = {"grey8.jpg": "L", "rgba.png": "RGBA", "palette.gif": "P"}
        rgb.convert(modes.get(path.name, "RGB")).save(path)


@pytest.mark.slow
@pytest.mark.parametrize("name", AT_THE_LIMIT)
def test_the_largest_accepted_picture_takes_less_than_500_mb(tmp_path: Path, name: str):
    path = tmp_path / name
    write_flat(path, math.isqrt(int(64_000_000 / AT_THE_LIMIT[name])) - 8)
    forget_peak()
    before = peak_mb()
    image = read(path)
    assert image.values.size > 0
    assert peak_mb() - before < 500
