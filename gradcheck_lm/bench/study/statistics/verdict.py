"""What follows from a table's numbers alone: which arms lower CER, on top of fusion or not, and which harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gradcheck_lm.bench.study.statistics.statistics import BY_NATURE, LEVEL, Error, Row, Table

GREEDY, FUSED = "held_out/greedy", "held_out/fused"
LOWER, HIGHER, UNCLEAR, IDENTICAL = "lower", "higher", "unclear", "identical"
"""What is shown of an arm in one reading."""


@dataclass(frozen=True)
class Verdict:
    """`headline` for the table as a whole, `sentences` one for each family of arms.

    `beyond_fusion`, `greedy_only` and `harmful` are the arms, controls left out, of which that is shown; `controls`
    are the controls that lower CER in either reading. `shown` says for every arm and reading what is shown.
    """

    headline: str
    sentences: Sequence[str]
    beyond_fusion: Sequence[str]
    greedy_only: Sequence[str]
    harmful: Sequence[str]
    controls: Sequence[str]
    shown: Mapping[str, Mapping[str, str | None]]


def judge(table: Table) -> Verdict:
    """Sentences on a table, generated from its numbers.

    An arm's CER is lower or higher where its p, adjusted by Holm, is below .05. Where several seeds read the same
    lines, a test over seeds says nothing of other lines: there the bootstrap interval over lines must leave out 0 too.
    """
    tested = [row for row in table.rows if row.kind in ("arm", "control")]
    shown = {
        row.arm: {reading: _effect(row.errors.get(reading), table) for reading in (GREEDY, FUSED)} for row in tested
    }
    arms = [row.arm for row in tested if row.kind == "arm"]
    beyond = [arm for arm in arms if shown[arm][FUSED] == LOWER]
    greedy = [arm for arm in arms if shown[arm][GREEDY] == LOWER and arm not in beyond]
    harmful = [arm for arm in arms if HIGHER in shown[arm].values()]
    controls = [row.arm for row in tested if row.kind == "control" and LOWER in shown[row.arm].values()]
    families: dict[tuple[str, str], list[Row]] = {}
    for row in tested:
        families.setdefault((row.kind, row.family), []).append(row)
    sentences = [_sentence(family, kind, rows, shown) for (kind, family), rows in families.items()]
    sentences += _against_controls([row for row in tested if row.arm in (*beyond, *greedy)])
    sentences += [
        f"**{row.arm}** is an oracle: a ceiling for arms of its steps." for row in table.rows if row.kind == "oracle"
    ]
    headline = _headline(table, beyond, greedy, harmful, controls)
    return Verdict(headline, sentences, beyond, greedy, harmful, controls, shown)


def _effect(error: Error | None, table: Table) -> str | None:
    if error is None or error.points is None:
        return None
    if error.test == BY_NATURE or error.identical:
        return IDENTICAL
    if error.holm is None or error.holm >= LEVEL or error.points_interval is None:
        return UNCLEAR
    low, high = error.points_interval
    if table.same_lines and low <= 0 <= high:
        return UNCLEAR
    return LOWER if error.points < 0 else HIGHER


def _headline(
    table: Table, beyond: Sequence[str], greedy: Sequence[str], harmful: Sequence[str], controls: Sequence[str]
) -> str:
    fused = any(FUSED in row.errors for row in table.rows if row.kind == "arm")
    if not any(row.kind == "arm" for row in table.rows):
        text = "No arm has run yet."
    elif not any(row.errors[r].p is not None for row in table.rows for r in (GREEDY, FUSED) if r in row.errors):
        text = "Nothing can be said yet: no arm has a run beside its reference."
    elif beyond:
        text = f"On top of decode-time fusion, CER is lower with {_names(beyond)}."
    elif greedy and fused:
        text = f"Nothing helps on top of decode-time fusion here; greedy CER is lower with {_names(greedy)}."
    elif greedy:
        text = f"Greedy CER is lower with {_names(greedy)}; fusion was not measured."
    else:
        text = "Nothing helps here."
    if harmful:
        text += f" Harm: {_names(harmful)}."
    if controls:
        text += f" Of the controls, {_names(controls)} lower{'s' if len(controls) == 1 else ''} CER too."
        text += _matched(table, beyond, controls, FUSED) + _matched(table, greedy, controls, GREEDY)
    return text


def _against_controls(rows: Sequence[Row]) -> list[str]:
    """Each helpful arm against its own control; p is not adjusted, for the control is no hypothesis of the table."""
    found = []
    for row in rows:
        parts = []
        for reading, name in ((FUSED, "fused"), (GREEDY, "greedy")):
            error = row.matched.get(reading)
            if error is not None and error.points is not None and error.points_interval is not None:
                low, high = (f"{100 * end:+.1f}" for end in error.points_interval)
                p = "" if error.p is None else f", p {p_text(error.p, equals=True)}"
                parts.append(f"{name} {100 * error.points:+.1f} points [{low}, {high}]{p}")
        if parts:
            found.append(f"`{row.arm}` against its own control `{row.against}`: {'; '.join(parts)}.")
    missing = [row for row in rows if row.against and not row.matched]
    if missing:
        names = sorted({str(row.against) for row in missing})
        found.append(f"The control {_names(names)} of {_names([row.arm for row in missing])} has not been run.")
    return found


def _matched(table: Table, helpful: Sequence[str], controls: Sequence[str], reading: str) -> str:
    """Which helpful arms do no better than some control, by the means; no test is made of that difference."""
    rates = {row.arm: row.errors[reading].cer for row in table.rows if reading in row.errors}
    known = [arm for arm in controls if arm in rates]
    if not known:
        return ""
    best = min(known, key=lambda arm: rates[arm])
    beaten = [arm for arm in helpful if rates[arm] >= rates[best]]
    how = "Fused" if reading == FUSED else "Greedy"
    verb = "is" if len(beaten) == 1 else "are"
    return f" {how}, {_names(beaten)} {verb} no better than the control `{best}`." if beaten else ""


def _sentence(family: str, kind: str, rows: Sequence[Row], shown: Mapping[str, Mapping[str, str | None]]) -> str:
    parts = []
    for row in rows:
        text = _clause(shown[row.arm][GREEDY], shown[row.arm][FUSED], row)
        parts.append(f"`{row.arm}` {text}" if len(rows) > 1 or row.arm != family else text)
    marker = " (control)" if kind == "control" else ""
    return f"**{family}**{marker} {parts[0]}." if parts[0][0] != "`" else f"**{family}**{marker}: {'; '.join(parts)}."


def _clause(greedy: str | None, fused: str | None, row: Row) -> str:
    in_greedy, in_fused = _numbers(row, GREEDY, "greedy"), _numbers(row, FUSED, "fused")
    both = ", ".join(part for part in (in_fused, in_greedy) if part)
    if greedy is None and fused is None:
        return "has no run beside its reference"
    if {greedy, fused} <= {IDENTICAL, None}:
        return "changes nothing: every line has as many edits as with the reference"
    if fused == LOWER:
        against = " although its greedy CER is higher" if greedy == HIGHER else ""
        return f"lowers CER beyond decode-time fusion{against} ({both})"
    if fused == HIGHER:
        how = {LOWER: "lowers greedy CER and harms the fused one", HIGHER: "harms"}
        return f"{how.get(str(greedy), 'harms the fused CER')} ({both})"
    beyond = (
        "; with fusion not measured"
        if fused is None
        else f"; beyond decode-time fusion no effect is shown ({in_fused})"
    )
    if greedy == LOWER:
        return f"lowers greedy CER ({in_greedy}){beyond}"
    if greedy == HIGHER:
        return f"harms greedy CER ({in_greedy}){beyond}"
    return f"shows no effect ({both})"


def _numbers(row: Row, reading: str, name: str) -> str:
    error = row.errors.get(reading)
    if error is None or error.points is None:
        return ""
    size = f"{100 * error.points:+.1f} points" if error.change is None else f"{100 * error.change:+.1f} %"
    return f"{name} {size}" + (f", Holm p {p_text(error.holm, equals=True)}" if error.holm is not None else "")


def p_text(p: float, *, equals: bool = False) -> str:
    """A p as the field prints it: no leading zero, '<.0001' for less. With `equals`, as part of a sentence."""
    if p < 1e-4:
        return "< .0001" if equals else "<.0001"
    text = "1" if p >= 0.99995 else f"{p:.4f}".lstrip("0")
    return f"= {text}" if equals else text


def _names(arms: Sequence[str]) -> str:
    quoted = [f"`{arm}`" for arm in arms]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"
