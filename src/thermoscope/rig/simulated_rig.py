"""A whole rig without hardware: thermal and colour cameras on one trigger, and all that goes wrong.

    with SimulatedRig(seed=3, faults=Faults(drop_rate=0.01)) as rig:
        for frame in rig.camera("thermal_left").frames(): ...
    rig.truth.of("thermal_left", "drop")

The thermal cameras are the real Boson driver on a simulated device: FSLP over a pseudo-terminal,
and buffers with telemetry rows. The colour cameras are the real V4L2 driver. The truth is computed
from the plan, not noted on the way, so another process can ask for it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from thermoscope.rig.boson import BosonCamera, open_serial_port
from thermoscope.rig.camera import Camera
from thermoscope.rig.simulated_device import SimulatedDevice, SimulatedVideo
from thermoscope.rig.simulated_picture import PanningPicture, scene_canvas, texture_canvas
from thermoscope.rig.simulated_plan import Faults, Pace, RigPlan, SimulatedCamera, default_cameras
from thermoscope.rig.simulated_timeline import (
    FaultKind,
    InjectedFault,
    Planned,
    injected_faults,
    timeline,
)
from thermoscope.rig.v4l2 import V4l2Camera

if TYPE_CHECKING:
    from thermoscope.core.sample import Sample
    from thermoscope.synthetic.dataset import Scenes

__all__ = ["SimulatedOpener", "SimulatedRig", "Truth", "camera_on"]

START_DELAY_NS = 250_000_000  # time to open the cameras before the first pulse


class Truth:
    """What a plan holds: every frame and every fault of every camera.

    Args:
        plan: The rig.
    """

    def __init__(self, plan: RigPlan) -> None:
        self._plan = plan

    def frames(self, camera: str) -> list[Planned]:
        """Every pulse as `camera` lives it.

        Raises:
            ConfigError: No such camera.
        """
        return list(timeline(self._plan, self._plan.camera(camera)))

    @cached_property
    def faults(self) -> list[InjectedFault]:
        """Of all cameras, camera by camera."""
        return [f for camera in self._plan.cameras for f in injected_faults(self._plan, camera)]

    def of(self, camera: str, kind: FaultKind) -> list[InjectedFault]:
        """Faults of one kind of one camera."""
        return [f for f in self.faults if f.camera == camera and f.kind == kind]

    def skew_ms(self, first: str, second: str) -> float:
        """How much later `second` sees the scene than `first` at the same pulse, ms.

        Raises:
            ConfigError: No such camera.
        """
        plan = self._plan
        return plan.camera(second).sampling_delay_ms - plan.camera(first).sampling_delay_ms


@dataclass
class SimulatedOpener:
    """Opens one camera of a plan, again and again; can be sent to another process.

    The device lives on between calls: an outage goes on while nobody looks. In another process it
    is a new one of the same plan, which looks at the texture.
    """

    plan: RigPlan
    name: str
    """Of the camera in the plan."""
    called: str = ""
    """What the rig calls it; `name` if empty."""
    device: SimulatedDevice | None = field(default=None, repr=False, compare=False)
    """Behind the camera; made at the first call if None."""

    def __call__(self) -> Camera:
        """The camera, closed."""
        if self.device is None:
            camera = self.plan.camera(self.name)
            picture = PanningPicture(camera, texture_canvas(camera, self.plan.seed), self.plan.seed)
            self.device = SimulatedDevice(self.plan, camera, picture)
        return camera_on(self.device, self.called)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.plan, self.name, self.called)


def camera_on(device: SimulatedDevice, name: str = "") -> Camera:
    """The driver that belongs to the device, closed.

    Args:
        device: The simulated one.
        name: What the rig calls it; as in the plan if empty.
    """
    camera = device.camera
    name = name or camera.name
    if camera.kind == "thermal":
        return BosonCamera(
            camera.serial,
            name,
            camera.settings,
            devices=device.plugged_in,
            open_stream=lambda _, wire: SimulatedVideo(device, wire),
            open_port=open_serial_port,
        )
    stream = SimulatedVideo(device, camera.settings)
    return V4l2Camera(stream, name, serial=camera.serial, settings=camera.settings)


class SimulatedRig:
    """Cameras of one plan in this process.

    Args:
        cameras: Of which; two thermal and two colour ones if None.
        faults: What goes wrong.
        seed: Another number is another course of everything.
        duration_s: The cameras end after this, s.
        pace: "real" gives each frame when it is due; "fast" at once, with the same stamps.
        start_ns: Monotonic clock of the host at pulse 0, ns; soon after the rig is made if None.
        scenes: Rendered scenes, or samples, that the cameras look at; a texture if None.

    Raises:
        ConfigError: As `RigPlan`.

    Attributes:
        plan: All of it.
        truth: What is in it.
    """

    def __init__(
        self,
        cameras: Sequence[SimulatedCamera] | None = None,
        *,
        faults: Faults | None = None,
        seed: int = 0,
        duration_s: float = 60.0,
        pace: Pace = "real",
        start_ns: int | None = None,
        scenes: Scenes | Sequence[Sample] | None = None,
    ) -> None:
        self.plan = RigPlan(
            cameras=tuple(cameras) if cameras is not None else default_cameras(),
            faults=faults or Faults(),
            seed=seed,
            duration_s=duration_s,
            start_ns=0 if start_ns is None else start_ns,
            pace=pace,
        )
        self._sample = None if scenes is None else scenes[seed % len(scenes)]
        self._pictures: dict[str, PanningPicture] = {}
        self._devices: dict[str, SimulatedDevice] = {}
        self._drivers: dict[str, Camera] = {}
        if start_ns is None:
            for camera in self.plan.cameras if pace == "real" else ():
                self._picture(camera)  # takes a second: before the start, or frames are missed
            self.plan = replace(self.plan, start_ns=time.monotonic_ns() + START_DELAY_NS)
        self.truth = Truth(self.plan)

    @property
    def names(self) -> list[str]:
        """Of the cameras, in the order of the plan."""
        return [camera.name for camera in self.plan.cameras]

    @property
    def cameras(self) -> dict[str, Camera]:
        """All cameras by name, closed until somebody opens them."""
        return {name: self.camera(name) for name in self.names}

    def camera(self, name: str) -> Camera:
        """The camera called `name`; the same object each time.

        Raises:
            ConfigError: There is none.
        """
        if name not in self._drivers:
            self._drivers[name] = camera_on(self.device(name))
        return self._drivers[name]

    def device(self, name: str) -> SimulatedDevice:
        """The device behind the camera called `name`.

        Raises:
            ConfigError: There is none.
        """
        if name not in self._devices:
            camera = self.plan.camera(name)
            self._devices[name] = SimulatedDevice(self.plan, camera, self._picture(camera))
        return self._devices[name]

    def _picture(self, camera: SimulatedCamera) -> PanningPicture:
        if camera.name not in self._pictures:
            seed, sample = self.plan.seed, self._sample
            canvas = (
                texture_canvas(camera, seed) if sample is None else scene_canvas(camera, sample)
            )
            self._pictures[camera.name] = PanningPicture(camera, canvas, seed)
        return self._pictures[camera.name]

    def opener(self, name: str) -> SimulatedOpener:
        """What opens the camera called `name` again and again, or in another process.

        Raises:
            ConfigError: There is none.
        """
        return SimulatedOpener(self.plan, name, device=self.device(name))

    def close(self) -> None:
        """Close all cameras and take their ports away."""
        for driver in self._drivers.values():
            driver.close()
        for device in self._devices.values():
            device.unplug()

    def __enter__(self) -> SimulatedRig:
        for driver in self.cameras.values():
            driver.open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
