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
    svg = layout.picture(flow_dot(broken("日本語"), title="é"), "svg").decode()
    texts = [one for one in ElementTree.fromstring(svg).iter() if one.tag.endswith("}text")]
    for one in texts:
        fitted = "é" not in "".join(one.itertext()) and bool("".join(one.itertext()).strip())
        assert ("textLength" in one.attrib) == fitted, one.attrib
    assert "textLength" in inline_svg(svg)


@pytest.mark.parametrize("label", ["勾配が届かない", "値 1.6、requires_grad True", "勾配", "ーー、、。(注)", "abc"])
def test_a_box_has_room_for_wide_letters(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = bundled()
    monkeypatch.setattr(layout, "engines", lambda: (engine,))
    for html in (True, False):
        said = f'<<font point-size="20">{label}</font>>' if html else f'"{label}"'
        dot = f'digraph {{ a [shape=box, margin=0, width=0.1, fontname="Helvetica", fontsize=20, label={said}] }}'
        root = ElementTree.fromstring(layout.picture(dot, "svg"))
        (text,) = (one for one in root.iter() if one.tag.endswith("}text"))
        assert "".join(text.itertext()).strip() == label  # nothing of what made the room is left
        node = next(one for one in root.iter() if one.get("class") == "node")
        corners = next(one for one in node if one.tag.endswith("}polygon")).get("points", "")
        places = [float(corner.split(",")[0]) for corner in corners.split()]
        width = text_width(label, 20)
        assert width is not None
        assert max(places) - min(places) >= width - 0.1
        assert max(places) - min(places) <= width + 20 + 4  # and not more than a letter's too much
        start = float(text.get("x", "")) - (width / 2 if text.get("text-anchor") == "middle" else 0)
        assert min(places) - 0.1 <= start
        assert start + width <= max(places) + 0.1


def test_what_is_unknown_stays_as_it_is() -> None:
    for text in (
        '<text font-family="Helvetica" font-size="9.00">é</text>',
        '<text font-family="Times" font-size="9.00">x</text>',
        '<text font-family="Helvetica" font-size="9.00" textLength="3">x</text>',
    ):
        assert fit_texts(text) == text
    assert text_width("é", 10) is None
    assert text_width("ab", 10, face="Courier") == 12
    assert text_width("訓練", 10) == text_width("訓練", 10, face="Courier") == 20
    escaped = fit_texts('<text font-family="Helvetica" font-size="10">a &lt; b</text>')
    assert re.search(r'textLength="([\d.]+)"', escaped)[1] == f"{text_width('a < b', 10):.1f}"  # type: ignore[index]
