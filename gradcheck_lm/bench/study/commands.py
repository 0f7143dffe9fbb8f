"""`python -m gradcheck_lm.bench study`: run a study, and write the page over all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradcheck_lm.commands.common import friendly, note, quiet_libraries

app = typer.Typer(no_args_is_help=True, help="The experiments: their runs, and the page over all of them.")


@app.command()
@friendly
def run(
    name: Annotated[
        str, typer.Argument(help="'new_hand', 'labels', 'weights', 'language_models', 'real' or 'pupils'.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the records; call again to go on.")],
    seeds: Annotated[
        int | None, typer.Option(help="How many seeds, from 0; by default the study's own.", min=1)
    ] = None,
    jobs: Annotated[int, typer.Option(help="Runs at a time, each on one thread.", min=1)] = 1,
    lines: Annotated[
        Path | None, typer.Option(help="Of 'real' and 'pupils': folder with labelled lines of one hand.")
    ] = None,
    others: Annotated[
        Path | None, typer.Option(help="Of 'real' and 'pupils': lines of other pages, to evaluate on.")
    ] = None,
    arms: Annotated[
        list[str] | None,
        typer.Option("--arm", help="Only this arm, control or oracle. Repeatable.", show_default=False),
    ] = None,
) -> None:
    """All runs of a study that have no record yet."""
    quiet_libraries()
    from gradcheck_lm.bench.study.running.plan import of_arms, plan
    from gradcheck_lm.bench.study.running.pupils import Writer, plan_pupils
    from gradcheck_lm.bench.study.running.pupils_run import PupilsRun
    from gradcheck_lm.bench.study.running.real import Hand, plan_real
    from gradcheck_lm.bench.study.running.real_run import RealRun
    from gradcheck_lm.bench.study.running.synthetic import run as run_one
    from gradcheck_lm.bench.study.running.work import work

    if name == "pupils":
        writer = Writer(str(lines or ""), str(others or ""), str(out))
        writer.check()
        failed = work(of_arms(plan_pupils(seeds or 3), arms), out, PupilsRun(writer), jobs=jobs, progress=note)
    elif name == "real":
        hand = Hand(str(lines or ""), str(others or ""), str(out))
        hand.prepare(progress=note)
        failed = work(of_arms(plan_real(seeds or 1), arms), out, RealRun(hand), jobs=jobs, progress=note)
    else:
        failed = work(of_arms(plan(name, seeds), arms), out, run_one, jobs=jobs, progress=note)
    if failed:
        raise typer.Exit(1)


@app.command()
@friendly
def check(
    records: Annotated[Path, typer.Argument(help="A folder that `run` wrote to, or one with STUDY.jsonl files.")],
    summary: Annotated[Path, typer.Option(help="The experiments.json to hold against them.")] = Path(
        "docs/results/experiments.json"
    ),
) -> None:
    """Work the page's figures out again from the raw records, by other code; exit code 1 where any differs."""
    from gradcheck_lm.bench.study.running.work import read_records
    from gradcheck_lm.bench.study.statistics.check import check as work_out

    counted, faults = work_out(read_records(records), summary)
    for fault in faults:
        typer.echo(fault)
    typer.echo(f"{counted} figures worked out again, {len(faults)} differ")
    if faults:
        raise typer.Exit(1)


@app.command()
@friendly
def report(
    records: Annotated[Path, typer.Argument(help="A folder that `run` wrote to, or one with STUDY.jsonl files.")],
    out: Annotated[Path, typer.Option(help="Folder for experiments.md, its figure and its summary.")] = Path(
        "docs/results"
    ),
    keep: Annotated[bool, typer.Option(help="Keep the records as OUT/experiments/STUDY.jsonl.")] = False,
) -> None:
    """The page over all records."""
    quiet_libraries()
    from gradcheck_lm.bench.study.page.notes import NOTES
    from gradcheck_lm.bench.study.page.page import write_study
    from gradcheck_lm.bench.study.running.order import everything, in_order
    from gradcheck_lm.bench.study.running.work import pack, read_records

    if keep:
        for path in pack(records, out / "experiments"):
            typer.echo(str(path))
    typer.echo(str(write_study(in_order(read_records(records)), out, notes=NOTES, planned=everything())))
