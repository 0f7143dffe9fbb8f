"""Gradients that vanish on the way back: nodes of the backward pass that give zero, None or NaN."""

from __future__ import annotations

from gradcheck_lm.flow.asking.drafts import Chain
from gradcheck_lm.flow.asking.evidence import Evidence
from gradcheck_lm.flow.gradients.deaths import Death


def explain_deaths(evidence: Evidence, chain: Chain) -> None:
    """The places where autograd's own gradient dies, each with the tensors that it starves."""
    for strand in evidence.strands:
        told_of = strand.is_dead and evidence.label(strand) is not None
        for place, death in evidence.deaths[strand.name].items():
            if _leads_elsewhere(death):
                continue
            chain.death(
                death,
                term=strand.name if told_of else None,
                tensor=evidence.subjects.names[place],
                severity="note" if _is_gentle(evidence, death, place) else "error",
            )


def explain_shifts(evidence: Evidence, chain: Chain) -> None:
    """Terms whose only gradient is one that a normalisation takes away again."""
    names = evidence.subjects.names
    for strand in evidence.dead:
        for place, node in strand.gradients.structural.items():
            death = Death(evidence.recording.call_of(node), node.name(), "zero", False, False)
            chain.death(death, term=evidence.label(strand), tensor=names[place], severity="error")


def harmless_zeros(evidence: Evidence) -> frozenset[int]:
    """Places of tensors whose zero gradient is no fault."""
    found = set(evidence.structural)
    for deaths in evidence.deaths.values():
        for place, death in deaths.items():
            if not _leads_elsewhere(death) and _is_gentle(evidence, death, place):
                found.add(place)
    return frozenset(found)


def _leads_elsewhere(death: Death) -> bool:
    """Whether the term's graph simply does not lead to the tensor."""
    return death.state == "none" and not death.python


def _is_gentle(evidence: Evidence, death: Death, place: int) -> bool:
    """A zero gradient at the parameter's own step, while its neighbours there learn: a bias before BatchNorm."""
    return death.state == "zero" and (death.direct or _starts_at_zero(evidence, death, place))


def _starts_at_zero(evidence: Evidence, death: Death, place: int) -> bool:
    """The other factor is a parameter that is all zero still and learns: LoRA's B, a residual gate."""
    if death.call is None:
        return False
    subjects = evidence.subjects
    inputs = set(evidence.recording.calls[death.call].inputs)
    for other, root in enumerate(subjects.roots):
        if other != place and root in inputs and subjects.tensors[other].requires_grad:
            value = subjects.tensors[other].detach()
            if value.numel() and not bool(value.any()) and other in evidence.fed:
                return True
    return False
