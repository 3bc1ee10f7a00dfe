"""What a simulated rig is and what goes wrong in it: the plan, from which all else follows.

A plan is small, frozen and can be pickled: two processes with the same plan see the same pulses,
the same pictures and the same faults. What is NOT here: time (`simulated_timeline`), pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from thermoscope.core.checks import check_in_range, check_positive
from thermoscope.core.errors import ConfigError
from thermoscope.rig.camera import CameraSettings

__all__ = ["Faults", "Outage", "Pace", "RigPlan", "SimulatedCamera", "default_cameras"]

Kind = Literal["thermal", "rgb"]
Pace = Literal["real", "fast"]
FIRST_SERIAL = 93_588


@dataclass(frozen=True)
class Outage:
    """A camera without its cable, or a trigger without its pulses."""

    at_s: float
    """From the start of the rig, s."""
    for_s: float
    """How long, s."""
    camera: str = ""
    """Which camera; empty for the trigger."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong. All zero: nothing does.

    Rates are a share of the frames, or of the serial replies.

    Raises:
        ConfigError: A rate outside [0, 1], or serial rates that sum to more than 1.
    """

    drop_rate: float = 0.0
    """The frame never arrives; the counter has a gap."""
    duplicate_rate: float = 0.0
    """The same buffer arrives twice."""
    freeze_rate: float = 0.0
    """From here the pixels stand still for some frames while the counter goes on."""
    freeze_frames: tuple[int, int] = (3, 15)
    """Shortest and longest freeze, frames."""
    ffc_every_s: float | None = None
    """Between two flat-field corrections, s; None = only on command."""
    ffc_frames: int = 12
    """The shutter is closed for so many frames."""
    ffc_together: bool = False
    """All thermal cameras at the same pulse, instead of each at its own."""
    overheat_at_s: float | None = None
    """From here the thermal cameras grow hotter by 1 K a second, up to 60 K."""
    unplugged: tuple[Outage, ...] = ()
    """Cameras that go and come back."""
    no_pulses: tuple[Outage, ...] = ()
    """The trigger pauses: slaves fall silent, then reboot."""
    serial_lost_rate: float = 0.0
    """No reply at all."""
    serial_late_rate: float = 0.0
    """The reply comes `serial_late_s` late."""
    serial_late_s: float = 0.1
    """How late, s."""
    serial_corrupt_rate: float = 0.0
    """One bit of the reply is wrong."""
    serial_split_rate: float = 0.0
    """The reply comes byte by byte."""
    serial_duplicate_rate: float = 0.0
    """The reply comes twice."""

    def __post_init__(self) -> None:
        for name in ("drop_rate", "duplicate_rate", "freeze_rate", *SERIAL_RATES):
            check_in_range(getattr(self, name), 0, 1, name=name)
        check_in_range(sum(self.serial_rates()), 0, 1, name="sum of the serial rates")

    def serial_rates(self) -> tuple[float, ...]:
        """In the order of `SERIAL_RATES`."""
        return tuple(getattr(self, name) for name in SERIAL_RATES)


SERIAL_RATES = (
    "serial_lost_rate",
    "serial_late_rate",
    "serial_corrupt_rate",
    "serial_split_rate",
    "serial_duplicate_rate",
)


@dataclass(frozen=True)
class SimulatedCamera:
    """One camera of the rig, with the clocks and delays that it is to have."""

    name: str
    kind: Kind
    serial: str
    settings: CameraSettings
    drift_ppm: float = 0.0
    """Its clock runs so much too fast, parts per million."""
    sampling_delay_ms: float = 0.0
    """From the pulse to the instant that the picture shows, ms: what a skew report must find."""
    output_delay_ms: float = 35.0
    """From the pulse to the last line on the bus, ms."""
    jitter_ms: float = 1.2
    """Mean of the one-sided delay until the host takes the frame, ms."""
    burst_rate: float = 0.02
    """Share of the frames that are held up for long: 20 ms on average."""


def default_cameras(
    thermal: int = 2,
    rgb: int = 2,
    *,
    thermal_size: tuple[int, int] = (640, 512),
    rgb_size: tuple[int, int] = (960, 600),
    rate_hz: float = 30.0,
) -> tuple[SimulatedCamera, ...]:
    """Cameras called ``thermal_left``, ``thermal_right``, ``rgb_left`` … with unequal clocks.

    Args:
        thermal: How many thermal cameras, each a slave of the trigger.
        rgb: How many colour cameras, the first of which gives the pulse.
        thermal_size: Width and height, px.
        rgb_size: Width and height, px.
        rate_hz: Of all of them.

    Raises:
        ConfigError: A negative number, or no camera at all.
    """
    if thermal < 0 or rgb < 0 or thermal + rgb == 0:
        raise ConfigError(f"a rig needs cameras, got {thermal} thermal and {rgb} rgb.")
    slave = CameraSettings(*thermal_size, rate_hz, "y16", "slave", {"pulses": "running"})
    master = CameraSettings(*rgb_size, rate_hz, "rgb8", "master")
    follower = replace(master, sync="slave")
    cameras = [
        SimulatedCamera(
            _name("thermal", i, thermal), "thermal", str(FIRST_SERIAL + i), slave,
            drift_ppm=35.0 - 50.0 * i, sampling_delay_ms=8.5, output_delay_ms=35.0,
        )
        for i in range(thermal)
    ]  # fmt: skip
    cameras += [
        SimulatedCamera(
            _name("rgb", i, rgb), "rgb", f"rgb-{i}", follower if i else master,
            drift_ppm=-12.0, sampling_delay_ms=4.0, output_delay_ms=22.0, jitter_ms=0.8,
        )
        for i in range(rgb)
    ]  # fmt: skip
    return tuple(cameras)


def _name(kind: str, index: int, count: int) -> str:
    if count == 1:
        return kind
    return f"{kind}_{('left', 'right')[index] if count == 2 else index}"


@dataclass(frozen=True)
class RigPlan:
    """All of a simulated rig.

    Raises:
        ConfigError: No camera, two of one name, a duration or rate that is not positive, or an
            outage of a camera that is not there.
    """

    cameras: tuple[SimulatedCamera, ...] = field(default_factory=default_cameras)
    faults: Faults = field(default_factory=Faults)
    seed: int = 0
    """Another number is another course of jitter, faults and motion."""
    duration_s: float = 60.0
    """The cameras end after this, s of the rig's own time."""
    start_ns: int = 0
    """Monotonic clock of the host at pulse 0, ns."""
    pace: Pace = "real"
    """"real" gives each frame when it is due, "fast" at once with the same stamps."""

    def __post_init__(self) -> None:
        names = [camera.name for camera in self.cameras]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"cameras need different names, got {names}.")
        if self.pace not in ("real", "fast"):
            raise ConfigError(f"pace must be real or fast, got {self.pace!r}.")
        check_positive(self.duration_s, name="duration_s")
        for outage in self.faults.unplugged:
            if outage.camera not in names:
                raise ConfigError(
                    f"camera {outage.camera!r} cannot be unplugged: it is not in {names}."
                )

    def camera(self, name: str) -> SimulatedCamera:
        """The camera called `name`.

        Raises:
            ConfigError: There is none.
        """
        for camera in self.cameras:
            if camera.name == name:
                return camera
        names = ", ".join(camera.name for camera in self.cameras)
        raise ConfigError(f"the simulated rig has no camera {name!r}. It has {names}.")
