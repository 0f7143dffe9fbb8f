"""`run`: an unchanged script under the debugger."""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gradcheck_lm.commands.common import fail, note
from gradcheck_lm.errors import ArgumentError, GradcheckLMError

if TYPE_CHECKING:
    from gradcheck_lm.flow.findings import Diagnosis

_OURS = str(Path(__file__).resolve().parents[1])
_WATCHING = tuple(str(Path(_OURS, "flow", name)) for name in ("runner.py", "recorder.py", "session.py"))


def run(
    context: typer.Context,
    script: Annotated[
        str, typer.Argument(metavar="SCRIPT [ARGUMENTS]...", help="The script, followed by its own arguments.")
    ],
    module: Annotated[bool, typer.Option("--module", "-m", help="SCRIPT is a module, as in python -m.")] = False,
    until: Annotated[
        str, typer.Option(help="'first-backward': stop at the first backward(); 'end': let the script finish.")
    ] = "first-backward",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the diagnosis as JSON to this file.")] = None,
    sarif: Annotated[Path | None, typer.Option(help="Write SARIF, for code scanning in CI, to this file.")] = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Let the script run as ever, and explain autograd's 'element 0 of tensors does not require grad'.",
        ),
    ] = False,
    graph: Annotated[
        Path | None, typer.Option(help="Draw the flow of the gradient: .svg, .png, .pdf, .dot or .html.")
    ] = None,
) -> None:
    """Run a training script unchanged, up to its first backward(), and say which gradients do not arrive and why.

    The parameters asked about are those that the script's optimizers hold. Options of this command stand before
    SCRIPT; all that follows it belongs to the script. What the script prints stays where it is.

    With --explain nothing is stopped: the script runs as without this command, to its end, and where autograd refuses
    a loss that has no gradient at all, the line and the diagnosis stand in the place of the traceback.

    Exit code: 0 all is well; 1 something is starved of gradient, or the script itself failed; 2 there is nothing to
    diagnose.
    """
    from gradcheck_lm.draw.terminal import print_diagnosis
    from gradcheck_lm.files import write_text_atomic
    from gradcheck_lm.flow.runner import watch_script

    _check(script, module, until, graph)
    try:
        seen = watch_script(script, list(context.args), module=module, until="refused" if explain else until)
    except Exception as error:
        _explain(error)
        raise
    diagnosis = seen.diagnosis
    if diagnosis is None:
        _leave(seen.error)
    sys.stdout.flush()
    if explain and seen.error is not None:
        _say_where(seen.error)
    print_diagnosis(diagnosis)
    if explain:
        _say_lesson(diagnosis)
    if json_file is not None:
        write_text_atomic(json_file, diagnosis.to_json() + "\n")
    if sarif is not None:
        write_text_atomic(sarif, diagnosis.to_sarif() + "\n")
    if graph is not None:
        diagnosis.save_graph(graph)
    for path in (json_file, sarif, graph):
        if path is not None:
            note(f"wrote {path}")
    if not explain and seen.error is not None:
        _leave(seen.error)
    raise typer.Exit(0 if diagnosis.ok else 1)


def _leave(error: BaseException | None) -> NoReturn:
    """End as the script did."""
    if error is None:
        raise typer.Exit(0)
    if isinstance(error, Exception):
        _explain(error)
    raise error


def _say_where(error: BaseException) -> None:
    """The last line of the script that the error came through, and the error in one line."""
    from gradcheck_lm.flow.paths import short_path

    frames = [frame for frame in _frames(error) if not _is_ours(frame[0])]
    theirs = [frame for frame in frames if "site-packages" not in frame[0]] or frames
    file, function, line = theirs[-1]
    inside = "" if function == "<module>" else f" in {function}"
    typer.echo(f"{short_path(file)}:{line}{inside}\n    {linecache.getline(file, line).strip()}")
    typer.echo(f"{type(error).__name__}: {error}\n")


def _say_lesson(diagnosis: Diagnosis) -> None:
    """Where the course teaches what was found."""
    from gradcheck_lm.flow.findings import KINDS

    lessons = dict.fromkeys(KINDS[finding.kind].lesson for finding in diagnosis.errors)
    for lesson in list(lessons)[:1]:
        typer.echo(f"\nThe lesson on this: {lesson} (gradcheck-lm lessons)")


def _check(script: str, module: bool, until: str, graph: Path | None) -> None:
    """What cannot work is said before the script has run, which may take long."""
    if until not in ("first-backward", "end"):
        raise ArgumentError(f"--until is {until!r}; choose first-backward or end")
    if graph is not None and graph.suffix.lower() not in (".svg", ".png", ".pdf", ".dot", ".html"):
        raise ArgumentError(f"--graph is {str(graph)!r}; its ending must be .svg, .png, .pdf, .dot or .html")
    if not module and not Path(script).is_file():
        raise ArgumentError(
            f"there is no script {script!r}: check the path; a module is run with: gradcheck-lm run -m NAME"
        )
    if not module and not os.access(script, os.R_OK):
        raise ArgumentError(f"the script {script!r} may not be read: change its permissions")


def _explain(error: Exception) -> None:
    """Show an error of the script as Python would, and one of the diagnosis as a sentence; others are left."""
    frames = list(_frames(error))
    asked = [i for i, frame in enumerate(frames) if frame == (_WATCHING[2], "_ask", frame[2])]
    theirs = [frame for frame in frames[: asked[0] if asked else None] if not _is_ours(frame[0])]
    if not theirs:
        return
    if not asked:
        _print_traceback(error)
        raise typer.Exit(1) from None
    if isinstance(error, GradcheckLMError):
        file, _, line = next((frame for frame in reversed(theirs) if "site-packages" not in frame[0]), theirs[-1])
        fail(f"{file}, line {line}: {error}")


def _frames(error: BaseException) -> Iterator[tuple[str, str, int]]:
    """File, function and line of each frame inside the runner."""
    inside = False
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        inside = inside or (code.co_filename == _WATCHING[0] and code.co_name == "watch_script")
        if inside:
            yield code.co_filename, code.co_name, line


def _is_ours(file: str) -> bool:
    return file.startswith((_OURS, "<frozen"))


def _print_traceback(error: Exception) -> None:
    """The script's own traceback, without the frames of the command and of the recorder that looks on."""
    shown = traceback.TracebackException.from_exception(error)
    parts = [shown]
    while parts:
        part = parts.pop()
        outer = [
            i for i, frame in enumerate(part.stack) if (frame.filename, frame.name) == (_WATCHING[0], "watch_script")
        ]
        start = outer[0] if outer else -1
        kept = [frame for frame in part.stack[start + 1 :] if frame.filename not in _WATCHING]
        part.stack = traceback.StackSummary.from_list(kept)
        parts += [other for other in (part.__cause__, part.__context__) if other is not None]
    sys.stdout.flush()
    typer.echo("".join(shown.format()), err=True, nl=False)
