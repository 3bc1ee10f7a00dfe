"""What is shown of one camera, in numbers a person can check."""

import base64
import json

import cv2
import numpy as np
import pytest

from thermoscope.core.errors import ReadError, UnknownNameError
from thermoscope.rig.serve_tap import Extreme, Glance, Gone
from thermoscope.rig.serve_view import CameraView

MS = 1_000_000


def glance(camera="left", *, late_ms=0, kelvin_per_count=0.01, image=None, **other):
    stamps = tuple(i * 33_333_333 + late_ms * MS for i in range(90))
    if image is None:
        image = np.tile(np.arange(29_000, 29_064, dtype=np.uint16), (48, 1))
    return Glance(
        camera, image, (640, 480), stamps, 30.0, kelvin_per_count=kelvin_per_count, **other
    )


def view_of(item, name="left"):
    view = CameraView(name, "inferno")
    view.take(item)
    return view


def told(view, reference=None):
    event, data = view.event(reference or view).decode().rstrip("\n").split("\n")
    assert event == "event: camera"
    return json.loads(data.removeprefix("data: "))


def test_rate_and_skew():
    first, second = view_of(glance()), view_of(glance(late_ms=-13), "right")

    assert first.rate_hz == pytest.approx(30.0, abs=1e-6)
    assert first.skew_ms(first) is None
    assert second.skew_ms(first) == pytest.approx(-13.0)
    assert CameraView("new", "inferno").rate_hz == 0.0
    assert CameraView("new", "inferno").skew_ms(first) is None


def test_the_event_has_picture_and_temperatures():
    hot = Extreme(31_015, 0.25, 0.5)
    event = told(view_of(glance(hottest=hot, temperature_k=305.0, ffc="none")))
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(event["jpeg"]), np.uint8), 1)

    assert picture.shape == (48, 64, 3)
    assert picture[:, -8:].mean() > picture[:, :8].mean() + 100  # the hot side is bright
    assert event["hottest"] == {"counts": 31_015, "celsius": 37.0, "x": 0.25, "y": 0.5}
    assert event["coldest"] is None
    assert event["sensor_celsius"] == 31.85
    assert (event["thermal"], event["width_px"], event["lost"]) == (True, 640, "")


def test_counts_of_a_camera_that_is_not_radiometric_are_no_temperature():
    event = told(view_of(glance(kelvin_per_count=0.0, hottest=Extreme(31_015, 0.25, 0.5))))
    assert (event["hottest"]["counts"], event["hottest"]["celsius"]) == (31_015, None)


def test_colour_keeps_its_channels():
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    event = told(view_of(glance(image=red, kelvin_per_count=0.0)))
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(event["jpeg"]), np.uint8), 1)

    assert event["thermal"] is False
    np.testing.assert_allclose(picture[16, 16], [0, 0, 200], atol=6)  # OpenCV: blue first


def test_a_spot_is_the_pixel_at_that_place():
    view = view_of(glance())

    assert view.spot(0.5, 0.5) == {"counts": 29_032, "celsius": 17.17, "x": 0.5, "y": 0.5}
    assert view.spot(1.0, 1.0)["counts"] == 29_063
    with pytest.raises(ReadError, match="left has no thermal picture"):
        CameraView("left", "inferno").spot(0, 0)


def test_a_lost_camera_says_why_until_it_is_back():
    view = view_of(Gone("left", "the cable is out"))
    assert view.lost == "the cable is out"
    assert view.warnings == ["left: the cable is out"]
    assert view_of(Gone("left", "left: no camera")).warnings == ["left: no camera"]
    assert told(view) == {"camera": "left", "lost": "the cable is out"}
    view.take(glance())
    assert view.lost == ""


def test_a_silent_camera_is_lost():
    view = CameraView("left", "inferno", silent_s=0.0)
    view.take(glance())
    assert view.warnings == ["left: no frame for 0 s"]


def test_a_hot_sensor_is_a_warning():
    assert view_of(glance(temperature_k=305.0)).warnings == []
    assert view_of(glance(temperature_k=334.15)).warnings == ["left: the sensor is warm, 61 °C"]
    assert view_of(glance(temperature_k=344.15)).warnings == ["left: the sensor is hot, 71 °C"]


def test_an_unknown_palette_fails_at_the_start():
    with pytest.raises(UnknownNameError, match="infermo"):
        CameraView("left", "infermo")
