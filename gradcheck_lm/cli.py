"""The command line: one command a job, thin over the packages below."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcheck_lm import __version__
from gradcheck_lm.commands.adapt import adapt
from gradcheck_lm.commands.common import friendly
from gradcheck_lm.commands.compare import compare
from gradcheck_lm.commands.doctor import doctor
from gradcheck_lm.commands.read import evaluate, lm_table, mistakes, transcribe
from gradcheck_lm.commands.run import run
from gradcheck_lm.commands.train import train, train_lm

app = typer.Typer(
    name="gradcheck-lm",
    help="Why does this gradient not arrive, on which line, and what do I use instead?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DEBUGGER, LABORATORY, SETUP = "The debugger", "The laboratory", "Setting up"
# a script's own options must reach the script untouched
SCRIPT = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}

app.command(rich_help_panel=DEBUGGER, context_settings=SCRIPT)(friendly(run))
app.command(rich_help_panel=LABORATORY)(friendly(compare))
app.command(rich_help_panel=LABORATORY)(friendly(train))
app.command(rich_help_panel=LABORATORY)(friendly(evaluate))
app.command(rich_help_panel=LABORATORY)(friendly(transcribe))
app.command(rich_help_panel=LABORATORY)(friendly(adapt))
app.command("lm-table", rich_help_panel=LABORATORY)(friendly(lm_table))
app.command(rich_help_panel=LABORATORY)(friendly(mistakes))
app.command("train-lm", rich_help_panel=LABORATORY)(friendly(train_lm))
app.command(rich_help_panel=SETUP)(friendly(doctor))


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
