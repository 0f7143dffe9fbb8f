"""`run`: an unchanged script under the debugger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gradcheck_lm.errors import ArgumentError


def run(
    context: typer.Context,
    script: Annotated[str, typer.Argument(help="The script, followed by its own arguments.")],
    module: Annotated[bool, typer.Option("--module", "-m", help="SCRIPT is a module, as in python -m.")] = False,
    until: Annotated[
        str, typer.Option(help="'first-backward': stop at the first backward(); 'end': let the script finish.")
    ] = "first-backward",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the diagnosis as JSON to this file.")] = None,
    sarif: Annotated[Path | None, typer.Option(help="Write SARIF, for code scanning in CI, to this file.")] = None,
    graph: Annotated[
        Path | None, typer.Option(help="Draw the flow of the gradient: .svg, .png, .pdf, .dot or .html.")
    ] = None,
) -> None:
    """Run a training script unchanged, up to its first backward(), and say which gradients do not arrive and why.

    The parameters asked about are those that the script's optimizers hold. Options of this command stand before
    SCRIPT; all that follows it belongs to the script. Exit code: 0 all is well, 1 something is starved of gradient.
    """
    from gradcheck_lm.draw.terminal import print_diagnosis
    from gradcheck_lm.files import write_text_atomic
    from gradcheck_lm.flow.runner import run_script

    if until not in ("first-backward", "end"):
        raise ArgumentError(f"--until is {until!r}; choose first-backward or end")
    diagnosis = run_script(script, list(context.args), module=module, until=until)
    print_diagnosis(diagnosis)
    if json_file is not None:
        write_text_atomic(json_file, diagnosis.to_json() + "\n")
    if sarif is not None:
        write_text_atomic(sarif, diagnosis.to_sarif() + "\n")
    if graph is not None:
        diagnosis.save_graph(graph)
    raise typer.Exit(0 if diagnosis.ok else 1)
