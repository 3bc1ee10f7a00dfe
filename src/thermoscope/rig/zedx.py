"""Stereolabs' ZED X, the colour half of the rig and its sync master, through their own `pyzed`.

    open_camera("zedx:49123456", settings=CameraSettings(960, 600, 30, "rgb8", "master"))

The capture card gives the trigger pulse to the thermal cameras; nothing here starts it but opening
the camera. Pictures are as the sensor sees them unless ``rectified`` = "yes" in `extra`; ``view`` =
"left", "right" or "both" side by side. No depth is computed while recording. The counter is frames
given plus frames that the SDK says it dropped; the device clock is the SDK's image stamp.

NEVER run on hardware here: written and tested against a stand-in of the interface. What is NOT
here: the IMU, and `pyzed` itself, which comes with the ZED SDK and not from the package index.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from thermoscope.core.errors import CameraError, ConfigError
from thermoscope.rig.camera import CameraSettings, FoundCamera, Frame, OpenableCamera

__all__ = ["ZedXCamera", "build", "found"]

RESOLUTIONS = {(1920, 1200): "HD1200", (1920, 1080): "HD1080", (960, 600): "SVGA"}
VIEWS = {"left": ("LEFT",), "right": ("RIGHT",), "both": ("LEFT", "RIGHT")}
DEFAULT = CameraSettings(960, 600, 30.0, "rgb8", "master")


def _sdk() -> Any:
    try:
        from pyzed import sl
    except ImportError as err:
        raise CameraError(
            "the ZED X needs Stereolabs' own Python interface, which is not installed. Install the "
            "ZED SDK and run its get_python_api.py; 'pyzed' of the package index is another thing."
        ) from err
    return sl


class ZedXCamera(OpenableCamera):
    """One ZED X; see the module for the settings in `extra`.

    Args:
        serial: Serial number; empty = the first one.
        name: What the rig calls it.
        settings: Size of one view.

    Raises:
        ConfigError: A size the camera does not have, a pixel format other than rgb8, or an unknown
            word in `extra`.
    """

    def __init__(self, serial: str, name: str, settings: CameraSettings = DEFAULT) -> None:
        super().__init__(name, serial, settings)
        size = (settings.width_px, settings.height_px)
        if size not in RESOLUTIONS or settings.pixel != "rgb8":
            known = ", ".join(f"{width}x{height}" for width, height in RESOLUTIONS)
            raise ConfigError(
                f"{name}: a ZED X gives rgb8 at {known}, asked for {size[0]}x{size[1]} "
                f"{settings.pixel}."
            )
        view, rectified = settings.extra.get("view", "both"), settings.extra.get("rectified", "no")
        if view not in VIEWS or rectified not in ("yes", "no"):
            raise ConfigError(
                f"{name}: view must be left, right or both and rectified yes or no, "
                f"got {view!r} and {rectified!r}."
            )
        ending = "" if rectified == "yes" else "_UNRECTIFIED"
        self._views = tuple(view_name + ending for view_name in VIEWS[view])
        self._sdk: Any = None
        self._zed: Any = None

    def open(self) -> None:
        """Open it through the SDK.

        Raises:
            CameraError: `pyzed` is not installed, or the SDK cannot open the camera.
        """
        if self._is_open:
            return
        self._sdk = sl = _sdk()
        wanted = sl.InitParameters()
        size = (self.settings.width_px, self.settings.height_px)
        wanted.camera_resolution = getattr(sl.RESOLUTION, RESOLUTIONS[size])
        wanted.camera_fps = round(self.settings.rate_hz)
        wanted.depth_mode = sl.DEPTH_MODE.NONE
        if self.serial:
            wanted.set_from_serial_number(int(self.serial))
        self._zed = sl.Camera()
        status = self._zed.open(wanted)
        if status != sl.ERROR_CODE.SUCCESS:
            raise CameraError(
                f"{self.name}: the ZED SDK cannot open the camera ({status}). Check the GMSL2 "
                "cable and that no other program has it.",
                camera=self.name,
            )
        self.serial = str(self._zed.get_camera_information().serial_number)
        self._is_open = True

    def frames(self) -> Iterator[Frame]:
        """Frames with the SDK's stamp as the device clock; see `Camera.frames`."""
        self._must_be_open()
        sl, zed, mat = self._sdk, self._zed, self._sdk.Mat()
        count = 0
        while self._is_open:
            status = zed.grab()
            host_ns = time.monotonic_ns()
            if status != sl.ERROR_CODE.SUCCESS:
                if self._closed_meanwhile():
                    return
                raise CameraError(
                    f"{self.name}: the ZED SDK gives no frame ({status}).", camera=self.name
                )
            yield Frame(
                camera=self.name,
                image=self._image(zed, mat),
                counter=count + int(zed.get_frame_dropped_count()),
                device_ns=int(zed.get_timestamp(sl.TIME_REFERENCE.IMAGE).get_nanoseconds()),
                host_ns=host_ns,
                sequence=count,
            )
            count += 1

    def close(self) -> None:
        """End `frames` and let the camera go."""
        if self._is_open:
            super().close()
            self._zed.close()

    def _image(self, zed: Any, mat: Any) -> np.ndarray:
        views = []
        for view in self._views:
            zed.retrieve_image(mat, getattr(self._sdk.VIEW, view))
            views.append(mat.get_data()[..., 2::-1])  # BGRA to RGB
        return np.concatenate(views, axis=1)  # a copy: the SDK uses its memory again


def build(where: str, name: str, settings: CameraSettings | None) -> ZedXCamera:
    """The camera of ``zedx:SERIAL``.

    Raises:
        ConfigError: `where` is no number.
    """
    if where and not where.isdecimal():
        raise ConfigError(f"zedx needs a serial number, for example zedx:49123456, got {where!r}.")
    return ZedXCamera(where, name, settings or DEFAULT)


def found() -> list[FoundCamera]:
    """Cameras that the SDK sees; none without it."""
    try:
        sl = _sdk()
    except CameraError:
        return []
    return [
        FoundCamera(f"zedx:{d.serial_number}", str(d.camera_model), str(d.serial_number), d.path)
        for d in sl.Camera.get_device_list()
    ]
