"""Stereo pairs with real thermal texture and exact disparity.

One real frame gives the texture, a rendered or random field the disparity: the frame becomes the
left view, is warped forward into the right one, and both pass through a sensor of their own. Frames
come from the rows of ``splits.csv`` that are marked ``train``, are read where they lie and never
kept. Eight-bit frames are lifted to counts by a smooth inverse of a tone curve. What is NOT here:
any frame of ``stereo/``: those are for testing, and refused.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_positive
from thermoscope.core.errors import ConfigError, DatasetCorruptError, DatasetNotFoundError
from thermoscope.core.sample import Sample
from thermoscope.sensor.noise import NoiseModel, simulate_noise
from thermoscope.synthetic.disparity_field import DisparityField, random_disparity
from thermoscope.synthetic.forward_warp import forward_warp, sample_rows

__all__ = ["RETEXTURER", "RealTextures", "Retextured", "lift_to_counts"]

Floats = NDArray[np.float64]
RETEXTURER = 2  # rises when the same arguments give other pairs
COUNTS_MAX = 16383  # 14 bit
FORBIDDEN = "stereo"
# Used range and left-right difference of real 14-bit stereo frames: 450-1050 and 70-150 counts.
SPAN_COUNTS = (300.0, 1600.0)
BASE_COUNTS = (2600.0, 5200.0)
OFFSET_COUNTS = (-170.0, 170.0)


class RealTextures:
    """Real thermal frames of the training split.

    Args:
        data: Folder of the real data, with ``splits.csv``.
        sources: Names of sources to draw from; all if empty.

    Raises:
        DatasetNotFoundError: No ``splits.csv``, or no training row of these sources.
        ConfigError: A row would read from the test-only folder ``stereo``.
    """

    def __init__(self, data: str | Path, *, sources: tuple[str, ...] = ()) -> None:
        self.data = Path(data)
        table = self.data / "splits.csv"
        if not table.is_file():
            raise DatasetNotFoundError(
                f"no {table}. Expected the folder of real frames with its splits.csv: "
                "set THERMOSCOPE_DATA to it."
            )
        with table.open(newline="") as stream:
            rows = [r for r in csv.DictReader(stream) if r["split"] == "train"]
        rows_used = [r for r in rows if not sources or r["source"] in sources]
        self.paths = tuple(r["thermal"] for r in rows_used)
        if not self.paths:
            known = ", ".join(sorted({r["source"] for r in rows}))
            raise DatasetNotFoundError(
                f"no training row of {', '.join(sources) or 'any source'} in {table}. "
                f"Sources there: {known or 'none'}."
            )
        for path in self.paths:
            if FORBIDDEN in Path(path).parts or ".." in Path(path).parts:
                raise ConfigError(f"{path} is test material or leaves the folder: not a texture.")
        size = Counter(r["source"] for r in rows_used)
        # A source weighs as the root of its size: large narrow ones do not drown the others.
        weight = np.array([size[r["source"]] ** -0.5 for r in rows_used])
        self._share = weight / weight.sum()

    def __len__(self) -> int:
        return len(self.paths)

    def draw(self, rng: np.random.Generator) -> NDArray[Any]:
        """A random frame; each source with the root of its size."""
        return self.frame(int(rng.choice(len(self.paths), p=self._share)))

    def frame(self, number: int) -> NDArray[Any]:
        """(H, W) uint8 or uint16 frame, as stored.

        Raises:
            DatasetCorruptError: The file is absent or no picture.
        """
        import cv2

        path = self.data / self.paths[number % len(self.paths)]
        try:
            stored = np.frombuffer(path.read_bytes(), np.uint8)
        except OSError as err:
            raise DatasetCorruptError(f"cannot read {path}: {err.strerror}.") from err
        frame = cv2.imdecode(stored, cv2.IMREAD_ANYDEPTH) if len(stored) else None
        if frame is None or frame.dtype not in (np.uint8, np.uint16):
            raise DatasetCorruptError(f"{path} is no 8- or 16-bit picture.")
        return np.asarray(frame)


def lift_to_counts(frame: NDArray[Any], rng: np.random.Generator) -> Floats:
    """(H, W) float64 counts that a frame could have had before its tone mapping.

    Eight-bit levels are smoothed within their own rounding interval, sent through a smooth rising
    curve and spread over a range that 14-bit frames use. Frames of 16 bit keep their counts.

    Args:
        frame: (H, W) uint8 or uint16.
        rng: Draws the curve and the range.
    """
    import cv2

    if frame.dtype == np.uint16:
        return frame.astype(np.float64)
    level = frame.astype(np.float32)
    smooth = cv2.GaussianBlur(level, (0, 0), 1.5)
    level = np.clip(smooth, level - 0.5, level + 0.5)  # whatever rounds to the stored level
    share = np.clip(level.astype(np.float64) / 255.0, 0.0, 1.0)
    bend, mix = rng.uniform(0.6, 1.8), rng.uniform(0.0, 1.0)
    share = mix * share + (1.0 - mix) * share**bend
    low, high = np.quantile(share, (0.01, 0.99))
    span = float(np.exp(rng.uniform(*np.log(SPAN_COUNTS))))
    base = rng.uniform(*BASE_COUNTS)
    return np.asarray(base + span * (share - low) / max(high - low, 1e-3))


@dataclass(frozen=True)
class Retextured:
    """Samples made of real texture and exact disparity, by index.

    Deterministic and random-access: sample `i` is the same in every process.

    Attributes:
        data: Folder of the real data.
        count: Number of samples.
        seed: Of all draws.
        width: px.
        height: px.
        max_disparity_px: Largest disparity of random fields, px.
        sources: Sources of textures; all if empty.
        fields: Where disparity comes from: anything indexable that gives samples with `disparity`,
            such as `Scenes` of the same size; None = random fields.
        noise: Sensor noise, gain and offset differences and misaligned rows; without them the right
            view warped by the disparity is the left view.

    Raises:
        ConfigError: A size, count or limit out of range.
    """

    data: str | Path
    count: int = 1000
    seed: int = 0
    width: int = 320
    height: int = 256
    max_disparity_px: float = 48.0
    sources: tuple[str, ...] = ()
    fields: Any = None
    noise: bool = True

    def __post_init__(self) -> None:
        for name in ("count", "width", "height", "max_disparity_px"):
            check_positive(getattr(self, name), name=name)

    @cached_property
    def textures(self) -> RealTextures:
        """The frames."""
        return RealTextures(self.data, sources=self.sources)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        """Sample `index`: counts, counts_right, disparity, disparity_right, valid, occluded.

        Also `row_offset_px`: the right view lies lower by that many rows. The right view's
        disparity is inf where the left one does not see the surface.

        Raises:
            IndexError: Outside the data set.
            DatasetNotFoundError: No real frames; and what `RealTextures` raises.
        """
        if not -self.count <= index < self.count:
            raise IndexError(f"sample {index} of {self.count}")
        index %= self.count
        rng = np.random.default_rng([self.seed, index, 0x7274])
        field = self._field(index, rng)
        left = self._left(field, rng)
        warped = forward_warp(field.disparity, surface=field.surface)
        right = sample_rows(left, warped.source)
        other = self._texture(rng)
        right[warped.hole] = _matched(other, left)[warped.hole]
        row_offset = float(rng.uniform(-1.0, 1.0)) if self.noise else 0.0
        if row_offset:
            right = sample_rows(right.T, _places(right.T) - row_offset).T
        if self.noise:
            left, right = _sensed(left, right, rng)
        return {
            "name": f"retextured_{index:06d}",
            "counts": _counts(left),
            "counts_right": _counts(right),
            "disparity": field.disparity[None].astype(np.float32),
            "disparity_right": np.where(warped.hole, np.inf, warped.disparity_right)[None].astype(
                np.float32
            ),
            "valid": np.ones((1, self.height, self.width), bool),
            "occluded": warped.occluded[None],
            "row_offset_px": row_offset,
        }

    def _field(self, index: int, rng: np.random.Generator) -> DisparityField:
        if self.fields is None:
            return random_disparity(
                self.width, self.height, rng, max_disparity_px=self.max_disparity_px
            )
        disparity = self.fields[index % len(self.fields)]["disparity"][0].astype(np.float64)
        if disparity.shape != (self.height, self.width):
            raise ConfigError(
                f"fields give {disparity.shape[1]}x{disparity.shape[0]} px, expected "
                f"{self.width}x{self.height}. Choose the same size for both."
            )
        return DisparityField(disparity, _pieces(disparity))

    def _left(self, field: DisparityField, rng: np.random.Generator) -> Floats:
        """A real frame; some of the things in front wear the texture of another one."""
        left = self._texture(rng)
        if self.fields is not None:
            return left
        other = _matched(self._texture(rng), left)
        for number in range(2, int(field.surface.max()) + 1):
            if rng.uniform() < 0.6:
                inside = field.surface == number
                shift = rng.normal(0.0, 0.3) * np.ptp(np.quantile(left, (0.05, 0.95)))
                left[inside] = other[inside] + shift
        return left

    def _texture(self, rng: np.random.Generator) -> Floats:
        """(H, W) counts of a random crop, zoom and flip of a random frame."""
        import cv2

        counts = lift_to_counts(self.textures.draw(rng), rng)
        if rng.uniform() < 0.5:
            counts = counts[:, ::-1]
        tall, wide = counts.shape
        fit = min(wide / self.width, tall / self.height)
        zoom = fit * rng.uniform(0.6, 1.0)
        x = rng.uniform(0, wide - zoom * self.width)
        y = rng.uniform(0, tall - zoom * self.height)
        matrix = np.array([[zoom, 0, x + (zoom - 1) / 2], [0, zoom, y + (zoom - 1) / 2]])
        soft = cv2.GaussianBlur(np.ascontiguousarray(counts), (0, 0), max(0.5, 0.45 * zoom))
        counts = np.asarray(soft, counts.dtype)
        crop = cv2.warpAffine(
            counts,
            matrix,
            (self.width, self.height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(crop, np.float64)


def _pieces(disparity: Floats) -> NDArray[np.int32]:
    """Surface ids along each row of a rendered field: a new one at every jump."""
    jump = np.abs(np.diff(disparity, axis=1)) >= np.maximum(0.5, 0.03 * disparity[:, 1:])
    return np.pad(np.cumsum(jump, axis=1), ((0, 0), (1, 0))).astype(np.int32)


def _places(picture: Floats) -> Floats:
    return np.broadcast_to(np.arange(picture.shape[1], dtype=np.float64), picture.shape)


def _matched(other: Floats, reference: Floats) -> Floats:
    """`other` brought to the middle and spread of `reference`."""
    spread = np.std(reference) / max(float(np.std(other)), 1e-6)
    return np.asarray((other - np.median(other)) * spread + np.median(reference))


def _sensed(left: Floats, right: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Both views through cameras of their own: gain, offset, blur, fixed and temporal noise."""
    import cv2

    middle = float(np.median(left))
    gain = float(np.exp(rng.normal(0.0, 0.03)))
    right = (right - middle) * gain + middle + rng.uniform(*OFFSET_COUNTS)
    level = float(np.exp(rng.uniform(np.log(1.5), np.log(8.0))))
    seen = []
    blur = float(rng.uniform(0.35, 0.8))  # px, of the lens
    for sharp in (left, right):
        view = cv2.GaussianBlur(sharp, (0, 0), blur)
        share = rng.uniform(0.3, 1.0, 5) * level
        model = NoiseModel(
            sigma_tvh=share[0],
            sigma_vh=0.6 * share[1],
            sigma_h=0.5 * share[2],
            sigma_v=0.3 * share[3],
            sigma_tv=0.2 * share[4],
        )
        seen.append(simulate_noise(view, model, rng).astype(np.float64))
    return seen[0], seen[1]


def _counts(values: Floats) -> NDArray[np.uint16]:
    return np.clip(np.rint(values), 0, COUNTS_MAX).astype(np.uint16)[None]
