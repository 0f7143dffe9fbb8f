"""Curves: pictures by matplotlib, SVG for the page, intervals, and the zero that must be seen."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gradcheck_lm.draw.plots.charts import chart_svg
from gradcheck_lm.draw.plots.curves import PALETTE, Panel, Series, save_curves
from gradcheck_lm.errors import ArgumentError, MissingPackageError
from gradcheck_lm.extras import install_line

STEPS = list(range(20))
LEVELS = [0.3 - 0.004 * x for x in STEPS]
FALLING = Series(STEPS, LEVELS, [y - 0.02 for y in LEVELS], [y + 0.02 for y in LEVELS])
FLAT = Series(STEPS, [0.3] * 20)
CER = Panel("CER on a new hand", "step", "CER", {"argmax": FLAT, "policy_gradient": FALLING})
ALIVE = Series(STEPS, [10.0 ** -(x % 4) for x in STEPS])
NORMS = Panel("Gradient", "step", "norm", {"argmax": Series(STEPS, [0.0] * 20), "soft": ALIVE}, log_y=True)


def test_without_matplotlib_the_error_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingPackageError, match=rf"^plots need matplotlib; type: {re.escape(install_line('draw'))}$"):
        save_curves(tmp_path / "curves.png", [CER])


@pytest.mark.needs("matplotlib")
@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_curves_are_drawn(tmp_path: Path, ending: str) -> None:
    path = save_curves(tmp_path / f"curves.{ending}", [CER, NORMS])
    assert path.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml", b"%PDF-")


@pytest.mark.needs("matplotlib")
def test_the_picture_says_what_is_what(tmp_path: Path) -> None:
    text = save_curves(tmp_path / "curves.svg", [CER]).read_text(encoding="utf-8")
    for part in ("CER on a new hand", "policy_gradient", "step"):
        assert part in text  # matplotlib writes each text as a comment beside its outline


@pytest.mark.needs("matplotlib")
@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_any_number_of_panels_fits(tmp_path: Path, count: int) -> None:
    assert save_curves(tmp_path / "curves.png", [CER] * count).exists()


@pytest.mark.needs("matplotlib")
@pytest.mark.parametrize("text", ["$x_1$", "_hidden", "日本語", "100 %", "a\\b"])
def test_any_text_can_be_in_a_picture(tmp_path: Path, text: str) -> None:
    assert save_curves(tmp_path / "curves.png", [Panel(text, text, text, {text: FLAT})]).exists()


@pytest.mark.needs("matplotlib")
def test_values_that_are_no_numbers_leave_gaps(tmp_path: Path) -> None:
    broken = Series([0, 1, 2], [1.0, math.nan, math.inf])
    assert save_curves(tmp_path / "curves.png", [Panel("x", "x", "y", {"a": broken, "empty": Series([], [])})]).exists()
    assert chart_svg(Panel("x", "x", "y", {"a": broken})).count("<circle") == 1
    assert chart_svg(Panel("x", "x", "y", {"a": Series([0], [math.nan])})) == ""


def test_what_cannot_be_drawn_is_refused_with_the_values(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"it has \[3, 2, None, None\]"):
        Series([1, 2, 3], [1, 2])
    with pytest.raises(ArgumentError, match="needs both lower and upper"):
        Series([1], [1], lower=[0])
    with pytest.raises(ArgumentError, match=r"there are no panels to draw into .curves\.png.; pass at least one"):
        save_curves(tmp_path / "curves.png", [])
    with pytest.raises(ArgumentError, match=r"none of \.png, \.svg, \.pdf"):
        save_curves(tmp_path / "curves.bmp", [CER])
    assert list(tmp_path.iterdir()) == []


def points(svg: str, index: int) -> list[tuple[float, float]]:
    text = re.search(rf'<polyline class="line s{index}" fill="none" points="(.*?)"', svg)
    assert text
    return [tuple(map(float, pair.split(","))) for pair in text[1].split()]  # type: ignore[misc]


def test_a_chart_shows_lines_intervals_and_ticks() -> None:
    svg = chart_svg(CER)
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == "CER on a new hand: CER over step"
    assert svg.count("<polyline") == 2
    assert svg.count("<polygon") == 1  # only one series has an interval
    falling = points(svg, 1)
    assert falling == sorted(falling)
    assert [y for _, y in falling] == sorted(y for _, y in falling)  # down on the page is down in value
    assert "policy_gradient: 0.3000 [0.2800, 0.3200] at 0" in svg
    ticks = [float(text) for text in re.findall(r'text-anchor="end">([\d.]+)<', svg)]
    assert len(ticks) >= 3


def test_zero_has_a_line_of_its_own_on_a_logarithmic_axis() -> None:
    svg = chart_svg(NORMS)
    zero = {y for _, y in points(svg, 0)}
    assert len(zero) == 1
    assert all(y < zero.copy().pop() - 20 for _, y in points(svg, 1))
    assert 'text-anchor="end">0<' in svg


def test_a_series_has_its_colour_in_every_chart() -> None:
    assert 'class="line s4"' in chart_svg(Panel("x", "x", "y", {"argmax": FLAT}), ["a", "b", "c", "d", "argmax"])
    many = {str(i): FLAT for i in range(len(PALETTE) + 2)}
    assert chart_svg(Panel("x", "x", "y", many)).count("<polyline") == len(many)


def test_a_long_series_is_thinned_for_the_page() -> None:
    long = Series(range(10_000), [math.sin(x / 500) for x in range(10_000)])
    svg = chart_svg(Panel("x", "x", "y", {"a": long}))
    assert len(svg) < 12_000
    drawn = points(svg, 0)
    assert drawn[0][0] < 70
    assert drawn[-1][0] > 440


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0], [0.0, 0.0], [-1e9, 1e9], [1e-12, 2e-12]])
@pytest.mark.parametrize("log", [False, True])
def test_any_range_has_axes(values: list[float], log: bool) -> None:
    svg = chart_svg(Panel("x", "x", "y", {"a": Series(range(len(values)), values)}, log_y=log))
    ElementTree.fromstring(svg)
    assert "nan" not in svg


def test_text_in_a_chart_is_escaped() -> None:
    svg = chart_svg(Panel("<b>", "<script>", '"&"', {"</svg>": Series([0, 1], [1, 2])}))
    ElementTree.fromstring(svg)
    assert "<script>" not in svg


SIZES = Panel("Growth", "lines", "s", {"a": Series([1000, 64_000], [0.5, 32.0]), "b": Series([1000], [0.7])},
              log_y=True, log_x=True)  # fmt: skip


@pytest.mark.needs("matplotlib")
def test_sizes_on_logarithmic_axes_are_named_and_panels_may_have_legends_of_their_own(tmp_path: Path) -> None:
    text = save_curves(tmp_path / "curves.svg", [SIZES, CER], own_legends=True).read_text(encoding="utf-8")
    assert {"<!-- 1 k -->", "<!-- 64 k -->"} <= set(re.findall(r"<!-- .*? -->", text))
    assert text.count('id="legend_') == 2
    shared = save_curves(tmp_path / "shared.svg", [SIZES, CER]).read_text(encoding="utf-8")
    assert shared.count('id="legend_') == 1


def test_the_pages_chart_has_a_logarithmic_axis_of_sizes_too() -> None:
    def middle(panel: Panel) -> float:
        return [float(x) for x in re.findall(r'<circle[^>]* cx="([\d.]+)"', chart_svg(panel))][1]

    three = {"a": Series([1, 10, 100], [1.0, 2.0, 3.0])}
    logarithmic, linear = (Panel("x", "x", "y", three, log_x=log) for log in (True, False))
    assert middle(logarithmic) > 200 > middle(linear)
