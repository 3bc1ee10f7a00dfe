from pathlib import Path

import numpy as np
import pytest

from thermoscope.core.errors import ReadError
from thermoscope.engine import demo_perception, report
from thermoscope.engine.demo import DemoFrame
from thermoscope.engine.demo_perception import dense_section, place_section
from thermoscope.io.thermal_image import ThermalImage


def page_of(sections):
    made = report.Report("t", "")
    for title, fragments in sections:
        made.add_section(title, *fragments)
    return made.html()


def frame():
    rows, columns = np.mgrid[:90, :120]
    counts = (3000 + 4 * rows + 500 * (np.hypot(rows - 50, columns - 60) < 20)).astype(np.uint16)
    return DemoFrame(Path("a.png"), ThermalImage(counts=counts))


def test_places_are_found_and_shown(monkeypatch):
    monkeypatch.setattr(demo_perception, "PLACES", 4)
    monkeypatch.setattr(demo_perception, "SHOWN_QUERIES", 2)
    text = page_of(place_section([]))
    assert text.count("<figcaption>thermal query") == 2
    assert text.count("(the same place)") >= 1
    assert "after distillation" in text


def test_depth_and_classes_of_every_frame_that_could_be_read():
    broken = DemoFrame(Path("b.png"), error=str(ReadError("broken")))
    text = page_of(dense_section([frame(), broken]))
    assert "a.png: depth" in text
    assert "a.png: classes" in text
    assert "b.png" not in text


def test_a_frame_without_values_becomes_a_sentence():
    empty = DemoFrame(Path("c.png"), ThermalImage(stored_kelvin=np.full((60, 60), np.nan, "f4")))
    text = page_of(dense_section([empty, frame()]))
    assert "c.png:" in text
    assert "a.png: depth" in text


@pytest.mark.parametrize("section", [place_section, dense_section])
def test_without_weights_the_page_says_so(section, monkeypatch):
    monkeypatch.setattr(demo_perception, "BACKBONE", "absent")
    assert "not in this installation" in page_of(section([frame()]))
