"""The pictures of README and docs: from real runs, small enough to commit, and silent about the machine they ran on."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from gradcheck_lm.bench.figures import WIDEST, draw_figures, render_png, training_curve

ROOT = Path(__file__).resolve().parents[1]


def test_a_png_is_as_wide_as_it_may_be(tmp_path: Path) -> None:
    nodes = "; ".join(f'n{i} [label="a rather long label"]' for i in range(20))
    edges = "; ".join(f"n{i} -> n{i + 1}" for i in range(19))
    wide = f"digraph wide {{\n  graph [rankdir=LR];\n  {nodes}; {edges};\n}}\n"
    with Image.open(render_png(wide, tmp_path / "wide.png", widest=800)) as picture:
        assert 600 < picture.width <= 810
    with Image.open(render_png("digraph one {\n  a;\n}\n", tmp_path / "one.png", widest=800)) as picture:
        assert picture.width < 200


def test_the_training_curve_of_the_shipped_recogniser_falls() -> None:
    panels = training_curve()
    assert panels is not None
    for panel in panels:
        (series,) = panel.series.values()
        assert series.ys[-1] < series.ys[0] / 5


def test_figures_that_are_committed_say_nothing_of_this_machine() -> None:
    for path in (ROOT / "docs" / "figures").iterdir():
        assert path.stat().st_size < 300_000, path
        if path.suffix in (".svg", ".txt"):
            text = path.read_text(encoding="utf-8")
            assert str(ROOT) not in text, path
            assert "site-packages" not in text, path


@pytest.mark.slow
def test_all_figures_are_drawn_from_a_real_run(tmp_path: Path) -> None:
    said: list[str] = []
    paths = draw_figures(tmp_path, progress=said.append)
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()}
    assert "the debugger on argmax" in said
    text = (tmp_path / "argmax.txt").read_text(encoding="utf-8")
    assert "1. gradcheck_lm/penalties/argmax.py:" in text
    assert "0 of 70" in text
    assert str(ROOT) not in text
    broken, fixed = ((tmp_path / f"{name}-flow.svg").read_text("utf-8") for name in ("argmax", "soft_embedding"))
    assert "#fde3dc" in broken  # the fill of a cut
    assert "#fde3dc" not in fixed
    for name in ("broken-and-fixed.png", "argmax-flow.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.width <= WIDEST + 10
