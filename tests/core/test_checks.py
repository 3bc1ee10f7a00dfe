import numpy as np
import pytest

from thermoscope.core.checks import (
    check_finite_number,
    check_in_range,
    check_positive,
    check_shape,
)
from thermoscope.core.errors import ConfigError, ShapeError


def test_letters_bind_lengths():
    assert check_shape(np.zeros((2, 1, 4, 5)), "B 1 H W", name="x") == {"B": 2, "H": 4, "W": 5}


def test_same_letter_must_have_one_length():
    with pytest.raises(ShapeError, match=r"K must be \(N, N\), got \(3, 4\)"):
        check_shape(np.zeros((3, 4)), "N N", name="K")


@pytest.mark.parametrize(
    ("shape", "hint"),
    [((4, 5), r"disparity\[None, None\]"), ((1, 4, 5), r"leading axis: disparity\[None\]")],
)
def test_missing_leading_axes_get_the_fix(shape, hint):
    with pytest.raises(ShapeError, match=hint) as caught:
        check_shape(np.zeros(shape, np.float32), "B 1 H W", name="disparity")
    assert caught.value.actual_shape == shape
    assert caught.value.expected_shape == "B 1 H W"


def test_fixed_axis_is_compared():
    with pytest.raises(ShapeError, match=r"got \(2, 3, 4, 5\) float64\.$"):
        check_shape(np.zeros((2, 3, 4, 5)), "B 1 H W", name="x")


@pytest.mark.parametrize("bad", [0, -1.5])
def test_positive(bad):
    assert check_positive(2, name="baseline_m") == 2.0
    with pytest.raises(ConfigError, match="baseline_m must be positive"):
        check_positive(bad, name="baseline_m")


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "3", True, None])
def test_finite(bad):
    with pytest.raises(ConfigError, match="x must be a finite number"):
        check_finite_number(bad, name="x")


def test_range_is_closed():
    assert check_in_range(1, 0, 1, name="emissivity") == 1.0
    with pytest.raises(ConfigError, match=r"emissivity must lie in \[0, 1\], got 1.01"):
        check_in_range(1.01, 0, 1, name="emissivity")
