import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thermoscope.core.errors import CalibrationError, ShapeError
from thermoscope.geometry.camera import Camera

SIZE = {"fx": 400.0, "fy": 410.0, "cx": 322.0, "cy": 250.5, "width": 640, "height": 512}
RADTAN4 = (-0.368, 0.121, 0.0003, -0.0005)
RADTAN5 = (-0.31, 0.09, 0.001, -0.0007, 0.012)
RADTAN8 = (0.12, -0.05, 0.0004, -0.0006, 0.01, 0.35, -0.03, 0.008)
FISHEYE = (-0.021, 0.011, -0.004, 0.0009)
CAMERAS = {
    "pinhole": Camera(**SIZE),
    "radtan4": Camera(**SIZE, model="radtan", distortion=RADTAN4),
    "radtan5": Camera(**SIZE, model="radtan", distortion=RADTAN5),
    "radtan8": Camera(**SIZE, model="radtan", distortion=RADTAN8),
    "fisheye": Camera(**SIZE, model="fisheye", distortion=FISHEYE),
}
every_camera = pytest.mark.parametrize("name", CAMERAS)


def points_in_front(rng, n=500):
    return np.column_stack([rng.uniform(-0.8, 0.8, (n, 2)), np.ones(n)]) * rng.uniform(
        0.5, 30, (n, 1)
    )


# -- by hand and against OpenCV ------------------------------------------------------------------


def test_pinhole_by_hand():
    camera = Camera(100, 200, 10, 20, 64, 48)
    pixels, valid = camera.project([[1, -1, 2], [0, 0, 5]])
    assert pixels.tolist() == [[60, -80], [10, 20]]
    assert valid.tolist() == [True, True]
    rays, valid = camera.unproject([110, 20])
    assert rays == pytest.approx([math.sqrt(0.5), 0, math.sqrt(0.5)])
    assert valid
    assert camera.K.tolist() == [[100, 0, 10], [0, 200, 20], [0, 0, 1]]


@pytest.mark.parametrize("name", ["pinhole", "radtan4", "radtan5", "radtan8"])
def test_project_agrees_with_opencv(name, rng):
    camera, points = CAMERAS[name], points_in_front(rng)
    zero = np.zeros(3)
    expected, _ = cv2.projectPoints(points, zero, zero, camera.K, np.array(camera.distortion))
    pixels, valid = camera.project(points)
    assert valid.all()
    assert np.abs(pixels - expected[:, 0]).max() < 1e-9


def test_fisheye_project_agrees_with_opencv(rng):
    camera, points = CAMERAS["fisheye"], points_in_front(rng)
    zero = np.zeros((1, 3))
    distortion = np.array(camera.distortion)
    expected, _ = cv2.fisheye.projectPoints(points[None], zero, zero, camera.K, distortion)
    assert np.abs(camera.project(points)[0] - expected[0]).max() < 1e-9


def test_fisheye_on_axis_behind_and_overhead():
    camera = Camera(**SIZE, model="fisheye", distortion=(0.0,) * 4)
    pixels, valid = camera.project([[0, 0, 3], [1, 0, 0], [1, 0, -1], [0, 0, -1]])
    assert valid.tolist() == [True, True, True, False]
    assert pixels[0].tolist() == [322, 250.5]
    assert pixels[1:3, 0] == pytest.approx([322 + 400 * math.pi / 2, 322 + 400 * 3 * math.pi / 4])


# -- the border of the domain --------------------------------------------------------------------


def test_radtan_beyond_its_fold_is_not_valid():
    # r (1 - 0.25 r^2) rises until r^2 = 4/3 and reaches 2/3 of that radius there
    camera = Camera(100, 100, 0, 0, 64, 48, "radtan", (-0.25, 0, 0, 0))
    fold = math.sqrt(4 / 3)
    _, valid = camera.project([[fold * 0.999, 0, 1], [fold * 1.001, 0, 1], [30, 0, 1]])
    assert valid.tolist() == [True, False, False]
    peak = 100 * fold * 2 / 3
    rays, valid = camera.unproject([[peak * 0.9999, 0], [peak * 1.0001, 0], [5000, 0]])
    assert valid.tolist() == [True, False, False]
    assert rays[1:].tolist() == [[0, 0, 0], [0, 0, 0]]
    assert camera.project(rays[0])[0] == pytest.approx([peak * 0.9999, 0], abs=1e-6)


def test_radtan_stops_at_the_pole_of_its_quotient():
    camera = Camera(100, 100, 0, 0, 64, 48, "radtan", (0, 0, 0, 0, 0, -0.25, 0, 0))
    _, valid = camera.project([[1.99, 0, 1], [2.01, 0, 1]])
    assert valid.tolist() == [True, False]


def test_radtan_without_fold_reaches_every_pixel():
    rays, valid = CAMERAS["radtan4"].unproject([[50_000.0, 50_000.0]])
    assert valid.all()
    back, _ = CAMERAS["radtan4"].project(rays)
    assert back == pytest.approx(np.array([[50_000.0, 50_000.0]]), rel=1e-9)


def test_strong_tangential_distortion_ends_where_orientation_flips():
    camera = Camera(100, 100, 0, 0, 64, 48, "radtan", (0, 0, 0.5, 0))
    # d v / d y = 1 + 6 p1 y is zero at y = -1/3
    _, valid = camera.project([[0, -0.33, 1], [0, -0.34, 1]])
    assert valid.tolist() == [True, False]


def test_fisheye_beyond_its_fold_or_180_degrees_is_not_valid():
    plain = Camera(100, 100, 0, 0, 64, 48, "fisheye", (0, 0, 0, 0))
    _, valid = plain.unproject([[100 * math.pi * 0.999, 0], [100 * math.pi * 1.001, 0]])
    assert valid.tolist() == [True, False]
    folding = Camera(100, 100, 0, 0, 64, 48, "fisheye", (-1 / 3, 0, 0, 0))  # folds at 1 rad
    _, valid = folding.project([[math.tan(0.99), 0, 1], [math.tan(1.01), 0, 1]])
    assert valid.tolist() == [True, False]
    _, valid = folding.unproject([[100 * 0.66, 0], [100 * 0.67, 0]])
    assert valid.tolist() == [True, False]


@every_camera
def test_unusable_input_is_marked_and_warns_of_nothing(name):
    camera = CAMERAS[name]
    bad = [[np.nan, 0, 1], [np.inf, 0, 1], [0, 0, 0], [1e308, 1e308, 1e-308], [0, 0, -np.inf]]
    pixels, valid = camera.project(bad)
    assert valid.tolist() == [False, False, False, name == "fisheye", False]
    assert np.isnan(pixels[~valid]).all()
    rays, valid = camera.unproject([[np.nan, 0], [0, np.inf]])
    assert not valid.any()
    assert not rays.any()
    for empty in (camera.project(np.empty((0, 3))), camera.unproject(np.empty((0, 2)))):
        assert empty[1].shape == (0,)


# -- properties ----------------------------------------------------------------------------------


@every_camera
def test_unproject_then_project_every_pixel(name):
    camera = CAMERAS[name]
    grid = camera.pixel_grid()
    rays, valid = camera.unproject(grid)
    assert valid.all()
    assert np.abs(np.linalg.norm(rays, axis=-1) - 1).max() < 1e-14
    assert np.abs(camera.project(rays)[0] - grid).max() < 1e-9


@st.composite
def drawn_cameras(draw):
    number = lambda low, high: draw(st.floats(low, high, allow_nan=False))  # noqa: E731
    model = draw(st.sampled_from(["pinhole", "radtan", "fisheye"]))
    lengths = {"pinhole": [0], "radtan": [4, 5, 8], "fisheye": [4]}[model]
    k = [number(-0.4, 0.4) for _ in range(draw(st.sampled_from(lengths)))]
    if model == "radtan":
        k[2:4] = [k[2] * 0.02, k[3] * 0.02]
    focal = number(200, 1000)
    centre = (number(250, 390), number(200, 310))
    return Camera(focal, focal * number(0.9, 1.1), *centre, 640, 512, model, tuple(k))


@settings(max_examples=150, deadline=None)
@given(drawn_cameras(), st.integers(0, 2**32 - 1))
def test_project_then_unproject_is_the_direction(camera, seed):
    rng = np.random.default_rng(seed)
    points = np.column_stack([rng.uniform(-1.5, 1.5, (50, 2)), rng.uniform(0.5, 4, 50)])
    pixels, valid = camera.project(points)
    rays, seen = camera.unproject(pixels[valid])
    back, _ = camera.project(rays)
    assert seen.all()
    assert np.abs(back - pixels[valid]).max(initial=0) < 1e-6
    # Near the fold a pixel determines its ray to the root of float precision only.
    near = np.abs(points[valid, :2]).max(axis=-1) < 0.3 * points[valid, 2]
    expected = points[valid] / np.linalg.norm(points[valid], axis=-1, keepdims=True)
    assert np.abs(rays - expected)[near].max(initial=0) < 1e-6


@settings(max_examples=60, deadline=None)
@given(drawn_cameras(), st.integers(1, 2000), st.integers(1, 2000), st.integers(0, 2**32 - 1))
def test_scaled_projects_to_the_scaled_place(camera, width, height, seed):
    points = points_in_front(np.random.default_rng(seed), 20)
    full, valid = camera.project(points)
    small, still_valid = camera.scaled(width, height).project(points)
    assert (valid == still_valid).all()
    # the edge of the image, -0.5, stays the edge
    expected = (full + 0.5) * (width / 640, height / 512) - 0.5
    assert np.abs(small - expected)[valid].max(initial=0) < 1e-6


@settings(max_examples=60, deadline=None)
@given(drawn_cameras(), st.integers(0, 600), st.integers(0, 500), st.integers(0, 2**32 - 1))
def test_crop_then_unproject_is_unproject_then_crop(camera, x, y, seed):
    cropped = camera.cropped(x, y, 640 - x, 512 - y)
    points = points_in_front(np.random.default_rng(seed), 20)
    full, valid = camera.project(points)
    assert np.abs(cropped.project(points)[0] + [x, y] - full)[valid].max(initial=0) < 1e-9
    pixels = np.random.default_rng(seed).uniform(0, 640, (20, 2))
    rays, seen = cropped.unproject(pixels)
    full_rays, full_seen = camera.unproject(np.add(pixels, (x, y)))
    agree = seen & full_seen  # at the fold itself rounding decides
    assert (seen == full_seen).mean() > 0.9
    back, expected = cropped.project(rays[agree])[0], camera.project(full_rays[agree])[0] - [x, y]
    assert np.abs(back - expected).max(initial=0) < 1e-6


def test_scaled_by_half_by_hand():
    half = CAMERAS["radtan5"].scaled(320, 256)
    assert (half.fx, half.fy, half.cx, half.cy) == (200, 205, 160.75, 125.0)
    assert half.distortion == RADTAN5
    assert half.scaled(640, 512) == CAMERAS["radtan5"]


# -- other ways to make one ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "distortion", "fov_deg"),
    [("pinhole", (), 32.0), ("radtan", RADTAN4, 80.0), ("fisheye", FISHEYE, 190.0)],
)
def test_from_fov_puts_the_edges_at_half_the_angle(model, distortion, fov_deg):
    camera = Camera.from_fov(640, 512, fov_deg, model=model, distortion=distortion)
    rays, _ = camera.unproject([[-0.5, 255.5], [639.5, 255.5]])
    off_axis = np.degrees(np.arctan2(rays[:, 0], rays[:, 2]))
    assert off_axis == pytest.approx([-fov_deg / 2, fov_deg / 2], abs=1e-2)
    assert camera.fx == camera.fy


def test_from_matrix_round_trip():
    camera = CAMERAS["radtan4"]
    again = Camera.from_matrix(
        camera.K, width=640, height=512, model="radtan", distortion=camera.distortion
    )
    assert again == camera


def test_contains_the_outer_half_of_the_border_pixels():
    inside = Camera(**SIZE).contains([[-0.5, 0], [-0.6, 0], [639.49, 511.49], [639.5, 0]])
    assert inside.tolist() == [True, False, True, False]


def test_pixel_grid_is_column_then_row():
    grid = Camera(1, 1, 0, 0, 3, 2).pixel_grid()
    assert grid.shape == (2, 3, 2)
    assert grid[1, 2].tolist() == [2, 1]


# -- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fx": 0}, "fx must be positive, got 0"),
        ({"fy": -1.0}, "fy must be positive"),
        ({"cx": math.nan}, "cx must be a finite number, got nan"),
        ({"fx": "400"}, "fx must be a finite number, got '400'"),
        ({"width": 0}, "width must be a whole number of pixels >= 1, got 0"),
        ({"height": 2.5}, "height must be a whole number"),
        ({"model": "kb4"}, "unknown camera model 'kb4'. Known: pinhole, radtan, fisheye"),
        ({"distortion": (0.1,)}, "pinhole takes 0 distortion coefficients, got 1"),
        ({"model": "radtan", "distortion": (0.1,)}, "radtan takes 4 or 5 or 8 .* got 1"),
        ({"model": "fisheye"}, "fisheye takes 4 distortion coefficients, got 0"),
        (
            {"model": "fisheye", "distortion": (0, 0, math.inf, 0)},
            r"distortion\[2\] must be a finite number",
        ),
    ],
)
def test_impossible_cameras(change, message):
    with pytest.raises(CalibrationError, match=message):
        Camera(**{**SIZE, **change})


@pytest.mark.parametrize("fov_deg", [0.0, -10.0, 180.0, math.nan])
def test_impossible_field_of_view(fov_deg):
    with pytest.raises(CalibrationError, match="horizontal_fov_deg .* cannot be shown by"):
        Camera.from_fov(640, 512, fov_deg)


def test_matrix_with_skew_is_refused():
    K = CAMERAS["pinhole"].K
    K[0, 1] = 0.5
    with pytest.raises(CalibrationError, match="Skew is not supported"):
        Camera.from_matrix(K, width=640, height=512)


def test_wrong_shapes():
    camera = CAMERAS["pinhole"]
    with pytest.raises(ShapeError, match=r"points must be \(..., 3\), got \(4, 2\)"):
        camera.project(np.zeros((4, 2)))
    with pytest.raises(ShapeError, match=r"pixels must be \(..., 2\), got \(\)"):
        camera.unproject(np.float64(1))
    with pytest.raises(ShapeError, match=r"crop 640x512 at \(1, 0\) does not fit in 640x512"):
        camera.cropped(1, 0, 640, 512)
    with pytest.raises(CalibrationError, match="height must be a whole number"):
        camera.scaled(10, 0)
