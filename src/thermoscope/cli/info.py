"""``thermoscope info``: what a file is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table, warn
from thermoscope.cli.inputs import Failure, ObjectParameters, read_each
from thermoscope.engine.measure import describe

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """What a thermal file is: size, unit, temperatures with positions, camera, what is wrong."""

    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.MISSING]
    """Thermal files."""
    json: bool = False
    """Print JSON: a list with one entry a file."""
    frame: int = 0
    """Which frame of a multi-frame file."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""
    parameters: Annotated[ObjectParameters, tyro.conf.arg(name="")] = ObjectParameters()


def main(words: Sequence[str]) -> int:
    """Run the verb; 2 if a file could not be read."""
    arguments = parse(Arguments, words, verb="info")
    status = 0
    entries: list[dict[str, Any]] = []
    for result in read_each(
        arguments.files,
        parameters=arguments.parameters,
        size=arguments.size,
        frame=arguments.frame,
    ):
        if isinstance(result, Failure):
            status = 2
            entries.append({"file": str(result.path), "error": str(result.error)})
            warn(str(result.error))
            continue
        entries.append(describe(result))
        if not arguments.json:
            print_table(("", ""), rows_of(entries[-1]), title=entries[-1]["file"])
    if arguments.json:
        print_json(entries)
    return status


def rows_of(entry: dict[str, Any]) -> list[tuple[str, str]]:
    """The facts of one frame in words, the unknown ones left out."""
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
    rows += [(str(k), str(v)) for k, v in entry["extra"].items()]
    return [row for row in rows if row[1]]


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
