"""The virtual rig, its path and its inertial sensor."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thermoscope.core.errors import CalibrationError, ConfigError, ShapeError, UnknownNameError
from thermoscope.geometry.camera import Camera
from thermoscope.geometry.pose import check_pose, invert
from thermoscope.geometry.stereo import remap
from thermoscope.synthetic.imu import GRAVITY, ImuNoise, imu_samples
from thermoscope.synthetic.rig import RIGS, StereoPair, VirtualRig, rig_preset
from thermoscope.synthetic.trajectory import CARRIERS, Carrier, Spline, Trajectory

PINHOLE = Camera(300.0, 300.0, 159.5, 127.5, 320, 256)
ANGLE = np.linspace(0, 2 * np.pi, 41)
LOOP = np.column_stack([30 * np.cos(ANGLE), 20 * np.sin(ANGLE)])
LOOP[-1] = LOOP[0]
LINE = np.column_stack([np.linspace(0, 60, 13), np.zeros(13)])


# -- cameras -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "thermal", "colour"),
    [
        ("tartanrgbt", (640, 512), (960, 600)),
        ("small", (320, 256), (320, 200)),
        ("ms2", (640, 256), (1224, 384)),
        ("cats", (640, 480), (1280, 960)),
        ("mfnet", (640, 480), None),
        ("pst900", (1280, 720), None),
        ("fmb", (800, 600), None),
    ],
)
def test_presets_have_the_sizes_of_their_data_sets(name, thermal, colour):
    rig = rig_preset(name)
    assert (rig.thermal.rectified.width, rig.thermal.rectified.height) == thermal
    size = rig.rgb and (rig.rgb.rectified.width, rig.rgb.rectified.height)
    assert size == colour
    check_pose(rig.T_thermal_rgb)


def test_default_rig_has_the_measured_lens_and_its_rectified_view_is_filled():
    pair = rig_preset("tartanrgbt").thermal
    assert (pair.left.fx, pair.left.distortion[0], pair.baseline_m) == (412.4, -0.368, 0.335)
    maps = pair.rectification()
    assert maps.left_map.valid.all()
    assert maps.right_map.valid.all()
    assert maps.baseline_m == pytest.approx(0.335)
    turn = np.degrees(np.arccos((np.trace(pair.T_left_right[:3, :3]) - 1) / 2))
    assert turn == pytest.approx(0.6, abs=0.01)  # between the cameras of the measured pair


def test_small_rig_sees_what_the_default_sees():
    large, small = rig_preset("tartanrgbt"), rig_preset("small")
    corner, small_corner = (-0.5, -0.5), (-0.5, -0.5)
    ray, _ = large.thermal.rectified.unproject(corner)
    small_ray, _ = small.thermal.rectified.unproject(small_corner)
    np.testing.assert_allclose(ray, small_ray, atol=1e-12)
    assert small.thermal.baseline_m == large.thermal.baseline_m


def test_distorted_picture_of_a_direction_field_rectifies_to_the_pinhole_one():
    pair = rig_preset("tartanrgbt").thermal.scaled(160, 128)
    maps = pair.rectification()
    rays, _ = pair.left.unproject(pair.left.pixel_grid())
    seen = rays @ maps.T_left_rectified[:3, :3]  # in rectified coordinates
    want, _ = pair.rectified.unproject(pair.rectified.pixel_grid())
    for axis in range(3):
        got, valid = remap(np.ascontiguousarray(seen[..., axis]), maps.left_map)
        np.testing.assert_allclose(got[valid], want[..., axis][valid], atol=2e-4)


def test_a_shifted_pair_has_two_rectified_cameras():
    pair = StereoPair.ideal(PINHOLE, 0.16, infinity_px=-40)
    assert pair.rectified_right.cx == pair.rectified.cx + 40
    with pytest.raises(ConfigError, match="two rectified cameras"):
        pair.rectification()


def test_impossible_rigs_are_refused():
    with pytest.raises(CalibrationError, match="baseline_m must be a positive length, got 0"):
        StereoPair.ideal(PINHOLE, 0.0)
    with pytest.raises(CalibrationError, match="fx must be positive"):
        StereoPair.ideal(replace(PINHOLE, fx=-1.0), 0.3)
    radtan = replace(PINHOLE, model="radtan", distortion=(-0.2, 0.0, 0.0, 0.0))
    with pytest.raises(CalibrationError, match="rectified view must be pinhole"):
        StereoPair(radtan, radtan, radtan, 0.3)
    folding = replace(PINHOLE, model="radtan", distortion=(-2.0, 0.0, 0.0, 0.0))
    with pytest.raises(CalibrationError, match="the left lens .* does not reach the corners"):
        StereoPair(folding, folding, replace(PINHOLE, fx=100.0, fy=100.0), 0.3)
    with pytest.raises(ConfigError, match="imu_rate_hz must be positive"):
        VirtualRig("mine", StereoPair.ideal(PINHOLE, 0.3), imu_rate_hz=0.0)
    with pytest.raises(UnknownNameError, match="Did you mean 'tartanrgbt'"):
        rig_preset("tartanrgb")


def test_rigs_are_values():
    assert rig_preset("small") == rig_preset("small")
    assert len({rig_preset(name) for name in RIGS}) == len(RIGS)
    mine = replace(rig_preset("small"), name="mine")
    assert rig_preset(mine) is mine


# -- trajectory ----------------------------------------------------------------------------------


def test_spline_reproduces_a_cubic_between_and_at_its_knots():
    knots = np.array([0.0, 1.0, 2.5, 4.0])
    spline = Spline(knots, np.array([[0.0], [2.0], [1.0], [3.0]]), periodic=False)
    np.testing.assert_allclose([spline(u)[0] for u in knots], [0, 2, 1, 3], atol=1e-12)
    assert spline(0.0, 2)[0] == pytest.approx(0.0)  # natural ends
    for u in knots[1:-1]:  # twice continuously differentiable
        for derivative in (1, 2):
            before, after = spline(u - 1e-7, derivative), spline(u + 1e-7, derivative)
            np.testing.assert_allclose(before, after, atol=1e-5)


def test_periodic_spline_closes_smoothly():
    knots = np.linspace(0, 2 * np.pi, 13)
    points = np.column_stack([np.cos(knots), np.sin(knots)])
    points[-1] = points[0]
    circle = Spline(knots, points, periodic=True)
    for derivative in range(3):
        before, after = circle(-1e-7, derivative), circle(1e-7, derivative)
        np.testing.assert_allclose(before, after, atol=1e-5)
    np.testing.assert_allclose(circle(0.26), [np.cos(0.26), np.sin(0.26)], atol=2e-3)


@given(
    carrier=st.sampled_from(sorted(CARRIERS)),
    seed=st.integers(0, 1000),
    t_s=st.floats(0.5, 5.0),
    closed=st.booleans(),
)
def test_derivatives_are_those_of_the_pose(carrier, seed, t_s, closed):
    route = LOOP if closed else LINE
    path = Trajectory(route, 0.3 * np.sin(np.arange(len(route))) * (not closed), carrier, seed=seed)
    h = 1e-5
    now, before, after = path.motion(t_s), path.motion(t_s - h), path.motion(t_s + h)
    step = (after.position - before.position) / (2 * h)
    np.testing.assert_allclose(step, now.velocity, atol=1e-6)
    acceleration = (after.velocity - before.velocity) / (2 * h)
    # The third derivative of the spline jumps at knots: within h of one, a difference is off.
    np.testing.assert_allclose(acceleration, now.acceleration, atol=1e-3)
    turned = after.R_world_camera - before.R_world_camera
    skew = now.R_world_camera.T @ turned / (2 * h)
    turn = [skew[2, 1], skew[0, 2], skew[1, 0]]
    np.testing.assert_allclose(turn, now.angular_velocity, atol=1e-5)


def test_many_instants_at_once_are_the_single_ones():
    path = Trajectory(LOOP, np.zeros(41), "vehicle", seed=9)
    times = np.array([-1.0, 0.0, 2.5, 30.0])
    many = path.motion(times)
    for k, t_s in enumerate(times):
        for name, value in vars(path.motion(t_s)).items():
            np.testing.assert_allclose(getattr(many, name)[k], value, atol=1e-12)


def test_a_still_straight_path_looks_along_it():
    still = Carrier(2.0, (1.5, 1.5), (0.0, 0.0), 5.0, 0.0, 0.0, 1.0)
    pose = Trajectory(LINE, np.zeros(13), still, seed=0).pose(10.0)
    np.testing.assert_allclose(pose[:3, 3], [20.0, 0.0, 1.5], atol=1e-9)
    # camera x right = -y world, y down = -z world, z forward = x world
    np.testing.assert_allclose(pose[:3, :3], [[0, 0, 1], [-1, 0, 0], [0, -1, 0]], atol=1e-9)


def test_a_loop_comes_back_and_a_line_ends():
    loop = Trajectory(LOOP, np.zeros(41), replace(CARRIERS["vehicle"], sway_m=0.0), seed=1)
    start, lap = loop.pose(0.0)[:3, 3], loop.pose(loop.duration_s)[:3, 3]
    np.testing.assert_allclose(start, lap, atol=1e-9)
    line = Trajectory(LINE, np.zeros(13), replace(CARRIERS["vehicle"], sway_m=0.0), seed=1)
    end, beyond = line.motion(line.duration_s), line.motion(line.duration_s + 3)
    np.testing.assert_allclose(end.position, beyond.position, atol=1e-9)
    np.testing.assert_array_equal(beyond.velocity, 0.0)


def test_visits_pass_the_same_place_a_little_aside():
    first = Trajectory(LOOP, np.zeros(41), "handheld", seed=4)
    again = Trajectory(LOOP, np.zeros(41), "handheld", seed=4, visit=1, offset_m=0.5)
    gap = [np.linalg.norm(first.pose(t)[:3, 3] - again.pose(t)[:3, 3]) for t in range(0, 60, 7)]
    assert 0.01 < np.mean(gap)
    assert max(gap) < 1.0


def test_impossible_paths_are_refused():
    with pytest.raises(ShapeError, match=r"route must be \(N, 2\)"):
        Trajectory(np.zeros((1, 2)), np.zeros(1), "vehicle", seed=0)
    with pytest.raises(ConfigError, match="route is 0.5 m long"):
        Trajectory([[0.0, 0.0], [0.5, 0.0]], [0.0, 0.0], "vehicle", seed=0)
    with pytest.raises(ConfigError, match="unknown carrier 'horse'"):
        Trajectory(LINE, np.zeros(13), "horse", seed=0)
    with pytest.raises(ConfigError, match="speed_mps must be positive"):
        replace(CARRIERS["drone"], speed_mps=0.0)


# -- inertial sensor -----------------------------------------------------------------------------


def test_a_level_resting_sensor_feels_the_ground():
    still = Carrier(1e-9, (1.5, 1.5), (0.0, 0.0), 5.0, 0.0, 0.0, 1.0)
    samples = imu_samples(Trajectory(LINE, np.zeros(13), still, seed=0), 0.0, 0.1, rate_hz=100.0)
    assert samples.shape == (10, 7)
    np.testing.assert_allclose(samples[:, 0], np.arange(1, 11) / 100)
    np.testing.assert_allclose(samples[:, 1:4], np.tile([0, GRAVITY[2], 0], (10, 1)), atol=1e-9)
    np.testing.assert_allclose(samples[:, 4:], 0.0, atol=1e-9)


def test_integrating_the_sensor_follows_the_path():
    path = Trajectory(LOOP, np.zeros(41), "handheld", seed=2)
    samples = imu_samples(path, 0.0, 2.0, rate_hz=1000.0)
    start = path.motion(0.0)
    turn, velocity, place = start.R_world_camera, start.velocity, start.position
    for _, ax, ay, az, *rates in samples:
        angle = np.linalg.norm(rates) * 1e-3
        axis = np.array(rates) / max(np.linalg.norm(rates), 1e-12)
        k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
        turn = turn @ (np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k)
        velocity = velocity + 1e-3 * (turn @ [ax, ay, az] + GRAVITY)
        place = place + 1e-3 * velocity
    end = path.motion(2.0)
    assert np.linalg.norm(place - end.position) < 0.01
    assert np.abs(turn - end.R_world_camera).max() < 2e-3


def test_noise_belongs_to_the_sample_not_to_the_request():
    path = Trajectory(LOOP, np.zeros(41), "robot", seed=2)
    noise = ImuNoise()
    whole = imu_samples(path, 0.0, 1.0, noise=noise, seed=5)
    parts = [imu_samples(path, 0.0, 0.4, noise=noise, seed=5)]
    parts.append(imu_samples(path, 0.4, 1.0, noise=noise, seed=5))
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    exact = imu_samples(path, 0.0, 1.0)
    spread = (whole - exact)[:, 1:4].std(axis=0)
    np.testing.assert_allclose(spread, noise.accelerometer * np.sqrt(200), rtol=0.2)


def test_inertial_requests_that_make_no_sense():
    path = Trajectory(LINE, np.zeros(13), "vehicle", seed=0)
    with pytest.raises(ConfigError, match="rate_hz must be positive"):
        imu_samples(path, 0.0, 1.0, rate_hz=0.0)
    with pytest.raises(ConfigError, match="lies before start_s"):
        imu_samples(path, 1.0, 0.0)
    with pytest.raises(ConfigError, match="gyroscope must be 0 or more"):
        ImuNoise(gyroscope=-1.0)
    assert imu_samples(path, 0.0, 0.001).shape == (0, 7)


def test_pose_of_colour_camera_takes_rgb_to_thermal():
    rig = rig_preset("ms2")
    origin = rig.T_thermal_rgb @ [0, 0, 0, 1]
    np.testing.assert_allclose(origin[:3], [0.0, -0.10, 0.0])  # above: y points down
    np.testing.assert_allclose(invert(rig.T_thermal_rgb) @ origin, [0, 0, 0, 1])
