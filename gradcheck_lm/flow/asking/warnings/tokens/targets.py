"""Targets of language models: tokens moved on once too often, ends of texts without a target, padding that has one."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.asking.warnings.tokens.looking_ahead import stays_in_place
from gradcheck_lm.flow.asking.warnings.tokens.old_probabilities import doubtful_ratios
from gradcheck_lm.flow.asking.warnings.tokens.pairs import Pair, pairs
from gradcheck_lm.flow.asking.warnings.values.targets_misread import ASKED, misread_targets
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import Site, line_of
from gradcheck_lm.flow.watching.tape import Call, Recording, TargetDoubt

_LEAST = 8  # targets: fewer are equal by chance
_COMPARISONS = words("eq __eq__ ne __ne__")
_PARTS = words("__getitem__ narrow roll slice select split chunk")
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
    if not names.isdisjoint(ASKED):
        nodes = list(dict.fromkeys(node for root in roots for node in walk_nodes(root.grad_fn)))
        with torch._C.DisableTorchFunction(), torch.no_grad():
            if misread := list(misread_targets(recorder.recording, nodes)):
                return misread
    if "exp" in names:
        nodes = list(dict.fromkeys(node for root in roots for node in walk_nodes(root.grad_fn)))
        with torch._C.DisableTorchFunction(), torch.no_grad():
            if ratios := list(doubtful_ratios(recorder.recording, nodes)):
                return ratios
    if "embedding" not in names or names.isdisjoint(("cross_entropy", "nll_loss")):
        return []
    nodes = list(dict.fromkeys(node for root in roots for node in walk_nodes(root.grad_fn)))
    with torch._C.DisableTorchFunction(), torch.no_grad():
        found = list(pairs(recorder.recording, nodes))
        once = [pair for pair in found if pair.agrees(1, least=_LEAST)]
        if not once:
            twice = [pair for pair in found if pair.agrees(2, least=_LEAST)][:1]
            copied = [] if twice else [pair for pair in found if _is_copied(recorder, pair)][:1]
            moved = (("shifted_twice", one, _moved_on(recorder.recording, one)) for one in twice)
            still = (("not_shifted", one, None) for one in copied)
            return [TargetDoubt("mispaired", cause, one.loss, {}, line) for cause, one, line in (*moved, *still)]
        return [doubt for pair in once[:1] for doubt in (*_ends(recorder, pair), *_padding(recorder, pair))]


def _is_copied(recorder: Recorder, pair: Pair) -> bool:
    """Whether each position is to find the very token that it reads, with no code between that all positions share."""
    if pair.embedding is None or pair.tokens.shape != pair.targets.shape or not pair.agrees(0, least=_LEAST):
        return False
    sizes = (pair.tokens.shape[1], pair.tokens.numel())
    return stays_in_place(recorder.recording, pair.embedding, sizes)


def warn_of_targets(evidence: Evidence, chain: Chain) -> None:
    """A warning for each, where the loss is one that is asked about."""
    recording = evidence.recording
    for doubt in recording.target_doubts or ():
        call = recording.calls[doubt.call]
        if not evidence.leads_to_a_term(call):
            continue
        values = {**doubt.values, "loss": call.operation.title, "line": where(call.site)}
        site = call.site if doubt.written is None else recording.calls[doubt.written].site
        index, op = doubt.call, None
        if doubt.said_by == "loss":
            site = _made(recording, call) or site
        elif doubt.said_by == "layer" and doubt.written is not None:
            index, site = doubt.written, recording.layer(doubt.written) or site
            op = recording.calls[index].operation.title
        draft = Draft(doubt.kind, index, "likely", "warning", cause=doubt.cause, values=values, site=site, op=op)
        chain.put(draft, key=(doubt.cause, None if call.site is None else line_of(call.site)))


def _moved_on(recording: Recording, pair: Pair) -> int | None:
    """The call that took a part of what the loss is given as targets, the last one before it."""
    return _behind(recording, pair, lambda call: call.operation.name in _PARTS)


def _made(recording: Recording, call: Call) -> Site | None:
    """Where the loss, if it is a module, was made: what it leaves out is said there."""
    module = recording.modules[call.module][0]() if call.module >= 0 else None
    known = recording.made.get(id(module)) if isinstance(module, torch.nn.CrossEntropyLoss | torch.nn.NLLLoss) else None
    return known[1] if known is not None and known[0]() is module else None


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
                "unread", "end_of_text", pair.loss, {"token": str(int(filling))}, _written(recorder.recording, pair)
            )
            return
    if not any(True for _ in _masks(recorder, tokens)):
        yield from _ends_as_padding(recorder, pair)


def _ends_as_padding(recorder: Recorder, pair: Pair) -> Iterator[TargetDoubt]:
    """Without a mask: the program says that the end's token fills up, and the longest text is without it, too."""
    tokens, targets = pair.tokens, pair.targets
    site = recorder.recording.calls[pair.loss].site
    if site is None or not _fills_with_ends(site.code.co_filename) or tokens.shape[1] < 2:
        return
    length = min(targets.shape[1], tokens.shape[1] - 1)
    filling = tokens[:, -1].unique()
    if len(filling) != 1 or length < tokens.shape[1] - 1:
        return
    behind = (tokens == filling).flip(1).cumprod(1).sum(1)
    given = (targets[:, :length] >= 0) & (tokens[:, 1 : length + 1] == filling)
    if len(tokens) >= _TEXTS and int(behind.min()) == 1 and not bool(given.any()):
        yield TargetDoubt(
            "unread", "end_of_text", pair.loss, {"token": str(int(filling))}, _written(recorder.recording, pair)
        )


@cache
def _fills_with_ends(file: str) -> bool:
    """Whether a program sets its padding to the token that ends a text."""
    return any(re.search(r"pad\w*\s*=\s*[\w.]*eos", line) for line in linecache.getlines(file))


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


def _padding(recorder: Recorder, pair: Pair) -> Iterator[TargetDoubt]:
    """What fills up the texts, and is known to, is what most of them are to learn at their ends."""
    tokens, targets = pair.tokens, pair.targets
    length = min(targets.shape[1], tokens.shape[1] - 1)
    read, wanted = tokens[:, 1 : length + 1], targets[:, :length]
    fillings = [pair.padding] if pair.padding >= 0 else []
    fillings += [int(one[0]) for mask in _masks(recorder, tokens) if len(one := tokens[~mask].unique()) == 1]
    for filling in fillings if pair.reduced else ():
        alike = (read == filling) & (wanted == filling)
        behind = alike.flip(1).cumprod(1).flip(1).bool()  # up to the end of the text
        if filling != pair.ignored and int((behind.sum(1) >= 2).sum()) >= _TEXTS:
            share = f"{int(behind.sum()) / max(1, int((wanted != pair.ignored).sum())):.0%}"
            values = {"token": str(filling), "share": share}
            yield TargetDoubt("unread", "padding_counted", pair.loss, values, said_by="loss")
            return


def _written(recording: Recording, pair: Pair) -> int | None:
    """The call that left out the targets by a comparison, as in `labels[labels == pad] = -100`."""

    def by_comparison(call: Call) -> bool:
        made = (recording.tokens[one].producer for one in call.inputs if one >= 0)
        return call.operation.name in _WRITES and any(
            one >= 0 and recording.calls[one].operation.name in _COMPARISONS for one in made
        )

    return _behind(recording, pair, by_comparison)


def _behind(recording: Recording, pair: Pair, is_meant: Callable[[Call], bool]) -> int | None:
    """Of the calls that led to the targets of a loss the last one of a sort."""
    behind = recording.behind([recording.calls[pair.loss].inputs[1]])
    return next((index for index in behind if is_meant(recording.calls[index])), None)
