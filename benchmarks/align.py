"""Share of real RGB-thermal pairs registered within 3 px after a known random warp.

    python benchmarks/align.py [--split val] [--source msrs ...] [--count 12] [--out FILE]

The pairs of the collection (`THERMOSCOPE_DATA`) are aligned by their authors, to a residual of
their own (MSRS: median 2 px). Each RGB picture is turned, resized, shifted and bent by a drawn
homography; a method has to find it. A pair counts if the mean error over a grid of thermal pixels
is at most 3 px, scaled to a thermal width of 640 px. "Same answer" compares with what `align` says
of the unwarped pair, so that the residual of the pair itself drops out. "Off by" is the homography
through blocks of the unwarped `train` pairs together: how far the source is from aligned, and how
far two halves of those pairs are from agreeing on it. Where they agree within a pixel, the warp
after that homography is a better truth, and "own truth" is measured against it. Choices were made
on `train`, `val` is for this table. Rivals: OpenCV's ORB and SIFT with ratio test and MAGSAC, and
ECC from the identity.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from thermoscope.core.files import data_folder
from thermoscope.core.sample import Sample
from thermoscope.data.base import Listed
from thermoscope.data.real_pairs import real_frames
from thermoscope.engine.align import AlignmentRefusedError, align
from thermoscope.engine.align_search import match_blocks
from thermoscope.engine.align_structure import grey_of

SOURCES = ("msrs", "roadscene", "llvip")
TURN_DEG, SIZE, SHIFT, CORNER = 10.0, 0.16, 0.08, 0.03
WITHIN_PX = 3.0
AGREE_PX = 1.0  # halves of the training pairs must agree so well on an offset
OFFSET_PAIRS = 24
WIDTH = 640


def random_warp(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Homography of a drawn turn, size, shift and perspective (corners moved, share of width)."""
    turn, size = rng.uniform(-TURN_DEG, TURN_DEG), float(np.exp(rng.uniform(-SIZE, SIZE)))
    similar = np.vstack(
        [cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, size), [0, 0, 1]]
    )
    similar[:2, 2] += rng.uniform(-SHIFT, SHIFT, 2) * width
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    bent = corners + rng.uniform(-CORNER, CORNER, (4, 2)).astype(np.float32) * width
    return similar @ cv2.getPerspectiveTransform(corners, bent)


def mean_error_px(found: np.ndarray, true: np.ndarray, width: int, height: int) -> float:
    """Mean distance over a grid of the thermal picture, px at a width of 640."""
    xs, ys = np.meshgrid(np.linspace(0, width - 1, 9), np.linspace(0, height - 1, 7))
    points = np.stack([xs.ravel(), ys.ravel()], axis=1)[:, None]
    places = [cv2.perspectiveTransform(points, np.asarray(m, np.float64)) for m in (found, true)]
    error = np.linalg.norm(places[0] - places[1], axis=2) * WIDTH / width
    return float(np.nan_to_num(error, nan=1e4).mean())


def pictures(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) RGB and (H, W) thermal, uint8."""
    rgb = np.moveaxis(np.asarray(sample["rgb"]), 0, -1) * 255
    thermal = np.ascontiguousarray(np.asarray(sample["agc"])[0], np.uint8)
    return np.ascontiguousarray(rgb.round().astype(np.uint8)), thermal


@dataclass(frozen=True)
class Offset:
    """By how much the pairs of a source are off as they are.

    Attributes:
        matrix: Homography from thermal to RGB, px of its pictures.
        off_px: Mean distance from the identity, px at a width of 640.
        apart_px: Between the homographies of two halves of the pairs.
        share: Of the blocks that lie within 3 px of it.
    """

    matrix: np.ndarray
    off_px: float
    apart_px: float
    share: float


def offset_of(data: Listed) -> Offset | None:
    """Of training pairs; None where pictures have many sizes, so that no offset can be fixed."""
    chosen = [data[int(i)] for i in np.linspace(0, len(data) - 1, OFFSET_PAIRS)]
    pairs = [pictures(sample) for sample in chosen]
    if len({thermal.shape for _, thermal in pairs}) > 1:
        return None
    height, width = pairs[0][1].shape
    scale = width / WIDTH
    size = (WIDTH, round(height / scale))
    places = []
    for rgb, thermal in pairs:
        small = [grey_of(cv2.resize(p, size, interpolation=cv2.INTER_AREA)) for p in (thermal, rgb)]
        found = match_blocks(*small, np.eye(3), block_px=80, reach_px=14, step_px=32)
        sure = (found.margin > 0.02) & (found.score > 0.3)
        places.append((found.thermal[sure] * scale, found.rgb[sure] * scale))
    (every, inliers), (even, _), (odd, _) = (
        cv2.findHomography(
            *(np.concatenate(points) for points in zip(*part, strict=True)),
            cv2.USAC_MAGSAC,
            WITHIN_PX * scale,
        )
        for part in (places, places[::2], places[1::2])
    )
    off = mean_error_px(every, np.eye(3), width, height)
    return Offset(every, off, mean_error_px(even, odd, width, height), float(inliers.mean()))


def ours(rgb: np.ndarray, thermal: np.ndarray) -> tuple[np.ndarray, float]:
    """`align` with nothing refused, and its confidence."""
    try:
        found = align(rgb, thermal, least_confidence=0.0)
    except AlignmentRefusedError:
        return np.eye(3), 0.0
    return found.matrix, found.confidence


def by_points(finder: cv2.Feature2D, norm: int) -> Callable[..., tuple[np.ndarray, float]]:
    """Registration by matched key points."""

    def run(rgb: np.ndarray, thermal: np.ndarray) -> tuple[np.ndarray, float]:
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        (k1, d1), (k2, d2) = (finder.detectAndCompute(p, None) for p in (thermal, grey))
        if d1 is None or d2 is None or min(len(d1), len(d2)) < 8:
            return np.eye(3), 0.0
        pairs = cv2.BFMatcher(norm).knnMatch(d1, d2, k=2)
        good = [m for m, *n in pairs if n and m.distance < 0.85 * n[0].distance]
        if len(good) < 8:
            return np.eye(3), 0.0
        a = np.float32([k1[m.queryIdx].pt for m in good])
        b = np.float32([k2[m.trainIdx].pt for m in good])
        matrix, mask = cv2.findHomography(a, b, cv2.USAC_MAGSAC, 3.0)
        return (np.eye(3), 0.0) if matrix is None else (matrix, float(mask.mean()))

    return run


def ecc(rgb: np.ndarray, thermal: np.ndarray) -> tuple[np.ndarray, float]:
    """ECC over a pyramid of two, homography, from the identity."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    matrix = np.eye(3, dtype=np.float32)
    score = 0.0
    for scale in (0.25, 0.5):
        small = [
            cv2.resize(p, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            for p in (thermal, grey)
        ]
        to_full = np.diag([1 / scale, 1 / scale, 1]).astype(np.float32)
        local = (np.linalg.inv(to_full) @ matrix @ to_full).astype(np.float32)
        try:
            score, local = cv2.findTransformECC(
                small[0],
                small[1],
                local,
                cv2.MOTION_HOMOGRAPHY,
                (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5),
            )
        except cv2.error:
            break
        matrix = to_full @ local @ np.linalg.inv(to_full)
    return matrix, float(score)


@dataclass
class Row:
    """Errors of one method on one kind of pairs."""

    errors: list[float] = field(default_factory=list)
    sure: list[float] = field(default_factory=list)
    apart: list[float] = field(default_factory=list)
    fixed: list[float] = field(default_factory=list)
    offset: Offset | None = None
    seconds: float = 0.0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--split", default="val", choices=("train", "val"))
    parser.add_argument("--source", nargs="*", default=list(SOURCES))
    parser.add_argument("--count", type=int, default=0, help="pairs a source; 0 = all")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", action="store_true", help="without the rivals")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    methods: dict[str, Callable[..., tuple[np.ndarray, float]]] = {"align": ours}
    if not arguments.only:
        methods["ORB"] = by_points(cv2.ORB_create(2000), cv2.NORM_HAMMING)
        methods["SIFT"] = by_points(cv2.SIFT_create(2000), cv2.NORM_L2)
        methods["ECC"] = ecc
    rows = measure(arguments, methods)
    text = table(rows, arguments, methods)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", "utf-8")


def measure(
    arguments: argparse.Namespace, methods: dict[str, Callable[..., tuple[np.ndarray, float]]]
) -> dict[tuple[str, str], Row]:
    """Rows by kind of pairs and method."""
    root = data_folder()
    if root is None:
        raise SystemExit("set THERMOSCOPE_DATA to the folder of the real frames")
    rows: dict[tuple[str, str], Row] = {}
    for source in arguments.source:
        data = real_frames(root, source, split=arguments.split)
        offset = offset_of(real_frames(root, source))
        count = min(arguments.count or len(data), len(data))
        for number, index in enumerate(np.linspace(0, len(data) - 1, count).astype(int)):
            sample, item = data[int(index)], data.item(int(index))
            rgb, thermal = pictures(sample)
            height, width = thermal.shape
            rng = np.random.default_rng([arguments.seed, number])
            true = random_warp(width, height, rng)
            moved = cv2.warpPerspective(rgb, true, (width, height))
            found_by_align = np.eye(3)
            kind = f"{source} {item.time_of_day or ''}".strip()
            for name, method in methods.items():
                start = time.process_time()
                found, sure = method(moved, thermal)
                row = rows.setdefault((kind, name), Row())
                row.seconds += time.process_time() - start
                row.errors.append(mean_error_px(found, true, width, height))
                row.sure.append(sure)
                found_by_align = found if name == "align" else found_by_align
            row = rows[kind, "align"]
            own = true @ ours(rgb, thermal)[0]
            row.apart.append(mean_error_px(found_by_align, own, width, height))
            row.offset = offset
            if offset is not None:
                row.fixed.append(mean_error_px(found_by_align, true @ offset.matrix, width, height))
            numbers = " ".join(f"{n} {rows[kind, n].errors[-1]:.2f}" for n in methods)
            print(
                f"{kind} {item.name}: {numbers}, confidence {row.sure[-1]:.2f}, "
                f"own {row.apart[-1]:.2f}",
                file=sys.stderr,
                flush=True,
            )
    return rows


def table(
    rows: dict[tuple[str, str], Row],
    arguments: argparse.Namespace,
    methods: dict[str, Callable[..., tuple[np.ndarray, float]]],
) -> str:
    """Markdown: kinds down, methods across; then what the confidence is worth."""
    names, kinds = list(methods), sorted({kind for kind, _ in rows})
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    lines = [
        f"{arguments.split}, seed {arguments.seed}, commit {commit.stdout.strip()}, "
        f"{platform.processor() or platform.machine()}, OpenCV {cv2.__version__}, one thread",
        "",
        "| pairs | n | "
        + " | ".join(f"{n} <= {WITHIN_PX:g} px" for n in names)
        + f" | align median px | same answer <= {WITHIN_PX:g} px | off by px | own truth |",
        "|---|---|" + "---|" * (len(names) + 4),
    ]
    for kind in kinds:
        errors = {n: np.array(rows[kind, n].errors) for n in names}
        shares = " | ".join(f"{np.mean(errors[n] <= WITHIN_PX):.0%}" for n in names)
        median = np.median(errors["align"])
        same = np.mean(np.array(rows[kind, "align"].apart) <= WITHIN_PX)
        lines.append(
            f"| {kind} | {len(errors['align'])} | {shares} | {median:.2f} | {same:.0%} | "
            f"{offset_cells(rows[kind, 'align'])} |"
        )
    every = {n: np.concatenate([rows[k, n].errors for k in kinds]) for n in names}
    shares = " | ".join(f"{np.mean(every[n] <= WITHIN_PX):.0%}" for n in names)
    apart = np.concatenate([rows[k, "align"].apart for k in kinds])
    lines.append(
        f"| all | {len(apart)} | {shares} | {np.median(every['align']):.2f} | "
        f"{np.mean(apart <= WITHIN_PX):.0%} | - | - |"
    )
    took = {n: sum(rows[k, n].seconds for k in kinds) / len(every[n]) for n in names}
    lines += [
        "",
        "seconds of processor a pair: " + ", ".join(f"{n} {t:.2f}" for n, t in took.items()),
    ]
    sure = np.concatenate([rows[k, "align"].sure for k in kinds])
    for least in (0.3, 0.5, 0.7):
        kept = sure >= least
        right = np.mean(every["align"][kept] <= WITHIN_PX) if kept.any() else float("nan")
        lines.append(f"confidence >= {least:g}: {kept.mean():.0%} kept, {right:.0%} of them right")
    return "\n".join(lines)


def offset_cells(row: Row) -> str:
    """How far the source is off, and what is right against that; "-" where it is not one offset."""
    if row.offset is None:
        return "- | -"
    off = row.offset
    told = f"{off.off_px:.1f}, halves {off.apart_px:.1f} apart, {off.share:.0%} of the blocks"
    if off.apart_px > AGREE_PX:
        return f"{told} | -"
    errors = np.array(row.fixed)
    right = np.mean(errors <= WITHIN_PX)
    return f"{told} | {right:.0%}, median {np.median(errors):.2f} px"


if __name__ == "__main__":
    main()
