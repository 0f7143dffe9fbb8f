"""A diagnosis as text: golden files, 80 columns, pipes, and consoles that cannot encode everything."""

from __future__ import annotations

import dataclasses
import io
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from child_processes import run_process
from draw_samples import broken, fixed, unreached
from forked_python import run_python
from rich.cells import cell_len
from rich.console import Console

from gradcheck_lm.draw.lettering import shown
from gradcheck_lm.draw.terminal.terminal import console, diagnosis_text, print_diagnosis, progress, table

Golden = Callable[[str, str], None]
SAMPLES = {"broken": broken(), "fixed": fixed(), "unreached": unreached()}


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "ascii"])
@pytest.mark.parametrize("name", SAMPLES)
def test_text_is_as_it_was(golden: Golden, name: str, encoding: str) -> None:
    text = diagnosis_text(SAMPLES[name], encoding=encoding)
    text.encode(encoding)
    golden(f"terminal_{name}_{encoding}.txt", text)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_console(width: int) -> None:
    long = dataclasses.replace(broken().findings[0], source=f"    {'x' * 90} = logits.argmax(-1)", columns=(97, 114))
    diagnosis = dataclasses.replace(broken(), findings=(long, *broken().findings[1:]))
    lines = diagnosis_text(diagnosis, width=width).splitlines()
    assert max(map(cell_len, lines)) <= width
    source, caret = next((a, b) for a, b in pairwise(lines) if b.strip(" ^") == "" and "^" in b)
    start = caret.index("^")
    assert source[start : len(caret)] == "logits.argmax(-1)"  # the caret still points at it


def test_the_text_says_where_why_and_what_instead() -> None:
    text = diagnosis_text(broken())
    assert text.startswith(
        "gradient flow: BROKEN\nlm is dead: no gradient from there reaches any of the 4 tensors asked about"
    )
    places = [text.index(f"{i}. train.py:{line}") for i, line in ((1, 22), (2, 22), (3, 27), (4, 29))]
    assert places == sorted(places)
    for part in ("^^^^^^^^^^^^^^^^^", "why:", "cure:", "switched off at train.py:28", "0 of 4", "DEAD", "2.0816"):
        assert part in text


def test_many_names_are_summarised_by_module() -> None:
    text = diagnosis_text(unreached())
    assert "No gradient: 24 of 26 tensors" in text
    assert "encoder.layers: 24 tensors (0.weight, 0.bias, 1.weight, 1.bias and 20 more)" in text
    assert "A gradient of exactly 0: 1 of 26 tensors\n  head.bias" in text


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "ascii", "latin-1", "no-such-encoding"])
def test_any_text_in_a_diagnosis_can_be_printed(encoding: str) -> None:
    hostile = " 訓練✓é\x1b[31mred\u202e[bold]:smile:"
    text = diagnosis_text(broken(hostile), encoding=encoding)
    text.encode("ascii" if encoding == "no-such-encoding" else encoding)
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text.replace("\n", "")
    assert "[bold]:smile:" in text.replace("\n", "")


def test_what_cannot_be_encoded_stays_readable() -> None:
    assert shown("訓練 ✓ … τ", "ascii") == "\\u8a13\\u7df4 ok ... \\u03c4"
    assert shown("訓練 ✓ … τ", "cp932") == "訓練 ok … τ"
    assert shown("訓練 ✓ … τ") == "訓練 ✓ … τ"


def test_colour_only_where_it_is_wanted() -> None:
    assert "\x1b[" not in diagnosis_text(broken())
    assert "\x1b[" in diagnosis_text(broken(), color=True)


def test_printing_takes_the_given_console() -> None:
    stream = io.StringIO()
    print_diagnosis(broken(), Console(file=stream, width=80))
    assert "DEAD" in stream.getvalue()


@pytest.mark.parametrize("encoding", ["cp932", "ascii"])
def test_in_a_pipe_with_an_old_encoding(encoding: str) -> None:
    program = (
        "from draw_samples import broken; from gradcheck_lm.draw import print_diagnosis; "
        "print_diagnosis(broken('訓練✓'))"
    )
    env = {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}
    done = run_python("-c", program, cwd=Path(__file__).parents[1] / "support", env=env, encoding=None)
    assert done.returncode == 0, done.stderr.decode()
    assert "argmax" in done.stdout.decode(encoding)
    assert b"\x1b" not in done.stdout


def test_tables_set_numbers_to_the_right_and_read_no_markup() -> None:
    stream = io.StringIO()
    out = Console(file=stream, width=80)
    out.print(table("Results [x]", ["arm", "CER", "note"], [["argmax", 0.288, "[red]"], ["ctc", None, None]]))
    text = stream.getvalue()
    assert "Results [x]" in text
    assert "[red]" in text
    row = next(line for line in text.splitlines() if "argmax" in line)
    assert "0.2880" in row


def test_progress_in_a_pipe_prints_a_line_at_each_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("scoring", 100) as advance:
        for _ in range(100):
            advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "scoring: 10/100"
    assert lines[-1] == "scoring: 100/100"
    assert len(lines) == 10


def test_progress_can_be_switched_off(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("scoring", 2, enabled=False) as advance:
        advance(2)
    assert capsys.readouterr().err == ""


def test_the_console_reads_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("[bold] :smile: [/x]")
    assert capsys.readouterr().out == "[bold] :smile: [/x]\n"


def test_importing_the_pictures_loads_nothing_heavy() -> None:
    heavy = ("rich", "graphviz", "torchviz", "jinja2", "matplotlib", "torch")
    program = f"import sys, gradcheck_lm.draw; print([m for m in {heavy} if m in sys.modules])"
    done = run_process(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"


def tree_of(text: str) -> list[str]:
    lines = text.splitlines()
    return lines[lines.index("The way of the data") + 1 : next(i for i, line in enumerate(lines) if "carries" in line)]


def test_the_tree_shows_what_the_terms_share_and_where_each_way_ends() -> None:
    lines = tree_of(diagnosis_text(broken()))
    assert lines[0] == "4 tensors asked about: cnn.0, head"
    shared, ctc, lm = (next(i for i, one in enumerate(lines) if part in one) for part in ("linear", "ctc:", "lm:"))
    assert shared < ctc < lm
    assert lines[lm] == "└── lm: DEAD"
    below = [line[4:] for line in lines[lm + 1 :]]
    assert below[0] == "├── ✗  argmax  GF101 discrete_op  train.py:22"
    assert [line.split()[1] for line in below] == ["✗", "✗", "·", "✗", "·", "✗", "·"]
    assert "├── ctc: alive, gradient norm 2.0816" in lines


def test_tensors_without_a_gradient_stand_first_in_the_tree() -> None:
    lines = tree_of(diagnosis_text(unreached()))
    assert lines[1:3] == [
        "├── ✗  encoder.layers: no gradient in 24 of 24 tensors",
        "├── ✗  head: gradient 0 in 1 of 2 tensors",
    ]


def test_a_harmless_cut_is_no_cross_in_the_tree() -> None:
    from draw_samples import harmless

    text = diagnosis_text(harmless())
    assert "✗" not in text
    assert "~  argmax" in text
    assert "~ stops on a side path, harmless" in text


def test_three_terms_of_which_two_share_a_way() -> None:
    from draw_samples import GraphBuilder

    from gradcheck_lm.flow.findings.model import Diagnosis, Term

    build = GraphBuilder()
    weight = build.add("wrt", "live", "weight", terms=("a", "b", "c"))
    all_three = build.add("op", "live", "exp", weight, terms=("a", "b", "c"), file="x.py", line=1)
    two = build.add("op", "live", "log", all_three, terms=("a", "b"), file="x.py", line=2)
    for name, before in (("a", two), ("b", two), ("c", all_three)):
        own = build.add("op", "live", f"sum_{name}", before, terms=(name,), file="x.py", line=3)
        build.add("term", "live", name, own, terms=(name,))
    terms = {name: Term(name, 1.0, True, ("weight",), False, 1.0) for name in "abc"}
    lines = tree_of(diagnosis_text(Diagnosis(True, (), terms, (), (), build.graph(), (), ("weight",))))
    assert lines[1:3] == ["├── ✓  exp  x.py:1", "├── ✓  log  for a and b  x.py:2"]
    assert sum("sum_" in line for line in lines) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "cp932", "ascii"])
@pytest.mark.parametrize("width", [30, 50, 80])
def test_the_tree_fits_whatever_the_names(encoding: str, width: int) -> None:
    text = diagnosis_text(broken("訓練" * 20), width=width, encoding=encoding)
    text.encode(encoding)
    assert max(map(cell_len, tree_of(text))) <= width
    assert ("│" in text) == (encoding == "utf-8")


def test_a_real_terminal_and_a_pipe_say_the_same_but_for_colour() -> None:
    plain, coloured = diagnosis_text(broken()), diagnosis_text(broken(), color=True)
    import re

    assert re.sub(r"\x1b\[[\d;]*m", "", coloured).split() == plain.split()
