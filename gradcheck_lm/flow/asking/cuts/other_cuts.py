"""Cuts on the user's own lines that starve nothing: another way carries the gradient."""

from __future__ import annotations

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.findings.registry import KINDS
from gradcheck_lm.flow.tracing.graph import Cut
from gradcheck_lm.flow.watching.tape import Call

_MOST = 20
_APPLIES = torch.nn.Module._apply.__code__  # model.double(), .to(...): all of its tensors are made anew


def note_other_cuts(evidence: Evidence, chain: Chain) -> None:
    """Cuts of a live value on a way to a term, that are not told yet."""
    recording = evidence.recording
    reached, _ = evidence.flow.descendants(evidence.subjects.roots)
    leading = {token for ways in evidence.distances.values() for token in ways.tokens}
    starved = [evidence.subjects.roots[place] for place in (*evidence.unreached, *evidence.zero)]
    hungry = frozenset(evidence.flow.descendants(starved)[0]) if starved else frozenset[int]()
    left = _MOST
    for index, call in enumerate(recording.calls):
        if left == 0:
            return
        if not call.live or call.site is None or call.site.library_code is not None:
            continue
        sources = [token for token in call.inputs if token in reached and recording.tokens[token].requires_grad]
        if not sources or not hungry.isdisjoint(call.inputs):
            continue  # of what it cuts off nothing arrives by another way: no harmless cut
        if _makes_model(evidence, call):
            continue
        for output in call.outputs:
            for kind in evidence.flow.cuts(index, sources[0], output) if output in leading else ():
                if KINDS[kind].noted and call.operation.name != "grad.__get__":  # an optimizer reads it
                    left -= 1
                    chain.add(Cut(index, kind), certainty="certain", severity="note")


def _makes_model(evidence: Evidence, call: Call) -> bool:
    """A model that is copied or cast: its parameters are made, not used."""
    if call.operation.name == "__deepcopy__":
        return True
    return call.scope >= 0 and any(code is _APPLIES for code, _ in evidence.recording.switches[call.scope].stack)
