import math

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from thermoscope.core.errors import CalibrationError, ShapeError
from thermoscope.geometry import pose as se3

coordinate = st.floats(-100, 100, allow_nan=False)


@st.composite
def poses(draw):
    q = np.array([draw(st.floats(-1, 1)) for _ in range(4)])
    assume(np.linalg.norm(q) > 1e-3)
    return se3.from_quaternion(q, [draw(coordinate) for _ in range(3)])


@settings(deadline=None)
@given(poses())
def test_inverse_undoes(pose):
    assert np.abs(se3.invert(pose) @ pose - np.eye(4)).max() < 1e-10
    assert np.abs(se3.invert(se3.invert(pose)) - pose).max() < 1e-10
    assert np.abs(se3.invert(pose) - np.linalg.inv(pose)).max() < 1e-9


@settings(deadline=None)
@given(poses(), poses(), st.lists(coordinate, min_size=3, max_size=3))
def test_composition_is_one_motion_after_the_other(T_a_b, T_b_c, point):
    chained = se3.transform(T_a_b, se3.transform(T_b_c, point))
    assert chained == pytest.approx(se3.transform(T_a_b @ T_b_c, point), abs=1e-9)
    se3.check_pose(T_a_b @ T_b_c)


@settings(deadline=None)
@given(poses())
def test_quaternion_round_trip(pose):
    q = se3.quaternion_of(pose)
    assert np.linalg.norm(q) == pytest.approx(1, abs=1e-12)
    assert q[3] >= 0
    assert np.abs(se3.from_quaternion(q, pose[:3, 3]) - pose).max() < 1e-12
    assert np.abs(se3.from_quaternion(-q, pose[:3, 3]) - pose).max() < 1e-12


@settings(deadline=None)
@given(poses(), poses(), st.floats(0, 1))
def test_interpolation_is_rigid_meets_its_ends_and_turns_evenly(T0, T1, s):
    middle = se3.check_pose(se3.interpolate(T0, T1, s))
    assert np.abs(se3.interpolate(T0, T1, 0) - T0).max() < 1e-9
    assert np.abs(se3.interpolate(T0, T1, 1) - T1).max() < 1e-9
    whole, part = (turn_deg(se3.invert(T0) @ T) for T in (T1, middle))
    assert part == pytest.approx(s * whole, abs=1e-5)
    assert middle[:3, 3] == pytest.approx((1 - s) * T0[:3, 3] + s * T1[:3, 3], abs=1e-9)


def turn_deg(pose):
    q = se3.quaternion_of(pose)
    return math.degrees(2 * math.atan2(np.linalg.norm(q[:3]), q[3]))


@pytest.mark.parametrize("axis", ["x", "y", "z", (1.0, 2.0, -0.5)])
@pytest.mark.parametrize("angle_deg", [0.0, 30.0, -120.0, 180.0, 270.0])
def test_rotation_agrees_with_rodrigues(axis, angle_deg):
    named = {"x": (1, 0, 0), "y": (0, 1, 0), "z": (0, 0, 1)}
    direction = np.array(named.get(axis, axis), float)
    expected, _ = cv2.Rodrigues(direction / np.linalg.norm(direction) * math.radians(angle_deg))
    assert np.abs(se3.rotation_about(axis, angle_deg)[:3, :3] - expected).max() < 1e-12


def test_quarter_turns_by_hand():
    assert se3.transform(se3.rotation_about("x", 90), (0, 1, 0)) == pytest.approx([0, 0, 1])
    assert se3.transform(se3.rotation_about("y", 90), (0, 0, 1)) == pytest.approx([1, 0, 0])
    half = math.sqrt(0.5)
    assert se3.quaternion_of(se3.rotation_about("z", 90)) == pytest.approx([0, 0, half, half])


def test_look_at_north_from_a_height():
    # world: x east, y north, z up; camera: x right, y down, z forward
    T_world_camera = se3.look_at((1, 2, 3), (1, 10, 3))
    assert se3.transform(T_world_camera, (0, 0, 5)) == pytest.approx([1, 7, 3])
    assert se3.transform(T_world_camera, (1, 0, 0)) == pytest.approx([2, 2, 3])
    assert se3.transform(T_world_camera, (0, 1, 0)) == pytest.approx([1, 2, 2])


def test_half_turn_interpolates_to_a_quarter():
    middle = se3.interpolate(np.eye(4), se3.rotation_about("z", 180), 0.5)
    assert turn_deg(middle) == pytest.approx(90)


def test_single_precision_pose_is_accepted():
    pose = se3.rotation_about((1, 1, 0), 77.0).astype(np.float32)
    assert se3.check_pose(pose).dtype == np.float64


# -- errors --------------------------------------------------------------------------------------


def test_what_is_not_a_pose():
    with pytest.raises(ShapeError, match=r"T must be \(4, 4\), got \(3, 4\)"):
        se3.check_pose(np.eye(4)[:3], name="T")
    with pytest.raises(CalibrationError, match="pose must be finite"):
        se3.check_pose(np.full((4, 4), np.nan))
    shifted = se3.from_rotation(np.eye(3), (1, 2, 3))
    with pytest.raises(CalibrationError, match=r"row 0 0 0 1, got \[1.0, 2.0, 3.0, 1.0\]"):
        se3.check_pose(shifted.T)
    with pytest.raises(CalibrationError, match=r"det R = -1"):
        se3.check_pose(np.diag([1.0, 1.0, -1.0, 1.0]))
    with pytest.raises(CalibrationError, match="Scale and mirroring are not rigid"):
        se3.check_pose(np.diag([1.001, 1.001, 1.001, 1.0]))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: se3.from_quaternion((0, 0, 0, 0)), CalibrationError, "finite and not zero"),
        (lambda: se3.from_quaternion((np.nan, 0, 0, 1)), CalibrationError, "finite and not zero"),
        (lambda: se3.from_quaternion((0, 0, 1)), ShapeError, r"\(4,\) as x y z w, got \(3,\)"),
        (lambda: se3.from_rotation(np.eye(4)), ShapeError, r"rotation must be \(3, 3\)"),
        (lambda: se3.rotation_about("w", 10), CalibrationError, "axis must be 'x', 'y', 'z'"),
        (lambda: se3.rotation_about((0, 0, 0), 10), CalibrationError, "axis must be"),
        (lambda: se3.rotation_about("x", np.inf), CalibrationError, "angle_deg finite"),
        (lambda: se3.look_at((0, 0, 0), (0, 0, 0)), CalibrationError, "no view from"),
        (lambda: se3.look_at((0, 0, 0), (0, 0, 9)), CalibrationError, "not along up"),
        (lambda: se3.interpolate(np.eye(4), np.eye(4), np.nan), CalibrationError, "s must be"),
        (lambda: se3.transform(np.eye(4), (1, 2)), ShapeError, r"points must be \(..., 3\)"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
