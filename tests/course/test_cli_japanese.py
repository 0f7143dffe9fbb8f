"""Help and refusals of the course: Japanese where a learner asks for it, typer's own words elsewhere."""

from __future__ import annotations

import re

import pytest
import typer
from course_commands import call
from course_folder import FIRST
from rich.cells import cell_len
from typer.testing import CliRunner

from gradcheck_lm.cli import app
from gradcheck_lm.course import stage
from gradcheck_lm.course.language import Words
from gradcheck_lm.course.screen.options import OPTIONS, Option, read_options

pytestmark = pytest.mark.usefixtures("judged_here")

COMMANDS = ("check", "hint", "reset", "watch", "list", "init", "museum", "report")
TYPER = re.compile(r"Usage|Options|Commands|What it takes|Always there|For example|required|default|Show this|OPTIONS")
KANA = re.compile("[ぁ-んァ-ン]")
REFUSED = [
    (("nosuch",), "nosuch というコマンドはありません", "No such command 'nosuch'."),
    (("chek",), "chek というコマンドはありません。check のことでしょうか", "Did you mean 'check'?"),
    (("hint", "--nosuch"), "--nosuch というオプションはありません", "No such option: --nosuch"),
    (("check", "--lng", "ja"), "--lng というオプションはありません。--lang のことでしょうか", "No such option: --lng"),
    (("hint", "--tier", "x"), "--tier の値が正しくありません。整数を指定してください", "Invalid value for '--tier'"),
    (("museum", "--line", "x"), "--line の値が正しくありません。整数を指定してください", "Invalid value for '--line'"),
    (("hint", "l01", "l02", "l03"), "余分な引数があります: l02 l03", "(l02 l03)"),
    (("reset",), "NAME を指定してください", "Missing argument 'NAME'."),
    (("init",), "DIR を指定してください", "Missing argument 'DIR'."),
    (("hint", "--tier"), "--tier には値が必要です", "Option '--tier' requires an argument."),
    (("list", "--json=3"), "--json には値を付けられません", "Option '--json' does not take a value."),
    (("museum", "m01", "--line", "0"), "--line が 0 です。1 以上の数を指定してください",
     "--line is 0; it must be at least 1"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "ja", "en"), REFUSED)
def test_what_typer_refuses_is_refused_in_the_learners_language(typed: tuple[str, ...], ja: str, en: str) -> None:
    code, out, err = call(*typed, lang="ja")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"gradcheck-lm: {ja}"
    assert not re.search("Usage|OPTIONS|Try |Error", err)
    assert err.startswith("使い方: ") or "--line が 0" in ja
    code, _, err = call(*typed, lang="en", width="200")
    assert code == 2
    assert en in err
    assert not KANA.search(err)


def test_help_in_japanese_has_no_english_of_typers_or_ours() -> None:
    for name in ("", *COMMANDS):
        code, text, _ = call(*filter(None, [name]), "--help", lang="ja", width="80")
        assert code == 0
        assert not TYPER.search(text), text
        assert max(map(cell_len, text.splitlines())) < 80
        told = text.split("\n例:")[0].split("\n\n")[1:]
        assert all(KANA.search(paragraph) for paragraph in told), text
        assert not re.search(r"[a-z] [a-z]+ [a-z]+ [a-z]", "\n".join(told)), "an English sentence"


def test_every_parameter_is_told_in_japanese() -> None:
    from gradcheck_lm.commands.course.japanese import in_japanese

    group = typer.main.get_command(app).commands["lessons"]
    told = {
        parameter.help
        for command in (group, *group.commands.values())
        for parameter in command.params
        if getattr(parameter, "help", None)
    }
    assert len(told) > 8
    for text in told:
        assert KANA.search(in_japanese(text)), text
        assert " / " not in in_japanese(text), f"{text!r} has a short Japanese word and no sentence of its own"


@pytest.mark.parametrize("typed", [("--lang", "ja", "hint"), ("hint", "--lang", "ja"), ("hint", "--lang=ja")])
def test_the_language_that_is_typed_counts_wherever_it_stands(typed: tuple[str, ...], course) -> None:
    assert "使い方: " in call(*typed, "--help", course=course)[1]
    assert "--nosuch というオプションはありません" in call(*typed, "--nosuch", course=course)[2]
    assert "もっと詳しいヒント" in call(*typed, course=course)[1]
    assert "A stronger hint" in call("hint", course=course)[1], "it does not stay for the next command"
    english = tuple(word.replace("ja", "en") for word in typed)
    assert "Usage: " in call(*english, "--help", course=course, lang="ja")[1]


def test_a_console_without_kana_and_a_language_that_nobody_speaks_get_english(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = CliRunner(charset="ascii")
    settings = {"GRADCHECK_LM_LANG": "ja", "COLUMNS": "100"}
    assert "No such option" in runner.invoke(app, ["lessons", "hint", "--nosuch"], env=settings).stderr
    assert "Usage: " in runner.invoke(app, ["lessons", "--help"], env=settings).stdout
    assert "No such option" in call("hint", "--nosuch", lang="fr")[2]
    assert "というオプションはありません" in call("hint", "--lang", "fr", "--nosuch", lang="ja")[2]


def test_other_commands_keep_typers_words() -> None:
    settings = {"GRADCHECK_LM_LANG": "ja", "COLUMNS": "100"}
    for typed in (["explain", "--nosuch"], ["train", "--steps", "x"], ["nosuch"], ["explain", "--help"], ["--help"]):
        result = CliRunner().invoke(app, typed, env=settings)
        assert "Usage: " in result.output
        assert not re.search("使い方|オプション", result.output)


def test_what_the_system_refuses_is_told_in_the_learners_language(course, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "progress.json")

    monkeypatch.setattr("gradcheck_lm.course.folder.progress.write_text_atomic", full)
    code, _, err = call("hint", course=course, lang="ja")
    assert (code, err.splitlines()[-1]) == (
        2, "gradcheck-lm: progress.json: ディスクに空きがありません。空きを作るか、別の場所を指定してください "
        "(No space left on device)",
    )  # fmt: skip
    code, _, err = call("hint", course=course, lang="en")
    assert (code, err.splitlines()[-1]) == (
        2, "gradcheck-lm: progress.json: the disk is full: free some space, or write to another place "
        "(No space left on device)",
    )  # fmt: skip


def test_an_interruption_is_told_in_the_learners_language(course, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gradcheck_lm.course.checking.gate.check_file", interrupted)
    for lang, said in (("ja", "中断しました。"), ("en", "stopped; what was finished is kept")):
        code, _, err = call("check", FIRST, course=course, lang=lang)
        assert code == 130
        assert said in err


@pytest.mark.parametrize("more", [(), (Option("--lm", "LM", Words("言語モデルです。", "The language model.")),)])
def test_help_of_a_lessons_script_is_in_one_language(more: tuple[Option, ...], capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.argv", ["lessons/l01_broken_loss/lesson.py"])
    for typed in (["--help", "--lang", "ja"], ["--lang=ja", "-h"]):
        with pytest.raises(SystemExit) as left:
            read_options(typed, more)
        text = capsys.readouterr().out
        assert left.value.code == 0
        assert text.startswith("使い方: python lesson.py [オプション]\n")
        assert not re.search(r"usage|options|show|[a-z] [a-z]+ [a-z]", text, re.IGNORECASE), text
        assert max(map(cell_len, text.splitlines())) < 80
        assert all(option.name in text for option in (*OPTIONS, *more))
    with pytest.raises(SystemExit):
        read_options(["--help", "--lang", "en"], more)
    assert not KANA.search(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("typed", "ja", "en"),
    [
        (["--nosuch"], "余分な引数があります: --nosuch", "unknown arguments: --nosuch"),
        (["l01", "--no-inp"], "余分な引数があります: l01 --no-inp", "unknown arguments: l01 --no-inp"),
        (["--out"], "--out には値が必要です", "--out needs a value"),
        (["--no-input=3"], "--no-input には値を付けられません", "--no-input takes no value"),
    ],
)
def test_what_a_lessons_script_refuses_is_refused_in_the_learners_language(
    typed: list[str], ja: str, en: str, capsys, monkeypatch
) -> None:
    for language, said in (("ja", ja), ("en", en)):
        monkeypatch.setenv("GRADCHECK_LM_LANG", language)
        with pytest.raises(SystemExit) as left:
            read_options(typed)
        assert left.value.code == 2
        assert capsys.readouterr().err.splitlines()[1:] == [f"lesson: {said}"]
    monkeypatch.setenv("GRADCHECK_LM_LANG", "en")
    with pytest.raises(SystemExit):
        read_options(["--lang=ja", *typed])
    assert capsys.readouterr().err.splitlines()[1:] == [f"lesson: {ja}"]


def test_an_option_of_one_lesson_alone_is_read_before_it_begins_and_stands_in_its_help(capsys, monkeypatch) -> None:
    monkeypatch.setenv("GRADCHECK_LM_LANG", "ja")
    for typed, value in (
        (["--lm", "small", "--out", "x"], "small"),
        (["--lang", "ja", "--help"], "char"),
        ([], "char"),
    ):
        monkeypatch.setattr("sys.argv", ["lesson.py", *typed])
        assert stage.option("--lm", "char", ja="言語モデルです。", en="The language model.") == value
        assert capsys.readouterr().out == "", "the help comes when all options are known"
        monkeypatch.setattr(stage._run, "more", ())
    monkeypatch.setattr("sys.argv", ["lesson.py", "--help"])
    stage.option("--lm", "char", ja="言語モデルです。", en="The language model.")
    with pytest.raises(SystemExit):
        stage.begin("lesson.py")
    monkeypatch.setattr(stage._run, "more", ())
    assert "--lm LM             言語モデルです。" in capsys.readouterr().out
