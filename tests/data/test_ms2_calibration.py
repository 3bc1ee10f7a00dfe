"""MS2's pickled calibration: plain values pass, anything that could run is refused unrun."""

import os
import pickle
import shutil

import numpy as np
import pytest

from thermoscope.core.errors import CalibrationError, DatasetCorruptError
from thermoscope.data.ms2_calibration import load_plain_object, read_calibration


def calibration():
    """A colour camera 0.1 m to the right of the infrared one, thermal 0.2 m below it."""
    still, K = np.eye(3), np.array([[400.0, 0, 320], [0, 400, 128], [0, 0, 1]])
    return {
        "K_thrL": K,
        "K_rgbL": 2 * K,
        "K_nirL": K,
        "R_thrR": still,
        "T_thrR": np.array([[-300.0], [0], [0]]),
        "R_nir2thr": still,
        "T_nir2thr": np.array([[0.0], [-200], [0]]),
        "R_nir2rgb": still,
        "T_nir2rgb": np.array([-100.0, 0, 0]),
    }


def write(path, value):
    np.save(path, np.array(value, dtype=object), allow_pickle=True)
    return path


def test_millimetres_become_metres(tmp_path):
    found = read_calibration(write(tmp_path / "calib.npy", calibration()))
    assert (found.focal_px, found.baseline_m) == (400.0, 0.3)
    assert found.T_left_right[0, 3] == pytest.approx(0.3)  # the right camera stands at x = +0.3
    np.testing.assert_allclose(found.T_thermal_colour["nir"][:3, 3], [0, -0.2, 0])
    np.testing.assert_allclose(found.T_thermal_colour["rgb"][:3, 3], [0.1, -0.2, 0])


def test_plain_values_of_every_protocol(tmp_path):
    value = {"a": [np.float64(1.5), (np.arange(3), "text", b"bytes")], "b": None}
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / f"{protocol}.npy"
        np.save(path, np.array({}, dtype=object), allow_pickle=True)
        header = path.read_bytes()[:128]
        path.write_bytes(header + pickle.dumps(np.array(value, dtype=object), protocol=protocol))
        found = load_plain_object(path)
        assert (found["a"][0], found["a"][1][1:]) == (1.5, ("text", b"bytes"))
        np.testing.assert_array_equal(found["a"][1][0], [0, 1, 2])


class Hostile:
    """What an attacker would put in the place of a matrix."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("call", ["os.mkdir", "builtins.eval", "shutil.rmtree"])
def test_a_hostile_pickle_does_not_run(tmp_path, call):
    victim, trace = tmp_path / "victim", tmp_path / "trace"
    victim.mkdir()
    attacks = {
        "os.mkdir": Hostile(os.mkdir, str(trace)),
        "builtins.eval": Hostile(eval, f"__import__('os').mkdir({str(trace)!r})"),
        "shutil.rmtree": Hostile(shutil.rmtree, str(victim)),
    }
    path = write(tmp_path / "calib.npy", {**calibration(), "K_thrL": attacks[call]})
    name = call.rpartition(".")[2]
    with pytest.raises(DatasetCorruptError, match=rf"calib.npy is refused: it asks for .*{name}"):
        read_calibration(path)
    assert victim.is_dir()
    assert not trace.exists()
    if call != "shutil.rmtree":  # the attack is a real one: numpy's own reader runs it
        np.load(path, allow_pickle=True)
        assert trace.is_dir()


def test_files_that_are_no_calibration(tmp_path):
    path = tmp_path / "calib.npy"
    with pytest.raises(DatasetCorruptError, match="is refused: .*No such file"):
        load_plain_object(path)
    path.write_bytes(b"PK\x03\x04 no numpy file")
    with pytest.raises(DatasetCorruptError, match="is refused: .*magic"):
        load_plain_object(path)
    np.save(path, np.eye(3))
    with pytest.raises(DatasetCorruptError, match="holds float64 numbers; expected a pickled dict"):
        load_plain_object(path)
    write(path, calibration())
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(DatasetCorruptError, match=r"calib.npy is refused"):
        load_plain_object(path)
    path.write_bytes(bytes(1_000_001))
    with pytest.raises(DatasetCorruptError, match="has more than 1000000 bytes"):
        load_plain_object(path)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"K_thrL": None}, DatasetCorruptError, "Expected matrices of numbers"),
        ({"T_thrR": np.zeros(2)}, DatasetCorruptError, r"T_thrR is \(2,\), not \(3,\) finite"),
        ({"T_thrR": np.zeros(3)}, CalibrationError, "states a thermal baseline of 0"),
        ({"R_thrR": np.ones((3, 3))}, CalibrationError, "rotation"),
    ],
)
def test_wrong_matrices(tmp_path, change, kind, message):
    path = write(tmp_path / "calib.npy", {**calibration(), **change})
    with pytest.raises(kind, match=message):
        read_calibration(path)


def test_missing_keys(tmp_path):
    stored = calibration()
    del stored["T_nir2thr"]
    with pytest.raises(DatasetCorruptError, match="lacks 'T_nir2thr'. Expected K_thrL, K_rgbL"):
        read_calibration(write(tmp_path / "calib.npy", stored))
    with pytest.raises(DatasetCorruptError, match="holds ndarray; expected a dict"):
        read_calibration(write(tmp_path / "calib.npy", [1, 2]))
