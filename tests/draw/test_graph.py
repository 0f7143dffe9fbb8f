"""The flow graph: golden DOT of the story and its fixes, folding, line widths, two graphs in one figure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from child_processes import HANG
from draw_samples import HOSTILE, broken, fixed, large, unreached
from draw_story import ARMS, make
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcheck_lm import diagnose
from gradcheck_lm.draw.graph.folding import PAGE, fold_graph, unfolded
from gradcheck_lm.draw.graph.graph import flow_dot, save_graph, side_by_side
from gradcheck_lm.draw.layout import layout
from gradcheck_lm.draw.layout.layout import picture
from gradcheck_lm.draw.terminal.terminal import diagnosis_text
from gradcheck_lm.errors import LayoutError
from gradcheck_lm.flow.findings.model import Diagnosis, FlowGraph, FlowNode

Golden = Callable[[str, str], None]
STORY = {"dead": ("argmax",), "alive": tuple(name for name in ARMS if name != "argmax")}


@pytest.fixture(scope="module")
def story() -> dict[str, Diagnosis]:
    """Each arm of the story, diagnosed."""
    diagnoses = {}
    for arm in ARMS:
        model, step = make(arm)
        diagnoses[arm] = diagnose(step, wrt=model)
    return diagnoses


def without_measurements(text: str) -> str:
    """Numbers differ in their last digits from machine to machine; what is drawn does not."""
    text = re.sub(r"(gradient norm|value) [-\d.e+]+", r"\1 #", text)
    text = re.sub(r'(class="live", color="#4d4d4d", penwidth=)"[\d.]+"', r'\1"#"', text)
    return re.sub(r"(?m)^(ctc|lm)( +)[\d.]+ (.*?)[\d.e+-]+( +(alive|DEAD))", r"\1\2# \3#\4", text)


@pytest.mark.parametrize("name", ["broken", "fixed"])
def test_dot_of_a_diagnosis_is_as_it_was(golden: Golden, name: str) -> None:
    diagnosis = {"broken": broken, "fixed": fixed}[name]()
    golden(f"flow_{name}.dot", flow_dot(diagnosis, title=name))
    golden(f"flow_{name}_unfolded.dot", flow_dot(diagnosis, fold=False))


def test_dot_of_both_sides_is_as_it_was(golden: Golden) -> None:
    golden("side_by_side.dot", side_by_side(broken(), fixed(), titles=("argmax", "soft embeddings")))


@pytest.mark.needs("numpy")
@pytest.mark.parametrize("arm", ARMS)
def test_the_story_is_drawn_and_told_as_it_was(
    golden: Golden, story: dict[str, Diagnosis], arm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[1] / "support")
    golden(f"story_{arm}.dot", without_measurements(flow_dot(story[arm], title=arm)))
    golden(f"story_{arm}.txt", without_measurements(diagnosis_text(story[arm])))


@pytest.mark.needs("numpy")
def test_the_broken_arm_shows_the_chain_of_cuts(story: dict[str, Diagnosis]) -> None:
    text = flow_dot(story["argmax"])
    cuts = re.findall(r"octagon.*?(GF\d+ \w+).*?<b>(\w+)", text)
    assert cuts[0] == ("GF101 discrete_op", "argmax")
    assert ("GF201 left_torch", "numpy") in cuts
    assert any(kind == "GF105 grad_disabled" for kind, _ in cuts)
    assert re.search(r'class="term beyond p-starved".*<b>lm</b>.*dead: reaches nothing', text)
    assert 'shape="note"' in text
    assert 'class="to-cut"' in text


@pytest.mark.needs("numpy")
@pytest.mark.parametrize("arm", STORY["alive"])
def test_a_fixed_arm_shows_no_cut(story: dict[str, Diagnosis], arm: str) -> None:
    text = flow_dot(story[arm])
    assert "p-starved" not in text
    assert re.search(r'class="term live p-term".*<b>lm</b>', text)


@pytest.mark.needs("numpy")
def test_the_same_diagnosis_gives_the_same_text(story: dict[str, Diagnosis]) -> None:
    model, step = make("argmax")
    assert without_measurements(flow_dot(diagnose(step, wrt=model))) == without_measurements(flow_dot(story["argmax"]))


def test_wrt_is_on_the_left_and_terms_on_the_right() -> None:
    text = flow_dot(broken())
    assert "rankdir=LR" in text
    left = re.search(r"rank=source; (.*?);? }", text)
    right = re.search(r"rank=sink; (.*?);? }", text)
    assert left
    assert right
    roles = dict(re.findall(r'  (n\d+) \[.*?class="(\w+) ', text))
    assert {roles[name] for name in left[1].split("; ")} == {"wrt"}
    assert {roles[name] for name in right[1].split("; ")} == {"term"}


def test_rounds_of_a_loop_are_one_cut() -> None:
    folded = fold_graph(broken().graph)
    tensors = [group for group in folded.groups if group.first.label == "tensor"]
    assert [len(group.members) for group in tensors] == [3]
    assert tensors[0].state == "cut"


def test_wider_lines_carry_more_gradient() -> None:
    text = flow_dot(broken(), fold=False)
    norms = {0: 0.25, 1: 0.02, 2: 1.5, 3: 0.5}
    widths = {n: float(re.search(rf'  n{n} -> .*?penwidth="([\d.]+)"', text)[1]) for n in norms}  # type: ignore[index]
    assert sorted(widths, key=lambda n: widths[n]) == sorted(norms, key=lambda n: norms[n])
    assert widths[1] < widths[2]


@pytest.mark.parametrize("operations", [100, 1000, 5000])
def test_a_large_graph_fits_on_a_page(operations: int) -> None:
    diagnosis = large(operations)
    folded = fold_graph(diagnosis.graph)
    assert len(folded.groups) <= PAGE
    assert sum(len(group.members) for group in folded.groups) == len(diagnosis.graph.nodes)
    assert f"{len(diagnosis.graph.nodes)} nodes folded into {len(folded.groups)}" in flow_dot(diagnosis)


def test_a_small_graph_is_folded_as_little_as_possible() -> None:
    folded = fold_graph(broken().graph)
    modules = {group.module for group in folded.groups if group.role == "op" and group.state == "live"}
    assert {"Model.cnn.0", "Model.cnn.1", "Model.head"} <= modules


def test_folding_leads_in_no_circle_where_it_can() -> None:
    # a module's own operation before and after its part's: folded by name alone they would be one box
    nodes = [
        FlowNode(0, "wrt", "live", "w"),
        FlowNode(1, "op", "live", "before", module="A", file="a.py", line=1),
        FlowNode(2, "op", "live", "inside", module="A.part", file="a.py", line=1),
        FlowNode(3, "op", "live", "after", module="A", file="a.py", line=1),
        FlowNode(4, "term", "live", "loss"),
    ]
    graph = FlowGraph(tuple(nodes), ((0, 1), (1, 2), (2, 3), (3, 4)))
    folded = fold_graph(graph)
    assert all(a < b for a, b in folded.edges)
    assert len(folded.groups) == 5


def test_a_long_loop_is_drawn_as_a_circle_with_its_lines() -> None:
    nodes = [FlowNode(0, "wrt", "live", "w")]
    for i in range(300):
        nodes.append(FlowNode(i + 1, "op", "live", "ab"[i % 2], file="loop.py", line=5 + i % 2))
    nodes.append(FlowNode(301, "term", "live", "loss"))
    folded = fold_graph(FlowGraph(tuple(nodes), tuple((i, i + 1) for i in range(301))))
    assert [group.places for group in folded.groups[1:3]] == [(("loop.py", 5),), (("loop.py", 6),)]
    assert {(1, 2), (2, 1)} <= set(folded.edges)


def test_unfolded_shows_every_operation() -> None:
    diagnosis = broken()
    assert len(unfolded(diagnosis.graph).groups) == len(diagnosis.graph.nodes)
    assert flow_dot(diagnosis, fold=False).count("[id=") == len(diagnosis.graph.nodes)


def test_parameters_without_gradient_are_marked() -> None:
    text = flow_dot(unreached())
    assert "no gradient" in text
    assert "gradient 0 in 1 of them" in text or "gradient 0" in text


def test_side_by_side_has_the_same_places_on_both_sides() -> None:
    text = side_by_side(broken(), fixed())
    names = {mark: set(re.findall(rf"    {mark}(\d+) \[", text)) for mark in "ab"}
    assert names["a"] == names["b"]
    edges = {mark: set(re.findall(rf"{mark}(\d+) -> {mark}(\d+)", text)) for mark in "ab"}
    assert edges["a"] == edges["b"]
    lost = [line for line in text.splitlines() if "invis" in line and "octagon" in line]
    assert len(lost) == 3  # argmax, numpy and tensor are empty places in the fixed half
    new = [line for line in text.splitlines() if "#e3f5e9" in line]
    assert {re.findall("<b>(.*?)</b>", line)[0] for line in new} == {"softmax", "matmul", "cross_entropy", "lm"}
    assert all(line.strip()[0] == "b" for line in new)


@pytest.mark.needs("layout")
def test_an_empty_graph_is_drawn() -> None:
    empty = Diagnosis(True, (), {}, (), ())
    for text in (flow_dot(empty), side_by_side(empty, empty)):
        assert b"<svg" in picture(text, "svg")


@pytest.mark.needs("layout")
@pytest.mark.parametrize("text", [HOSTILE, 'a"b\\', "日本語 & <b>", "\x00\x1b[31m", "]]>-->", "${x}%N\\N\\G"])
def test_any_text_can_be_in_a_label(text: str) -> None:
    svg = picture(flow_dot(broken(text), title=text), "svg").decode()
    assert "<script" not in svg


@pytest.mark.needs("layout")
@given(st.text(max_size=12))
@settings(max_examples=15, deadline=None)
def test_any_text_at_all_can_be_in_a_label(text: str) -> None:
    diagnosis = Diagnosis(
        True, (), {}, (), (), FlowGraph((FlowNode(0, "op", "live", text, module=text, file=text, line=1),))
    )
    assert b"</svg>" in picture(flow_dot(diagnosis, title=text), "svg")


def test_saving_folds_further_when_time_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def slow_above_ten(text: str, path: Path, *, timeout: float) -> Path:
        tried.append(text.count("[id="))
        if tried[-1] > 12:
            raise LayoutError("too slow")
        return path

    monkeypatch.setattr(layout, "render", slow_above_ten)
    save_graph(broken(), tmp_path / "graph.svg")
    assert tried[-1] <= 12 < tried[0]


@pytest.mark.needs("layout")
def test_saving_unfolded_falls_back_to_folding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw, tried = layout.render, []

    def slow_above_a_thousand(text: str, path: Path, **options: Any) -> Path:
        tried.append(text.count("[id="))
        if tried[-1] > 1000:
            raise LayoutError("too slow")
        return draw(text, path, **options)

    monkeypatch.setattr(layout, "render", slow_above_a_thousand)
    diagnosis = dataclasses.replace(large(2000), notes=())
    path = save_graph(diagnosis, tmp_path / "graph.svg", fold=False, timeout=HANG)
    assert tried[0] > 1000 > tried[-1]
    assert "nodes folded into" in path.read_text(encoding="utf-8")


ENGLISH = re.compile(
    "asked about|gradient norm|no gradient|gradient 0|solid:|octagon:|folded into|reaches nothing|tensors|of them|"
    "shape \\(|Python value|the same step|what changed|broken|fixed| lines?<| more<"
)


def _bare(dot: str) -> list[str]:
    """DOT text without what is written in it: the same nodes and edges, painted alike."""
    dot = re.sub(r"label=<.*?>(?=[,;\]])", "", dot)
    return re.sub(r', tooltip="[^"]*"|^.*folded.*$', "", dot, flags=re.MULTILINE).splitlines()


@pytest.mark.parametrize("make_one", [broken, fixed, unreached, lambda: large(300)])
@pytest.mark.parametrize("fold", [True, False])
def test_in_japanese_it_is_the_same_graph_with_japanese_words(make_one: Callable[[], Diagnosis], fold: bool) -> None:
    english, japanese = (flow_dot(make_one(), fold=fold, language=language) for language in ("en", "ja"))
    assert _bare(japanese) == _bare(english)
    assert ENGLISH.search(english)
    assert not ENGLISH.search(japanese), ENGLISH.search(japanese)
    assert "勾配" in japanese


def test_two_graphs_in_japanese() -> None:
    text = side_by_side(broken(), fixed(), language="ja")
    assert "修正前" in text
    assert "修正後" in text
    assert not ENGLISH.search(text), ENGLISH.search(text)


@pytest.mark.needs("layout")
def test_a_saved_picture_is_in_japanese_where_its_letters_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for ending in (".svg", ".dot"):
        text = save_graph(broken(), tmp_path / f"g{ending}", language="ja").read_text(encoding="utf-8")
        assert "勾配ノルム" in text
    drawn: list[str] = []
    monkeypatch.setattr(layout, "_run", lambda engine, text, kind, deadline: drawn.append(text) or b"picture")
    for fonts, word in (("bundled", "gradient norm"), ("system", "勾配ノルム")):
        monkeypatch.setattr(layout, "engines", lambda fonts=fonts: (layout.Engine("one", ("one",), fonts, True),))
        monkeypatch.setattr(layout, "_system_has_japanese", lambda: True)
        save_graph(broken(), tmp_path / "g.png", language="ja")
        assert word in drawn.pop(), fonts
