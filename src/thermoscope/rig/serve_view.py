"""What the console shows of one camera: picture in false colour, temperatures, rate, skew, shutter.

What is NOT here: which cameras there are and who looks at them (`thermoscope.rig.serve_live`).
"""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import numpy as np

from thermoscope.core.errors import ReadError
from thermoscope.rig.camera import FfcState
from thermoscope.rig.pairing import pair_nearest
from thermoscope.rig.preflight import HOT_K, WARM_K
from thermoscope.rig.serve_tap import Extreme, Glance, Gone
from thermoscope.sensor.palette import apply_palette, palette_table
from thermoscope.sensor.tone import TemporalToneMapper

__all__ = ["CameraView"]

QUALITY = 80  # of the preview's JPEG
SILENT_S = 3.0
ZERO_CELSIUS_K = 273.15
SECOND_NS = 1_000_000_000


class CameraView:
    """The newest of one camera.

    Args:
        name: Of the camera.
        palette: For thermal pictures.
        silent_s: A camera without a frame for so long is lost, s.

    Raises:
        UnknownNameError: No such palette.
    """

    def __init__(self, name: str, palette: str, *, silent_s: float = SILENT_S) -> None:
        self.name, self._silent_s = name, silent_s
        self.glance: Glance | None = None
        palette_table(palette)  # an unknown name fails here, not at the first picture
        self._palette, self._tone = palette, TemporalToneMapper()
        self._reason, self._seen_s = "", time.monotonic()

    def take(self, item: Glance | Gone) -> None:
        """What came from the tap."""
        if isinstance(item, Gone):
            self._reason = item.reason
            return
        self.glance, self._reason, self._seen_s = item, "", time.monotonic()

    def forgive(self) -> None:
        """The cameras are opened afresh: silence is no loss yet."""
        self._seen_s = time.monotonic()

    @property
    def lost(self) -> str:
        """Why there is no picture; empty while there is one."""
        silent_s = time.monotonic() - self._seen_s
        if self._reason:
            return self._reason
        return f"no frame for {silent_s:.0f} s" if silent_s > self._silent_s else ""

    @property
    def rate_hz(self) -> float:
        """Frames a second, of the last seconds; 0 with less than two frames."""
        stamps = self.glance.stamps_ns if self.glance else ()
        if len(stamps) < 2 or stamps[-1] <= stamps[0]:
            return 0.0
        return (len(stamps) - 1) * SECOND_NS / (stamps[-1] - stamps[0])

    def skew_ms(self, reference: CameraView) -> float | None:
        """By how much later its frames are stamped than those of `reference`; None if none pair."""
        mine, theirs = self.glance, reference.glance
        if mine is None or theirs is None or reference is self:
            return None
        period_ns = SECOND_NS / max(mine.rate_hz, theirs.rate_hz)
        first, second = sorted(theirs.stamps_ns), sorted(mine.stamps_ns)
        pairs = pair_nearest(first, second, max_dt_ns=period_ns / 2)
        return float(np.median(pairs.dt_ns)) / 1e6 if len(pairs.dt_ns) else None

    @property
    def warnings(self) -> list[str]:
        """What a person should look at."""
        found = []
        if lost := self.lost:
            found.append(lost if lost.startswith(self.name) else f"{self.name}: {lost}")
        kelvin = self.glance.temperature_k if self.glance else None
        if kelvin is not None and kelvin >= WARM_K:
            word = "hot" if kelvin >= HOT_K else "warm"
            found.append(f"{self.name}: the sensor is {word}, {kelvin - ZERO_CELSIUS_K:.0f} °C")
        return found

    def event(self, reference: CameraView) -> bytes:
        """The picture and its numbers as one server-sent event."""
        glance = self.glance
        told: dict[str, Any] = {"camera": self.name, "lost": self.lost}
        if glance is not None:
            told |= {
                "thermal": glance.image.dtype == np.uint16,
                "width_px": glance.size_px[0],
                "height_px": glance.size_px[1],
                "rate_hz": round(self.rate_hz, 2),
                "wanted_hz": glance.rate_hz,
                "skew_ms": self.skew_ms(reference),
                "skew_to": reference.name,
                "ffc": glance.ffc,
                "has_shutter": glance.has_shutter,
                "sensor_celsius": _celsius(glance.temperature_k),
                "coldest": _place(glance.coldest, glance),
                "hottest": _place(glance.hottest, glance),
                "jpeg": base64.b64encode(self._jpeg(glance)).decode("ascii"),
            }
        return f"event: camera\ndata: {json.dumps(told)}\n\n".encode()

    def spot(self, x: float, y: float) -> dict[str, Any]:
        """The pixel of the newest thermal picture at a place.

        Args:
            x: From the left, 0 to 1.
            y: From the top, 0 to 1.

        Returns:
            ``counts``, ``celsius`` (None if the camera is not radiometric), ``x``, ``y``.

        Raises:
            ReadError: There is no thermal picture.
        """
        glance = self.glance
        if glance is None or glance.image.dtype != np.uint16:
            raise ReadError(f"{self.name} has no thermal picture. Ask for a thermal camera.")
        height, width = glance.image.shape
        row, column = min(int(y * height), height - 1), min(int(x * width), width - 1)
        return _place(Extreme(int(glance.image[row, column]), x, y), glance) or {}

    def _jpeg(self, glance: Glance) -> bytes:
        import cv2

        image = glance.image
        if image.dtype == np.uint16:
            closed = glance.ffc == FfcState.RUNNING.value
            image = apply_palette(self._tone.map(image, ffc=closed)[0], self._palette)
        if image.ndim == 3:
            image = image[..., ::-1]
        _, data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
        return bytes(data)


def _celsius(kelvin: float | None) -> float | None:
    return None if kelvin is None else round(kelvin - ZERO_CELSIUS_K, 2)


def _place(extreme: Extreme | None, glance: Glance) -> dict[str, Any] | None:
    if extreme is None:
        return None
    scale = glance.kelvin_per_count
    return {
        "counts": extreme.value,
        "celsius": _celsius(extreme.value * scale) if scale else None,
        "x": round(extreme.x, 4),
        "y": round(extreme.y, 4),
    }
