import re

import pytest

from thermoscope.cli.main import main
from thermoscope.engine import demo
from thermoscope.engine import report as page
from thermoscope.engine.demo import DemoFrame, bundled_samples, run_demo


def text_of(path) -> str:
    return re.sub(r"<[^>]+>|\s+", " ", path.read_text("utf-8").split("</style>")[1])


@pytest.fixture
def without_networks(monkeypatch):
    monkeypatch.setattr(demo, "SECTIONS", (demo.frame_sections, demo.next_section))


@pytest.mark.usefixtures("without_networks")
def test_report_shows_each_frame(frame, folder, tmp_path):
    steps = []
    result = run_demo([folder / "f0.png"], tmp_path / "out", samples=[frame], progress=steps.append)
    assert result.report == tmp_path / "out" / "report.html"
    text = text_of(result.report)
    assert "2 frames. Written by thermoscope" in text
    assert "frame.png (bundled, rendered)" in text
    assert "29310 to 32075" in text or "to 32075, median" in text
    for words in ("Is it sound?", "Tone mappings side by side", "local_field", "What to type next"):
        assert text.count(words) >= 2
    assert text.count("ironbow") >= 1  # palettes once, under the bundled frame
    pictures = result.report.read_text("utf-8").count("data:image/png;base64,")
    assert pictures == (1 + 5 + 6) + (1 + 5)
    assert "reading frame.png" in steps
    assert f"thermoscope spot {frame}" in text


@pytest.mark.usefixtures("without_networks")
def test_a_broken_file_is_a_sentence_in_the_report(frame, broken, tmp_path, capsys):
    assert main(["demo", str(frame), str(broken), "--out", str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    report = tmp_path / "out" / "report.html"
    assert captured.out == f"report: {report}\n"
    assert "broken.png" in captured.err
    assert "1 of them could not be read" in text_of(report)
    assert 'class="notice error"' in report.read_text("utf-8")


def test_without_files_only_the_bundled_frames_are_shown(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path)]) == 0
    text = text_of(tmp_path / "report.html")
    assert text.count("(bundled, rendered)") >= len(bundled_samples())
    assert "thermoscope --help" in text
    for title in (
        "Places: thermal by night",
        "Depth and classes",
        "Depth from two thermal cameras",
    ):
        assert title in text


@pytest.mark.usefixtures("without_networks")
def test_unknown_part_of_a_frame_does_not_lose_the_rest(tmp_path):
    import numpy as np

    file = tmp_path / "nan.tiff"
    import tifffile

    tifffile.imwrite(file, np.full((48, 64), np.nan, np.float32))
    result = run_demo([file], tmp_path / "out", samples=[])
    text = text_of(result.report)
    assert "nan.tiff" in text
    assert "Is it sound?" in text or "could not be read" in text


def test_frame_titles_say_whose_it_is(tmp_path):
    assert DemoFrame(tmp_path / "a.png").title == "a.png"
    assert DemoFrame(tmp_path / "a.tiff", bundled=True).title == "a.tiff (bundled, rendered)"


@pytest.mark.real
@pytest.mark.usefixtures("without_networks")
def test_real_files(real_data, tmp_path):
    file = real_data / "raw" / "flir_rjpeg" / "IR_2412.jpg"
    result = run_demo([file], tmp_path, samples=[])
    text = text_of(result.report)
    assert "temperature max" in text
    assert "FLIR SC660" in text
    assert page.STYLE in result.report.read_text("utf-8")
