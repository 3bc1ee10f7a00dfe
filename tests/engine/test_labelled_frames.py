"""Frames with truth, by name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, DatasetCorruptError, UnknownNameError
from thermoscope.engine.labelled_frames import (
    FrameChoice,
    LabelledFrames,
    open_frames,
    thermal_frame,
)


def test_scenes_come_with_classes_and_truth():
    frames = open_frames(
        FrameChoice(count=2, preset="tiny", environments=("indoor",)), truth="depth"
    )
    assert len(frames) == 2
    assert frames.classes[1] == "road"
    assert {"counts", "labels", "depth", "valid"} <= set(frames[0])


def test_every_and_count_choose_frames():
    names = [{"name": f"f{i}"} for i in range(25)]
    for every, count, expected in ((10, 0, ["f0", "f10", "f20"]), (10, 2, ["f0", "f10"])):
        choice = FrameChoice("ms2", Path(), every=every, count=count)
        frames = LabelledFrames(choice, names, ())
        assert [sample["name"] for sample in frames] == expected
        assert len(frames) == len(expected)
    with pytest.raises(IndexError, match="frame 2 of 2"):
        frames[2]


def test_a_number_rendered_cuts_no_data_set():
    choice = FrameChoice("ms2", Path(), every=2, rendered=3)
    assert len(LabelledFrames(choice, [{"name": f"f{i}"} for i in range(25)], ())) == 13
    scenes = FrameChoice(rendered=2, every=3, preset="tiny", environments=("indoor",))
    assert len(open_frames(scenes, truth="depth")) == 2
    assert len(open_frames(replace(scenes, count=4), truth="depth")) == 4


def test_the_thermal_plane_is_the_rawest_there_is():
    planes = {
        name: np.full((1, 2, 3), value)
        for value, name in enumerate(("thermal", "agc", "kelvin", "counts"))
    }
    for expected in (3, 2, 1, 0):
        found = thermal_frame(planes)
        assert found.shape == (2, 3)
        assert (found == expected).all()
        del planes[("thermal", "agc", "kelvin", "counts")[expected]]
    with pytest.raises(DatasetCorruptError, match="no thermal plane"):
        thermal_frame({"name": "x"})


def test_choices_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="state a count"):
        FrameChoice()
    with pytest.raises(ConfigError, match="'mfnet' needs the folder"):
        FrameChoice("mfnet")
    with pytest.raises(ConfigError, match="every must be at least 1"):
        FrameChoice(count=1, every=0)
    with pytest.raises(ConfigError, match="rendered at least 0, got 1, 0 and -1"):
        FrameChoice(rendered=-1)
    with pytest.raises(UnknownNameError, match="unknown environment 'urbn'"):
        open_frames(FrameChoice(count=1, environments=("urbn",)), truth="depth")
