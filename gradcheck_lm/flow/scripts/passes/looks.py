"""Backward passes that were looked at, and what several looks at one loss say together."""

from __future__ import annotations

import re
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from gradcheck_lm.flow.asking.answers import with_findings
from gradcheck_lm.flow.asking.cuts.drafts import Draft
from gradcheck_lm.flow.findings.model import KINDS, Diagnosis, Finding, FlowGraph
from gradcheck_lm.flow.findings.notes import (
    BY_CHANCE,
    IN_NO_MODULE,
    NO_SINGLE_OPERATION,
    NOT_FINITE_ONCE,
    NOT_THEIR_TURN,
)
from gradcheck_lm.flow.gradients.passes.own_pass import OwnPass
from gradcheck_lm.flow.scripts.passes.engine import Started


@dataclass
class Look:
    """One backward pass of the script under inquiry."""

    started: Started
    terms: dict[str, torch.Tensor]
    own: OwnPass | None  # None: asked by passes of our own
    tokens: dict[int, Any]  # which values the tensors asked about were
    kept: str = ""  # what of the script's own would run if it were asked again
    value: float | None = None  # of a vector loss: its product with the vector
    steppers: list[torch.optim.Optimizer] = field(default_factory=list)  # the optimizers that stepped after it
    exact: Answer | None = None  # asked by passes of our own before the script's ran
    not_finite: Draft | None = None
    stuck: int = 0  # passes since, without a step, where what it brought was not finite and is in .grad still
    wrong: list[Draft] = field(default_factory=list)  # gradients of a wrong value, where they are asked about

    @property
    def place(self) -> tuple[str, int]:
        """File and line of the backward()."""
        return self.started.place


@dataclass
class Answer:
    """What one look found."""

    diagnosis: Diagnosis
    place: tuple[str, int]
    ids: dict[str, int]  # of the tensors asked about, by name
    stepped: bool  # an optimizer stepped on it
    exact: bool = False  # asked by passes of our own
    optimizers: tuple[weakref.ref[torch.optim.Optimizer], ...] = ()
    poisoned: bool = False  # its gradient was NaN or infinite, an optimizer stepped on it, and the weights are so now

    def alive(self) -> list[torch.optim.Optimizer]:
        """The optimizers that it was asked for, but for those that are gone."""
        return [one for reference in self.optimizers if (one := reference()) is not None]

    @property
    def live(self) -> set[int]:
        """The tensors that get a gradient which is not zero."""
        return {self.ids[name] for term in self.diagnosis.terms.values() for name in term.reaches if name in self.ids}

    @property
    def starved(self) -> tuple[str, ...]:
        """Names without a gradient, or with one of exactly 0."""
        return *self.diagnosis.unreached, *self.diagnosis.zero


@dataclass(frozen=True)
class Elsewhere:
    """What the other looks at a script say of a tensor that one loss, in one step, gives nothing."""

    live: set[int]  # some loss feeds them: a player waits for its turn
    idle: set[int]  # an optimizer holds them and no module has them any more: told with its steps
    families: set[str]  # names, without their numbers, of which one was read or fed in one step and not in another

    def waiting(self, answer: Answer) -> set[str]:
        """Names that are fed by another loss or in another step."""
        return {name for name in answer.starved if answer.ids.get(name) in self.live | self.idle}

    def by_chance(self, answer: Answer) -> set[str]:
        """Names of layers or experts that were idle in every step seen, where their like were idle in some."""
        waiting = self.waiting(answer)
        return {name for name in answer.starved if name not in waiting and _family(name) in self.families}


def _family(name: str) -> str:
    return re.sub(r"\d+", "#", name)


Key = tuple[Any, ...]
_SEVERITIES = ("error", "warning", "note")


class Book:
    """The answers for each loss of a script; a loss is a line with backward() and the optimizers that step after it."""

    def __init__(self) -> None:
        self._answers: dict[Key, list[Answer]] = {}

    def add(self, key: Key, answer: Answer) -> None:
        """Note an answer."""
        self._answers.setdefault(key, []).append(answer)

    def __len__(self) -> int:
        return len(self._answers)

    def is_poisoned(self) -> bool:
        """Whether weights are NaN or infinite by one of these losses."""
        return any(answer.poisoned for answers in self._answers.values() for answer in answers)

    def last_at(self, place: tuple[str, int]) -> Answer | None:
        """The newest answer for a loss whose backward() is called at a line."""
        found = [answers[-1] for answers in self._answers.values() if answers[-1].place == place]
        return found[-1] if found else None

    def stepped_at(self, place: tuple[str, int]) -> Answer | None:
        """The newest answer for a loss whose backward() is called at a line, if an optimizer stepped after it."""
        found = [
            answers[-1] for answers in self._answers.values() if answers[-1].place == place and answers[-1].stepped
        ]
        return found[-1] if found else None

    def put_first(self, answer: Answer) -> None:
        """Note the answer that matters most: for the loss that ended the script."""
        self._answers = {("first",): [answer], **self._answers}

    def diagnoses(self, idle: Iterable[int] = ()) -> list[tuple[tuple[str, int], Diagnosis]]:
        """For each loss the line of its backward() and one diagnosis.

        Args:
            idle: ids of tensors of which something else is told.
        """
        live = {key for answers in self._answers.values() for answer in answers for key in answer.live}
        found = []
        for answers in self._answers.values():
            fed = {key for answer in answers for key in answer.live}  # by this very loss
            changing = {name for answer in answers for name in answer.starved if answer.ids.get(name) in fed}
            changing |= _sometimes_read(answers)
            elsewhere = Elsewhere(live, set(idle), {_family(name) for name in changing if _family(name) != name})
            found.append((answers[0].place, accountable(settled(answers, elsewhere))))
        return found


def _sometimes_read(answers: Sequence[Answer]) -> set[str]:
    """Names that one step's graph leads to, if only by a factor that is zero still, and another step's does not."""
    left_out = [set(answer.diagnosis.unreached) for answer in answers if answer.ids]
    return {name for names in left_out for name in names if any(name not in others for others in left_out)}


def settled(answers: Sequence[Answer], elsewhere: Elsewhere) -> Diagnosis:
    """One diagnosis for a loss that was looked at several times: what is starved for good, not in one step alone.

    Args:
        answers: of that loss, in order.
        elsewhere: what the other looks say.
    """
    told_apart = [answer for answer in answers if answer.exact and len(answer.diagnosis.terms) > 1]
    if told_apart:  # a pass of the script's own shows the sum alone: it cannot say that no term of it is dead
        answers = [answer for answer in answers if answer.exact]
    if (ruined := next((answer for answer in answers if answer.poisoned), None)) is not None:
        return ruined.diagnosis  # no later step can make that good
    ranked = [(*_badness(answer, elsewhere), not answer.exact, -place) for place, answer in enumerate(answers)]
    answer = _with_what_came_before(answers[ranked.index(min(ranked))], answers)
    diagnosis = answer.diagnosis if answer.diagnosis.ok else _excused(answer, elsewhere)
    notes = list(diagnosis.notes)
    if any(_is_bad(one.diagnosis) for one in answers) and not _is_bad(diagnosis):
        notes.append(NOT_FINITE_ONCE.told(steps=len(answers)))
    return replace(diagnosis, notes=tuple(dict.fromkeys(notes)))


def _with_what_came_before(answer: Answer, answers: Sequence[Answer]) -> Answer:
    """The same findings where they were seen first: then the recording still held what made the weights as they are."""
    later = answer.diagnosis
    for earlier in (one.diagnosis for one in answers if one is not answer and one.exact == answer.exact):
        if _told(earlier) == _told(later):
            return replace(answer, diagnosis=replace(later, findings=earlier.findings, graph=earlier.graph))
    return answer


def _told(diagnosis: Diagnosis) -> dict[tuple[str, str], set[str]]:
    """What is said of which tensors, on however many lines."""
    found: dict[tuple[str, str], set[str]] = {}
    for finding in diagnosis.findings:
        found.setdefault((finding.kind, finding.severity), set()).update(finding.tensors)
    return found


def _badness(answer: Answer, elsewhere: Elsewhere) -> tuple[int, int, int]:
    found = answer.diagnosis
    if found.ok:
        return 0, 0, 0
    starved = set(answer.starved) - elsewhere.waiting(answer) - elsewhere.by_chance(answer)
    return len(found.dead), _is_bad(found), 1 + len(starved)


def _is_bad(diagnosis: Diagnosis) -> bool:
    return any(finding.kind == "non_finite" for finding in diagnosis.errors)


def _excused(answer: Answer, elsewhere: Elsewhere) -> Diagnosis:
    """Without what another loss or another step feeds."""
    diagnosis, waiting, by_chance = answer.diagnosis, elsewhere.waiting(answer), elsewhere.by_chance(answer)
    if not waiting and not by_chance:
        return diagnosis
    notes = []
    replaced = {name for name in waiting if answer.ids.get(name) in elsewhere.idle}
    if replaced:
        notes.append(IN_NO_MODULE.told(count=len(replaced), total=len(diagnosis.wrt)))
    if waiting - replaced:
        notes.append(NOT_THEIR_TURN.told(count=len(waiting - replaced), total=len(diagnosis.wrt)))
    if by_chance:
        notes.append(BY_CHANCE.told(count=len(by_chance), total=len(diagnosis.wrt)))
    waiting |= by_chance
    only_replaced = bool(answer.ids) and elsewhere.idle.issuperset(answer.ids.values())
    findings = []
    for finding in diagnosis.findings:
        left = tuple(name for name in finding.tensors if name not in waiting)
        of_them = finding.tensors or only_replaced  # a loss is dead for tensors that nothing uses
        if finding.kind != "non_finite" and of_them and finding.severity == "error":
            finding = replace(finding, tensors=left or finding.tensors, severity="error" if left else "note")
        findings.append(finding)
    unreached = tuple(name for name in diagnosis.unreached if name not in waiting)
    zero = tuple(name for name in diagnosis.zero if name not in waiting)
    errors = [finding for finding in findings if finding.severity == "error"]
    excused = replace(
        diagnosis,
        ok=not ((diagnosis.dead and not only_replaced) or unreached or errors),
        unreached=unreached,
        zero=zero,
        notes=(*notes, *diagnosis.notes),
    )
    # stable: errors first, each group as the data flows
    order = sorted(range(len(findings)), key=lambda place: findings[place].severity != "error")
    return with_findings(excused, [(place, findings[place]) for place in order])


def with_steps(
    losses: Sequence[tuple[tuple[str, int], Diagnosis]], findings: Sequence[Finding]
) -> list[tuple[tuple[str, int], Diagnosis]]:
    """The diagnoses with what becomes of the gradients: at the loss on whose line it is told, else at the first."""
    found = list(losses)
    places = [place for place, _ in found]
    operation = any(_is_bad(diagnosis) for _, diagnosis in losses)  # told already, and which one it was
    for finding in findings if found else ():
        if operation and finding.kind == "non_finite":
            continue
        number = places.index((finding.file, finding.line)) if (finding.file, finding.line) in places else 0
        place, diagnosis = found[number]
        told = [*enumerate(diagnosis.findings), (None, finding)]
        told.sort(key=lambda one: _SEVERITIES.index(one[1].severity))  # stable: those of the loss itself come first
        found[number] = place, with_findings(replace(diagnosis, ok=diagnosis.ok and finding.severity != "error"), told)
    return found


def accountable(diagnosis: Diagnosis) -> Diagnosis:
    """A diagnosis that alarms only with a finding which has a line, or says why there is none."""
    if diagnosis.ok or any(finding.line or finding.why for finding in diagnosis.errors):
        return diagnosis
    if not diagnosis.dead and not diagnosis.unreached:  # zeros that no operation on the way makes
        note = NO_SINGLE_OPERATION.told(count=len(diagnosis.zero))
        return replace(diagnosis, ok=True, notes=(*diagnosis.notes, note))
    finding = _without_line(
        "constant",
        "out_of_sight",
        tensors=diagnosis.unreached,
        term=diagnosis.dead[0] if len(diagnosis.dead) == 1 else None,
    )
    return with_findings(diagnosis, [(None, finding), *enumerate(diagnosis.findings)])


def _without_line(kind: str, cause: str, *, tensors: tuple[str, ...] = (), term: str | None = None) -> Finding:
    known, said = KINDS[kind], KINDS[kind].say(cause)
    return Finding(
        kind, known.code, "", "", 0, "", "", said.why, said.cures, "likely", "error",
        tensors=tensors, term=term, cause=cause,
    )  # fmt: skip


def plain(findings: Sequence[Finding], terms: dict[str, Any], names: Sequence[str], notes: Sequence[str]) -> Diagnosis:
    """A diagnosis of a loss whose backward() does not come to its end: nothing arrives."""
    return Diagnosis(
        ok=False, findings=tuple(findings), terms=terms, unreached=(), zero=(), graph=FlowGraph(), notes=tuple(notes),
        wrt=tuple(names),
    )  # fmt: skip
