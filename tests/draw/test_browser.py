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

from gradcheck_lm.draw.page import save_page
from gradcheck_lm.draw.report import Report

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


VIEW = "document.querySelector('#arm0 .flow svg').getAttribute('viewBox').split(' ').map(Number)"


def test_two_fingers_zoom_and_one_moves(browser: chromium.Browser, report: Path) -> None:
    browser.open(report, width=390, height=800)
    browser.call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
    try:
        browser.click("#arm0 [data-zoom=fit]")
        x, y = browser.evaluate(
            "(() => { const b = document.querySelector('#arm0 .flow svg').getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )

        def touch(kind: str, *points: tuple[float, float]) -> None:
            fingers = [{"x": x + dx, "y": y + dy, "id": i} for i, (dx, dy) in enumerate(points)]
            browser.call("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)

        before = browser.evaluate(VIEW)
        touch("touchStart", (-20, 0), (20, 0))
        for apart in (30, 45, 60, 80):
            touch("touchMove", (-apart, 0), (apart, 0))
        touch("touchEnd")
        zoomed = browser.evaluate(VIEW)
        assert zoomed[2] < 0.5 * before[2]  # four times as far apart; the first step may go to the browser
        assert zoomed[2] / zoomed[3] == pytest.approx(before[2] / before[3])
        touch("touchStart", (40, 0))
        for moved in (30, 10, -10, -40):
            touch("touchMove", (moved, 0))
        touch("touchEnd")
        assert browser.evaluate(VIEW)[0] > zoomed[0]
        assert browser.evaluate(VIEW)[2] == pytest.approx(zoomed[2])
        assert visible(browser, ".detail") == []
        assert browser.problems == []
    finally:
        browser.call("Emulation.setTouchEmulationEnabled", enabled=False)


def test_the_buttons_and_the_wheel_zoom(browser: chromium.Browser, report: Path) -> None:
    browser.open(report)
    browser.click("#arm0 [data-zoom=fit]")
    whole = browser.evaluate(VIEW)
    browser.click("#arm0 [data-zoom=in]")
    nearer = browser.evaluate(VIEW)
    assert nearer[2] < whole[2]
    browser.click("#arm0 [data-zoom=out]")
    assert browser.evaluate(VIEW)[2] == pytest.approx(whole[2])
    browser.evaluate("document.querySelector('#arm0 .canvas').scrollIntoView({block: 'center', behavior: 'instant'})")
    browser.evaluate("window.turned = []; addEventListener('wheel', (e) => window.turned.push(e.defaultPrevented))")
    x, y = browser.evaluate(
        "(() => { const b = document.querySelector('#arm0 .canvas').getBoundingClientRect();"
        " return [b.x + b.width / 4, b.y + b.height / 2]; })()"
    )
    turn = {"type": "mouseWheel", "x": x, "y": y, "deltaX": 0, "deltaY": -120}
    browser.call("Input.dispatchMouseEvent", **turn, modifiers=2)  # with Ctrl
    browser.wait("window.turned.length === 1")
    nearer = browser.evaluate(VIEW)
    assert nearer[2] < 0.9 * whole[2]
    browser.call("Input.dispatchMouseEvent", **turn)  # alone it is the page's: the graph is no trap for the wheel
    browser.wait("window.turned.length === 2")
    assert browser.evaluate("window.turned") == [True, False]
    assert browser.evaluate(VIEW) == nearer


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


def test_texts_keep_within_their_boxes_whatever_the_fonts(
    browser: chromium.Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gradcheck_lm.draw import layout

    found = tuple(engine for engine in layout.engines() if engine.fonts == "bundled")
    if not found:
        pytest.skip("graphviz-pure is not installed")
    monkeypatch.setattr(layout, "engines", lambda: found)
    browser.open(save_page(tmp_path / "r.html", broken()))
    out = browser.evaluate(
        "Array.from(document.querySelectorAll('.flow .node')).filter(n => { const b ="
        " n.querySelector('path, polygon').getBBox(); return Array.from(n.querySelectorAll('text')).some(t =>"
        " t.getBBox().x < b.x - 1 || t.getBBox().x + t.getBBox().width > b.x + b.width + 1); })"
        ".map(n => n.getAttribute('aria-label'))"
    )
    assert out == []


def test_a_large_graph_opens_too(browser: chromium.Browser, tmp_path: Path) -> None:
    path = save_page(tmp_path / "r.html", Report(diagnoses={"": large(5000)}))
    browser.open(path)
    assert browser.problems == []
    assert "nodes folded into" in browser.evaluate("document.body.innerText")
