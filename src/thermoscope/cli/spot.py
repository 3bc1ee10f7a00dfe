"""``thermoscope spot``: temperatures of points and regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from thermoscope.cli.arguments import parse, print_json, print_table
from thermoscope.cli.inputs import Failure, ObjectParameters, read_each
from thermoscope.core.errors import ConfigError
from thermoscope.engine.measure import measure_region, region_from_text

__all__ = ["Arguments", "main"]


@dataclass(frozen=True)
class Arguments:
    """Temperatures of points and regions; counts where the file is not radiometric."""

    file: Annotated[Path, tyro.conf.Positional]
    """A thermal file."""
    at: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A point x,y in px; repeat for more."""
    roi: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A rectangle x,y,width,height in px; repeat for more."""
    json: bool = False
    """Print JSON."""
    frame: int = 0
    """Which frame of a multi-frame file."""
    size: str | None = None
    """WIDTHxHEIGHT of headerless raw files."""
    kelvin_per_count: float | None = None
    """Linear scale of counts that are a temperature already (0.01 for TLinear)."""
    offset_k: float = 0.0
    """Kelvin at count 0 on that scale: 0 for TLinear, 273.15 for hundredths of a degree Celsius."""
    parameters: Annotated[ObjectParameters, tyro.conf.arg(name="")] = ObjectParameters()


def main(words: Sequence[str]) -> int:
    """Run the verb."""
    arguments = parse(Arguments, words, verb="spot")
    regions = [region_from_text(text) for text in (*arguments.at, *arguments.roi)]
    if not regions:
        raise ConfigError("nothing to measure. Give points --at x,y or rectangles --roi x,y,w,h.")
    (image,) = read_each(
        [arguments.file],
        parameters=arguments.parameters,
        size=arguments.size,
        frame=arguments.frame,
        kelvin_per_count=arguments.kelvin_per_count,
        offset_k=arguments.offset_k,
    )
    if isinstance(image, Failure):
        raise image.error
    found = [measure_region(image, region) for region in regions]
    if arguments.json:
        print_json(found)
    else:
        rows = [
            (str(region), *(_text(entry[k]) for k in ("min", "median", "mean", "max")))
            for region, entry in zip(regions, found, strict=True)
        ]
        print_table(("region", "min", "median", "mean", "max"), rows)
    return 0


def _text(reading: dict[str, Any] | None) -> str:
    if reading is None:
        return "no value"
    place = f" at ({reading['x']}, {reading['y']})" if "x" in reading else ""
    if "celsius" in reading:
        return f"{reading['celsius']:.2f} °C{place}"
    unit = "counts" if "counts" in reading else "agc"
    return f"{reading[unit]:.0f} {unit}{place}"
