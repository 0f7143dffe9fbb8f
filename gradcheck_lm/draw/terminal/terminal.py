"""A diagnosis on a console: the one text, coloured by rich; in a pipe, and on consoles with old encodings."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.text import Text

from gradcheck_lm.draw.lettering import letters_of
from gradcheck_lm.draw.terminal import text as one_text
from gradcheck_lm.draw.terminal.consoles import Advance as Advance
from gradcheck_lm.draw.terminal.consoles import as_text as as_text
from gradcheck_lm.draw.terminal.consoles import console as console
from gradcheck_lm.draw.terminal.consoles import console as make_console
from gradcheck_lm.draw.terminal.consoles import progress as progress
from gradcheck_lm.draw.terminal.consoles import table as table
from gradcheck_lm.draw.terminal.flow_tree import STEPS, FlowLines, Line
from gradcheck_lm.draw.view import View
from gradcheck_lm.draw.view import of as view_of
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.stepping.report import StepReport


def diagnosis_text(
    diagnosis: Diagnosis | StepReport | View,
    *,
    width: int = 80,
    color: bool = False,
    encoding: str = "utf-8",
    language: str = "en",
) -> str:
    """A diagnosis as text: verdict, terms, the way of the data as a tree, cuts with cures, who gets nothing.

    Args:
        diagnosis: what `diagnose` or `diagnose_step` found.
        width: columns; no line is longer, except a path that cannot be broken.
        color: with escape sequences for colours.
        encoding: of the console; no character is used that it lacks.
        language: "en" or "ja".
    Returns:
        Lines that end in newlines.
    """
    view = view_of(diagnosis, language)
    if not color:
        return one_text.render(view, width=width, letters=letters_of(encoding)) + "\n"
    return as_text(DiagnosisText(view, encoding=encoding), width=width, color=color, encoding=encoding)


def print_diagnosis(
    diagnosis: Diagnosis | StepReport | View, console: Console | None = None, *, language: str = "en"
) -> None:
    """Print a diagnosis to a rich console; without one, to standard output as it can show it."""
    target = console if console is not None else make_console()
    target.print(DiagnosisText(view_of(diagnosis, language), encoding=target.encoding))


class DiagnosisText:
    """The one text for rich to print, in the width that it has."""

    def __init__(self, view: View, *, encoding: str = "utf-8") -> None:
        self._view, self._letters = view, letters_of(encoding)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _coloured(one_text.lines(self._view, width=options.max_width, letters=self._letters))


class FlowTree:
    """The way of the data alone, as a tree for rich to print, every line of it within the console's width.

    Args:
        diagnosis: what `diagnose` found.
        encoding: of the console; no character is used that it lacks.
        limit: > 0, operations to fold down to.
    """

    def __init__(self, diagnosis: Diagnosis | View, *, encoding: str = "utf-8", limit: int = STEPS) -> None:
        self._tree = FlowLines(view_of(diagnosis), letters_of(encoding), limit=limit)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _coloured(self._tree.lines(options.max_width))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(30, options.max_width), options.max_width)


def _coloured(lines: Sequence[Line]) -> RenderableType:
    rows = (Text.assemble(*(piece for piece in line if piece[0])) for line in lines)
    text = Text("\n").join(rows)
    text.no_wrap, text.overflow = True, "ignore"
    return text
