"""`ThermalImage`: one thermal frame that knows its unit.

A frame is one of three things, and never changes silently from one to another:

* ``counts``: uint16, linear in radiance (before the camera's AGC);
* ``kelvin``: float32 temperature, given by the file or computed from counts by a radiometry;
* ``agc``: uint8, a picture for eyes. It has no temperature scale and no way back.

What is NOT here: decoding (see `thermoscope.io.image`, `.flir`, `.vendors`) and tone mapping
(see `thermoscope.sensor.tone`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.errors import ShapeError, UnitError
from thermoscope.sensor.planck import Radiometry
from thermoscope.sensor.quality import Quality

__all__ = ["CaptureInfo", "Kind", "Source", "Spot", "ThermalImage"]

Kind = Literal["counts", "kelvin", "agc"]
ZERO_CELSIUS_K = 273.15


@dataclass(frozen=True)
class Source:
    """Where a frame came from.

    Attributes:
        path: The file, or None for an array made in memory.
        format: Short name of the container: ``"flir-rjpeg"``, ``"png"``, ``"tiff"``, ``"y16"`` ...
        frame_index: Position in a multi-frame file, 0 otherwise.
        frame_count: Frames in the file, None if unknown without reading it whole.
        bit_depth: Bits per pixel as stored.
    """

    path: Path | None = None
    format: str = "array"
    frame_index: int = 0
    frame_count: int | None = 1
    bit_depth: int = 16


@dataclass(frozen=True)
class CaptureInfo:
    """What the file says about the camera and the moment. Unknown values are None.

    Attributes:
        make: Manufacturer as written in the file.
        model: Camera model.
        serial: Serial number of the camera.
        lens: Lens name.
        firmware: Firmware version.
        t_ns: Moment of capture, ns since 1970-01-01 UTC (or camera local time, see `t_zone`).
        t_zone: ``"utc"``, ``"local"`` (no zone in the file) or None.
        horizontal_fov_deg: Field of view.
        ffc: True while the shutter was closed; None if the file does not say.
        extra: Everything else worth showing, plain values under readable names.
    """

    make: str | None = None
    model: str | None = None
    serial: str | None = None
    lens: str | None = None
    firmware: str | None = None
    t_ns: int | None = None
    t_zone: Literal["utc", "local"] | None = None
    horizontal_fov_deg: float | None = None
    ffc: bool | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spot:
    """A pixel and its value.

    Attributes:
        x: Column, px, 0 is left.
        y: Row, px, 0 is top.
        value: Value in the unit of the image (kelvin or counts).
    """

    x: int
    y: int
    value: float


@dataclass(frozen=True, eq=False)
class ThermalImage:
    """One thermal frame with its unit, quality, camera and radiometric parameters.

    At least one of `counts`, `kelvin`, `agc` is present. Geometric operations (`crop`, `flip`,
    `rotate90`, `resize`) act on all of them and keep the unit. Arithmetic is not defined: take
    `.counts`, `.kelvin` or `.agc` and thereby say what you drop.

    Attributes:
        counts: (H, W) uint16, linear sensor value, or None.
        stored_kelvin: (H, W) float32, temperature the file itself holds, K, or None.
        agc: (H, W) or (H, W, 3) uint8, picture after AGC or a palette, or None.
        radiometry: How counts become kelvin; None if unknown.
        quality: What is wrong or special about the frame.
        temperature_note: Why there is no temperature, or how far it can be trusted; "" if plain.
        capture: Camera and moment.
        source: File and container.

    Raises:
        ShapeError: No plane, an empty one, or planes of different size.
        UnitError: A plane of the wrong element type.
    """

    counts: NDArray[np.uint16] | None = None
    stored_kelvin: NDArray[np.float32] | None = None
    agc: NDArray[np.uint8] | None = None
    radiometry: Radiometry | None = None
    quality: frozenset[Quality] = frozenset()
    temperature_note: str = ""
    capture: CaptureInfo = CaptureInfo()
    source: Source = Source()

    def __post_init__(self) -> None:
        planes = {"counts": np.uint16, "stored_kelvin": np.float32, "agc": np.uint8}
        shapes = set()
        for name, dtype in planes.items():
            plane = getattr(self, name)
            if plane is None:
                continue
            if plane.dtype != dtype:
                raise UnitError(f"{name} must be {np.dtype(dtype)}, got {plane.dtype}.")
            colour = name == "agc" and plane.ndim == 3 and plane.shape[2] == 3
            if (plane.ndim != 2 and not colour) or 0 in plane.shape:
                raise ShapeError(
                    f"{name} must be (H, W) with at least one pixel, got {plane.shape}.",
                    actual_shape=plane.shape,
                    expected_shape="H W",
                )
            shapes.add(plane.shape[:2])
        if len(shapes) != 1:
            raise ShapeError(
                f"a thermal image needs planes of one size, got {sorted(shapes) or 'none'}. "
                "Pass counts, stored_kelvin or agc."
            )

    # -- what it is ------------------------------------------------------------------------------

    @property
    def kind(self) -> Kind:
        """The most physical unit at hand: ``"kelvin"`` before ``"counts"`` before ``"agc"``."""
        if self.radiometric:
            return "kelvin"
        return "counts" if self.counts is not None else "agc"

    @property
    def radiometric(self) -> bool:
        """Whether `kelvin` can be had."""
        return self.stored_kelvin is not None or (
            self.counts is not None and self.radiometry is not None
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W), px."""
        plane = next(p for p in (self.counts, self.stored_kelvin, self.agc) if p is not None)
        return int(plane.shape[0]), int(plane.shape[1])

    @property
    def height(self) -> int:
        """Rows, px."""
        return self.shape[0]

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.shape[1]

    @cached_property
    def kelvin(self) -> NDArray[np.float32]:
        """(H, W) float32 temperature, K; nan where the radiometry has no solution.

        Raises:
            UnitError: The frame is not radiometric; the text says why and what to do.
        """
        if self.stored_kelvin is not None:
            return self.stored_kelvin
        if self.counts is None or self.radiometry is None:
            raise UnitError(self._no_temperature())
        return self.radiometry.kelvin_from_counts(self.counts)

    @property
    def celsius(self) -> NDArray[np.float32]:
        """(H, W) float32 temperature, degrees Celsius: for people. Inside code use `kelvin`.

        Raises:
            UnitError: The frame is not radiometric.
        """
        return np.subtract(self.kelvin, ZERO_CELSIUS_K, dtype=np.float32)

    @property
    def values(self) -> NDArray[np.generic]:
        """(H, W) plane of `kind`: float32 kelvin, uint16 counts or uint8 AGC luma."""
        if self.kind == "kelvin":
            return self.kelvin
        if self.counts is not None:
            return self.counts
        return self.luma

    @property
    def luma(self) -> NDArray[np.uint8]:
        """(H, W) uint8 brightness of the AGC picture.

        Raises:
            UnitError: The frame has no AGC picture.
        """
        if self.agc is None:
            raise UnitError("this frame has no 8-bit picture. Tone-map it: sensor.tone.tone_map.")
        if self.agc.ndim == 2:
            return self.agc
        weights = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma
        luma = np.empty(self.agc.shape[:2], np.uint8)
        for y in range(0, self.height, 256):  # by bands: floats of a whole picture take 12 bytes
            luma[y : y + 256] = np.round(self.agc[y : y + 256].astype(np.float32) @ weights)
        return luma

    def _no_temperature(self) -> str:
        where = f"{self.source.path.name}: " if self.source.path is not None else ""
        if self.temperature_note:
            return f"{where}no temperature: {self.temperature_note}"
        if self.counts is None:
            return (
                f"{where}no temperature: 8-bit AGC picture, the radiometric scale is lost. "
                "Export the radiometric file (R-JPEG, 16-bit TIFF) from the camera."
            )
        return (
            f"{where}no temperature: counts of unknown radiometry. "
            "Give the camera's scale: image.with_radiometry(LinearScale(...) or Planck(...))."
        )

    # -- what it says ----------------------------------------------------------------------------

    def hottest(self) -> Spot:
        """The highest finite pixel in the unit of `kind`; the first one in reading order.

        Raises:
            UnitError: No finite pixel.
        """
        return self._extreme(np.nanargmax)

    def coldest(self) -> Spot:
        """The lowest finite pixel in the unit of `kind`; the first one in reading order.

        Raises:
            UnitError: No finite pixel.
        """
        return self._extreme(np.nanargmin)

    def _extreme(self, pick: Any) -> Spot:
        values = self.values
        finite = np.isfinite(values)
        if not finite.any():
            raise UnitError("no finite pixel in this frame.")
        masked = values if finite.all() else np.where(finite, values, np.nan)
        y, x = divmod(int(pick(masked)), self.width)
        return Spot(x=x, y=y, value=float(values[y, x]))

    # -- operations that keep the unit -----------------------------------------------------------

    def with_radiometry(self, radiometry: Radiometry) -> ThermalImage:
        """The same counts under another radiometry (emissivity, distance, scale).

        A temperature stored in the file is dropped: it belongs to the old parameters.

        Raises:
            UnitError: The frame has no counts.
        """
        if self.counts is None:
            raise UnitError(f"radiometry applies to counts, and this frame has only {self.kind}.")
        return self._replaced(radiometry=radiometry, stored_kelvin=None, temperature_note="")

    def with_quality(self, *flags: Quality) -> ThermalImage:
        """The same frame with further quality flags."""
        return self._replaced(quality=self.quality | set(flags))

    def crop(self, *, x: int, y: int, width: int, height: int) -> ThermalImage:
        """The rectangle with its top-left pixel at (x, y).

        Raises:
            ShapeError: The rectangle is empty or leaves the image.
        """
        inside = 0 <= x and 0 <= y and x + width <= self.width and y + height <= self.height
        if not inside or width < 1 or height < 1:
            raise ShapeError(
                f"crop {width}x{height} at ({x}, {y}) does not fit in {self.width}x{self.height}."
            )
        return self._mapped(lambda plane: plane[y : y + height, x : x + width])

    def flip(self, axis: Literal["horizontal", "vertical"]) -> ThermalImage:
        """Mirrored left-right (``"horizontal"``) or top-bottom (``"vertical"``)."""
        return self._mapped(lambda p: p[:, ::-1] if axis == "horizontal" else p[::-1])

    def rotate90(self, turns: int = 1) -> ThermalImage:
        """Rotated counter-clockwise by `turns` quarter turns."""
        return self._mapped(lambda plane: np.rot90(plane, turns))

    def resize(self, *, width: int, height: int) -> ThermalImage:
        """Resampled: by area average when shrinking, bilinear when growing; rounded for counts.

        Counts are averaged as counts (linear in radiance), so kelvin of the result is the
        radiometric mean. A stored temperature is averaged as temperature.

        Raises:
            ShapeError: A side below one pixel.
        """
        if width < 1 or height < 1:
            raise ShapeError(f"resize needs at least 1x1 px, got {width}x{height}.")
        from thermoscope.sensor.counts import resample  # OpenCV loads on first use

        return self._mapped(lambda plane: resample(plane, width=width, height=height))

    def _mapped(self, change: Any) -> ThermalImage:
        planes = {
            name: np.ascontiguousarray(change(plane))
            for name in ("counts", "stored_kelvin", "agc")
            if (plane := getattr(self, name)) is not None
        }
        return self._replaced(**planes)

    def _replaced(self, **changes: Any) -> ThermalImage:
        return dataclasses.replace(self, **changes)

    # -- no silent unit loss ---------------------------------------------------------------------

    def __array__(self, *args: object, **kwargs: object) -> NoReturn:
        raise UnitError(
            "a ThermalImage is not a bare array: its unit would be lost. "
            "Take image.counts, image.kelvin, image.celsius or image.agc."
        )

    def __repr__(self) -> str:
        name = self.source.path.name if self.source.path is not None else self.source.format
        flags = f", {', '.join(sorted(f.value for f in self.quality))}" if self.quality else ""
        return f"ThermalImage({name}, {self.width}x{self.height}, {self.kind}{flags})"
