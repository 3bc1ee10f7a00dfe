"""Lossless codecs on real 16-bit thermal frames: ratio and MB/s of raw pixels, one thread.

    THERMOSCOPE_DATA=... python -m benchmarks.rig_codec --out benchmarks/results/rig_codec.json

Every frame is decoded and compared. Times are processor time, so a busy machine counts less.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import lz4.frame
import numpy as np
import zstandard
from numpy.typing import NDArray

from thermoscope.core.files import data_folder
from thermoscope.io.delta_codec import DeltaCoder, decode_delta

Frame = NDArray[np.uint16]
PER_FOLDER = 8


def codecs() -> dict[str, tuple[Callable[[Frame], bytes], Callable[[bytes, Frame], Any]]]:
    """Name to encoder and decoder; the decoder gets a frame of the same size."""
    coder = DeltaCoder()
    table: dict[str, Any] = {
        "lz4": (lambda f: lz4.frame.compress(f.tobytes()), _raw(lz4.frame.decompress)),
        "zstd 1": (zstandard.ZstdCompressor(1).compress, _raw(zstandard.decompress)),
        "zstd 3 (MCAP chunks)": (zstandard.ZstdCompressor(3).compress, _raw(zstandard.decompress)),
        "delta + zstd 1": (coder.encode, lambda data, _: decode_delta(data)),
    }
    for level in (1, 3, 6):
        table[f"PNG-16 level {level}"] = (_png(level), _from_png)
    return table | _optional()


def _raw(unpack: Callable[[bytes], bytes]) -> Callable[[bytes, Frame], Frame]:
    return lambda data, like: np.frombuffer(unpack(data), np.uint16).reshape(like.shape)


def _png(level: int) -> Callable[[Frame], bytes]:
    return lambda f: bytes(cv2.imencode(".png", f, (cv2.IMWRITE_PNG_COMPRESSION, level))[1])


def _from_png(data: bytes, like: Frame) -> Frame:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), np.uint16)


def _optional() -> dict[str, Any]:
    """JPEG-LS and JPEG XL, where imagecodecs is installed with them."""
    try:
        import imagecodecs
    except ImportError:
        return {}
    found: dict[str, Any] = {}
    if imagecodecs.JPEGLS.available:
        found["JPEG-LS"] = (imagecodecs.jpegls_encode, lambda d, _: imagecodecs.jpegls_decode(d))
    if imagecodecs.JPEGXL.available:
        for effort in (1, 3):
            found[f"JPEG XL effort {effort}"] = (_jxl(imagecodecs, effort), _from_jxl(imagecodecs))
    return found


def _jxl(imagecodecs: Any, effort: int) -> Callable[[Frame], bytes]:
    return lambda f: bytes(imagecodecs.jpegxl_encode(f, lossless=True, effort=effort, numthreads=1))


def _from_jxl(imagecodecs: Any) -> Callable[[bytes, Frame], Any]:
    return lambda data, _: imagecodecs.jpegxl_decode(data, numthreads=1)


def real_frames(folder: Path) -> dict[str, list[Frame]]:
    """16-bit PNG frames by folder, a few of each."""
    found: dict[str, list[Frame]] = {}
    for path in sorted(folder.rglob("*.png")):
        kept = found.setdefault(str(path.parent.relative_to(folder)), [])
        with path.open("rb") as stream:
            head = stream.read(26)
        if len(kept) >= PER_FOLDER or head[24:26] != b"\x10\0":  # 16 bit, grey
            continue
        frame = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if frame is not None and frame.ndim == 2 and frame.min() < frame.max():
            kept.append(np.ascontiguousarray(frame))
    return {name: frames for name, frames in found.items() if frames}


def measured(
    frames: list[Frame], encode: Callable[[Frame], bytes], decode: Callable[[bytes, Frame], Any]
) -> dict[str, float]:
    """Ratio and speeds over all frames.

    Raises:
        SystemExit: A frame did not come back.
    """
    raw = sum(frame.nbytes for frame in frames)
    begun = time.process_time()
    coded = [encode(frame) for frame in frames]
    middle = time.process_time()
    back = [decode(data, frame) for data, frame in zip(coded, frames, strict=True)]
    end = time.process_time()
    if not all(np.array_equal(a, b) for a, b in zip(frames, back, strict=True)):
        raise SystemExit("a frame came back changed")
    return {
        "ratio": round(raw / sum(map(len, coded)), 3),
        "encode_mb_per_s": round(raw / 1e6 / max(middle - begun, 1e-9), 1),
        "decode_mb_per_s": round(raw / 1e6 / max(end - middle, 1e-9), 1),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/rig_codec.json"))
    words = parser.parse_args()
    folder = data_folder()
    if folder is None:
        raise SystemExit("no real frames: set THERMOSCOPE_DATA to their folder")
    sets = real_frames(folder)
    everything = [frame for frames in sets.values() for frame in frames]
    rows: dict[str, Any] = {}
    for name, (encode, decode) in codecs().items():
        rows[name] = measured(everything, encode, decode)
        rows[name]["ratio_by_set"] = {
            key: round(sum(f.nbytes for f in frames) / sum(len(encode(f)) for f in frames), 2)
            for key, frames in sets.items()
        }
        print(f"{name:<22} {rows[name]['ratio']:.2f}  {rows[name]['encode_mb_per_s']:.0f} MB/s")
    result = {
        "hardware": platform.machine(),
        "frames": {name: len(frames) for name, frames in sets.items()},
        "codecs": rows,
    }
    words.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
