"""The data classes: stable codes, JSON, SARIF, plain text."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from gradcheck_lm.flow import KINDS, Diagnosis, diagnose
from gradcheck_lm.flow.findings import paths
from gradcheck_lm.flow.findings.paths import short_path

CODES = {
    "discrete_op": "GF101",
    "integer_cast": "GF102",
    "sampling": "GF103",
    "detach": "GF104",
    "grad_disabled": "GF105",
    "left_torch": "GF201",
    "new_leaf": "GF202",
    "zero_gradient": "GF301",
    "constant": "GF401",
    "frozen": "GF402",
    "custom_function": "GF501",
    "non_finite": "GF601",
    "changed_in_place": "GF106",
    "graph_used_up": "GF107",
    "grad_is_none": "GF108",
    "cancels": "GF302",
    "underflow": "GF303",
    "units_alike": "GF304",
    "unread": "GF403",
    "trained_or_frozen_by_mistake": "GF404",
    "not_held": "GF701",
    "stale": "GF702",
    "never_stepped": "GF703",
    "not_cleared": "GF704",
    "cleared_early": "GF705",
    "changed_too_late": "GF706",
    "never_differentiated": "GF707",
    "climbs": "GF708",
    "average_reversed": "GF709",
    "overwritten": "GF710",
    "ties_apart": "GF711",
    "state_not_restored": "GF712",
    "mode_flips": "GF713",
    "ranks_apart": "GF714",
    "same_data": "GF715",
    "wrong_value": "GF801",
    "suspicious_shape": "GF802",
    "samples_mixed": "GF803",
    "mispaired": "GF804",
    "one_for_several": "GF805",
    "answer_in_sight": "GF806",
    "mixed_reductions": "GF807",
    "summed_derivatives": "GF808",
    "targets_misread": "GF809",
    "axes_renamed": "GF810",
}


@pytest.fixture
def broken() -> Diagnosis:
    model = nn.Linear(4, 3)

    def loss() -> dict[str, torch.Tensor]:
        output = model(torch.ones(2, 4))
        return {"fit": output.square().mean(), "<b>": output.argmax(-1).float().mean()}

    return diagnose(loss, model)


def test_codes_never_change() -> None:
    assert {name: kind.code for name, kind in KINDS.items()} == CODES


def test_every_kind_says_why_and_offers_cures() -> None:
    for name, kind in KINDS.items():
        assert kind.name == name
        assert kind.why.endswith(".")
        assert len(kind.cures) >= 2
        assert kind.lesson


def test_json_holds_everything(broken: Diagnosis) -> None:
    content = json.loads(broken.to_json())
    assert content["schema"] == 1
    assert content["ok"] is False
    assert content["findings"][0]["kind"] == "discrete_op"
    assert content["terms"]["<b>"]["dead"] is True
    assert content["graph"]["nodes"][0]["role"] == "wrt"


def test_sarif_has_rules_and_places(broken: Diagnosis) -> None:
    log = json.loads(broken.to_sarif())
    run = log["runs"][0]
    assert log["version"] == "2.1.0"
    assert run["tool"]["driver"]["rules"][0]["id"] == "GF101"
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].endswith("flow/test_findings.py")
    assert place["region"]["startLine"] == broken.findings[0].line


def test_text_fits_and_is_ascii(broken: Diagnosis) -> None:
    text = str(broken)
    assert "<b> is dead: no gradient from there reaches any of the 2 tensors" in text
    assert "GF101 discrete_op" in text
    assert text.isascii()
    assert all(len(line) <= 80 for line in text.splitlines())
    source, caret = next((a, b) for a, b in pairwise(text.splitlines()) if b.strip() == "^" * 11)
    assert source[caret.index("^") : len(caret)] == ".argmax(-1)"


def test_text_shows_short_paths_and_files_keep_the_real_ones(
    broken: Diagnosis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    installed = "/opt/x/lib/python3.11/site-packages/transformers/loss/utils.py"
    places = [installed, str(tmp_path / "train.py"), paths.__file__, str(Path("/srv/elsewhere/run.py"))]
    findings = tuple(
        dataclasses.replace(broken.findings[0], file=file, library=(installed, 7), scope=(installed, 3))
        for file in places
    )
    diagnosis = dataclasses.replace(broken, findings=findings)
    text = str(diagnosis)
    assert [short_path(file) for file in places] == [
        "transformers/loss/utils.py",
        "train.py",
        "gradcheck_lm/flow/findings/paths.py",
        "elsewhere/run.py",
    ]
    assert "site-packages" not in text
    assert str(tmp_path) not in text
    assert "inside a library, at transformers/loss/utils.py:7" in text
    assert [finding["file"] for finding in json.loads(diagnosis.to_json())["findings"]] == places
    assert installed in diagnosis.to_sarif()


def test_a_note_offers_no_cures(broken: Diagnosis) -> None:
    note = dataclasses.replace(broken.findings[0], severity="note")
    cure = broken.findings[0].cures[0].split()[0]
    assert f"cure:  - {cure}" in str(broken)
    assert "cure:" not in str(dataclasses.replace(broken, findings=(note,)))


def test_notebook_view_escapes(broken: Diagnosis) -> None:
    page = broken._repr_html_()
    assert "&lt;b&gt; is dead" in page


def test_saving(broken: Diagnosis, tmp_path: Path) -> None:
    assert json.loads(broken.save(tmp_path / "d.json").read_text())["ok"] is False
    assert "GF101" in broken.save(tmp_path / "d.sarif").read_text()
    assert broken.save(tmp_path / "d.txt").read_text() == str(broken) + "\n"


def test_nothing_holds_a_tensor(broken: Diagnosis) -> None:
    def leaves(value: object) -> list[object]:
        if dataclasses.is_dataclass(value):
            fields = (item for item in dataclasses.fields(value) if item.name != "_program")  # what may be run again
            return [leaf for item in fields for leaf in leaves(getattr(value, item.name))]
        if isinstance(value, dict):
            return [leaf for item in value.values() for leaf in leaves(item)]
        if isinstance(value, tuple):
            return [leaf for item in value for leaf in leaves(item)]
        return [value]

    assert not any(isinstance(leaf, torch.Tensor) for leaf in leaves(broken))
