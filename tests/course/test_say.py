"""The voice of the lessons: which language, on which console, in lines of which width."""

from __future__ import annotations

import io

import pytest
import torch
from rich.cells import cell_len
from rich.console import Console

from gradcheck_lm.course import say as module
from gradcheck_lm.course.language import Words, choose_language, in_both, language_for, text_of
from gradcheck_lm.course.say import FALLEN_BACK, say, use_voice
from gradcheck_lm.draw.wrapping import wrap
from gradcheck_lm.errors import ArgumentError


@pytest.mark.parametrize(
    ("wanted", "environment", "language"),
    [
        ("ja", {"LANG": "en_US.UTF-8"}, "ja"),
        ("EN", {"GRADCHECK_LM_LANG": "ja"}, "en"),
        (None, {"GRADCHECK_LM_LANG": "ja_JP"}, "ja"),
        ("", {"LANG": "ja_JP.UTF-8"}, "ja"),
        (None, {"LC_ALL": "en_GB.UTF-8", "LANG": "ja_JP.UTF-8"}, "en"),
        (None, {"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_which_language(wanted: str | None, environment: dict[str, str], language: str) -> None:
    assert choose_language(wanted, environment) == language


def test_a_language_that_is_not_spoken() -> None:
    with pytest.raises(ArgumentError, match="--lang is 'fr'; the course speaks ja"):
        choose_language("fr", {})
    with pytest.raises(ArgumentError, match="GRADCHECK_LM_LANG is 'xx'"):
        choose_language(None, {"GRADCHECK_LM_LANG": "xx"})


def test_an_error_in_the_learners_language(monkeypatch: pytest.MonkeyPatch) -> None:
    error = in_both(ArgumentError, ja="{n} 個です", en="{n} of them", n=3)
    assert str(error) == "3 of them"
    for language, encoding, said in (
        ("ja", "utf-8", "3 個です"), ("ja", "ascii", "3 of them"), ("en", "utf-8", "3 of them"),
        ("xx", "utf-8", "3 of them"),
    ):  # fmt: skip
        monkeypatch.setenv("GRADCHECK_LM_LANG", language)
        assert text_of(error, encoding) == said
        assert text_of(ArgumentError("plain"), encoding) == "plain"


def test_a_console_without_kana_gets_english() -> None:
    assert language_for("ja", "ascii") == ("en", True)
    assert language_for("ja", "cp932") == ("ja", False)
    assert language_for("ja", "utf-8") == ("ja", False)
    assert language_for("en", "ascii") == ("en", False)
    assert language_for("ja", "no-such-encoding") == ("en", True)


class Stream(io.TextIOWrapper):
    """A console in memory with an encoding that refuses what it lacks."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="strict", newline="\n")

    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


@pytest.fixture
def speak():
    def make(language: str, encoding: str, width: int = 40) -> Stream:
        stream = Stream(encoding)
        use_voice(language, Console(file=stream, width=width, highlight=False, emoji=False, markup=False))
        return stream

    yield make
    module._voice.clear()


def test_say_fills_the_same_values_in_both_languages(speak) -> None:
    stream = speak("ja", "utf-8")
    say(ja="損失は {loss:.2f} です。", en="The loss is {loss:.2f}.", loss=torch.tensor(1.234))
    assert stream.text() == "損失は 1.23 です。\n\n"
    assert module.voice().events == [{"kind": "say", "ja": "損失は 1.23 です。", "en": "The loss is 1.23."}]


def test_a_value_missing_in_the_other_language_is_seen_too(speak) -> None:
    speak("ja", "utf-8")
    with pytest.raises(KeyError, match="size"):
        say(ja="損失です。", en="The loss is {size}.", loss=1)


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "utf-8"])
@pytest.mark.parametrize("language", ["ja", "en"])
def test_no_console_is_asked_for_what_it_lacks(speak, capsys, language: str, encoding: str) -> None:
    stream = speak(language, encoding)
    say(ja="勾配 ∇f ≤ 0 … ✓ です — ほら 😀。", en="gradient ∇f ≤ 0 … ✓ — there 😀 [bold] :smile:.")
    text = stream.text()
    assert ("勾配" in text) == (language == "ja" and encoding != "ascii")
    assert capsys.readouterr().err.strip() == (FALLEN_BACK if (language, encoding) == ("ja", "ascii") else "")
    if language == "en":
        assert "[bold] :smile:" in text.replace("\n", " ")


def test_code_is_marked_where_there_are_colours() -> None:
    stream = Stream("utf-8")
    console = Console(file=stream, width=60, force_terminal=True, color_system="standard", highlight=False)
    use_voice("en", console)
    say(ja="`argmax` です。", en="It is `argmax` here.")
    assert "\x1b[36m`argmax`\x1b[0m" in stream.text()
    module._voice.clear()


@pytest.mark.parametrize("width", [10, 17, 30])
def test_lines_fit_and_nothing_is_lost(width: int) -> None:
    text = (
        "言語モデルの重みは変えたくありません。そこで、`no_grad` で囲みました(すると、認識器も学習しなくなりました)。\n"
        "A line of English, with `torch.autograd.grad(loss, [x])` in it。"
    )
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
    japanese = wrap(text.split("\n")[0], width)
    assert len(japanese) > 3
    assert not [line for line in japanese if line[:1] in "、。)）」"]
    assert not [line for line in japanese if line[-1:] in "(「"]


def test_code_stays_whole_where_it_fits() -> None:
    assert wrap("まず `x is y` を見ます。", 14) == ["まず `x is y`", "を見ます。"]


def test_words_inside_words_follow_the_language() -> None:
    inner = Words("切断", "cut")
    assert Words("「{it}」です。", 'It is "{it}".').filled(it=inner) == Words("「切断」です。", 'It is "cut".')
