"""From records to rows: each arm against its reference, with intervals, p and Holm's adjustment."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradcheck_lm.bench.study.statistics.records import FIGURES, READINGS, START, Group, Run, group_records
from gradcheck_lm.bench.study.statistics.significance import (
    holm,
    paired_t_test,
    pooled_change,
    same_lines,
    sign_flip_test,
    strata,
)
from gradcheck_lm.lab.measuring.metrics import LineErrors, t_interval

LEVEL = 0.05
"""An adjusted p below this counts."""
SEEDS_FOR_T = 3
"""From so many seeds on, p is of a t-test over seeds; with fewer, of sign flips over lines."""
BROKEN = "argmax"
"""The penalty without a gradient: where it reads as its reference does, it is no hypothesis to be tested."""
T_TEST, SIGN_FLIPS, BY_NATURE = "paired t", "sign flips", "none: bit-identical by nature"

Interval = tuple[float, float]


@dataclass(frozen=True)
class Error:
    """CER of an arm in one reading, and against its reference. Fractions, not per cent; None: not to be had.

    `seeds` are those that were compared; `change` is relative, the mean over seeds; `points` is the difference of CER
    pooled over lines, whose intervals are by bootstrap; `change_over_lines` is the bootstrap's, relative. `identical`
    when every line of those seeds has as many edits as the reference has.
    """

    cer: float
    cer_interval: Interval | None
    cer_by_seed: Mapping[int, float]
    seeds: Sequence[int] = ()
    change: float | None = None
    change_interval: Interval | None = None
    points: float | None = None
    points_interval: Interval | None = None
    change_over_lines: Interval | None = None
    p: float | None = None
    test: str | None = None
    holm: float | None = None
    identical: bool = False


@dataclass(frozen=True)
class Row:
    """An arm in its table. `kind` is 'reference', 'start', 'arm', 'control' or 'oracle'; `missing`: seeds not run.

    `against` is the arm's own control, and `matched` the comparison with it, whose p is not adjusted; empty where that
    control has not run.
    """

    arm: str
    kind: str
    family: str
    seeds: Sequence[int]
    missing: Sequence[int]
    stopped: Mapping[int, str]
    errors: Mapping[str, Error]
    figures: Mapping[str, float | None]
    against: str | None = None
    matched: Mapping[str, Error] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One study and group; `same_lines` when all seeds read the same lines, `lines` the number a seed by part."""

    study: str
    group: Mapping[str, Any]
    reference: str
    seeds: Sequence[int]
    same_lines: bool
    lines: Mapping[str, int]
    rows: Sequence[Row]
    runs: Sequence[Run]

    def row(self, arm: str) -> Row | None:
        """The row of an arm, if it has run."""
        return next((row for row in self.rows if row.arm == arm), None)


def make_tables(records: Iterable[Mapping[str, Any]]) -> list[Table]:
    """A table for each study and group.

    Holm's adjustment is over the arms and controls of one table in one reading. The reference, the recogniser before
    any training and an argmax arm that reads as its reference does are no hypotheses and do not count.

    Args:
        records: the runs, one mapping each, in any order; the order of first appearance is that of the rows.
    Raises:
        DataError: records that contradict one another; see `records.group_records`.
    """
    return [_table(group) for group in group_records(records)]


def _table(group: Group) -> Table:
    rows = [_row(group, arm) for arm in group.arms]
    for reading in READINGS:
        rows = _adjusted(rows, reading)
    parts: dict[str, int] = {}
    for run in group.runs:
        for reading, errors in run.readings.items():
            parts[reading.split("/")[0]] = len(errors.lengths)
    firsts = {run.seed: run for run in group.runs if READINGS[0] in run.readings}
    shared = same_lines([(run.readings[READINGS[0]],) * 2 for run in firsts.values()])
    return Table(group.study, group.group, group.reference, group.seeds, shared, parts, rows, group.runs)


def _row(group: Group, arm: str) -> Row:
    runs = group.of(arm)
    first = next(iter(runs.values()))
    roles = {START: "start"} | {group.reference: "reference"}
    kind = roles.get(arm, first.kind)
    penalty = first.settings.get("penalty")
    family = penalty if penalty and kind == "arm" else arm
    errors, matched = {}, {}
    against = first.against if first.against in group.arms else None
    for reading in READINGS:
        found = group.readings(arm, reading)
        if found and against:
            matched[reading] = compare(group.readings(against, reading), found)
        if found:
            reference = {} if kind == "reference" else group.readings(group.reference, reading)
            errors[reading] = compare(reference, found, tested=kind in ("arm", "control"), broken=penalty == BROKEN)
    return Row(
        arm=arm,
        kind=kind,
        family=family,
        seeds=sorted(runs),
        missing=[seed for seed in group.seeds if seed not in runs],
        stopped={seed: run.stopped for seed, run in sorted(runs.items()) if run.stopped},
        errors=errors,
        figures={name: _over_seeds(name, runs.values()) for name in FIGURES},
        against=first.against if kind == "arm" else None,
        matched=matched,
    )


def compare(
    reference: Mapping[int, LineErrors], arm: Mapping[int, LineErrors], *, tested: bool = True, broken: bool = False
) -> Error:
    """One reading of an arm against the same reading of its reference, over the seeds that both have.

    Args:
        reference: errors by seed; empty for the reference itself.
        arm: errors by seed.
        tested: whether a p is wanted.
        broken: whether the arm is identical by nature; it then gets no p if it is identical in fact.
    """
    rates = {seed: arm[seed].rate for seed in sorted(arm)}
    interval = t_interval(list(rates.values())) if len(rates) > 1 else None
    alone = Error(statistics.fmean(rates.values()), interval, rates)
    seeds = [seed for seed in rates if seed in reference]
    if not seeds:
        return alone
    pairs = [(reference[seed], arm[seed]) for seed in seeds]
    lines = strata(pairs)
    pooled = pooled_change(lines)
    changes = [(after.rate - before.rate) / before.rate for before, after in pairs if before.edits.any()]
    whole = len(changes) == len(pairs)  # a reference without mistakes has no relative change
    identical = all((before.edits == after.edits).all() for before, after in pairs)
    p, test = None, None
    if tested and broken and identical:
        test = BY_NATURE
    elif tested:
        p = paired_t_test([after.rate - before.rate for before, after in pairs]) if len(pairs) >= SEEDS_FOR_T else None
        test = SIGN_FLIPS if p is None else T_TEST
        p = sign_flip_test(lines) if p is None else p
    return dataclasses.replace(
        alone,
        seeds=seeds,
        change=statistics.fmean(changes) if whole else None,
        change_interval=t_interval(changes) if whole and len(changes) > 1 else None,
        points=pooled.points,
        points_interval=pooled.points_interval,
        change_over_lines=pooled.relative_interval,
        p=p,
        test=test,
        identical=identical,
    )


def _adjusted(rows: Sequence[Row], reading: str) -> list[Row]:
    tested = [row.errors[reading].p for row in rows if reading in row.errors]
    adjusted = iter(holm([p for p in tested if p is not None]))
    done = []
    for row in rows:
        error = row.errors.get(reading)
        if error is not None and error.p is not None:
            errors = {**row.errors, reading: dataclasses.replace(error, holm=next(adjusted))}
            row = dataclasses.replace(row, errors=errors)
        done.append(row)
    return done


def _over_seeds(name: str, runs: Iterable[Run]) -> float | None:
    values = [run.figures[name] for run in runs]
    known = [value for value in values if value is not None]
    if not known:
        return None
    # one slow moment of a shared machine must not count for all seeds; memory is what the machine must have
    if name == "seconds_per_step":
        return statistics.median(known)
    return max(known) if name == "peak_memory_mb" else statistics.fmean(known)
