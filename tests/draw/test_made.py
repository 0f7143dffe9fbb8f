"""What a page says of itself, and what it shows first: its program, the command, the cut, links, names, axes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("jinja2", reason="pages need gradcheck_lm[draw]")

import torch

from gradcheck_lm.draw.lettering import told_apart
from gradcheck_lm.draw.page.made import command, facts
from gradcheck_lm.draw.page.page import page_html, save_page
from gradcheck_lm.draw.page.report import Report
from gradcheck_lm.draw.plots.charts import chart_svg
from gradcheck_lm.draw.plots.curves import Panel, Series
from gradcheck_lm.flow import Diagnosis, diagnose
from gradcheck_lm.flow.findings import explain


def broken() -> Diagnosis:
    weight = torch.ones(4, requires_grad=True)
    return diagnose(lambda: {"ce": (weight**2).sum(), "lm": weight.argmax().float()}, wrt={"weight": weight})


def test_a_page_says_what_it_is_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", "--steps", "3", "--api-key", "abc", "--token=xyz"])
    monkeypatch.setattr("gradcheck_lm.draw.page.made._INTERACTIVE", ())
    page = save_page(tmp_path / "report.html", broken()).read_text(encoding="utf-8")
    assert re.search(r"<title>Gradient flow of \S*test_made.py</title>", page)
    assert "python train.py --steps 3 --api-key ... --token=..." in page
    assert "abc" not in page
    assert f"torch {torch.__version__.partition('+')[0]}" in page
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d", page)
    plain = page_html(Report(diagnoses={"": broken()}))  # a report says what it was given
    assert 'class="made"' not in plain


def test_a_command_is_what_a_person_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcheck_lm.draw.page.made._INTERACTIVE", ())
    assert command(["/x/gradcheck_lm/__main__.py", "run", "my train.py"]) == "gradcheck-lm run 'my train.py'"
    assert command(["/x/bin/gradcheck-lm", "compare"]) == "gradcheck-lm compare"
    assert command(["-c"]) == command([""]) == command([]) == ""
    monkeypatch.setattr("gradcheck_lm.draw.page.made._INTERACTIVE", ("pytest",))
    assert command(["train.py"]) == ""
    assert "command" not in facts()


def test_the_cut_stands_on_the_first_screen_and_leads_to_its_section() -> None:
    page = page_html(Report(diagnoses={"": broken()}))
    first = page[page.index('<div class="first">') : page.index('<section id="arms">')]
    assert "<mark>.argmax()</mark>" in first
    key = re.search(r'href="#(arm0-cut\d+)"', first)
    assert key is not None
    assert f'id="{key[1]}"' in page
    heads = re.findall(r'<th scope="col"[^>]*><span lang="en">(.*?)</span>', page)
    assert heads[:2] == ["term", "verdict"]


def test_a_code_leads_to_its_explanation_and_its_lesson(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain, "_project_url", lambda wanted: None)
    page = page_html(Report(diagnoses={"": broken()}))
    assert "<code>gradcheck-lm explain GF101</code>" in page
    assert "<code>l03_why_it_cannot</code>" in page
    monkeypatch.setattr(explain, "_project_url", lambda wanted: "https://docs.example")
    page = page_html(Report(diagnoses={"": broken()}))
    assert '<a href="https://docs.example/findings.html#GF101">GF101</a>' in page
    assert '<a lang="ja" href="https://docs.example/lessons/ja/l03_why_it_cannot.html">' in page


def test_names_stay_unlike_one_another_when_they_are_shortened() -> None:
    names = [f"bert.embeddings.{kind}_embeddings.weight" for kind in ("word", "position", "token_type")]
    short = told_apart([*names, "head.weight"], 28)
    assert short["head.weight"] == "head.weight"
    assert [short[name] for name in names] == [
        "..word_embeddings.weight", "..position_embeddings.weight", "..token_type_embeddings..",
    ]  # fmt: skip
    many = [f"encoder.{'x' * 40}{i}{'y' * 40}" for i in range(4)]
    found = told_apart(many, 28)
    assert len(set(found.values())) == 4
    assert max(map(len, found.values())) <= 28
    deep = ["a.b.c", "a.b", "a.b.c.d" + "e" * 40, "a.b.c.f" + "e" * 40]
    assert len(set(told_apart(deep, 20).values())) == 4


def test_arms_are_compared_on_the_same_axes_with_whole_steps() -> None:
    small = Panel("one", "step", "gradient norm", {"ctc": Series([1, 2, 3], [1.0, 2.0, 1.5])})
    large = Panel("two", "step", "gradient norm of lm", {"lm": Series([1, 2, 3], [10.0, 90.0, 30.0])})

    def ticks(svg: str) -> list[str]:
        return re.findall(r'<text class="tick"[^>]*>([^<]*)<', svg)

    assert ticks(chart_svg(small)) != ticks(chart_svg(large))
    assert ticks(chart_svg(small, alike=[small, large])) == ticks(chart_svg(large, alike=[small, large]))
    steps = ticks(chart_svg(small))[-3:]
    assert steps == ["1", "2", "3"]
    assert "2.5" in ticks(chart_svg(Panel("x", "s", "y", {"a": Series([1.5, 2.75, 3.5], [1.0, 2.0, 3.0])})))
    page = page_html(Report(gradients=[small, large]))
    drawn = re.findall(r'<svg class="chart".*?</svg>', page, re.S)
    assert ticks(drawn[0]) == ticks(drawn[1])


def test_what_an_arm_is_stands_before_the_first_arm_and_what_helped_before_both() -> None:
    page = page_html(
        Report(diagnoses={"argmax": broken(), "ctc": broken()}, arms="An arm is a way.", helped="b helped.")
    )
    assert page.index("b helped.") < page.index("An arm is a way.") < page.index('role="tab"')
