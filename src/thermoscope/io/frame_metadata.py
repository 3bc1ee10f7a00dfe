"""What thermoscope writes beside the pixels of a PNG or TIFF, so that reading restores the unit.

The text is one JSON object: in a PNG under the keyword ``thermoscope``, in a TIFF as the image
description. A file of another program has none; one that is damaged is ignored and said. What is
NOT here: pixels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from thermoscope.core.config import config_from_dict, config_to_dict
from thermoscope.core.errors import ConfigError, ThermoscopeError
from thermoscope.io.float_units import FloatUnit
from thermoscope.io.thermal_image import CaptureInfo, Kind, ThermalImage
from thermoscope.sensor.planck import LinearScale, Planck, Radiometry
from thermoscope.sensor.quality import Quality

__all__ = ["KEYWORD", "FrameMetadata", "metadata_text", "parsed_metadata"]

KEYWORD = "thermoscope"
VERSION = 1
LONGEST = 1 << 20
# flags that only the file or its history can tell; the others are found again in the pixels
TOLD = frozenset({Quality.TRUNCATED, Quality.FFC, Quality.ROTATED, Quality.QUANTISED})


@dataclass(frozen=True)
class FrameMetadata:
    """The restored text.

    Attributes:
        unit: Unit of the pixels.
        radiometry: How counts become kelvin.
        note: Why there is no temperature, or how far it can be trusted.
        capture: Camera and moment.
        flags: What only the original file could tell.
    """

    unit: FloatUnit | None = None
    radiometry: Radiometry | None = None
    note: str = ""
    capture: CaptureInfo = field(default_factory=CaptureInfo)
    flags: frozenset[Quality] = frozenset()


def metadata_text(image: ThermalImage, *, plane: Kind, radiometry: Radiometry | None = None) -> str:
    """ASCII JSON for the plane of `image` that is written, under `radiometry`."""
    entry = {
        KEYWORD: VERSION,
        "unit": plane,
        "radiometry": _radiometry_entry(radiometry),
        "note": image.temperature_note,
        "capture": _plain(config_to_dict(image.capture)),
        "flags": sorted(flag.value for flag in image.quality & TOLD),
    }
    return json.dumps(entry, allow_nan=False, ensure_ascii=True)


def _radiometry_entry(radiometry: Radiometry | None) -> dict[str, Any] | None:
    for name, kind in (("planck", Planck), ("linear", LinearScale)):
        if isinstance(radiometry, kind):
            return {"type": name, **config_to_dict(radiometry)}
    return None


def _plain(value: Any) -> Any:
    """Strict-JSON values: numpy numbers as plain ones, nan as None, the unknown as text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)


def parsed_metadata(text: object) -> FrameMetadata | None:
    """The metadata in a text of a file; None if the text is not one of ours.

    Text that is ours and damaged gives metadata that is empty but for a note saying so.
    """
    if not isinstance(text, str) or not text.lstrip().startswith(f'{{"{KEYWORD}"'):
        return None
    try:
        if len(text) > LONGEST:
            raise ConfigError("too long")
        return _restored(json.loads(text))
    except (ThermoscopeError, ValueError, TypeError, RecursionError) as err:
        reason = " ".join(str(err).split())[:160]
        return FrameMetadata(note=f"thermoscope's own entry in the file is damaged ({reason}).")


def _restored(entry: Any) -> FrameMetadata:
    if entry[KEYWORD] != VERSION:
        raise ConfigError(f"its version is {entry[KEYWORD]!r}, this program knows {VERSION}")
    unit = entry.get("unit")
    if unit not in ("counts", "kelvin", "agc"):
        raise ConfigError(f"unit {unit!r} is none of counts, kelvin, agc")
    note = entry.get("note", "")
    return FrameMetadata(
        unit=unit,
        radiometry=_restored_radiometry(entry.get("radiometry")),
        note=note if isinstance(note, str) else "",
        capture=config_from_dict(CaptureInfo, entry.get("capture", {}), where="capture"),
        flags=frozenset(Quality(name) for name in entry.get("flags", ())) & TOLD,
    )


def _restored_radiometry(entry: Any) -> Radiometry | None:
    if entry is None:
        return None
    values = dict(entry)
    name = values.pop("type", None)
    if name == "planck":
        return config_from_dict(Planck, values, where="radiometry")
    if name == "linear":
        return config_from_dict(LinearScale, values, where="radiometry")
    raise ConfigError(f"radiometry of type {name!r} is neither planck nor linear")
