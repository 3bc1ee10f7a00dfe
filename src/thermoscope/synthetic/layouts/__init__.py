"""On-disk layouts of public data sets, written from rendered scenes."""

from __future__ import annotations

from thermoscope.synthetic.layouts import (
    cats,
    fmb,
    kp,
    mfnet,
    ms2,
    npz,
    pst900,
    semanticrt,
    tartanrgbt,
)
from thermoscope.synthetic.layouts.layout import LAYOUTS, Layout
from thermoscope.synthetic.layouts.run import Progress, RenderPlan, render_layout

__all__ = [
    "LAYOUTS",
    "Layout",
    "Progress",
    "RenderPlan",
    "cats",
    "fmb",
    "kp",
    "mfnet",
    "ms2",
    "npz",
    "pst900",
    "render_layout",
    "semanticrt",
    "tartanrgbt",
]
