"""What no other question has explained: never is a gradient told as lost without a finding that says what is known."""

from __future__ import annotations

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.cuts.vanishing import harmless_zeros
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.gradients.deaths import Death
from gradcheck_lm.flow.watching.sites import Site, is_users, line_of


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
            if errors and (by_term or name in named):
                continue
            if kind != "zero_gradient" or not _hooked(evidence, chain, name):
                _put(chain, kind, tensor=name)
    if not errors and not any(draft.cause == "tensor_hook" for draft in chain.drafts.values()):
        for strand in evidence.dead:
            _put(chain, "zero_gradient" if strand.is_connected else "constant", term=evidence.label(strand))


def _hooked(evidence: Evidence, chain: Chain, name: str) -> bool:
    """Whether a live gradient was sent to a tensor of the program's own with a hook, and zero came out of it."""
    place = evidence.subjects.names.index(name)
    found = [one for deaths in evidence.deaths.values() for at, one in deaths.items() if at == place]
    death = next((one for one in found if one.state == "hooked"), None)
    site = None if death is None else _hook(evidence, place, death)
    if site is None:
        return False
    draft = Draft("zero_gradient", None, "likely", cause="tensor_hook", site=site, op="torch.Tensor.register_hook")
    chain.put(draft, key=("hook", *line_of(site)), tensor=name)
    return True


def _hook(evidence: Evidence, place: int, death: Death) -> Site | None:
    """The line that put a hook there; of one that is older than the recording, where it begins itself."""
    recording = evidence.recording
    made = () if death.call is None else recording.calls[death.call].outputs
    seen = next((recording.hooks[one] for one in (*made, *evidence.versions(place)) if one in recording.hooks), None)
    if seen is not None:
        return seen
    for hook in (evidence.subjects.tensors[place]._backward_hooks or {}).values():
        code = getattr(hook, "__code__", None)
        if code is not None and is_users(code):
            return Site(code, 0, None, 0)
    return None


def _put(chain: Chain, kind: str, *, term: str | None = None, tensor: str | None = None) -> None:
    chain.put(Draft(kind, None, "likely", cause="no_line"), key=(kind, "no line"), term=term, tensor=tensor)
