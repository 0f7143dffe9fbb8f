"""The answers for each loss of a script, and what the ledger adds to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from gradcheck_lm.flow.asking.answers import with_findings
from gradcheck_lm.flow.findings.model import Diagnosis, Finding
from gradcheck_lm.flow.scripts.passes.looks import Answer, accountable
from gradcheck_lm.flow.scripts.passes.settling import Elsewhere, family, is_bad, settled, sometimes_read
from gradcheck_lm.flow.stepping.report import frozen_on_purpose

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

    def diagnoses(self, idle: Iterable[int] = (), fed: Iterable[int] = ()) -> list[tuple[tuple[str, int], Diagnosis]]:
        """For each loss the line of its backward() and one diagnosis.

        Args:
            idle: ids of tensors of which something else is told.
            fed: ids of tensors that some backward pass gave a gradient, those passes too that were not asked about.
        """
        live = {key for answers in self._answers.values() for answer in answers for key in answer.live} | {*fed}
        found = []
        for answers in self._answers.values():
            fed = {key for answer in answers for key in answer.live}  # by this very loss
            changing = {name for answer in answers for name in answer.starved if answer.ids.get(name) in fed}
            changing |= sometimes_read(answers)
            elsewhere = Elsewhere(live, set(idle), {family(name) for name in changing if family(name) != name})
            found.append((answers[0].place, accountable(settled(answers, elsewhere))))
        return found


def with_steps(
    losses: Sequence[tuple[tuple[str, int], Diagnosis]], findings: Sequence[Finding]
) -> list[tuple[tuple[str, int], Diagnosis]]:
    """The diagnoses with what becomes of the gradients: at the loss on whose line it is told, else at the first."""
    found = [
        (place, replace(diagnosis, findings=tuple(frozen_on_purpose(diagnosis.findings, findings))))
        for place, diagnosis in losses
    ]
    places = [place for place, _ in found]
    operation = any(is_bad(diagnosis) for _, diagnosis in losses)  # told already, and which one it was
    early = any(one.kind == "grad_is_none" for _, diagnosis in losses for one in diagnosis.findings)
    for finding in findings if found else ():
        if (operation and finding.kind == "non_finite") or (early and finding.kind == "never_differentiated"):
            continue  # of a script that ends before its backward() that is no fault of its own
        number = places.index((finding.file, finding.line)) if (finding.file, finding.line) in places else 0
        place, diagnosis = found[number]
        told = [*enumerate(diagnosis.findings), (None, finding)]
        used_up = any(one.kind == "graph_used_up" for one in diagnosis.findings)  # what it comes of is told before it
        # stable: those of the loss itself come first
        told.sort(key=lambda one: (_SEVERITIES.index(one[1].severity), not (used_up and one[1].cause == "outdated")))
        found[number] = place, with_findings(replace(diagnosis, ok=diagnosis.ok and finding.severity != "error"), told)
    return found
