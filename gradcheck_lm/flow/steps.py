"""Whole training steps: what starves, and what happens to the gradients that arrive."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import CodeType, FrameType, TracebackType
from typing import Any

import torch

from gradcheck_lm.errors import TraceError, class_of
from gradcheck_lm.flow.asking.answers import refused_diagnosis
from gradcheck_lm.flow.asking.evidence.scene import Passed, Scene
from gradcheck_lm.flow.asking.failures.refusals import is_refusal
from gradcheck_lm.flow.asking.inquiry import Inquiry
from gradcheck_lm.flow.asking.warnings.doubts import may_warn
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.findings.notes import COULD_NOT_ASK, NOT_HELD_YET, WATCH_MISSED
from gradcheck_lm.flow.gradients.nodes import reachable_leaves
from gradcheck_lm.flow.gradients.numeric import same_randomness
from gradcheck_lm.flow.gradients.subjects import loss_terms
from gradcheck_lm.flow.scripts.passes.refused import roots_of
from gradcheck_lm.flow.scripts.session import ScriptRecorder
from gradcheck_lm.flow.stepping.doubts import loses_gradient, not_asked, quiet_diagnosis
from gradcheck_lm.flow.stepping.final_names import final_names, free_name, renamed
from gradcheck_lm.flow.stepping.games import Key, is_loss, players, reaching, settled
from gradcheck_lm.flow.stepping.ledger.ledger import Backward, Ledger
from gradcheck_lm.flow.stepping.modules.owners import Owners
from gradcheck_lm.flow.stepping.questions import holding
from gradcheck_lm.flow.stepping.recording.given import sorted_out, variables_around, variables_of
from gradcheck_lm.flow.stepping.recording.log import Running
from gradcheck_lm.flow.stepping.report import StepReport, report_of
from gradcheck_lm.flow.stepping.watcher import Watcher
from gradcheck_lm.flow.watching.sites import BOUNDARIES, Site
from gradcheck_lm.flow.watching.tape import SEQUENCE
from gradcheck_lm.flow.watching.unseen import unseen


class StepRun:
    """Steps that are watched: `with record_steps(model, optimizer) as steps:`, then `steps.diagnose()`."""

    def __init__(
        self, modules: Sequence[torch.nn.Module], optimizers: Sequence[torch.optim.Optimizer], names: dict[int, str],
        *, ranks: bool = False,
    ) -> None:  # fmt: skip
        self.names = names
        self.always = False
        self.code: CodeType | None = None
        self.on_loss: Callable[[torch.Tensor], None] | None = None  # called before each backward() of one number
        self.recorder = ScriptRecorder(lambda loss: None)
        self.watcher = Watcher(modules, optimizers, on_backward=self._before_backward, ranks=ranks)
        self.recorder.follow(self.watcher)
        self._losses: dict[Key, Diagnosis] = {}
        self._asked: dict[Key, int] = {}
        self._quiet: dict[Key, dict[str, int]] = {}  # what each loss was to be asked about, with its account
        self._notes: list[str] = []
        self._passed: list[Passed] = []
        self._refused: Diagnosis | None = None
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
            raise TraceError("the steps are still being watched: call .diagnose() after the block of record_steps().")
        failures = self.watcher.log.failures
        if not any(True for _ in ledger.backwards()) and not ledger.steps():
            if failures:
                raise TraceError(f"the watch could not follow these steps: {failures[0]}")
            raise TraceError(
                "no backward() and no step() ran while the steps were watched: put the whole training step, from the "
                "forward pass to optimizer.step(), into the block or function."
            )
        notes = [*self._notes, *(WATCH_MISSED.told(failure=failure) for failure in failures)]
        notes += [] if self.watcher.ranks is None else self.watcher.ranks.notes()
        diagnoses = [] if self._refused is None else [self._refused]
        heirs = holding.heirs(ledger)
        for loss, indices in self._quiet.items():
            asked = self._losses.get(loss)
            quiet = quiet_diagnosis(ledger, loss, final_names(indices.values(), ledger))
            if asked is not None:
                diagnoses.append(settled(renamed(asked, indices, ledger), ledger, loss, heirs))
            elif quiet is not None:
                diagnoses.append(quiet)
        return report_of(ledger, diagnoses, notes=notes)

    def whole(self) -> None:
        """Say that nothing comes after what is watched: an optimizer that never steps in here never does."""
        self._complete = True

    @contextmanager
    def aside(self) -> Iterator[None]:
        """What runs inside is no part of the steps: neither recorded nor noted."""
        log = self.watcher.log
        was, log.running = log.running, log.running or Running(log.time)
        try:
            with torch._C.DisableTorchFunction(), unseen():
                yield
        finally:
            log.running = was

    def turns(self) -> tuple[int, int]:
        """How often the optimizers have stepped so far: the one that did least, and the one that did most."""
        counts = [held.steps for held in self.watcher.turns.held if held.reference() is not None] or [0]
        return min(counts), max(counts)

    def learn_names(self, variables: Mapping[str, Any]) -> None:
        """Name modules, optimizers and tensors as the variables of a program do."""
        for name, value in variables.items():
            if isinstance(value, torch.nn.Module | torch.optim.Optimizer | torch.Tensor):
                self.names.setdefault(id(value), name)
            if isinstance(value, torch.nn.Module) and self.watcher.ranks is not None:
                self.watcher.ranks.meet(value)

    def _around(self, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code not in BOUNDARIES:
            self.code = self.code or frame.f_code
            self.learn_names(variables_of(frame))

    def _before_backward(self, losses: Sequence[torch.Tensor], site: Site | None) -> None:
        """Ask about a loss before its own backward() frees the graph: once for each line that calls it."""
        self.watcher.numbers(self.recorder, losses)
        loss = self._key(losses, site)
        self._asked[loss] = self._asked.get(loss, 0) + 1
        one = len(losses) == 1 and losses[0].numel() == 1
        if one and self.on_loss is not None:
            with self.aside():
                self.on_loss(losses[0])
        if one and self._asked[loss] <= 2:
            with torch._C.DisableTorchFunction():
                try:
                    self._look_at(losses[0], loss)
                except TraceError as error:
                    self._notes.append(not_asked(losses[0], error))
                except Exception as error:  # the program goes on without an answer
                    self._notes.append(COULD_NOT_ASK.told(error=f"{type(error).__name__}: {error}"))
        self._passed = [*self._passed[-3:], Passed(site, SEQUENCE() if SEQUENCE is not None else 0)]
        self.recorder.forget()

    def explain(self, error: RuntimeError) -> bool:
        """Whether an error that ended a step is one of autograd's, and could be told by the program's lines."""
        roots, before = roots_of(error), self.recorder.before
        if not roots or before is None or not self._passed or not is_refusal(error):
            return False
        last, terms = self._passed[-1], {"loss": roots[0]}
        scene = Scene(before, error, roots, last.site, self._passed[:-1])
        with torch._C.DisableTorchFunction():
            self._refused = refused_diagnosis(scene, terms, tuple(self.names.values()))
        return self._refused is not None

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
        doubtful = self.always or missing or loses_gradient(self.recorder, loss) or may_warn(self.recorder, loss)
        if again and not holders and not (key not in self._losses and self._was_zero(key)):
            return  # the answer of the first time stands
        if doubtful or (again and self._was_zero(key)):
            terms, given = loss_terms(loss, source="the tensor that backward() is called on")
            inquiry = Inquiry(self.recorder, wrt, terms, given=given, explicit=False, others=bool(holders))
            with same_randomness():  # a checkpoint that is computed again may draw
                self._losses[key] = inquiry.answer()
        elif again:
            self._losses.pop(key, None)  # for its players all is well
        if not again or key not in self._quiet:
            self._quiet[key] = {name: self.watcher.log.accounts.of(tensor).index for name, tensor in wrt.items()}

    def _was_zero(self, key: Key) -> bool:
        """Whether this loss left zeros, NaN or infinity the time before."""
        holds = self._holds()
        return any(
            isinstance(event, Backward) and is_loss(event, key, holds) and (event.zero or event.bad)
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
                    wanted[free_name(owner.name, tensor, wanted)] = tensor
                elif id(tensor) in reached:  # a learnt number of no module; what nobody uses is told as stale
                    wanted.setdefault(self.names.get(id(tensor)) or f"parameter {len(wanted)}", tensor)
        if not wanted:  # no optimizer yet, or one that holds what nobody uses
            for owner in owners.found.values():
                own = owner.module._parameters.get(owner.name.rpartition(".")[2]) if owner.owner == "module" else None
                if own is not None:
                    wanted[free_name(owner.name, own, wanted)] = own
        if not wanted:
            raise TraceError(NOT_HELD_YET.told())
        return wanted


def record_steps(*models_and_optimizers: Any, ranks: bool = False) -> StepRun:
    """Watch training steps that you already have.

    Args:
        models_and_optimizers: modules and optimizers, in lists and dicts too; those that are called or made inside the
            block are seen without being named here.
        ranks: compare the ranks of torch.distributed: every rank has to watch the same steps. Hashes go through the
            process group's store, never through a collective.
    Returns:
        A context manager; after its block, `.diagnose()` explains the steps. Weights, gradients and random numbers are
        the same, to the bit, as without it, and no tensor is held after the block.
    """
    modules, optimizers, names = sorted_out(models_and_optimizers)
    return StepRun(modules, optimizers, names, ranks=ranks)


def diagnose_step(
    step: Callable[[], Any], model: Any, optimizer: Any, *, steps: int = 2, ranks: bool = False
) -> StepReport:
    """Run whole training steps under the recorder and say what starves and what happens to the gradients that arrive.

    Args:
        step: takes nothing and does one whole training step, backward() and optimizer.step() included.
        model: a module, or several in a list or dict.
        optimizer: an optimizer, or several in a list or dict.
        steps: how many times `step` is called; the second one tells "not yet" from "never".
        ranks: compare the ranks of torch.distributed; every rank has to call this.
    Returns:
        StepReport: findings[0] is the first thing to mend. The steps are taken: the weights have moved.
    Raises:
        TraceError: no backward() ran, or step is no function. Errors of step itself pass as they are, but for those of
            autograd that a finding explains.
    """
    __tracebackhide__ = True
    if not callable(step):
        raise TraceError(
            f"step is {class_of(step)}, not a function; pass a function of no arguments that does one whole "
            "training step, e.g. lambda: train_on(batch). For steps in a loop: with record_steps(model, optimizer)."
        )
    if steps < 1:
        raise TraceError(f"steps is {steps}; it is a number of training steps, at least 1 (2 tell more).")
    run = StepRun(*sorted_out((model, optimizer)), ranks=ranks)
    run.whole()
    run.always = steps == 1  # there is no second time at which to ask about what was zero at the first
    run.learn_names(variables_around(step))
    run.code = getattr(step, "__code__", None)
    with run:
        for _ in range(steps):
            try:
                step()
            except RuntimeError as error:
                if not run.explain(error):
                    raise
                break
    return run.diagnose()


BOUNDARIES.add(diagnose_step.__code__)
