"""One frame to one file: a picture, 16-bit counts, temperatures, a table, or 8 bit with a way back.

What is NOT here: choosing files and names (`thermoscope.cli.convert`).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import UnitError, WriteError
from thermoscope.core.files import atomic_write
from thermoscope.engine.render import RenderStyle, render
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.io.write import write_image
from thermoscope.sensor.temporal_tone import TemporalToneMapper

__all__ = ["SUFFIXES", "Converter", "Target", "write_picture"]

Target = Literal["picture", "counts", "kelvin", "celsius_csv", "agc"]
SUFFIXES: dict[Target, tuple[str, ...]] = {
    "picture": (".png", ".jpg", ".jpeg", ".webp"),
    "counts": (".tiff", ".tif", ".png"),
    "kelvin": (".tiff", ".tif", ".npy"),
    "celsius_csv": (".csv",),
    "agc": (".png",),
}
JPEG_QUALITY = 95


def write_picture(path: str | Path, picture: NDArray[np.uint8]) -> None:
    """Write an RGB or grey uint8 picture as PNG, JPEG (quality 95) or WebP, atomically.

    Raises:
        WriteError: Another suffix, or the file cannot be written.
    """
    from PIL import Image

    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES["picture"]:
        raise WriteError(
            f"cannot write a picture as {suffix or 'a file without suffix'}. "
            f"Use one of {', '.join(SUFFIXES['picture'])}."
        )
    kind = {".png": "PNG", ".webp": "WEBP"}.get(suffix, "JPEG")
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, quality=JPEG_QUALITY)
    with atomic_write(path) as stream:
        stream.write(buffer.getvalue())


@dataclass
class Converter:
    """Writes frames one after the other; the frames of one sequence share a stable tone mapping.

    Attributes:
        target: What to write.
        style: Of pictures.
        mapper: State of ``"agc"``: one per sequence, so that brightness does not flicker.
    """

    target: Target
    style: RenderStyle
    mapper: TemporalToneMapper | None = None

    def write(self, image: ThermalImage, path: Path) -> list[Path]:
        """Write one frame.

        Returns:
            The files written: the frame, and for ``"agc"`` the sidecar that leads back.

        Raises:
            UnitError: The frame has no such plane (no counts, no temperature).
            WriteError: The file cannot be written, or its suffix does not fit the target.
        """
        if path.suffix.lower() not in SUFFIXES[self.target]:
            raise WriteError(
                f"{self.target} cannot be written as {path.name}. "
                f"Use {' or '.join(SUFFIXES[self.target])}, or choose another --to."
            )
        if self.target == "picture":
            write_picture(path, render(image, self.style))
        elif self.target == "counts":
            self._write_counts(image, path)
        elif self.target == "kelvin":
            _write_kelvin(image, path)
        elif self.target == "celsius_csv":
            _write_table(image, path)
        else:
            return self._write_agc(image, path)
        return [path]

    def _write_counts(self, image: ThermalImage, path: Path) -> None:
        if image.counts is None:
            others = "--to kelvin or --to picture" if image.radiometric else "--to picture"
            raise UnitError(f"this frame has no counts, only {image.kind}. Choose {others}.")
        write_image(path, image)

    def _write_agc(self, image: ThermalImage, path: Path) -> list[Path]:
        self.mapper = self.mapper or TemporalToneMapper()
        values = image.counts if image.counts is not None else image.values
        levels, sidecar = self.mapper.map(np.asarray(values))
        write_picture(path, levels)
        beside = path.with_suffix(".tone.json")
        sidecar.save(beside)
        return [path, beside]


def _write_kelvin(image: ThermalImage, path: Path) -> None:
    if path.suffix.lower() == ".npy":
        with atomic_write(path) as stream:
            np.save(stream, image.kelvin, allow_pickle=False)
        return
    write_image(path, ThermalImage(stored_kelvin=image.kelvin, capture=image.capture))


def _write_table(image: ThermalImage, path: Path) -> None:
    """Degrees Celsius, two decimals, one row a line; empty where there is no value."""
    lines = (
        ",".join("" if np.isnan(v) else f"{v:.2f}" for v in row) for row in image.celsius.tolist()
    )
    with atomic_write(path) as stream:
        stream.write(("\n".join(lines) + "\n").encode("ascii"))
