"""What the pytest plugin writes of failures: a folder for each, under a name that every file system takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from plugin_program import HEAD, LINE

from gradcheck_lm.draw.layout.layout import engines
from gradcheck_lm.integrations.reports import safe_name

REPORTED = """
import gradcheck_lm as gc

@pytest.mark.parametrize("name", ["a/b", "a_b", "../../up", "x" * 300, "字"])
def test_cut(gradient_flow, name):
    gradient_flow(cut, model)

@pytest.mark.gradient_flow
def test_marked():
    sum(cut().values()).backward()

def test_plain():
    gc.assert_gradient_flows(cut, model)

def test_ok(gradient_flow):
    gradient_flow(healthy, model)

def test_caught():
    with pytest.raises(gc.GradientFlowError):
        gc.assert_gradient_flows(cut, model)

def test_expected(gradient_flow):
    gradient_flow.broken(cut, model)
"""


def read_reports(folder: Path) -> dict[str, dict]:
    found = {}
    for place in folder.iterdir():
        graph = place / ("graph.svg" if engines() else "graph.txt")
        assert {file.name for file in place.iterdir()} == {"diagnosis.json", "diagnosis.txt", graph.name}
        found[place.name] = json.loads((place / "diagnosis.json").read_text(encoding="utf-8"))
        assert "gradient flow: BROKEN" in (place / "diagnosis.txt").read_text(encoding="utf-8")
        assert ("argmax" if engines() else "no layout engine is installed") in graph.read_text(encoding="utf-8")
    return found


def test_reports_of_failures(run, pytester: pytest.Pytester) -> None:
    result = run(REPORTED, "--gradient-report", "out/reports", outcomes={"failed": 7, "passed": 3})
    reports = read_reports(pytester.path / "out" / "reports")
    assert len(reports) == 7
    assert all(report["findings"][0]["line"] == LINE for report in reports.values())
    assert all(re.fullmatch(r"[A-Za-z0-9._\-]{1,120}", name) for name in reports)
    assert [path.name for path in pytester.path.parent.iterdir()].count("up") == 0
    result.stdout.fnmatch_lines(["*gradient flow*", "*reports*diagnosis.json"])


@pytest.mark.slow
def test_reports_with_xdist(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=HEAD + REPORTED)
    result = pytester.runpytest_subprocess("-n", "2", "--gradient-report", "reports", "-p", "no:cacheprovider")
    result.assert_outcomes(failed=7, passed=3)
    assert len(read_reports(pytester.path / "reports")) == 7
    result.stdout.fnmatch_lines(["*reports*diagnosis.json"])


def test_a_report_that_cannot_be_written_hides_nothing(run, pytester: pytest.Pytester) -> None:
    (pytester.path / "taken").write_text("a file")
    result = run(
        "\ndef test_cut(gradient_flow):\n    gradient_flow(cut, model)\n",
        "--gradient-report",
        "taken",
        outcomes={"failed": 1},
    )
    result.stdout.fnmatch_lines(["E*gradient flow: BROKEN*"])
    result.stdout.fnmatch_lines(["the report could not be written:*"])


def test_without_the_option_nothing_is_written(run, pytester: pytest.Pytester) -> None:
    run("\ndef test_cut(gradient_flow):\n    gradient_flow(cut, model)\n", outcomes={"failed": 1})
    assert not list(pytester.path.rglob("*.json"))


def test_names_of_reports() -> None:
    names = ["t.py::a[x/y]", "t.py::a[x_y]", "t.py::A[x_y]", "t.py::a[" + "z" * 500 + "]", "::", "..", "字", "con"]
    safe = [safe_name(name) for name in names]
    assert len({name.lower() for name in safe}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,119}", name) for name in safe)
    assert safe_name(names[0]) == safe[0]
