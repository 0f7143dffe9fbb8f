"""`bench study check` agrees with the page's own figures, and finds a figure that was changed; kinds of records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from study_records import records

from gradcheck_lm.bench.study.page.page import write_study
from gradcheck_lm.bench.study.statistics.check import check
from gradcheck_lm.bench.study.statistics.statistics import make_tables
from gradcheck_lm.bench.study.statistics.verdict import judge

FEW = {"argmax": (0.0, 0.0), "policy_gradient": (-0.3, -0.3)}
READ = "CTC on fused readings"


@pytest.mark.parametrize("seeds", [range(1), range(4)])
def test_what_is_worked_out_again_agrees_until_a_figure_is_changed(tmp_path: Path, seeds: range) -> None:
    found = records(effects=FEW, controls={"entropy": (0.2, 0.2)}, seeds=seeds, lines=60)
    write_study(found, tmp_path)
    summary = tmp_path / "experiments.json"
    counted, faults = check(found, summary)
    assert faults == []
    assert counted > 40
    whole = json.loads(summary.read_text())
    row = next(row for row in whole["tables"][0]["rows"] if row["arm"] == "policy_gradient")
    for name, value in (("cer", 0.5), ("points", 0.0), ("change", 0.1), ("p", 0.9), ("points_interval", [0.2, 0.3])):
        error = row["errors"]["held_out/fused"]
        old, error[name] = error[name], value
        summary.write_text(json.dumps(whole))
        assert any("policy_gradient" in fault for fault in check(found, summary)[1]), name
        error[name] = old


def test_an_arm_is_held_against_its_own_control_and_an_oracle_is_no_hypothesis() -> None:
    found = records(effects=FEW, controls={READ: (-0.3, -0.3), "all labels": (-0.6, -0.6)})
    for record in found:
        if record["arm"] == "all labels":
            record["kind"] = "oracle"
    table = make_tables(found)[0]
    verdict = judge(table)
    own = [sentence for sentence in verdict.sentences if f"against its own control `{READ}`" in sentence]
    assert len(own) == 1
    assert own[0].startswith("`policy_gradient` against")
    assert "fused" in own[0]
    oracle = table.row("all labels")
    assert oracle is not None
    assert oracle.kind == "oracle"
    assert oracle.errors["held_out/fused"].p is None
    assert "all labels" not in verdict.controls
    assert "all labels" not in verdict.headline


def test_a_control_that_has_not_been_run_is_named_where_an_arm_helps() -> None:
    verdict = judge(make_tables(records(effects=FEW, controls={}))[0])
    assert f"The control `{READ}` of `policy_gradient` has not been run." in verdict.sentences
