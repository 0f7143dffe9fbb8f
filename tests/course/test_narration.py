"""Both languages say the same: placeholders, terms, tone; and no measured number is typed into prose."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from course_folder import FOLDERS, NAMES

import gradcheck_lm
from gradcheck_lm.course import glossary
from gradcheck_lm.course.beats import NAMES as BEATS
from gradcheck_lm.course.publishing.narration import Pair, faults, pairs_in, placeholders, typed_numbers
from gradcheck_lm.course.screen.heads import japanese
from gradcheck_lm.course.screen.labels import in_japanese

COURSE = Path(gradcheck_lm.__file__).parent / "course"
TEXTS = [
    *(folder / name for folder in FOLDERS for name in ("lesson.py", "check.py", "hints.toml")),
    *sorted(COURSE.rglob("*.py")),
    *sorted((COURSE.parent / "commands" / "course").glob("*.py")),
]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_narration_keeps_the_rules(path: Path) -> None:
    assert [fault for pair in pairs_in(path) for fault in faults(pair)] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_a_lesson_speaks_in_every_beat(folder: Path) -> None:
    source = (folder / "lesson.py").read_text(encoding="utf-8")
    places = [source.index(f'beat("{name}")') for name in BEATS] + [len(source)]
    assert places == sorted(places)
    pairs = pairs_in(folder / "lesson.py")
    lines = [source.count("\n", 0, place) + 1 for place in places]
    for name, start, end in zip(BEATS, lines, lines[1:], strict=False):
        assert [pair for pair in pairs if start < pair.line < end], f"{name} says nothing"


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_what_a_lesson_claims_of_its_run_is_held_against_the_run(folder: Path) -> None:
    """In each beat that shows numbers or gives reasons; that it holds is tested where every script runs."""
    parts = re.split(r'^beat\("(\w+)"\)', (folder / "lesson.py").read_text(encoding="utf-8"), flags=re.MULTILINE)
    beats = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert [name for name in ("look", "why", "fix") if "holds(" not in beats[name]] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_what_is_shown_has_a_japanese_label(folder: Path) -> None:
    """Unless the label is code: then it is the same in both languages."""
    for node in ast.walk(ast.parse((folder / "lesson.py").read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "show"):
            continue
        label = node.args[0].value if len(node.args) == 2 and isinstance(node.args[0], ast.Constant) else ""
        if " " in re.sub(r"\(.*?\)", "", label) and " - " not in label:
            assert re.search("[ぁ-んァ-ヶ一-鿿]", in_japanese(label, "1")), label


def test_a_label_and_a_word_beside_it_are_told_in_japanese() -> None:
    assert in_japanese("entries of the gradient that are NaN", "5 of 20") == "勾配のうち NaN の要素 = 20 個中 5 個"
    assert in_japanese("findings", "none") == "診断 = なし"
    assert in_japanese("broken.grad_fn", "None") == "broken.grad_fn = None"
    assert (japanese("-0.05 to 0.22"), japanese("no error"), japanese("to 3")) == (
        "-0.05 から 0.22",
        "エラーなし",
        "to 3",
    )
    assert in_japanese("score_of_string", "cut") == "score_of_string = cut", "a verdict is a word of the program"


@pytest.mark.parametrize(
    ("ja", "en", "fault"),
    [
        ("損失は {loss:.3f} です。", "The loss is {loss:.2f}.", "placeholders differ"),
        ("損失は下がりました。", "The loss fell to {loss}.", "placeholders differ"),
        ("損失は 0.42 です。", "The loss is low.", "0.42 is typed"),
        ("三つあります。", "There are 12 of them.", "12 is typed"),
        ("傾斜が届きません。", "The gradient does not arrive.", "勾配"),
        ("逆伝搬は通りません。", "It does not pass.", "never used"),
        ("ロスは下がります。", "It falls.", "never used"),
        ("勾配が無い場合である。", "No gradient.", "です/ます"),
        ("勾配は届かなかった。", "No gradient arrived.", "です/ます"),
        ("", "Nothing.", "empty"),
    ],
)
def test_a_fault_is_seen(ja: str, en: str, fault: str) -> None:
    found = faults(Pair("x.py", 1, "say", ja=ja, en=en))
    assert any(fault in text for text in found), found


def test_what_is_no_fault() -> None:
    pair = Pair(
        "x.py", 1, "say",
        ja="交差エントロピーではクロスエントロピーの損失が 0 です。`x[12]` は {n} です。",
        en="With cross-entropy the loss is 0; `x[12]` is {n}.",
    )  # fmt: skip
    assert faults(pair) == []
    assert typed_numbers("GPT-2 reads `3.5` and l03, {n:.3f} times") == []
    assert placeholders("{b} {a:.2f} {{x}}") == [("a", ".2f"), ("b", "")]


def test_one_language_alone_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "lesson.py"
    file.write_text('say(ja="勾配です。")\n', encoding="utf-8")
    with pytest.raises(ValueError, match="needs ja and en"):
        pairs_in(file)
    file.write_text('say(ja=f"{x} です。", en="x")\n', encoding="utf-8")
    with pytest.raises(ValueError, match="plain strings"):
        pairs_in(file)


def test_the_glossary_does_not_contradict_itself() -> None:
    for term in glossary.TERMS:
        for other in glossary.TERMS:
            assert not set(term.ja) & set(other.never), f"{term.en} and {other.en}"
        for word in term.ja:
            assert glossary.faults(ja=word, en="") == []
    assert glossary.faults(ja="計算グラフの勾配", en="the gradient of the computation graph") == []
