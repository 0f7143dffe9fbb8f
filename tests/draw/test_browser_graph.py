"""The page's graph in a real browser: clicked, dragged, zoomed, wide, large, and its texts within their boxes."""

from __future__ import annotations

from pathlib import Path

import chromium
import pytest
from chromium import visible
from draw_samples import broken, large

from gradcheck_lm.draw.page.page import save_page
from gradcheck_lm.draw.page.report import Report

pytestmark = chromium.MARKS


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


def test_a_graph_wider_than_the_window_opens_at_its_cut(browser: chromium.Browser, tmp_path: Path) -> None:
    browser.open(save_page(tmp_path / "r.html", broken()), width=390, height=800)
    inside = browser.evaluate(
        "(() => { const c = document.querySelector('.canvas').getBoundingClientRect(),"
        " n = document.querySelector('.node.cut').getBoundingClientRect();"
        " return n.left >= c.left && n.right <= c.right && n.height > 30; })()"
    )
    assert inside


@pytest.mark.parametrize("language", ["en", "ja"])
def test_texts_keep_within_their_boxes_whatever_the_fonts(
    browser: chromium.Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screenshots: Path, language: str
) -> None:
    from gradcheck_lm.draw.layout import layout

    found = tuple(engine for engine in layout.engines() if engine.fonts == "bundled")
    if not found:
        pytest.skip("graphviz-pure is not installed")
    monkeypatch.setattr(layout, "engines", lambda: found)
    browser.open(save_page(tmp_path / "r.html", broken(), language=language))
    out = browser.evaluate(
        f"Array.from(document.querySelectorAll('.flow[lang={language}] .node')).filter(n => {{ const b ="
        " n.querySelector('path, polygon').getBBox(); return Array.from(n.querySelectorAll('text')).some(t =>"
        " t.getBBox().x < b.x - 1 || t.getBBox().x + t.getBBox().width > b.x + b.width + 1); })"
        ".map(n => n.getAttribute('aria-label'))"
    )
    assert out == []
    assert browser.screenshot(screenshots / f"graph_{language}.png").stat().st_size > 20_000


def test_a_large_graph_opens_too(browser: chromium.Browser, tmp_path: Path) -> None:
    path = save_page(tmp_path / "r.html", Report(diagnoses={"": large(5000)}))
    browser.open(path)
    assert browser.problems == []
    assert "nodes folded into" in browser.evaluate("document.body.innerText")
