"""Render the frames that ship with the package: what ``thermoscope demo`` shows without files.

Run: python benchmarks/render_samples.py        (rewrites src/thermoscope/samples/*.tiff)
"""

from __future__ import annotations

from pathlib import Path

from thermoscope.io.thermal_image import CaptureInfo, ThermalImage
from thermoscope.io.write import write_image
from thermoscope.sensor.defects import find_defects, repair
from thermoscope.sensor.planck import Planck
from thermoscope.synthetic.dataset import Scenes

SAMPLES = Path(__file__).resolve().parent.parent / "src" / "thermoscope" / "samples"
SEED = 7
FRAMES = {  # file name: environment, hour, index
    "street_night": ("urban", "night", 0),
}


def main() -> None:
    """Write every sample as a radiometric 16-bit TIFF, its dead pixels repaired."""
    for name, (environment, hour, index) in FRAMES.items():
        scenes = Scenes(
            environment=environment,
            seed=SEED,
            preset="tartanrgbt",
            hour=hour,  # type: ignore[arg-type]
            frames_per_scene=1,
            count=40,
        )
        seen = scenes.observe(index)
        counts, air_k = seen.counts[0], seen.conditions.air_k
        image = ThermalImage(
            counts=repair(counts, find_defects(counts)),
            radiometry=Planck(seen.thermal_camera("left").curve, air_k=air_k, reflected_k=air_k),
            capture=CaptureInfo(make="thermoscope", model="virtual rig", lens="4.9 mm, rectified"),
        )
        write_image(SAMPLES / f"{name}.tiff", image)
        print(SAMPLES / f"{name}.tiff", image)


if __name__ == "__main__":
    main()
