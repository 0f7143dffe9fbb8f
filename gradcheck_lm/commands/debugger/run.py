"""`run`: an unchanged script under the debugger."""

from __future__ import annotations

import json
import linecache
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gradcheck_lm.commands.common import note
from gradcheck_lm.commands.course.lessons import Language
from gradcheck_lm.commands.options import argument
from gradcheck_lm.commands.scripts import no_script
from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.options import Option

if TYPE_CHECKING:
    from gradcheck_lm.draw.view import View
    from gradcheck_lm.flow.findings.model import Diagnosis
    from gradcheck_lm.flow.scripts.runner import Seen

_UNTIL = ("two-steps", "nan", "backward", "end", "first-backward")  # the last is a former name of "backward"
_FILES = "Files to write"
_OR_STANDARD = "'-': to standard output, and the report to standard error."
_STANDARD_OUTPUT = Path("-")


def run(
    context: typer.Context,
    script: Annotated[str, argument("The script, followed by its own arguments.", metavar="SCRIPT [ARGUMENTS]...")],
    module: Annotated[bool, Option("SCRIPT is a module, as in python -m.", switch=True, short="-m")] = False,
    until: Annotated[
        str,
        Option(
            "When to stop: two-steps when each optimizer has stepped twice (and, if all is well so far, no NaN came in "
            "5 seconds more), nan at the first NaN or infinity however late, backward at the first backward(), end "
            "when the script does.",
            choices=_UNTIL,
        ),
    ] = "two-steps",
    explain: Annotated[
        bool,
        Option(
            "Let the script run as ever, and explain what autograd refuses: 'element 0 of tensors does not "
            "require grad', 'modified by an inplace operation', 'a second time' and their like.",
            switch=True,
        ),
    ] = False,
    check_values: Annotated[
        bool,
        Option(
            "Ask whether gradients are right, too: the backward of each custom autograd.Function runs twice more, "
            "to see whether it uses what comes in. Not with --explain.",
            switch=True,
        ),
    ] = False,
    strict: Annotated[bool, Option("Exit with 1 for a warning as well.", switch=True)] = False,
    json_file: Annotated[
        Path | None,
        Option(f"What was found as JSON. {_OR_STANDARD}", name="json", panel=_FILES, metavar="FILE"),
    ] = None,
    sarif: Annotated[
        Path | None, Option(f"SARIF, for code scanning in CI. {_OR_STANDARD}", panel=_FILES, metavar="FILE")
    ] = None,
    graph: Annotated[
        Path | None,
        Option(
            "The flow of the gradient as a picture: .svg, .png, .dot, .html, or .pdf with Graphviz installed.",
            panel=_FILES,
            metavar="FILE",
        ),
    ] = None,
    lang: Language = None,
) -> None:
    """Run a training script unchanged, for two steps of each optimizer, and say which gradients do not arrive and why.

    The parameters asked about are those that the script's optimizers hold. Options of this command stand before
    SCRIPT; all that follows it belongs to the script. What the script prints stays where it is.

    With --explain nothing is stopped: the script runs as without this command, to its end, and where autograd refuses
    a loss, the line and the diagnosis stand in the place of the traceback.

    Exit code: 0 all is well; 1 something is starved of gradient, or the script itself failed; 2 there is nothing to
    diagnose.
    """
    from gradcheck_lm.flow.scripts.runner import watch_script

    json_file, sarif = _output(json_file), _output(sarif)
    own = [name for one in context.command.params for name in one.opts if name.startswith("--")]
    _check(script, module, graph, json_file, sarif, own)
    to_error = _STANDARD_OUTPUT in (json_file, sarif)
    language = _language(lang, to_error=to_error)
    until = "refused" if explain else until
    seen = watch_script(script, list(context.args), module=module, until=until, check_values=check_values)
    if seen.child:
        _leave(seen)
    for trouble in dict.fromkeys(seen.troubles):
        note(f"not diagnosed: {trouble}")
    if not seen.losses:
        if seen.troubles and seen.error is not None and not isinstance(seen.error, SystemExit):
            _show_error(seen)
            raise typer.Exit(2)
        _leave(seen)
    _flush(sys.stdout)
    if explain and seen.error is not None and seen.explained:
        _say_where(seen.error, to_error=to_error)
    from gradcheck_lm.draw.view import of

    views = [of(diagnosis, language) for _, diagnosis in seen.losses]
    _report(seen, views, on_error=to_error)
    if explain:
        _say_lesson(views[0], to_error=to_error)
    _write(seen, views, json_file, sarif, graph)
    if seen.error is not None and not (explain and seen.explained):
        _leave(seen)
    raise typer.Exit(exit_code([diagnosis for _, diagnosis in seen.losses], strict=strict))


def exit_code(diagnoses: list[Diagnosis], *, strict: bool = False) -> int:
    """0 or 1; 1 only for a finding that has a line, or that says why it has none."""
    severities = ("error", "warning") if strict else ("error",)
    alarming = [finding for one in diagnoses for finding in one.findings if finding.severity in severities]
    assert all(finding.line or finding.why for finding in alarming), "a finding without a line does not say why"
    return 1 if alarming else 0


def _language(wanted: str | None, *, to_error: bool) -> str:
    """The reader's language, as far as the stream that the report goes to has its letters."""
    from gradcheck_lm.course.language import language_for

    stream = sys.stderr if to_error else sys.stdout
    language, had_to_leave = language_for(wanted or "", getattr(stream, "encoding", None) or "utf-8")
    if had_to_leave:
        note("this terminal cannot show Japanese: in English instead")
    return language


def _report(seen: Seen, views: Sequence[View], *, on_error: bool) -> None:
    """What was found, for each loss that was asked about, on standard output or standard error."""
    from gradcheck_lm.draw.terminal.terminal import make_console, print_diagnosis
    from gradcheck_lm.draw.words import say
    from gradcheck_lm.flow.findings.paths import at

    if _is_closed(sys.stderr if on_error else sys.stdout):  # by the script, or from the start
        note("standard output is closed, so what was found is not shown: --json FILE writes it to a file")
        return
    console = make_console(stderr=on_error)
    for number, (((file, line), _), view) in enumerate(zip(seen.losses, views, strict=True), 1):
        if len(seen.losses) > 1:
            head = say("loss", view.language, number=number, count=len(seen.losses))
            where = say("backward", view.language, place=at(file, line)) if file else ""
            typer.echo(f"{chr(10) if number > 1 else ''}{head}{where}", err=on_error)
        print_diagnosis(view, console)


def _is_closed(stream: Any) -> bool:
    return stream is None or getattr(stream, "closed", False)


def _write(seen: Seen, views: Sequence[View], json_file: Path | None, sarif: Path | None, graph: Path | None) -> None:
    from gradcheck_lm.draw.sarif import render
    from gradcheck_lm.files import write_text_atomic

    def put(path: Path, text: str) -> None:
        if path == _STANDARD_OUTPUT:
            typer.echo(text)
        else:
            write_text_atomic(path, text + "\n")

    diagnosis = seen.diagnosis
    assert diagnosis is not None
    if json_file is not None:
        found = [one.to_dict() for _, one in seen.losses]
        put(
            json_file, json.dumps(found[0] if len(found) == 1 else found, indent=2, ensure_ascii=False, allow_nan=False)
        )
    if sarif is not None:
        put(sarif, render(*views))
    if graph is not None:
        diagnosis.save_graph(graph, language=views[0].language)
    for path in (json_file, sarif, graph):
        if path is not None and path != _STANDARD_OUTPUT:
            note(f"wrote {path}")


def _leave(seen: Seen) -> NoReturn:
    """End as the script did."""
    if seen.error is None:
        raise typer.Exit(0)
    if not isinstance(seen.error, Exception):
        raise seen.error
    _show_error(seen)
    raise typer.Exit(1)


def _show_error(seen: Seen) -> None:
    """The script's error as Python would have shown it: by the script's own excepthook, where it has one."""
    assert seen.error is not None
    _flush(sys.stdout)
    hook = seen.excepthook or sys.__excepthook__
    try:
        hook(type(seen.error), seen.error, seen.error.__traceback__)
    except SystemExit:
        raise
    except Exception as second:  # as Python does: both errors
        sys.__excepthook__(type(second), second, second.__traceback__)
        sys.__excepthook__(type(seen.error), seen.error, seen.error.__traceback__)


def _flush(stream: Any) -> None:
    if not _is_closed(stream):
        stream.flush()


def _say_where(error: BaseException, *, to_error: bool) -> None:
    """The last line of the script that the error came through, and the error in one line."""
    from gradcheck_lm.flow.findings.paths import at
    from gradcheck_lm.flow.scripts.program.frames import script_line

    if (last := script_line(error)) is not None:
        file, function, line = last
        inside = "" if function == "<module>" else f" in {function}"
        typer.echo(f"{at(file, line)}{inside}\n    {linecache.getline(file, line).strip()}", err=to_error)
    typer.echo(f"{type(error).__name__}: {error}\n", err=to_error)


def _say_lesson(view: View, *, to_error: bool) -> None:
    """Where the course teaches what was found."""
    from gradcheck_lm.draw.words import say

    lessons = [cut.lesson for cut in view.cuts if cut.starves]
    if lessons:
        typer.echo("\n" + say("lesson", view.language, lesson=lessons[0]), err=to_error)


def _output(path: Path | None) -> Path | None:
    """A file to write; /dev/stdout, and what standard output is redirected to, are '-': the report goes elsewhere."""
    try:
        same = path is not None and os.path.samestat(path.stat(), os.fstat(1))
    except OSError:  # there is no such file yet, or standard output is closed
        return path
    return _STANDARD_OUTPUT if same else path


def _check(
    script: str,
    module: bool,
    graph: Path | None,
    json_file: Path | None,
    sarif: Path | None,
    options: Sequence[str],
) -> None:
    """What cannot work is said before the script has run, which may take long."""
    if json_file == sarif == _STANDARD_OUTPUT:
        raise ArgumentError("--json and --sarif cannot both go to standard output: give one of them a file")
    if graph is not None and graph.suffix.lower() not in (".svg", ".png", ".pdf", ".dot", ".html"):
        raise ArgumentError(f"--graph is {str(graph)!r}; its ending must be .svg, .png, .pdf, .dot or .html")
    if script.startswith("-") or not (module or Path(script).is_file()):
        raise ArgumentError(no_script(script, options))
