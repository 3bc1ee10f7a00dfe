"""Frames by name, in groups."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import ConfigError, UnknownNameError
from thermoscope.engine.stereo_frames import limits_of, scene_groups, stereo_groups


def test_scenes_come_by_environment_and_condition() -> None:
    groups = scene_groups(count=3, preset="tiny")
    assert len(groups) == 16
    assert (groups[0].name, len(groups[0].frames)) == ("urban/day", 3)
    assert groups[-1].name == "aerial/fog"


def test_a_data_set_is_thinned_and_keeps_its_ranges(tmp_path: Path) -> None:
    for number in range(1, 6):
        scene = tmp_path / "CATS_Release" / "INDOOR" / "TOYS" / f"scene{number}"
        thermal, truth = scene / "rectified" / "thermal", scene / "gt_disparity" / "thermal"
        thermal.mkdir(parents=True)
        truth.mkdir(parents=True)
        for side in ("left", "right"):
            view = np.full((2, 3), 3000 + number, np.uint16)
            cv2.imwrite(str(thermal / f"{side}_thermal_default.png"), view)
        (truth / "gt_disparity.txt").write_text("1,NaN,2\n1,1,1\n")
        (truth / "disp_range.txt").write_text(f"{-number} 2\n")
    (group,) = stereo_groups("cats", tmp_path, protocol="raw", split="all", every=2, count=2)
    assert (group.name, len(group.frames)) == ("all", 2)
    second = group.frames[1]
    assert second["counts"][0, 0, 0] == 3003
    assert second["valid"].sum() == 5
    assert group.frames.disparity_range(1) == (-3.0, 2.0)  # type: ignore[attr-defined]
    assert limits_of("cats") == (3.0, 5.0, 10.0, 20.0)
    assert limits_of("ms2") == (1.0, 2.0, 3.0)


def test_bad_arguments() -> None:
    with pytest.raises(UnknownNameError, match="unknown condition 'snow'"):
        scene_groups(conditions=("snow",))
    with pytest.raises(ConfigError, match="'ms2' needs the folder it lies in"):
        stereo_groups("ms2", None)
    with pytest.raises(UnknownNameError, match="unknown data set 'nowhere'"):
        stereo_groups("nowhere", Path())
