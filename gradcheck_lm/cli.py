"""The command line: one command a job, thin over the packages below."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from gradcheck_lm import __version__
from gradcheck_lm.commands.common import friendly
from gradcheck_lm.commands.course import lessons as course
from gradcheck_lm.commands.course import museum
from gradcheck_lm.commands.course.japanese import CourseCommand, CourseGroup
from gradcheck_lm.commands.course.refusals import course_errors
from gradcheck_lm.commands.debugger.explain import explain
from gradcheck_lm.commands.debugger.run import run
from gradcheck_lm.commands.doctor import doctor
from gradcheck_lm.commands.help import CommandHelp, GroupHelp
from gradcheck_lm.commands.lab.adapt import adapt
from gradcheck_lm.commands.lab.compare import compare
from gradcheck_lm.commands.lab.ngram import train_ngram
from gradcheck_lm.commands.lab.quality import quality
from gradcheck_lm.commands.lab.read import evaluate, lm_table, mistakes, transcribe
from gradcheck_lm.commands.lab.train import train, train_lm
from gradcheck_lm.commands.options import takes_settings

app = typer.Typer(
    name="gradcheck-lm",
    cls=GroupHelp,
    help="Why does this gradient not arrive, on which line, and what do I use instead?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

if os.environ.get("NO_COLOR"):  # typer's boxes around a wrong option would stay bold and dim
    with contextlib.suppress(ImportError):
        import typer.rich_utils

        typer.rich_utils.COLOR_SYSTEM = None

DEBUGGER, LABORATORY, COURSE, SETUP = "The debugger", "The laboratory", "The course", "Setting up"
# a script's own options must reach the script untouched
SCRIPT = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}


def add(
    command: Callable[..., Any], panel: str, *examples: str, name: str = "", to: typer.Typer = app, **settings: Any
) -> None:
    """Make a function a command: its docstring is the help, and the examples stand below it."""
    shown = _help(command, examples)
    to.command(name or command.__name__, rich_help_panel=panel, **{"cls": CommandHelp, **shown, **settings})(
        friendly(takes_settings(command))
    )


def _help(command: Callable[..., Any], examples: Sequence[str]) -> dict[str, Any]:
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return {
        "help": "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs),  # wrapped by the terminal's width
        "epilog": "\n\n".join(["For example:", *(f"gradcheck-lm {example}" for example in examples)]),
    }


add(
    run, DEBUGGER, "run train.py --epochs 1", "run --graph flow.svg --json flow.json train.py",
    "run -m my.package.train", context_settings=SCRIPT,
)  # fmt: skip
add(explain, DEBUGGER, "explain GF101", "explain left_torch --lang ja", "explain --json")
add(
    compare, LABORATORY, "compare", "compare --lm char --steps 5 --out runs/quick",
    "compare --data my-lines/ --recogniser mine.safetensors --out runs/mine",
)  # fmt: skip
add(
    train, LABORATORY, "train --out runs/synthetic --lines 2000 --steps 300",
    "train --out runs/mine --data lines/ --recogniser synthetic",
    "train --out runs/penalty --data lines/ --penalty policy_gradient --lm smollm2",
)  # fmt: skip
add(evaluate, LABORATORY, "evaluate lines/", "evaluate lines/ --recogniser runs/mine/recogniser.safetensors --json")
add(transcribe, LABORATORY, "transcribe line.png", "transcribe scans/ > readings.tsv")
add(adapt, LABORATORY, "adapt scans/ --out runs/adapted", "adapt scans/ --out runs/quick --lm char --limit 32")
add(lm_table, LABORATORY, "lm-table lines/", "lm-table lines/ --lm char --limit 100 --json", name="lm-table")
add(
    quality, LABORATORY, "quality", "quality lines/ --lm smollm2 --out runs/quality", "quality logits.npz --samples 500"
)
add(mistakes, LABORATORY, "mistakes lines/ --examples 20")
add(train_lm, LABORATORY, "train-lm --out runs/char --text letters.txt", name="train-lm")
add(
    train_ngram, LABORATORY, "train-ngram --out runs/ngram --text letters.txt --order 6",
    "train-ngram --out runs/lines --text lines/labels.tsv --whole-lines", name="train-ngram",
)  # fmt: skip
add(doctor, SETUP, "doctor", "doctor --fix")

lessons = typer.Typer(
    cls=CourseGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
lessons.callback(**_help(course.board, ["lessons", "lessons --lang ja"]))(
    friendly(takes_settings(course_errors(course.board)))
)
app.add_typer(lessons, name="lessons", rich_help_panel=COURSE)
for command, name, *examples in (
    (course.check, "check", "lessons check", "lessons check l03"),
    (course.hint, "hint", "lessons hint", "lessons hint l03 --lang ja"),
    (course.reset, "reset", "lessons reset l03"),
    (course.watch, "watch", "lessons watch l03"),
    (course.listing, "list", "lessons list", "lessons list --json"),
    (course.init, "init", "lessons init my-lessons"),
    (museum.museum, "museum", "lessons museum", "lessons museum m03 --line 54"),
    (museum.report, "report", "lessons report", "lessons report class/* --json"),
):
    add(course_errors(command), COURSE, *examples, name=name, to=lessons, cls=CourseCommand)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gradcheck_lm {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Why does this gradient not arrive, on which line, and what do I use instead?"""
