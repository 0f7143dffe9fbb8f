"""What the command line prints with: a console, tables, and a progress bar that is quiet in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Protocol

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from gradcheck_lm.draw.lettering import shown
from gradcheck_lm.draw.words import number


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, encoding: str = "") -> Table:
    """A rich table: numbers to the right, nothing in it that the console cannot print.

    Args:
        title: above the table; "" for none.
        columns: the heads.
        rows: as many cells each; floats are shown with four digits, None as empty.
        encoding: of the console; by default that of standard output.
    """
    encoding = encoding or _encoding(sys.stdout)
    result = Table(
        title=Text(shown(title, encoding), style="bold") if title else None, title_justify="left", box=box.SIMPLE_HEAD,
        pad_edge=False, show_edge=False, header_style="bold",
    )  # fmt: skip
    for index, name in enumerate(columns):
        cells = [row[index] for row in rows]
        numeric = any(_is_number(cell) for cell in cells) and all(cell is None or _is_number(cell) for cell in cells)
        result.add_column(Text(shown(name, encoding)), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        result.add_row(*(cell if isinstance(cell, Text) else Text(shown(_cell(cell), encoding)) for cell in row))
    return result


def console(*, stderr: bool = False) -> Console:
    """The console of the command line: colour where it is a terminal, 80 columns or COLUMNS in a pipe.

    Neither square brackets nor `:names:` in the text are read as commands.
    """
    return Console(stderr=stderr, highlight=False, emoji=False, markup=False, soft_wrap=False)


class Advance(Protocol):
    """Called after each piece of work."""

    def __call__(self, steps: int = 1, *, message: str = "") -> None: ...


@contextmanager
def progress(description: str, total: int, *, enabled: bool = True) -> Iterator[Advance]:
    """A progress bar on standard error; where that is no terminal, one line at each tenth instead.

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
