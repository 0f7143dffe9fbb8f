"""SARIF as the standard has it: valid, with the marked columns, and fingerprints that outlast a moved line."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from sarif_schema import faults
from view_samples import SAMPLES

from gradcheck_lm.draw import sarif, view
from gradcheck_lm.flow import diagnose

pytestmark = pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")

PROGRAM = """\
import torch

weight = torch.ones(3, requires_grad=True)


def loss():
    größe = weight * 2
    return {"read": größe.argmax().float(), "whole": größe.round().sum()}
"""


def log_of(folder: Path, text: str = PROGRAM, name: str = "train.py") -> dict[str, Any]:
    """The log of a program in a file."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    scope: dict[str, Any] = {}
    exec(compile(text, str(path), "exec"), scope)
    log: dict[str, Any] = sarif.log([view.of(diagnose(scope["loss"], wrt={"weight": scope["weight"]}))])
    return log


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_log_is_valid(language: str) -> None:
    shown = [view.of(sample(), language) for sample in SAMPLES.values()]
    log = json.loads(sarif.render(*shown))
    assert list(faults(log)) == []
    results = log["runs"][0]["results"]
    assert len(results) > 8
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in results)
    assert len({rule["id"] for rule in rules}) == len(rules)


def test_the_schema_sees_faults(tmp_path: Path) -> None:
    good = log_of(tmp_path)
    assert list(faults(good)) == []
    for path, value, said in [
        (("version",), "2.0", "none of"),
        (("runs", 0, "results", 0, "level"), "fatal", "none of"),
        (("runs", 0, "results", 0, "message"), "text", "no object"),
        (("runs", 0, "results", 0, "why"), "text", "not known"),
        (("runs", 0, "results", 0, "locations", 0, "physicalLocation", "region", "startColumn"), 0, "below 1"),
        (("runs", 0, "results", 0, "locations", 0, "physicalLocation", "artifactLocation", "uri"), "a b.py", "not"),
    ]:
        bad: Any = copy.deepcopy(good)
        part = bad
        for step in path[:-1]:
            part = part[step]
        part[path[-1]] = value
        assert any(said in fault for fault in faults(bad)), path


def test_a_region_is_what_the_caret_marks(tmp_path: Path) -> None:
    log = log_of(tmp_path)
    lines = PROGRAM.splitlines()
    marked = []
    for result in log["runs"][0]["results"]:
        region = result["locations"][0]["physicalLocation"]["region"]
        line = lines[region["startLine"] - 1]
        marked.append(line[region["startColumn"] - 1 : region["endColumn"] - 1])  # code points, as columnKind says
        assert region["snippet"]["text"] == line.strip()
    assert log["runs"][0]["columnKind"] == "unicodeCodePoints"
    assert any(text.endswith(".argmax()") for text in marked)
    assert any(text.endswith(".round()") for text in marked)
    assert not any(text.startswith(" ") for text in marked)
    places = [found for result in log["runs"][0]["results"] for found in result["locations"]]
    assert {place["logicalLocations"][0]["name"] for place in places} == {"loss"}


def fingerprints(log: dict[str, Any]) -> list[str]:
    return [result["partialFingerprints"]["gradcheckFinding/v1"] for result in log["runs"][0]["results"]]


def test_fingerprints_outlast_moved_lines_and_other_folders(tmp_path: Path) -> None:
    first = fingerprints(log_of(tmp_path))
    assert len(set(first)) == len(first) >= 2
    assert fingerprints(log_of(tmp_path / "elsewhere", "# a line more\n\n" + PROGRAM)) == first
    changed = fingerprints(log_of(tmp_path, PROGRAM.replace("argmax", "argmin")))
    assert changed != first
    scope: dict[str, Any] = {}
    exec(compile(PROGRAM, str(tmp_path / "train.py"), "exec"), scope)
    shown = view.of(diagnose(scope["loss"], wrt={"weight": scope["weight"]}))
    twice = fingerprints(sarif.log([shown, shown]))  # one cut in two losses
    assert len(set(twice)) == len(twice) == 2 * len(first)


def test_a_path_with_blanks_is_a_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = log_of(tmp_path, name="my code/train.py")
    location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]
    assert location["uri"] == "my%20code/train.py"
    assert list(faults(log)) == []
