"""Names of tensors before and after all of a program's variables are known: a diagnosis made in the middle of it is
told by the names of its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import torch

from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.stepping.ledger.ledger import Ledger


def free_name(name: str, tensor: torch.Tensor, taken: Mapping[str, torch.Tensor]) -> str:
    """A name that no other tensor has: two modules of one class may not have been told apart yet."""
    number, found = 1, name
    while taken.get(found, tensor) is not tensor:
        number += 1
        owner, _, own = name.rpartition(".")
        found = f"{owner} #{number}.{own}" if owner else f"{name} #{number}"
    return found


def final_names(indices: Iterable[int], ledger: Ledger) -> tuple[str, ...]:
    """What the ledger calls these accounts."""
    return tuple(ledger.parameters[index].name for index in indices)


def renamed(diagnosis: Diagnosis, indices: Mapping[str, int], ledger: Ledger) -> Diagnosis:
    """A diagnosis by the ledger's names.

    Args:
        indices: of each name in the diagnosis the account.
    """
    last = dict(zip(indices, final_names(indices.values(), ledger), strict=True))

    def now(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(last.get(name, name) for name in names)

    return replace(
        diagnosis,
        findings=tuple(replace(finding, tensors=now(finding.tensors)) for finding in diagnosis.findings),
        terms={key: replace(term, reaches=now(term.reaches)) for key, term in diagnosis.terms.items()},
        unreached=now(diagnosis.unreached),
        zero=now(diagnosis.zero),
        wrt=now(diagnosis.wrt),
    )
