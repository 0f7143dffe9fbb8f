"""What the debugger says, in Japanese: every why, cure and note has its sentence, and the page's switch shows it."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from pathlib import Path

import pytest
import torch
from draw_samples import broken, finding, large
from draw_story import make

from gradcheck_lm import diagnose, flow
from gradcheck_lm.draw.curves import Panel, Series
from gradcheck_lm.draw.japanese import KINDS_JA, heading_ja, sentence_ja, wording_ja
from gradcheck_lm.draw.japanese_sentences import PATTERNS_JA, SENTENCES_JA
from gradcheck_lm.draw.page import Experiment, Report, page_html
from gradcheck_lm.flow import chain, inquiry, operations
from gradcheck_lm.flow.findings import KINDS


def japanese(text: str) -> bool:
    return any(ord(letter) > 0x3000 for letter in text)


def literals(module: object) -> set[str]:
    """Every text constant in a module's or function's source but docstrings, adjacent ones joined as Python does."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(module)))  # type: ignore[arg-type]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)}
    found = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    return found - docs


def of_operations() -> set[str]:
    tables = [*operations._BY_NAME.values(), operations._COMPARISON, operations._UNWRITTEN_ADVICE]
    return {text for why, cures in tables for text in (why, *cures)}


def of_the_chain() -> set[str]:
    return {chain._CHECKPOINT_WHY, *chain._CHECKPOINT_CURES} | {
        text for text in literals(chain.Chain._finding) if text.endswith(".") and " " in text.strip()
    }


def of_constants() -> set[str]:
    return {text for text in literals(inquiry.Inquiry._constant) if text.endswith(".") and " " in text}


def test_every_kind_of_finding_is_translated() -> None:
    assert set(KINDS_JA) == set(KINDS)
    for name, kind in KINDS.items():
        assert len(KINDS_JA[name].cures) == len(kind.cures), name
        assert japanese(KINDS_JA[name].why)
        assert all(map(japanese, KINDS_JA[name].cures)), name


def test_every_sentence_on_an_operation_is_translated() -> None:
    assert len(of_operations()) > 30
    assert len(of_constants()) == 3
    assert " It was off already when the run began." in of_the_chain()
    for english in of_operations() | of_the_chain() | of_constants() | {inquiry._OUT_OF_SIGHT}:
        assert japanese(SENTENCES_JA.get(english, "")), english


def test_every_translated_sentence_is_still_said() -> None:
    said = of_operations()
    for path in Path(flow.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said |= {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    assert set(SENTENCES_JA) <= said, set(SENTENCES_JA) - said


def test_no_number_or_name_is_lost_in_a_pattern() -> None:
    told = {
        "5001 nodes folded into 12 by module and source line": ("5001", "12"),
        "term 'lm' descends from wrt and no cut was seen on the way: look at custom things": ("'lm'",),
        "the gradient of lm at head.weight holds NaN or infinity": ("lm", "head.weight"),
    }
    assert len(told) == len(PATTERNS_JA)
    for english, kept in told.items():
        assert japanese(sentence_ja(english)), english
        assert all(part in sentence_ja(english) for part in kept)
    assert sentence_ja("a sentence that nobody knows") == "a sentence that nobody knows"


@pytest.mark.needs("numpy")
def test_the_storys_cut_is_told_in_japanese() -> None:
    model, step = make("argmax")
    wording = wording_ja(diagnose(step, wrt=model).findings[0])
    assert all(map(japanese, (wording.title, wording.why, *wording.cures)))


def test_a_finding_of_each_operation_is_told_in_japanese() -> None:
    for name, (why, cures) in operations._BY_NAME.items():
        one = dataclasses.replace(finding("discrete_op", f"torch.{name}", 1, "", 0), why=why, cures=cures)
        wording = wording_ja(one)
        assert japanese(wording.why), name
        assert all(map(japanese, wording.cures)), name


def test_what_is_added_to_a_why_is_translated_too() -> None:
    weight = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        (one,) = diagnose(lambda: (weight * 2).sum(), wrt={"weight": weight}).errors
    assert one.why.endswith("It was off already when the run began.")
    wording = wording_ja(one)
    assert wording.why.startswith(KINDS_JA["grad_disabled"].why)
    assert wording.why.endswith("実行の開始時点ですでに無効でした。")


@pytest.mark.needs("layout")
def test_the_pages_switch_covers_notes_folds_headings_and_cells() -> None:
    noted = dataclasses.replace(broken(), notes=(inquiry._OUT_OF_SIGHT,))
    steps = Series([1, 2], [0.1, 0.2])
    text = page_html(
        Report(
            diagnoses={"noted": noted, "large": large(500)},
            experiments=[Experiment("Results", ["arm", "weights"], [["argmax", "= CTC alone"], ["ctc", "by chance"]])],
            curves=[Panel("Reading a new hand", "step", "gradient norm", {"ctc": steps})],
            gradients=[Panel("argmax, by module", "step", "gradient norm of lm", {"head": steps})],
        )
    )
    for english, translated in (
        (inquiry._OUT_OF_SIGHT.replace("'", "&#39;"), SENTENCES_JA[inquiry._OUT_OF_SIGHT]),
        ("= CTC alone", "= CTC だけ"),
        ("arm", "手法"),
        ("argmax, by module", "argmax(モジュール別)"),
        ("Reading a new hand", "新しい筆跡の読み取り"),
    ):
        assert f'<span lang="en">{english}</span><span lang="ja">{translated}</span>' in text, english
    assert "by chance</td>" in text  # what has no translation stands there once, for both
    assert re.search(
        r'<text class="label" [^>]* lang="en">step</text><text class="label" [^>]*lang="ja">ステップ', text
    )
    assert "個のノードをモジュールとソース行ごとに" in text


@pytest.mark.parametrize("name", ["argmax", "a name of the user's"])
def test_names_stay_as_they_are(name: str) -> None:
    assert heading_ja(name) == name
