"""The help of the `lessons` commands in Japanese, for who has asked for it; in English it is as it was written."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand, TyperGroup

from gradcheck_lm.commands.course.refusals import TYPED, is_japanese, note_language, refusing
from gradcheck_lm.commands.help import KANA, help_text

# by the English, up to the " / " that sets off a short Japanese word in it
_TEXTS = {
    **TYPED,
    "Usage:": "使い方:",
    "What it takes": "引数",
    "Options": "オプション",
    "Commands": "コマンド",
    "The course": "コマンド",
    "Always there": "共通のオプション",
    "[required]": "[必須]",
    "[default: {}]": "[既定: {}]",
    "For example:": "例:",
    "Show this message and exit.": "このヘルプを表示して終了します。",
    "ja or en; by default GRADCHECK_LM_LANG, else the locale's.": "表示する言語です(ja か en)。省略すると環境変数 "
    "GRADCHECK_LM_LANG に、それもなければロケールに従います。",
    "l03, 3 or the whole name; by default the next lesson.": "課の番号か名前です(l03、3、または名前全体)。"
    "省略すると次の課になります。",
    "l03, 3 or the whole name.": "課の番号か名前です(l03、3、または名前全体)。",
    "Show this tier, 1 to 3; by default the next one.": "ヒントの段階です(1 から 3)。省略すると次の段階になります。",
    "For a program to read.": "プログラムで読めるように JSON で出力します。",
    "A new folder, or one laid out before.": "新しいフォルダか、以前に `lessons init` で作ったフォルダです。",
    "m03, 3 or the whole name; all of them by default.": "作品の番号か名前です(m03、3、または名前全体)。"
    "省略すると一覧を表示します。",
    "The line that is to blame.": "原因だと思う行の番号です。",
    "Nothing is wrong with it.": "バグはない、と答えます。",
    "Folders that `lessons init` made, one a learner.": "`lessons init` で作ったフォルダです(受講者一人につき一つ)。",
}


class _InTheLearnersLanguage:
    """Help, and what typer refuses, in Japanese where it is asked for; stands before one of typer's own classes."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help to click's formatter, which prints it."""
        formatter.write(help_text(self, ctx, told_in(ctx)))

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """What was typed, taken apart."""
        note_language(ctx, args)
        with refusing(ctx):
            return super().parse_args(ctx, args)  # type: ignore[misc]


class CourseCommand(_InTheLearnersLanguage, TyperCommand):
    """A command of the course."""


class CourseGroup(_InTheLearnersLanguage, TyperGroup):
    """The group of these commands."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first word names."""
        with refusing(ctx):
            return super().resolve_command(ctx, args)


def told_in(context: Any) -> Callable[[str], str]:
    """What a text of a command's help becomes in the learner's language."""
    return in_japanese if is_japanese(context, sys.stdout.encoding) else str


def in_japanese(text: str) -> str:
    """A text of the help; of one that has both languages, the Japanese."""
    known = _TEXTS.get(text.split(" / ")[0])
    if known is not None:
        return known
    paragraphs = text.split("\n\n")
    paragraphs[0] = _TEXTS.get(paragraphs[0], paragraphs[0])  # of the examples, what stands above them
    return "\n\n".join([one for one in paragraphs if KANA.search(one)] or paragraphs)
