"""Curves in characters and as SVG: what is drawn is where it was measured."""

from __future__ import annotations

import re
from xml.dom import minidom

import pytest

from gradcheck_lm.course.screen.plots import Plot
from gradcheck_lm.errors import ArgumentError


def test_a_curve_stands_where_it_was_measured() -> None:
    lines = (
        Plot([0, 1, 2, 3, 4], {"rises": [0, 1, 2, 3, 4], "falls": [4, 3, 2, 1, 0]}, "x", "y").text(5, 5).splitlines()
    )
    assert lines[0] == "y"
    assert [line.partition("|")[2] for line in lines[1:6]] == ["o   *", " o *", "  =", " * o", "*   o"]
    assert lines[1].split("|")[0].strip() == "4.0000"
    assert lines[5].split("|")[0].strip() == "0"
    assert lines[-1] == "* rises   o falls"


def test_steps_and_logarithms() -> None:
    steps = Plot([0, 1, 2], {"a": [0, 0, 1]}, "x", "y", bars=True).text(9, 2).splitlines()
    assert steps[1].endswith("|        *")
    assert steps[2].endswith("|********")
    log = Plot([1, 10, 100], {"a": [0, 1, 2]}, "calls", "y", log=True).text(5, 3).splitlines()
    assert [line.partition("|")[2] for line in log[1:4]] == ["   **", "  *", "**"]
    assert "calls, logarithmic" in log[-2]


def test_the_drawing_holds_every_point_and_says_what_it_is() -> None:
    svg = Plot([1, 2, 4], {"a < b": [-1.0, 0.5, 3.0], "c": [0, 0, 0]}, "x & more", "y").svg()
    root = minidom.parseString(svg).documentElement
    assert root.getAttribute("aria-label") == "y over x & more"
    ways = [
        re.findall(r"[ML](-?[\d.]+),(-?[\d.]+)", one.getAttribute("d")) for one in root.getElementsByTagName("path")
    ]
    three = [[(float(x), float(y)) for x, y in way] for way in ways if len(way) == 3]
    assert len(three) == 2
    (first, second, third), flat = three
    assert second[0] - first[0] == pytest.approx((third[0] - first[0]) / 3, abs=0.2)
    assert first[1] > second[1] > third[1], "up is more"
    assert second[1] - third[1] == pytest.approx((first[1] - third[1]) * 2.5 / 4, abs=0.2)
    assert len({y for _, y in flat}) == 1
    assert "a &lt; b" in svg


def test_places_that_are_whole_numbers_are_written_so() -> None:
    plot = Plot([0, 75, 150], {"a": [0, 1, 2]}, "step", "y")
    assert plot.text(20, 2).splitlines()[-3].split() == ["0", "150"]
    assert "step (0 … 150)" in plot.svg()
    assert "rate (0.1250 … 150)" in Plot([0.125, 150], {"a": [0, 1]}, "rate", "y").svg()


@pytest.mark.parametrize(
    "names",
    [
        ["hard", "straight_through", "with_codebook_term", "with_all_terms"],
        ["勾配を数値で確かめる"] * 1 + ["途中の値を書き換えた場合の損失", "c", "d"],
    ],
)
def test_no_key_stands_on_another_nor_beyond_the_edge(names: list[str]) -> None:
    root = minidom.parseString(Plot([0, 1], {name: [0, 1] for name in names}, "x", "y").svg()).documentElement
    wide, tall = map(float, root.getAttribute("viewBox").split()[2:])
    keys = [
        (float(one.getAttribute("y")), float(one.getAttribute("x")), one.firstChild.data)
        for one in root.getElementsByTagName("text")
        if one.firstChild.data in names
    ]
    assert [text for *_, text in keys] == names
    for (y, x, text), (below, after, _) in zip(keys, [*keys[1:], (tall, wide, "")], strict=True):
        end = x + 6 * sum(2 if ord(letter) > 255 else 1 for letter in text)
        assert end <= wide
        assert y <= tall
        assert below > y or end < after


@pytest.mark.parametrize(
    ("x", "curves", "log"),
    [([1, 2], {}, False), ([1, 2], {"a": [1]}, False), ([1], {"a": [1]}, False), ([0, 1], {"a": [1, 2]}, True),
     ([1, 2], {"a": [1, float("nan")]}, False), ([1, 2], {name: [1, 2] for name in "abcdef"}, False)],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(x: list, curves: dict, log: bool) -> None:
    with pytest.raises(ArgumentError, match="a plot needs"):
        Plot(x, curves, "x", "y", log=log)
