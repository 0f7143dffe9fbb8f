"""The benchmark that opens data sets of growing size."""

from __future__ import annotations

import json
from pathlib import Path

from gradcheck_lm.bench.opening import run_opening


def test_it_opens_every_form_and_writes_both_files(tmp_path: Path) -> None:
    page = run_opening(tmp_path, sizes=(25, 50))
    rows = json.loads((tmp_path / "opening.json").read_text())["rows"]
    assert [(row["form"], row["lines"]) for row in rows] == [
        (form, size) for form in ("labels.tsv", "IAM", "PAGE-XML") for size in (25, 50)
    ]
    picture, page_picture = 64 * 400, 2000 * 1400
    for row in rows:
        assert 0 < row["held_bytes"] < picture / 4  # no picture is held
        # a batch of 16 lines of 64 x 512 in floats, and of pages one picture at a time
        assert row["batch_peak_bytes"] < 16 * 64 * 512 * 4 * 2 + (8 * page_picture if row["form"] == "PAGE-XML" else 0)
    assert page.read_text().count("\n| PAGE-XML | ") == 2
