"""The comparison of stereo networks with SGBM: ratios, gates, pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.stereo_quality import PARTS, SGBM, judged, ratios, real_pair, save_pictures, table

from thermoscope.engine.evaluate_stereo import StereoReport, StereoRow
from thermoscope.engine.stereo_baselines import Sgbm
from thermoscope.metrics.stereo import StereoScores


def report(epe_px: float, bad_3: float) -> StereoReport:
    """A network beside SGBM with EPE 2 px and bad-3 10 %, or 3 px and 8 %."""
    numbers = {"net": (epe_px, bad_3)}
    numbers |= dict(zip(SGBM, ((2.0, 0.1), (3.0, 0.08)), strict=True))
    rows = [
        StereoRow(name, "all", part, StereoScores(epe, bad, {3: bad}))
        for name, (epe, bad) in numbers.items()
        for part in PARTS
    ]
    return StereoReport(("a line",), rows)


GOOD = {"photometric": 0.2, "consistent": 0.9, "median_difference_px": 0.3}
BASELINE = {"photometric": 0.3, "consistent": 0.6, "median_difference_px": 0.0}


def test_a_network_is_compared_with_the_better_sgbm_of_each_score() -> None:
    found = ratios(report(1.0, 0.04), "net")
    assert set(found) == set(PARTS)
    assert found["mean"] == pytest.approx((0.5, 0.5))  # 1 / 2 px and 4 % / 8 %


def test_no_bad_pixel_on_either_side_is_no_error() -> None:
    nothing = report(1.0, 0.0)
    zeros = [
        StereoRow(r.method, r.pixels, r.group, StereoScores(1, 0, {3: 0.0})) for r in nothing.rows
    ]
    assert ratios(StereoReport((), zeros), "net")["mean"] == (1.0, 1.0)


def test_gates(capsys: pytest.CaptureFixture[str]) -> None:
    assert judged("net", report(1.0, 0.05), {"net": GOOD, "sgbm": BASELINE}) == []
    assert "net / sgbm, fog: EPE 0.50" in capsys.readouterr().out
    poor = {"photometric": 0.4, "consistent": 0.6, "median_difference_px": 0.7}
    missed = judged("net", report(1.2, 0.07), {"net": poor, "sgbm": BASELINE})
    assert missed == [
        "EPE 0.60 of SGBM's",
        "bad-3 0.88 of SGBM's",
        "photometric error above SGBM's",
        "less consistent than SGBM",
        "differs from confident SGBM",
    ]


def test_table_has_a_line_for_each_part() -> None:
    lines = table(report(1.0, 0.05), ["net", *SGBM]).splitlines()
    assert len(lines) == 2 + len(PARTS)
    assert lines[2] == "| mean | 1.000, 5.00 | 2.000, 10.00 | 3.000, 8.00 |"


@pytest.mark.real
def test_the_real_pair_gives_pictures_of_disparity_alone(real_data: Path, tmp_path: Path) -> None:
    pair = real_pair()
    assert pair is not None
    assert pair[0].shape == pair[1].shape == (256, 640)
    save_pictures({"sgbm": Sgbm(max_disparity_px=32)}, tuple(np.asarray(v) for v in pair), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["stereo_ms2_sgbm.png"]
