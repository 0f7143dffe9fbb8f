"""The real penalties drawn and told: golden files of the flow graph, the autograd graph and the terminal's text."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("numpy", reason="needs gradcheck_lm[lab]")

from draw_arms import ARMS, BROKEN, make, without_measurements
from drawn import check

from gradcheck_lm import diagnose
from gradcheck_lm.draw.autograd.autograd import autograd_dot
from gradcheck_lm.draw.graph.graph import flow_dot
from gradcheck_lm.draw.layout.layout import engines, render
from gradcheck_lm.draw.terminal.terminal import diagnosis_text
from gradcheck_lm.flow.findings.model import Diagnosis

Golden = Callable[[str, str], None]
WORKING = tuple(name for name in ARMS if name not in BROKEN)


@pytest.fixture(scope="module")
def diagnoses() -> dict[str, Diagnosis]:
    found = {}
    for arm in ARMS:
        model, step = make(arm)
        found[arm] = diagnose(step, wrt=model)
    return found


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_is_drawn_and_told_as_it_was(golden: Golden, diagnoses: dict[str, Diagnosis], arm: str) -> None:
    golden(f"arm_{arm}.dot", without_measurements(flow_dot(diagnoses[arm], title=arm)))
    golden(f"arm_{arm}.txt", without_measurements(diagnosis_text(diagnoses[arm])))


@pytest.mark.parametrize("arm", ARMS)
def test_every_arms_autograd_graph_is_as_it_was(golden: Golden, arm: str) -> None:
    model, step = make(arm)
    text = autograd_dot({"lm": step()["lm"]}, params=dict(model.named_parameters()), title=arm)
    golden(f"arm_{arm}_autograd.dot", text)


@pytest.mark.parametrize("arm", ARMS)
def test_a_picture_says_whether_the_penalty_teaches(diagnoses: dict[str, Diagnosis], arm: str) -> None:
    flow, told = flow_dot(diagnoses[arm]), diagnosis_text(diagnoses[arm])
    model, step = make(arm)
    autograd = autograd_dot({"lm": step()["lm"]}, params=dict(model.named_parameters()))
    broken = arm in BROKEN
    assert ("p-starved" in flow) == broken
    assert ('class="to-cut"' in flow) == broken
    assert ("lm: DEAD" in told) == broken
    assert ("nowhere to go" in autograd) == broken
    assert ("head.weight" in autograd) != broken


def test_the_golden_files_are_those_of_the_arms_there_are() -> None:
    there = {path.name for path in (Path(__file__).parents[1] / "golden").glob("arm_*")}
    assert there == {f"arm_{arm}{ending}" for arm in ARMS for ending in (".dot", ".txt", "_autograd.dot")}


@pytest.mark.parametrize("hidden", [True, False], ids=["dot hidden", "dot as it is"])
@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_broken_arm_is_rendered_with_and_without_dot(
    tmp_path: Path, diagnoses: dict[str, Diagnosis], kind: str, hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if hidden:
        monkeypatch.setenv("PATH", "")
        assert engines()[0].name != "dot"
    elif engines()[0].name != "dot":
        pytest.skip("Graphviz is not installed: there is no dot on PATH")
    check(render(flow_dot(diagnoses["argmax"]), tmp_path / f"argmax.{kind}"))


def test_each_working_arm_has_an_unbroken_way_from_the_parameters_to_its_term(diagnoses: dict[str, Diagnosis]) -> None:
    for arm in WORKING:
        text = flow_dot(diagnoses[arm])
        after: dict[str, set[str]] = {}
        for tail, head in re.findall(r'^  (n\d+) -> (n\d+) \[class="live"', text, re.MULTILINE):
            after.setdefault(tail, set()).add(head)
        (term,) = re.findall(r'^  (n\d+) \[.*class="term live.*<b>lm</b>', text, re.MULTILINE)
        for start in re.findall(r'^  (n\d+) \[.*class="wrt ', text, re.MULTILINE):
            reached, waiting = {start}, [start]
            while waiting:
                new = after.get(waiting.pop(), set()) - reached
                reached |= new
                waiting += new
            assert term in reached, (arm, start)
