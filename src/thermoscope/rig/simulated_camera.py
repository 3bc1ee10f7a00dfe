"""Simulated cameras by address, for trying the rig's commands without one.

    thermoscope rig live simulated:thermal_left

Names are those of `default_cameras`. Settings in `extra`: ``seed``, ``duration_s``, ``pace`` =
"real" or "fast", ``start_ns`` = monotonic clock at pulse 0, which cameras of one rig that are
opened by several processes must share. What is NOT here: faults (use `SimulatedRig` from Python).
"""

from __future__ import annotations

import time
from dataclasses import replace

from thermoscope.core.errors import ConfigError
from thermoscope.rig.camera import Camera, CameraSettings, FoundCamera
from thermoscope.rig.simulated_plan import RigPlan
from thermoscope.rig.simulated_rig import SimulatedOpener

__all__ = ["build", "found"]

NUMBERS = {"seed": 0.0, "duration_s": 86_400.0, "start_ns": 0.0}


def build(where: str, name: str, settings: CameraSettings | None) -> Camera:
    """The camera of ``simulated:thermal_left``.

    Raises:
        ConfigError: No such camera, or a number in `extra` that is none.
    """
    extra = dict(settings.extra) if settings is not None else {}
    numbers = {key: _number(key, extra.get(key, str(NUMBERS[key]))) for key in NUMBERS}
    plan = RigPlan(
        seed=int(numbers["seed"]),
        duration_s=numbers["duration_s"],
        start_ns=int(numbers["start_ns"]) or time.monotonic_ns(),
        pace="fast" if extra.get("pace") == "fast" else "real",
    )
    camera = plan.camera(where)
    if settings is not None:
        wire = replace(
            camera.settings,
            width_px=settings.width_px,
            height_px=settings.height_px,
            rate_hz=settings.rate_hz,
        )
        plan = replace(plan, cameras=(replace(camera, settings=wire),))
    return SimulatedOpener(plan, where, called=name)()


def _number(key: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as err:
        raise ConfigError(f"{key} must be a number, got {text!r}.") from err


def found() -> list[FoundCamera]:
    """None: a simulated camera is plugged in only where somebody asks for it by name."""
    return []
