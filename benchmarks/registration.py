"""Colour in the thermal frame on rendered scenes: residuals by depth, and masks against the truth.

python -m benchmarks.registration --scenes 8 --out benchmarks/results/registration.json

Every method places the pixels of the left thermal view in the left colour picture. Errors are
counted where the colour camera truly sees the pixel: in px of the colour picture, and as the
difference (grey levels of 255, and of the length of the gradient) from the colour picture that is
rendered through the thermal camera itself. The homography is fitted to the true places of the
very scene, so no single homography does better in the mean square.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from thermoscope.engine.rig_export_views import DISPARITY_ERROR_PX, Match, depth_of_pair
from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import invert
from thermoscope.geometry.rectify import PixelMap, remap
from thermoscope.geometry.registration import Registration, register_view
from thermoscope.models.load import load_model
from thermoscope.synthetic.dataset import Scenes
from thermoscope.synthetic.observe import Observation, Settings
from thermoscope.synthetic.truth import occlusion
from thermoscope.synthetic.world import World

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
ENVIRONMENTS = ("urban", "indoor", "offroad", "urban")
BANDS_M = ((0.0, 5.0), (5.0, 10.0), (10.0, 20.0), (20.0, 50.0), (50.0, np.inf))


@dataclass(frozen=True)
class Scene:
    """One instant with its truth; planes (H, W) of the left thermal view."""

    left: NDArray[np.uint16]
    right: NDArray[np.uint16]
    rgb: NDArray[np.float32]
    """(H, W, 3) of the colour camera, grey levels."""
    rgb_in_thermal: NDArray[np.float32]
    """(H, W, 3) as the thermal camera would see it, grey levels."""
    depth: Floats
    hidden: Bools
    """The colour camera does not see it: something is before it, or it is outside."""
    unmatched: Bools
    """The right thermal camera does not see it."""
    observation: Observation

    @property
    def thermal(self) -> Camera:
        """Of the rectified left view."""
        return self.observation.rig.thermal.rectified

    def registered(self, depth: Floats, valid: Bools, *, disparity_error_px: float) -> Registration:
        """Of the colour picture, through a depth."""
        rig = self.observation.rig
        reach = self.thermal.fx * rig.thermal.baseline_m
        return register_view(
            depth, self.thermal, self.observation.colour_pair.rectified,
            invert(rig.T_thermal_rgb), valid=valid, inverse_error=disparity_error_px / reach,
        )  # fmt: skip


def scenes(count: int, preset: str) -> Iterator[Scene]:
    """Rendered with sensor noise, at all hours."""
    for number in range(count):
        environment = ENVIRONMENTS[number % len(ENVIRONMENTS)]
        yield scene(
            Scenes(split="test", environment=environment, preset=preset, count=1, seed=number)
        )


def scene(data: Scenes) -> Scene:
    """The first instant of a data set; its world is kept for rays to the colour camera."""
    moment = data.moment(0)
    world = World.build(moment.place, lasting_s=0.0)
    settings = Settings(
        data.rig, data.taxonomy, data.lens, data.noise, data.colour, data.rate_hz, 0.0
    )
    seen = Observation(world, moment, settings)
    pose = seen.T_world_camera
    pose[:3, 3] -= moment.origin_m
    colour = seen.colour_pair.rectified
    hidden = occlusion(world.caster, seen.left, colour, pose @ data.rig.T_thermal_rgb)
    return Scene(
        seen.counts[0],
        seen.counts_right[0],
        seen.rgb.transpose(1, 2, 0) * np.float32(255),
        seen.rgb_in_thermal.transpose(1, 2, 0) * np.float32(255),
        seen.truth.depth.astype(np.float64),
        hidden,
        seen.truth.occluded,
        seen,
    )


def homography(true: Registration, visible: Bools) -> PixelMap:
    """The one that fits the true places best, in the least squares of all visible pixels."""
    rows, columns = np.nonzero(visible)
    there = np.stack([true.colour_map.columns[visible], true.colour_map.rows[visible]], axis=1)
    H, _ = cv2.findHomography(np.stack([columns, rows], axis=1).astype(np.float64), there, 0)
    height, width = visible.shape
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float64)
    flat = cv2.perspectiveTransform(grid.reshape(1, -1, 2), H)
    places = np.asarray(flat, np.float64).reshape(height, width, 2)
    return PixelMap(places[..., 0], places[..., 1], true.colour_map.width, true.colour_map.height)


def placements(
    here: Scene, matchers: dict[str, Match]
) -> dict[str, tuple[PixelMap, Registration | None]]:
    """Method to where it places the pixels, and its masks."""
    everywhere = np.ones(here.depth.shape, bool)
    true = here.registered(here.depth, everywhere, disparity_error_px=0.0)
    matched = here.registered(here.depth, ~here.unmatched, disparity_error_px=0.0)
    found: dict[str, tuple[PixelMap, Registration | None]] = {
        "one homography": (homography(true, ~here.hidden & true.valid), None),
        "true depth": (true.colour_map, true),
        "true depth, both views": (matched.colour_map, matched),
    }
    pair = here.observation.rig.thermal.rectification()
    for name, match in matchers.items():
        depth, known = depth_of_pair(match(here.left, here.right), pair)
        registration = here.registered(depth, known, disparity_error_px=DISPARITY_ERROR_PX)
        found[name] = (registration.colour_map, registration)
    return found


def residuals(here: Scene, places: PixelMap, kept: Bools, true: PixelMap) -> dict[str, Floats]:
    """(H, W) px, grey levels and gradient of one placement, nan where it is not kept."""
    warped, inside = remap(here.rgb, places)
    apart = np.hypot(places.columns - true.columns, places.rows - true.rows)
    colour = np.abs(warped - here.rgb_in_thermal).mean(axis=2)
    edges = np.abs(_gradient(warped) - _gradient(here.rgb_in_thermal))
    kept = kept & inside
    around = cv2.erode(kept.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # holes are no edges
    return {
        "place_px": np.where(kept, apart, np.nan),
        "colour": np.where(kept, colour, np.nan),
        "edge": np.where(around, edges, np.nan),
    }


def _gradient(rgb: NDArray[np.float32]) -> Floats:
    grey = rgb.mean(axis=2)
    x, y = (cv2.Sobel(grey, cv2.CV_64F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0))
    return np.asarray(np.hypot(x, y))


def mask_scores(here: Scene, found: Registration, holes: Bools | None) -> dict[str, float]:
    """Shares of pixels: masks equal to the truth, hidden ones missed, seen ones called hidden."""
    known = ~found.hole & ~found.outside
    called, hidden = found.occluded, here.hidden
    near = cv2.dilate(hidden.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    found_near = cv2.dilate(called.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    within_1_px = (called & near) | (hidden & found_near) | (called == hidden)
    scores = {
        "valid": float(found.valid.mean()),
        "hidden": float(hidden[known].mean()),
        "hidden_in_valid": float(hidden[found.valid].mean()),
        "occlusion_equal": float((called == hidden)[known].mean()),
        "occlusion_equal_1_px": float(within_1_px[known].mean()),
        "missed": float((hidden & ~called)[known].mean()),
        "false": float((called & ~hidden)[known].mean()),
    }
    if holes is not None:
        scores["hole_equal"] = float((found.hole == holes).mean())
    return scores


def measure(count: int, preset: str, matchers: dict[str, Match]) -> dict[str, Any]:
    """All residuals by method and band, and the scores of the masks by method."""
    sums: dict[tuple[str, str, str], list[Floats]] = defaultdict(list)
    masks: dict[str, list[dict[str, float]]] = defaultdict(list)
    for here in scenes(count, preset):
        found = placements(here, matchers)
        true = found["true depth"][0]
        for name, (places, registration) in found.items():
            kept = ~here.hidden
            if registration is not None:
                kept = kept & registration.valid
                holes = here.unmatched if name.endswith("both views") else None
                masks[name].append(mask_scores(here, registration, holes))
            for metric, plane in residuals(here, places, kept, true).items():
                for low, high in BANDS_M:
                    band = plane[(here.depth >= low) & (here.depth < high)]
                    sums[name, metric, f"{low:g}-{high:g}"].append(band[np.isfinite(band)])
                sky = plane[np.isinf(here.depth)]
                sums[name, metric, "sky"].append(sky[np.isfinite(sky)])
    return {"residuals": _means(sums), "masks": _mean_scores(masks)}


def _means(sums: dict[tuple[str, str, str], list[Floats]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for (name, metric, band), parts in sums.items():
        values = np.concatenate(parts)
        mean = round(float(values.mean()), 3) if values.size else None
        table.setdefault(name, {}).setdefault(metric, {})[band] = mean
    return table


def _mean_scores(masks: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    return {
        name: {key: round(float(np.mean([row[key] for row in rows])), 4) for key in rows[0]}
        for name, rows in masks.items()
    }


def _print(result: dict[str, Any]) -> None:
    for metric in ("place_px", "colour", "edge"):
        rows = {name: metrics[metric] for name, metrics in result["residuals"].items()}
        bands = list(next(iter(rows.values())))
        print(f"\n{metric:24}" + "".join(f"{band:>9}" for band in bands))
        for name, row in rows.items():
            cells = ["-" if row[band] is None else row[band] for band in bands]
            print(f"{name:24}" + "".join(f"{cell:>9}" for cell in cells))
    print()
    for name, scores in result["masks"].items():
        print(f"{name:24}" + "  ".join(f"{key} {value:.2%}" for key, value in scores.items()))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=8)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/registration.json"))
    words = parser.parse_args()
    network = load_model("thermostereort_fast")
    matchers: dict[str, Match] = {
        "SGBM": Sgbm().predict,
        "thermostereort_fast": network.predict,
        "the same, checked": partial(network.predict, check_left_right=True),
    }
    result = measure(words.scenes, words.preset, matchers)
    result |= {"scenes": words.scenes, "preset": words.preset, "hardware": platform.machine()}
    words.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    _print(result)


if __name__ == "__main__":
    main()
