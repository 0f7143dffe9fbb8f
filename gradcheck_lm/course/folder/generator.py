"""exercise.py from solution.py: each marked hole shows its broken code, to be fixed."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.course.folder.catalogue import solution_of
from gradcheck_lm.errors import DataError

_OPEN = re.compile(r"^(?P<indent> *)# >>> hole: (?P<name>[a-z][a-z0-9_]*)\s*$")
_TASK = re.compile(r"^ *# (?P<language>en|ja): (?P<text>.+?)\s*$")
_BROKEN = re.compile(r"^ *# --- broken\s*$")
_CLOSE = re.compile(r"^ *# <<< hole\s*$")
_COMMENTED = re.compile(r"^ *#(?: (?P<code>.*))?$")


@dataclass(frozen=True)
class Hole:
    """A place in solution.py that the exercise shows broken.

    Attributes:
        name: what the mutants call it.
        first, last: 0-based lines of its marks in solution.py, both inclusive.
        indent: of its code.
        en, ja: what the learner is to do.
        right, broken: lines of code, without the indent.
    """

    name: str
    first: int
    last: int
    indent: str
    en: str
    ja: str
    right: tuple[str, ...]
    broken: tuple[str, ...]


def read_holes(source: str, *, place: str = "solution.py") -> list[Hole]:
    """The holes of a solution, in order.

    Raises:
        DataError: a mark is missing or out of order, a hole has no broken code or no task, or a name comes twice.
    """
    holes: list[Hole] = []
    lines = source.splitlines()
    start = None
    for number, line in enumerate(lines):
        if _OPEN.match(line):
            if start is not None:
                raise DataError(f"{place}:{number + 1}: a hole opens inside the hole of line {start + 1}")
            start = number
        elif _CLOSE.match(line):
            if start is None:
                raise DataError(f"{place}:{number + 1}: a hole is closed that was never opened")
            holes.append(_hole(lines, start, number, place))
            start = None
    if start is not None:
        raise DataError(f"{place}:{start + 1}: this hole is never closed with '# <<< hole'")
    if not holes:
        raise DataError(f"{place}: no hole; mark one with '# >>> hole: name'")
    names = [hole.name for hole in holes]
    if len(set(names)) < len(names):
        raise DataError(f"{place}: a hole's name comes twice: {', '.join(names)}")
    return holes


def _hole(lines: list[str], first: int, last: int, place: str) -> Hole:
    match = _OPEN.match(lines[first])
    assert match is not None
    indent, name = match["indent"], match["name"]
    body = lines[first + 1 : last]
    tasks = {}
    while body and (task := _TASK.match(body[0])):
        tasks[task["language"]] = task["text"]
        body = body[1:]
    split = next((i for i, line in enumerate(body) if _BROKEN.match(line)), None)
    where = f"{place}:{first + 1}: hole {name!r}"
    if set(tasks) != {"en", "ja"}:
        raise DataError(f"{where} needs its task as '# en: ...' and '# ja: ...' right below its mark")
    if split is None or not body[:split] or not body[split + 1 :]:
        raise DataError(f"{where} needs right code, then '# --- broken', then the broken code as comments")
    broken = []
    for line in body[split + 1 :]:
        commented = _COMMENTED.match(line)
        if commented is None:
            raise DataError(f"{where}: the broken code must be comments, not {line.strip()!r}")
        broken.append(commented["code"] or "")
    right = tuple(line.removeprefix(indent) for line in body[:split])
    return Hole(name, first, last, indent, tasks["en"], tasks["ja"], right, tuple(broken))


def holes_of(lesson_folder: Path) -> list[Hole]:
    """The holes of a lesson's solution, in order."""
    path = solution_of(lesson_folder)
    return read_holes(path.read_text(encoding="utf-8"), place=str(path))


def exercise_text(lesson_folder: Path, language: str = "") -> str:
    """What exercise.py must be, from the lesson's solution.py; with "ja" or "en", the tasks in that language alone."""
    path = solution_of(lesson_folder)
    return exercise_from(path.read_text(encoding="utf-8"), language, place=str(path))


def answer_text(lesson_folder: Path, codes: Mapping[str, str]) -> str:
    """The whole file of an answer to a lesson, right or wrong, from code for some of its holes."""
    path = solution_of(lesson_folder)
    return answer_from(path.read_text(encoding="utf-8"), codes, place=str(path))


def exercise_from(source: str, language: str = "", *, place: str = "solution.py") -> str:
    """A solution with every hole broken, and the tasks, in both languages or in one, above the broken code."""
    blocks = {}
    for hole in read_holes(source, place=place):
        pad = " " * len(f"TODO {hole.name}:")
        tasks = {"en": [hole.en], "ja": [hole.ja]}.get(language, [hole.en, hole.ja])
        told = [f"# TODO {hole.name}: {tasks[0]}", *(f"# {pad} {task}" for task in tasks[1:])]
        blocks[hole.name] = [*told, *hole.broken, f"# END {hole.name}"]
    return _replaced(source, blocks, place)


def answer_from(source: str, codes: Mapping[str, str], *, place: str = "solution.py") -> str:
    """A solution in which the code of some holes is other code, indented in any way.

    Raises:
        DataError: `codes` names a hole that the solution lacks.
    """
    holes = {hole.name: hole for hole in read_holes(source, place=place)}
    if unknown := set(codes) - set(holes):
        raise DataError(f"{place} has no hole {', '.join(sorted(unknown))}; its holes are {', '.join(holes)}")
    blocks = {name: list(hole.right) for name, hole in holes.items()}
    blocks.update({name: textwrap.dedent(text).strip("\n").splitlines() for name, text in codes.items()})
    return _replaced(source, blocks, place)


def _replaced(source: str, blocks: Mapping[str, list[str]], place: str) -> str:
    lines = source.splitlines()
    for hole in reversed(read_holes(source, place=place)):
        block = [f"{hole.indent}{line}".rstrip() for line in blocks[hole.name]]
        lines[hole.first : hole.last + 1] = block
    return "\n".join(lines) + "\n"
