"""What no other question has explained: never is a gradient told as lost without a finding that says what is known."""

from __future__ import annotations

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.cuts.vanishing import harmless_zeros
from gradcheck_lm.flow.asking.evidence.evidence import Evidence


def explain_rest(evidence: Evidence, chain: Chain) -> None:
    """A finding without a line for each tensor and term that lacks its gradient and is in no error yet."""
    errors = [draft for draft in chain.drafts.values() if draft.severity == "error"]
    named = {name for draft in errors for name in draft.tensors}
    by_term = any(draft.terms for draft in errors)  # what a dead term does not give is told with the term
    harmless = harmless_zeros(evidence)
    faults = {
        "constant": evidence.unreached if len(evidence.dead) < len(evidence.strands) else (),
        "zero_gradient": [place for place in evidence.zero if place not in harmless],
        "non_finite": evidence.bad,
    }
    for kind, places in faults.items():
        for name in (evidence.subjects.names[place] for place in places):
            if not errors or not (by_term or name in named):
                _put(chain, kind, tensor=name)
    if not errors:
        for strand in evidence.dead:
            _put(chain, "zero_gradient" if strand.is_connected else "constant", term=evidence.label(strand))


def _put(chain: Chain, kind: str, *, term: str | None = None, tensor: str | None = None) -> None:
    chain.put(Draft(kind, None, "likely", cause="no_line"), key=(kind, "no line"), term=term, tensor=tensor)
