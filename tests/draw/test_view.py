"""One view, one text: what every renderer says of the same diagnoses, in both languages, beside golden files."""

from __future__ import annotations

import dataclasses
import functools
import html
import io
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from view_samples import SAMPLES

import gradcheck_lm
from gradcheck_lm.draw import sarif, view
from gradcheck_lm.draw.lettering import letters_of
from gradcheck_lm.draw.page import notebook
from gradcheck_lm.draw.page.page import page_html
from gradcheck_lm.draw.page.report import Report
from gradcheck_lm.draw.terminal import text
from gradcheck_lm.draw.terminal.terminal import diagnosis_text, print_diagnosis
from gradcheck_lm.flow import Diagnosis, StepReport

Golden = Callable[[str, str], None]
LANGUAGES = ("en", "ja")
DIAGNOSES = [name for name in SAMPLES if not name.startswith("steps")]
both = pytest.mark.parametrize("language", LANGUAGES)
each = pytest.mark.parametrize("name", SAMPLES)
pytestmark = pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")


@functools.cache
def found(name: str) -> Diagnosis | StepReport:
    return SAMPLES[name]()


def rounded(value: Any) -> Any:
    """Plain data with its numbers as far as all machines agree."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {name: rounded(item) for name, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


class Words(HTMLParser):
    """The text of a page in one language, a line an element, without what is drawn."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.language, self.lines, self.open = language, [""], []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in ("meta", "br", "link"):
            return
        hidden = tag in ("svg", "script", "style") or dict(attributes).get("lang", self.language) != self.language
        self.open.append((tag, (hidden and tag != "html") or (bool(self.open) and self.open[-1][1])))
        if tag in ("p", "li", "h1", "h2", "h3", "h4", "tr", "pre", "summary", "div", "figcaption", "dl"):
            self.lines.append("")

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self.open or not self.open[-1][1]:
            self.lines[-1] += data


def page_text(diagnosis: Diagnosis, language: str) -> str:
    """What a page says of a diagnosis, from its verdict on."""
    words = Words(language)
    words.feed(page_html(Report(diagnoses={"": diagnosis}, graphs={"": "<svg xmlns='http://www.w3.org/2000/svg'/>"})))
    lines = [re.sub(r"\s+", " ", line).strip() for line in words.lines]
    return "\n".join(line for line in lines if line) + "\n"


@both
@each
def test_the_text_is_as_it_was(golden: Golden, name: str, language: str) -> None:
    golden(f"views/{name}_{language}.txt", text.render(view.of(found(name), language)) + "\n")


@both
@pytest.mark.parametrize("name", DIAGNOSES)
@pytest.mark.needs("jinja2")
def test_the_page_says_what_it_said(golden: Golden, name: str, language: str) -> None:
    golden(f"views/{name}_{language}.page.txt", page_text(found(name), language))  # type: ignore[arg-type]


@both
@each
def test_sarif_is_as_it_was(golden: Golden, name: str, language: str) -> None:
    log = sarif.log([view.of(found(name), language)])
    driver = log["runs"][0]["tool"]["driver"]
    assert driver.pop("version") == gradcheck_lm.__version__
    driver.pop("informationUri", None)
    for rule in log["runs"][0]["tool"]["driver"]["rules"]:  # the whole documentation of a kind; and where it is
        rule["help"] |= {"markdown": rule["help"]["markdown"].splitlines()[2]}
        rule.pop("helpUri", None)
    golden(f"views/{name}_{language}.sarif", json.dumps(log, indent=1, ensure_ascii=False) + "\n")


@each
def test_json_is_as_it_was(golden: Golden, name: str) -> None:
    content = rounded(found(name).to_dict())
    text = json.dumps(content, indent=1, ensure_ascii=False)
    golden(f"views/{name}.json", re.sub(r'"[^"]*/(tests/support/view_samples\.py)', r'"\1', text) + "\n")


# ---------------------------------------------------------------------- all renderers say the same


@both
@each
def test_print_console_and_files_show_the_one_text(name: str, language: str, tmp_path: Any) -> None:
    shown = view.of(found(name), language)
    one = text.render(shown)
    assert (
        diagnosis_text(shown, encoding="ascii").splitlines()
        == text.render(shown, letters=letters_of("ascii")).splitlines()
    )
    stream = io.StringIO()
    print_diagnosis(shown, Console(file=stream, width=80))
    drawn = text.render(shown, letters=letters_of("utf-8"))
    assert [line.rstrip() for line in stream.getvalue().splitlines()] == drawn.splitlines()
    coloured = re.sub(r"\x1b\[[\d;]*m", "", diagnosis_text(shown, color=True))
    assert coloured.splitlines() == drawn.splitlines()
    cell = notebook.html_of(shown)
    told = [shown.status, shown.verdict, *shown.notes, *(term.name for term in shown.terms)]
    for cut in shown.cuts:
        told += [cut.code, cut.title, cut.place, cut.why, *(cut.cures if cut.severity != "note" else ())]
    assert [fact for fact in told if html.escape(fact) not in cell] == []
    if language == "en":
        assert str(found(name)) == one
        assert found(name).save(tmp_path / "d.txt").read_text(encoding="utf-8") == one + "\n"


@both
@each
def test_every_fact_of_a_finding_stands_in_the_text_in_its_order(name: str, language: str) -> None:
    shown = view.of(found(name), language)
    whole = re.sub(r"\s+", "", text.render(shown))
    at = 0
    for section in shown.sections:
        for cut in section.cuts:
            facts = [cut.place, cut.op, cut.code, cut.title, cut.certainty_said, cut.scope, cut.library, cut.why]
            facts += [] if cut.severity == "note" else cut.cures[:1]
            for fact in facts:
                place = whole.find(re.sub(r"\s+", "", fact), at)
                assert place >= 0, f"{fact!r} is not where it belongs"
                at = place
    for note in shown.notes:
        assert re.sub(r"\s+", "", note) in whole


@both
@each
@pytest.mark.parametrize("width", [30, 80, 120])
def test_no_line_is_wider_than_it_may_be(name: str, language: str, width: int) -> None:
    for letters in (text.PLAIN, letters_of("utf-8"), letters_of("ascii")):
        lines = text.render(view.of(found(name), language), width=width, letters=letters).splitlines()
        assert max(map(cell_len, lines)) <= width
        assert not any(line.endswith(" ") for line in lines)


@each
def test_a_japanese_view_is_japanese_and_says_the_same_of_the_same(name: str) -> None:
    english, japanese = (view.of(found(name), language) for language in LANGUAGES)
    assert [cut.place for cut in english.cuts] == [cut.place for cut in japanese.cuts]
    kana = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
    told = [japanese.status, japanese.verdict, *japanese.notes]
    told += [sentence for cut in japanese.cuts for sentence in (cut.title, cut.why, *cut.cures, cut.certainty_said)]
    told += [section.heading for section in japanese.sections] + [term.verdict for term in japanese.terms]
    assert [sentence for sentence in told if not kana.search(sentence)] == []
    own = text.render(english)
    if name != "other_letters":
        assert own.isascii()


def test_cures_that_were_told_are_not_told_again() -> None:
    shown = view.of(found("story"))
    again = dataclasses.replace(shown.cuts[0], number=len(shown.cuts) + 1)
    twice = dataclasses.replace(shown, cuts=(*shown.cuts, again))
    assert text.render(twice).count(shown.cuts[0].cures[0][:30]) == 1
    assert "cure:  as for 1" in text.render(twice)


def test_a_view_of_steps_has_the_ledgers_facts() -> None:
    shown = view.of(found("steps_healthy"))
    (optimizer,) = shown.optimizers
    assert (optimizer.name, optimizer.kind, optimizer.tensors) == ("optimizer", "SGD", 2)
    assert (optimizer.stepped, optimizer.skipped, optimizer.rates) == (2, 0, (0.125,))
    assert optimizer.place.startswith("tests/support/view_samples.py:")
    assert [(row.step, row.parameter) for row in shown.rows] == [
        (0, "weight"), (0, "bias"), (1, "weight"), (1, "bias"),
    ]  # fmt: skip
    assert [loss.ok for loss in shown.losses] == [True]


def test_one_log_of_several_losses_points_each_result_to_its_own_rule() -> None:
    log = sarif.log([view.of(found("warned")), view.of(found("story")), view.of(found("several"))])
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert [rules[one["ruleIndex"]]["id"] for one in run["results"]] == [one["ruleId"] for one in run["results"]]


def test_a_view_is_frozen_and_stays_as_it_is() -> None:
    shown = view.of(found("story"), "ja")
    assert view.of(shown) is shown
    with pytest.raises(dataclasses.FrozenInstanceError):
        shown.ok = True  # type: ignore[misc]
