"""What the command line prints with: a console, tables, and a progress bar that is quiet in a pipe."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Protocol

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gradcheck_lm.draw.lettering import shown
from gradcheck_lm.draw.numbers import number
from gradcheck_lm.draw.terminal.cell_progress import CellProgress, kernel_shell


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, encoding: str = "") -> FittedTable:
    """A table for rich to print: numbers to the right, nothing in it that the console cannot print.

    Cells break at spaces, never within a word or a number. Where not even single words fit side by side, each row
    stands as a block of lines, one a column.

    Args:
        title: above the table; "" for none.
        columns: the heads.
        rows: as many cells each; floats are shown with four digits, None as empty.
        encoding: of the console; by default that of standard output.
    """
    encoding = encoding or _encoding(sys.stdout)
    cells = [[cell if isinstance(cell, Text) else Text(shown(_cell(cell), encoding)) for cell in row] for row in rows]
    numeric = []
    for index in range(len(columns)):
        values = [row[index] for row in rows]
        numeric.append(any(map(_is_number, values)) and all(value is None or _is_number(value) for value in values))
    return FittedTable(shown(title, encoding), [Text(shown(name, encoding)) for name in columns], cells, numeric)


class FittedTable:
    """A table that knows its columns' words only when it is printed, since only then the width is known."""

    def __init__(self, title: str, heads: list[Text], rows: list[list[Text]], numeric: list[bool]) -> None:
        self._title, self._heads, self._rows, self._numeric = title, heads, rows, numeric

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._fitted(options.max_width)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._fitted(options.max_width))

    def _fitted(self, width: int) -> Table:
        columns = [[head, *(row[i] for row in self._rows)] for i, head in enumerate(self._heads)]
        whole = [max(_widest(cell.plain.split("\n")) for cell in column) for column in columns]
        words = [max(_widest(cell.plain.split()) for cell in column) for column in columns]
        for gap in (3, 2, 1):
            room = width - gap * (len(columns) - 1)
            if sum(words) <= room:
                return self._side_by_side(_shared(words, whole, room), gap)
        return self._blocks()

    def _side_by_side(self, widths: Sequence[int], gap: int) -> Table:
        # the box itself puts one column between; a padding on the right and one on the left make two more
        result = self._empty(padding=(0, int(gap > 1), 0, int(gap > 2)))
        for head, numeric, wide in zip(self._heads, self._numeric, widths, strict=True):
            result.add_column(head, justify="right" if numeric else "left", overflow="fold", width=wide)
        for row in self._rows:
            result.add_row(*row)
        return result

    def _blocks(self) -> Table:
        result = self._empty(show_header=False)
        result.add_column(overflow="fold", style="bold")
        result.add_column(overflow="fold")
        for row in self._rows:
            for head, cell in zip(self._heads, row, strict=True):
                result.add_row(head, cell, end_section=cell is row[-1])
        return result

    def _empty(self, **settings: Any) -> Table:
        return Table(
            title=Text(self._title, style="bold") if self._title else None, title_justify="left", box=box.SIMPLE_HEAD,
            pad_edge=False, show_edge=False, header_style="bold", **settings,
        )  # fmt: skip


def _widest(parts: Sequence[str]) -> int:
    return max((cell_len(part) for part in parts), default=1) or 1


def _shared(least: list[int], wanted: list[int], width: int) -> list[int]:
    """Widths from `least` towards `wanted`, one by one to the narrowest of those that want more."""
    widths = list(least)
    for _ in range(max(0, width - sum(least))):
        open_ones = [i for i, wide in enumerate(widths) if wide < wanted[i]]
        if not open_ones:
            break
        widths[min(open_ones, key=lambda i: (widths[i], i))] += 1
    return widths


def console(*, stderr: bool = False) -> Console:
    """The console of the command line: colour where it is a terminal, 80 columns or COLUMNS in a pipe.

    Neither square brackets nor `:names:` in the text are read as commands. With NO_COLOR in the environment nothing is
    bold or dim either: rich would leave these.
    """
    colours: Any = {"color_system": None} if os.environ.get("NO_COLOR") else {}
    return Console(stderr=stderr, highlight=False, emoji=False, markup=False, soft_wrap=False, **colours)


class _Memory(io.StringIO):
    """A text in memory that claims an encoding, which decides what rich may draw boxes and trees with."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


def as_text(view: RenderableType, *, width: int = 80, color: bool = False, encoding: str = "utf-8") -> str:
    """What rich prints of something, as text of lines without trailing blanks.

    Args:
        view: anything rich prints.
        width: columns.
        color: with escape sequences for colours.
        encoding: of the console that it is for; where it is no UTF, boxes and trees are drawn in ASCII.
    """
    memory = _Memory(encoding)
    target = Console(
        file=memory, width=width, force_terminal=color, no_color=not color, color_system="standard" if color else None,
        legacy_windows=False, highlight=False, emoji=False, markup=False,
    )  # fmt: skip
    target.print(view)
    return "\n".join(line.rstrip() for line in memory.getvalue().splitlines()).rstrip() + "\n"


class Advance(Protocol):
    """Called after each piece of work."""

    def __call__(self, steps: int = 1, *, message: str = "") -> None: ...


@contextmanager
def progress(description: str, total: int, *, enabled: bool = True) -> Iterator[Advance]:
    """A progress bar on standard error, in a notebook in the cell's output; else one line at each tenth instead.

    Example:
        with progress("scoring", len(texts)) as advance:
            for text in texts:
                ...
                advance()
    """
    target = console(stderr=True)
    description = shown(description, target.encoding)
    if not enabled:
        yield lambda steps=1, *, message="": None
    elif kernel_shell() is not None:
        bar_in_cell = CellProgress(description, total)
        try:
            yield bar_in_cell.advance
        finally:
            bar_in_cell.close()
    elif target.is_terminal:
        what = TextColumn("{task.description}", markup=False)
        columns = (what, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=target, transient=True) as bar:
            task = bar.add_task(description, total=total)

            def advance(steps: int = 1, *, message: str = "") -> None:
                text = f"{description} {shown(message, target.encoding)}" if message else description
                bar.update(task, advance=steps, description=text)

            yield advance
    else:
        yield _plain_progress(description, total, sys.stderr)


def _plain_progress(description: str, total: int, stream: IO[str]) -> Advance:
    done = 0

    def advance(steps: int = 1, *, message: str = "") -> None:
        nonlocal done
        before, done = done, done + steps
        if total and done * 10 // total > before * 10 // total:
            extra = f"  {shown(message, _encoding(stream))}" if message else ""
            print(f"{description}: {done}/{total}{extra}", file=stream, flush=True)

    return advance


def _encoding(stream: Any) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else str(value)
