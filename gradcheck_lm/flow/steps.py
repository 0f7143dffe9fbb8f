"""Whole training steps: what starves, and what happens to the gradients that arrive."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import CodeType, FrameType, TracebackType
from typing import Any

import torch

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.asking.inquiry import Inquiry
from gradcheck_lm.flow.findings.model import Diagnosis, Finding, Term
from gradcheck_lm.flow.gradients.nodes import reachable_leaves
from gradcheck_lm.flow.gradients.subjects import loss_terms
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.scripts.session import ScriptRecorder
from gradcheck_lm.flow.stepping.ledger import Backward, Event, Ledger, Step
from gradcheck_lm.flow.stepping.owners import Owners
from gradcheck_lm.flow.stepping.report import StepReport, report_of
from gradcheck_lm.flow.stepping.watcher import Watcher
from gradcheck_lm.flow.watching.sites import BOUNDARIES, Site

_FLAT = words("round floor ceil trunc fix sign sgn heaviside floor_divide")  # derivative 0 everywhere
# 0 for some values: a term of a sum that stands in such a place is dead, and its parameters live by the other terms
_SATURATING = words(
    """
    clamp clamp_min clamp_max clip relu relu6 hardtanh threshold maximum minimum max min amax amin where softmax
    margin_ranking_loss triplet_margin_loss hinge_embedding_loss cosine_embedding_loss nan_to_num masked_fill
    """
)
# a loss: the places of its backward() and of its making, and the optimizers that hold tensors which it reaches
Key = tuple[int, int, tuple[int, ...]]


class StepRun:
    """Steps that are watched: `with record_steps(model, optimizer) as steps:`, then `steps.diagnose()`."""

    def __init__(
        self, modules: Sequence[torch.nn.Module], optimizers: Sequence[torch.optim.Optimizer], names: dict[int, str]
    ) -> None:
        self.names = names
        self.always = False
        self.code: CodeType | None = None
        self.recorder = ScriptRecorder(lambda loss: None)
        self.watcher = Watcher(modules, optimizers, on_backward=self._before_backward)
        self.recorder.watcher = self.watcher
        self._losses: dict[Key, Diagnosis] = {}
        self._asked: dict[Key, int] = {}
        self._quiet: dict[Key, tuple[str, ...]] = {}  # what each loss was to be asked about
        self._notes: list[str] = []
        self._complete = False
        self._ledger: Ledger | None = None

    def __enter__(self) -> StepRun:
        frame = sys._getframe(1)
        self._around(frame)
        self.watcher.__enter__()
        self.recorder.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.recorder.__exit__(kind, error, trace)
        self.watcher.__exit__(kind, error, trace)
        self.watcher.numbers(self.recorder)
        self._around(sys._getframe(1))
        self._complete = self._complete and error is None  # what an error cut short tells nothing of what never comes
        self._ledger = self.watcher.ledger(self.names, code=self.code, complete=self._complete)

    def diagnose(self) -> StepReport:
        """Say what starves, and what happens to the gradients that arrive.

        Raises:
            TraceError: the block has not ended, or no backward() ran in it.
        """
        ledger = self._ledger
        if ledger is None:
            raise TraceError(
                "the steps are still being watched: call .diagnose() after the `with record_steps()` block."
            )
        failures = self.watcher.log.failures
        if not any(True for _ in ledger.backwards()) and not ledger.steps():
            if failures:
                raise TraceError(f"the watch could not follow these steps: {failures[0]}")
            raise TraceError(
                "no backward() and no step() ran while the steps were watched: put the whole training step, from the "
                "forward pass to optimizer.step(), into the block or function."
            )
        notes = [*self._notes, *(f"the watch missed something: {failure}" for failure in failures)]
        diagnoses = []
        for loss, names in self._quiet.items():
            asked = self._losses.get(loss)
            quiet = quiet_diagnosis(ledger, loss, names)
            if asked is not None:
                diagnoses.append(settled(asked, ledger, loss))
            elif quiet is not None:
                diagnoses.append(quiet)
        return report_of(ledger, diagnoses, notes=notes)

    def whole(self) -> None:
        """Say that nothing comes after what is watched: an optimizer that never steps in here never does."""
        self._complete = True

    def learn_names(self, variables: Mapping[str, Any]) -> None:
        """Name modules, optimizers and tensors as the variables of a program do."""
        for name, value in variables.items():
            if isinstance(value, torch.nn.Module | torch.optim.Optimizer | torch.Tensor):
                self.names.setdefault(id(value), name)

    def _around(self, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code not in BOUNDARIES:
            self.code = self.code or frame.f_code
            self.learn_names({**frame.f_globals, **frame.f_locals})

    def _before_backward(self, losses: Sequence[torch.Tensor], site: Site | None) -> None:
        """Ask about a loss before its own backward() frees the graph: once for each line that calls it."""
        self.watcher.numbers(self.recorder, losses)
        loss = self._key(losses, site)
        self._asked[loss] = self._asked.get(loss, 0) + 1
        if len(losses) == 1 and losses[0].numel() == 1 and self._asked[loss] <= 2:
            with torch._C.DisableTorchFunction():
                try:
                    self._look_at(losses[0], loss)
                except TraceError as error:
                    self._notes.append(str(error))
                except Exception as error:  # the program goes on without an answer
                    self._notes.append(f"this loss could not be asked about: {type(error).__name__}: {error}")
        self.recorder.forget()

    def _key(self, losses: Sequence[torch.Tensor], site: Site | None) -> Key:
        log = self.watcher.log
        accounts = [log.accounts.known(leaf) for loss in losses for leaf in reachable_leaves(loss)]
        reached = {account.index for account in accounts if account is not None}
        return log.intern(site), log.loss, reaching(reached, self._holds())

    def _holds(self) -> list[frozenset[int]]:
        held = [one.reference() for one in self.watcher.turns.held]
        return [frozenset() if one is None else frozenset(self.watcher.turns.indices(one)) for one in held]

    def _players(self, loss: Key) -> set[int]:
        """The optimizers that have stepped on this loss so far: in a game each loss is for one of them."""
        return players(self.watcher.log.events, loss, self._holds())

    def _look_at(self, loss: torch.Tensor, key: Key) -> None:
        """Ask about a loss, with backward passes of its own, where something may be amiss: else its own one tells."""
        again = self._asked[key] == 2
        holders = self._players(key) if again and len(self.watcher.turns.held) > 1 else set()
        wrt = self._wrt(loss, holders)
        reached = {id(leaf) for leaf in reachable_leaves(loss)}
        missing = any(tensor.requires_grad and id(tensor) not in reached for tensor in wrt.values())
        doubtful = self.always or missing or loses_gradient(self.recorder, loss)
        if again and not holders and not (key not in self._losses and self._was_zero(key)):
            return  # the answer of the first time stands
        if doubtful or (again and self._was_zero(key)):
            terms, given = loss_terms(loss, source="the tensor that backward() is called on")
            self._losses[key] = Inquiry(self.recorder, wrt, terms, given=given, explicit=False).answer()
        elif again:
            self._losses.pop(key, None)  # for its players all is well
        if not again or key not in self._quiet:
            self._quiet[key] = tuple(wrt)

    def _was_zero(self, key: Key) -> bool:
        """Whether this loss left zeros, NaN or infinity the time before."""
        holds = self._holds()
        return any(
            isinstance(event, Backward) and _is(event, key, holds) and (event.zero or event.bad)
            for event in self.watcher.log.events
        )

    def _wrt(self, loss: torch.Tensor, holders: set[int]) -> dict[str, torch.Tensor]:
        """What optimizers hold and modules have; what was replaced is another question."""
        owners = Owners(self.watcher.modules.alive(), self.names)
        wanted: dict[str, torch.Tensor] = {}
        reached = {id(leaf) for leaf in reachable_leaves(loss)}
        for number, held in enumerate(self.watcher.turns.held):
            optimizer = held.reference()
            if optimizer is None or (holders and number not in holders):
                continue
            for tensor in (tensor for group in optimizer.param_groups for tensor in group["params"]):
                owner = owners.of(tensor)
                if owner is not None:
                    wanted.setdefault(owner.name, tensor)
                elif id(tensor) in reached:  # a learnt number of no module; what nobody uses is told as stale
                    wanted.setdefault(self.names.get(id(tensor)) or f"parameter {len(wanted)}", tensor)
        if not wanted:  # no optimizer yet, or one that holds what nobody uses
            for owner in owners.found.values():
                if owner.owner == "module" and owner.name.rpartition(".")[2] in owner.module._parameters:
                    wanted[owner.name] = owner.module._parameters[owner.name.rpartition(".")[2]]  # type: ignore[assignment]
        if not wanted:
            raise TraceError("no optimizer held a tensor of a module that runs when backward() was called")
        return wanted


def reaching(leaves: set[int], holds: Sequence[frozenset[int]]) -> tuple[int, ...]:
    """The optimizers that hold some of these leaves."""
    return tuple(number for number, held in enumerate(holds) if held & leaves)


def players(events: Sequence[Event], loss: Key, holds: Sequence[frozenset[int]]) -> set[int]:
    """The optimizers that a loss is for: those that use a gradient of it.

    Where none does: those whose tensors it reaches; else the one that steps next.
    """
    losses = [event for event in events if isinstance(event, Backward) and _is(event, loss, holds)]
    times = {event.time for event in losses}
    steps = [event for event in events if isinstance(event, Step)]
    using = {step.holder for step in steps if times & {time for one in step.used.values() for time in one}}
    later = [step.holder for step in steps if times and step.time > min(times)]
    return using or set(loss[2]) or set(later[:1])


def _is(event: Backward, loss: Key, holds: Sequence[frozenset[int]]) -> bool:
    return (event.place, event.loss) == loss[:2] and reaching(set(event.reached), holds) == loss[2]


def loses_gradient(recorder: ScriptRecorder, loss: torch.Tensor) -> bool:
    """Whether anything that leads to a loss lost its gradient on the way, as far as the recording alone can tell.

    True also where it is meant (a mask, a target) and where values left torch: then autograd has the word.
    """
    token = recorder.token_of(loss)
    if token is None or any(recorder.recording.calls[index].live for index in recorder.recording.exports):
        return True
    seen: set[int] = set()
    stack = [token]
    while stack:
        current = stack.pop()
        if current in seen or current < 0:
            continue
        seen.add(current)
        producer = recorder.recording.tokens[current].producer
        if producer >= 0:
            call = recorder.recording.calls[producer]
            name, in_loss = call.operation.name, call.module < 0
            if call.live and not recorder.recording.tokens[current].requires_grad:
                return True
            if call.function_site is not None or name in _FLAT or (in_loss and name in _SATURATING):
                return True
            stack.extend(call.inputs)
    return False


def quiet_diagnosis(ledger: Ledger, loss: Key, names: tuple[str, ...]) -> Diagnosis | None:
    """Of a loss that nothing was amiss with: read off the program's own backward(), and without a picture."""
    holds = [frozenset(holder.holds) for holder in ledger.holders]
    events = [one for one in ledger.backwards() if _is(one, loss, holds)]
    if not events:
        return None
    event = events[0]
    live = {ledger.parameters[index].name for one in events for index in set(one.given) - set(one.zero)}
    reaches = tuple(name for name in names if name in live)
    value = math.nan if event.value is None else event.value
    term = Term("loss", value, True, reaches, not reaches, event.norm)
    zero = tuple(name for name in names if name not in live)
    note = "read off the program's own backward(): nothing on the way to the loss gave a reason to ask further"
    return Diagnosis(not zero, (), {"loss": term}, (), zero, notes=(note,), wrt=names)


def settled(diagnosis: Diagnosis, ledger: Ledger, loss: Key) -> Diagnosis:
    """A diagnosis of one loss, seen from all the steps: what another loss feeds, or the next step, is a note."""
    fed = {
        ledger.parameters[index].name for event in ledger.backwards() for index in set(event.given) - set(event.zero)
    }

    playing = {
        ledger.parameters[index].name
        for number in players(ledger.events, loss, [frozenset(holder.holds) for holder in ledger.holders])
        for index in ledger.holders[number].holds
    }

    def seen(finding: Finding) -> Finding:
        if finding.severity == "error" and finding.tensors and playing and not playing & set(finding.tensors):
            return replace(finding, severity="note")  # it is not their turn
        if finding.severity == "error" and finding.tensors and finding.term is None and fed.issuperset(finding.tensors):
            return replace(finding, severity="note")
        return finding

    return replace(diagnosis, findings=tuple(seen(finding) for finding in diagnosis.findings))


def record_steps(*models_and_optimizers: Any) -> StepRun:
    """Watch training steps that you already have.

    Args:
        models_and_optimizers: modules and optimizers, in lists and dicts too; those that are called or made inside the
            block are seen without being named here.
    Returns:
        A context manager; after its block, `.diagnose()` explains the steps. Weights, gradients and random numbers are
        the same, to the bit, as without it, and no tensor is held after the block.
    """
    modules, optimizers, names = _sorted_out(models_and_optimizers)
    return StepRun(modules, optimizers, names)


def diagnose_step(step: Callable[[], Any], model: Any, optimizer: Any, *, steps: int = 2) -> StepReport:
    """Run whole training steps under the recorder and say what starves and what happens to the gradients that arrive.

    Args:
        step: takes nothing and does one whole training step, backward() and optimizer.step() included.
        model: a module, or several in a list or dict.
        optimizer: an optimizer, or several in a list or dict.
        steps: how many times `step` is called; the second one tells "not yet" from "never".
    Returns:
        StepReport: findings[0] is the first thing to mend. The steps are taken: the weights have moved.
    Raises:
        TraceError: no backward() ran, or step is no function. Errors of step itself pass as they are.
    """
    if not callable(step):
        raise TraceError(
            f"step is a {type(step).__name__}, not a function; pass a function of no arguments that does one whole "
            "training step, e.g. lambda: train_on(batch). For steps in a loop: with record_steps(model, optimizer)."
        )
    if steps < 1:
        raise TraceError(f"steps is {steps}; it is a number of training steps, at least 1 (2 tell more).")
    modules, optimizers, names = _sorted_out((model, optimizer))
    run = StepRun(modules, optimizers, names)
    run.whole()
    run.always = steps == 1  # there is no second time at which to ask about what was zero at the first
    _names_around(step, run)
    run.code = getattr(step, "__code__", None)
    with run:
        for _ in range(steps):
            step()
    return run.diagnose()


def _sorted_out(
    given: Iterable[Any],
) -> tuple[list[torch.nn.Module], list[torch.optim.Optimizer], dict[int, str]]:
    modules: list[torch.nn.Module] = []
    optimizers: list[torch.optim.Optimizer] = []
    names: dict[int, str] = {}
    for name, item in _items(given):
        if isinstance(item, torch.nn.Module):
            modules.append(item)
        elif isinstance(item, torch.optim.Optimizer):
            optimizers.append(item)
        elif isinstance(getattr(item, "optimizer", None), torch.optim.Optimizer):  # a wrapper's, a scheduler's
            optimizers.append(item.optimizer)
        else:
            raise TraceError(
                f"record_steps and diagnose_step take modules and optimizers, alone or in lists and dicts; this is a "
                f"{type(item).__name__}."
            )
        if name:
            names[id(item)] = name
    return modules, optimizers, names


def _items(given: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(given, Mapping):
        for key, item in given.items():
            yield from _items(item, str(key))
    elif isinstance(given, list | tuple | set):
        for item in given:
            yield from _items(item)
    else:
        yield name, given


def _names_around(step: Callable[[], Any], run: StepRun) -> None:
    """Variables that a function can see, by their ids."""
    function = getattr(step, "__func__", step)
    seen = dict(getattr(function, "__globals__", {}))
    code, closure = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    if code is not None and closure:
        for name, cell in zip(code.co_freevars, closure, strict=True):
            try:
                seen[name] = cell.cell_contents
            except ValueError:  # not yet filled
                continue
    seen.update(getattr(getattr(step, "__self__", None), "__dict__", {}))
    run.learn_names(seen)


BOUNDARIES.add(diagnose_step.__code__)
