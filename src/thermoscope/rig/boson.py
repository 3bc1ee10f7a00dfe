"""The FLIR Boson and Boson+ over USB: 16-bit pictures with telemetry, and the command port.

    open_camera("boson:93588", settings=CameraSettings(640, 512, 30, "y16", "slave"))

The camera is found by the serial number that it tells over its command port. The port is used when
the camera opens and on command, never between frames: all that a frame needs is in its telemetry.
Settings in `extra` (each a word): ``ir16`` = "counts" or "tlinear", ``ffc`` = "auto" or "manual",
``pulses`` = "running", without which sync "slave" is refused. Once open, `extra` also tells
``part_number``, ``firmware``, ``gain`` and ``radiometric``.

NEVER run on hardware here: proven against captured frames and a byte-exact simulator. What is NOT
here: the bytes (`rig.fslp`), the table of commands, telemetry offsets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

from thermoscope.core.errors import CameraError, ConfigError, MissingDependencyError
from thermoscope.rig.boson_commands import BosonCommands, FfcMode, Ir16
from thermoscope.rig.boson_telemetry import TELEMETRY_ROWS, decode_telemetry, split_telemetry
from thermoscope.rig.camera import CameraSettings, FoundCamera, Frame, OpenableCamera
from thermoscope.rig.fslp import CommandPort, Transport
from thermoscope.rig.usb_devices import usb_devices
from thermoscope.rig.v4l2 import V4l2Stream, pictures
from thermoscope.rig.video_stream import RawPicture, VideoStream, decode_picture

__all__ = ["BosonCamera", "BosonDevice", "build", "found", "open_serial_port", "plugged_in"]

VENDOR, PRODUCT = 0x09CB, 0x4007
BAUD = 921_600
SERIAL_POLL_S = 0.005  # the longest gap between the bytes of one reply
COMMAND_TIMEOUT_S = 2.0
SETTLE_FRAMES = 3  # the telemetry of the first frames of a stream may be wrong
DEFAULT = CameraSettings(640, 512, 30.0, "y16", "free")
Choice = TypeVar("Choice")
IR16_WORDS = {"counts": Ir16.COUNTS, "tlinear": Ir16.TLINEAR}
FFC_WORDS = {"auto": FfcMode.AUTO, "manual": FfcMode.MANUAL}


@dataclass(frozen=True)
class BosonDevice:
    """Where one camera is plugged in."""

    video: str
    """Its streaming node, for example ``/dev/video0``."""
    port: str
    """Its command port, for example ``/dev/ttyACM0``."""


def open_serial_port(path: str) -> Transport:
    """The command port at `path`, for this process only.

    Raises:
        CameraError: It is absent, busy or may not be opened.
        MissingDependencyError: pyserial is not installed.
    """
    try:
        import serial
    except ImportError as err:
        raise MissingDependencyError(
            "pyserial", extra="rig", purpose="the camera's command port"
        ) from err
    try:
        port: Transport = serial.Serial(path, BAUD, timeout=SERIAL_POLL_S, exclusive=True)
    except OSError as err:
        raise CameraError(
            f"{path}: the command port cannot be opened ({err}). Check that no other program has "
            "it and that you are in the group 'dialout' (docs/rig/hardware.md).",
            camera=path,
        ) from err
    return port


def plugged_in() -> list[BosonDevice]:
    """Bosons on the bus that have both nodes."""
    devices = usb_devices(VENDOR, PRODUCT)
    return [
        BosonDevice(d.video[0], d.serial_ports[0]) for d in devices if d.video and d.serial_ports
    ]


class BosonCamera(OpenableCamera):
    """One Boson; see the module for the settings in `extra`.

    Args:
        serial: Serial number; empty = the only one that is plugged in.
        name: What the rig calls it.
        settings: What to ask for.
        devices: Gives the cameras on the bus.
        open_stream: Gives the (closed) video stream of a node; the settings are those on the wire.
        open_port: Gives the open command port of a node.
        timeout_s: Longest wait for a reply to a command, s.

    Raises:
        ConfigError: A pixel format other than y16, or an unknown word in `extra`.
    """

    def __init__(
        self,
        serial: str,
        name: str,
        settings: CameraSettings = DEFAULT,
        *,
        devices: Callable[[], Sequence[BosonDevice]] = plugged_in,
        open_stream: Callable[[str, CameraSettings], VideoStream] | None = None,
        open_port: Callable[[str], Transport] = open_serial_port,
        timeout_s: float = COMMAND_TIMEOUT_S,
    ) -> None:
        super().__init__(name, serial, settings)
        if settings.pixel != "y16":
            raise ConfigError(f"{name}: a Boson gives pixel y16, asked for {settings.pixel!r}.")
        self._ir16 = _word(settings, "ir16", IR16_WORDS, "counts")
        self._ffc_mode = _word(settings, "ffc", FFC_WORDS, "auto")
        self.bad_pictures = 0
        self._devices, self._open_port, self._timeout_s = devices, open_port, timeout_s
        self._open_stream = open_stream or _v4l2_stream
        self._stream: VideoStream | None = None
        self._commands: BosonCommands | None = None

    def open(self) -> None:
        """Find the camera, apply the settings, start the stream; see `Camera.open`."""
        if self._is_open:
            return
        device, commands = self._find()
        self._commands = commands
        try:
            self.settings = self._configured(commands)
            wire = replace(self.settings, height_px=self.settings.height_px + TELEMETRY_ROWS)
            self._stream = self._open_stream(device.video, wire)
            self._stream.open()
        except CameraError:
            self._release()
            raise
        self._is_open = True

    def frames(self) -> Iterator[Frame]:
        """Frames with counter, clock, FFC state and temperature from their telemetry row.

        The first frames of a stream are left out while their telemetry names another camera. A
        picture with missing bytes is counted in `bad_pictures` and left out; the counter shows it.
        See `Camera.frames`.
        """
        self._must_be_open()
        if self._stream is None:
            return
        count, settled = 0, False
        stream = pictures(self._stream, lambda: self._is_open, name=self.name)
        for position, picture in enumerate(stream):
            frame = self._frame(picture, count)
            settled = settled or position >= SETTLE_FRAMES
            if frame is None or (frame.telemetry is None and not settled):
                continue
            yield frame
            count += 1

    def do_ffc(self) -> None:
        """Close the shutter once, now.

        Raises:
            CameraError: The camera is not open or does not obey.
        """
        self._open_commands().run_ffc()

    def sensor_temperature_k(self) -> float:
        """Of the sensor, asked over the command port, K.

        Raises:
            CameraError: The camera is not open or does not answer.
        """
        return self._open_commands().sensor_temperature_k()

    def close(self) -> None:
        """End `frames`, let video and port go."""
        if self._is_open:
            super().close()
            self._release()

    def _open_commands(self) -> BosonCommands:
        self._must_be_open()
        if self._commands is None:  # closed by another thread a moment ago
            raise CameraError(f"{self.name}: the camera is closing.", camera=self.name)
        return self._commands

    def _release(self) -> None:
        commands, stream, self._commands, self._stream = self._commands, self._stream, None, None
        if stream is not None:
            stream.close()
        if commands is not None:
            commands.close()

    def _find(self) -> tuple[BosonDevice, BosonCommands]:
        """The camera with our serial number, its port open."""
        seen: list[str] = []
        candidates = list(self._devices())
        for device in candidates:
            try:
                commands, serial = self._asked(device)
            except CameraError as err:  # another program's camera, or one that hangs
                seen.append(f"{device.port} ({err})")
                continue
            if self.serial == serial or (not self.serial and len(candidates) == 1):
                self.serial = serial
                return device, commands
            commands.close()
            seen.append(f"{serial} at {device.port}")
        wanted = f"Boson {self.serial}" if self.serial else "exactly one Boson"
        raise CameraError(
            f"{self.name}: no {wanted} is plugged in; seen: {'; '.join(seen) or 'none'}. "
            "Check the cable, and the serial number with: thermoscope rig list.",
            camera=self.name,
        )

    def _asked(self, device: BosonDevice) -> tuple[BosonCommands, str]:
        """The command port of `device`, and the serial number it tells."""
        transport = self._open_port(device.port)
        port = CommandPort(transport, name=self.name, timeout_s=self._timeout_s)
        commands = BosonCommands(port, name=self.name)
        try:
            return commands, commands.serial_number()
        except CameraError:
            commands.close()
            raise

    def _configured(self, commands: BosonCommands) -> CameraSettings:
        """Settings as the camera has them after being told."""
        commands.telemetry_at_the_top()
        commands.set_ffc_mode(self._ffc_mode)
        radiometric = commands.radiometric()
        if self._ir16 is Ir16.TLINEAR and not radiometric:
            raise CameraError(
                f"{self.name}: this core is not radiometric and cannot give ir16=tlinear. "
                "Use ir16=counts.",
                camera=self.name,
            )
        commands.set_ir16(self._ir16)
        self._set_sync(commands)
        told = {
            "part_number": commands.part_number(),
            "firmware": commands.firmware(),
            "gain": str(commands.gain()),
            "radiometric": "yes" if radiometric else "no",
            "ir16": self._ir16.name.lower(),
        }
        extra = MappingProxyType({**self.settings.extra, **told})
        return replace(self.settings, sync=commands.sync(), extra=extra)

    def _set_sync(self, commands: BosonCommands) -> None:
        wanted = self.settings.sync
        if wanted == "slave" and self.settings.extra.get("pulses") != "running":
            raise CameraError(
                f"{self.name}: sync=slave without pulses makes the core fault and reboot. Start "
                "the trigger first, then say so with pulses=running; or use sync=free.",
                camera=self.name,
            )
        if commands.sync() != wanted:
            commands.set_sync(wanted)

    def _frame(self, picture: RawPicture, count: int) -> Frame | None:
        wire = replace(self.settings, height_px=self.settings.height_px + TELEMETRY_ROWS)
        try:
            image, row = split_telemetry(
                decode_picture(picture.data, wire, name=self.name), self.serial
            )
        except CameraError:
            self.bad_pictures += 1
            return None
        told = None if row is None else decode_telemetry(row)
        return Frame(
            camera=self.name,
            image=image,
            counter=told.counter if told else None,
            device_ns=told.clock_ms * 1_000_000 if told else None,
            host_ns=picture.host_ns,
            telemetry=row.tobytes() if row is not None else None,
            ffc=told.ffc if told else None,
            temperature_k=told.temperature_k if told else None,
            sequence=count,
            kernel_ns=picture.kernel_ns,
        )


def _v4l2_stream(node: str, wire: CameraSettings) -> VideoStream:
    return V4l2Stream(node, wire, set_rate=False)  # the rate is set over the command port only


def _word(settings: CameraSettings, key: str, words: dict[str, Choice], default: str) -> Choice:
    word = settings.extra.get(key, default)
    if word not in words:
        raise ConfigError(f"{key} must be one of {', '.join(words)}, got {word!r}.")
    return words[word]


def build(where: str, name: str, settings: CameraSettings | None) -> BosonCamera:
    """The camera of ``boson:SERIAL``."""
    return BosonCamera(where, name, settings or DEFAULT)


def found() -> list[FoundCamera]:
    """Bosons on the bus; the serial number is asked for, and empty where the port is busy."""
    cameras = []
    for device in plugged_in():
        serial = _serial_at(device)
        cameras.append(FoundCamera(f"boson:{serial}", "FLIR Boson", serial, device.video))
    return cameras


def _serial_at(device: BosonDevice) -> str:
    try:
        port = CommandPort(open_serial_port(device.port), name=device.port, timeout_s=0.5)
    except CameraError:
        return ""
    try:
        return BosonCommands(port, name=device.port).serial_number()
    except CameraError:
        return ""
    finally:
        port.close()
