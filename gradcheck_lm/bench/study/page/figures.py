"""The picture of the experiments: small multiples of forest plots, one a study and group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradcheck_lm.bench.study.statistics.statistics import Error, Row, Table
from gradcheck_lm.bench.study.statistics.verdict import FUSED, GREEDY
from gradcheck_lm.draw.plots.forest import Effect, Forest, ForestRow, save_forest

SERIES = {GREEDY: "read greedily, against the reference read greedily", FUSED: "both fused with the 6-gram at decoding"}
WIDEST = 60.0  # per cent: an arm that fails altogether must not squeeze the others into a line
MARGIN = 0.08


def draw_study(path: str | Path, tables: Sequence[Table]) -> Path | None:
    """Relative change of held-out CER with 95 % intervals, an arm a row; None where there is nothing to draw yet.

    Intervals are t over seeds or, of a single seed, by bootstrap over lines. The panels of a study share their scale.
    """
    panels = []
    for table in tables:
        rows = [_row(row) for row in table.rows if row.kind in ("arm", "control")]
        rows = [row for row in rows if row.effects]
        if rows:
            of_study = [other for other in tables if other.study == table.study]
            panels.append(Forest(_title(table), _axis(table), rows, _limits(of_study)))
    return save_forest(path, panels) if panels else None


def group_text(group: Mapping[str, Any]) -> str:
    """A group in words: 'hand zeyada, language model char, labels 10 %'."""
    return ", ".join(f"{key.replace('_', ' ')} {_value(key, value)}" for key, value in group.items()) or "all runs"


def _value(key: str, value: Any) -> str:
    if key == "labels" and isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return f"{100 * value:g} %"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _title(table: Table) -> str:
    name = table.study.replace("_", " ")
    count = len(table.seeds)
    group = group_text(table.group)
    heading = group if name in table.group else f"{name}: {group}"
    return f"{heading} ({count} seed{'s' if count != 1 else ''})"


def _axis(table: Table) -> str:
    over = "seeds" if len(table.seeds) > 1 else "lines"
    return f"change of CER against {table.reference}, %; 95 % over {over}"


def _row(row: Row) -> ForestRow:
    name = f"{row.arm} (control)" if row.kind == "control" else row.arm
    effects = {SERIES[reading]: _effect(row.errors[reading]) for reading in SERIES if reading in row.errors}
    known = {name: effect for name, effect in effects.items() if effect is not None}
    return ForestRow(name, known, faint=row.kind != "arm")


def _effect(error: Error) -> Effect | None:
    if error.change is None:
        return None
    interval = error.change_interval or error.change_over_lines or (None, None)
    low, high = (None if bound is None else 100 * bound for bound in interval)
    return Effect(100 * error.change, low, high)


def _limits(tables: Sequence[Table]) -> tuple[float, float]:
    """From the arms' effects more than from their intervals, which are very wide with two seeds; a control that harms
    (a scrambled language model does) has no say."""
    effects = [
        effect
        for table in tables
        for row in table.rows
        for reading in SERIES
        if reading in row.errors
        and (effect := _effect(row.errors[reading])) is not None
        and (row.kind == "arm" or (row.kind == "control" and effect.value < 0))
    ]
    low = max(-WIDEST, min([-5.0, *(effect.value for effect in effects)]))
    high = min(WIDEST, max([5.0, *(effect.value for effect in effects)]))
    room = (high - low) / 2  # for the ends of intervals; what reaches further becomes an arrow
    ends = [end for effect in effects for end in (effect.low, effect.high) if end is not None]
    low, high = (
        min([low, *(end for end in ends if end > low - room)]),
        max([high, *(end for end in ends if end < high + room)]),
    )
    margin = MARGIN * (high - low)
    return low - margin, high + margin
