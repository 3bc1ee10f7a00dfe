"""FLIR files: radiometric JPEG, FFF, SEQ, CSQ and FPF.

    image = read_flir(path.read_bytes(), path=path)      # one frame
    for image in open_flir_seq(path): ...                # all frames, constant memory

Counts come out as stored; `ThermalImage.kelvin` computes temperatures from the constants and
object parameters in the file, which `with_radiometry` changes. Written from the public description
of the containers alone. What is NOT supported: AFF containers (old cooled cameras).
"""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ReadError
from thermoscope.io.exif import exif_facts
from thermoscope.io.fff import EMBEDDED_IMAGE, FFF_MAGIC, RAW_DATA, FffFile, parse_fff
from thermoscope.io.file_bytes import FileBytes
from thermoscope.io.flir_fpf import FPF_MAGIC, read_fpf
from thermoscope.io.flir_metadata import capture_info, measurement
from thermoscope.io.flir_pixels import HEAD_BYTES, PNG_MAGIC, raw_counts
from thermoscope.io.flir_sequence import FlirSequence
from thermoscope.io.jpeg_segments import flir_payload, has_flir_segment
from thermoscope.io.thermal_image import Source, ThermalImage
from thermoscope.sensor.quality import Quality

__all__ = ["FlirSequence", "is_flir", "open_flir_seq", "read_flir", "read_flir_visible"]

MAX_PIXELS = 64_000_000
JPEG_MAGIC = b"\xff\xd8"


def is_flir(head: bytes | memoryview) -> bool:
    """Whether a file is one of FLIR's, judged by its content.

    Args:
        head: The file, or its start. In a JPEG the FLIR part follows the Exif part, which may be
            60 KB long: give at least 256 KB or the whole file.
    """
    start = bytes(head[: len(FPF_MAGIC)])
    if start[:4] in (FFF_MAGIC, b"AFF\0") or start == FPF_MAGIC:
        return True
    return start.startswith(JPEG_MAGIC) and has_flir_segment(head)


def read_flir(
    data: bytes | memoryview,
    *,
    path: str | Path | None = None,
    frame: int = 0,
    max_pixels: int = MAX_PIXELS,
) -> ThermalImage:
    """One frame of a FLIR file.

    Args:
        data: The whole file.
        path: Where it came from, for `Source` and messages.
        frame: Which frame of a SEQ or CSQ file; negative counts from the end.
        max_pixels: Largest accepted width x height, checked before decoding.

    Returns:
        Counts with radiometry (R-JPEG, FFF, SEQ, CSQ) or stored temperatures (FPF). Without usable
        Planck constants in the file there is no radiometry, and `temperature_note` says why. A
        frame of which up to half is missing at the end carries `Quality.TRUNCATED`.

    Raises:
        ReadError: Not a FLIR file, damaged, or no such frame; with path, byte and a hint.
        ImageTooLargeError: Over `max_pixels`.
        MissingDependencyError: JPEG-LS pixels, and no decoder is installed.
    """
    file = FileBytes.of(data, path=Path(path) if path is not None else None)
    start = bytes(file.data[: len(FPF_MAGIC)])
    if start[:4] in (FFF_MAGIC, b"AFF\0"):
        return _frame_of_sequence(file, frame, max_pixels)
    if frame not in (0, -1):
        raise file.error(
            f"frame {frame} asked for, and there is one", at=0, hint="Ask for frame 0."
        )
    if start == FPF_MAGIC:
        return read_fpf(file, max_pixels=max_pixels)
    if start.startswith(JPEG_MAGIC):
        return _from_jpeg(file, max_pixels)
    raise file.error(
        f"not a FLIR file: it begins with {start[:8]!r}",
        at=0,
        hint="Expected a radiometric JPEG, FFF, SEQ, CSQ or FPF.",
    )


def open_flir_seq(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> FlirSequence:
    """The frames of a SEQ, CSQ or FFF file, found and decoded as they are asked for.

    Args:
        path: The file. It is opened anew for each frame and never held in memory.
        max_pixels: Largest accepted frame.

    Raises:
        ReadError: Absent, unreadable, or without any frame.
    """
    return FlirSequence.from_path(Path(path), _decode_frame, max_pixels=max_pixels)


def _frame_of_sequence(file: FileBytes, frame: int, max_pixels: int) -> ThermalImage:
    frames = FlirSequence.from_bytes(
        file.data, _decode_frame, path=file.path, max_pixels=max_pixels
    )
    try:
        return frames[frame]
    except IndexError as err:
        raise file.error(
            f"frame {frame} asked for, and there are {len(frames)}",
            at=0,
            hint=f"Ask for 0 to {len(frames) - 1}.",
        ) from err


def _decode_frame(block: FileBytes, max_pixels: int) -> ThermalImage:
    """A frame of a SEQ or CSQ file, or a whole FFF file."""
    return _image(parse_fff(block), block, container="flir-fff", max_pixels=max_pixels)


def _from_jpeg(file: FileBytes, max_pixels: int) -> ThermalImage:
    payload = flir_payload(file)
    image = _image(
        parse_fff(payload.block), payload.block, container="flir-rjpeg", max_pixels=max_pixels
    )
    facts = exif_facts(file)
    flags = {Quality.TRUNCATED} if payload.missing else set()
    if facts.orientation != 1:
        flags.add(Quality.ROTATED)
    extra = dict(image.capture.extra)
    if facts.latitude_deg is not None and "latitude_deg" not in extra:
        extra |= {"latitude_deg": facts.latitude_deg, "longitude_deg": facts.longitude_deg}
    capture = replace(image.capture, make=facts.make or "FLIR", extra=extra)
    return replace(image, capture=capture, quality=image.quality | flags)


def _image(fff: FffFile, block: FileBytes, *, container: str, max_pixels: int) -> ThermalImage:
    record = fff.first(RAW_DATA)
    if record is None:
        kinds = ", ".join(f"0x{r.kind:02x}" for r in fff.records)
        raise block.error(
            f"no raw thermal image in the FFF container (records: {kinds})",
            at=fff.header.directory_at,
        )
    counts, filled = raw_counts(record, max_pixels=max_pixels)
    found = measurement(fff)
    cut = filled or fff.length > len(block)
    return ThermalImage(
        counts=counts,
        radiometry=found.radiometry,
        temperature_note=found.note,
        quality=frozenset({Quality.TRUNCATED} if cut else ()),
        capture=capture_info(fff),
        source=Source(block.path, container, 0, 1, 16),
    )


def read_flir_visible(
    data: bytes | memoryview, *, path: str | Path | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8] | None:
    """The visible-light picture inside a radiometric JPEG or FFF file.

    `CaptureInfo.extra` says how it lies to the thermal image: ``visible_scale``,
    ``visible_offset_px``.

    Args:
        data: The whole file.
        path: For messages.
        max_pixels: Largest accepted width x height, checked before decoding.

    Returns:
        (H, W, 3) uint8 RGB, or None if the file holds none (or one of an undocumented coding).

    Raises:
        ReadError: Not an R-JPEG or FFF file, or the picture is damaged.
        ImageTooLargeError: Over `max_pixels`.
    """
    file = FileBytes.of(data, path=Path(path) if path is not None else None)
    jpeg = bytes(file.data[:2]) == JPEG_MAGIC
    record = parse_fff(flir_payload(file).block if jpeg else file).first(EMBEDDED_IMAGE)
    if record is None:
        return None
    picture = record.body.part(HEAD_BYTES, len(record.body))
    for magic, name in ((PNG_MAGIC, "PNG"), (JPEG_MAGIC, "JPEG")):
        if bytes(picture.data[: len(magic)]) == magic:
            return _decoded_picture(picture, name, max_pixels)
    return None


def _decoded_picture(picture: FileBytes, name: str, max_pixels: int) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own size warning: checked below
            with Image.open(io.BytesIO(picture.data), formats=(name,)) as opened:
                picture.check_pixels(opened.width, opened.height, max_pixels, at=0)
                rgb = opened.convert("RGB")
        if name == "PNG":  # FLIR stores Y, Cb, Cr in the three channels
            rgb = Image.merge("YCbCr", rgb.split()).convert("RGB")
    except ReadError:
        raise
    except Exception as err:  # Pillow raises a dozen types on damage
        raise picture.error(f"the visible picture cannot be decoded ({err})", at=0) from err
    return np.asarray(rgb)
