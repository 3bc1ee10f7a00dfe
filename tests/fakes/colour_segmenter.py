"""A segmenter whose answers a person can work out from the pixels."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Found:
    labels: np.ndarray
    probabilities: np.ndarray


class HotOrRed:
    """Three classes: "person" where the thermal level is over 128, else "car" where red is over
    0.5, else "background". Without the one band, only the other decides."""

    classes = ("background", "car", "person")
    taxonomy = "toy"

    def predict(self, rgb, thermal, *, classes=None, longest_px=None):
        self.asked = (classes, longest_px)
        if thermal is not None:
            thermal = np.asarray(getattr(thermal, "values", thermal))
        size = rgb.shape[1:] if rgb is not None else thermal.shape
        labels = np.zeros(size, np.int64)
        if rgb is not None:
            labels[rgb[0] > 0.5] = 1
        if thermal is not None:
            labels[thermal > 128] = 2
        return Found(labels, np.eye(3, dtype=np.float32)[labels].transpose(2, 0, 1))
