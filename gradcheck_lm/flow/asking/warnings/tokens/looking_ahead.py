"""Models that are to predict the next token and can read it: attention over the whole text, without a causal mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.asking.warnings.tokens.pairs import pairs
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import Site, line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_ATTENTION = words("multi_head_attention_forward scaled_dot_product_attention")
_RECURRENT = words("lstm gru rnn_tanh rnn_relu")
_PACKS = "_pack_padded_sequence"
_SCORES = words("mul div __rmul__ __mul__ __truediv__ float to softmax dropout half bfloat16")
_PRODUCTS = words("matmul __matmul__ bmm baddbmm einsum")
_LEAST = 3  # tokens: fewer are equal by chance


def warn_of_looking_ahead(evidence: Evidence, chain: Chain) -> None:
    """A warning for the first operation by which a position reads what it is to predict."""
    recording = evidence.recording
    roots = [strand.root for strand in evidence.strands if strand.root is not None]
    found = looks_ahead(recording, roots) if recording.ahead is None else recording.ahead
    for index in found:
        call = recording.calls[index]
        if evidence.leads_to_a_term(call):
            values = {"function": call.operation.title, "line": where(call.site)}
            site = _constructor(recording, call)
            draft = Draft("answer_in_sight", index, "likely", "warning", cause="next_token", values=values, site=site)
            draft.op = None if site is None else call.operation.title
            chain.put(draft, key=("ahead", None if call.site is None else line_of(call.site)))


def may_look_ahead(recorder: Recorder) -> bool:
    """Whether tokens are read in both directions at all, and a loss over classes comes behind."""
    names = {call.operation.name for call in recorder.recording.calls}
    reads = not names.isdisjoint(_ATTENTION | _RECURRENT | {"softmax"})
    return reads and "embedding" in names and not names.isdisjoint(("cross_entropy", "nll_loss"))


def looks_ahead(recording: Recording, roots: Sequence[torch.Tensor]) -> list[int]:
    """The calls by which each token reads those behind it, where the targets are the inputs moved on by one.

    Asked before the graph is freed: the tokens and the targets are those that it saves.
    """
    if not any(call.operation.name == "embedding" for call in recording.calls):
        return []
    nodes = dict.fromkeys(node for root in roots for node in walk_nodes(root.grad_fn))
    causal = dict(_causal(recording, nodes))
    for index, call in enumerate(recording.calls):
        if call.operation.name != "embedding" or len(call.inputs) < 2 or call.inputs[0] < 0:
            continue
        shape = recording.tokens[call.inputs[0]].shape
        if len(shape) != 2 or shape[1] < _LEAST:
            continue
        readers = _readers(recording, index, shape[1], causal)
        sizes = (shape[1], shape.numel())
        found = [
            reader for reader in readers if stays_in_place(recording, reader, (*sizes, *_packed(recording, reader)))
        ]
        if found and _is_moved_on(recording, nodes, index):
            return found[:1]
    return []


# ---------------------------------------------------------------------- what reads in both directions


def _readers(recording: Recording, start: int, times: int, causal: dict[int | None, bool]) -> Iterator[int]:
    """Calls behind an embedding by which each of its positions reads all the others."""
    calls = recording.calls
    reached = set(calls[start].outputs)
    for index in range(start + 1, len(calls)):
        call = calls[index]
        if reached.isdisjoint(call.inputs):
            continue
        reached.update(token for token in call.outputs if recording.tokens[token].is_float)
        name = call.operation.name
        if name in _ATTENTION and len(call.inputs) >= 3 and reached.issuperset(call.inputs[:2]):
            query, key = call.inputs[:2]
            own = query == key or name == "scaled_dot_product_attention"
            long = all(times in recording.tokens[token].shape for token in (query, key))
            open_ = name == "multi_head_attention_forward" or causal.get(index) is False
            if own and long and open_ and not _has_mask(recording, call, times):
                yield index
        elif name == "softmax" and _is_open(recording, call, times, reached):
            yield index
        elif name in _RECURRENT and call.module >= 0:
            module = recording.modules[call.module][0]()
            if getattr(module, "bidirectional", False) and times in _padded(recording, call.inputs[0]):
                yield index


def _padded(recording: Recording, token: int) -> torch.Size:
    """The shape of texts, and of packed ones that before they were packed."""
    producer = recording.tokens[token].producer
    packed = producer >= 0 and recording.calls[producer].operation.name == _PACKS
    return recording.tokens[recording.calls[producer].inputs[0] if packed else token].shape


def _packed(recording: Recording, index: int) -> tuple[int, ...]:
    """How many tokens a call reads that were packed without their padding: () where none were."""
    token = recording.calls[index].inputs[0]
    shape = recording.tokens[token].shape
    return () if _padded(recording, token) is shape else tuple(shape[:1])


def _constructor(recording: Recording, call: Call) -> Site | None:
    """Where a recurrent layer was told to read in both directions, if that was seen: there it is to be changed."""
    module = recording.modules[call.module][0]() if call.operation.name in _RECURRENT and call.module >= 0 else None
    known = recording.made.get(id(module))
    return known[1] if module is not None and known is not None and known[0]() is module else None


def stays_in_place(recording: Recording, start: int, sizes: tuple[int, ...]) -> bool:
    """Whether what a call gives for each position leads to the loss of that position, and is not one code of them all.

    Args:
        sizes: the positions of one text, of the batch, of packed texts: an axis as long is kept all along.
    """

    def keeps(token: int) -> bool:
        return not set(sizes).isdisjoint(recording.tokens[token].shape)

    reached = {token for token in recording.calls[start].outputs if keeps(token)}
    for call in recording.calls[start + 1 :]:
        entering = call.inputs[:1] if call.operation.name in _ATTENTION else call.inputs  # by its query alone
        if reached.isdisjoint(entering):
            continue
        if call.operation.name in ("cross_entropy", "nll_loss"):
            return True
        reached.update(token for token in call.outputs if keeps(token))
    return False


def _causal(recording: Recording, nodes: dict[Any, None]) -> Iterator[tuple[int | None, bool]]:
    """(call, whether it was told to look back alone) of scaled_dot_product_attention, as its nodes have it."""
    for node in nodes:
        if hasattr(node, "_saved_is_causal"):
            yield recording.call_of(node), bool(node._saved_is_causal)
        elif _is(node, "SafeSoftmax"):
            # done step by step: a mask, or what is_causal makes of it, is added to the scores
            before = node.next_functions[0][0]
            yield recording.call_of(node), before is not None and _is(before, "Add")


def _has_mask(recording: Recording, call: Call, times: int) -> bool:
    """Whether an argument is a square of all positions that learns nothing."""
    tokens = (recording.tokens[token] for token in call.inputs if token >= 0)
    return any(tuple(one.shape[-2:]) == (times, times) and not one.requires_grad for one in tokens)


def _is_open(recording: Recording, call: Call, times: int, reached: set[int]) -> bool:
    """A softmax over square scores that are a product of two values of the text, with nothing laid over them."""
    token = call.inputs[0] if call.inputs else -1
    if token < 0 or tuple(recording.tokens[token].shape[-2:]) != (times, times):
        return False
    while (producer := recording.tokens[token].producer) >= 0:
        made = recording.calls[producer]
        if made.operation.name in _PRODUCTS:
            return len(made.inputs) == 2 and reached.issuperset(made.inputs)
        if made.operation.name not in _SCORES or len(made.inputs) != 1:
            return False
        token = made.inputs[0]
    return False


# ---------------------------------------------------------------------- what is to be predicted


def _is_moved_on(recording: Recording, nodes: dict[Any, None], embedding: int) -> bool:
    """Whether what a loss is to find at each position is the token that stands at the next one."""
    with torch._C.DisableTorchFunction(), torch.no_grad():
        return any(
            pair.embedding == embedding and pair.targets.shape == pair.tokens.shape and pair.agrees(1, least=_LEAST + 1)
            for pair in pairs(recording, nodes)
        )


def _is(node: Any, name: str) -> bool:
    return str(node.name()).startswith(name)
