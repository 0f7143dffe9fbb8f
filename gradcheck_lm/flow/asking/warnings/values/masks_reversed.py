"""Masks that are taken the other way round: what is to be read is left out, and the padding stays."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.operations.names import MULTIPLICATIONS, words
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import expression_at, line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_SAME = words(
    "unsqueeze view reshape expand expand_as to bool float int long type_as __getitem__ repeat contiguous clone squeeze"
)
_TURNS = words("__invert__ logical_not bitwise_not invert")
_TAKES = words("rsub __rsub__")  # 1 - mask
_FILLS = words("masked_fill masked_fill_")
_ATTENTION = "multi_head_attention_forward"
_EQUAL, _OTHER = words("eq __eq__"), words("ne __ne__")
_BELOW, _NOT_BELOW = words("lt __lt__ less"), words("ge __ge__ greater_equal")
_ABOVE, _NOT_ABOVE = words("gt __gt__ greater"), words("le __le__ less_equal")
_COMPARISONS = _EQUAL | _OTHER | _BELOW | _NOT_BELOW | _ABOVE | _NOT_ABOVE
_IGNORED = re.compile(r"ignore", re.IGNORECASE)
_NEVER = -1e4  # a score that is filled with less is never chosen


class Mask(NamedTuple):
    """What a mask says where it is True.

    Attributes:
        real: a token, and not padding.
        made: the comparison that made it.
        ignored: it compares targets with a number that no class has.
    """

    real: bool
    made: int
    ignored: bool = False


def warn_of_reversed_masks(evidence: Evidence, chain: Chain) -> None:
    """A warning where such a mask is used."""
    recording, leading = evidence.recording, evidence.ways.tokens
    for index, cause, mask in _reversed(recording):
        call = recording.calls[index]
        if any(token in leading for token in call.outputs):
            values = {"function": call.operation.title, "line": where(recording.calls[mask.made].site)}
            draft = Draft("unread", index, "likely", "warning", cause=cause, values=values)
            chain.put(draft, key=("mask", None if call.site is None else line_of(call.site)))


def may_reverse_masks(recorder: Recorder) -> bool:
    """Whether there is such a mask."""
    return any(True for _ in _reversed(recorder.recording))


def _reversed(recording: Recording) -> Iterator[tuple[int, str, Mask]]:
    """(the call that takes it, the kind's cause, the mask)."""
    calls, tokens = recording.calls, recording.tokens
    for index, call in enumerate(calls):
        name = call.operation.name
        if name in _FILLS and len(call.inputs) > 1:
            mask = _mask(recording, call.inputs[1])
            if mask is not None and mask.real:
                reader = _reader(recording, index)
                filled = any(isinstance(one, float) and one < _NEVER for one in call.host or ())
                if call.live or filled or reader != index:
                    yield reader, "mask_hides_texts", mask
        elif name == "scaled_dot_product_attention" and len(call.inputs) > 3 and call.inputs[3] >= 0:
            chosen = tokens[call.inputs[3]].dtype is torch.bool
            mask = _mask(recording, call.inputs[3]) if chosen else None
            if mask is not None and not mask.real:
                yield index, "mask_keeps_padding", mask
        elif name in MULTIPLICATIONS and call.live and len(call.inputs) == 2:
            for token in call.inputs:
                mask = None if token < 0 or tokens[token].requires_grad else _mask(recording, token)
                if mask is not None and not mask.real and mask.ignored:
                    yield index, "mask_keeps_padding", mask


def _reader(recording: Recording, index: int) -> int:
    """The attention that a mask of -inf is made for, inside a module of torch's; else the call itself."""
    made = set(recording.calls[index].outputs)
    readers = (at for at, call in enumerate(recording.calls) if at > index and not made.isdisjoint(call.inputs))
    first = next(readers, index)
    return first if recording.calls[first].operation.name == _ATTENTION else index


def _mask(recording: Recording, token: int) -> Mask | None:
    """What a mask says, from the comparison that made it."""
    turned = False
    while token >= 0 and (index := recording.tokens[token].producer) >= 0:
        call = recording.calls[index]
        name = call.operation.name
        if name in _COMPARISONS:
            found = _compared(recording, index, call)
            return found and found._replace(real=found.real != turned)
        if name in _TURNS or name in _TAKES:
            turned = not turned
        elif name not in _SAME:
            return None
        token = call.inputs[0] if call.inputs else -1
    return None


def _compared(recording: Recording, index: int, call: Call) -> Mask | None:
    """Ids against one id, or places against lengths."""
    name, inputs = call.operation.name, [token for token in call.inputs if token >= 0]
    other = _other_side(call)
    if len(inputs) == 1 and other is not None:
        whole = not recording.tokens[inputs[0]].is_float and recording.tokens[inputs[0]].dtype is not torch.bool
        ignored = other.startswith("-") or bool(_IGNORED.search(other))
        if whole and (ignored or _are_ids(recording, inputs[0])):
            if name in _OTHER or (name in _ABOVE and other == "0"):
                return Mask(True, index, ignored)
            if name in _EQUAL:
                return Mask(False, index, ignored)
    if len(inputs) == 2:
        left, right = (_are_places(recording, token) for token in inputs)
        if left and not right and name in _BELOW | _NOT_BELOW:
            return Mask(name in _BELOW, index)
        if right and not left and name in _ABOVE | _NOT_ABOVE:
            return Mask(name in _ABOVE, index)
    return None


def _other_side(call: Call) -> str | None:
    """What a comparison holds a tensor against, as it is written; None where that is not one thing."""
    written = None if call.site is None else expression_at(call.site.code, call.site.instruction)
    if isinstance(written, ast.Compare) and len(written.comparators) == 1:
        return ast.unparse(written.comparators[0])
    if isinstance(written, ast.Call) and len(written.args) == 1:
        return ast.unparse(written.args[0])
    return None


def _are_ids(recording: Recording, token: int) -> bool:
    """Whether an embedding looks them up."""
    return any(call.operation.name == "embedding" and token in call.inputs for call in recording.calls)


def _are_places(recording: Recording, token: int) -> bool:
    """0, 1, 2 and so on."""
    index = recording.maker(token, _SAME)
    return index is not None and recording.calls[index].operation.name == "arange"
