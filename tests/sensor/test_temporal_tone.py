"""Video tone mapping: no flicker, a bounded step, resets, and the way back to counts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thermoscope.core.errors import ConfigError, ReadError, ShapeError, UnitError
from thermoscope.sensor.planck import LinearScale
from thermoscope.sensor.tone import (
    FrameWindow,
    Stability,
    TemporalToneMapper,
    ToneSidecar,
    ToneSpec,
    flicker_score,
    tone_map,
)

HEIGHT, WIDTH = 48, 64


def background() -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.rint(3300 + 200 * np.sin(x / 10) + 150 * np.cos(y / 8)).astype(np.uint16)


def hot_object_enters(frames: int = 60, *, share: float = 0.06) -> Iterator[np.ndarray]:
    """Still background; a hot square is there from frame 15 to frame 39."""
    side = round((share * HEIGHT * WIDTH) ** 0.5)
    for i in range(frames):
        frame = background()
        if 15 <= i < 40:
            frame[10 : 10 + side, 5 + i - 15 : 5 + i - 15 + side] += 2500
        yield frame


def test_no_flicker_when_a_hot_object_enters() -> None:
    frames = list(hot_object_enters())
    mapper = TemporalToneMapper()
    steady = flicker_score([mapper.map(f)[0] for f in frames], frames)
    per_frame = flicker_score([tone_map(f) for f in frames], frames)
    assert per_frame.worst_levels > 50
    assert per_frame.mean_levels > 1
    assert steady.worst_levels < 0.5
    assert steady.mean_levels < 0.2


def test_without_change_nothing_moves() -> None:
    mapper = TemporalToneMapper()
    first, _ = mapper.map(background())
    for _ in range(5):
        again, sidecar = mapper.map(background())
        assert np.array_equal(first, again)
    assert not sidecar.windows[0].reset


def test_a_lasting_hot_region_is_resolved_in_the_end() -> None:
    frame = background()
    frame[10:20, 10:30] += 1500
    mapper = TemporalToneMapper()
    mapper.map(background())
    entering, _ = mapper.map(frame)
    assert (entering[10:20, 10:30] == 255).mean() > 0.9
    for _ in range(900):
        agc, sidecar = mapper.map(frame)
        assert not sidecar.windows[0].reset
    assert (agc == 255).mean() <= 0.01


@settings(deadline=None, max_examples=40)
@given(
    hnp.arrays(np.uint16, (6, 5, 6), elements=st.integers(2000, 4000)),
    st.floats(0, 0.9),
    st.floats(0, 0.9),
)
def test_still_pixels_move_one_level_at_most(
    moving: np.ndarray, widen: float, narrow: float
) -> None:
    still = np.arange(1500, 4500, 60, dtype=np.uint16).reshape(5, 10)
    mapper = TemporalToneMapper(stability=Stability(widen_levels=widen, narrow_levels=narrow))
    last = None
    for frame in moving:
        agc, sidecar = mapper.map(np.hstack([still, frame]))
        levels = agc[:, :10].astype(int)
        if last is not None and not sidecar.windows[0].reset:
            assert np.abs(levels - last).max() <= 1
        last = levels


@settings(deadline=None)
@given(hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=16)))
def test_the_way_back_is_within_half_a_step(counts: np.ndarray) -> None:
    agc, sidecar = TemporalToneMapper().map(counts)
    (window,) = sidecar.windows
    back, clipped = sidecar.counts_from_agc(agc)
    error = np.abs(back.astype(np.float64) - counts)
    assert (error[~clipped] <= 0.501 * window.step + 0.004).all()  # 0.004: float32 of a count
    margin = 0.51 * window.step
    outside = (counts < window.low - margin) | (counts > window.high + margin)
    inside = (counts >= window.low) & (counts <= window.high)
    assert clipped[outside].all()
    assert not clipped[inside].any()


def test_clipped_pixels_say_so() -> None:
    counts = background()
    counts[0, 0], counts[0, 1] = 60000, 5
    agc, sidecar = TemporalToneMapper().map(counts)
    back, clipped = sidecar.counts_from_agc(agc)
    assert clipped[0, :2].all()
    assert not clipped[1:].any()
    assert agc[0, 0] == 255
    assert agc[0, 1] == 0
    assert back[0, 0] == pytest.approx(sidecar.windows[0].high)


def test_kelvin_video_and_its_invalid_pixels() -> None:
    kelvin = (background() * 0.01 + 260).astype(np.float32)
    kelvin[3, 3] = np.nan
    agc, sidecar = TemporalToneMapper().map(kelvin)
    back, clipped = sidecar.kelvin_from_agc(agc)
    assert sidecar.unit == "kelvin"
    assert clipped[3, 3]
    assert agc[3, 3] == 0
    inside = ~clipped
    assert np.abs(back - kelvin)[inside].max() <= 0.51 * sidecar.windows[0].step


def test_labels_return_to_temperatures_through_radiometry() -> None:
    scale = LinearScale(0.1)
    agc, sidecar = TemporalToneMapper().map(background())
    back, clipped = sidecar.kelvin_from_agc(agc, radiometry=scale)
    truth = scale.kelvin_from_counts(background())
    limit = 0.1 * (0.5 * sidecar.windows[0].step + 0.51)
    assert np.abs(back - truth)[~clipped].max() <= limit
    with pytest.raises(UnitError, match="windows are in counts, not in kelvin"):
        sidecar.kelvin_from_agc(agc)


def test_a_scene_change_resets_at_once() -> None:
    mapper = TemporalToneMapper()
    mapper.map(background())
    agc, sidecar = mapper.map(background() + np.uint16(900))
    assert sidecar.windows[0].reset
    assert 1 < agc.min()
    assert agc.max() < 254


def test_a_flat_scene_after_a_rich_one_resets() -> None:
    mapper = TemporalToneMapper()
    mapper.map(background())
    _, sidecar = mapper.map(np.full((HEIGHT, WIDTH), 3050, np.uint16))  # a cold lens cap
    assert sidecar.windows[0].reset


def test_the_shutter_holds_the_window_and_resets_after() -> None:
    mapper = TemporalToneMapper()
    _, before = mapper.map(background())
    shutter = np.full((HEIGHT, WIDTH), 9000, np.uint16)
    _, during = mapper.map(shutter, ffc=True)
    _, again = mapper.map(shutter, ffc=True)
    _, after = mapper.map(background() + np.uint16(60))
    _, later = mapper.map(background() + np.uint16(60))
    held = before.windows[0]
    assert [(w.low, w.high) for w in during.windows] == [(held.low, held.high)]
    assert [s.windows[0].reset for s in (before, during, again, after, later)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert after.windows[0].low == pytest.approx(held.low + 60)


def test_reset_forgets_the_scene_and_keeps_the_unit() -> None:
    mapper = TemporalToneMapper()
    mapper.map(background())
    mapper.reset()
    assert mapper.map(background())[1].windows[0].reset
    with pytest.raises(UnitError, match="this frame is in kelvin, those before in counts"):
        mapper.map(background().astype(np.float32))


def test_constant_and_empty_frames() -> None:
    mapper = TemporalToneMapper()
    empty, sidecar = mapper.map(np.full((4, 5), np.nan, np.float32))
    assert not empty.any()
    assert sidecar.kelvin_from_agc(empty).clipped.all()
    flat, _ = mapper.map(np.full((4, 5), 300, np.float32))
    assert (np.abs(flat.astype(int) - 128) <= 1).all()


def test_min_span_keeps_noise_small(rng: np.random.Generator) -> None:
    noise = np.rint(3000 + rng.normal(0, 5, (40, 40))).astype(np.uint16)
    stretched, _ = TemporalToneMapper().map(noise)
    calm, sidecar = TemporalToneMapper(stability=Stability(min_span=500)).map(noise)
    assert calm.std() < 5 < 30 < stretched.std()
    assert sidecar.windows[0].span == pytest.approx(500)


def test_the_window_narrows_slowly_after_a_hot_scene() -> None:
    hot = background()
    hot[:8] += 1500  # a sixth of the frame
    mapper = TemporalToneMapper()
    _, start = mapper.map(hot)
    spans = [mapper.map(background())[1].windows[0].span for _ in range(400)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(spans))
    assert spans[0] > 0.99 * start.windows[0].span
    assert spans[-1] < 0.95 * spans[0]


def test_sidecar_survives_the_file(tmp_path: Path) -> None:
    mapper = TemporalToneMapper()
    pairs = [mapper.map(f) for f in hot_object_enters(20)]
    video = ToneSidecar.joined(sidecar for _, sidecar in pairs)
    path = tmp_path / "video.json"
    video.save(path)
    loaded = ToneSidecar.load(path)
    assert loaded == video
    assert len(loaded) == 20
    for i in (0, 19):
        agc, one = pairs[i]
        whole = loaded.counts_from_agc(agc, i)
        assert np.array_equal(one.counts_from_agc(agc).values, whole.values)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot read the sidecar"),
        ("[]", "is not a sidecar: side.json must be a mapping"),
        ('{"format": "x", "version": 1, "unit": "counts", "windows": []}', "format must be one of"),
        (
            '{"format": "thermoscope-tone-sidecar", "version": 2, "unit": "counts", "windows": []}',
            "version must be one of",
        ),
        (
            '{"format": "thermoscope-tone-sidecar", "version": 1, "unit": "counts", '
            '"windows": [{"low": 5, "high": 5}]}',
            "the window of a frame has no width",
        ),
        (
            '{"format": "thermoscope-tone-sidecar", "version": 1, "unit": "counts", '
            '"windows": [{"low": 5, "high": NaN}]}',
            "high must be a finite number",
        ),
    ],
)
def test_broken_sidecars_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "side.json"
    path.write_text(text)
    with pytest.raises(ReadError, match=message):
        ToneSidecar.load(path)


def test_missing_sidecar(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="cannot read the sidecar"):
        ToneSidecar.load(tmp_path / "none.json")


def test_sidecar_file_is_plain_json(tmp_path: Path) -> None:
    ToneSidecar((FrameWindow(3000, 3253, True),)).save(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "format": "thermoscope-tone-sidecar",
        "version": 1,
        "windows": [{"low": 3000, "high": 3253, "reset": True}],
        "unit": "counts",
    }


def test_wrong_use_of_a_sidecar() -> None:
    sidecar = ToneSidecar((FrameWindow(0, 253),), "kelvin")
    agc = np.zeros((2, 2), np.uint8)
    with pytest.raises(UnitError, match="windows are in kelvin, not in counts"):
        sidecar.counts_from_agc(agc)
    with pytest.raises(ShapeError, match=r"frame must lie in \[0, 0\], got 1"):
        sidecar.kelvin_from_agc(agc, 1)
    with pytest.raises(UnitError, match="agc must be uint8, got uint16"):
        sidecar.kelvin_from_agc(agc.astype(np.uint16))
    with pytest.raises(UnitError, match="different units cannot be joined: counts, kelvin"):
        ToneSidecar.joined([sidecar, ToneSidecar(())])
    with pytest.raises(ConfigError, match="no sidecar to join"):
        ToneSidecar.joined([])


@pytest.mark.parametrize("method", ["clahe", "local_field"])
def test_only_percentile_can_follow_a_video(method: str) -> None:
    with pytest.raises(ConfigError, match=f"needs the tone method 'percentile', got '{method}'"):
        TemporalToneMapper(method)
    assert TemporalToneMapper(ToneSpec.of("percentile", low_percent=3)).spec.method == "percentile"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widen_levels": 1.0}, r"widen_levels must lie in \[0, 0.9\]"),
        ({"slack": 0.05}, r"slack must lie in \[0.1, 1\]"),
        ({"headroom": 0.5}, r"headroom must lie in \[0, 0.4\]"),
        ({"min_span": -1.0}, "min_span must lie in"),
        ({"reset_clipped": 0.0}, "reset_clipped must lie in"),
    ],
)
def test_stability_out_of_range(change: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Stability(**change)


def test_flicker_by_hand() -> None:
    frames = [np.array([[10, 20]]), np.array([[10, 90]]), np.array([[10, 90]])]
    pictures = [np.array([[5, 9]], np.uint8), np.array([[8, 99]], np.uint8)]
    pictures.append(np.array([[8, 95]], np.uint8))
    score = flicker_score(pictures, frames)  # pair 1: still pixel moves 3; pair 2: (0 + 4) / 2
    assert (score.mean_levels, score.worst_levels, score.pairs) == (2.5, 3.0, 2)
    moved = flicker_score(pictures[:2], [np.zeros((1, 2)), np.ones((1, 2))])
    assert np.isnan(moved.mean_levels)
    assert moved.pairs == 0
    with pytest.raises(ShapeError, match="must agree frame by frame"):
        flicker_score(pictures, frames[:2])


@pytest.mark.real
def test_real_sequence_is_steadier_than_per_frame(real_data: Path) -> None:
    paths = sorted((real_data / "sequence" / "optris16").glob("*.png"))
    frames = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in paths]
    mapper = TemporalToneMapper()
    steady = flicker_score([mapper.map(f)[0] for f in frames], frames)
    per_frame = flicker_score([tone_map(f) for f in frames], frames)
    assert len(frames) > 20
    assert per_frame.mean_levels > 0.5 > 0.1 > steady.mean_levels
