"""What a lesson.py is written with: its beats, its narration, the learner's guess, pictures of its own tensors."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradcheck_lm.course.beats import BEATS
from gradcheck_lm.course.choices import LETTERS, Choice
from gradcheck_lm.course.choices import choice as choice
from gradcheck_lm.course.folder.catalogue import COMMAND, Lesson, read_lesson
from gradcheck_lm.course.folder.progress import Progress
from gradcheck_lm.course.language import LANGUAGES, Words, text_of
from gradcheck_lm.course.say import Voice as Voice
from gradcheck_lm.course.say import say as say
from gradcheck_lm.course.say import use_voice, voice
from gradcheck_lm.course.screen import pictures
from gradcheck_lm.course.screen.options import Option, read_options
from gradcheck_lm.course.screen.showing import code as code
from gradcheck_lm.course.screen.showing import draw_into
from gradcheck_lm.course.screen.showing import picture as picture
from gradcheck_lm.course.screen.showing import plot as plot
from gradcheck_lm.course.screen.showing import show as show
from gradcheck_lm.course.screen.showing import table as table
from gradcheck_lm.course.screen.showing import told as told
from gradcheck_lm.course.screen.troubles import words_of
from gradcheck_lm.draw.lettering import shown
from gradcheck_lm.draw.wrapping import short
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


class _Run:
    """The one lesson that this process runs."""

    more: Sequence[Option] = ()  # of the lesson that is about to begin, besides those that all have
    lesson: Lesson
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
    options = read_options(sys.argv[1:] if arguments is None else arguments, _run.more)
    _run.more = ()
    try:
        spoken = use_voice(options.lang)
    except GradcheckLMError as error:
        sys.exit(f"lesson: {text_of(error, sys.stderr.encoding)}")
    sys.excepthook = _in_a_sentence
    _run.lesson = read_lesson(Path(script).resolve().parent)
    # a record is what pages in both languages are made from
    draw_into(options.out or pictures.default_folder(_run.lesson.name), LANGUAGES if options.record else ())
    _run.beats, _run.record, _run.choices, _run.guess = [], options.record, (), ""
    _run.ask = not options.no_input and sys.stdin is not None and sys.stdin.isatty()
    import torch

    torch.manual_seed(0)
    title = Words("第 {number} 課  {title}", "Lesson {number}  {title}")
    title = title.filled(number=_run.lesson.number, title=_run.lesson.title)
    spoken.events.append({"kind": "title", "name": _run.lesson.name, "ja": title.ja, "en": title.en})
    spoken.tell(title, style="bold")


def lesson() -> Lesson:
    """The lesson that was begun."""
    return _run.lesson


def option(name: str, default: str, *, ja: str, en: str, values: Sequence[str] = ()) -> str:
    """An option of this lesson alone, before `begin`: what was typed behind it, or the default.

    Args:
        name: with its dashes.
        default: where it was not typed.
        ja, en: what the help says of it.
        values: all that may be typed; anything where there are none.
    """
    _run.more = (*_run.more, Option(name, name.strip("-").upper(), Words(ja, en), tuple(values)))
    return getattr(read_options(sys.argv[1:], _run.more, others=True), name.strip("-")) or default


def _in_a_sentence(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print()
        os._exit(130)
    # of what was typed, e.g. a language model that is not there or a folder that may not be written
    if (words := words_of(error)) is not None:
        said = shown(words.in_language(voice().language), sys.stderr.encoding or "utf-8")
        print(f"lesson: {said}", file=sys.stderr)
        return
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
    for letter, one in zip(LETTERS, choices, strict=False):
        mark = f"({letter}) "
        spoken.tell(Words(mark + one.words.ja, mark + one.words.en), style="yellow", indent=4)
    _run.choices, _run.guess = choices, ""
    if _run.ask:
        with contextlib.suppress(EOFError):
            _run.guess = _guessed(spoken, LETTERS[: len(choices)])
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
    right, truth = LETTERS[place], _run.choices[place].words
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
    spoken.put(f"    {COMMAND} check {lesson.name}", style="bold")
    asked, right = 0, 0
    with contextlib.suppress(OSError, GradcheckLMError):
        asked, right = Progress(lesson.course).score()
    if asked and _run.guess:
        spoken.tell(_SCORE.filled(asked=asked, right=right), style="dim")
    if _run.record is not None:
        pictures.write_record(_run.record, spoken.events)
