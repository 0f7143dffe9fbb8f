"""What the learner sees of the course: the table of lessons, the verdict of a check, the hints."""

from __future__ import annotations

import re

from rich import box
from rich.cells import cell_len
from rich.panel import Panel
from rich.text import Text

from gradcheck_lm.course.checking.judge import Verdict
from gradcheck_lm.course.folder.catalogue import COMMAND, Lesson, installed_course, solution_of
from gradcheck_lm.course.folder.generator import exercise_text
from gradcheck_lm.course.folder.progress import Progress
from gradcheck_lm.course.language import Words, in_both
from gradcheck_lm.course.say import WIDTH, Voice
from gradcheck_lm.draw.lettering import shown
from gradcheck_lm.draw.terminal.consoles import table
from gradcheck_lm.draw.wrapping import short, wrap
from gradcheck_lm.errors import ArgumentError

_RED = Words(
    "赤い表示は異常ではありません。演習は、わざと壊してあるコードを直すものです。直せば緑になります。",
    "Red is expected: each exercise is code that is broken on purpose. Fix it, and it turns green.",
)
_STATES = {
    "new": (Words("まだ", "not yet"), "dim"),
    "read": (Words("読んだ", "read"), "yellow"),
    "red": (Words("赤: 演習中", "red: at it"), "red"),
    "passed": (Words("合格", "passed"), "green"),
}
_HEADS = Words("課|題|状態|分かったこと(合格後)", "lesson|title|state|what clicks, once passed")
_CONTINUED = re.compile(r"([^.。?？!:`）)\]\n])\n(?=.)")  # a line end inside a sentence: the panel has its own width
_HELD = Words(
    "検査 {total} 個のうち {held} 個が通りました。次で止まっています:", "{held} of {total} checks hold. It stops at:"
)
_LINE = Words("セルの {line} 行目", "line {line} of the cell")
_AGAIN = Words("このセルを直して、もう一度実行してください。ヒントは次のセルにあります。",
               "Change this cell and run it again; the next cell has hints.")  # fmt: skip
_UNCHANGED = Words("このセルはまだ変更されていません。直して、もう一度実行してください。ヒントは次のセルにあります。",
                   "This cell is still unchanged. Fix it and run it again; the next cell has hints.")  # fmt: skip


def next_lesson(lessons: list[Lesson], progress: Progress) -> Lesson | None:
    """The first lesson that has not passed; None at the end of the course."""
    return next((lesson for lesson in lessons if progress.state(lesson.name) != "passed"), None)


def next_command(lessons: list[Lesson], progress: Progress) -> str:
    """The one command to type now."""
    if lessons and lessons[0].course == installed_course():
        return f"{COMMAND} init my-lessons"
    lesson = next_lesson(lessons, progress)
    if lesson is None:
        return f"{COMMAND} list --json"
    if progress.state(lesson.name) == "new":
        return f"python {short(lesson.folder / 'lesson.py')}"
    return f"{COMMAND} check {lesson.name}"


def show_board(voice: Voice, lessons: list[Lesson], progress: Progress) -> None:
    """The table of all lessons with their states, and the one next command."""
    voice.tell(Words("「False」から、学習する損失まで", 'From "False" to a loss that learns'), style="bold")
    voice.console.print()
    heads = _HEADS.in_language(voice.language).split("|")
    states = [words.in_language(voice.language) for words, _ in _STATES.values()]
    room = (
        voice.console.width - sum(max(map(cell_len, texts)) for texts in ([heads[0], "l01"], [heads[2], *states])) - 9
    )
    clicks = [
        lesson.aha.in_language(voice.language) if progress.state(lesson.name) == "passed" else "?" for lesson in lessons
    ]
    left = max(room * 2 // 5, room - max(map(cell_len, [heads[3], *clicks])))  # what is not needed there, titles have
    rows = []
    for lesson, click in zip(lessons, clicks, strict=True):
        words, style = _STATES[progress.state(lesson.name)]
        state = Text(shown(words.in_language(voice.language), voice.console.encoding), style=style)
        title = _cell(lesson.title.in_language(voice.language), left)
        rows.append([lesson.name[:3], title, state, _cell(click, room - left)])
    voice.draw(table("", heads, rows, encoding=voice.console.encoding))
    voice.console.print()
    voice.tell(_RED)  # below the table: its head has scrolled away on most terminals
    show_next(voice, lessons, progress)


def _cell(text: str, width: int) -> str:
    """Broken here where there is room: the table breaks at spaces alone, and Japanese has none."""
    return "\n".join(wrap(text, width)) if width >= 16 else text


def show_next(voice: Voice, lessons: list[Lesson], progress: Progress) -> None:
    """The one command to type now, with a word about it."""
    lesson = next_lesson(lessons, progress)
    if lesson is None:
        voice.tell(Words("すべての課に合格しました。", "You have passed every lesson."), style="bold green")
        return
    if progress.state(lesson.name) in ("read", "red"):
        voice.tell(Words("このファイルを直してから: ", "Fix this file first: "))
        voice.put(f"    {short(lesson.exercise)}")
    voice.tell(Words("次に実行するコマンド:", "Type next:"))
    voice.put(f"    {next_command(lessons, progress)}", style="bold")


def show_verdict(voice: Voice, lesson: Lesson, verdict: Verdict, *, cell: str = "") -> None:
    """What a check said: green and the next step, or the one thing that is wrong.

    Args:
        voice, lesson, verdict: who speaks, of what, and what was found.
        cell: of a notebook, what was in the cell that was checked in place of the file.
    """
    if verdict.passed:
        text = Words("合格です。検査 {total} 個がすべて通りました。", "Passed: all {total} checks hold.")
        voice.tell(text.filled(total=verdict.total), style="bold green")
        voice.tell(lesson.aha)
        if solution_of(lesson.folder) == lesson.folder / "solution.py":
            voice.tell(Words("解答例と比べられます:", "A solution to compare with:"), style="dim")
            voice.put(f"    {short(lesson.folder / 'solution.py')}", style="dim")
        return
    parts = []
    if verdict.total:
        parts.append(_HELD.filled(held=verdict.held, total=verdict.total).in_language(voice.language))
    parts += [verdict.title.in_language(voice.language), "", verdict.message.in_language(voice.language)]
    if verdict.line:
        place = f"{lesson.exercise.name}:{verdict.line}"
        if cell:
            place = _LINE.filled(line=verdict.line).in_language(voice.language)
        parts += ["", f"{place}:  {verdict.source}"]
    _panel(voice, parts, title=lesson.name, style="red")
    if verdict.output:
        voice.tell(Words("ファイルが表示したもの:", "What the file printed:"), style="dim")
        voice.put("\n".join(f"    {line}" for line in verdict.output.splitlines()[-12:]), style="dim")
    if cell:
        voice.tell(_UNCHANGED if cell.strip() == cell_text(lesson, voice.language).strip() else _AGAIN)
        return
    voice.tell(Words("ファイル: {file}", "The file: {file}").filled(file=short(lesson.exercise)))
    if lesson.exercise.is_file() and lesson.exercise.read_bytes() == exercise_text(lesson.folder).encode("utf-8"):
        voice.tell(
            Words(
                "このファイルはまだ変更されていません。直したつもりなら、保存したか、別のファイルではないかを確かめてください。",
                "It is still unchanged. If you have edited something: is it saved, and is it this file?",
            )
        )
    voice.tell(Words("困ったら:", "If you are stuck:"))
    voice.put(f"    {COMMAND} hint {lesson.name}", style="bold")


def cell_text(lesson: Lesson, language: str) -> str:
    """The exercise as it stands in a cell of a notebook, in one language."""
    from gradcheck_lm.course.screen.comments import in_english, in_japanese

    text = exercise_text(lesson.folder, language)
    return in_japanese(text) if language == "ja" else in_english(text)


def show_hint(voice: Voice, lesson: Lesson, tier: int, *, where: str = "command") -> None:
    """The hint of a tier, from 1, and how to get the next: by a "command", or while it is "watch"ed by a key; a "cell"
    of a notebook stands above.

    Raises:
        ArgumentError: there is no such tier.
    """
    if not 1 <= tier <= len(lesson.hints):
        raise in_both(
            ArgumentError,
            ja="--tier が {tier} です。1 から {most} の数を指定してください",
            en="--tier is {tier}; it must be from 1 to {most}",
            tier=tier, most=len(lesson.hints),
        )  # fmt: skip
    text = _CONTINUED.sub(_joined, lesson.hints[tier - 1].in_language(voice.language))
    _panel(voice, [text], title=f"{lesson.name}  {tier}/{len(lesson.hints)}", style="yellow")
    if where == "watch" and tier < len(lesson.hints):
        voice.tell(Words("もっと詳しいヒント: もう一度 h を押します。", "A stronger hint: press h again."), style="dim")
    if where != "command":
        return
    if tier < len(lesson.hints):
        voice.tell(Words("もっと詳しいヒント:", "A stronger hint:"), style="dim")
        voice.put(f"    {COMMAND} hint {lesson.name} --tier {tier + 1}", style="dim")
    else:
        voice.tell(
            Words("これが最後のヒントです。直したら:", "This was the last hint. When you have fixed it:"), style="dim"
        )
        voice.put(f"    {COMMAND} check {lesson.name}", style="dim")


def _joined(end: re.Match[str]) -> str:
    return end[1] + (" " if end[1].isascii() else "")


def _panel(voice: Voice, parts: list[str], *, title: str, style: str) -> None:
    width = min(voice.console.width, WIDTH)
    lines = [line for part in parts for line in wrap(shown(part, voice.console.encoding), width - 4)]
    body = Text("\n".join(lines), no_wrap=True)
    body.highlight_regex(r"`[^`]+`", "cyan")
    plain = not voice.console.encoding.lower().startswith("utf")
    shape = box.ASCII if plain else box.ROUNDED
    voice.draw(Panel(body, title=title, title_align="left", border_style=style, box=shape, width=width))
