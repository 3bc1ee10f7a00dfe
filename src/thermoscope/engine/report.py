"""One HTML file that tells what was found: text, tables, pictures, nothing from elsewhere.

Pictures are inside as PNG data; the page follows the reader's light or dark setting and prints.
Every text is escaped: a file name cannot become markup. What is NOT here: what to show
(`thermoscope.engine.demo`), interactive pages.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from thermoscope.core.checks import check_shape
from thermoscope.core.errors import UnitError
from thermoscope.core.files import atomic_write

__all__ = [
    "Fragment",
    "Report",
    "Severity",
    "badges",
    "columns",
    "commands",
    "drawing",
    "facts",
    "folded",
    "gallery",
    "heading",
    "notice",
    "paragraph",
    "picture",
    "stacked",
    "table",
]

WIDEST_PX = 1600  # a larger picture is shown smaller anyway
Severity = Literal["good", "info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("good", "info", "warning", "error")


@dataclass(frozen=True)
class Fragment:
    """A piece of a page. Made by the functions below, which escape what they are given.

    Attributes:
        markup: HTML.
    """

    markup: str


def _text(value: object) -> str:
    return html.escape("" if value is None else str(value))


def paragraph(text: str) -> Fragment:
    """A paragraph."""
    return Fragment(f"<p>{_text(text)}</p>")


def heading(text: str) -> Fragment:
    """A heading inside a section."""
    return Fragment(f"<h3>{_text(text)}</h3>")


def facts(rows: Iterable[tuple[str, str]]) -> Fragment:
    """Names and values, one pair a line."""
    body = "".join(f"<tr><th>{_text(k)}</th><td>{_text(v)}</td></tr>" for k, v in rows)
    return Fragment(f'<div class="scroll"><table class="facts">{body}</table></div>')


def table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> Fragment:
    """A table with a line of column names."""
    head = "".join(f"<th>{_text(name)}</th>" for name in names)
    body = "".join(
        "<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    markup = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return Fragment(f'<div class="scroll">{markup}</div>')


def notice(text: str, severity: Severity = "info") -> Fragment:
    """A paragraph that stands out.

    Raises:
        UnitError: No such severity.
    """
    return Fragment(f'<p class="notice {_severity(severity)}">{_text(text)}</p>')


def badges(items: Iterable[tuple[Severity, str, str]]) -> Fragment:
    """Findings: severity, short name, explanation.

    Raises:
        UnitError: No such severity.
    """
    lines = "".join(
        f'<li><span class="badge {_severity(severity)}">{_text(name)}</span> {_text(text)}</li>'
        for severity, name, text in items
    )
    return Fragment(f'<ul class="findings">{lines}</ul>')


def _severity(name: str) -> str:
    if name not in SEVERITIES:
        raise UnitError(f"unknown severity {name!r}. Expected one of: {', '.join(SEVERITIES)}.")
    return name


def commands(lines: Iterable[tuple[str, str]]) -> Fragment:
    """Commands to copy, each with what it does (may be empty)."""
    body = "".join(
        f"<dt><code>{_text(line)}</code></dt>" + (f"<dd>{_text(purpose)}</dd>" if purpose else "")
        for line, purpose in lines
    )
    return Fragment(f'<dl class="commands">{body}</dl>')


def picture(pixels: NDArray[np.uint8], caption: str = "", *, alt: str = "") -> Fragment:
    """A picture inside the page, PNG, its longer side at most 1600 px.

    Args:
        pixels: (H, W) grey or (H, W, 3) RGB, uint8.
        caption: Text below.
        alt: Text for who cannot see it; the caption if empty.

    Raises:
        ShapeError: Not a picture.
        UnitError: Not uint8.
    """
    from PIL import Image

    array = np.asarray(pixels)
    if array.dtype != np.uint8:
        raise UnitError(f"a picture must be uint8, got {array.dtype}. Tone-map the frame first.")
    check_shape(array, "H W 3" if array.ndim == 3 else "H W", name="picture")
    image = Image.fromarray(array)
    image.thumbnail((WIDEST_PX, WIDEST_PX))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    small = ' class="pixels"' if max(image.size) < 320 else ""  # single pixels stay visible
    shown = (
        f'<img{small} width="{image.width}" height="{image.height}" '
        f'alt="{_text(alt or caption)}" src="data:image/png;base64,{data}">'
    )
    return _figure(shown, caption)


def drawing(svg: str, caption: str = "") -> Fragment:
    """An SVG drawing made by this package, put in as it is."""
    return _figure(svg, caption)


def _figure(content: str, caption: str) -> Fragment:
    below = f"<figcaption>{_text(caption)}</figcaption>" if caption else ""
    return Fragment(f"<figure>{content}{below}</figure>")


def columns(*fragments: Fragment) -> Fragment:
    """Pieces beside each other where the window is wide enough, the first one wider."""
    body = "".join(f"<div>{f.markup}</div>" for f in fragments)
    return Fragment(f'<div class="columns">{body}</div>')


def stacked(*fragments: Fragment) -> Fragment:
    """Pieces below each other, as one piece."""
    return Fragment(f'<div class="stacked">{"".join(f.markup for f in fragments)}</div>')


def folded(title: str, *fragments: Fragment) -> Fragment:
    """Pieces that open on a click."""
    body = "".join(f.markup for f in fragments)
    return Fragment(f"<details><summary>{_text(title)}</summary>{body}</details>")


def gallery(fragments: Iterable[Fragment]) -> Fragment:
    """Pictures of equal size in rows."""
    return Fragment(f'<div class="gallery">{"".join(f.markup for f in fragments)}</div>')


@dataclass
class Report:
    """A page in the making.

    Attributes:
        title: Heading and title of the page.
        lead: A sentence below it.

    Example:
        >>> report = Report("Frames")
        >>> report.add_section("one.png", paragraph("19 < 20"))
        >>> "<p>19 &lt; 20</p>" in report.html()
        True
    """

    title: str
    lead: str = ""
    _sections: list[tuple[str, list[Fragment]]] = field(default_factory=list, repr=False)

    def add_section(self, title: str, *fragments: Fragment) -> None:
        """Append a section; it gets a line in the contents."""
        self._sections.append((title, list(fragments)))

    def html(self) -> str:
        """The page."""
        anchors = [f"{_slug(title)}-{i}" for i, (title, _) in enumerate(self._sections, 1)]
        entries = [
            f'<li><a href="#{anchor}">{_text(title)}</a></li>'
            for anchor, (title, _) in zip(anchors, self._sections, strict=True)
        ]
        contents = f"<nav><ul>{''.join(entries)}</ul></nav>" if len(entries) > 1 else ""
        body = "\n".join(
            f'<section id="{anchor}"><h2>{_text(title)}</h2>\n'
            + "\n".join(f.markup for f in fragments)
            + "</section>"
            for anchor, (title, fragments) in zip(anchors, self._sections, strict=True)
        )
        lead = f'<p class="lead">{_text(self.lead)}</p>' if self.lead else ""
        return (
            "<!doctype html>\n"
            '<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{_text(self.title)}</title><style>{STYLE}</style></head>\n"
            f"<body><header><h1>{_text(self.title)}</h1>{lead}{contents}</header>\n"
            f"<main>{body}</main></body></html>\n"
        )

    def write(self, path: str | Path) -> Path:
        """Write the page to `path`, whole or not at all.

        Raises:
            WriteError: The file cannot be written.
        """
        target = Path(path)
        with atomic_write(target) as stream:
            # A file name that is not valid UTF-8 must not stop the report.
            stream.write(self.html().encode("utf-8", "replace"))
        return target


def _slug(title: Any) -> str:
    return re.sub(r"[^a-z0-9]+", "-", str(title).lower()).strip("-") or "section"


STYLE = """
:root { color-scheme: light dark; --ink: #1b1d22; --faint: #5d636e; --paper: #fbfbfa;
  --panel: #ffffff; --line: #dcdfe4; --accent: #b4451f; --code: #f1f1ee;
  --good: #2f7d46; --info: #3a6ea5; --warning: #a06a00; --error: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e6ea; --faint: #9aa0ab;
  --paper: #121317; --panel: #1a1c21; --line: #31343b; --accent: #f08a4b; --code: #23262d;
  --good: #67c587; --info: #7db1e8; --warning: #e2b04a; --error: #f2867e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem clamp(1rem, 3vw, 2.5rem) 4rem;
  background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0.5rem 0 0.25rem; }
h2 { font-size: 1.3rem; margin: 0 0 0.9rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 1.6rem 0 0.6rem; }
p { margin: 0.5rem 0; max-width: 46rem; }
.lead, figcaption, dd { color: var(--faint); }
nav ul { display: flex; flex-wrap: wrap; gap: 0.3rem 1.2rem; list-style: none; padding: 0;
  margin: 0.8rem 0 0; font-size: 0.92rem; }
a { color: var(--accent); }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: 1.4rem clamp(1rem, 2.5vw, 1.8rem); margin-top: 1.5rem; }
figure { margin: 0; }
img, svg { display: block; max-width: 100%; height: auto; border-radius: 4px; }
img.pixels { image-rendering: pixelated; width: 100%; }
figcaption { font-size: 0.86rem; line-height: 1.4; margin-top: 0.35rem; }
.columns { display: grid; grid-template-columns: minmax(0, 1.5fr) minmax(0, 1fr);
  gap: 1rem 1.8rem; align-items: start; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr));
  gap: 1.1rem; }
.gallery img { width: 100%; }
@media (max-width: 52rem) { .columns { grid-template-columns: minmax(0, 1fr); } }
.stacked > * + * { margin-top: 1.1rem; }
summary { cursor: pointer; color: var(--faint); font-size: 0.92rem; padding: 0.5rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.92rem; width: 100%;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 0.32rem 0.9rem 0.32rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
thead th, .facts th { color: var(--faint); font-weight: 500; }
.facts th { white-space: nowrap; width: 1%; }
.notice { border-left: 4px solid var(--info); padding: 0.5rem 0.9rem; background: var(--code);
  border-radius: 0 4px 4px 0; overflow-wrap: anywhere; max-width: none; }
.notice.good { border-color: var(--good); } .notice.warning { border-color: var(--warning); }
.notice.error { border-color: var(--error); }
.findings { list-style: none; padding: 0; margin: 0.4rem 0; }
.findings li { padding: 0.22rem 0; max-width: 52rem; }
.badge { display: inline-block; line-height: 1.5; border: 1px solid currentColor;
  border-radius: 999px; padding: 0 0.6rem; font-size: 0.82rem;
  margin-right: 0.35rem; color: var(--info); }
.badge.good { color: var(--good); } .badge.warning { color: var(--warning); }
.badge.error { color: var(--error); }
.commands { margin: 0.4rem 0; }
.commands dt { margin-top: 0.35rem; }
.commands dd { margin: 0.1rem 0 0.7rem; font-size: 0.9rem; }
code { font: 0.88rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  background: var(--code); border-radius: 4px; padding: 0.15rem 0.45rem; overflow-wrap: anywhere;
  -webkit-user-select: all; user-select: all; }
.plot { width: 100%; } .plot .bar { fill: var(--accent); opacity: 0.75; }
.plot text { fill: var(--faint); font: 13px system-ui, sans-serif; }
.plot line { stroke: var(--line); }
@media print { body { max-width: none; } section { break-inside: avoid; border: none; } }
"""
