import numpy as np

from thermoscope.engine.facts import extra_rows, fact_rows
from thermoscope.engine.measure import describe
from thermoscope.io.thermal_image import CaptureInfo, Source, ThermalImage
from thermoscope.sensor.planck import LinearScale, Planck, PlanckCurve

RAMP = np.arange(30000, 30012, dtype=np.uint16).reshape(3, 4)


def rows(**planes):
    return dict(fact_rows(describe(ThermalImage(**planes))))


def test_radiometric_frame_in_words():
    found = rows(
        counts=RAMP,
        radiometry=LinearScale(0.01),
        capture=CaptureInfo(make="FLIR", model="Boson", horizontal_fov_deg=32.0, t_ns=0),
    )
    assert found["size"] == "4 x 3 px"
    assert found["temperature min"] == "26.85 °C at (0, 0)"
    assert found["temperature max"] == "26.96 °C at (3, 2)"
    assert found["counts"] == "30000 to 30011, median 30006"
    assert found["scale"] == "0.01 K a count, 0 K at 0"
    assert found["camera"] == "FLIR, Boson"
    assert found["field of view"] == "32 deg horizontal"
    assert found["time"] == "1970-01-01T00:00:00.000"
    assert found["quality"] == "no finding"


def test_object_parameters_are_named():
    radiometry = Planck(PlanckCurve(R=16000, B=1430), emissivity=0.9, distance_m=2)
    found = rows(counts=RAMP, radiometry=radiometry)
    assert found["object"] == (
        "emissivity 0.9, reflected 20 °C, distance 2 m, air 20 °C, humidity 50%"
    )


def test_what_is_not_known_is_left_out():
    found = rows(counts=RAMP)
    assert set(found) == {"format", "size", "unit", "temperature", "counts", "quality"}
    assert found["temperature"].startswith("counts of unknown radiometry")
    assert "temperature min" not in found


def test_frame_of_a_longer_file():
    image = ThermalImage(agc=np.zeros((8, 8), np.uint8), source=Source(None, "seq", 3, 10, 8))
    found = dict(fact_rows(describe(image)))
    assert found["format"] == "seq, 8 bit, frame 3 of 10"


def test_extras_are_readable():
    capture = CaptureInfo(extra={"lens_serial": "X1", "range_min_k": 233.15, "empty": None})
    found = extra_rows(describe(ThermalImage(counts=RAMP, capture=capture)))
    assert found == [("lens serial", "X1"), ("range min k", "233.15")]
