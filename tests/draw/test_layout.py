"""From DOT to a file: with and without `dot`, in each format, within its time, in any language."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from child_processes import run_process
from draw_samples import broken
from drawn import BEGINNING, check

from gradcheck_lm.draw.graph.graph import flow_dot
from gradcheck_lm.draw.layout import layout
from gradcheck_lm.draw.layout.layout import Engine, engines, picture, render, render_folding
from gradcheck_lm.draw.lettering import ascii_fallback, bundled_fonts_cover
from gradcheck_lm.errors import ArgumentError, LayoutError, MissingPackageError
from gradcheck_lm.extras import install_line

DOT = 'digraph g { a [label="argmax", id="a", class="cut"]; b [label=<<b>lm</b><br/>x>]; a -> b [style=dashed]; }'
JAPANESE = 'digraph g { a [label="訓練.py:22"]; b [label="損失"]; a -> b; }'


@pytest.fixture
def no_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without Graphviz, and with nothing else on PATH either."""
    monkeypatch.setenv("PATH", "")
    assert shutil.which("dot") is None


def only(monkeypatch: pytest.MonkeyPatch, name: str) -> Engine:
    found = [engine for engine in engines() if engine.name == name]
    if not found:
        pytest.skip(f"{name} is not installed")
    monkeypatch.setattr(layout, "engines", lambda: tuple(found))
    return found[0]


@pytest.mark.needs("layout_package")
@pytest.mark.parametrize("kind", ["svg", "png"])
@pytest.mark.usefixtures("no_dot")
def test_every_format_without_dot_on_path(tmp_path: Path, kind: str) -> None:
    assert engines()[0].name != "dot"
    check(render(DOT, tmp_path / f"graph.{kind}"))


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
@pytest.mark.parametrize("name", ["dot", "graphviz-pure", "pygraphviz"])
def test_every_format_with_each_engine(tmp_path: Path, name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "pdf" and not only(monkeypatch, name).pdf:
        with pytest.raises(LayoutError, match=rf"{name}: it writes no PDF; save the picture as \.svg or \.png"):
            render(DOT, tmp_path / "graph.pdf")
        assert list(tmp_path.iterdir()) == []
        return
    only(monkeypatch, name)
    check(render(DOT, tmp_path / f"graph.{kind}"))


def test_dot_is_preferred_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dot"
    program.write_text('#!/bin/sh\ncat > /dev/null\necho "<svg>$1</svg>"\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert picture(DOT, "svg") == b"<svg>-Tsvg</svg>\n"


def test_a_picture_that_is_the_same_everywhere_asks_for_the_bundled_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    found = (Engine("dot", ("a",), "system", True), Engine("graphviz-pure", ("b",), "bundled", False))
    monkeypatch.setattr(layout, "engines", lambda: found)
    monkeypatch.setattr(layout, "_draw", lambda engine, *_: asked.append(engine.name) or b"x")
    picture(DOT, "svg", same_everywhere=True)
    picture(DOT, "svg")
    assert asked == ["graphviz-pure", "dot"]


@pytest.mark.needs("layout")
def test_an_engine_that_fails_is_followed_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = engines()
    crash = Engine("crash", (sys.executable, "-c", "import os; os.abort()"), "system", True)
    absent = Engine("absent", (str(tmp_path / "absent"),), "system", True)
    monkeypatch.setattr(layout, "engines", lambda: (crash, absent, *others))
    assert picture(DOT, "svg").startswith(b"<?xml")
    monkeypatch.setattr(layout, "engines", lambda: (crash, absent))
    with pytest.raises(
        LayoutError, match=r"no layout engine could draw this graph.*crash: .*absent: cannot be started"
    ):
        picture(DOT, "svg")


def test_the_time_bound_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    sleepy = Engine("sleepy", (sys.executable, "-c", "import time; time.sleep(3600)"), "system", True)
    monkeypatch.setattr(layout, "engines", lambda: (sleepy,))
    with pytest.raises(LayoutError, match=r"sleepy did not lay out a graph of about .* within 0.3 seconds; fold it"):
        picture(DOT, "svg", timeout=0.3)


def test_without_any_engine_the_line_to_type_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "engines", lambda: ())
    with pytest.raises(MissingPackageError, match=re.escape(f"type: {install_line('draw')}")):
        render(DOT, tmp_path / "graph.svg")
    assert list(tmp_path.iterdir()) == []
    assert render(DOT, tmp_path / "graph.dot").read_text(encoding="utf-8") == DOT


@pytest.mark.parametrize("name", ["graph.gif", "graph", "graph.html"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArgumentError, match=r"its ending is none of \.svg, \.png, \.pdf, \.dot"):
        render(DOT, tmp_path / name)


def test_no_time_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="timeout is 0 seconds"):
        render(DOT, tmp_path / "graph.svg", timeout=0)


@pytest.mark.needs("layout")
def test_text_that_is_not_dot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="no layout engine could draw"):
        render("digraph {{{", tmp_path / "graph.svg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.needs("layout")
def test_an_ending_may_be_in_capitals(tmp_path: Path) -> None:
    assert render(DOT, tmp_path / "GRAPH.SVG").read_bytes().startswith(b"<?xml")


@pytest.mark.needs("layout")
def test_folding_goes_on_until_it_is_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def slow_above(limit: int) -> str:
        asked.append(limit)
        return DOT if limit < 50 else "digraph {{{"

    assert render_folding(slow_above, tmp_path / "graph.svg").exists()
    assert asked == [400, 120, 40]


@pytest.mark.needs("layout")
def test_japanese_stays_in_svg(tmp_path: Path) -> None:
    assert "訓練.py:22" in render(JAPANESE, tmp_path / "graph.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["dot", "graphviz-pure", "pygraphviz"])
def test_japanese_in_a_picture_is_drawn_or_spelled_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = only(monkeypatch, name)
    sent = []
    run = layout._run
    monkeypatch.setattr(layout, "_run", lambda engine, text, *rest: sent.append(text) or run(engine, text, *rest))
    monkeypatch.setattr(layout, "_system_has_japanese", lambda: False)
    for kind in ("png", "pdf") if engine.pdf else ("png",):
        assert picture(JAPANESE, kind).startswith(BEGINNING[kind])
        assert "u8A13u7DF4.py:22" in sent[-1]
        assert sent[-1].isascii()
    monkeypatch.setattr(layout, "_system_has_japanese", lambda: True)
    picture(JAPANESE, "png")
    assert ("訓練" in sent[-1]) == (engine.fonts == "system")


def test_letters_that_every_font_has_stay() -> None:
    assert bundled_fonts_cover("Größe τ → λ Жизнь")
    assert ascii_fallback("τ = 訓") == "τ = u8A13"


@pytest.mark.needs("layout")
def test_fonts_have_sane_names_in_svg(tmp_path: Path) -> None:
    text = render(flow_dot(broken()), tmp_path / "graph.svg").read_text(encoding="utf-8")
    fonts = {part.split('"')[0].split(",")[0] for part in text.split('font-family="')[1:]}
    assert fonts == {"Helvetica", "Courier"}


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_nothing_is_left_of_a_process_that_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            begun.append(self)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    sleepy = Engine("s", (sys.executable, "-c", "import time; time.sleep(3600)"), "system", True)
    monkeypatch.setattr(layout, "engines", lambda: (sleepy,))
    with pytest.raises(LayoutError):
        picture(DOT, "svg", timeout=0.2)
    assert [process.returncode for process in begun] == [-signal.SIGKILL]


def test_pygraphviz_runs_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, "pygraphviz")
    picture(DOT, "svg")
    assert "pygraphviz" not in sys.modules


def test_the_worker_is_a_script(tmp_path: Path) -> None:
    worker = Path(layout.__file__).with_name("pygraphviz_worker.py")
    done = run_process([sys.executable, str(worker), "-Tsvg"], input=b"digraph {{{", capture_output=True, check=False)
    assert done.returncode != 0
