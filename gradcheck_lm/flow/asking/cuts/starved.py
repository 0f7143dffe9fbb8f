"""Terms that teach nothing and tensors without a gradient: the cuts on the ways along which one should have come."""

from __future__ import annotations

import itertools

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft, line_key
from gradcheck_lm.flow.asking.cuts.dropped_values import taken_out, written_over
from gradcheck_lm.flow.asking.cuts.left_early import loop_left_early
from gradcheck_lm.flow.asking.cuts.straight_through import straight_lines, taught_in_vain
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.terms import Strand
from gradcheck_lm.flow.findings.notes import OPAQUE, OUT_OF_SIGHT
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.tracing.graph import Cut, Distances
from gradcheck_lm.flow.watching.sites import Site

_ARITHMETIC = words(
    """
    add sub mul div neg mean sum to float __rsub__ __radd__ __rmul__ add_ sub_ mul_ div_ clone
    """
)
_EXPORTS = words("item tolist __float__ __int__ __index__ numpy __array__ __complex__")
_ASIDE = words("grad.__get__ grad.__set__ data.__get__ detach alias")  # as zero_grad() and initialisations look at it
_MOST_STARTS = 400  # tensors from which the ways to one dead term are followed


def explain_dead_terms(evidence: Evidence, chain: Chain) -> None:
    """The cuts on the shortest ways from wrt to each dead term."""
    for strand in evidence.dead:
        _explain_dead(evidence, chain, strand, evidence.distances[strand.name])


def _explain_dead(evidence: Evidence, chain: Chain, strand: Strand, ways: Distances) -> None:
    label, subjects = evidence.label(strand), evidence.subjects
    if strand.requires_grad and strand.is_connected:
        return  # connected, and zero: told by the nodes of the backward pass
    if _explain_refusal(evidence, chain, strand, ways, label):
        return
    if all(not subjects.tensors[place].requires_grad for place in subjects.wanted):
        for place in subjects.wanted:
            if subjects.roots[place] in ways.tokens:
                _frozen(evidence, chain, place, "error", label)
    starts = [root for root in subjects.roots if root in ways.tokens]
    if not starts:
        _constant(evidence, chain, strand.token, label)
        return
    least = min(ways.tokens[root][:3] for root in starts)
    nearest = [root for root in starts[:_MOST_STARTS] if ways.tokens[root][:3] == least]
    found = sum(chain.follow(ways, root, term=label) for root in nearest)
    if not found and all(subjects.tensors[place].requires_grad for place in subjects.wanted):
        chain.note(OPAQUE.told(term=repr(strand.name)))


def _explain_refusal(evidence: Evidence, chain: Chain, strand: Strand, ways: Distances, label: str | None) -> bool:
    """backward() raises: the operations on the way to the term that torch has no derivative of."""
    if not strand.gradients.refused:
        return False
    tokens, found = evidence.recording.tokens, False
    for index, call in enumerate(evidence.recording.calls):
        live = [source for source in call.inputs if tokens[source].requires_grad] if call.live else []
        for output in call.outputs if live else ():
            leads = output in ways.tokens and tokens[output].requires_grad
            if leads and any("discrete_op" in evidence.flow.cuts(index, source, output) for source in live):
                chain.add(Cut(index, "discrete_op"), certainty="certain", term=label)
                found = True
    return found


def explain_unreached(evidence: Evidence, chain: Chain) -> None:
    """The cuts between each tensor without gradient and a term of the loss."""
    if len(evidence.dead) == len(evidence.strands):
        return  # what starves all of them is told by the terms
    subjects, ways = evidence.subjects, evidence.ways
    lines = straight_lines(evidence.recording) if evidence.unreached else []
    for place in evidence.unreached:
        if not subjects.tensors[place].requires_grad:
            _frozen(evidence, chain, place, "error")
        elif subjects.roots[place] not in ways.tokens:
            _constant(evidence, chain, evidence.strands[0].token, None, place)
        elif (draft := taught_in_vain(evidence, place, lines)) is not None and draft.call is not None:
            site = evidence.recording.calls[draft.call].site
            chain.put(draft, key=("straight through", *line_key(site)), tensor=subjects.names[place])
        else:
            chain.follow(ways, subjects.roots[place], tensor=subjects.names[place])


def note_frozen(evidence: Evidence, chain: Chain) -> None:
    """Tensors that ask for no gradient, or whose module rests, among others that do."""
    for place in evidence.subjects.frozen:
        _frozen(evidence, chain, place, "note")
    for place in evidence.subjects.resting:
        versions, name = evidence.versions(place), evidence.subjects.names[place]
        readers = [at for at, call in enumerate(evidence.recording.calls) if not versions.isdisjoint(call.inputs)]
        chain.add(Cut(readers[-1], "grad_disabled"), certainty="certain", severity="note", tensor=name)


def _frozen(evidence: Evidence, chain: Chain, place: int, severity: str, term: str | None = None) -> None:
    site, call = _freezing(evidence, place)
    cause = "detached" if place in evidence.subjects.detached else ""
    draft = Draft("frozen", call, "certain", severity, site=site, op="requires_grad=False", cause=cause)
    key = ("frozen", *line_key(site), *([cause] if cause else []))  # without a cause as of the call on the way
    chain.put(draft, key=key, term=term, tensor=evidence.subjects.names[place])


def _freezing(evidence: Evidence, place: int) -> tuple[Site | None, int | None]:
    """Where requires_grad was switched off last, if that was seen; else where the tensor is first used."""
    root, versions = evidence.subjects.roots[place], set(evidence.versions(place))
    first: tuple[Site | None, int | None] = (None, None)
    switched: tuple[Site | None, int | None] = (None, None)
    for index, call in enumerate(evidence.recording.calls):
        if call.operation.marks_leaf and versions & {*call.inputs, *call.outputs}:
            switched = call.site, index
        elif root in call.inputs and first == (None, None):
            first = call.site, index
    return first if switched == (None, None) else switched


def _constant(evidence: Evidence, chain: Chain, token: int, term: str | None, place: int | None = None) -> None:
    """The line that made a term without one of the tensors asked about, or without all of them."""
    index = _maker(evidence, token)
    dropped: Site | None = None
    end = None if place is None else _thrown_away(evidence, place)
    shown = end is not None and evidence.recording.calls[end].module < 0  # in no module: printed, as a rule
    if place is not None and end is not None and not (shown and _only_left(evidence, place, within=True) is not None):
        index, dropped = end, _dropped_at(evidence, end)
        if (cut := taken_out(evidence, end)) is not None:
            chain.add(cut, certainty="likely", tensor=evidence.subjects.names[place])
            return
    elif place is not None and (export := _only_left(evidence, place, within=shown)) is not None:
        chain.add(Cut(export, "left_torch"), certainty="likely", tensor=evidence.subjects.names[place])
        return
    cause = ""
    if place is not None:
        cause = "used" if place in evidence.used else "unused"
        index = _made_at(evidence, place, index) if cause == "unused" else index
    elif not evidence.used:
        cause = "detached" if evidence.subjects.are_detached() else "nothing_used"
    chain.note(OUT_OF_SIGHT.told())
    # a value that no recorded call made may have been made of anything
    certainty = "certain" if index >= 0 else "likely"
    draft = Draft("constant", index if index >= 0 else None, certainty, cause=cause, site=dropped)
    name = None if place is None else evidence.subjects.names[place]
    site = dropped or (evidence.recording.calls[index].site if index >= 0 else None)
    if place is not None and cause == "unused" and (left := loop_left_early(evidence, place)) is not None:
        draft = Draft("constant", None, "certain", cause="loop_left_early", op="return", site=left)
        site, cause = left, draft.cause
    if cause == "used" and (over := written_over(evidence, index)) is not None:
        draft = Draft("constant", None, "certain", cause="written_over", op="=", site=over)
        site, cause = over, draft.cause
    chain.put(draft, key=("constant", *line_key(site), cause), term=term, tensor=name)


def _made_at(evidence: Evidence, place: int, index: int) -> int:
    """The line that made a tensor which no operation uses, where that was seen; else as it was."""
    versions = evidence.versions(place)
    for at, call in enumerate(evidence.recording.calls):
        if call.site is not None and versions & {*call.inputs, *call.outputs}:
            return at
    return index


def _thrown_away(evidence: Evidence, place: int) -> int | None:
    """The last call that a gradient could come back from to a tensor: what it gave was used no further."""
    tokens, last = evidence.recording.tokens, None
    versions = evidence.versions(place)
    reached = set(versions)
    for index, call in enumerate(evidence.recording.calls):
        sources = [token for token in call.inputs if token in reached and tokens[token].requires_grad]
        for output in call.outputs if sources else ():
            carries = tokens[output].requires_grad and output not in versions
            if carries and any(not evidence.flow.cuts(index, source, output) for source in sources):
                reached.add(output)
                last = index
    return last


def _only_left(evidence: Evidence, place: int, *, within: bool = False) -> int | None:
    """The first call by which a tensor left for Python, where nothing else is made of it that could bring it back.

    Args:
        within: in modules; what reads it elsewhere does not count.
    """
    versions, calls, tokens = evidence.versions(place), evidence.recording.calls, evidence.recording.tokens
    readers = [
        index
        for index, call in enumerate(calls)
        if call.live and not versions.isdisjoint(call.inputs) and (call.module >= 0 or not within)
    ]
    left = [index for index in readers if not calls[index].outputs and calls[index].operation.name in _EXPORTS]
    others = (
        calls[index]
        for index in readers
        if index not in left and not calls[index].operation.in_place and calls[index].operation.name not in _ASIDE
    )
    compared = all(not tokens[output].is_float for call in others for output in call.outputs)
    return left[0] if left and compared else None


def _dropped_at(evidence: Evidence, index: int) -> Site | None:
    """Where a module was called of which nothing leads to the loss: its caller makes nothing of what it gives."""
    recording = evidence.recording
    leading = {call.module: place for place, call in enumerate(recording.calls) if evidence.leads_to_a_term(call)}
    used = {module for place in leading.values() for module, _ in recording.around(place)}
    dropped = itertools.takewhile(lambda one: one[0] not in used, recording.around(index))
    return next((site for _, site in reversed(list(dropped))), None)


def _maker(evidence: Evidence, token: int) -> int:
    """The call that made a value, seen through arithmetic with plain numbers; -1 where it is not in the recording."""
    calls, tokens = evidence.recording.calls, evidence.recording.tokens
    index = tokens[token].producer
    for _ in range(1000):
        if index < 0:
            break
        call = calls[index]
        before = [value for value in call.inputs if value >= 0 and tokens[value].producer >= 0]
        if call.operation.name not in _ARITHMETIC or len(before) != 1:
            break
        index = tokens[before[0]].producer
    return index
