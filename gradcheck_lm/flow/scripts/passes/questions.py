"""The questions to one backward pass of a script: about which tensors, under which names, answered by what."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch

from gradcheck_lm.flow.asking.answers import with_not_finite, with_wrong_values
from gradcheck_lm.flow.asking.evidence.scene import Passed, Written
from gradcheck_lm.flow.asking.failures.not_finite import first_not_finite
from gradcheck_lm.flow.asking.failures.wrong_values import wrong_values
from gradcheck_lm.flow.asking.inquiry import Inquiry
from gradcheck_lm.flow.asking.warnings.tokens.looking_ahead import looks_ahead
from gradcheck_lm.flow.asking.warnings.tokens.targets import ask_about_targets
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.findings.notes import AS_GRAD_ASKED, NO_NORMS, NO_NORMS_OF_ONE_PASS, NOT_THE_FIRST, STAYS_IN_GRAD
from gradcheck_lm.flow.gradients.passes.own_pass import OwnPass
from gradcheck_lm.flow.gradients.passes.safety import own_code
from gradcheck_lm.flow.gradients.passes.underflow import underflows
from gradcheck_lm.flow.scripts.passes.engine import Engine, Started
from gradcheck_lm.flow.scripts.passes.looks import Answer, Look, accountable
from gradcheck_lm.flow.scripts.passes.refused import NO_GRAPH, Refused, refused_diagnosis
from gradcheck_lm.flow.scripts.watched.naming import asked_about, parameters_of
from gradcheck_lm.flow.scripts.watched.players import Optimizer, Players
from gradcheck_lm.flow.scripts.watched.recorder import ScriptRecorder


class Questions:
    """Asks about a script's losses; nothing of the script runs again but operations of torch's own."""

    def __init__(
        self, recorder: ScriptRecorder, players: Players, engine: Engine, *, check_values: bool = False
    ) -> None:
        self.recorder, self.players, self.engine = recorder, players, engine
        self.check_values = check_values
        self.variables: dict[str, Any] = {}

    def look(self, started: Started, kept: str, *, only_finite: bool = False) -> Look:
        """Prepare to read a backward pass.

        Args:
            kept: what of the script's own is known to be in its graph.
            only_finite: of all questions only whether the loss and the gradients are finite.
        """
        several = len(started.roots) > 1
        terms = {f"loss[{place}]" if several else "loss": root for place, root in enumerate(started.roots)}
        wanted = self._wanted(started)
        own = OwnPass(started.roots, wanted, hooked=bool(kept), partial=bool(started.inputs))
        kept = kept or own_code(started.roots, own.nodes)
        look = Look(started, terms, own, self.recorder.tokens_now(wanted), kept)
        with torch._C.DisableTorchFunction(), torch.no_grad():
            look.not_finite = first_not_finite(self.recorder, started.roots, may_unpack=not kept)
            if not several and started.roots[0].numel() != 1 and started.weights[0] is not None:
                root, weight = started.roots[0].detach(), started.weights[0].detach()
                look.value = float((root * weight).sum().abs() if root.is_complex() else (root * weight).sum())
        if only_finite:
            return look
        if not several and not kept and started.accumulates and self._may_underflow(started):
            with self.engine.quiet(), _random_state(runs=True):
                larger = underflows(started.roots[0], wanted)
            own.larger = {id(wanted[place]): underflow for place, underflow in larger.items()}
        roots = [] if kept else [root for root in started.roots if root.requires_grad]
        recording = self.recorder.recording  # of one loss or several
        recording.ahead = [*(recording.ahead or ()), *looks_ahead(recording, roots)]
        ask_about_targets(self.recorder, roots)
        if self.check_values:
            with self.engine.quiet():
                look.wrong = wrong_values(self.recorder.recording, started.roots)
        return look

    def _may_underflow(self, started: Started) -> bool:
        """A loss of half precision that no GradScaler has multiplied."""
        watcher = self.recorder.watcher
        scaled = () if watcher is None else watcher.passes.scaled
        return (
            started.roots[0].numel() == 1
            and all(reference() is not started.roots[0] for reference in scaled)
            and any(token.dtype is torch.float16 for token in self.recorder.recording.tokens)
        )

    def _wanted(self, started: Started) -> list[torch.Tensor]:
        if not started.accumulates:
            return list(started.inputs)
        return list(asked_about(self.players.alive(), self.recorder, self.variables)[0].values())

    def answer(self, look: Look, optimizers: Sequence[Optimizer]) -> Answer:
        """Say why the gradients of a loss arrive at the optimizers' tensors or do not.

        Args:
            look: of the loss.
            optimizers: for whose tensors it is meant; none of them: all tensors that could learn.
        Raises:
            TraceError: there is nothing to ask about.
            RuntimeError: autograd refuses another pass.
        """
        named, notes = self._named(look.started, optimizers)
        with self.recorder.as_of(look.tokens), self.engine.quiet(), _random_state(look.own is None):
            inquiry = Inquiry(
                self.recorder, named, dict(look.terms), given=len(look.terms) > 1, explicit=False, autograd=look.own,
                others=0 < len(optimizers) < len(self.players.alive()),
            )  # fmt: skip
            found = inquiry.answer()
        if self.recorder.before is not None and found.unreached and _may_lie_before(found):
            notes.append(NOT_THE_FIRST.told())
        if any(term.gradient_norm != term.gradient_norm for term in found.terms.values()) and look.not_finite is None:
            notes.append(NO_NORMS.told(reason=look.kept) if look.kept else NO_NORMS_OF_ONE_PASS.told())
        found = replace(found, notes=(*notes, *found.notes))
        if look.value is not None:
            found = replace(found, terms={name: replace(term, value=look.value) for name, term in found.terms.items()})
        found = with_wrong_values(self.recorder.recording, found, look.wrong)
        if look.not_finite is not None:
            found = with_not_finite(self.recorder.recording, found, [look.not_finite])
        ids = {name: id(tensor) for name, tensor in named.items()}
        return Answer(
            found, look.place, ids, bool(look.steppers), look.own is None, tuple(map(weakref.ref, optimizers))
        )

    def concluded(self, look: Look) -> Answer:
        """The answer once its turn is over: for whom it was is known, and what it made of their weights."""
        answer = look.exact or self.answer(look, look.steppers or self.meant(look))
        bad = any(finding.kind == "non_finite" for finding in answer.diagnosis.errors)
        if bad and look.stuck:
            diagnosis = answer.diagnosis
            notes = (STAYS_IN_GRAD.told(passes=look.stuck), *diagnosis.notes)
            return replace(answer, poisoned=True, diagnosis=replace(diagnosis, notes=notes))
        return replace(answer, poisoned=True) if bad and (look.lasts or _ruined(look.steppers)) else answer

    def stays_bad(self) -> bool:
        """Whether what lies in .grad is NaN or infinite."""
        held = [tensor.grad for one in self.players.alive() for tensor in parameters_of(one)]
        return any(_is_bad(grad.detach()) for grad in held if grad is not None)

    def weights_are_bad(self) -> bool:
        """Whether weights that an optimizer holds are NaN or infinite now."""
        return _ruined(self.players.alive())

    def _named(self, started: Started, optimizers: Sequence[Optimizer]) -> tuple[dict[str, torch.Tensor], list[str]]:
        if not started.accumulates:
            named, notes = asked_about([], self.recorder, self.variables)
            only = {id(tensor): tensor for tensor in started.inputs}
            notes = [AS_GRAD_ASKED.told()]
        else:
            named, notes = asked_about(self.players.alive(), self.recorder, self.variables)
            only = {id(tensor): tensor for one in optimizers for tensor in parameters_of(one)}
        if started.inputs:  # backward(inputs=...) feeds these alone
            only = {id(tensor): tensor for tensor in started.inputs if not only or id(tensor) in only}
        if not only:
            return named, notes
        kept = {name: tensor for name, tensor in named.items() if id(tensor) in only}
        there = {id(tensor) for tensor in kept.values()}
        missing = [tensor for key, tensor in only.items() if key not in there]
        kept.update({f"input {place}": tensor for place, tensor in enumerate(missing)})
        return kept, notes

    def missed(self, look: Look, answer: Answer | None = None) -> list[Optimizer]:
        """Optimizers that a loss feeds nothing at all, where it feeds others: it may not be meant for them."""
        alive = self.players.alive()
        if len(alive) < 2:
            return []
        if answer is not None:
            fed = {answer.ids[name] for name in answer.ids if name not in answer.diagnosis.unreached}
        else:
            fed = look.own.fed() if look.own is not None else set()
        missed = [one for one in alive if not any(id(tensor) in fed for tensor in parameters_of(one))]
        return missed if len(missed) < len(alive) else []

    def meant(self, look: Look) -> list[Optimizer]:
        """For whom a loss is meant that no optimizer stepped after."""
        missed = self.missed(look)
        return [one for one in self.players.alive() if all(one is not other for other in missed)]

    def refused(self, refused: Refused, passed: Sequence[Passed], written: Sequence[Written]) -> Diagnosis | None:
        """The diagnosis of a backward pass that autograd refused."""
        if NO_GRAPH in str(refused.error):
            losses = [root for root in refused.roots if not root.requires_grad][:1]
            started = Started(tuple(losses), (None,), (), True, refused.site, False)
            return accountable(
                self.answer(Look(started, {"loss": losses[0]}, None, {}), self.players.alive()).diagnosis
            )
        try:
            names = list(asked_about(self.players.alive(), self.recorder, self.variables)[0])
        except Exception:
            names = []
        return refused_diagnosis(self.recorder, refused, names, passed=passed, written=written)


def _may_lie_before(found: Diagnosis) -> bool:
    """Whether the cut may have happened before what was recorded: where its line is known, no doubt need be told."""
    return not found.errors or any(finding.kind == "constant" for finding in found.findings)


def _ruined(optimizers: Sequence[Optimizer]) -> bool:
    """Whether weights are NaN or infinite after a step: a scaler skips it, and a program may mend the gradients."""
    return any(_is_bad(tensor.detach()) for one in optimizers for tensor in parameters_of(one))


def _is_bad(tensor: torch.Tensor) -> bool:
    return not tensor.is_sparse and not bool(torch.isfinite(tensor).all())


@contextmanager
def _random_state(runs: bool) -> Iterator[None]:
    """Around passes of our own: torch's own operations draw nothing on the way back, and what they do is undone."""
    if not runs:
        yield
        return
    with torch.random.fork_rng(devices=list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []):
        yield
