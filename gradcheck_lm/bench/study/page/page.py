"""The page of the experiments: what was run, what it gave, and what may be concluded, from the records alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gradcheck_lm.bench.study.page.figures import draw_study, group_text
from gradcheck_lm.bench.study.page.planned import Planned, not_run
from gradcheck_lm.bench.study.page.settings import settings_text
from gradcheck_lm.bench.study.page.table_text import error_table, footnotes, other_table, percent
from gradcheck_lm.bench.study.page.words import HOW_TO_READ, NOT_TO_CONCLUDE, ORDER, description, title
from gradcheck_lm.bench.study.statistics.records import READINGS
from gradcheck_lm.bench.study.statistics.statistics import LEVEL, Row, Table, make_tables
from gradcheck_lm.bench.study.statistics.verdict import FUSED, GREEDY, HIGHER, LOWER, Verdict, judge
from gradcheck_lm.errors import ArgumentError, DataError
from gradcheck_lm.files import write_text_atomic

PAGE, PICTURE, SUMMARY = "experiments.md", "experiments.png", "experiments.json"


def write_study(
    records: Sequence[Mapping[str, Any]],
    out: str | Path,
    *,
    notes: Mapping[str, str] | None = None,
    planned: Sequence[Planned] = (),
) -> Path:
    """Write experiments.md, experiments.png and experiments.json; gives the path of the page.

    The same records, in the same order, give the same page.

    Args:
        records: one mapping a run; arms stand in the tables in their order of first appearance.
        out: the folder to write into.
        notes: a paragraph by hand for a study, by the study's name.
        planned: all runs of the plans; what of them has no record is named.
    Raises:
        ArgumentError: a note for a study that there is not.
        DataError: no records, or records that contradict one another.
    """
    out, notes = Path(out), notes or {}
    if not records:
        raise DataError("there are no runs to report; run one: python -m gradcheck_lm.bench study run NAME --out DIR")
    tables = make_tables(records)
    studies = list(dict.fromkeys(table.study for table in tables))
    studies.sort(key=lambda study: ORDER.index(study) if study in ORDER else len(ORDER))
    unknown = [study for study in notes if study not in (*studies, *ORDER)]
    if unknown:
        raise ArgumentError(
            f"notes for {', '.join(unknown)}, but the studies are {', '.join(studies)}: name one of them"
        )
    tables.sort(key=lambda table: studies.index(table.study))
    verdicts = [judge(table) for table in tables]
    picture = draw_study(out / PICTURE, tables)
    summary = [_summary(table, verdict) for table, verdict in zip(tables, verdicts, strict=True)]
    write_text_atomic(out / SUMMARY, json.dumps({"tables": summary}, indent=1, allow_nan=False) + "\n")
    lines = _opening(tables, picture is not None) + _glance(tables, verdicts)
    lines += [HOW_TO_READ.rstrip(), _not_to_conclude(tables).rstrip()]
    for study in studies:
        mine = [(table, verdict) for table, verdict in zip(tables, verdicts, strict=True) if table.study == study]
        lines += ["", f"## {title(study)}", "", *description(study), "", *settings_text([table for table, _ in mine])]
        lines = lines if lines[-1] else lines[:-1]
        if study in notes:
            lines += ["", notes[study].strip()]
        for table, verdict in mine:
            lines += _section(table, verdict)
            lacking = not_run(table, planned)
            if lacking:
                lines += [*([""] if lines[-1] else []), lacking]
    return write_text_atomic(out / PAGE, "\n".join(lines).rstrip() + "\n")


def _opening(tables: Sequence[Table], picture: bool) -> list[str]:
    runs = [run for table in tables for run in table.runs]
    devices = ", ".join(dict.fromkeys(run.device for run in runs))
    torch = ", ".join(dict.fromkeys(run.torch for run in runs))
    lines = [
        "# The experiments",
        "",
        "Does a language model, as a loss in training, make a handwriting recogniser read better, and better than "
        "with a language model at decoding alone? Generated from the records of the runs; every verdict follows from "
        "their numbers.",
        "",
        f"{len(runs)} runs in {len(tables)} tables; {devices}; torch {torch}.",
        "",
        "    python -m gradcheck_lm.bench study run NAME --out DIR    # "
        + ", ".join(dict.fromkeys(t.study for t in tables)),
        "    python -m gradcheck_lm.bench study report DIR            # this page, its picture and its summary",
    ]
    if picture:
        lines += ["", f"![Relative change of held-out CER against the reference, an arm a row]({PICTURE})"]
    return lines


def _glance(tables: Sequence[Table], verdicts: Sequence[Verdict]) -> list[str]:
    lines = [
        "",
        "## At a glance",
        "",
        "Only arms whose change is shown (Holm p < .05 in their table). CER in % on held-out lines; `>` leads from the "
        "reference read greedily to the same recogniser fused with the 6-gram: the bar.",
        "",
        "| study | group | seeds | reference, greedy > fused | lower on top of fusion | lower greedily alone | harm "
        "| controls that lower CER |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for table, verdict in zip(tables, verdicts, strict=True):
        reference = table.row(table.reference)
        greedy, fused = (percent(None if reference is None else reference.errors.get(r)) for r in (GREEDY, FUSED))
        cells = [
            table.study.replace("_", " "),
            group_text(table.group),
            str(len(table.seeds)),
            f"{table.reference} {greedy} > {fused}",
            _changed(table, verdict, verdict.beyond_fusion, LOWER, (FUSED,)),
            _changed(table, verdict, verdict.greedy_only, LOWER, (GREEDY,)),
            _changed(table, verdict, verdict.harmful, HIGHER, (FUSED, GREEDY)),
            _changed(table, verdict, verdict.controls, LOWER, (FUSED, GREEDY)),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _changed(table: Table, verdict: Verdict, arms: Sequence[str], effect: str, readings: Sequence[str]) -> str:
    """Each arm with its change in the first of the readings in which the effect is shown."""
    cells = []
    for arm in arms:
        reading = next(reading for reading in readings if verdict.shown[arm][reading] == effect)
        row = table.row(arm)
        change = row.errors[reading].change if row is not None else None
        how = f" {reading.split('/')[1]}" if len(readings) > 1 else ""
        cells.append(arm if change is None else f"{arm}{how} {100 * change:+.1f} %")
    return "; ".join(cells) or "none"


def _not_to_conclude(tables: Sequence[Table]) -> str:
    counts = sorted({len(table.seeds) for table in tables})
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    tested = [
        any(reading in row.errors and row.errors[reading].p is not None for row in table.rows)
        for table in tables
        for reading in (GREEDY, FUSED)
    ]
    families = sum(tested)
    return NOT_TO_CONCLUDE.format(
        seeds=seeds, families=families, expected=f"{LEVEL * families:.2g}", level=f"{LEVEL:g}"
    )


def _section(table: Table, verdict: Verdict) -> list[str]:
    seeds = ", ".join(map(str, table.seeds))
    parts = [f"{count} {part.replace('_', '-')} lines" for part, count in sorted(table.lines.items(), reverse=True)]
    shared = "the same lines for every seed" if table.same_lines else "other lines for every seed"
    where = f"; {shared}" if len(table.seeds) > 1 else ""
    lines = [
        "",
        f"### {group_text(table.group)[:1].upper()}{group_text(table.group)[1:]}",
        "",
        f"Held against `{table.reference}`. Seed{'s' if len(table.seeds) > 1 else ''} {seeds}; {', '.join(parts)} a "
        f"seed{where}. {_fusion(table)}",
        "",
        *error_table(table),
        "",
        footnotes(table),
        "",
        *other_table(table),
        "",
        f"**Verdict.** {verdict.headline}",
        "",
        *(f"- {sentence}" for sentence in verdict.sentences),
    ]
    return lines


def _fusion(table: Table) -> str:
    row = table.row(table.reference)
    if row is None:
        return f"The reference `{table.reference}` has not run: nothing can be compared."
    greedy, fused = row.errors.get(GREEDY), row.errors.get(FUSED)
    if greedy is None or fused is None or not greedy.cer:
        return "Decode-time fusion was not measured for the reference."
    change = 100 * (fused.cer / greedy.cer - 1)
    return (
        f"Decode-time fusion alone takes the reference from {percent(greedy)} to {percent(fused)} % ({change:+.1f} %): "
        "the bar to beat."
    )


def _summary(table: Table, verdict: Verdict) -> dict[str, Any]:
    return {
        "study": table.study,
        "group": dict(table.group),
        "reference": table.reference,
        "seeds": list(table.seeds),
        "same_lines": table.same_lines,
        "lines": dict(table.lines),
        "verdict": {"headline": verdict.headline, "sentences": list(verdict.sentences)},
        "rows": [_row_summary(row) for row in table.rows],
    }


def _row_summary(row: Row) -> dict[str, Any]:
    return {
        "arm": row.arm,
        "kind": row.kind,
        "family": row.family,
        "seeds": list(row.seeds),
        "missing": list(row.missing),
        "stopped": {str(seed): why for seed, why in row.stopped.items()},
        "errors": {reading: vars(row.errors[reading]) for reading in READINGS if reading in row.errors},
        "figures": dict(row.figures),
    }
