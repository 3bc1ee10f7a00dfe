"""Counts <-> kelvin: known values, the maker's formula written again, edges, real files."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoscope.core.errors import ConfigError, UnitError
from thermoscope.sensor.planck import Atmosphere, LinearScale, Planck, PlanckCurve

# a T640-class camera; R = R1 / R2 and O with the sign turned, from numbers cameras write
R1, R2, B, F, OFFSET = 21106.77, 0.012545258, 1501.0, 1.0, -7340.0
CURVE = PlanckCurve(R=R1 / R2, B=B, F=F, O=-OFFSET)


def temperature_by_k1_k2(counts: float, p: Planck) -> float:
    """The maker's own arrangement: object signal = K1 * signal - K2, air in one piece."""

    def signal(kelvin: float) -> float:
        return p.curve.R / (math.exp(p.curve.B / kelvin) - p.curve.F)

    celsius = p.air_k - 273.15
    water = p.relative_humidity * math.exp(
        1.5587 + 6.939e-2 * celsius - 2.7816e-4 * celsius**2 + 6.8455e-7 * celsius**3
    )
    a, root, path = p.atmosphere, min(math.sqrt(water), 6.2365), math.sqrt(p.distance_m)
    tau = a.x * math.exp(-path * (a.alpha_1 + a.beta_1 * root)) + (1 - a.x) * math.exp(
        -path * (a.alpha_2 + a.beta_2 * root)
    )
    eps, window = p.emissivity, p.window_transmission
    k1 = 1 / (tau * eps * window)
    k2 = (
        (1 - eps) / eps * signal(p.reflected_k)
        + (1 - tau) / (eps * tau) * signal(p.air_k)
        + (1 - window) / (eps * tau * window) * signal(p.window_k)
    )
    return p.curve.B / math.log(p.curve.R / (k1 * (counts - p.curve.O) - k2) + p.curve.F)


PARAMETERS = st.builds(
    Planck,
    curve=st.builds(
        PlanckCurve,
        R=st.floats(3e5, 2e6),
        B=st.floats(1300, 1600),
        F=st.floats(0.5, 2.0),
        O=st.floats(0, 7400),
    ),
    emissivity=st.floats(0.3, 1.0),
    reflected_k=st.floats(250, 320),
    distance_m=st.floats(0, 100),
    air_k=st.floats(250, 315),
    relative_humidity=st.floats(0, 1),
    window_transmission=st.floats(0.5, 1.0),
    window_k=st.floats(270, 310),
)


def test_a_black_body_follows_the_formula_of_the_maker():
    kelvin = Planck(CURVE).kelvin_from_counts(np.array([18109], np.uint16))
    by_hand = B / math.log(R1 / (R2 * (18109 + OFFSET)) + F)
    assert kelvin.item() == pytest.approx(by_hand, abs=1e-3)
    assert kelvin.item() - 273.15 == pytest.approx(23.62, abs=0.01)


@given(PARAMETERS, st.floats(263, 393))
@settings(max_examples=150, deadline=None)
def test_all_terms_agree_with_the_makers_arrangement(planck: Planck, kelvin: float):
    counts = planck.counts_from_kelvin(kelvin)
    if not 0 < counts < 65535:
        return
    found = planck.kelvin_from_counts(np.atleast_1d(counts)).item()
    assert found == pytest.approx(temperature_by_k1_k2(float(counts), planck), abs=2e-3)


@given(PARAMETERS)
@settings(max_examples=60, deadline=None)
def test_counts_come_back_within_one(planck: Planck):
    counts = planck.counts_from_kelvin(np.linspace(233, 423, 64))
    inside = (counts > 0) & (counts < 65535)
    kelvin = planck.kelvin_from_counts(counts)
    again = planck.counts_from_kelvin(np.where(inside, kelvin, 300))
    assert np.abs(again.astype(int) - counts)[inside].max(initial=0) <= 1


@given(PARAMETERS)
@settings(max_examples=60, deadline=None)
def test_kelvin_rises_with_counts(planck: Planck):
    kelvin = planck.kelvin_from_counts(np.arange(0, 65536, 64, dtype=np.uint16))
    known = kelvin[np.isfinite(kelvin)]
    assert (np.diff(known) >= 0).all()
    # where there is no solution it is at the low end, in one piece
    assert not np.isnan(kelvin[np.argmax(np.isfinite(kelvin)) :]).any() or not known.size


@pytest.mark.parametrize("dtype", [np.uint16, ">u2", np.int64, np.float64])
def test_table_and_formula_agree_for_every_element_type(dtype):
    counts = np.arange(15000, 24000).astype(dtype).reshape(90, 100)  # above the table's threshold
    planck = Planck(CURVE, emissivity=0.9, distance_m=5)
    whole = planck.kelvin_from_counts(counts)
    one_by_one = planck.kelvin_from_counts(counts[:3, :3])
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(whole[:3, :3], one_by_one)
    np.testing.assert_array_equal(planck.kelvin_from_counts(counts[:, ::-1]), whole[:, ::-1])


def test_counts_without_solution_are_nan_and_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kelvin = Planck(CURVE).kelvin_from_counts(np.array([0, 7340, 7341, 65535], np.uint16))
    assert np.isnan(kelvin[:2]).all()
    assert np.isfinite(kelvin[2:]).all()


def test_above_the_pole_of_a_large_f_the_signal_saturates():
    curve = PlanckCurve(R=1e6, B=1400, F=2.0)
    pole = 1400 / math.log(2)
    assert curve.signal(pole * 1.01) == np.inf
    assert Planck(curve).counts_from_kelvin(pole * 1.01) == 65535
    assert curve.signal(pole * 0.5) == pytest.approx(1e6 / (math.exp(2 * math.log(2)) - 2))


def test_a_signal_below_the_offset_has_no_temperature_even_with_a_large_f():
    curve = PlanckCurve(R=1e4, B=1400, F=2.0, O=30_000)
    assert np.isnan(curve.kelvin(10_000))  # log(R / -20000 + 2) alone would give 3453 K


def test_absolute_zero_and_below_give_the_offset_and_nan_stays():
    signal = PlanckCurve(R=1e6, B=1400, O=500).signal([0.0, -5.0, np.nan])
    assert signal[:2].tolist() == [500, 500]
    assert np.isnan(signal[2])


def test_f_below_one_has_a_ceiling_without_temperature():
    curve = PlanckCurve(R=1e4, B=1400, F=0.5)
    assert np.isnan(curve.kelvin(1e4 / (1 - 0.5)))  # exp(B / T) = 1: no finite temperature
    assert np.isfinite(curve.kelvin(1e4))


def test_low_emissivity_mirrors_the_surroundings():
    shiny = Planck(CURVE, emissivity=0.5, reflected_k=253.15)
    counts = shiny.counts_from_kelvin(323.15)
    mixed = 0.5 * CURVE.signal(323.15) + 0.5 * CURVE.signal(253.15)
    assert int(counts) == round(float(mixed))
    # taken for a black body, the shiny object looks colder than it is
    assert Planck(CURVE).kelvin_from_counts(np.atleast_1d(counts)).item() < 300


def test_replace_changes_one_parameter():
    planck = Planck(CURVE, emissivity=0.9).replace(emissivity=0.8)
    assert (planck.emissivity, planck.curve) == (0.8, CURVE)


# -- air -----------------------------------------------------------------------------------------


def test_no_air_passes_everything():
    air = Atmosphere()
    assert air.transmission(distance_m=0, air_kelvin=293.15, relative_humidity=0.5) == 1.0


def test_air_at_a_known_point():
    # 1 m, 20 degrees, 50 %: exponent of water 1.5587 + 1.3878 - 0.111264 + 0.005476
    water = 0.5 * math.exp(2.840712)
    root = math.sqrt(water)
    by_hand = 1.9 * math.exp(-(0.006569 - 0.002276 * root)) - 0.9 * math.exp(
        -(0.01262 - 0.00667 * root)
    )
    found = Atmosphere().transmission(distance_m=1, air_kelvin=293.15, relative_humidity=0.5)
    assert found == pytest.approx(by_hand, abs=1e-6)
    assert found == pytest.approx(0.9939, abs=1e-4)


@given(st.floats(0, 1e5), st.floats(1, 5000), st.floats(0, 1))
@settings(deadline=None)
def test_air_never_leaves_its_range(distance_m, air_kelvin, relative_humidity):
    share = Atmosphere().transmission(
        distance_m=distance_m, air_kelvin=air_kelvin, relative_humidity=relative_humidity
    )
    assert 0.4 <= share <= 1.0


@given(*(st.floats(-1e6, 1e6) for _ in range(5)))
@settings(deadline=None)
def test_absurd_constants_do_not_overflow(a1, a2, b1, b2, x):
    share = Atmosphere(a1, a2, b1, b2, x).transmission(
        distance_m=1e4, air_kelvin=300, relative_humidity=1
    )
    assert 0.4 <= share <= 1.0


def test_two_pieces_of_air_absorb_more_than_one():
    one = Planck(CURVE, distance_m=50, reflected_k=263.15, air_k=295.15, relative_humidity=0.45)
    two = one.replace(atmosphere=Atmosphere(segments=2))
    counts = np.array([20000], np.uint16)
    apart = two.kelvin_from_counts(counts) - one.kelvin_from_counts(counts)
    assert 0.1 < float(apart.item()) < 2  # an object warmer than the air was warmer still


def test_two_pieces_with_nothing_between_them_are_the_half_distance_twice():
    half = Atmosphere().transmission(distance_m=10, air_kelvin=290, relative_humidity=0.6)
    planck = Planck(
        CURVE, distance_m=20, air_k=290, relative_humidity=0.6, atmosphere=Atmosphere(segments=2)
    )
    by_hand = half**2 * CURVE.signal(320.0) + (1 - half**2) * CURVE.signal(290.0)
    assert int(planck.counts_from_kelvin(320.0)) == round(float(by_hand))


# -- linear --------------------------------------------------------------------------------------


@given(st.floats(1e-3, 1.0), st.floats(-50, 300), st.integers(0, 65535))
@settings(deadline=None)
def test_linear_counts_come_back(scale, offset, count):
    linear = LinearScale(scale, offset)
    kelvin = linear.kelvin_from_counts(np.array([count], np.uint16))
    assert abs(int(linear.counts_from_kelvin(kelvin)[0]) - count) <= 1


def test_linear_scale_of_a_radiometric_core():
    counts = np.array([[29315, 0, 65535]], ">u2")
    kelvin = LinearScale(0.01).kelvin_from_counts(counts)
    assert kelvin.dtype == np.float32
    np.testing.assert_allclose(kelvin, [[293.15, 0, 655.35]], rtol=1e-6)


def test_linear_counts_saturate():
    assert LinearScale(0.01).counts_from_kelvin([-1.0, 9999.0]).tolist() == [0, 65535]


# -- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("radiometry", [LinearScale(0.01), Planck(CURVE)])
def test_unknown_temperatures_have_no_counts(radiometry, value):
    with pytest.raises(UnitError, match="kelvin must be finite"):
        radiometry.counts_from_kelvin([300.0, value])


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: LinearScale(0.0), "kelvin_per_count must be positive"),
        (lambda: LinearScale(0.1, math.nan), "offset_k must be a finite number"),
        (lambda: PlanckCurve(R=0, B=1400), "R must be positive"),
        (lambda: PlanckCurve(R=1, B=-1400), "B must be positive"),
        (lambda: PlanckCurve(R=1, B=1400, O=math.inf), "O must be a finite number"),
        (lambda: Atmosphere(x=math.nan), "x must be a finite number"),
        (lambda: Atmosphere(segments=3), "segments must be 1 .* or 2"),
        (lambda: Planck(CURVE, emissivity=0.0), "emissivity must lie in"),
        (lambda: Planck(CURVE, emissivity=1.2), "emissivity must lie in"),
        (lambda: Planck(CURVE, window_transmission=0), "window_transmission must lie in"),
        (lambda: Planck(CURVE, relative_humidity=50), "relative_humidity must lie in"),
        (lambda: Planck(CURVE, distance_m=-1), "distance_m must lie in"),
        (lambda: Planck(CURVE, reflected_k=0), "reflected_k must lie in"),
        (lambda: Planck(CURVE, air_k=math.nan), "air_k must be a finite number"),
    ],
)
def test_impossible_parameters_are_refused(make, match):
    with pytest.raises(ConfigError, match=match):
        make()


# -- real files ----------------------------------------------------------------------------------


@pytest.mark.real
def test_temperatures_of_real_flir_files_agree_with_flyr(real_data):
    flyr = pytest.importorskip("flyr")
    files = [
        *sorted((real_data / "raw/flir_rjpeg").glob("*.jpg")),
        *sorted((real_data / "calib/airlab_rjpeg_grid").glob("*.jpg"))[:2],
    ]
    assert len(files) >= 4
    for path in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            thermogram = flyr.unpack(str(path))
        m = thermogram.metadata
        atmosphere = Atmosphere(
            *(m[f"atmospheric_trans_{k}"] for k in ("alpha1", "alpha2", "beta1", "beta2", "x")),
            segments=2,  # flyr's convention
        )
        planck = Planck(
            PlanckCurve(
                m["planck_r1"] / m["planck_r2"], m["planck_b"], m["planck_f"], -m["planck_o"]
            ),
            emissivity=m["emissivity"],
            reflected_k=m["reflected_apparent_temperature"],
            distance_m=m["object_distance"],
            air_k=m["atmospheric_temperature"],
            relative_humidity=m["relative_humidity"],
            window_transmission=m["ir_window_transmission"],
            window_k=m["ir_window_temperature"],
            atmosphere=atmosphere,
        )
        bare = thermogram.adjust_metadata(
            emissivity=1.0, object_distance=0.0, ir_window_transmission=1.0
        )
        counts = planck.curve.signal(bare.kelvin)  # a black body without air: the raw values
        assert np.abs(counts - np.rint(counts)).max() < 0.01, path.name
        kelvin = planck.kelvin_from_counts(np.rint(counts).astype(np.uint16))
        assert float(np.abs(kelvin - thermogram.kelvin).max()) < 0.002, path.name
