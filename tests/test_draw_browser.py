"""The page in a real browser: opens without errors or requests, and its graph, tabs, filter and switches work.

Screenshots are kept in the folder that GRADCHECK_LM_SCREENSHOTS names, else in pytest's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest
from draw_samples import HOSTILE, broken, large
from page_samples import full_report

from gradcheck_lm.draw.page import Report, save_page

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.executable() is None, reason="needs Chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[chromium.Browser]:
    with chromium.Browser() as one:
        yield one


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_page(tmp_path_factory.mktemp("page") / "report.html", full_report())


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    return Path(os.environ.get("GRADCHECK_LM_SCREENSHOTS", tmp_path))


def visible(browser: chromium.Browser, selector: str) -> list[str]:
    return browser.evaluate(
        f"Array.from(document.querySelectorAll({selector!r})).filter(e => e.getBoundingClientRect().width > 0)"
        ".map(e => e.dataset.node || e.innerText)"
    )


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_opens_quietly_and_fits(
    browser: chromium.Browser, report: Path, screenshots: Path, width: int, dark: bool
) -> None:
    browser.open(report, width=width, height=900, dark=dark)
    assert browser.problems == []
    assert {url.split(":")[0] for url in browser.requests} <= {"file", "data"}
    assert [url for url in browser.requests if url.startswith("file:")] == [report.resolve().as_uri()]
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    lightness = browser.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
    assert (lightness < 60) == dark
    assert browser.screenshot(screenshots / f"report_{width}_{'dark' if dark else 'light'}.png").stat().st_size > 20_000


def test_hostile_text_stays_text(browser: chromium.Browser, report: Path) -> None:
    browser.open(report)
    assert browser.evaluate("document.querySelectorAll('script').length") == 1
    assert HOSTILE in browser.evaluate("document.querySelector('#lm').innerText")
    assert HOSTILE in browser.evaluate("document.querySelector('#mistakes').innerText")
    assert HOSTILE in browser.evaluate("document.querySelector('h1').innerText")


def test_the_policy_stops_scripts_and_the_network(browser: chromium.Browser, report: Path) -> None:
    browser.open(report)
    browser.evaluate(
        "(() => { const s = document.createElement('script'); s.textContent = 'window.ran = true';"
        " document.body.append(s); const i = new Image(); i.src = 'http://127.0.0.1:9/x.png';"
        " document.body.append(i); })()"
    )
    assert browser.evaluate("window.ran === undefined")
    browser.evaluate("fetch('http://127.0.0.1:9/').then(() => 'yes', () => 'no')")
    assert any("Content Security Policy" in problem for problem in browser.problems)


def test_a_click_on_the_cut_tells_its_story(browser: chromium.Browser, report: Path) -> None:
    browser.open(report)
    assert visible(browser, ".detail") == []
    browser.click("#arm0 .node.cut")
    (story,) = visible(browser, ".detail")
    story = browser.evaluate("document.querySelector('.detail:not([hidden])').innerText")
    for part in ("argmax", "train.py:22", "(64, 4) int64", "no derivative exists", "gumbel_softmax", "leads to"):
        assert part in story, part
    assert "微分" not in story
    browser.click("#arm0 .node.live")
    assert "gradient norm" in browser.evaluate("document.querySelector('.detail:not([hidden])').innerText")
    assert len(visible(browser, ".detail")) == 1
    assert browser.problems == []


def test_the_filter_hides_the_other_terms(browser: chromium.Browser, report: Path) -> None:
    browser.open(report)
    everything = visible(browser, "#arm0 .flow .node")
    browser.click("#arm0 [data-term=ctc]")
    ctc = visible(browser, "#arm0 .flow .node")
    labels = browser.evaluate(
        "Array.from(document.querySelectorAll('#arm0 .flow .node:not(.off)')).map(n => n.getAttribute('aria-label'))"
    )
    assert len(ctc) < len(everything)
    assert any("ctc_loss" in label for label in labels)
    assert not any("argmax" in label for label in labels)
    assert browser.evaluate("document.querySelectorAll('#arm0 .flow .edge.to-cut:not(.off)').length") == 0
    browser.click("#arm0 [data-term='']")
    assert visible(browser, "#arm0 .flow .node") == everything


def test_it_works_with_the_keyboard(browser: chromium.Browser, report: Path) -> None:
    browser.open(report)
    view = "document.querySelector('#arm0 .flow svg').getAttribute('viewBox').split(' ').map(Number)"
    browser.evaluate("document.querySelector('#arm0 .flow .canvas').focus()")
    before = browser.evaluate(view)
    browser.press("+")
    zoomed = browser.evaluate(view)
    assert zoomed[2] < before[2]
    browser.press("ArrowRight")
    assert browser.evaluate(view)[0] > zoomed[0]
    browser.press("0")
    assert browser.evaluate(view)[2] >= zoomed[2]
    browser.press("Tab")
    browser.press("Enter")
    assert len(visible(browser, ".detail")) == 1
    browser.press("Escape")
    assert visible(browser, ".detail") == []
    browser.evaluate("document.querySelector('#arm0-tab').focus()")
    browser.press("ArrowRight")
    assert browser.evaluate("[document.querySelector('#arm0').hidden, document.querySelector('#arm1').hidden]") == [
        True,
        False,
    ]
    assert browser.problems == []


def test_dragging_moves_the_graph_and_opens_nothing(browser: chromium.Browser, report: Path) -> None:
    browser.open(report)
    view = "document.querySelector('#arm0 .flow svg').getAttribute('viewBox')"
    browser.click("#arm0 [data-zoom=cut]")
    before = browser.evaluate(view)
    x, y = browser.evaluate(
        "(() => { const b = document.querySelector('#arm0 .node.cut').getBoundingClientRect();"
        " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
    )
    browser.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
    for step in range(5):
        browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x - 10 * step, y=y, button="left", buttons=1)
    browser.call("Input.dispatchMouseEvent", type="mouseReleased", x=x - 40, y=y, button="left", clickCount=1)
    assert browser.evaluate(view) != before
    assert visible(browser, ".detail") == []


def test_english_and_japanese(browser: chromium.Browser, report: Path) -> None:
    browser.open(report)
    assert browser.evaluate("document.querySelector('h1').innerText").startswith("The broken penalty")
    browser.click("[data-set-language=ja]")
    assert browser.evaluate("document.querySelector('h1').innerText") == "壊れたペナルティと直したペナルティ"
    assert browser.evaluate("document.documentElement.lang") == "ja"
    text = browser.evaluate("document.body.innerText")
    assert "微分が存在しない演算" in text
    assert "What to use instead" not in text


def test_light_and_dark_can_be_switched(browser: chromium.Browser, report: Path) -> None:
    browser.open(report)
    colour = "getComputedStyle(document.body).backgroundColor"
    before = browser.evaluate(colour)
    browser.click("[data-theme-switch]")
    assert browser.evaluate(colour) != before
    assert browser.problems == []


def test_print_shows_every_arm_on_white(browser: chromium.Browser, report: Path) -> None:
    browser.open(report, dark=True)
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        shown = browser.evaluate(
            "Array.from(document.querySelectorAll('.arm')).map(a => a.getBoundingClientRect().height > 50)"
        )
        assert shown == [True, True]
        assert visible(browser, ".switches, .tabs, .flow-bar") == []
        assert browser.call("Page.printToPDF")["data"].startswith("JVBERi")
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


def test_without_scripts_everything_can_still_be_read(browser: chromium.Browser, report: Path) -> None:
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(report)
        shown = browser.evaluate("Array.from(document.querySelectorAll('.arm')).map(a => a.offsetHeight > 100)")
        assert shown == [True, True]
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_a_graph_wider_than_the_window_opens_at_its_cut(browser: chromium.Browser, tmp_path: Path) -> None:
    browser.open(save_page(tmp_path / "r.html", broken()), width=390, height=800)
    inside = browser.evaluate(
        "(() => { const c = document.querySelector('.canvas').getBoundingClientRect(),"
        " n = document.querySelector('.node.cut').getBoundingClientRect();"
        " return n.left >= c.left && n.right <= c.right && n.height > 30; })()"
    )
    assert inside


def test_a_large_graph_opens_too(browser: chromium.Browser, tmp_path: Path) -> None:
    path = save_page(tmp_path / "r.html", Report(diagnoses={"": large(5000)}))
    browser.open(path)
    assert browser.problems == []
    assert "nodes folded into" in browser.evaluate("document.body.innerText")
