"""Settings of stereo training: which pairs, which network, which losses, and the presets by name.

What is NOT here: what is done with them (`thermoscope.recipes.thermostereort`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from thermoscope.core.checks import check_in_range
from thermoscope.core.errors import ConfigError
from thermoscope.data.stereo_augment import StereoAugmentation
from thermoscope.engine.loop import LoopConfig
from thermoscope.models.thermostereort import SIZE_MULTIPLE_PX
from thermoscope.recipes.stereo_sources import RealPairs

__all__ = ["PRESETS", "StereoConfig", "StereoData"]


@dataclass(frozen=True)
class StereoData:
    """Which pairs, and where they are kept.

    Attributes:
        scenes: Rendered pairs to learn from.
        retextured: Pairs of real texture and exact disparity; they need the real frames.
        val: Rendered pairs of other worlds, to score at the end.
        preset: Rig of the scenes, by name.
        environments: Of the scenes, in turns; one named twice comes twice as often, but not in
            `val`; empty = all four.
        frames_per_scene: Pairs of one visit to one place.
        textures: Folder of the real frames; None = ``THERMOSCOPE_DATA``.
        texture_sources: Data sets there whose frames are used; by default those whose terms do not
            forbid it.
        cache: Folder for finished pairs; None = ``pairs`` in the run's folder.
        workers: Processes that make the pairs, 0 = this one.
        seed: Of the pairs.
        real: Pairs that are not rendered.

    Raises:
        ConfigError: A negative number, or no pair to learn from.
    """

    scenes: int = 1200
    retextured: int = 480
    val: int = 64
    preset: str = "ms2"
    environments: tuple[str, ...] = ()
    frames_per_scene: int = 4
    textures: Path | None = None
    texture_sources: tuple[str, ...] = ("msrs", "roadscene", "hituav", "buffalo_udder")
    cache: Path | None = None
    workers: int = 0
    seed: int = 0
    real: RealPairs = field(default_factory=RealPairs)

    def __post_init__(self) -> None:
        if min(self.workers, self.scenes, self.retextured, self.val) < 0 or not (
            self.scenes or self.retextured or self.real
        ):
            raise ConfigError(
                f"scenes {self.scenes}, retextured {self.retextured}, val {self.val}, workers "
                f"{self.workers}: none may be negative, and there must be a pair to learn from."
            )


@dataclass(frozen=True)
class StereoConfig:
    """What is trained on what.

    Attributes:
        size: ``"fast"``, ``"base"``, ``"accurate"`` or ``"tiny"``.
        tag: The weights are called ``thermostereort_<size>``, with ``.<tag>`` if not empty.
        min_disparity_px: See `ThermoStereoRT`.
        max_disparity_px: See `ThermoStereoRT`.
        attention: Whether the refinement has its gates.
        start: Weights to start from, by name; None = random. Those of a network that is less deep
            are grown, see `thermoscope.models.growth`.
        start_folder: Folder of the run that made them; None = the bundled ones.
        first: Preset that is trained before, on its own pairs, in the folder ``first`` of the run;
            its network is the start. Empty = none.
        truth: ``"dense"``, or ``"sparse"`` = `sparse_share` of the pixels, along scan lines.
        sparse_share: Of the pixels that the beams reach.
        sparse_rows: Share of the rows, from the lowest up, that the beams reach.
        teacher: Weights that teach, by name; empty = no teacher.
        teacher_folder: Folder of the run that made them; None = the bundled ones.
        teacher_weight: Of its answers against the truth, reached after `teacher_ramp` steps.
        teacher_ramp: Steps.
        earlier_weight: Of the answers before the refined one.
        bin_weight: Of the cross-entropy of the distribution over bins.
        alike_weight: Of the cross-entropy of the bare correlation.
        crop_px: Height and width of the training windows, multiples of 16.
        data: Pairs.
        augmentation: Random changes.
        loop: Steps, optimiser, devices.

    Raises:
        ConfigError: A window that is no multiple of 16, a number out of range, two starts, or a
            recording without a teacher.
    """

    size: Literal["fast", "base", "accurate", "tiny"] = "fast"
    tag: str = ""
    min_disparity_px: int = 0
    max_disparity_px: int = 96
    attention: bool = True
    start: str | None = None
    start_folder: Path | None = None
    first: str = ""
    truth: Literal["dense", "sparse"] = "dense"
    sparse_share: float = 0.04
    sparse_rows: float = 1.0
    teacher: str = ""
    teacher_folder: Path | None = None
    teacher_weight: float = 0.5
    teacher_ramp: int = 200
    earlier_weight: float = 0.3
    bin_weight: float = 1.0
    alike_weight: float = 0.5
    crop_px: tuple[int, int] = (240, 384)
    data: StereoData = field(default_factory=StereoData)
    augmentation: StereoAugmentation = field(default_factory=StereoAugmentation)
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        if any(n < SIZE_MULTIPLE_PX or n % SIZE_MULTIPLE_PX for n in self.crop_px):
            raise ConfigError(
                f"crop_px {self.crop_px} must be multiples of {SIZE_MULTIPLE_PX}, height first."
            )
        for name in ("sparse_share", "sparse_rows"):
            check_in_range(getattr(self, name), 1e-4, 1, name=name)
        check_in_range(self.teacher_ramp, 0, 10**9, name="teacher_ramp")
        if self.start and self.first:
            raise ConfigError(
                f"start {self.start!r} and first {self.first!r} are two starts: choose one."
            )
        if self.data.real and not self.data.real.has_truth and not self.teacher:
            raise ConfigError(
                "a recording has no truth: name weights that teach, such as --teacher "
                "thermostereort_base."
            )

    @property
    def name(self) -> str:
        """Of the weights."""
        return f"thermostereort_{self.size}" + (f".{self.tag}" if self.tag else "")


_FAST = LoopConfig(
    steps=6000,
    batch_size=4,
    learning_rate=3e-3,
    weight_decay=0.01,
    warmup_steps=200,
    precision="bf16-mixed",
    log_every=50,
)
_MANY_PLACES = StereoData(  # most of the error is indoors: twice as many rooms
    scenes=2400,
    environments=("urban", "indoor", "offroad", "indoor", "aerial"),
    frames_per_scene=2,
)
PRESETS: dict[str, StereoConfig] = {
    "fast_first": StereoConfig(loop=_FAST),
    "fast": StereoConfig(
        first="fast_first", data=_MANY_PLACES, loop=replace(_FAST, steps=7500, learning_rate=2e-3)
    ),
    "base": StereoConfig(
        size="base",
        start="thermostereort_fast",
        data=replace(_MANY_PLACES, scenes=4000),
        loop=replace(_FAST, steps=5000, learning_rate=1.5e-3),
    ),
    "teacher": StereoConfig(
        size="accurate",
        loop=replace(_FAST, steps=20_000, batch_size=8, learning_rate=5e-4, warmup_steps=500),
    ),
    "own": StereoConfig(
        tag="own",
        start="thermostereort_fast",
        teacher="thermostereort_base",
        data=StereoData(scenes=400, retextured=0),
        loop=replace(_FAST, steps=600, learning_rate=3e-4, warmup_steps=50),
    ),
    "sparse": StereoConfig(truth="sparse", loop=replace(_FAST, steps=4000, batch_size=8)),
    "tiny": StereoConfig(
        size="tiny",
        max_disparity_px=32,
        crop_px=(48, 64),
        data=StereoData(scenes=4, retextured=0, val=2, preset="tiny", environments=("urban",)),
        loop=LoopConfig(steps=4, batch_size=2, learning_rate=2e-3, warmup_steps=1, log_every=1),
    ),
}
