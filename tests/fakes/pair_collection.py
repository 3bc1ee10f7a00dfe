"""A collection of real pairs as the recipes find it: pictures of two bands and splits.csv."""

import cv2
import numpy as np


def pair_collection(root, sources=("roadscene",), count=6):
    """`count` training pairs of each source, each a block of its own; the first is in val, too."""
    rows = ["split,source,rgb,thermal,label,environment"]
    rng = np.random.default_rng(0)
    for source in sources:
        for number in range(count):
            paths = []
            for band, shape in (("rgb", (24, 32, 3)), ("thermal", (24, 32))):
                path = root / source / band / f"FLIR_{number * 1000:05d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), rng.integers(0, 255, shape, dtype=np.uint8))
                paths.append(str(path.relative_to(root)))
            for split in ("train", "val") if number == 0 else ("train",):
                rows.append(",".join([split, source, *paths, "", "road"]))
    (root / "splits.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root
