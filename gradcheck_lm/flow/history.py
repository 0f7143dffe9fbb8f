"""The looks of a watch in order: they slice like a list, and turn into a table or a chart."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, overload

from gradcheck_lm.display import Displayed, text_table
from gradcheck_lm.errors import ArgumentError, MissingPackageError

Entry = dict[str, Any]


class History(Displayed, Sequence[Entry]):
    """What each look saw, oldest first; at most `keep` looks.

    An entry holds `step`, `norm` (L2 over all tensors), `norms` (by name), with terms `terms` (an `Attribution` as a
    dict), and with an optimizer `updates` and `ratios` (L2 of the step, and of the step over that of the weight).
    """

    def __init__(self, entries: Iterable[Entry] = (), *, keep: int | None = None) -> None:
        self._entries: deque[Entry] = deque(entries, maxlen=keep)

    def append(self, entry: Entry) -> None:
        """Add a look; the oldest goes where there is no room."""
        self._entries.append(entry)

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> History: ...
    def __getitem__(self, index: int | slice) -> Entry | History:
        if isinstance(index, slice):
            return History(list(self._entries)[index])
        return self._entries[index]

    def __len__(self) -> int:
        return len(self._entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _headline(self) -> str:
        if not self._entries:
            return "no look yet"
        return f"{len(self)} looks, steps {self._entries[0]['step']} to {self._entries[-1]['step']}"

    def __str__(self) -> str:
        """The table, without what belongs to single tensors."""
        rows = [
            {name: value for name, value in row.items() if not name.startswith(("norm/", "update/", "ratio/"))}
            for row in self.to_rows()
        ]
        return text_table(rows) or self._headline()

    def to_rows(self) -> list[dict[str, float | None]]:
        """One flat row a look: step, norm, norm/NAME, update/NAME, ratio/NAME, and TERM/value, /norm, /share, /cosine.

        Every row has all columns; what a look did not see is None.
        """
        rows = [row_of(entry) for entry in self._entries]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        return [{name: row.get(name) for name in columns} for row in rows]

    def to_pandas(self) -> Any:
        """The rows as a pandas DataFrame, indexed by step.

        Raises:
            MissingPackageError: pandas is not installed; `to_rows` needs nothing.
        """
        try:
            import importlib

            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise MissingPackageError(
                "a table needs pandas; type: pip install pandas (or call .to_rows(), a list of dicts)"
            ) from error
        rows = self.to_rows()
        return (
            pandas.DataFrame(rows, dtype=float).astype({"step": int}).set_index("step") if rows else pandas.DataFrame()
        )

    def plot(self, path: str | Path | None = None, *, columns: Sequence[str] | None = None) -> Any:
        """Draw gradient norms over steps, one line a term, or one for all where no terms were given.

        Args:
            path: .svg, .png or .pdf, drawn by matplotlib; None: SVG text, which needs nothing installed.
            columns: which of `to_rows` to draw instead, e.g. ["ratio/0.weight"].
        Returns:
            The path written, or the SVG text.
        Raises:
            ArgumentError: there is no look yet, or no such column.
            MissingPackageError: a file was asked for and matplotlib is not installed.
        """
        from gradcheck_lm.draw.plots import history

        rows = self.to_rows()
        if not rows:
            raise ArgumentError("there is no look to draw yet: call watch.step() in the loop first.")
        there = [name for name in rows[0] if name != "step"]
        wanted = (
            list(columns) if columns is not None else [name for name in there if name.endswith("/norm")] or ["norm"]
        )
        missing = [name for name in wanted if name not in there]
        if missing:
            raise ArgumentError(f"no look has {', '.join(missing)}; there are: {', '.join(there)}.")
        return history.draw(rows, wanted, path)


def row_of(entry: Entry) -> dict[str, float | None]:
    """A look as one flat row."""
    row: dict[str, float | None] = {"step": entry["step"], "norm": entry["norm"]}
    terms = entry.get("terms")
    if terms is not None:
        for name in terms["terms"]:
            row[f"{name}/value"] = terms["values"].get(name)
            row[f"{name}/norm"] = terms["table"][name]["all"]["norm"]
            row[f"{name}/share"] = terms["table"][name]["all"]["share"]
        for pair, by_module in terms["cosines"].items():
            row[f"{pair}/cosine"] = by_module["all"]
    for column, key in (("norm", "norms"), ("update", "updates"), ("ratio", "ratios")):
        row |= {f"{column}/{name}": value for name, value in entry.get(key, {}).items()}
    return row
