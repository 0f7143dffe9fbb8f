"""What results look like in a notebook's cell, in rich and as a repr: seen from the text that they give."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
import torch
from draw_samples import HOSTILE, broken
from rich.console import Console

import gradcheck_lm as gc
from gradcheck_lm.display import Displayed
from gradcheck_lm.draw.terminal import cell_progress, consoles


def model_of() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))


MODEL = model_of()
BATCH = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))


def terms() -> dict[str, torch.Tensor]:
    output = MODEL(BATCH)
    return {"fit": output.square().mean(), "lm": output.argmax(-1).float().mean()}


def steps() -> gc.StepReport:
    optimizer = torch.optim.SGD(MODEL.parameters(), lr=0.0)

    def step() -> None:
        terms()["fit"].backward()
        optimizer.step()

    return gc.diagnose_step(step, MODEL, optimizer)


def watch() -> gc.GradientWatch:
    one = gc.GradientWatch(MODEL, every=1, write=None)
    for _ in range(3):
        MODEL.zero_grad()
        found = terms()
        one.terms(found)
        found["fit"].backward()
        one.step()
    return one


def run() -> gc.Run:
    with gc.record() as one:
        terms()
    return one


RESULTS: dict[str, Callable[[], Any]] = {
    "Diagnosis": lambda: gc.diagnose(terms, wrt=MODEL),
    "Finding": lambda: gc.diagnose(terms, wrt=MODEL).findings[0],
    "WhatIf": lambda: gc.diagnose(terms, wrt=MODEL).what_if(0),
    "StepReport": steps,
    "Attribution": lambda: gc.attribute(terms(), wrt=MODEL),
    "Comparison": lambda: gc.compare_gradients(lambda: terms()["fit"], MODEL),
    "GradientWatch": watch,
    "History": lambda: watch().history,
    "Run": run,
}


class Reader(HTMLParser):
    """Whether tags close, and what is fetched."""

    EMPTY = frozenset({"br", "circle", "line", "path", "polyline", "polygon", "meta", "mark-", "input", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.pres: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.EMPTY:
            self.open.append(tag)
        self.fetched += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "action", "xlink:href")]
        if tag == "script":
            self.fetched.append("script")
        if tag == "pre":
            self.pres.append(dict(attrs).get("style") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.EMPTY:
            assert self.open.pop() == tag


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_shows_itself(name: str) -> None:
    result = RESULTS[name]()
    assert type(result).__name__ == name
    assert isinstance(result, Displayed)
    short = repr(result)
    assert short.startswith(f"<{name}: ")
    assert "\n" not in short
    assert len(short) < 200
    assert " object at 0x" not in short + str(result)
    page = result._repr_html_()
    reader = Reader()
    reader.feed(page)
    assert reader.open == []
    assert reader.fetched == []  # neither a script in the notebook, nor anything from the network
    assert all("font-family:ui-monospace" in style and "white-space:pre" in style for style in reader.pres)
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(result)
    assert console.export_text().split()[:2] == str(result).split()[:2]


def test_the_caret_stands_under_the_right_symbol() -> None:
    page = gc.diagnose(terms, wrt=MODEL)._repr_html_()
    inside = re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL).group(1)
    line, caret = html.unescape(re.sub("<[^>]*>", "", inside)).split("\n")
    assert line[caret.index("^") : len(caret)] == ".argmax(-1)"
    assert "<mark>.argmax(-1)</mark>" in inside


@pytest.mark.needs("jinja2", "layout")
def test_the_graph_is_that_of_the_page_in_a_frame_of_its_own() -> None:
    page = gc.diagnose(terms, wrt=MODEL)._repr_html_()
    frame = html.unescape(re.search(r'srcdoc="([^"]*)"', page).group(1))
    assert 'sandbox="allow-scripts"' in page  # and not allow-same-origin: it cannot reach the notebook
    assert 'class="flow"' in frame
    assert "default-src &#39;none&#39;; img-src data:; style-src &#39;sha256-" in frame
    assert 'data-zoom="cut"' in frame


def test_without_a_template_engine_the_rest_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradcheck_lm.draw.page import notebook
    from gradcheck_lm.errors import MissingPackageError

    def missing(*rest: object, **options: object) -> str:
        raise MissingPackageError("type: pip install 'gradcheck_lm[draw]'")

    monkeypatch.setattr(notebook, "page_html", missing)
    page = gc.diagnose(terms, wrt=MODEL)._repr_html_()
    assert "<iframe" not in page
    assert "no graph: type: pip install &#x27;gradcheck_lm[draw]&#x27;" in page
    assert "GF101" in page


def test_names_of_a_program_cannot_write_html() -> None:
    page = broken(HOSTILE)._repr_html_()
    assert html.escape(HOSTILE) in page
    assert "<script" not in re.sub(r'srcdoc="[^"]*"', "", page)


def test_both_themes_of_notebooks_are_known() -> None:
    page = gc.diagnose(terms, wrt=MODEL)._repr_html_()
    for theme in ("prefers-color-scheme:dark", 'data-jp-theme-light="false"', 'html[theme="dark"]', "vscode-dark"):
        assert theme in page


# ---------------------------------------------------------------------- progress


class Display:
    """IPython's display, as far as it is used."""

    def __init__(self) -> None:
        self.pictures: list[str] = []

    HTML = staticmethod(str)

    def display(self, picture: str, *, display_id: bool) -> Display:
        self.pictures.append(picture)
        return self

    update = display_update = lambda self, picture: self.pictures.append(picture)


def test_progress_in_a_cell_is_one_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown = Display()
    shell = type("Shell", (), {"kernel": object()})()
    ipython = type("IPython", (), {"get_ipython": staticmethod(lambda: shell), "display": shown})
    monkeypatch.setitem(__import__("sys").modules, "IPython", ipython)
    monkeypatch.setattr(cell_progress, "_PAUSE", 0.0)
    with consoles.progress("scoring <lines>", 4) as advance:
        for _ in range(4):
            advance(message="a & b")
    assert len(shown.pictures) == 6
    assert "0/4" in shown.pictures[0]
    assert 'value="0.500"' in shown.pictures[2]
    assert "a &amp; b" in shown.pictures[2]
    assert re.fullmatch(r"<small[^>]*>scoring &lt;lines&gt;: 4/4, \d+\.\d s</small>", shown.pictures[-1])
    assert capsys.readouterr().err == ""
