"""What is noted of a script while it runs: its optimizers, its backward passes, and the diagnoses of its losses."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import torch

from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.scripts.passes.book import Book, with_steps
from gradcheck_lm.flow.scripts.passes.engine import Engine, Started
from gradcheck_lm.flow.scripts.passes.looks import Answer, Look
from gradcheck_lm.flow.scripts.passes.questions import Questions
from gradcheck_lm.flow.scripts.passes.raised import Raised
from gradcheck_lm.flow.scripts.passes.turn import Turn
from gradcheck_lm.flow.scripts.passes.vigil import Vigil
from gradcheck_lm.flow.scripts.program.guard import Guard
from gradcheck_lm.flow.scripts.watched.naming import parameters_of
from gradcheck_lm.flow.scripts.watched.players import Players
from gradcheck_lm.flow.scripts.watched.recorder import ScriptRecorder as ScriptRecorder
from gradcheck_lm.flow.scripts.watched.step_watch import StepWatch
from gradcheck_lm.flow.tracing.self_subtraction import subtracts_itself
from gradcheck_lm.flow.watching.sites import Site, find_site

UNTIL = ("two-steps", "backward", "end", "nan", "refused")
_ON = ("two-steps", "end", "nan")  # beyond the first backward pass
_LOOKS = 20  # so many backward passes are diagnosed at most
_LONG = 50_000  # calls, after which a recording starts again though not all optimizers have stepped


class Enough(BaseException):
    """What was asked has been seen: leave the script. Not an Exception, so `except Exception` lets it by."""


class Session:
    """One script's run: its optimizers, its backward passes and their diagnoses.

    Args:
        until: "two-steps": until each optimizer has stepped twice, and where all is well some steps more, for a NaN;
            "nan": until a loss or gradient is NaN or infinite; "backward": until the first loss is diagnosed; "end": to
            the script's end, at full speed once two steps are seen; "refused": to its end, for what autograd refuses.
        check_values: ask custom Functions whether their gradients are right.
    """

    def __init__(self, until: str, *, check_values: bool = False) -> None:
        self.until = until
        self.recorder = ScriptRecorder()
        self.steps: StepWatch | None = None
        if until in _ON:
            self.steps = StepWatch(self.recorder, lambda: self.questions.variables)
            self.recorder.follow(self.steps.watcher)
        self.engine = Engine(self._around, self._packed, self.steps.aside if self.steps is not None else None)
        self.players = Players(self._before_step, self._after_step)
        self.questions = Questions(self.recorder, self.players, self.engine, check_values=check_values)
        self.vigil = Vigil(self.questions, patient=until == "nan")
        self.book = Book()
        self.aside = Book()  # of autograd.grad, which counts where no backward() is called
        self._guarded = Guard()
        self.troubles = self._guarded.troubles
        self.enough = False
        self.failed = False  # the script has ended by an error
        self.over = False  # the first steps were seen: the script runs at full speed
        self._turn = Turn(self.questions, self.book, self._guarded)
        if self.steps is not None:
            self.steps.watcher.scaling.on_skip = self._turn.skipped
        self.raised = Raised(self.questions, self.book, self._guarded)
        self._stepped: set[int] = set()  # optimizers, since the recording began
        self._seen: set[tuple[str, int]] = set()
        self._total = self._passes = 0
        self._packing = self._bare = False  # bare: it runs at full speed and had no optimizer so far
        self._step_site: Site | None = None

    @contextmanager
    def optimizers(self) -> Iterator[None]:
        """Note every optimizer and every backward pass of the script; torch is as before afterwards."""
        try:
            if self.steps is not None:
                self.steps.open()
            with self.players.watched(), self.engine.watched():
                yield
        finally:
            if self.engine.is_home():
                self._guarded(self._turn.close)
                self._guarded(lambda: self._stop_steps(complete=not self.failed))
            if self.steps is not None:
                self.steps.close()

    def diagnoses(self) -> list[tuple[tuple[str, int], Diagnosis]]:
        """For each loss that was asked about the line of its backward(), and its diagnosis.

        What becomes of the gradients that arrive stands with the first loss, or with the one on whose line it is.
        """
        if self.steps is None:
            return self.book.diagnoses() if len(self.book) else self.aside.diagnoses()
        found = self.book.diagnoses(self.steps.idle, self.steps.fed()) if len(self.book) else self.aside.diagnoses()
        return with_steps(found, self.steps.found)

    @property
    def answer(self) -> Diagnosis | None:
        """The first diagnosis that is not well, or the last; None where nothing was asked."""
        found = [diagnosis for _, diagnosis in self.diagnoses()]
        return next((one for one in found if not one.ok), found[-1] if found else None)

    # ------------------------------------------------------------------ backward passes

    def _packed(self) -> None:
        self._packing = True

    def _around(self, started: Started, run: Callable[[], Any]) -> Any:
        """Around a backward pass of the script."""
        if self.enough:
            raise Enough  # the script has caught the first one
        if self.over and not self._wake(started):
            return run()
        was, self.recorder.paused = self.recorder.paused, True
        self.raised.forget()  # the script has caught that error
        look: Look | None = None
        try:
            if self.steps is not None and started.accumulates:
                self.steps.before(started.roots)
            look = self._guarded(lambda: self._begin(started))
            with look.own.watched() if look is not None and look.own is not None else nullcontext():
                result = run()
        except RuntimeError as error:
            kept = self.kept() if look is None else look.kept
            self.raised.tell(error, started, None if look is None else look.own, kept)
            raise
        finally:
            self.recorder.paused = was
        if not started.retains:
            self.raised.has_passed(started)
        self._guarded(lambda: self._end(started, look, result))
        return result

    def _begin(self, started: Started) -> Look | None:
        """Decide whether to look at a pass, and prepare to."""
        if self.until == "refused":
            return None
        if self.vigil.on:
            if self.vigil.is_over(self._turn):
                self._leave()
            return self.vigil.look(started, self.kept)
        if started.accumulates:
            self._passes += 1
            if any(look.steppers for look in self._turn):
                self._turn.close()
                self._stop_at_first()
            if self.until in _ON and self._passes > 2 and not self.players.alive():
                self._bare = True
                self._leave()
                return None
        elif len(self.book) or self._turn or len(self.aside) >= 2 or not all(one.is_leaf for one in started.inputs):
            return None
        known = started.place in self._seen and self.players.waits_for_one_to_come()
        if known or self._total >= _LOOKS or self._turn.is_full(started.place):
            return None
        self._total += 1
        self._turn.count(started.place)
        self._seen.add(started.place)
        look = self.questions.look(started, self.kept())
        if not any(root.requires_grad for root in started.roots):  # autograd will refuse it
            self._turn.answer(look)
            self._stop_at_first()
            return None
        if (
            self.until == "backward"
            and not look.kept
            and (exact := self._exact(look, self.players.alive())) is not None
            and not self.questions.missed(look, exact)
        ):
            self.book.add(look.place, exact)
            self._leave()
        before = self.book.last_at(look.place)
        apart = before is not None and (len(before.diagnosis.terms) > 1 or subtracts_itself(self.recorder.recording))
        if before is not None and apart and not look.kept:
            look.exact = self._exact(look, before.alive())
        return look

    def _exact(self, look: Look, optimizers: Sequence[torch.optim.Optimizer]) -> Answer | None:
        """Asked by passes of our own, while the graph is there; None where autograd refuses, as it will the script."""
        try:
            return self.questions.answer(replace(look, own=None), optimizers)
        except RuntimeError:
            return None

    def _end(self, started: Started, look: Look | None, result: Any) -> None:
        """After a pass that came to its end."""
        players = self.players.alive()
        if look is not None and self.vigil.on and not self.vigil.is_bad(look):
            return
        if look is not None:
            if not started.accumulates:
                assert look.own is not None
                look.own.results = dict(zip(map(id, started.inputs), result, strict=True))
                self.aside.add(look.place, self.questions.answer(look, []))
                return
            self._turn.append(look)
        if started.accumulates and self.steps is not None:
            self.steps.after_backward()
        if not players and started.accumulates:
            self._turn.close()
            self._start_again()
        if self.until == "backward" and self._turn and not self.questions.missed(self._turn.newest):
            self._turn.close()
        self._stop_at_first()

    def _stop_at_first(self) -> None:
        if self.until == "backward" and len(self.book):
            self._leave()

    def kept(self) -> str:
        """What of the script's own would run in another backward pass, as far as the recorder saw; "" for nothing."""
        return self.recorder.touched or ("hooks on what is saved for the backward pass" if self._packing else "")

    # ------------------------------------------------------------------ steps

    def _before_step(self, optimizer: torch.optim.Optimizer, has_closure: bool) -> None:
        if self.over or not self.engine.is_home():
            return
        if self.recorder.ready:
            self._step_site = self._guarded(lambda: find_site(sys._getframe()))
            self.recorder.paused = not has_closure  # what an optimizer computes is no part of any loss

    def _after_step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.over or not self.engine.is_home():
            return
        self.recorder.paused = False
        self._guarded(lambda: self._stepped_by(optimizer))
        if self.steps is not None:
            self._guarded(self.steps.after_step)
        # None where the text cannot be read for a training to come
        enough = self.until in _ON and (
            self.vigil.on or self._guarded(lambda: self.players.have_stepped(2, variables=self.questions.variables))
        )
        if enough is not False:
            self._guarded(self._turn.close)
            if not self._guarded(self._watches_on):
                self._leave()

    def _stepped_by(self, optimizer: torch.optim.Optimizer) -> None:
        self.raised.has_written(optimizer, self.recorder, self._step_site)
        self.recorder.renew(parameters_of(optimizer))
        self._turn.stepped_by(optimizer)
        self.vigil.has_stepped()
        self._stepped.add(id(optimizer))
        all_have = self._stepped >= {id(one) for one in self.players.waited_for()}
        if all_have or len(self.recorder.recording.calls) > _LONG:
            self._turn.close()
            self._start_again()

    def _start_again(self) -> None:
        self._stepped.clear()
        self._packing = False
        self.raised.start_again()
        self.recorder.forget()

    def _stop_steps(self, *, complete: bool) -> None:
        """No more steps are watched; complete: the script has come to its end."""
        if self.steps is not None and self.recorder.watcher is not None:
            self.recorder.watcher = None
            self.troubles += self.steps.conclude(complete=complete)

    def _watches_on(self) -> bool:
        """Whether the script is watched for a NaN that comes later; a step has just ended."""
        if self.vigil.on:
            return not self.book.is_poisoned()
        if self.until in ("two-steps", "nan"):
            if self.until == "nan":  # its ledger would grow for as long as that takes
                self._stop_steps(complete=False)
            told = self.steps.findings(complete=False) if self.steps is not None else ()
            self.vigil.begin(self._passes, [*told, *(one for _, found in self.diagnoses() for one in found.findings)])
        return self.vigil.on

    def _leave(self) -> None:
        """What was asked has been seen: stop the script, or let it run on at full speed."""
        self._guarded(lambda: self._stop_steps(complete=False))
        if self.until != "end":
            self.enough = True
            raise Enough
        self.over = True
        self.recorder.leave()

    def _wake(self, started: Started) -> bool:
        """A loss that was not seen before: watch again, from the step after it on."""
        self.recorder.leave()  # where it could not before
        first_optimizer = self._bare and bool(self.players.alive())
        new = started.place not in self._seen or first_optimizer
        if started.accumulates and new and self._total < _LOOKS:
            self._seen.add(started.place)
            self.over, self._bare = False, self._bare and not first_optimizer
            self.players.start_again()
            self.recorder.come_back()
        return False
