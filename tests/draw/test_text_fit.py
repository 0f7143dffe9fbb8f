"""Texts keep within their boxes: the width that each was laid out with stands in the SVG."""

from __future__ import annotations

import json
import re
import time
from xml.etree import ElementTree

import pytest
from child_processes import HANG
from draw_samples import broken

from gradcheck_lm.draw.graph.graph import flow_dot
from gradcheck_lm.draw.layout import layout
from gradcheck_lm.draw.layout.text_fit import fit_texts, text_width
from gradcheck_lm.draw.page.svg import inline_svg


def bundled() -> layout.Engine:
    found = [engine for engine in layout.engines() if engine.fonts == "bundled"]
    if not found:
        pytest.skip("graphviz-pure is not installed")
    return found[0]


def test_our_widths_are_the_layouts_own() -> None:
    drawn = json.loads(layout._run(bundled(), flow_dot(broken(), title="all"), "json", time.monotonic() + HANG))
    compared = 0
    for thing in [drawn, *drawn["objects"]]:
        face, size, bold = "", 0.0, False
        for operation in thing.get("_ldraw_", []):
            if operation["op"] == "F":
                face, size = operation["face"], operation["size"]
            elif operation["op"] == "t":
                bold = bool(operation["fontchar"] & 1)
            elif operation["op"] == "T" and operation["text"].isascii():
                width = text_width(operation["text"], size, face=face, bold=bold)
                assert width == pytest.approx(operation["width"], abs=0.05 + 0.002 * operation["width"])
                compared += 1
    assert compared > 30


def test_every_text_of_a_picture_has_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = bundled()
    monkeypatch.setattr(layout, "engines", lambda: (engine,))
    svg = layout.picture(flow_dot(broken("日本語")), "svg").decode()
    texts = [one for one in ElementTree.fromstring(svg).iter() if one.tag.endswith("}text")]
    for one in texts:
        fitted = "".join(one.itertext()).isascii() and bool("".join(one.itertext()).strip())
        assert ("textLength" in one.attrib) == fitted, one.attrib
    assert "textLength" in inline_svg(svg)


def test_what_is_unknown_stays_as_it_is() -> None:
    for text in (
        '<text font-family="Helvetica" font-size="9.00">訓練</text>',
        '<text font-family="Times" font-size="9.00">x</text>',
        '<text font-family="Helvetica" font-size="9.00" textLength="3">x</text>',
    ):
        assert fit_texts(text) == text
    assert text_width("é", 10) is None
    assert text_width("ab", 10, face="Courier") == 12
    escaped = fit_texts('<text font-family="Helvetica" font-size="10">a &lt; b</text>')
    assert re.search(r'textLength="([\d.]+)"', escaped)[1] == f"{text_width('a < b', 10):.1f}"  # type: ignore[index]
