"""An unchanged script under the recorder, as `python -m pdb` would run it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.findings.notes import NOT_FINITE_AT_THE_END
from gradcheck_lm.flow.scripts.program.frames import without_ours
from gradcheck_lm.flow.scripts.program.loading import as_main, load
from gradcheck_lm.flow.scripts.program.warned import at_own_lines
from gradcheck_lm.flow.scripts.session import UNTIL, Enough, Session

_FORMERLY = {"first-backward": "backward"}


def run_script(
    path_or_module: str | Path,
    argv: Sequence[str] = (),
    *,
    module: bool = False,
    until: str = "two-steps",
    check_values: bool = False,
) -> Diagnosis:
    """Run a script or module unchanged, and say which gradients of its losses do not arrive and why.

    The tensors asked about are those that the script's optimizers hold; the loss is the tensor that backward() is
    called on, and where it is a sum with a dead addend the addends are told apart.

    Args:
        path_or_module: the script's path, or with module=True a module's name, as after `python -m`.
        argv: the script's own arguments.
        until: "two-steps": until each of its optimizers has stepped twice, or its end, and where all is well for some
            seconds more, in case a NaN comes; "nan": until one comes, or its end; "backward": up to its first
            backward(); "end": to its end, looking at the first two steps.
        check_values: run the backward of each custom autograd.Function twice more: does it use what comes in?
    Returns:
        Diagnosis: of its losses the first that is not well, or the first with a warning, or the last.
    Raises:
        TraceError: no such script or module; it ended without a backward().
        Exception: errors of the script itself, SystemExit with a code other than 0 among them, pass as they are; but
            those of autograd that a finding explains do not.
    """
    seen = watch_script(path_or_module, argv, module=module, until=until, check_values=check_values)
    if seen.error is not None and not seen.explained:
        raise seen.error
    assert seen.diagnosis is not None
    return seen.diagnosis


@dataclass
class Seen:
    """What came of a script's run."""

    losses: list[tuple[tuple[str, int], Diagnosis]]  # the line of each backward(), and the diagnosis of its loss
    error: BaseException | None  # what ended the script, SystemExit with a code other than 0 among them
    explained: bool = False  # the error is one of autograd's, and the first diagnosis is about it
    troubles: list[str] = field(default_factory=list)  # why something was not diagnosed
    child: bool = False  # this is a process that the script forked: it says nothing
    excepthook: Callable[..., Any] | None = None  # the script's own

    @property
    def diagnosis(self) -> Diagnosis | None:
        """The first that is not well, or the first with a warning, or the last."""
        found = [diagnosis for _, diagnosis in self.losses]
        told = [one for one in found if not one.ok] or [
            one for one in found if any(finding.severity == "warning" for finding in one.findings)
        ]
        return next(iter(told), found[-1] if found else None)


def watch_script(
    path_or_module: str | Path,
    argv: Sequence[str] = (),
    *,
    module: bool = False,
    until: str = "two-steps",
    check_values: bool = False,
) -> Seen:
    """As `run_script`, and an error of the script does not hide what was found before it.

    Args:
        until: also "refused": run on to where autograd refuses a loss ("element 0 of tensors does not require grad", "a
            second time" and their like), and diagnose that loss alone; there is no diagnosis where it does not happen.
    Raises:
        TraceError: as `run_script`.
    """
    until = _FORMERLY.get(until, until)
    if until not in UNTIL:
        raise TraceError(f"until is {until!r}; it is 'two-steps', 'nan', 'backward' or 'end'.")
    session = Session(until, check_values=check_values)
    loaded, process = load(path_or_module, module=module), os.getpid()
    failure: BaseException | None = None
    explained = False
    with as_main(loaded, list(argv)) as running, at_own_lines(), session.optimizers():
        session.questions.variables, session.players.file = running.__dict__, loaded.code.co_filename
        try:
            with session.recorder:
                exec(loaded.code, running.__dict__)
        except Enough:
            pass
        except SystemExit as leaving:
            failure = leaving if leaving.code not in (None, 0) else None
        except Exception as error:
            failure = error
            session.failed = True
        excepthook = sys.excepthook
        if os.getpid() != process:
            return Seen([], failure and without_ours(failure), child=True, excepthook=excepthook)
        if session.enough:
            failure = None  # the script was stopped on purpose
        if failure is not None:
            explained = session.raised.explain(failure, session.kept())
        if until != "refused":
            session.raised.caught()
    failure = failure and without_ours(failure)
    losses = session.diagnoses() or _without_a_loss(session)
    if session.over and losses and session.questions.weights_are_bad():
        place, first = losses[0]
        losses = [(place, replace(first, notes=(*first.notes, NOT_FINITE_AT_THE_END.told()))), *losses[1:]]
    seen = Seen(losses, failure, explained, session.troubles, excepthook=excepthook)
    if not seen.losses and failure is None and until != "refused":
        raise TraceError(_nothing(str(path_or_module), session))
    return seen


def _without_a_loss(session: Session) -> list[tuple[tuple[str, int], Diagnosis]]:
    """Of a script that trains and never calls backward(): what is known of its updates all the same."""
    findings = () if session.steps is None else session.steps.found
    if all(one.cause != "copy_trained" for one in findings):
        return []
    ok = all(one.severity != "error" for one in findings)
    return [((findings[0].file, findings[0].line), Diagnosis(ok, findings, {}, (), ()))]


def _nothing(name: str, session: Session) -> str:
    if session.troubles:
        return f"{name} was not diagnosed: {session.troubles[0]}"
    if session.steps is not None and (line := session.steps.watcher.modules.functional.asked_at()):
        return (
            f"{name} ended without calling backward(): it takes gradients with torch.func at {line}, and these go "
            "where its own lines put them, not into .grad: there is no loss whose gradients could be followed. Call "
            "gradcheck_lm.compare_gradients(fn, wrt) or gradcheck_lm.diagnose(fn, wrt=model) on the loss itself."
        )
    if session.engine.captured:
        return (
            f"{name} called backward() only while a CUDA graph was captured, where nothing may be read from the "
            "device: let it take two steps without the graph first, as its warm-up does."
        )
    if session.engine.elsewhere:
        return (
            f"{name} called backward() in another thread or process only: the recorder sees the main thread alone. "
            "Call gradcheck_lm.diagnose(fn, wrt=model) in that thread."
        )
    return (
        f"{name} ended without calling backward(): there is no loss to diagnose. Give it the arguments "
        "with which it trains, or call gradcheck_lm.diagnose(fn, wrt=model) from your own code."
    )
