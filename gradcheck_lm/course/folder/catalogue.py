"""Which lessons there are, and where: in a folder laid out by `lessons init`, a checkout, or the installed wheel."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.course.language import Words, in_both
from gradcheck_lm.errors import ArgumentError, DataError

VARIABLE = "GRADCHECK_LM_LESSONS"
COMMAND = "python -m gradcheck_lm lessons"
FILES = ("lesson.py", "solution.py", "exercise.py", "check.py", "answers.py", "mutants.py", "hints.toml")
LEARNERS = ("lesson.py", "exercise.py", "check.py", "hints.toml")  # what `init` lays out; the rest would tell too much
_NAME = re.compile(r"l(\d\d)_[a-z0-9_]+")


@dataclass(frozen=True)
class Lesson:
    """One lesson; nothing of it has been run."""

    name: str
    folder: Path
    title: Words
    aha: Words
    hints: tuple[Words, ...]

    @property
    def number(self) -> int:
        """1 for l01_...: the folder's name is the one place where lessons are numbered."""
        return int(self.name[1:3])

    @property
    def exercise(self) -> Path:
        """The file that the learner edits."""
        return self.folder / "exercise.py"

    @property
    def course(self) -> Path:
        """The folder that all lessons lie in."""
        return self.folder.parent


def read_lesson(folder: Path) -> Lesson:
    """What a lesson's hints.toml says of it.

    Raises:
        DataError: a file of the lesson is missing, or hints.toml lacks a text; the message says which.
    """
    # exercise.py is generated: where it is missing, `lessons reset` brings it back
    if missing := [name for name in LEARNERS if name != "exercise.py" and not (folder / name).is_file()]:
        raise in_both(
            DataError,
            ja="{folder} に {missing} がありません。講座を新しく作ってください: {command} init DIR",
            en="{folder}: {missing} missing; lay the course out anew: {command} init DIR",
            folder=folder, missing=", ".join(missing), command=COMMAND,
        )  # fmt: skip
    path = folder / "hints.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        hints = tuple(_words(hint) for hint in content["hint"])
        return Lesson(folder.name, folder, _words(content["title"]), _words(content["aha"]), hints)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise in_both(
            DataError,
            ja="{path} を読み込めません: {error}",
            en="{path} cannot be read: {error}",
            path=path,
            error=error,
        ) from None
    except (KeyError, TypeError) as error:
        raise in_both(
            DataError,
            ja="{path} に {error} がありません。[title]、[aha] と三つの [[hint]] が必要です(それぞれに ja と en)",
            en="{path} lacks {error}: it needs [title], [aha] and three [[hint]], each with ja and en",
            path=path, error=error,
        ) from None  # fmt: skip


def _words(entry: dict[str, str]) -> Words:
    return Words(entry["ja"].strip(), entry["en"].strip())


def solution_of(folder: Path) -> Path:
    """A lesson's solution.py: in its folder, or where `init` put it away until the exercise is solved."""
    shown = folder / "solution.py"
    hidden = hidden_solution(folder)
    return hidden if hidden.is_file() and not shown.is_file() else shown


def hidden_solution(folder: Path) -> Path:
    """Where a course that was laid out keeps the solution of a lesson that is not solved yet."""
    return folder.parent / ".gradcheck_lm" / "solutions" / folder.name / "solution.py"


def is_course(folder: Path) -> bool:
    """Whether lessons lie in this folder."""
    return any(_NAME.fullmatch(path.parent.name) for path in folder.glob("l*/lesson.py"))


def installed_course() -> Path:
    """The copy inside an installed wheel; it exists only there."""
    return Path(__file__).parents[1] / "lessons"


def find_course(start: Path | None = None) -> Path:
    """The folder of lessons to work in.

    In this order: GRADCHECK_LM_LESSONS; the current folder or one above it, itself or its `lessons`; the checkout that
    this package is run from; the installed wheel's copy, which is only to be laid out, not to be edited.

    Raises:
        DataError: there is none.
    """
    if chosen := os.environ.get(VARIABLE):
        folder = Path(chosen).expanduser()
        if not is_course(folder):
            raise in_both(
                DataError,
                ja="{variable} は {chosen!r} ですが、そこに課がありません。用意するには: {command} init {chosen}",
                en="{variable} is {chosen!r}, but no lessons lie there; lay them out: {command} init {chosen}",
                variable=VARIABLE, chosen=chosen, command=COMMAND,
            )  # fmt: skip
        return folder.resolve()
    here = (start or Path.cwd()).resolve()
    near = [place for above in (here, *here.parents) for place in (above, above / "lessons")]
    for place in [*near, Path(__file__).resolve().parents[3] / "lessons", installed_course()]:
        if is_course(place):
            return place
    raise in_both(
        DataError,
        ja="ここに課がありません。`lessons init` で作ったフォルダに移るか、新しく作ってください: "
        "{command} init my-lessons",
        en="no lessons are found here: go to the folder that `lessons init` made, or make one: "
        "{command} init my-lessons",
        command=COMMAND,
    )


def lessons_in(course: Path) -> list[Lesson]:
    """All lessons of a folder, by number."""
    folders = sorted(path.parent for path in course.glob("l*/lesson.py") if _NAME.fullmatch(path.parent.name))
    return [read_lesson(folder) for folder in folders]


def find_lesson(lessons: list[Lesson], wanted: str) -> Lesson:
    """The lesson that is meant by "l03", "3", "03", its whole name, or any part of it that only one name has.

    Raises:
        ArgumentError: none or several; the message lists them.
    """
    path = Path(wanted.rstrip("/\\"))
    word = (path.parent if path.suffix in (".py", ".toml") else path).name.lower()  # its file means the lesson too
    exact = [
        lesson for lesson in lessons if word in (lesson.name, lesson.name[:3], str(lesson.number), lesson.name[1:3])
    ]
    found = exact or [lesson for lesson in lessons if word and word in lesson.name]
    if len(found) == 1:
        return found[0]
    names = ", ".join(lesson.name for lesson in (found or lessons))
    if found:
        raise in_both(
            ArgumentError,
            ja="{wanted!r} に当てはまる課が複数あります: {names}。名前をもう少し入力してください",
            en="{wanted!r} may mean {names}; type more of the name",
            wanted=wanted, names=names,
        )  # fmt: skip
    raise in_both(
        ArgumentError,
        ja="{wanted!r} という課はありません。課は次のとおりです: {names}",
        en="there is no lesson {wanted!r}; the lessons are {names}",
        wanted=wanted, names=names,
    )  # fmt: skip
