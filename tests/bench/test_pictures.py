"""What pictures cost: the benchmark runs and tells the truth, and the page of a large real program stays small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from gradcheck_lm.bench import pictures
from gradcheck_lm.bench.pictures import PAGE_BOUND, SoftReader, chain, measure, page, run_pictures, torchviz, workload
from gradcheck_lm.draw.graph.folding import PAGE
from gradcheck_lm.draw.graph.graph import flow_dot
from gradcheck_lm.flow import diagnose


def test_a_workload_has_about_as_many_operations_as_asked_for() -> None:
    model = workload(400)
    diagnosis = diagnose(model, wrt=model)
    assert diagnosis.ok
    assert 0.8 * 400 <= len(diagnosis.graph.nodes) <= 1.2 * 400


def test_each_size_is_measured_against_torchviz(tmp_path: Path) -> None:
    said: list[str] = []
    path = run_pictures(tmp_path, sizes=(100,), repeats=1, limit=60, progress=said.append)
    report = json.loads((tmp_path / "pictures.json").read_text(encoding="utf-8"))
    (row,) = report["rows"]
    assert row["drawn"] <= PAGE < row["operations"]
    assert row["page_bytes"] < PAGE_BOUND
    assert row["ratio_flow"] == pytest.approx(row["torchviz"]["total_seconds"] / row["flow_seconds"])
    text = path.read_text(encoding="utf-8")
    assert f"| {row['operations']} | {row['autograd_nodes']} |" in text
    assert report["engine"] in text
    assert said[0] == "100 operations"


def test_what_torchviz_cannot_draw_is_said_and_never_a_number() -> None:
    loss, weight = chain(5_000)
    found = torchviz(loss, {"weight": weight}, 1.0)
    assert found["failed"].startswith("RecursionError")
    assert "total_seconds" not in found


def test_a_layout_that_ran_out_of_time_is_a_lower_bound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from gradcheck_lm.errors import LayoutError

    def too_slow(*_: object, **__: object) -> bytes:
        raise LayoutError("too slow")

    monkeypatch.setattr(pictures, "picture", too_slow)
    row = measure(100, tmp_path, repeats=1, limit=7, progress=lambda _: None)
    assert row["torchviz"]["at_least"]
    assert 7 <= row["torchviz"]["total_seconds"] < 8
    loss, weight = chain(20)
    report = {
        "engine": "dot", "load": 0.0, "threads": 1, "torch": torch.__version__, "repeats": 1, "limit": 7.0,
        "rows": [row], "chain": {"operations": 20, "autograd_seconds": 0.1, "drawn": 9,
                                 "torchviz": torchviz(loss, {"w": weight}, 7)},
    }  # fmt: skip
    assert "| > 7.0 | > " in page(report)


@pytest.mark.slow
def test_the_page_of_five_thousand_operations_is_folded_and_stays_small(tmp_path: Path) -> None:
    model = workload(5_000)
    assert isinstance(model, SoftReader)
    diagnosis = diagnose(model, wrt=model)
    nodes = len(diagnosis.graph.nodes)
    assert nodes >= 5_000
    size = diagnosis.save(tmp_path / "report.html").stat().st_size
    assert size < PAGE_BOUND
    drawn = flow_dot(diagnosis).count("[id=")
    assert drawn <= PAGE
    assert f"{nodes} nodes folded into {drawn}" in (tmp_path / "report.html").read_text(encoding="utf-8")
