"""The comparison of depth heads: every row of it can be made, and they mean what they say."""

import json
from dataclasses import replace

import numpy as np
import pytest
from benchmarks import anythermal_depth
from benchmarks.anythermal_depth import (
    SHIPPED,
    TEACHER,
    head_config,
    real_correlations,
    real_pair,
    trained,
)

from thermoscope.engine.evaluate_depth import ConstantDepth
from thermoscope.models.dense_heads import DepthMap
from thermoscope.models.load import load_model
from thermoscope.recipes.depth import PRESETS


class Ramp:
    """Says that what lies higher up is farther."""

    metric = True

    def predict(self, image, /, *, longest_px=None):
        rows = np.arange(image.shape[0], 0, -1, dtype=np.float32)[:, None]
        return DepthMap(np.repeat(rows, image.shape[1], axis=1), metric=True)


def test_all_rows_in_one_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("THERMOSCOPE_DATA", str(tmp_path))  # without the real frame
    words = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "scenes")]
    words += ["--preset", "tiny", "--heads", "tiny", "--shipped"]
    assert anythermal_depth.main(words) == 0
    found = json.loads((tmp_path / "out" / "depth.json").read_text())
    ours, constant = found["rendered"].values()
    assert next(iter(found["rendered"])) == "tiny, trained here"
    assert set(ours) == set(constant)
    assert constant["metric abs_rel"] > 0
    assert "constant" in capsys.readouterr().out
    written = (tmp_path / "out" / "tiny" / "tiny.depth.safetensors").stat().st_mtime_ns
    assert anythermal_depth.main(words) == 0  # the head is there and not trained again
    assert (tmp_path / "out" / "tiny" / "tiny.depth.safetensors").stat().st_mtime_ns == written


def test_the_head_on_the_frozen_teacher_trains_and_loads(tmp_path):
    pytest.importorskip("onnx")
    base = PRESETS["tiny"]
    base = replace(
        base, size_px=(28, 42), score=False, loop=replace(base.loop, steps=1, batch_size=2)
    )
    config = head_config(base, TEACHER, tmp_path / "scenes")
    assert config.layers == (1, 4, 6, 9)  # of ten blocks, as anythermal_small has
    assert head_config(base, "tiny", None).layers is None
    model = trained(config, tmp_path)
    assert model.card.name == f"{TEACHER}.depth"
    assert (TEACHER, "MIT", "backbone") in {(s.name, s.licence, s.use) for s in model.card.sources}
    assert np.isfinite(model.predict(np.ones((28, 42), np.uint16)).depth).all()


def test_a_near_floor_agrees_with_stereo_and_the_row_is_as_good(rng):
    scene = rng.normal(0, 1, (64, 192)).astype(np.float32)
    left, right = scene[:, 16:176].copy(), scene[:, 16:176].copy()
    for row in range(64):
        shift = 2 + row // 8  # nearer further down
        right[row] = scene[row, 16 + shift : 176 + shift]
    found = real_correlations({"ramp": Ramp(), "flat": ConstantDepth(3.0)}, left, right)
    assert found["ramp"] == found["row of the pixel"] > 0.9
    assert np.isnan(found["flat"])


@pytest.mark.real
def test_the_shipped_head_sees_more_than_the_row_on_a_real_frame(real_data):
    pair = real_pair()
    assert pair is not None
    found = real_correlations({SHIPPED: load_model(SHIPPED)}, *pair)
    assert found[SHIPPED] > found["row of the pixel"] + 0.1
