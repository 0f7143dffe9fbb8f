"""`compare`: the main job."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from gradcheck_lm.commands.common import note, quiet_libraries, show_json
from gradcheck_lm.lab.config import ComparisonConfig
from gradcheck_lm.options import Option

_JOBS = "Arms at a time"


def compare(
    out: Annotated[
        Path, Option("Folder for summary.json, graphs, metrics, curves and report.html.", metavar="DIR")
    ] = Path("runs/compare"),
    config: ComparisonConfig = ComparisonConfig(),
    steps: Annotated[int | None, Option("Steps of both experiments; by default each has its own.", least=1)] = None,
    jobs: Annotated[int, Option("Arms trained at a time, each in a process of its own.", least=1, panel=_JOBS)] = 1,
    launcher: Annotated[
        str,
        Option(
            "Where they run: on this machine, or on a cluster through submitit.",
            choices=("processes", "slurm", "local", "debug"),
            panel=_JOBS,
        ),
    ] = "processes",
    launcher_option: Annotated[
        tuple[str, ...],
        Option(
            "submitit's own: timeout_min=240, slurm_partition=gpu, ... Repeatable.", panel=_JOBS, metavar="NAME=VALUE"
        ),
    ] = (),
    json_output: Annotated[bool, Option("Print summary.json instead of tables.", name="json", switch=True)] = False,
) -> None:
    """The broken penalty, the line that cuts it, and the fixed ones learning, side by side.

    Two experiments: with labels (CTC plus the penalty, as in the story), and a new hand without labels, where the
    language model is the only teacher. Interrupt it and call it again with the same options: it goes on.
    """
    quiet_libraries()
    from gradcheck_lm.draw.terminal.terminal import progress
    from gradcheck_lm.lab.comparing.compare import compare as run_comparison
    from gradcheck_lm.lab.comparing.compare import pick_arms
    from gradcheck_lm.lab.comparing.job import jobs_of
    from gradcheck_lm.lab.comparing.report import write_report

    config = dataclasses.replace(config, label_batch_size=config.batch_size)
    if steps is not None:
        config = dataclasses.replace(config, steps=steps, label_steps=steps)
    chosen = pick_arms(config)
    if jobs > 1 or launcher != "processes":
        launch(jobs_of(config, out), at_once=jobs, launcher=launcher, options=launcher_option, folder=out / "jobs")
    total = config.label_steps * len(chosen["with_labels"]) + config.steps * (len(chosen["new_hand"]) - 1)
    with progress("comparing", total) as tick:

        def step(experiment: str, arm: str, record: dict[str, Any]) -> None:
            tick(message=f"{experiment} {arm} step {record['step']}")

        found = run_comparison(config, out, progress=note, step=step)
    note("writing the report")
    report = write_report(found)
    if json_output:
        show_json(found.summary)
        return
    show(found)
    typer.echo(str(report))


def launch(jobs: list[Any], *, at_once: int, launcher: str, options: Sequence[str], folder: Path) -> None:
    """Train the arms at once; the comparison then finds them done."""
    from gradcheck_lm.errors import ArgumentError
    from gradcheck_lm.lab.comparing.jobs import run_jobs, submit_jobs

    if launcher == "processes":
        if options:
            raise ArgumentError("--launcher-option is for submitit: give --launcher slurm as well")
        run_jobs(jobs, at_once=at_once, folder=folder, progress=note)
        return
    chosen: dict[str, Any] = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise ArgumentError(f"--launcher-option is {option!r}; give NAME=VALUE, such as timeout_min=240")
        chosen[name] = int(value) if value.isdigit() else value
    submit_jobs(jobs, cluster=launcher, at_once=at_once, folder=folder, options=chosen, progress=note)


def show(found: Any) -> None:
    """The verdict, the chain of cuts, and a table an experiment."""
    from gradcheck_lm.draw.terminal.terminal import console, print_diagnosis, table
    from gradcheck_lm.lab.comparing.report import short_rows
    from gradcheck_lm.lab.comparing.sentences import experiments_of, helped

    out = console()
    out.print()
    out.print(found.verdict, style="bold")
    out.print(helped(found))
    if "argmax" in found.diagnoses:
        print_diagnosis(found.diagnoses["argmax"], console=out)
    for experiment, (title, *_) in experiments_of(found.config).items():
        columns, rows = short_rows(found.summary[experiment]["arms"], experiment)
        out.print()
        out.print(table(title, columns, rows))
        if experiment == "with_labels":
            out.print(found.summary["same_bits"]["words"])
