"""The page in a real browser: opens without errors or requests, and its tabs, filter, languages and switches work.

Screenshots are kept in the folder that GRADCHECK_LM_SCREENSHOTS names, else in pytest's own.
"""

from __future__ import annotations

from pathlib import Path

import chromium
import pytest
from chromium import visible
from draw_samples import HOSTILE

pytestmark = chromium.MARKS


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


def test_the_filter_hides_the_other_terms(browser: chromium.Browser, report: Path) -> None:
    browser.open(report)
    everything = visible(browser, "#arm0 .flow .node")
    browser.click("#arm0 [data-term=ctc]")
    ctc = visible(browser, "#arm0 .flow .node")
    labels = browser.evaluate(
        "Array.from(document.querySelectorAll('#arm0 .flow[lang=en] .node:not(.off)'))"
        ".map(n => n.getAttribute('aria-label'))"
    )
    assert len(ctc) < len(everything)
    assert any("ctc_loss" in label for label in labels)
    assert not any("argmax" in label for label in labels)
    assert browser.evaluate("document.querySelectorAll('#arm0 .flow[lang=en] .edge.to-cut:not(.off)').length") == 0
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


@pytest.mark.parametrize("width", [1280, 390])
def test_the_japanese_page_fits_too(browser: chromium.Browser, report: Path, screenshots: Path, width: int) -> None:
    browser.open(report, width=width)
    browser.click("[data-set-language=ja]")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    wide = browser.evaluate(
        "Array.from(document.querySelectorAll('.verdict, h1, h2, h3, p')).filter(e => e.scrollWidth > e.clientWidth + 1"
        " && e.clientWidth > 0).map(e => e.innerText)"
    )
    assert wide == []
    assert browser.evaluate("getComputedStyle(document.querySelector('.chart .label[lang=en]')).display") == "none"
    assert "ステップ" in browser.evaluate("document.querySelector('.chart').textContent")
    assert browser.screenshot(screenshots / f"report_{width}_ja.png").stat().st_size > 20_000


def test_a_diagnosis_of_a_real_program_saves_a_page_that_works(browser: chromium.Browser, tmp_path: Path) -> None:
    from draw_story import make

    from gradcheck_lm import diagnose

    model, step = make("argmax")
    path = diagnose(step, wrt=model).save(tmp_path / "report.html")
    browser.open(path)
    assert browser.problems == []
    assert [url for url in browser.requests if url.startswith("file:")] == [path.resolve().as_uri()]
    browser.click(".flow .node.p-cut")
    story = browser.evaluate("document.querySelector('.detail:not([hidden])').innerText")
    for part in ("draw_story.py:", "logits.argmax(-1)", "soft embeddings", "GF101"):
        assert part in story, part


def test_english_and_japanese(browser: chromium.Browser, report: Path) -> None:
    browser.open(report)
    assert browser.evaluate("document.querySelector('h1').innerText").startswith("The broken penalty")
    browser.click("[data-set-language=ja]")
    assert browser.evaluate("document.querySelector('h1').innerText") == "壊れたペナルティと直したペナルティ"
    assert browser.evaluate("document.documentElement.lang") == "ja"
    text = browser.evaluate("document.body.innerText")
    assert "微分が存在しない演算" in text
    assert "What to use instead" not in text
    nodes = browser.evaluate(
        "Array.from(document.querySelectorAll('#arm0 .flow .node')).filter(n => n.getClientRects().length)"
        ".map(n => n.textContent).join(' ')"
    )
    assert "勾配ノルム" in nodes
    assert "gradient norm" not in nodes
    before = browser.evaluate("document.querySelector('#arm0 .flow[lang=ja] svg').getAttribute('viewBox')")
    browser.click("#arm0 .flow[lang=ja] [data-zoom=in]")
    assert browser.evaluate("document.querySelector('#arm0 .flow[lang=ja] svg').getAttribute('viewBox')") != before
    assert browser.evaluate("document.querySelector('#arm0 .flow[lang=ja] svg').style.height") != ""


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
