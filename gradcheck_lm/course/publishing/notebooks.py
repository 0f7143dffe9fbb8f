"""A lesson as a notebook in one language: its narration as text, its code in cells to run and to change."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from gradcheck_lm.course.beats import BEATS
from gradcheck_lm.course.choices import LETTERS
from gradcheck_lm.course.folder.catalogue import COMMAND, Lesson
from gradcheck_lm.course.language import Words
from gradcheck_lm.course.screen.board import cell_text
from gradcheck_lm.course.screen.comments import in_japanese

_SHOWN = ("code", "hint", "holds", "picture", "plot", "show", "table", "tell", "told")
_STAGE = "gradcheck_lm.course.stage"
_RULE = re.compile(r"^# -{20,}$\n?", re.MULTILINE)
_RUN = Words(
    "このノートブックは `{script}` から作りました。上から順に実行します。コードは書き換えて試せます。",
    "Made from `{script}`. Run it from top to bottom; every cell is there to be changed and run again.",
)
_GUESS = Words("予想", "Your guess first")
_ANSWER = Words("答え", "The answer")
_EXERCISE = Words(
    "次のセルが演習です。`TODO` の下を直してセルを実行すると、その場で検査します"
    "(先に最初のセルを実行しておいてください)。",
    "The next cell is the exercise. Fix what stands below each `TODO` and run the cell: it is checked at once "
    "(the first cell must have been run).",
)
_TERMINAL = Words(
    "同じ演習は、端末でも `{name}/exercise.py` を直して検査できます。",
    "In a terminal the same exercise is `{name}/exercise.py`.",
)
_HINTS = Words("ヒントは三段階です。数を変えて実行してください。", "There are three hints; change the number for more.")


def notebook_of(lesson: Lesson, language: str) -> dict[str, Any]:
    """The notebook as data, in the format that Jupyter and Colab read; no outputs are in it.

    Args:
        lesson: whose lesson.py is read, not run.
        language: "ja" or "en".
    """
    source = (lesson.folder / "lesson.py").read_text(encoding="utf-8")
    title = Words("第 {number} 課 {title}", "Lesson {number}: {title}")
    head = title.filled(number=lesson.number, title=lesson.title).in_language(language)
    run = _RUN.filled(script=f"lessons/{lesson.name}/lesson.py").in_language(language)
    cells = _Cells(language)
    cells.text(f"# {head}\n\n{run}")
    cells.code(f"""try:
    import gradcheck_lm
except ImportError as error:
    raise ImportError("gradcheck_lm is not installed here, with its extra lab: docs/index.md says how") from error
from gradcheck_lm.course.cells import {", ".join(_SHOWN)}, start

__file__ = start("{lesson.name}", "{language}")""")
    _fill(cells, source, lesson)
    return {"cells": cells.finished(), "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python",
            "name": "python3"}, "language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}  # fmt: skip


def notebook_text(lesson: Lesson, language: str) -> str:
    """The same as the text of an .ipynb file."""
    return json.dumps(notebook_of(lesson, language), indent=1, ensure_ascii=False) + "\n"


class _Cells:
    """Cells in order; code that stands together becomes one cell."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._cells: list[tuple[str, str]] = []

    def text(self, markdown: str) -> None:
        self._cells.append(("markdown", markdown))

    def words(self, words: Words) -> None:
        self.text(words.in_language(self.language))

    def code(self, source: str) -> None:
        self._cells.append(("code", in_japanese(source) if self.language == "ja" else source))

    def whole(self, source: str) -> None:
        """A cell of code that stays as it is."""
        self._cells.append(("code", source))

    def finished(self) -> list[dict[str, Any]]:
        merged: list[tuple[str, str]] = []
        for kind, source in self._cells:
            if not source.strip():
                continue
            if merged and merged[-1][0] == kind == "code":
                merged[-1] = (kind, f"{merged[-1][1]}\n{source}")
            else:
                merged.append((kind, source))
        tidy = [(kind, re.sub(r"\n{4,}", "\n\n\n", source).strip("\n")) for kind, source in merged]
        return [self._cell(place, kind, source) for place, (kind, source) in enumerate(tidy)]

    def _cell(self, place: int, kind: str, source: str) -> dict[str, Any]:
        cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)}
        cell["id"] = hashlib.sha256(f"{place}{source}".encode()).hexdigest()[:8]
        return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell


def _fill(cells: _Cells, source: str, lesson: Lesson) -> None:
    lines, tree, answer = source.splitlines(), ast.parse(source), None
    if cells.language == "en":
        cells.text((ast.get_docstring(tree) or "").partition("\n\n")[2].split("Run it:")[0].strip())
    end = tree.body[0].end_lineno or 0
    for node in tree.body[1:]:
        before, name = _RULE.sub("", "\n".join(lines[end : _first_line(node) - 1])), _called(node)
        text, end = "\n".join(lines[_first_line(node) - 1 : node.end_lineno]), node.end_lineno or 0
        call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        if name in ("begin", "code") or (isinstance(node, ast.ImportFrom) and node.module == _STAGE):
            continue  # the code of a function stands in the notebook anyway
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _function(node.value) == "option":
            cells.code(_option(node, node.value, cells.language))
        elif call is None or name not in ("say", "ask", "beat", "finish"):
            cells.code(f"{before}\n{text}" if before.strip("\n") or before.count("\n") else text)
        elif name == "beat":
            beat = next(one for one in BEATS if one.name == ast.literal_eval(call.args[0]))
            if answer is not None and beat.name == "why":
                cells.words(answer)
            title = beat.title.in_language(cells.language)
            cells.text(f"## {title}: {beat.purpose.in_language(cells.language)}")
        elif name == "ask":
            answer = _ask(cells, call)
        elif name == "finish":
            cells.words(_EXERCISE)
            cells.whole(f"%%exercise\n{cell_text(lesson, cells.language)}")
            cells.words(_HINTS)
            cells.whole("hint(1)")
            cells.words(_TERMINAL.filled(name=lesson.name))
            cells.text(f"```console\n{COMMAND} init my-lessons\ncd my-lessons\n{COMMAND} check {lesson.name}\n```")
        else:
            _say(cells, call)


def _first_line(node: ast.stmt) -> int:
    """Of a statement, its decorators included."""
    return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])


def _called(node: ast.stmt) -> str:
    """The name of the function that a statement calls and does nothing else; "" for any other statement."""
    return _function(node.value) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else ""


def _function(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _option(node: ast.Assign, call: ast.Call, language: str) -> str:
    """What a script is told on its command line is a variable here, with the words of the help above it."""
    told = "\n".join(f"# {line}" for line in textwrap.wrap(_texts(call)[language], 100))
    return f"{told}\n{ast.unparse(node.targets[0])} = {ast.unparse(call.args[1])}"


def _texts(call: ast.Call) -> Mapping[str, str]:
    return {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg in ("ja", "en")}


def _say(cells: _Cells, call: ast.Call) -> None:
    words = Words(**_texts(call))
    values = [word for word in call.keywords if word.arg not in ("ja", "en")]
    if not values:
        cells.words(words.filled())
        return
    text = words.in_language(cells.language)
    cells.code("\n".join(["tell(", f"    {json.dumps(text, ensure_ascii=False)},",
                          *(f"    {word.arg}={ast.unparse(word.value)}," for word in values), ")"]))  # fmt: skip


def _ask(cells: _Cells, call: ast.Call) -> Words | None:
    """The question and its choices; gives the answer, to be shown when the numbers have been seen."""
    listed = next((word.value for word in call.keywords if word.arg == "choices"), None)
    choices = [one for one in listed.elts if isinstance(one, ast.Call)] if isinstance(listed, ast.List) else []
    asked, right = [f"> **{_GUESS.in_language(cells.language)}.** {_texts(call)[cells.language]}"], None
    for letter, one in zip(LETTERS, choices, strict=False):
        texts = _texts(one)
        asked.append(f">\n> ({letter}) {texts[cells.language]}")
        if any(word.arg == "right" for word in one.keywords):
            told = Words("**{word}: ({letter})** {text}", "**{word}: ({letter})** {text}")
            right = told.filled(word=_ANSWER, letter=letter, text=Words(texts["ja"], texts["en"]))
    cells.text("\n".join(asked))
    return right
