"""What the numbers of a float image mean when the file does not say.

A float TIFF holds kelvin, degrees Celsius, counts that somebody converted, or a picture scaled to
[0, 1]. The values decide, by rules that a person can check, and the answer always comes with a
sentence that says what was taken and how to overrule it. What is NOT here: the conversion itself
(see `thermoscope.io.planes`).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["FloatUnit", "guessed_unit", "unit_from_text"]

FloatUnit = Literal["kelvin", "celsius", "fahrenheit", "counts", "agc", "share"]

MOST_LOOKED_AT = 1 << 22  # pixels
COLDEST_K = 150.0  # below it no camera sees: such a number is not kelvin
COLDEST_C, HOTTEST_C, HOTTEST_K = -100.0, 3000.0, 3273.15
_WORDS: dict[str, FloatUnit] = {
    "k": "kelvin",
    "kelvin": "kelvin",
    "c": "celsius",
    "degc": "celsius",
    "deg c": "celsius",
    "celsius": "celsius",
    "degrees celsius": "celsius",
    "degree celsius": "celsius",
    "f": "fahrenheit",
    "degf": "fahrenheit",
    "fahrenheit": "fahrenheit",
    "degrees fahrenheit": "fahrenheit",
}


def unit_from_text(text: str) -> FloatUnit | None:
    """The unit that a word in a file names, None if it names none.

    Example:
        >>> unit_from_text("°C"), unit_from_text("Kelvin"), unit_from_text("metre")
        ('celsius', 'kelvin', None)
    """
    return _WORDS.get(text.strip().lower().replace("°", "").replace("º", "").strip())


def guessed_unit(values: NDArray[Any]) -> tuple[FloatUnit | None, str]:
    """(unit, what was seen) of a float plane.

    The middle of the values decides (of a grid of them in a picture of millions of pixels), so
    that a few wild pixels change nothing:

    * no finite value: kelvin (there is nothing to convert);
    * within [0, 1], not constant: a share of full scale, a picture;
    * whole numbers of more than one value: above every temperature, counts; within 0 to 255 and
      wider than any room (100), an 8-bit picture;
    * middle in [150, 3273] and the low end not below 150: kelvin;
    * middle in [-100, 3000]: degrees Celsius;
    * anything else: None.
    """
    step = max(math.isqrt(values.size // MOST_LOOKED_AT), 1)
    sparse = values[::step, ::step]
    finite = sparse[np.isfinite(sparse)].astype(np.float64)
    if finite.size == 0:
        return "kelvin", "no finite value"
    low, start, middle, end, high = (float(v) for v in np.percentile(finite, [0, 1, 50, 99, 100]))
    seen = f"values from {low:g} to {high:g}, median {middle:g}"
    if 0 <= low < high <= 1:
        return "share", seen
    whole = low < high and bool((finite == np.rint(finite)).all())
    if whole and low >= 0 and end > HOTTEST_K and high <= 65535:
        return "counts", seen
    if whole and low >= 0 and high <= 255 and end - start > 100:
        return "agc", seen
    if COLDEST_K <= start and COLDEST_K <= middle <= HOTTEST_K:
        return "kelvin", seen
    if COLDEST_C <= middle <= HOTTEST_C:
        return "celsius", seen
    return None, seen
