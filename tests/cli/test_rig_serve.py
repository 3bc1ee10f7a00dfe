"""``thermoscope rig serve`` as a person runs it: processes, the printed address, SIGTERM."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from functools import partial

import pytest

from thermoscope.cli.main import main
from thermoscope.cli.rig_cameras import camera_sources
from thermoscope.cli.rig_serve import radiometric
from thermoscope.rig.camera import open_camera
from thermoscope.rig.capture import CaptureSource
from thermoscope.rig.verify import verify_recording

RUN = [sys.executable, "-m", "thermoscope", "rig", "serve", "--simulate", "--size", "0.23"]


def asked(url, body=None):
    headers = {"X-Thermoscope-Console": "1", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        return json.loads(answer.read())


def wait_until(true, seconds=120.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def test_processes_record_and_end_in_order(tmp_path):
    words = [*RUN, "--out", str(tmp_path / "runs"), "--port", "0", "--reserve-gb", "0.01"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            url = re.fullmatch(r"open (http://127\.0\.0\.1:\d+/)\n", process.stdout.readline())[1]
            assert process.stdout.readline() == "Ctrl-C ends it\n"
            wait_until(lambda: len(asked(f"{url}api/state")["shutters"]) == 2)
            name = asked(f"{url}api/record", {"label": "bridge"})["recording"]
            wait_until(lambda: asked(f"{url}api/state")["status"])
            state = asked(f"{url}api/state")
            assert state["state"] == "recording"
            assert state["status"]["frames"].keys() == {
                "thermal_left", "thermal_right", "rgb_left", "rgb_right",
            }  # fmt: skip
        finally:
            process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert said == "closing the cameras\n"
    report = verify_recording(tmp_path / "runs" / name)
    assert report.problems == ()
    assert min(report.frames.values()) > 0


def test_bosons_are_asked_for_temperatures_and_nobody_else():
    def settings_of(address):
        source = CaptureSource("camera", partial(open_camera, address, name="camera"))
        return radiometric(source).open_camera.keywords.get("settings")

    asked_for = settings_of("boson:93588")
    assert (asked_for.extra, asked_for.pixel) == ({"ir16": "tlinear"}, "y16")
    assert settings_of("v4l2:/dev/video2") is None
    for source in camera_sources((), simulate=True, size=0.25):
        camera = radiometric(source).open_camera().settings
        assert (camera.extra.get("ir16") == "tlinear") == source.name.startswith("thermal")


def test_wrong_words(tmp_path, capsys):
    for words, message in (
        ([], "name cameras or pass --simulate"),
        (["--simulate", "--port", "70000"], "port must lie in [0, 65535]"),
        (["--simulate", "--palette", "infermo"], "unknown palette 'infermo'"),
        (["--simulate", "--host", "192.0.2.1", "--port", "0"], "cannot listen on 192.0.2.1"),
    ):
        assert main(["rig", "serve", "--out", str(tmp_path), *words]) == 2
        assert message in capsys.readouterr().err


def test_the_help_names_what_is_not_encrypted(capsys):
    with pytest.raises(SystemExit):
        main(["rig", "serve", "--help"])
    assert "Nothing is encrypted" in capsys.readouterr().out
