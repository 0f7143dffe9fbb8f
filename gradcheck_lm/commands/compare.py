"""`compare`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gradcheck_lm.commands.common import note, quiet_libraries, show_json


def compare(
    out: Annotated[Path, typer.Option(help="Folder for summary.json, graphs, metrics, curves and report.html.")] = Path(
        "runs/compare"
    ),
    recogniser: Annotated[
        str, typer.Option(help="'synthetic' (the one that ships), a checkpoint, or 'full' or 'small' with new weights.")
    ] = "synthetic",
    lm: Annotated[
        str, typer.Option(help="'smollm2', 'gpt2', 'char', 'ngram', or a folder with a causal LM or an n-gram.")
    ] = "smollm2",
    arms: Annotated[
        str,
        typer.Option(help="Arms, separated by commas; 'ctc', its second run and 'batchnorm_only' are always there."),
    ] = "ctc,argmax,soft_embedding,gumbel_softmax,policy_gradient",
    steps: Annotated[int | None, typer.Option(help="Steps of both experiments; by default each has its own.")] = None,
    batch_size: Annotated[int, typer.Option(help="Lines in a step.")] = 16,
    samples: Annotated[int, typer.Option(help="Strings a line that policy_gradient draws on the new hand.")] = 8,
    adapt_lines: Annotated[int, typer.Option(help="Lines of the new hand to adapt on, without labels.")] = 256,
    evaluation_lines: Annotated[int, typer.Option(help="Other lines, to evaluate on.")] = 144,
    hand: Annotated[
        str, typer.Option(help="The new hand: a font kept out of training, or a .ttf or .otf file of yours.")
    ] = "shadows-into-light",
    texts: Annotated[str, typer.Option(help="What the lines say: 'stdlib', 'bible', or a text file.")] = "stdlib",
    seed: Annotated[int, typer.Option(help="Seed of lines, order and samples.")] = 0,
    device: Annotated[str | None, typer.Option(help="'cpu' or 'cuda'; by default the best there is.")] = None,
    mixed_precision: Annotated[str, typer.Option(help="'no', 'bf16' or 'fp16'.")] = "no",
    deterministic: Annotated[
        bool, typer.Option(help="Algorithms that give the same bits each time; only a GPU has others.")
    ] = True,
    jobs: Annotated[int, typer.Option(help="Arms trained at a time, each in a process of its own.")] = 1,
    launcher: Annotated[
        str, typer.Option(help="Where they run: 'processes' on this machine, or 'slurm' through submitit.")
    ] = "processes",
    launcher_option: Annotated[
        list[str] | None,
        typer.Option(help="submitit's own, NAME=VALUE: timeout_min=240, slurm_partition=gpu, ... Repeatable."),
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print summary.json instead of tables.")] = False,
) -> None:
    """The broken penalty, the line that cuts it, and the fixed ones learning, side by side.

    Two experiments: with labels (CTC plus the penalty, as in the story), and a new hand without labels, where the
    language model is the only teacher. Interrupt it and call it again with the same options: it goes on.
    """
    quiet_libraries()
    import dataclasses

    from gradcheck_lm.draw.terminal import progress
    from gradcheck_lm.lab.comparing.compare import compare as run_comparison
    from gradcheck_lm.lab.comparing.compare import pick_arms
    from gradcheck_lm.lab.comparing.job import jobs_of
    from gradcheck_lm.lab.comparing.report import write_report
    from gradcheck_lm.lab.config import ComparisonConfig

    config = ComparisonConfig(
        recogniser=recogniser,
        language_model=lm,
        arms=tuple(name.strip() for name in arms.split(",") if name.strip()),
        batch_size=batch_size,
        label_batch_size=batch_size,
        samples=samples,
        adapt_lines=adapt_lines,
        evaluation_lines=evaluation_lines,
        hand=hand,
        texts=texts,
        seed=seed,
        device=device,
        mixed_precision=mixed_precision,
        deterministic=deterministic,
    )
    if steps is not None:
        config = dataclasses.replace(config, steps=steps, label_steps=steps)
    chosen = pick_arms(config)
    if jobs > 1 or launcher != "processes":
        launch(
            jobs_of(config, out), at_once=jobs, launcher=launcher, options=launcher_option or [], folder=out / "jobs"
        )
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


def launch(jobs: list[Any], *, at_once: int, launcher: str, options: list[str], folder: Path) -> None:
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
    from gradcheck_lm.draw.terminal import console, print_diagnosis, table
    from gradcheck_lm.lab.comparing.report import EXPERIMENTS, short_rows

    out = console()
    out.print()
    out.print(found.verdict, style="bold")
    if "argmax" in found.diagnoses:
        print_diagnosis(found.diagnoses["argmax"], console=out)
    for experiment, (title, *_) in EXPERIMENTS.items():
        columns, rows = short_rows(found.summary[experiment]["arms"], experiment)
        out.print()
        out.print(table(title, columns, rows))
        if experiment == "with_labels":
            out.print(found.summary["same_bits"]["words"])
