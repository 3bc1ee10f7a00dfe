"""The verb from end to end: a bag of somebody, imported, looked at, replayed."""

import json
from itertools import count

import numpy as np
import pytest
from tests.fakes.bag_files import NS, Messages, write_bag

from thermoscope.cli.main import main

T0 = 1_600_000_000 * NS
COUNTS = np.arange(48, dtype=np.uint16).reshape(6, 8)


@pytest.fixture
def bag(tmp_path):
    make, stamps = Messages("ros1"), count(T0, NS // 10)
    messages = [
        (topic, t, make.image(t, COUNTS, "mono16"))
        for t, _ in zip(stamps, range(4), strict=False)
        for topic in ("/boson/image_raw", "/spare/image_raw")
    ]
    return write_bag(tmp_path / "run", "ros1", [*messages, ("/gps", T0, make.fix(T0, 1.0, 2.0))])


def test_import_info_verify_replay(bag, tmp_path, capsys):
    out = str(tmp_path / "run1")
    assert main(["rig", "import", str(bag), out]) == 0
    text = capsys.readouterr().out
    assert "/gps" in text
    assert "is sensor_msgs/msg/NavSatFix" in text
    assert "no calibration: thermoscope rig calibrate" in text
    assert main(["rig", "verify", out]) == 0
    assert main(["rig", "info", out]) == 0
    assert "stopped: imported from run.bag" in capsys.readouterr().out
    assert main(["rig", "replay", out, "--fast"]) == 0
    assert "boson 4, spare 4 frames" in capsys.readouterr().out


def test_topics_that_were_asked_for(bag, tmp_path, capsys):
    words = ["rig", "import", str(bag), str(tmp_path / "run1"), "--json"]
    names = ["--topic", "left=/boson/image_raw", "--topic", "right=/spare/image_raw"]
    assert main([*words, *names]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["frames"] == {"left": 4, "right": 4}
    assert told["skipped"] == [{"topic": "/gps", "reason": "was not asked for", "messages": 1}]


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (["/boson/image_raw"], "--topic must be NAME=/topic, got '/boson/image_raw'"),
        (["a=/x", "a=/y"], "--topic a=/y repeats a camera or a topic"),
    ],
)
def test_wrong_topics(words, match, bag, tmp_path, capsys):
    named = [part for word in words for part in ("--topic", word)]
    assert main(["rig", "import", str(bag), str(tmp_path / "run1"), *named]) == 2
    assert match in capsys.readouterr().err
