"""A table of the experiments as Markdown: error rates, the other figures, and what a reader must know of some rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gradcheck_lm.bench.study.statistics.statistics import (
    BY_NATURE,
    LEVEL,
    SEEDS_FOR_T,
    SIGN_FLIPS,
    T_TEST,
    Error,
    Interval,
    Row,
    Table,
)
from gradcheck_lm.bench.study.statistics.verdict import FUSED, GREEDY, p_text

ADAPTED = ("adapted/greedy", "adapted/fused")


def error_table(table: Table) -> list[str]:
    """Held-out lines, greedy and fused: CER, change over seeds, points over lines, p and Holm's p."""
    head = [
        "| arm | CER greedy | change % | points | p (Holm) | CER fused | change % | points | p (Holm) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return head + [f"| {_name(row, table)} | {_tested(row, GREEDY)} | {_tested(row, FUSED)} |" for row in table.rows]


def other_table(table: Table) -> list[str]:
    """Lines adapted on, and what else a run can say."""
    head = [
        "| arm | CER of adapted lines, greedy | change % | fused | change % | LM nats/char | length ratio "
        "| gradient norm | cosine to CTC | s/step | memory MB |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    rows = []
    for row in table.rows:
        cells = [_name(row, table)]
        for reading in ADAPTED:
            error = row.errors.get(reading)
            cells += [percent(error), "-" if error is None else _change(error)]
        formats = {
            "lm": ".2f", "length_ratio": ".3f", "gradient_norm": ".3g", "cosine": "+.2f",
            "seconds_per_step": ".2f", "peak_memory_mb": ".0f",
        }  # fmt: skip
        for name, form in formats.items():
            value = row.figures[name]
            cells.append("-" if value is None else format(value, form))
        rows.append(f"| {' | '.join(cells)} |")
    return head + rows


def footnotes(table: Table) -> str:
    """Which test p is of, what is missing and what stopped early."""
    lines = [_tests(table)]
    for row in table.rows:
        if row.missing:
            lines.append(
                f"† `{row.arm}` lacks {_seeds(row.missing)}: its rates are of {_seeds(row.seeds)}, and it is compared "
                "with the reference on those alone."
            )
        held = {reading: list(error.cer_by_seed) for reading, error in row.errors.items()}
        for reading, seeds in held.items():
            lacking = [seed for seed in row.seeds if seed not in seeds]
            if lacking:
                lines.append(f"† `{row.arm}` has no reading {reading.replace('/', ', ')} of {_seeds(lacking)}.")
        unpaired = sorted(
            {
                s
                for error in row.errors.values()
                if row.kind != "reference"
                for s in error.cer_by_seed
                if s not in error.seeds
            }
        )
        if unpaired:
            lines.append(f"† `{row.arm}` has {_seeds(unpaired)} without its reference: not compared.")
        if row.stopped:
            why = "; ".join(f"seed {seed}: {reason}" for seed, reason in row.stopped.items())
            lines.append(f"`{row.arm}` stopped before its last step ({why}).")
    return "  \n".join(lines)


def percent(error: Error | None, *, interval: bool = False) -> str:
    """CER in per cent, with its t-interval over seeds where asked for and known."""
    if error is None:
        return "-"
    text = f"{100 * error.cer:.1f}"
    return f"{text} {_interval(error.cer_interval, sign='')}" if interval and error.cer_interval else text


def _name(row: Row, table: Table) -> str:
    marks = {"reference": " (reference)", "start": " (before training)", "control": " (control)"}
    name = f"*{row.arm}*" if row.kind == "control" else row.arm
    odd = row.missing or any(len(error.cer_by_seed) < len(table.seeds) for error in row.errors.values())
    return f"{name}{marks.get(row.kind, '')}{' †' if odd else ''}"


def _tested(row: Row, reading: str) -> str:
    error = row.errors.get(reading)
    if error is None:
        return "- | - | - | -"
    return f"{percent(error, interval=True)} | {_change(error)} | {_points(error)} | {_p(error)}"


def _change(error: Error) -> str:
    if error.change is None:
        return "-"
    if error.identical:
        return "0"
    text = f"{100 * error.change:+.1f}"
    return f"{text} {_interval(error.change_interval)}" if error.change_interval else text


def _points(error: Error) -> str:
    if error.points is None or error.points_interval is None:
        return "-"
    return "0" if error.identical else f"{100 * error.points:+.1f} {_interval(error.points_interval)}"


def _p(error: Error) -> str:
    if error.test == BY_NATURE:
        return "identical"
    if error.p is None or error.holm is None:
        return "-"
    adjusted = p_text(error.holm)
    return f"{p_text(error.p)} ({f'**{adjusted}**' if error.holm < LEVEL else adjusted})"


def _interval(interval: Interval | None, sign: str = "+") -> str:
    if interval is None:
        return ""
    return f"[{100 * interval[0]:{sign}.1f}, {100 * interval[1]:{sign}.1f}]"


def _tests(table: Table) -> str:
    of = {(row.arm, r): row.errors[r].test for row in table.rows for r in (GREEDY, FUSED) if r in row.errors}
    used = Counter(test for test in of.values() if test in (T_TEST, SIGN_FLIPS))
    if not used:
        return "No p: no arm has a run beside its reference."
    tested = [row for row in table.rows if row.errors.get(GREEDY) is not None and row.errors[GREEDY].p is not None]
    words = {T_TEST: "paired t over seeds", SIGN_FLIPS: "paired sign flips over lines"}
    common = used.most_common(1)[0][0]
    text = f"p: {words[common]}; Holm over {len(tested)} arms and controls in each reading."
    if len(table.seeds) < SEEDS_FOR_T:
        text += " It knows the noise of lines, and nothing of how another run of the same arm would end."
    others = sorted({arm for (arm, _), test in of.items() if test in words and test != common})
    if others:
        other = next(test for test in words if test != common)
        text += f" For {', '.join(f'`{arm}`' for arm in others)} {words[other]} where p says nothing else."
    return text


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
