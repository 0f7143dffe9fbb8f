"""What a lesson.py is written with: its beats, its narration, the learner's guess, pictures of its own tensors."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import os
import sys
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradcheck_lm.course import pictures
from gradcheck_lm.course.beats import BEATS
from gradcheck_lm.course.catalogue import Lesson, read_lesson
from gradcheck_lm.course.language import Words
from gradcheck_lm.course.progress import Progress
from gradcheck_lm.course.say import Voice as Voice
from gradcheck_lm.course.say import plain_number, use_voice, voice
from gradcheck_lm.course.say import say as say
from gradcheck_lm.draw.wrapping import short, wrapped_code
from gradcheck_lm.errors import GradcheckLMError

_GUESS = Words("あなたの予想(Enter だけでも進みます)> ", "Your guess (Enter alone goes on)> ")
_LETTER = Words("{letters} のどれかを入力してください> ", "One of {letters}, please> ")
_READ_ON = Words("(予想を決めてから、先を読んでください。)", "(Make your guess before you read on.)")
_RIGHT = Words("予想は ({guess}) でした。そのとおりです: {truth}", "You said ({guess}), and so it is: {truth}")
_WRONG = Words(
    "予想は ({guess}) でした。実際は ({right}) です: {truth}", "You said ({guess}). It is ({right}): {truth}"
)
_OPEN = Words("正解は ({right}) です: {truth}", "The answer is ({right}): {truth}")
_SCORE = Words(
    "予想の成績: これまで {asked} 問中 {right} 問が当たりました。", "Your predictions so far: {right} of {asked} right."
)


@dataclass(frozen=True)
class Choice:
    """One answer to a question that `ask` puts."""

    words: Words
    right: bool


def choice(*, ja: str, en: str, right: bool = False) -> Choice:
    """An answer to choose from; exactly one of a question's answers is right."""
    return Choice(Words(ja, en), right)


class _Run:
    """The one lesson that this process runs."""

    lesson: Lesson
    folder: Path  # for pictures
    beats: list[str]
    record: Path | None
    ask: bool
    choices: Sequence[Choice]  # of the question that waits for its answer
    guess: str  # a letter, or "" where none was made


_run = _Run()


def begin(script: str, arguments: list[str] | None = None) -> None:
    """Start a lesson: read its options, choose the language, seed torch, print its title.

    Args:
        script: the lesson's own `__file__`.
        arguments: instead of the command line's.
    """
    options = _options(arguments)
    try:
        spoken = use_voice(options.lang)
    except GradcheckLMError as error:
        sys.exit(f"lesson: {error}")
    _run.lesson = read_lesson(Path(script).resolve().parent)
    _run.folder = options.out or pictures.default_folder(_run.lesson.name)
    _run.beats, _run.record, _run.choices, _run.guess = [], options.record, (), ""
    _run.ask = not options.no_input and sys.stdin is not None and sys.stdin.isatty()
    sys.excepthook = _quiet_interrupt
    import torch

    torch.manual_seed(0)
    title = Words("第 {number} 課  {title}", "Lesson {number}  {title}")
    title = title.filled(number=_run.lesson.number, title=_run.lesson.title)
    spoken.events.append({"kind": "title", "name": _run.lesson.name, "ja": title.ja, "en": title.en})
    spoken.tell(title, style="bold")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A lesson: runs from top to bottom, changes nothing.")
    parser.add_argument("--lang", help="ja or en; by default GRADCHECK_LM_LANG, else the locale's")
    parser.add_argument("--out", type=Path, help="folder for the pictures; by default one in the user's cache")
    parser.add_argument("--no-input", action="store_true", help="do not wait for your guess")
    parser.add_argument("--record", type=Path, help="write all that was said and shown, in both languages, as JSON")
    return parser.parse_args(arguments)


def _quiet_interrupt(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print()
        os._exit(130)
    sys.__excepthook__(kind, error, trace)


def beat(name: str) -> None:
    """Open a beat; they come in the order symptom, predict, look, why, fix, next.

    Raises:
        RuntimeError: another beat is due.
    """
    due = BEATS[len(_run.beats)].name if len(_run.beats) < len(BEATS) else "none"
    if name != due:
        raise RuntimeError(f"beat {name!r} came where {due!r} is due")
    found = BEATS[len(_run.beats)]
    if name == "why" and _run.choices:
        _compare()
    _run.beats.append(name)
    spoken = voice()
    title = Words("■ {title}: {purpose}", "# {title}: {purpose}").filled(title=found.title, purpose=found.purpose)
    spoken.events.append({"kind": "beat", "name": name, "ja": found.title.ja, "en": found.title.en})
    spoken.console.print()
    spoken.tell(title, style="bold magenta")


def ask(*, ja: str, en: str, choices: Sequence[Choice] = ()) -> None:
    """Ask for the learner's guess: waits where someone sits at a terminal, goes on by itself elsewhere.

    Args:
        ja, en: the question.
        choices: answers, of which one is right; the guess is stored, and compared at the end of the beat "look".
    Raises:
        ValueError: not exactly one choice is right.
    """
    if choices and sum(one.right for one in choices) != 1:
        raise ValueError("exactly one choice is right")
    spoken = voice()
    listed = [{"ja": one.words.ja, "en": one.words.en} for one in choices]
    spoken.events.append({"kind": "ask", "ja": ja, "en": en, "choices": listed})
    spoken.tell(Words(ja, en), style="yellow")
    for letter, one in zip("abcdefgh", choices, strict=False):
        mark = f"({letter}) "
        spoken.tell(Words(mark + one.words.ja, mark + one.words.en), style="yellow", indent=4)
    _run.choices, _run.guess = choices, ""
    if _run.ask:
        with contextlib.suppress(EOFError):
            _run.guess = _guessed(spoken, "abcdefgh"[: len(choices)])
    else:
        spoken.tell(_READ_ON, style="dim")
    spoken.console.print()


def _guessed(spoken: Voice, letters: str) -> str:
    """The letter typed, or "" where Enter alone was; with nothing to choose from, whatever was typed is let go."""
    question = _GUESS
    while True:
        typed = input(question.in_language(spoken.language)).strip().strip("()").lower()
        if not letters or not typed:
            return ""
        if len(typed) == 1 and typed in letters:
            return typed
        question = _LETTER.filled(letters=", ".join(letters))


def _compare() -> None:
    """What was guessed beside what was seen."""
    place = next(i for i, one in enumerate(_run.choices) if one.right)
    right, truth = "abcdefgh"[place], _run.choices[place].words
    spoken = voice()
    words = _OPEN.filled(right=right, truth=truth)
    spoken.events.append({"kind": "answer", "ja": words.ja, "en": words.en})
    if _run.guess:
        words = (_RIGHT if _run.guess == right else _WRONG).filled(guess=_run.guess, right=right, truth=truth)
        with contextlib.suppress(OSError, GradcheckLMError):
            Progress(_run.lesson.course).mark_guess(_run.lesson.name, _run.guess, right=_run.guess == right)
    spoken.tell(words, style="bold yellow")
    spoken.console.print()


def holds(condition: object, what: str) -> None:
    """The test of the sentence that follows: where this run does not bear it out, say so.

    Args:
        condition: measured just now.
        what: the claim, for whoever maintains the lesson.
    """
    if not condition:
        warnings.warn(f"{_run.lesson.name}: this run does not bear out that {what}", stacklevel=2)


def show(label: str, value: object = ...) -> None:
    """Print `label = value`, as measured now; with one argument, print that text or result as it is."""
    spoken = voice()
    if value is ...:
        text = str(label)
    else:
        value = plain_number(value)
        text = f"{label} = {value:.6g}" if isinstance(value, float) else f"{label} = {value}"
    spoken.events.append({"kind": "show", "text": text})
    spoken.put(textwrap.indent(text, "    "))


def table(columns: list[str], rows: list[list[Any]]) -> None:
    """Print rows of measured values below heads; words of `heads.py` are shown in the learner's language."""
    from gradcheck_lm.course.heads import japanese
    from gradcheck_lm.draw.consoles import table as fitted

    spoken = voice()
    values = [[plain_number(cell) for cell in row] for row in rows]
    cells = [[str(cell) if isinstance(cell, bool) else cell for cell in row] for row in values]
    ja_columns, ja_cells = [japanese(head) for head in columns], [[japanese(cell) for cell in row] for row in cells]
    event = {"kind": "table", "columns": columns, "rows": cells, "columns_ja": ja_columns, "rows_ja": ja_cells}
    spoken.events.append(event)
    heads, body = (ja_columns, ja_cells) if spoken.language == "ja" else (columns, cells)
    spoken.draw(fitted("", heads, body, encoding=spoken.console.encoding))
    spoken.console.print()


def code(function: Callable[..., Any]) -> None:
    """Print the source of a function of the lesson, as it stands in the file; long lines go on below their start."""
    text = textwrap.dedent(inspect.getsource(function)).rstrip()
    spoken = voice()
    spoken.events.append({"kind": "code", "text": text})
    for line in text.splitlines():
        for part in wrapped_code(line, spoken.console.width - 6):
            spoken.put(f"    | {part}", style="cyan")
    spoken.console.print()


def picture(subject: Any, name: str, *, params: Mapping[str, Any] | None = None) -> None:
    """Show what the package sees: a tree in the terminal, and the same as SVG in the pictures' folder.

    Args:
        subject: a loss tensor or a dict of them (the autograd graph), or a Diagnosis (the data flow with its cuts).
        name: of the file, without an ending.
        params: names for leaf tensors.
    """
    spoken = voice()
    text, path = pictures.draw(subject, _run.folder / name, params=params, console=spoken.console)
    findings = pictures.japanese_findings(subject)
    spoken.events.append({"kind": "picture", "text": text, "file": path.name, "ja": findings})
    spoken.put(textwrap.indent(text, "    "))
    if spoken.language == "ja":
        for line in findings:
            spoken.tell(Words(line, line), indent=4 if line else 0)
    spoken.tell(Words("図:", "picture:"), style="dim")
    spoken.put(f"    {short(path)}", style="dim")
    spoken.console.print()


def told(report: Any) -> None:
    """Show what the debugger says of training steps, as `diagnose_step` gives it; in Japanese its findings as well."""
    spoken = voice()
    text, findings = str(report).rstrip(), pictures.japanese_findings(report)
    spoken.events.append({"kind": "told", "text": text, "ja": findings})
    spoken.put(text)  # it is as wide as a terminal already
    if spoken.language == "ja":
        for line in findings:
            spoken.tell(Words(line, line), indent=4 if line else 0)
    spoken.console.print()


def finish() -> None:
    """End a lesson: name the exercise and the one command to type next, and remember that it was read.

    Raises:
        RuntimeError: a beat was left out.
    """
    if len(_run.beats) != len(BEATS):
        raise RuntimeError(f"the beat {BEATS[len(_run.beats)].name!r} is missing")
    spoken, lesson = voice(), _run.lesson
    with contextlib.suppress(OSError, GradcheckLMError):  # an installed course may lie where nothing can be written
        Progress(lesson.course).mark_read(lesson.name)
    spoken.tell(Words("演習のファイル:", "The file to fix:"))
    spoken.put(f"    {short(lesson.exercise)}")
    spoken.tell(Words("直したら、次を実行します:", "When you have changed it, type:"))
    spoken.put(f"    python -m gradcheck_lm lessons check {lesson.name}", style="bold")
    asked, right = 0, 0
    with contextlib.suppress(OSError, GradcheckLMError):
        asked, right = Progress(lesson.course).score()
    if asked and _run.guess:
        spoken.tell(_SCORE.filled(asked=asked, right=right), style="dim")
    if _run.record is not None:
        pictures.write_record(_run.record, spoken.events)
