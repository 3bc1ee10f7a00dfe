"""Rendered frames stay near real ones: a small twin of benchmarks/scenes_realism.py."""

import numpy as np
import pytest
from benchmarks.scenes_realism import (
    LARGEST_LOOKUP_MIOU,
    LARGEST_RATIO,
    SIZE,
    Edges,
    Frame,
    Report,
    Row,
    compare,
    distance,
    edge_correlation,
    gradient_level,
    gradient_tail,
    left_right_offset,
    lookup_miou,
    markdown,
    measure,
    misaligned,
    real_rows,
    spectrum_slope,
    used_range,
)

from thermoscope.synthetic.labels import TAXONOMIES

FEW_SCENES = 6
FEW_REAL = 24
MARGIN = 1.25  # a dozen frames: distances come out larger than those of a hundred
EDGE_MARGIN = 0.06  # standard error of the median of six frames
RENDERS = pytest.mark.timeout(900)  # half a minute on a free core, and machines are shared


@pytest.fixture(scope="module")
def report(real_data):
    return measure(real_data, scenes=FEW_SCENES, per_source=FEW_REAL)


# -- the guard -----------------------------------------------------------------------------------


@pytest.mark.real
@RENDERS
def test_rendered_frames_are_near_real_ones(report):
    names = {row.statistic.split(",")[0] for row in report.rows}
    assert {"used range", "gradient histogram", "spectrum slope", "left-right offset"} <= names
    far = {r.statistic: round(r.ratio, 2) for r in report.rows if r.ratio > MARGIN * LARGEST_RATIO}
    assert not far


@pytest.mark.real
@RENDERS
def test_the_bands_share_as_many_edges_as_real_pairs_do(report):
    assert [edges.hour for edges in report.edges] == ["day", "night"]
    for edges in report.edges:
        assert edges.n_rendered == FEW_SCENES
        assert edges.n_real > FEW_REAL
        assert edges.lower - EDGE_MARGIN < edges.rendered < edges.upper + EDGE_MARGIN


@pytest.mark.real
@RENDERS
def test_temperature_does_not_name_the_class(report):
    assert set(report.lookup) == {"mfnet", "cart", "fmb"}
    assert max(report.lookup.values()) < LARGEST_LOOKUP_MIOU


@pytest.mark.real
def test_frames_of_a_source_are_spread_over_all_of_it(real_data):
    rows = real_rows(real_data, 10)
    assert {"msrs day", "msrs night", "llvip", "hituav"} <= set(rows)
    for pairs in rows.values():
        assert len(pairs) == 10
        assert len(set(pairs)) == 10
        assert all(thermal.is_file() for thermal, _ in pairs)


# -- the statistics ------------------------------------------------------------------------------


def noise(exponent, rng):
    """A picture whose power falls with the given power of the frequency."""
    height, width = SIZE[1], SIZE[0]
    fy, fx = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    frequency = np.hypot(fx, fy)
    frequency[0, 0] = 1.0
    waves = np.fft.fft2(rng.standard_normal((height, width))) * frequency ** (-exponent / 2)
    picture = np.fft.ifft2(waves).real
    return (128 + 40 * picture / picture.std()).astype(np.float32)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_the_slope_of_made_noise_is_its_own(exponent, rng):
    assert spectrum_slope(noise(exponent, rng)) == pytest.approx(-exponent, abs=0.15)


def test_gradients_of_a_ramp_and_of_a_step():
    ramp = np.tile(np.arange(SIZE[0], dtype=np.float32), (SIZE[1], 1))
    assert gradient_level(ramp) == pytest.approx(0.0, abs=0.02)  # one grey level a pixel
    assert gradient_tail(ramp) == pytest.approx(0.0, abs=0.02)
    step = np.zeros((SIZE[1], SIZE[0]), np.float32)
    step[:, 100:] = 100.0
    step[:, 200:] = 0.0
    step[:, 250:] = 100.0
    step[:, 300:] = 0.0
    assert gradient_tail(step) > 5.0  # calm, but for a few columns


def test_range_and_offset_of_counts():
    left = np.linspace(3000, 4000, 10001).reshape(73, 137).astype(np.uint16)
    assert used_range(left) == pytest.approx(np.log(981), abs=0.01)
    right = left - np.uint16(98)
    assert left_right_offset(left, right) == pytest.approx(0.1, abs=0.002)
    assert left_right_offset(left, left) == 0.0


def test_edges_of_a_picture_agree_with_its_negative_and_not_with_another(rng):
    one, other = (noise(2.5, rng) for _ in range(2))
    assert edge_correlation(one, 255 - one) == pytest.approx(1.0, abs=0.02)
    assert abs(edge_correlation(one, other)) < 0.15
    colour = np.repeat(one[..., None], 3, axis=2).clip(0, 255).astype(np.uint8)
    moved = edge_correlation(misaligned(colour, rng), one)
    assert 0.3 < moved < 0.99


def test_distance_of_shifted_numbers_is_the_shift(rng):
    numbers = rng.normal(size=500)
    assert distance(numbers, numbers) == 0.0
    assert distance(numbers, numbers + 0.7) == pytest.approx(0.7)
    assert distance(numbers + 0.7, numbers) == pytest.approx(0.7)


def test_a_row_compares_with_every_source_in_units_of_the_spread():
    row = compare("used range", {"a": [0.0, 0.0], "b": [2.0, 2.0]}, [1.0, 1.0])
    assert row.real_to_real == pytest.approx(2 * row.rendered_to_real)
    assert row.ratio == pytest.approx(0.5)
    assert (row.n_real, row.n_rendered) == (4, 2)
    assert row.real_sources == "a 2, b 2"


def frame(kelvin, classes):
    none = np.zeros((1, 1))
    ids = [TAXONOMIES["fine"].classes.index(name) for name in classes]
    return Frame(none, 0.0, 0.0, 0.0, np.array([kelvin]), np.array([ids]))


def test_a_look_up_names_classes_of_their_own_temperature_and_no_others():
    apart = frame([300.0, 310.0, 280.0], ["person", "car", "road"])
    assert lookup_miou([apart], "mfnet") == 1.0
    same = frame([300.0, 300.0, 300.0], ["person", "car", "road"])
    assert lookup_miou([same], "mfnet") == pytest.approx(1 / 9)  # one of three right, a third of it
    assert lookup_miou([apart, same], "mfnet") < 1.0


# -- the verdict ---------------------------------------------------------------------------------


def test_a_report_names_what_is_outside_its_limit():
    rows = [
        Row("used range", "a 1, b 1", 2, 3, 1.0, 2.1),
        Row("spectrum slope", "a 1, b 1", 2, 3, 1.0, 0.5),
    ]
    edges = [Edges("day", 9, 0.3, 0.4, 0.5, 4, 0.55), Edges("night", 9, 0.2, 0.3, 0.4, 4, 0.3)]
    failures = Report(rows, edges, {"mfnet": 0.31, "fmb": 0.1}).failures()
    assert failures == [
        "used range: 2.10",
        "edges by day: 0.55 outside 0.30 to 0.50",
        "look-up mfnet: 0.31",
    ]
    table = markdown(Report(rows, edges, {"mfnet": 0.31}))
    assert "| used range | a 1, b 1 | 3 | 1.00 | 2.10 | 2.10 |" in table
    assert "| by day | 9 | 0.30 | 0.40 | 0.50 | 4 | 0.55 |" in table
