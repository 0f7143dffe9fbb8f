"""`python -m gradcheck_lm.bench NAME`: one benchmark, or the pages and pictures that are made from real runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradcheck_lm.bench.study.commands import app as study
from gradcheck_lm.commands.common import friendly, note, quiet_libraries

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(study, name="study")


@app.command()
@friendly
def gpu(
    out: Annotated[Path, typer.Option(help="Folder for gpu.json, gpu.md and report.html; a later call goes on there.")],
    minutes: Annotated[float, typer.Option(help="Time for this call.")] = 9.0,
    stages: Annotated[
        str, typer.Option(help="Of calibrate, train, labels, hand, report, speed, tests; with commas. Default: all.")
    ] = "",
    recogniser: Annotated[
        str | None, typer.Option(help="A checkpoint to begin the experiments with, instead of training one.")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Folder for weights and states; default: OUT/state.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure once more what was measured.")] = False,
    device: Annotated[str, typer.Option(help="'cuda'; 'cpu' only to try the benchmark itself.")] = "cuda",
    lm: Annotated[str, typer.Option(help="Language model: 'smollm2', 'char', a folder or a .gguf file.")] = "smollm2",
    reference: Annotated[
        Path | None, typer.Option(help="As --reference of train: a checkout of georgeretsi/HTR-best-practices.")
    ] = None,
) -> None:
    """Everything that needs a GPU, in stages, inside the time given; called again it goes on."""
    quiet_libraries()
    from gradcheck_lm.bench.gpu.run import run_gpu

    wanted = [name.strip() for name in stages.split(",") if name.strip()]
    typer.echo(
        str(
            run_gpu(
                out, minutes=minutes, device=device, lm=lm, stages=wanted, recogniser=recogniser, state=state,
                again=again, reference=reference, progress=note,
            )
        )
    )  # fmt: skip


@app.command()
@friendly
def peers(
    out: Annotated[Path, typer.Option(help="Folder for peers.json and peers.md.")] = Path("docs/results"),
    again: Annotated[str, typer.Option(help="'all': measure anew; 'ours': this debugger alone.")] = "",
) -> None:
    """Programs after other debuggers' public cases, under this one and under those; the page of what each sees."""
    from gradcheck_lm.bench.peers.peers import run_peers

    for path in run_peers(out, again=again, progress=note):
        typer.echo(str(path))


@app.command()
@friendly
def figures(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("docs/figures"),
) -> None:
    """Every picture of README and docs, drawn anew from real runs."""
    quiet_libraries()
    from gradcheck_lm.bench.pages.figures import draw_figures

    for path in draw_figures(out, progress=note):
        typer.echo(str(path))


@app.command()
@friendly
def docs(
    out: Annotated[Path, typer.Option(help="The folder docs/.")] = Path("docs"),
    lessons: Annotated[bool, typer.Option(help="The lessons' pages too: runs every lesson once.")] = True,
    lesson: Annotated[list[str] | None, typer.Option(help="Of the lessons only this one; may be repeated.")] = None,
) -> None:
    """The generated pages of docs: findings.md, architecture.md, and a page a lesson in both languages."""
    quiet_libraries()
    from gradcheck_lm.bench.pages.docs import write_docs
    from gradcheck_lm.bench.pages.lesson_pages import write_lesson_pages, write_navigation

    written = write_docs(out)
    if lessons:
        written += write_lesson_pages(out / "lessons", names=lesson or (), progress=note)
        written.append(write_navigation(out / "zensical.toml"))
    for path in written:
        typer.echo(str(path))


@app.command()
@friendly
def trace(
    out: Annotated[Path, typer.Option(help="Folder for trace.json and trace.md.")] = Path("docs/results"),
    rounds: Annotated[int, typer.Option(help="At most so many runs of each condition.")] = 40,
    seconds: Annotated[float, typer.Option(help="At most so long for each of the two sizes.")] = 240.0,
) -> None:
    """What the recorder and its rivals cost a training step, interleaved in one run."""
    quiet_libraries()
    from gradcheck_lm.bench.trace.trace import run_trace

    typer.echo(str(run_trace(out, rounds=rounds, seconds=seconds, progress=note)))


@app.command()
@friendly
def train(
    out: Annotated[Path, typer.Option(help="Folder for train.json and train.md.")] = Path("docs/results"),
    reference: Annotated[
        Path | None,
        typer.Option(help="A checkout of georgeretsi/HTR-best-practices, whose code is run; without it only ours is."),
    ] = None,
    device: Annotated[str, typer.Option(help="'cpu' or 'cuda'.")] = "cpu",
    repeats: Annotated[int, typer.Option(help="Interleaved repeats of each step.", min=2)] = 5,
    only: Annotated[
        str, typer.Option(help="Stages, separated by commas; the others stay as they are in the folder.")
    ] = "reference,flops,options,buckets,data",
) -> None:
    """Lines a second of a training step, against the reference implementation, the device, and with each option."""
    quiet_libraries()
    from gradcheck_lm.bench.train import run_train

    names = tuple(name.strip() for name in only.split(",") if name.strip())
    page = run_train(out, reference=reference, device=device, repeats=repeats, only=names, progress=note)
    typer.echo(str(page))


@app.command(name="char-lines")
@friendly
def char_lines(
    lm: Annotated[str, typer.Option(help="Language model: 'char', 'smollm2', a folder or a .gguf file.")] = "char",
    text: Annotated[
        list[str] | None,
        typer.Option(help="A text source or file; may be repeated. Default: the three of the package."),
    ] = None,
) -> None:
    """Nats per character of a language model on held-out and on trained text, by source and length."""
    quiet_libraries()
    from gradcheck_lm.bench.char_lines import measure

    typer.echo(measure(lm, *([text] if text else [])))


@app.command()
@friendly
def opening(
    out: Annotated[Path, typer.Option(help="Folder for opening.json and opening.md.")] = Path("docs/results"),
) -> None:
    """What it costs to open data sets of growing size: time and memory a line."""
    quiet_libraries()
    from gradcheck_lm.bench.opening import run_opening

    typer.echo(str(run_opening(out, progress=note)))


@app.command()
@friendly
def scale(
    out: Annotated[Path, typer.Option(help="Folder for scale.json, scale.md and scale.png.")] = Path("docs/results"),
    only: Annotated[
        str,
        typer.Option(help="Only these axes, separated by commas; scale.json keeps the others. A wrong name lists all."),
    ] = "",
    device: Annotated[str, typer.Option(help="'cpu' or 'cuda', for the training steps.")] = "cpu",
) -> None:
    """Time and peak memory over lines, width, samples and language-model size, each point in a fresh process."""
    quiet_libraries()
    from gradcheck_lm.bench.scale.scale import run_scale

    names = [name.strip() for name in only.split(",") if name.strip()]
    typer.echo(str(run_scale(out, only=names, device=device, progress=note)))


@app.command()
@friendly
def seeds(
    out: Annotated[Path, typer.Option(help="Folder for one comparison a seed, and seeds.json and seeds.md.")],
    count: Annotated[int, typer.Option(help="How many seeds, from 0.")] = 3,
    hand: Annotated[str, typer.Option(help="The new hand.")] = "shadows-into-light",
    arms: Annotated[str, typer.Option(help="Arms, separated by commas.")] = (
        "argmax,soft_embedding,gumbel_softmax,policy_gradient"
    ),
    steps: Annotated[int, typer.Option(help="Steps of the new hand.")] = 40,
    samples: Annotated[int, typer.Option(help="Strings a line that policy_gradient draws.")] = 8,
    jobs: Annotated[int, typer.Option(help="Arms trained at a time, each in a process of its own.")] = 1,
) -> None:
    """The comparison over several seeds, with means and t-intervals."""
    quiet_libraries()
    from gradcheck_lm.bench.seeds import run_seeds

    names = tuple(name.strip() for name in arms.split(",") if name.strip())
    page = run_seeds(out, count=count, hand=hand, arms=names, steps=steps, samples=samples, jobs=jobs, progress=note)
    typer.echo(str(page))


@app.command()
@friendly
def estimators(
    out: Annotated[Path, typer.Option(help="The folder docs/.")] = Path("docs"),
    problems: Annotated[int, typer.Option(help="Random problems in each table.", min=2)] = 12,
    draws: Annotated[int, typer.Option(help="Draws of each random estimator for each problem.", min=10)] = 4000,
) -> None:
    """Every penalty's gradient against the exact one, by enumeration: docs/estimators.md."""
    quiet_libraries()
    from gradcheck_lm.bench.penalties.estimators import write_estimators

    typer.echo(str(write_estimators(out, problems=problems, draws=draws, progress=note)))


@app.command()
@friendly
def penalties(
    out: Annotated[Path, typer.Option(help="Folder for penalties.json, penalties.md and penalties.png.")],
    lms: Annotated[str, typer.Option(help="Language models to score with, separated by commas.")] = "char,smollm2",
    repeats: Annotated[int, typer.Option(help="Interleaved repeats of each measurement.", min=3)] = 9,
    device: Annotated[str, typer.Option(help="'cpu' or 'cuda'.")] = "cpu",
    curves: Annotated[bool, typer.Option(help="Also measure how time and memory grow with N, T, C, K and L.")] = True,
) -> None:
    """Speeds: batched scoring and decoding against the story's loops, each penalty's step against CTC alone."""
    quiet_libraries()
    from gradcheck_lm.bench.penalties.penalties import run_penalties

    names = tuple(name.strip() for name in lms.split(",") if name.strip())
    typer.echo(str(run_penalties(out, lms=names, repeats=repeats, device=device, curves=curves, progress=note)))


@app.command()
@friendly
def pictures(
    out: Annotated[Path, typer.Option(help="Folder for pictures.json and pictures.md.")] = Path("docs/results"),
    repeats: Annotated[int, typer.Option(help="Runs of each of our pictures.", min=1)] = 5,
    limit: Annotated[float, typer.Option(help="Seconds that the layout of torchviz's picture may take.")] = 600.0,
) -> None:
    """What a picture of up to 5,000 operations costs, against torchviz and dot."""
    quiet_libraries()
    from gradcheck_lm.bench.pictures import run_pictures

    typer.echo(str(run_pictures(out, repeats=repeats, limit=limit, progress=note)))


@app.command()
@friendly
def mutants(
    out: Annotated[Path, typer.Option(help="Folder for mutants.json and mutants.md.")] = Path("docs/results"),
    count: Annotated[int, typer.Option(help="One-line faults in all.", min=1)] = 60,
    seed: Annotated[int, typer.Option(help="By which they are drawn.")] = 0,
    minutes: Annotated[float, typer.Option(help="Time for the whole; what is not begun by then is left out.")] = 60.0,
    limit: Annotated[float, typer.Option(help="Seconds of tests for one fault.")] = 120.0,
    baseline: Annotated[bool, typer.Option(help="First see all tests pass without a fault.")] = True,
) -> None:
    """Whether the debugger's tests see faults in it: its lines changed one at a time."""
    quiet_libraries()
    from gradcheck_lm.bench.mutants.mutants import run_mutants

    typer.echo(
        str(run_mutants(out, count=count, seed=seed, minutes=minutes, limit=limit, baseline=baseline, progress=note))
    )


if __name__ == "__main__":
    app()
