"""Where a recipe's RGB-thermal pairs come from: data sets by name, folders, rendered scenes.

What is NOT here: cutting views (`thermoscope.recipes.pair_views`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from thermoscope.core.errors import ConfigError
from thermoscope.core.files import data_folder
from thermoscope.core.sample import Sample
from thermoscope.data.base import READERS, Dataset
from thermoscope.data.real_pairs import folds
from thermoscope.recipes.pair_views import Pair, as_pair
from thermoscope.synthetic.dataset import Scenes
from thermoscope.synthetic.rig import rig_preset

__all__ = ["PairSource", "load_pairs", "scenes_of"]

ALIGNED_RIG, ALIGNED_WIDTH_PX = "mfnet", 320


@dataclass(frozen=True)
class PairSource:
    """A set of pairs.

    Attributes:
        data: ``"scenes"`` (rendered), or the name of a data set of ``thermoscope datasets``.
        root: Its folder; for the collection of real pairs, the one in `THERMOSCOPE_DATA` if None;
            for scenes, where finished samples are kept (None = nowhere).
        split: Of the data set.
        count: Largest number of samples, 0 for all; scenes need one.
        aligned: Whether pixels of the two bands correspond.
        visits: Passes over each rendered place; with 2, the colour picture of the first and the
            thermal one of the second pass, half a day later, are a pair that is not aligned.
        seed: Of scenes.

    Raises:
        ConfigError: Scenes without a count.
    """

    data: str
    root: Path | None = None
    split: str = "train"
    count: int = 0
    aligned: bool = True
    visits: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.data == "scenes" and self.count < 1:
            raise ConfigError("scenes never end: state a count of at least 1.")
        if self.count < 0 or self.visits not in (1, 2):
            raise ConfigError(
                f"count must be at least 0 and visits 1 or 2, got {self.count} and {self.visits}."
            )


def scenes_of(source: PairSource, *, frames_per_scene: int = 4) -> Scenes:
    """Rendered scenes whose colour and thermal cameras are one."""
    rig = replace(
        rig_preset(ALIGNED_RIG).scaled(ALIGNED_WIDTH_PX, rgb_width=ALIGNED_WIDTH_PX), name="pairs"
    )
    return Scenes(
        split=source.split,
        preset=rig,
        count=source.count,
        frames_per_scene=frames_per_scene,
        rate_hz=0.25,
        visits=source.visits,
        seed=source.seed,
        colour="left",
        cache=source.root,
    )


def load_pairs(
    source: PairSource,
    *,
    cache: Path | None = None,
    fold: tuple[int, int] | None = None,
    held_out: bool = False,
) -> list[Pair]:
    """The pairs of the source, in memory at 480 px.

    Args:
        source: Which.
        cache: Where rendered samples are kept if the source does not say.
        fold: (k, n): without part k of n of its train list, see `folds` of the real pairs.
            Rendered pairs are in no part.
        held_out: Only that part instead.

    Raises:
        UnknownNameError: No such data set.
        DatasetNotFoundError: Its folder is absent or empty.
        UnitError: Samples without colour or thermal picture.
        ConfigError: A fold that there is not, or of another list than ``train``.
    """
    if source.data == "scenes":
        inner = replace(source, root=source.root or cache)
        return [] if held_out else list(_rendered(inner))
    root = source.root or data_folder()
    if root is None:
        raise ConfigError(
            f"{source.data!r} needs the folder it lies in. State root, or set THERMOSCOPE_DATA."
        )
    data = READERS.get(source.data)(root, split=source.split)
    chosen = range(len(data)) if fold is None else _part(source, data, fold, held_out=held_out)
    return [
        as_pair(data[i], source=source.data, index=data.item(i).index, aligned=source.aligned)
        for i in list(chosen)[: source.count or None]
    ]


def _part(source: PairSource, data: Dataset, fold: tuple[int, int], *, held_out: bool) -> list[int]:
    number, count = fold
    if source.split != "train" or not 0 <= number < count:
        raise ConfigError(
            f"fold {number} of {count} of {source.data} {source.split!r}: folds divide the list "
            "'train', and are counted from 0. Choices are not made on other lists."
        )
    parts = folds(data, count)
    left = [parts[number]] if held_out else parts[:number] + parts[number + 1 :]
    return sorted(index for part in left for index in part)


def _rendered(source: PairSource) -> Iterator[Pair]:
    scenes = scenes_of(source)
    stride = scenes.frames_per_scene  # apart enough never to be taken for one place
    waiting: dict[tuple[int, int], Sample] = {}
    for number in range(len(scenes)):
        sample, moment = scenes[number], scenes.moment(number)
        place = (moment.number, moment.frame)
        index = moment.number * stride * 10 + moment.frame
        yield as_pair(sample, source="scenes", index=index, aligned=source.aligned)
        if moment.place.visit == 0:
            waiting[place] = sample
        elif place in waiting:
            mixed: Sample = {**sample, "rgb": waiting.pop(place)["rgb"]}
            yield as_pair(mixed, source="scenes_revisited", index=index, aligned=False)
