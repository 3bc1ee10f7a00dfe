import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from thermoscope.core.errors import ShapeError, UnitError, WriteError
from thermoscope.engine import report as page
from thermoscope.engine.report import Report

VOID = {"meta", "img", "link", "br", "hr", "input"}


class Page(HTMLParser):
    """Text, tags and attributes of a page; fails where tags do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [(k, v) for k, v in attrs if k in ("src", "href", "srcset", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def report(rng) -> Report:
    grey = rng.integers(0, 256, (30, 40), dtype=np.uint8)
    report = Report("Title <b>", "Lead & more")
    report.add_section(
        "a/<i>.png",
        page.columns(
            page.stacked(page.picture(grey, "caption"), page.drawing("<svg></svg>", "drawn")),
            page.facts([("temperature", "20 °C"), ("<k>", "<v>")]),
        ),
        page.folded("more", page.table(("x", "y"), [(1, None), (2, "<z>")])),
    )
    report.add_section(
        "a/<i>.png",
        page.heading("Found"),
        page.badges([("warning", "torn", "part is missing"), ("good", "sound", "")]),
        page.notice("could not read 'x'", "error"),
        page.commands([("thermoscope info 'a b'", "what it is")]),
        page.gallery([page.picture(np.dstack([grey] * 3))]),
        page.paragraph("1 < 2"),
    )
    return report


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(report):
    text = report.html()
    found = Page(text)
    assert found.tags.count("section") == 2
    assert found.tags.count("img") == 2
    for name, target in found.links:
        assert (name, target[:1]) == ("href", "#") or target.startswith("data:image/png;base64,")
    assert not re.search(r"https?:|url\(|@import|<script", text)


def test_every_text_is_escaped(report):
    text = report.html()
    assert "<title>Title &lt;b&gt;</title>" in text
    assert "<p>1 &lt; 2</p>" in text
    for bare in ("<i>", "<k>", "<v>", "<z>"):
        assert bare not in text
    assert "None" not in text


def test_sections_of_one_name_have_their_own_anchors(report):
    text = report.html()
    assert re.findall(r'<section id="([^"]+)"', text) == ["a-i-png-1", "a-i-png-2"]
    assert re.findall(r'href="#([^"]+)"', text) == ["a-i-png-1", "a-i-png-2"]


def test_one_section_needs_no_contents():
    report = Report("T")
    report.add_section("only", page.paragraph("x"))
    assert "<nav>" not in report.html()


def test_pixels_survive(rng):
    pixels = rng.integers(0, 256, (7, 9, 3), dtype=np.uint8)
    markup = page.picture(pixels, "c").markup
    data = re.search(r"base64,([^\"]+)", markup)
    decoded = np.asarray(Image.open(io.BytesIO(base64.b64decode(data[1]))))
    assert (decoded == pixels).all()
    assert 'alt="c"' in markup
    assert 'class="pixels"' in markup  # small: enlarged without blur


def test_a_large_picture_is_made_smaller():
    markup = page.picture(np.zeros((1000, 4000), np.uint8)).markup
    assert 'width="1600" height="400"' in markup
    assert "pixels" not in markup


def test_light_and_dark_define_the_same_colours():
    root, dark = re.findall(r":root \{([^}]*)\}", page.STYLE)
    names = [set(re.findall(r"(--[a-z]+):", block)) for block in (root, dark)]
    assert names[0] == names[1]
    assert set(re.findall(r"var\((--[a-z]+)\)", page.STYLE)) <= names[0]


def test_write_is_utf8_and_returns_the_path(report, tmp_path):
    report.add_section("caf\u00e9 \udce9", page.paragraph("\u00b0C"))  # a name that is no UTF-8
    path = report.write(tmp_path / "deep" / "report.html")
    assert "caf\u00e9 ?" in path.read_text("utf-8")
    with pytest.raises(WriteError, match="cannot write"):
        report.write(tmp_path / "deep")


def test_misuse():
    with pytest.raises(UnitError, match="a picture must be uint8, got float64"):
        page.picture(np.zeros((4, 4)))
    with pytest.raises(ShapeError, match=r"picture must be \(H, W, 3\)"):
        page.picture(np.zeros((4, 4, 2), np.uint8))
    with pytest.raises(UnitError, match="unknown severity 'fatal'. Expected one of: good, info"):
        page.notice("x", "fatal")
    with pytest.raises(UnitError, match="unknown severity"):
        page.badges([("bad", "x", "y")])
