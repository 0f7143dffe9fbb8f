"""Backward passes that were looked at, and what was found of each."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from gradcheck_lm.flow.asking.answers import with_findings
from gradcheck_lm.flow.asking.cuts.drafts import Draft
from gradcheck_lm.flow.findings.model import KINDS, Diagnosis, Finding, FlowGraph
from gradcheck_lm.flow.findings.notes import (
    NO_SINGLE_OPERATION,
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
    lasts: bool = False  # the loss was not finite the last times either, and steps were taken all the same
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
    poisoned: bool = False  # NaN or infinity that stays: in the weights an optimizer stepped, in .grad, or in the loss

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
