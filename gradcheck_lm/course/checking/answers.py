"""Right answers other than the solution: a check that refuses one asks for more than the task says."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

from gradcheck_lm.course.checking.judge import load
from gradcheck_lm.course.folder.generator import Hole, holes_of
from gradcheck_lm.errors import DataError


def answers_of(lesson_folder: Path) -> list[dict[str, str]]:
    """The list ANSWERS of a lesson's answers.py: whole answers, each with code for every hole that has a choice.

    Raises:
        DataError: it is no such list, or an answer leaves out a hole or names one that is not there.
    """
    path = lesson_folder / "answers.py"
    found = getattr(load(path), "ANSWERS", None)
    if not isinstance(found, list) or not all(isinstance(answer, dict) for answer in found):
        raise DataError(f"{path} needs a list ANSWERS of tables from holes to code")
    wanted = {hole.name for hole in holes_of(lesson_folder) if not one_word(hole)}
    for place, answer in enumerate(found):
        if set(answer) != wanted:
            raise DataError(f"{path}: answer {place} is about {sorted(answer)}, the holes are {sorted(wanted)}")
    return found


def one_word(hole: Hole) -> bool:
    """Whether the hole is a choice between letters, for which there is one right answer."""
    first, *more = ast.parse("if True:\n" + "\n".join(f"    {line}" for line in hole.right)).body[0].body  # type: ignore[attr-defined]
    return not more and isinstance(first, ast.Assign) and isinstance(first.value, ast.Constant)


def meaning(code: str) -> str:
    """Code without its layout and its comments, to compare."""
    body = textwrap.indent(textwrap.dedent(code).strip("\n"), "    ")
    return ast.unparse(ast.parse(f"def hole():\n{body}\n"))
