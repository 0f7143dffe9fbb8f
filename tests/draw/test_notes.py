"""What must not alarm a reader: notes in amber, paths without this machine's folders, tables with whole words."""

from __future__ import annotations

import dataclasses
import io
import sysconfig
from pathlib import Path

import pytest
from draw_samples import broken, harmless
from rich.cells import cell_len
from rich.console import Console

from gradcheck_lm.draw.graph.chains import contract_chains
from gradcheck_lm.draw.graph.folding import fold_graph, unfolded
from gradcheck_lm.draw.graph.graph import flow_dot
from gradcheck_lm.draw.page.page import page_html
from gradcheck_lm.draw.page.report import Report
from gradcheck_lm.draw.terminal.terminal import diagnosis_text, table
from gradcheck_lm.flow.findings.model import FlowGraph, FlowNode
from gradcheck_lm.flow.findings.paths import short_path


def test_a_note_is_amber_and_a_cut_is_red() -> None:
    red, amber = flow_dot(broken()), flow_dot(harmless())
    assert "p-cut" in red
    assert "to-cut" in red
    assert "p-cut" not in amber
    assert "to-cut" not in amber
    assert "p-aside" in amber
    assert "to-aside" in amber
    assert "amber octagon" in amber


@pytest.mark.needs("layout")
def test_a_note_is_told_without_a_cure() -> None:
    assert "cure:" in diagnosis_text(broken())
    assert "cure:" not in diagnosis_text(harmless())
    page = page_html(Report(diagnoses={"": harmless()}))
    assert "What to use instead" not in page
    assert "If a gradient is wanted here" in page
    assert 'data-zoom="cut"' not in page
    assert "cut on a side path, harmless" in page


def test_paths_do_not_name_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(short_path.__code__.co_filename).parents[2]
    monkeypatch.chdir(tmp_path)
    assert short_path(str(package / "penalties" / "argmax.py")) == "gradcheck_lm/penalties/argmax.py"
    assert short_path("/opt/x/lib/python3.11/site-packages/transformers/loss/utils.py") == "transformers/loss/utils.py"
    inside = tmp_path / "venv" / "lib" / "site-packages" / "numpy" / "core.py"
    assert short_path(str(inside)) == "numpy/core.py"
    assert short_path(f"{sysconfig.get_path('stdlib')}/json/decoder.py") == "json/decoder.py"
    assert short_path(str(tmp_path / "train.py")) == "train.py"
    assert short_path("train.py") == "train.py"
    assert short_path("<stdin>") == "<stdin>"
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "mine" / "part").mkdir(parents=True)
    for folder in ("mine", "mine/part"):
        (elsewhere / folder / "__init__.py").touch()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert short_path(str(elsewhere / "mine" / "part" / "a.py")) == "mine/part/a.py"
    assert short_path(str(elsewhere / "script.py")) == "elsewhere/script.py"


def test_text_and_page_hold_no_path_of_this_machine(tmp_path: Path) -> None:
    far = str(tmp_path / "site-packages" / "transformers" / "loss" / "loss_utils.py")
    sample = broken()
    finding = dataclasses.replace(sample.findings[0], file=far, library=(far, 42), scope=(far, 7))
    diagnosis = dataclasses.replace(sample, findings=(finding, *sample.findings[1:]))
    page = page_html(Report(diagnoses={"": diagnosis}, configuration={"recogniser": str(tmp_path / "a" / "b.bin")}))
    for text in (diagnosis_text(diagnosis), page):
        assert str(tmp_path) not in text
        assert "transformers/loss/loss_utils.py:42" in text


@pytest.mark.parametrize("width", [24, 40, 60, 80, 120])
def test_cells_break_only_at_spaces(width: int) -> None:
    columns = ["arm", "CER % before", "after", "change, 95 %", "LM nats/char", "length", "LM gradient", "weights"]
    rows = [
        ["policy_gradient", 23.2, 19.2, "-5.0 .. -3.0", "3.23 > 2.89", 0.97, 25.1234, "moved"],
        ["argmax", 23.2, 23.4, "-0.3 .. +0.7", "3.23 > 3.21", 0.97, 0.0, "= CTC alone"],
    ]
    stream = io.StringIO()
    Console(file=stream, width=width).print(table("Results", columns, rows))
    lines = stream.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    printed = set(stream.getvalue().split())
    words = {word for head in columns for word in head.split()} | {"policy_gradient", "25.1234", "23.2000", "alone"}
    if width > 24:  # below that not even the longest word and its name fit
        assert words <= printed


def test_chains_are_joined_and_cuts_are_not() -> None:
    nodes = [FlowNode(0, "wrt", "live", "w")]
    for i in range(1, 30):
        state = "cut" if i == 15 else "live" if i < 15 else "beyond"
        nodes.append(FlowNode(i, "op", state, f"op{i}", file="a.py", line=i, finding=0 if i == 15 else None))
    nodes.append(FlowNode(30, "term", "beyond", "loss"))
    folded = unfolded(FlowGraph(tuple(nodes), tuple((i, i + 1) for i in range(30))))
    narrow = contract_chains(folded, limit=40, columns=6)
    assert len(narrow.groups) <= 6
    assert [group.state for group in narrow.groups].count("cut") == 1
    assert sum(len(group.members) for group in narrow.groups) == 31
    assert all(tail < head for tail, head in narrow.edges)
    assert contract_chains(folded, limit=40, columns=40) is folded


def test_joining_leads_in_no_circle() -> None:
    # 1 and 3 belong together by their module, but 2 lies between them on one of the two ways
    modules = {1: "A", 2: "B", 3: "A"}
    nodes = [FlowNode(0, "wrt", "live", "w")]
    nodes += [FlowNode(i, "op", "live", f"op{i}", module=modules[i]) for i in modules]
    nodes.append(FlowNode(4, "term", "live", "loss"))
    edges = ((0, 1), (1, 2), (1, 3), (2, 3), (3, 4))
    for limit in (4, 3):
        folded = contract_chains(unfolded(FlowGraph(tuple(nodes), edges)), limit=limit, columns=9)
        assert len(folded.groups) == limit
        assert all(tail < head for tail, head in folded.edges)


def test_a_folded_real_graph_is_narrow() -> None:
    folded = fold_graph(broken().graph, columns=5)
    assert len(folded.groups) < len(fold_graph(broken().graph).groups)
