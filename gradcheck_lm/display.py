"""What every result has in common: it shows itself where it is the last expression, in a notebook or a terminal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from gradcheck_lm.files import encodable


class Displayed(ABC):
    """A result whose `str` is the whole text; this makes of it what Jupyter, IPython and rich ask for.

    `repr` is one short line: what a list, a debugger or a failed assertion has room for.
    """

    @abstractmethod
    def _headline(self) -> str:
        """The result in a few words, without its class."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {encodable(self._headline())}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """IPython's terminal; inside a list or dict there is room for one line."""
        nested = cycle or len(getattr(printer, "stack", ())) > 1
        printer.text(repr(self) if nested else str(self))

    def _repr_html_(self) -> str:
        """Jupyter, VS Code, Colab, marimo."""
        from gradcheck_lm.draw.page.notebook import html_of

        return encodable(html_of(self))

    def __rich__(self) -> Any:
        from gradcheck_lm.draw.terminal.console_views import renderable

        return renderable(self)


def text_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows that share their columns, under the columns' names, set to the right; numbers in four digits."""
    cells = [list(rows[0])] if rows else []
    for row in rows:
        values = row.values()
        cells.append(["-" if one is None else f"{one:.4g}" if isinstance(one, float) else str(one) for one in values])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
