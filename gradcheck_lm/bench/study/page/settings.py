"""With which settings the arms of a study ran, as text: those of all arms, and those by which arms differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gradcheck_lm.bench.study.statistics.records import START
from gradcheck_lm.bench.study.statistics.statistics import Table

_ABSENT: tuple[Any, ...] = (None, False, "", {}, [])


def settings_text(tables: Sequence[Table]) -> list[str]:
    """Markdown lines: the settings of all arms, then those of each arm that are not the same for all.

    What makes a table of its own is left out, and so is the recogniser before any training, which has no settings.
    """
    groups = {key for table in tables for key in table.group}
    by_arm: dict[str, list[Mapping[str, Any]]] = {}
    for run in (run for table in tables for run in table.runs if run.arm != START):
        by_arm.setdefault(run.arm, []).append(run.settings)
    everything = [settings for found in by_arm.values() for settings in found]
    names = [name for name in dict.fromkeys(name for one in everything for name in one) if name not in groups]
    common = [name for name in names if _same(name, everything)]
    lines = []
    listed = _listed(common, everything)
    if listed:
        lines += [f"Settings of all arms: {listed}.", ""]
    apart = [name for name in names if name not in common]
    own = {arm: _listed(apart, found) for arm, found in by_arm.items()}
    if any(own.values()):
        lines += ["Settings by arm:", "", *(f"- `{arm}`: {text}" for arm, text in own.items() if text)]
    return lines


def _same(name: str, found: Iterable[Mapping[str, Any]]) -> bool:
    return len({json.dumps(one.get(name), sort_keys=True) for one in found}) == 1


def _listed(names: Sequence[str], found: Sequence[Mapping[str, Any]]) -> str:
    parts = []
    for name in names:
        values = [one.get(name) for one in found if one.get(name) not in _ABSENT]
        if values:
            text = _spread(values)
            parts.append(text if name == "options" else f"{name.replace('_', ' ')} {text}")
    return "; ".join(parts)


def _spread(values: Sequence[Any]) -> str:
    """One value, the range of several numbers, or several values."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        low, high = min(values), max(values)
        return _text(low) if low == high else f"{_text(low)} to {_text(high)}"
    return " or ".join(dict.fromkeys(map(_text, values)))


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key.replace('_', ' ')} {_text(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return " / ".join(map(_text, value))
    if value is True:
        return "yes"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
