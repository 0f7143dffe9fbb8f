"""The pictures of README and docs: from real runs, small enough to commit, and silent about the machine they ran on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from gradcheck_lm.bench.pages.figures import FIGURES, WIDEST, draw_figures, render_png, training_curve

ROOT = Path(__file__).resolve().parents[2]


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


def pictures_shown() -> dict[Path, set[Path]]:
    """Every picture that README and docs show, by page; addresses of other places are none."""
    found: dict[Path, set[Path]] = {}
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        names = re.findall(r"!\[[^\]]*\]\(([^)\s]+)", text) + re.findall(r"<img[^>]*?src=[\"']([^\"']+)", text)
        local = {(page.parent / name).resolve() for name in names if not name.startswith(("http:", "https:", "data:"))}
        if local:
            found[page] = local
    return found


def test_every_picture_in_readme_and_docs_comes_from_a_real_run() -> None:
    shown = pictures_shown()
    assert ROOT / "README.md" in shown
    figures, lessons, results = (ROOT / "docs" / name for name in ("figures", "lessons/figures", "results"))
    for page, pictures in shown.items():
        for one in pictures:
            assert one.is_file(), f"{page} shows {one}, which is not there"
            if one.parent == figures:  # bench figures
                assert one.name in FIGURES, f"{page} shows {one.name}, which make figures does not draw"
            elif one.is_relative_to(lessons):  # bench lesson pages, from the run of the lesson of that name
                assert (ROOT / "lessons" / one.parent.name / "lesson.py").is_file(), one
            elif (
                one.parent == ROOT / "docs" / "architecture"
            ):  # bench docs; held against the imports by a test of its own
                assert page.name == "architecture.md"
            else:  # a benchmark's, beside the figures that it measured
                assert one.parent == results, f"{page} shows {one}: draw it in make figures or in a benchmark"
                assert one.with_suffix(".json").is_file(), one


def test_nothing_lies_among_the_figures_that_is_not_drawn() -> None:
    assert {path.name for path in (ROOT / "docs" / "figures").iterdir()} == set(FIGURES)


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
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()} == set(FIGURES)
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
