"""From a rendered board to places found again: every number against the truth that was rendered.

The rig has half the size of a real one; ``benchmarks/rendered_rig.py`` proves the same at full
size. The gates are those that a calibration on a bench must pass, in pixels of this smaller rig.
"""

import pytest
from benchmarks.rendered_rig import MODELS, Truth, proof_rig, prove, rows_of

pytestmark = pytest.mark.timeout(400)  # 25 s on an idle core, four times that on a busy machine


@pytest.fixture(scope="module")
def proof(tmp_path_factory):
    return prove(tmp_path_factory.mktemp("proof"), width=320, views=16, places=3)


def test_the_thermal_lenses_are_95_degrees_wide_and_fitted_by_kannala_brandt():
    left = Truth.of(proof_rig(320)).cameras["thermal_left"]
    rays, _ = left.unproject([[-0.5, left.cy], [319.5, left.cy]])
    assert (rays * [1, 0, 0]).sum(axis=1) == pytest.approx([-0.7373, 0.7373], abs=2e-3)  # sin 47.5
    assert {MODELS["thermal_left"], MODELS["thermal_right"]} == {"fisheye"}


@pytest.mark.parametrize("name", ["thermal_left", "thermal_right", "rgb_left", "rgb_right"])
def test_every_lens_is_recovered(name, proof):
    found = proof.cameras[name]
    assert found.rms_px < (0.5 if "thermal" in name else 0.3)
    assert found.hold_out_px < 1.3 * found.rms_px + 0.02
    assert abs(found.focal_percent) < 0.2
    assert found.ray_px < 1


def test_every_camera_stands_where_it_stood(proof):
    assert max(found.place_mm for found in proof.cameras.values()) < 1
    assert max(found.turn_deg for found in proof.cameras.values()) < 0.1
    for found, true in proof.baselines_mm.values():
        assert found == pytest.approx(true, abs=1)
        assert true == pytest.approx(120)


def test_rows_agree_after_rectification(proof):
    for median, p95 in proof.rows_px.values():
        assert median < 0.5
        assert p95 < 1


def test_the_export_is_read_back_and_stereo_finds_the_rendered_depth(proof):
    assert proof.pairs == 6
    assert proof.exported.stereo_px[0] < 0.5
    assert proof.exported.stereo_px[1] < 1
    assert proof.exported.wrong < 0.05


def test_colour_lies_where_the_thermal_camera_would_see_it(proof):
    assert proof.exported.colour < 4
    assert proof.exported.colour < 0.3 * proof.exported.colour_unregistered
    assert proof.exported.coloured > 0.9


def test_places_are_found_again(proof):
    assert proof.places["thermal to thermal"] == 1
    assert proof.places["thermal to colour"] > 0.5  # of three places; by chance 0.33


def test_the_table_names_every_camera_and_step(proof):
    text = "\n".join(rows_of(proof))
    assert all(name in text for name in MODELS)
    assert "baseline 1" in text
    assert "same place first: thermal to thermal 100%" in text
