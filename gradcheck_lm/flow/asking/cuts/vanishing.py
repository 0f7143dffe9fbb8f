"""Gradients that vanish on the way back: nodes of the backward pass that give zero, None or NaN."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.cuts.own_backward import computed_again, returns_none
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.gradients.deaths import Death
from gradcheck_lm.flow.operations.names import MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.sites import called_at, line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_PRODUCTS = words(
    """
    linear bilinear matmul __matmul__ __rmatmul__ mm bmm mv dot addmm baddbmm einsum mul mul_ __mul__ __rmul__ __imul__
    multiply conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
    """
)
_ZEROING = words("zero_ fill_ copy_ zeros_ constant_ mul_ __imul__ uniform_ normal_ __setitem__")
_LAYERS = words(
    "linear bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d"
)  # whose weights have two axes and more
# of the lengths that a CTC loss is given: what leaves them as they are but for their type or their least, and what
# makes them of nothing
_KEEPING_LENGTHS = words(
    "to int long type cpu clamp clamp_min clamp_max detach clone contiguous view reshape squeeze flatten"
)
_FILLED = words("full full_like tensor as_tensor zeros ones arange from_numpy")


def explain_deaths(evidence: Evidence, chain: Chain) -> None:
    """The places where autograd's own gradient dies, each with the tensors that it starves."""
    for strand in evidence.strands:
        told_of = strand.is_dead and evidence.label(strand) is not None
        for place, death in evidence.deaths[strand.name].items():
            if (
                _leads_elsewhere(death)
                or death.state == "hooked"
                or (place in evidence.underflowed and death.state == "zero")
            ):
                continue
            made_zero = _made_zero(evidence, death, place)
            own = _too_short(evidence, death) or computed_again(evidence, death) or returns_none(evidence, death, place)
            term, name = strand.name if told_of else None, evidence.subjects.names[place]
            if own is not None:
                at = own.call if own.site is None else line_of(own.site)
                chain.put(own, key=("own reason", own.kind, own.cause, at), term=term, tensor=name)
                continue
            chain.death(
                death if made_zero is None else replace(death, call=made_zero),
                term=term,
                tensor=name,
                severity="note" if _is_gentle(evidence, death, place) and not strand.is_dead else "error",
                cause=_why_zero(evidence, death, place, made_zero),
            )


def _why_zero(evidence: Evidence, death: Death, place: int, made_zero: int | None) -> str:
    """The cause, where it is not told by the operation."""
    if place in evidence.without_samples:
        return "no_samples"
    if _is_weighed_zero(evidence, death):
        return "weight_zero"
    if death.state == "cancels" and death.call is not None:
        site = evidence.recording.calls[death.call].site
        return "own_density" if site is not None and called_at(site) == "log_prob" else ""
    return "" if made_zero is None else "zero_factor"


def _too_short(evidence: Evidence, death: Death) -> Draft | None:
    """A CTC loss that gives zeros: zero_infinity has made 0 of targets that are longer than their frames.

    Told at the line that computed the numbers of frames, where that was seen.
    """
    if death.call is None or death.state != "zero" or death.python:
        return None
    recording = evidence.recording
    call = recording.calls[death.call]
    if call.operation.name != "ctc_loss":
        return None
    values = {"loss": where(call.site)}
    maker = _made_lengths(recording, call.inputs[2]) if len(call.inputs) == 4 else None
    if maker is None:
        return Draft("zero_gradient", death.call, "certain", cause="ctc_infinite", values=values)
    site, op = recording.calls[maker].site, recording.calls[maker].operation.title
    return Draft("zero_gradient", death.call, "likely", cause="ctc_lengths", values=values, site=site, op=op)


def _made_lengths(recording: Recording, token: int) -> int | None:
    """The last call that computed these numbers, past those that change only their type or hold them in a range."""
    while token >= 0 and (index := recording.tokens[token].producer) >= 0:
        call = recording.calls[index]
        if call.operation.name not in _KEEPING_LENGTHS:
            return index if call.inputs and call.operation.name not in _FILLED else None
        token = call.inputs[0] if call.inputs else -1
    return None


def explain_underflow(evidence: Evidence, chain: Chain) -> None:
    """The places where half precision rounds a gradient to zero: with a larger loss it is there."""
    for place, underflow in evidence.underflowed.items():
        name, tensor = evidence.subjects.names[place], evidence.subjects.tensors[place]
        found = (deaths.get(place) for deaths in evidence.deaths.values())
        call = next((death.call for death in found if death is not None and death.state == "zero"), None)
        dtype = torch.float16 if call is None else _dtype(evidence, call) or tensor.dtype
        values = {
            "count": str(underflow.count), "parameter": name, "dtype": str(dtype).removeprefix("torch."),
            "scale": f"{underflow.scale:.0f}",
        }  # fmt: skip
        draft = Draft("underflow", call, "certain", cause="unscaled", values=values)
        site = None if call is None else evidence.recording.calls[call].site
        chain.put(draft, key=("underflow", None if site is None else line_of(site)), tensor=name)


def _dtype(evidence: Evidence, call: int) -> torch.dtype | None:
    """float16, where a call reads or gives it."""
    tokens = (*evidence.recording.calls[call].inputs, *evidence.recording.calls[call].outputs)
    half = any(token >= 0 and evidence.recording.tokens[token].dtype is torch.float16 for token in tokens)
    return torch.float16 if half else None


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
    told = {place for deaths in evidence.deaths.values() for place, death in deaths.items() if death.state != "hooked"}
    found.update(place for place in evidence.zero if place not in told and _waits(evidence, place))
    return frozenset(found.difference(evidence.underflowed))


def _leads_elsewhere(death: Death) -> bool:
    """Whether the term's graph simply does not lead to the tensor."""
    return death.state == "none" and not death.python


def _is_gentle(evidence: Evidence, death: Death, place: int) -> bool:
    """No fault: a shift whose gradients cancel, a factor that is zero still and learns, nothing to learn from."""
    if death.gentle or death.state != "zero":
        return death.gentle
    no_fault = place in evidence.without_samples or _is_weighed_zero(evidence, death)
    return no_fault or _starts_at_zero(evidence, death, place)


def _is_weighed_zero(evidence: Evidence, death: Death) -> bool:
    """A term, one number, times a number of the program's that is 0: switched off, or not switched on yet."""
    if death.call is None or death.state != "zero":
        return False
    call, tokens = evidence.recording.calls[death.call], evidence.recording.tokens
    if call.operation.name not in MULTIPLICATIONS or len(call.inputs) != 1:
        return False
    return all(math.prod(tokens[token].shape) == 1 for token in (*call.inputs, *call.outputs))


def _starts_at_zero(evidence: Evidence, death: Death, place: int) -> bool:
    """The other factor is a parameter that is all zero still and learns: LoRA's B, a residual gate."""
    if death.call is None:
        return False
    call, tensors = evidence.recording.calls[death.call], evidence.subjects.tensors
    waiting = (other for other in _zero_and_learning(evidence) if other != place and _is_factor(call, tensors[other]))
    return any(not evidence.versions(other).isdisjoint(call.inputs) for other in waiting)


def _made_zero(evidence: Evidence, death: Death, place: int) -> int | None:
    """The call that filled the other factor with zeros, where that one does not learn either: both wait for ever."""
    if death.state != "zero" or death.call is None:
        return None
    call, tensors = evidence.recording.calls[death.call], evidence.subjects.tensors
    if call.operation.name not in _PRODUCTS:
        return None
    factors = set(call.inputs)
    for token in call.inputs:  # a factor may itself be the product of a tensor that is all zero: LoRA's first half
        producer = evidence.recording.tokens[token].producer
        if producer >= 0 and (made := evidence.recording.calls[producer]).operation.name in _PRODUCTS:
            factors.update(made.inputs)
    for other in range(len(tensors)):
        idle = other != place and other not in evidence.fed and _is_factor(call, tensors[other])
        if idle and not evidence.versions(other).isdisjoint(factors) and not bool(tensors[other].detach().any()):
            both = _is_factor(call, tensors[place]) and not bool(tensors[place].detach().any())
            zeros = [other, place] if both else [other]
            changes = [change for one in zeros if (change := _last_change(evidence, one)) is not None]
            return max(changes, default=None)  # of two the later: with one factor of zeros the other one learns
    return None


def _is_factor(call: Call, tensor: torch.Tensor) -> bool:
    """Whether a product multiplies by a tensor; a layer's bias is added."""
    return tensor.numel() > 0 and (tensor.dim() > 1 or call.operation.name not in _LAYERS)


def _last_change(evidence: Evidence, place: int) -> int | None:
    """The last call that wrote into a tensor, through `.data` or into itself."""
    calls, tokens = evidence.recording.calls, evidence.recording.tokens
    versions = set(evidence.versions(place))
    for version in list(versions):
        made = tokens[version].producer
        if made >= 0 and calls[made].operation.name == "data":  # what was written there meets what there was
            versions.update(token for token in calls[made].inputs if token >= 0)
    writers = (tokens[version].producer for version in versions)
    return max((index for index in writers if index >= 0 and calls[index].operation.name in _ZEROING), default=None)


def _zero_and_learning(evidence: Evidence) -> list[int]:
    """Places of tensors that are all zero still and get a gradient that is not."""
    tensors = evidence.subjects.tensors
    return [p for p in sorted(evidence.fed) if tensors[p].numel() and not bool(tensors[p].detach().any())]


def _waits(evidence: Evidence, place: int) -> bool:
    """Whether each recorded way to the loss passes a product with a tensor that is zero still and learns.

    For what runs inside reentrant checkpointing, where no node of the graph is seen.
    """
    still = frozenset[int]().union(*(evidence.versions(other) for other in _zero_and_learning(evidence)))
    reached, met = set(evidence.versions(place)), False
    for call in evidence.recording.calls:
        if reached.isdisjoint(call.inputs):
            continue
        if call.operation.name in _PRODUCTS and not still.isdisjoint(call.inputs):
            met = True
        else:
            reached.update(call.outputs)
    return met and reached.isdisjoint(strand.token for strand in evidence.strands)
