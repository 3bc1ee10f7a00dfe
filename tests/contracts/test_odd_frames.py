"""Forty pathological frames through every public operation, with warnings as errors."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from thermoscope.core.errors import ShapeError, ThermoscopeError, UnitError
from thermoscope.engine.measure import Region, describe, measure_region, statistics
from thermoscope.engine.render import RenderStyle, render
from thermoscope.io.read import read
from thermoscope.io.thermal_image import ThermalImage
from thermoscope.io.write import write_image
from thermoscope.sensor.counts import resample
from thermoscope.sensor.defects import find_defects, repair
from thermoscope.sensor.palette import apply_palette, list_palettes
from thermoscope.sensor.quality import Quality, assess
from thermoscope.sensor.temporal_tone import TemporalToneMapper
from thermoscope.sensor.tone import list_tones, to_network_input, tone_map
from thermoscope.sensor.tone_spec import ToneSpec


def _odd_frames():
    path = Path(__file__).parents[1] / "sensor" / "odd_frames.py"
    spec = importlib.util.spec_from_file_location("odd_frames", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["odd_frames"] = module
    spec.loader.exec_module(module)
    return module.ODD_FRAMES


FRAMES = _odd_frames()
NAMES = sorted(FRAMES)
SPECS = [
    *(ToneSpec.of(name) for name in list_tones() if name != "fixed"),
    *(ToneSpec.of("fixed", low=2000, high=4000, unit=unit) for unit in ("counts",)),
]


def image_of(name: str) -> ThermalImage:
    """The frame as a reader would hand it over."""
    frame = FRAMES[name]
    values = np.asarray(frame.values)
    if frame.kind == "agc":
        return ThermalImage(agc=np.ascontiguousarray(values))
    if frame.kind == "kelvin":
        return ThermalImage(stored_kelvin=values.astype(np.float32))
    return ThermalImage(counts=values.astype(np.uint16))


def test_there_are_forty():
    assert len(FRAMES) == 40


@pytest.mark.parametrize("name", NAMES)
def test_flags_are_exactly_the_expected(name):
    frame = FRAMES[name]
    assert assess(frame.values, kind=frame.kind) == frame.expected


@pytest.mark.parametrize("name", [n for n in NAMES if n != "empty"])
def test_every_operation_on_the_image(name):
    image = image_of(name)
    json.dumps([describe(image), statistics(image)], allow_nan=False)
    json.dumps(measure_region(image, Region(0, 0)), allow_nan=False)
    picture = render(image, RenderStyle(extremes=True))
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    turned = image.rotate90(1).flip("vertical")
    assert turned.shape == (image.width, image.height)
    assert image.resize(width=5, height=3).shape == (3, 5)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "empty"])
def test_every_tone_mapping_and_palette(name):
    values = np.asarray(image_of(name).values)
    for spec in SPECS:
        unit = getattr(spec.params, "unit", None)
        if unit == "counts" and values.dtype != np.uint16:
            with pytest.raises(UnitError):
                tone_map(values, spec)
            continue
        levels = tone_map(values, spec)
        assert levels.shape == values.shape
        network = to_network_input(values, spec)
        assert network.shape == (1, *values.shape)
        assert np.isfinite(network).all()
        assert network.min() >= 0
        assert network.max() <= 1
    for palette in list_palettes():
        assert apply_palette(levels, palette).shape == (*values.shape, 3)
    stable, sidecar = TemporalToneMapper().map(values)
    assert stable.shape == values.shape
    assert len(sidecar) == 1


@pytest.mark.parametrize("name", [n for n in NAMES if n != "empty"])
def test_defects_and_resampling(name):
    image = image_of(name)
    plane = image.counts if image.counts is not None else image.values
    if Quality.TINY in FRAMES[name].expected:
        with pytest.raises(ShapeError, match="at least 8x8 px"):
            find_defects(image.counts)
    elif image.counts is not None:
        defects = find_defects(image.counts)
        assert repair(image.counts, defects).shape == image.shape
    assert resample(np.asarray(plane), width=7, height=9).shape == (9, 7)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "empty"])
def test_through_a_file_and_back(name, tmp_path):
    image = image_of(name)
    path = tmp_path / "frame.tiff"
    write_image(path, image)
    back = read(path)
    assert back.kind == image.kind
    np.testing.assert_array_equal(back.values, image.values)
    wanted = FRAMES[name].expected - {Quality.CONVERTED, Quality.QUANTISED}
    assert wanted <= back.quality


def test_an_empty_frame_is_refused_with_a_reason(tmp_path):
    with pytest.raises(ShapeError, match="at least one pixel"):
        image_of("empty")
    with pytest.raises(ThermoscopeError):
        tone_map(np.zeros((0, 0), np.uint16), "percentile")
