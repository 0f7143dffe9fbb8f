"""Targets of language models: tokens moved on once too often, and ends of texts that no target is given for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.asking.warnings.tokens.pairs import Pair, pairs
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Recording, TargetDoubt

_LEAST = 8  # targets: fewer are equal by chance
_COMPARISONS = words("eq __eq__ ne __ne__")
_WRITES = words("__setitem__ masked_fill masked_fill_ where")
_TEXTS = 4  # texts of a batch, at the least, that end in the doubtful token


def ask_about_targets(recorder: Recorder, roots: Sequence[torch.Tensor | float]) -> bool:
    """Note in the recording what is doubtful in the targets of a loss; whether anything is, there or in one before.

    Asked before the graph is freed: the tokens and the targets are those that it saves.
    """
    recording = recorder.recording
    found = _doubts(recorder, [root for root in roots if isinstance(root, torch.Tensor)])
    recording.target_doubts = [*(recording.target_doubts or ()), *found]
    return bool(recording.target_doubts)


def _doubts(recorder: Recorder, roots: Sequence[torch.Tensor]) -> list[TargetDoubt]:
    names = {call.operation.name for call in recorder.recording.calls}
    if "embedding" not in names or names.isdisjoint(("cross_entropy", "nll_loss")):
        return []
    nodes = list(dict.fromkeys(node for root in roots for node in walk_nodes(root.grad_fn)))
    with torch._C.DisableTorchFunction(), torch.no_grad():
        found = list(pairs(recorder.recording, nodes))
        once = [pair for pair in found if pair.agrees(1, least=_LEAST)]
        if not once:
            return [TargetDoubt("shifted_twice", pair.loss, {}) for pair in found if pair.agrees(2, least=_LEAST)][:1]
        return [doubt for pair in once[:1] for doubt in _ends(recorder, pair)]


def warn_of_targets(evidence: Evidence, chain: Chain) -> None:
    """A warning for each, where the loss is one that is asked about."""
    recording = evidence.recording
    for doubt in recording.target_doubts or ():
        call = recording.calls[doubt.call]
        if not evidence.leads_to_a_term(call):
            continue
        values = {**doubt.values, "loss": call.operation.title, "line": where(call.site)}
        kind = "mispaired" if doubt.cause == "shifted_twice" else "unread"
        site = call.site if doubt.written is None else recording.calls[doubt.written].site
        draft = Draft(kind, doubt.call, "likely", "warning", cause=doubt.cause, values=values, site=site)
        chain.put(draft, key=(doubt.cause, None if call.site is None else line_of(call.site)))


# ---------------------------------------------------------------------- the end of a text


def _ends(recorder: Recorder, pair: Pair) -> Iterator[TargetDoubt]:
    """The token that fills up the texts stands in them too, as their end, and no target is given for it there."""
    tokens, targets = pair.tokens, pair.targets
    length = min(targets.shape[1], tokens.shape[1] - 1)
    read, given = tokens[:, 1 : length + 1], targets[:, :length] >= 0
    for mask in _masks(recorder, tokens):
        filling = tokens[~mask].unique()
        if len(filling) != 1:
            continue
        real = mask[:, 1 : length + 1]
        ends = real & (read == filling)
        last = ends & ~torch.cat([real[:, 1:], torch.zeros_like(real[:, :1])], 1)
        if int(last.any(1).sum()) >= _TEXTS and not bool((given & (read == filling)).any()):
            yield TargetDoubt(
                "end_of_text", pair.loss, {"token": str(int(filling))}, _written(recorder.recording, pair)
            )
            return


def _masks(recorder: Recorder, tokens: torch.Tensor) -> Iterator[torch.Tensor]:
    """Tensors that say of each token whether it is one of a text: True, or 1."""
    for reference, _ in list(recorder.book.known.values()):
        one = reference()
        if one is None or one.shape != tokens.shape or one.requires_grad or one.device != tokens.device:
            continue
        if one.dtype is torch.bool:
            mask = one
        elif not bool(((one == 0) | (one == 1)).all()):
            continue
        else:
            mask = one == 1
        if bool(mask[:, 0].all()) and not bool(mask.all()):  # filled up behind, as for training
            yield mask


def _written(recording: Recording, pair: Pair) -> int | None:
    """The call that left out the targets by a comparison, as in `labels[labels == pad] = -100`."""
    waiting, seen = [recording.calls[pair.loss].inputs[1]], set()
    while waiting:
        token = waiting.pop()
        producer = recording.tokens[token].producer if token >= 0 else -1
        if producer < 0 or producer in seen:
            continue
        seen.add(producer)
        call = recording.calls[producer]
        made = (recording.tokens[one].producer for one in call.inputs if one >= 0)
        if call.operation.name in _WRITES and any(
            one >= 0 and recording.calls[one].operation.name in _COMPARISONS for one in made
        ):
            return producer
        waiting.extend(call.inputs)
    return None
