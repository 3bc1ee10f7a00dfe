"""The FLIR Lepton on a PureThermal board: 16-bit pictures with a telemetry footer.

    open_camera("lepton:SERIAL")     # empty = the only board that is plugged in

Lepton 3.x, 160x120 and two footer rows; ``telemetry`` = "none" in `extra` if the board sends none.
The counter is the kernel's: the Lepton's own counts internal frames of which most are not sent, and
stays in the raw telemetry. NEVER run on hardware here. What is NOT here: the Lepton's command bus.

Source: offsets as a public MIT-licensed driver (flirpy) reads them; the FFC bits are not confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from thermoscope.core.errors import CameraError, ConfigError
from thermoscope.rig.boson_commands import FFC_STATES
from thermoscope.rig.camera import CameraSettings, FfcState, FoundCamera, Frame, OpenableCamera
from thermoscope.rig.usb_devices import UsbDevice, usb_devices
from thermoscope.rig.v4l2 import V4l2Stream, pictures
from thermoscope.rig.video_stream import RawPicture, VideoStream, decode_picture

__all__ = ["LeptonCamera", "LeptonTelemetry", "build", "decode_footer", "found"]

VENDOR, PRODUCT = 0x1E4E, 0x0100
FOOTER_ROWS = 2
LAST_WORD = 24  # of the sensor temperature, the highest offset used
DEFAULT = CameraSettings(160, 120, 9.0, "y16")


@dataclass(frozen=True)
class LeptonTelemetry:
    """The footer of one frame."""

    uptime_ms: int
    """Since power-on, ms."""
    counter: int
    """Internal frames since power-on."""
    ffc: FfcState
    """State of the flat-field correction."""
    temperature_k: float
    """Of the sensor, K."""


def decode_footer(row: np.ndarray) -> LeptonTelemetry:
    """Fields of the first footer row.

    Args:
        row: (W,) uint16, W > 24; 32-bit values have their low word first.

    Raises:
        CameraError: The row is too short.
    """
    if len(row) <= LAST_WORD:
        raise CameraError(f"a Lepton footer has more than {LAST_WORD} words, got {len(row)}.")
    return LeptonTelemetry(
        uptime_ms=_u32(row, 1),
        counter=_u32(row, 20),
        ffc=FFC_STATES[_u32(row, 3) >> 4 & 3],
        temperature_k=int(row[LAST_WORD]) / 100,
    )


def _u32(row: np.ndarray, first: int) -> int:
    return int(row[first]) | int(row[first + 1]) << 16


class LeptonCamera(OpenableCamera):
    """One Lepton; see the module for the setting in `extra`.

    Args:
        serial: Of the board; empty = the only one.
        name: What the rig calls it.
        settings: Size without the footer.
        devices: Gives the boards on the bus.
        open_stream: Gives the (closed) stream of a node.

    Raises:
        ConfigError: A pixel format other than y16, or an unknown word in `extra`.
    """

    def __init__(
        self,
        serial: str,
        name: str,
        settings: CameraSettings = DEFAULT,
        *,
        devices: Callable[[], Sequence[UsbDevice]] = lambda: usb_devices(VENDOR, PRODUCT),
        open_stream: Callable[[str, CameraSettings], VideoStream] = V4l2Stream,
    ) -> None:
        super().__init__(name, serial, settings)
        word = settings.extra.get("telemetry", "footer")
        if settings.pixel != "y16" or word not in ("footer", "none"):
            raise ConfigError(
                f"{name}: a Lepton needs pixel=y16 and telemetry=footer or none, "
                f"got {settings.pixel!r} and {word!r}."
            )
        rows = FOOTER_ROWS if word == "footer" else 0
        self._wire = replace(settings, height_px=settings.height_px + rows)
        self._has_footer = word == "footer"
        self._devices, self._open_stream = devices, open_stream
        self._stream: VideoStream | None = None
        self.bad_pictures = 0

    def open(self) -> None:
        """Find the board and start the stream; see `Camera.open`."""
        if self._is_open:
            return
        boards = [d for d in self._devices() if d.video and self.serial in ("", d.serial)]
        if len(boards) != 1:
            wanted = f"with serial {self.serial}" if self.serial else "plugged in"
            raise CameraError(
                f"{self.name}: expected exactly one PureThermal board {wanted}, "
                f"found {len(boards)}. Check the cable, or name the serial number.",
                camera=self.name,
            )
        self._stream = self._open_stream(boards[0].video[0], self._wire)
        self._stream.open()
        self.serial, self._is_open = boards[0].serial, True

    def frames(self) -> Iterator[Frame]:
        """Frames with clock, FFC state and temperature from the footer; see `Camera.frames`."""
        self._must_be_open()
        if self._stream is None:
            return
        count = 0
        for picture in pictures(self._stream, lambda: self._is_open, name=self.name):
            try:
                frame = self._frame(picture, count)
            except CameraError:
                self.bad_pictures += 1
                continue
            yield frame
            count += 1

    def close(self) -> None:
        """End `frames` and let the board go."""
        if self._is_open and self._stream is not None:
            super().close()
            self._stream.close()

    def _frame(self, picture: RawPicture, count: int) -> Frame:
        rows = decode_picture(picture.data, self._wire, name=self.name)
        frame = Frame(
            camera=self.name,
            image=rows[: self.settings.height_px],
            counter=picture.sequence,
            device_ns=None,
            host_ns=picture.host_ns,
            sequence=count,
            kernel_ns=picture.kernel_ns,
        )
        if not self._has_footer:
            return frame
        footer = rows[self.settings.height_px]
        told = decode_footer(footer)
        return replace(
            frame,
            device_ns=told.uptime_ms * 1_000_000,
            telemetry=footer.tobytes(),
            ffc=told.ffc,
            temperature_k=told.temperature_k,
        )


def build(where: str, name: str, settings: CameraSettings | None) -> LeptonCamera:
    """The camera of ``lepton:SERIAL``."""
    return LeptonCamera(where, name, settings or DEFAULT)


def found() -> list[FoundCamera]:
    """PureThermal boards on the bus."""
    return [
        FoundCamera(f"lepton:{d.serial}", d.model or "PureThermal", d.serial, d.video[0])
        for d in usb_devices(VENDOR, PRODUCT)
        if d.video
    ]
