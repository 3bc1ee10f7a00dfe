"""The rendered world under the name ``scenes``: rendered now, or read from a folder of ``npz``.

What is NOT here: the renderer (`thermoscope.synthetic.dataset`), and rendered folders in the
layouts of public data sets: the readers of those read them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from thermoscope.core.errors import DatasetCorruptError, UnknownNameError
from thermoscope.core.sample import Sample
from thermoscope.data.base import Item, Listed, require
from thermoscope.synthetic.cache import load_sample
from thermoscope.synthetic.dataset import Scenes
from thermoscope.synthetic.families import SPLITS, Hour
from thermoscope.synthetic.labels import TAXONOMIES
from thermoscope.synthetic.observe import ColourViews
from thermoscope.synthetic.rig import VirtualRig
from thermoscope.synthetic.scenes import ENVIRONMENTS

__all__ = ["scenes", "time_of_day"]

TABLE = "samples.csv"
COLUMNS = ("file", "name", "environment", "hour")
DAY_H, NIGHT_H = (7.0, 17.0), (20.0, 5.0)
BETWEEN = 1000  # index numbers between places


def scenes(
    root: str | Path | None = None,
    *,
    split: str = "train",
    count: int = 100,
    environment: str | Sequence[str] = ENVIRONMENTS,
    seed: int = 0,
    preset: str | VirtualRig = "small",
    frames_per_scene: int = 16,
    visits: int = 1,
    rate_hz: float = 1.0,
    hour: Hour = None,
    weather: str | None = None,
    taxonomy: str = "fmb",
    colour: ColourViews = "left",
    positions: bool = False,
) -> Listed:
    """Rendered samples as a data set.

    A `root` with ``samples.csv`` was written by ``thermoscope scenes render`` and is read; the
    other arguments but `split` and `taxonomy` then say nothing. Any other `root` keeps what is
    rendered for the next time.

    Args:
        root: Folder; None renders each time.
        split: ``"train"``, ``"val"`` or ``"test"``: no world is in two of them.
        count: Samples.
        environment: One or several of "urban", "indoor", "offroad", "aerial".
        seed: Another number is another data set.
        preset: Rig.
        frames_per_scene: Samples of one visit to one place.
        visits: Passes over each place, at another hour each.
        rate_hz: Frames a second of a visit.
        hour: As `Scenes` takes it.
        weather: As `Scenes` takes it.
        taxonomy: Of the labels.
        colour: As `Scenes` takes it.
        positions: Fill `Item.position_m`, which builds each world once.

    Raises:
        UnknownNameError: No such split, environment, rig, weather or taxonomy.
        ConfigError: A setting out of range.
        DatasetNotFoundError: A file of the table is absent.
        DatasetCorruptError: The table has not its columns, or no row of the split.
    """
    if root is not None and (Path(root) / TABLE).is_file():
        return _stored(Path(root), split, taxonomy)
    places = (environment,) if isinstance(environment, str) else tuple(environment)
    rendered = Scenes(
        split=split,
        environment=places,
        seed=seed,
        preset=preset,
        count=count,
        frames_per_scene=frames_per_scene,
        visits=visits,
        rate_hz=rate_hz,
        hour=hour,
        weather=weather,
        taxonomy=taxonomy,
        colour=colour,
        cache=root,
    )
    items = tuple(_item(rendered, index, positions) for index in range(count))
    number_of = {item.name: index for index, item in enumerate(items)}

    def decode(item: Item) -> Sample:
        sample: Sample = {**rendered[number_of[item.name]]}
        return sample

    classes = TAXONOMIES[taxonomy].classes
    return Listed("scenes", split, items, decode, classes, aligned=False)


def time_of_day(hour: float) -> str:
    """``"day"`` or ``"night"`` of a local solar time in [0, 24); "" at dusk and dawn."""
    if DAY_H[0] <= hour <= DAY_H[1]:
        return "day"
    return "night" if hour >= NIGHT_H[0] or hour <= NIGHT_H[1] else ""


def _item(rendered: Scenes, index: int, positions: bool) -> Item:
    moment = rendered.moment(index)
    place = moment.place
    position: tuple[float, ...] | None = None
    if positions:
        x, y, z = rendered.observe(index).T_world_camera[:3, 3].tolist()
        position = (x, y, z)
    return Item(
        name=moment.name,
        index=moment.number * BETWEEN + moment.frame,
        sequence=f"{place.environment}_{moment.number:05d}_v{place.visit}",
        environment=place.environment,
        time_of_day=time_of_day(place.hour),
        position_m=position,
    )


def _stored(root: Path, split: str, taxonomy: str) -> Listed:
    if split not in (*SPLITS, "all"):
        raise UnknownNameError("split", split, (*SPLITS, "all"))
    with (root / TABLE).open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise DatasetCorruptError(
                f"{root / TABLE} lacks the columns {', '.join(missing)}. Render the folder again."
            )
        rows = list(reader)
    rows = [row for row in rows if split == "all" or Path(row["file"]).parts[0] == split]
    source = "thermoscope scenes render"
    require(root, *(row["file"] for row in rows), layout=f"each file of {TABLE}.", source=source)
    items = tuple(_stored_item(root, number, row) for number, row in enumerate(rows))
    classes = TAXONOMIES[taxonomy].classes if taxonomy in TAXONOMIES else ()
    decode = partial(_load, taxonomy=taxonomy)
    return Listed("scenes", split, items, decode, classes, aligned=False)


def _stored_item(root: Path, number: int, row: dict[str, str]) -> Item:
    try:
        hour = float(row["hour"])
    except ValueError as err:
        raise DatasetCorruptError(
            f"{root / TABLE}, line {number + 2}: hour is {row['hour']!r}; expected a number."
        ) from err
    sequence, _, frame = row["name"].rpartition("_")
    place = re.search(r"_(\d+)_v\d+$", sequence)
    return Item(
        name=row["name"],
        paths={"sample": root / row["file"]},
        index=int(place[1]) * BETWEEN + int(frame) if place and frame.isdecimal() else number,
        sequence=sequence,
        environment=row["environment"],
        time_of_day=time_of_day(hour),
    )


def _load(item: Item, *, taxonomy: str) -> Sample:
    sample = load_sample(item.paths["sample"])
    stored = sample.get("taxonomy", taxonomy)
    if stored != taxonomy:
        raise DatasetCorruptError(
            f"{item.paths['sample']} has labels of {stored!r}, and {taxonomy!r} was asked for. Ask "
            f"for {stored!r}, or render the folder again."
        )
    return sample
