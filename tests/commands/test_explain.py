"""`gradcheck-lm explain`, the sections of docs/findings.md and SARIF's rules: one object, told in three places."""

from __future__ import annotations

import importlib.metadata
import json
from email.message import Message as Metadata

import pytest
import torch
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.flow import KINDS, diagnose
from gradcheck_lm.flow.findings.explain import explanation, help_uri, markdown, parts_of


def call(*arguments: str, **environment: str) -> tuple[int, str, str]:
    settings = {"COLUMNS": "80", "LC_ALL": "C.UTF-8", "GRADCHECK_LM_LANG": "", **environment}
    result = CliRunner().invoke(app, ["explain", *arguments], env=settings)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", ["GF101", "gf101", "discrete_op"])
def test_a_kind_by_code_and_by_name(name: str) -> None:
    kind = KINDS["discrete_op"]
    code, out, _ = call(name)
    assert code == 0
    assert out.startswith(f"GF101 discrete_op: {kind.title}\n")
    assert f"since version {kind.since}, lesson {kind.lesson}" in flat(out)
    for said in (kind.why, *kind.cures, kind.cause("sort").why.en, kind.cause("sort").cures[1].en):
        assert said in flat(out)
    for program in (kind.example, kind.instead):
        assert "\n".join(f"    {line}".rstrip() for line in program.splitlines()) in out
    assert max(map(len, out.splitlines())) <= 80


def test_every_kind_is_explained_in_both_languages() -> None:
    for kind in KINDS.values():
        english, japanese = call(kind.code)[1], call(kind.code, "--lang", "ja")[1]
        assert kind.why in flat(english)
        assert "".join(kind.about.why.ja.split()) in "".join(japanese.split())
        assert kind.heading.ja in japanese
        assert "代わりに使うもの" in japanese
        assert ("Nothing looks for this kind yet" in english) != kind.decided


def test_the_language_is_the_readers() -> None:
    assert "理由" in call("GF104", GRADCHECK_LM_LANG="ja")[1]
    assert "Why" in call("GF104", "--lang", "en", GRADCHECK_LM_LANG="ja")[1]
    code, _, err = call("GF104", "--lang", "fr")
    assert code == 2
    assert "--lang is 'fr'" in err


def test_json_holds_the_same_and_the_programs_whole() -> None:
    kind = KINDS["cleared_early"]
    content = json.loads(call("GF705", "--json", "--lang", "ja")[1])
    assert content == explanation(kind, "ja")
    assert (content["code"], content["kind"], content["language"], content["since"]) == (
        "GF705", "cleared_early", "ja", kind.since,
    )  # fmt: skip
    assert content["example"] == kind.example
    assert [cause["cause"] for cause in content["causes"]] == [cause.id for cause in kind.causes]
    assert "<count>" in next(cause["why"] for cause in content["causes"] if cause["cause"] == "per_micro_batch")
    assert [one["code"] for one in json.loads(call("--json")[1])] == [kind.code for kind in KINDS.values()]


def test_without_a_code_all_are_listed() -> None:
    lines = call()[1].splitlines()
    assert [line.split()[:2] for line in lines] == [[kind.code, kind.name] for kind in KINDS.values()]


@pytest.mark.parametrize(("wrong", "meant"), [("discret_op", "discrete_op"), ("left_troch", "left_torch"), ("zzz", "")])
def test_a_kind_that_there_is_not(wrong: str, meant: str) -> None:
    code, out, err = call(wrong)
    assert code == 2
    assert not out
    assert f"there is no kind of finding {wrong!r}" in err
    assert (f"do you mean {meant}?" in err) == bool(meant)
    assert f"lists all {len(KINDS)}" in err


def test_markdown_makes_no_markup_of_code() -> None:
    text = markdown(KINDS["not_held"])
    assert text.startswith('<a id="GF701"></a>\n\n## GF701 not_held: ')
    assert r"\[\*model.parameters(), \*other.parameters()\]" in text
    assert r"\<parameters>, which no optimizer holds: a plain list or dict hides" in text
    assert r"requires_grad\_(False)" in text
    for part in parts_of(KINDS["not_held"], "ja"):
        assert f"**{part.heading}**" in markdown(KINDS["not_held"], "ja")


def test_sarif_takes_its_rules_from_the_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = torch.ones(3, requires_grad=True)
    diagnosis = diagnose(lambda: weight.argmax().float(), {"weight": weight})
    (rule,) = json.loads(diagnosis.to_sarif())["runs"][0]["tool"]["driver"]["rules"]
    kind = KINDS["discrete_op"]
    assert rule["help"]["markdown"] == markdown(kind)
    assert rule["help"]["text"] == "\n".join(f"- {cure}" for cure in kind.cures)
    assert rule["defaultConfiguration"] == {"level": "error"}
    entry = Metadata()
    entry["Project-URL"] = "Source, https://example.org/code"
    monkeypatch.setattr(importlib.metadata, "metadata", lambda name: entry)
    assert help_uri(kind) is None
    assert "helpUri" not in json.loads(diagnosis.to_sarif())["runs"][0]["tool"]["driver"]["rules"][0]
    entry["Project-URL"] = "Documentation, https://example.org/docs/"
    (rule,) = json.loads(diagnosis.to_sarif())["runs"][0]["tool"]["driver"]["rules"]
    assert rule["helpUri"] == help_uri(kind) == "https://example.org/docs/findings.html#GF101"
    assert explanation(kind)["url"] == rule["helpUri"]
