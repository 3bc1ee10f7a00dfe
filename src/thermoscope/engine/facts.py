"""The facts about a frame in words: what ``info`` prints and a report shows.

Takes the plain values of `thermoscope.engine.measure.describe`; temperatures are in degrees
Celsius here, for people.
"""

from __future__ import annotations

from typing import Any

__all__ = ["extra_rows", "fact_rows"]


def fact_rows(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values for people, the unknown ones left out.

    Args:
        entry: From `thermoscope.engine.measure.describe`.
    """
    frames = f", frame {entry['frame']} of {entry['frames']}" if entry["frames"] != 1 else ""
    rows = [
        ("format", f"{entry['format']}, {entry['bit_depth']} bit{frames}"),
        ("size", f"{entry['width']} x {entry['height']} px"),
        ("unit", entry["unit"]),
    ]
    rows += _temperature_rows(entry)
    if entry["counts"]:
        rows.append(
            ("counts", "{min:.0f} to {max:.0f}, median {median:.0f}".format(**entry["counts"]))
        )
    camera = [str(v) for k, v in entry["camera"].items() if v and k != "horizontal_fov_deg"]
    rows.append(("camera", ", ".join(camera)))
    if entry["camera"]["horizontal_fov_deg"]:
        rows.append(("field of view", f"{entry['camera']['horizontal_fov_deg']:g} deg horizontal"))
    rows.append(("time", entry["time"] or ""))
    rows.append(("quality", ", ".join(entry["quality"]) or "no finding"))
    return [row for row in rows if row[1]]


def extra_rows(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """What else the file says, in its own words."""
    return [(str(k).replace("_", " "), str(v)) for k, v in entry["extra"].items() if v is not None]


def _temperature_rows(entry: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    if entry["temperature"]:
        for name in ("min", "median", "max"):
            value = entry["temperature"][name]
            place = f" at ({value['x']}, {value['y']})" if "x" in value else ""
            rows.append((f"temperature {name}", f"{value['celsius']:.2f} °C{place}"))
    if entry["temperature_note"]:
        rows.append(("temperature", entry["temperature_note"]))
    radiometry = entry["radiometry"]
    if radiometry and radiometry["type"] == "planck":
        rows.append(
            (
                "object",
                "emissivity {emissivity:g}, reflected {reflected_c:g} °C, "
                "distance {distance_m:g} m, air {air_c:g} °C, "
                "humidity {relative_humidity:.0%}".format(**radiometry),
            )
        )
    elif radiometry:
        rows.append(
            ("scale", "{kelvin_per_count:g} K a count, {offset_k:g} K at 0".format(**radiometry))
        )
    return rows
