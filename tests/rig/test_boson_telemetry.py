"""Telemetry rows, against an encoder that was written from byte offsets instead of word numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thermoscope.core.errors import CameraError
from thermoscope.rig.boson_telemetry import decode_telemetry, split_telemetry
from thermoscope.rig.camera import FfcState
from thermoscope.rig.simulated_device import encode_telemetry
from thermoscope.rig.simulated_plan import RigPlan
from thermoscope.rig.simulated_timeline import timeline

PLAN = RigPlan(duration_s=1)
PLANNED = next(timeline(PLAN, PLAN.cameras[0]))
LARGE = replace(
    PLANNED, counter=0x0001_0002, clock_ms=0x0003_0004, ffc=FfcState.RUNNING, temperature_k=350.0
)


def test_32_bit_values_have_their_high_word_first() -> None:
    told = decode_telemetry(encode_telemetry(LARGE, 93_588, 640))

    assert (told.counter, told.clock_ms, told.serial) == (65_538, 196_612, "93588")
    assert (told.revision, told.ffc, told.temperature_k) == (2, FfcState.RUNNING, 350.0)
    assert (told.over_temperature, told.ffc_desired, told.ffc_temperature_k) == (True, False, 305.0)


@pytest.mark.parametrize("state", list(FfcState))
def test_every_shutter_state(state: FfcState) -> None:
    row = encode_telemetry(replace(PLANNED, ffc=state), 1, 320)

    assert decode_telemetry(np.frombuffer(row, "<u2")).ffc is state
    assert not decode_telemetry(row).over_temperature


def test_rows_at_either_end() -> None:
    image = np.arange(4 * 160, dtype=np.uint16).reshape(4, 160) + 20_000
    row = np.frombuffer(encode_telemetry(PLANNED, 93_588, 160), "<u2")
    rows = np.stack((row, np.zeros_like(row)))

    for picture in (np.vstack((rows, image)), np.vstack((image, rows))):
        got, told = split_telemetry(picture, "93588")
        np.testing.assert_array_equal(got, image)
        np.testing.assert_array_equal(told, row)


def test_a_row_of_another_camera_is_none() -> None:
    row = np.frombuffer(encode_telemetry(PLANNED, 93_588, 160), "<u2")
    picture = np.vstack((row, np.zeros((5, 160), np.uint16)))

    assert split_telemetry(picture, "7")[1] is None
    assert split_telemetry(picture, "")[1] is not None


def test_what_is_no_telemetry() -> None:
    with pytest.raises(CameraError, match="telemetry revision must be 1 to 3, got 21000"):
        decode_telemetry(np.full(640, 21_000, np.uint16))
    with pytest.raises(CameraError, match="more than 141 words, got 80"):
        decode_telemetry(bytes(160))
