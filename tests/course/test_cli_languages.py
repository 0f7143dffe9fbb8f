"""What the course says at the command line, in the language of the learner."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from course_commands import call
from course_folder import FIRST
from rich.cells import cell_len

from gradcheck_lm.errors import DataError

pytestmark = pytest.mark.usefixtures("judged_here")


def test_what_was_typed_wrong_is_told_in_the_learners_language(course: Path, tmp_path: Path) -> None:
    for words, ja, en in (
        (
            ("hint", "--tier", "9"),
            "--tier が 9 です。1 から 3 の数を指定してください",
            "--tier is 9; it must be from 1 to 3",
        ),
        (("report", str(tmp_path)), "に課がありません。", "holds no lessons; give folders that"),
        (("check", "--lang", "fr"), "--lang が 'fr' です。", "--lang is 'fr'; the course speaks ja"),
        (("check", "l99"), "'l99' という課はありません。", "'l99'"),
    ):
        for language, said in (("ja", ja), ("en", en)):
            code, _, err = call(*words, course=course, lang=language)
            assert code == 2
            assert said in " ".join(err.split()), (words, language)
    code, _, err = call("hint", course=course, lang="fr")  # then it cannot be known which one
    assert code == 2
    assert "GRADCHECK_LM_LANG is 'fr'; the course speaks ja" in err


def test_help_is_in_the_learners_language_and_fits_its_columns(course: Path) -> None:
    japanese, english = (call("--help", course=course, lang=one, width="80")[1] for one in ("ja", "en"))
    assert "Check an exercise; stops at the first thing" in english
    assert "Check an exercise" not in japanese
    for name in ("check", "hint", "reset", "watch", "list", "init", "museum", "report"):
        line = next(line for line in japanese.splitlines() if line.startswith(f"  {name} "))
        assert re.search("[ぁ-ん]", line), line
        for text in (japanese, english, call(name, "--help", course=course, lang="ja", width="80")[1]):
            assert max(cell_len(line) for line in text.splitlines()) < 80, name
    assert call("--help", course=course, lang="fr", width="80")[1] == english


@pytest.mark.parametrize(("lang", "says"), [("en", "there is no lesson 'l99'"), ("ja", "'l99' という課はありません")])
def test_an_error_is_told_in_the_learners_language(course: Path, lang: str, says: str) -> None:
    code, _, err = call("check", "l99", course=course, lang=lang)
    assert (code, says in err) == (2, True), err
    assert FIRST in err
    (course / FIRST / "exercise.py").unlink()
    code, _, err = call("check", FIRST, "--lang", lang, course=course, lang="en" if lang == "ja" else "ja")
    assert code == 2
    assert ("がありません。元に戻すには" in err) == (lang == "ja"), err
    assert f"lessons reset {FIRST}" in err


def test_every_text_of_an_error_is_there_in_both_languages() -> None:
    from gradcheck_lm.course.language import in_both

    error = in_both(DataError, ja="{name} がありません", en="{name} is missing", name="x")
    assert (type(error), str(error), error.words.ja) == (DataError, "x is missing", "x がありません")
