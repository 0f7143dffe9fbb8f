"""The options of a lesson's script, with help and refusals in the learner's language."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from rich.cells import cell_len

from gradcheck_lm.course.language import Words, language_for
from gradcheck_lm.draw.wrapping import wrap
from gradcheck_lm.errors import ArgumentError

_WIDEST = 88
_LEFT = 20  # columns of what is typed


@dataclass(frozen=True)
class Option:
    """An option: what is typed, what is typed behind it ("" for a switch), what the help says of it.

    Attributes:
        values: all that may be typed behind it; empty: anything.
    """

    name: str
    value: str
    words: Words
    values: tuple[str, ...] = ()


OPTIONS = (
    Option("--lang", "LANG", Words(
        "表示する言語です(ja か en)。省略すると環境変数 GRADCHECK_LM_LANG に、それもなければロケールに従います。",
        "ja or en; by default GRADCHECK_LM_LANG, else the locale's.")),
    Option("--out", "DIR", Words(
        "図を保存するフォルダです。省略するとユーザーのキャッシュに保存します。",
        "Folder for the pictures; by default one in the user's cache.")),
    Option("--no-input", "", Words("予想の入力を待たずに進みます。", "Do not wait for your guess.")),
    Option("--record", "FILE", Words(
        "表示したすべてを、両方の言語で JSON に書き出します。",
        "Write all that was said and shown, in both languages, as JSON.")),
    Option("-h, --help", "", Words("このヘルプを表示して終了します。", "Show this message and exit.")),
)  # fmt: skip
_USAGE = Words("使い方: python {script} [オプション]", "Usage: python {script} [OPTIONS]")
_ABOUT = Words(
    "課を上から順に実行します。ファイルは何も変更しません。", "A lesson: runs from top to bottom, changes nothing."
)
_HEADING = Words("オプション", "Options")
_LESSON = Words("lesson: {what}", "lesson: {what}")
# argparse has its messages in English alone
_REFUSALS = (
    (r"unrecognized arguments: (.*)", Words("余分な引数があります: {what}", "unknown arguments: {what}")),
    (r"argument (.*?): expected one argument", Words("{what} には値が必要です", "{what} needs a value")),
    (r"argument (.*?): invalid choice",
     Words("{what} には {values} のどれかを指定してください", "{what} takes {values}")),
    (r"argument (.*?): ignored explicit", Words("{what} には値を付けられません", "{what} takes no value")),
)  # fmt: skip
_REFUSED = Words("引数が正しくありません", "the arguments are not right")


def read_options(arguments: Sequence[str], more: Sequence[Option] = (), *, others: bool = False) -> argparse.Namespace:
    """What was typed; shows the help and leaves where it is asked for, or where something cannot be read.

    Args:
        arguments: as typed.
        more: options of this lesson alone, for the help; their values are in the result too.
        others: whether what nobody knows is let pass.
    """
    parser = _Parser(prog=Path(sys.argv[0]).name, add_help=False, allow_abbrev=False)
    parser.typed, parser.known = arguments, (*more, *OPTIONS)
    for option in parser.known:
        if option.value:
            kind = Path if option.name in ("--out", "--record") else str
            parser.add_argument(option.name, type=kind, choices=option.values or None)
        else:
            parser.add_argument(*option.name.split(", "), action="store_true")
    found = parser.parse_known_args(arguments)[0] if others else parser.parse_args(arguments)
    if found.help and not others:
        print(help_text(parser.known, parser.prog, _language(arguments, sys.stdout.encoding)))
        sys.exit(0)
    return found


class _Parser(argparse.ArgumentParser):
    """Refuses in the learner's language.

    Attributes:
        typed: the arguments, which say the language.
        known: the options.
    """

    typed: Sequence[str] = ()
    known: Sequence[Option] = ()

    def error(self, message: str) -> NoReturn:
        """Say in the learner's language what cannot be read, and leave."""
        language = _language(self.typed, sys.stderr.encoding)
        may_be = {option.name: Words("、".join(option.values), " or ".join(option.values)) for option in self.known}
        said = [
            words.filled(what=found[1], values=may_be.get(found[1]))
            for pattern, words in _REFUSALS
            if (found := re.match(pattern, message))
        ]
        what = said[0] if said else _REFUSED
        usage = _USAGE.filled(script=self.prog).in_language(language)
        print(usage, _LESSON.filled(what=what).in_language(language), sep="\n", file=sys.stderr)
        sys.exit(2)


def help_text(options: Sequence[Option], script: str, language: str) -> str:
    """Usage and options, for the terminal's width; in Japanese a character takes two columns."""
    width = min(shutil.get_terminal_size().columns, _WIDEST) - 1
    lines = [_USAGE.filled(script=script).in_language(language), "", _ABOUT.in_language(language), ""]
    lines.append(_HEADING.in_language(language))
    for option in options:
        typed = f"{option.name} {option.value}".strip()
        told = wrap(option.words.in_language(language), max(24, width - _LEFT - 2))
        lines.append(f"  {typed}{' ' * (_LEFT - cell_len(typed))}{told[0]}")
        lines += [" " * (_LEFT + 2) + line for line in told[1:]]
    return "\n".join(lines)


def _language(typed: Sequence[str], encoding: str | None) -> str:
    """That of --lang, which may itself be what cannot be read; else the environment's."""
    given = re.search(r"--lang[= ](\S+)", " ".join(typed))
    for wanted in (given[1] if given else None, None):
        try:
            return language_for(wanted, encoding or "utf-8")[0]
        except ArgumentError:
            continue
    return "en"
