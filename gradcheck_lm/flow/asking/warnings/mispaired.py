"""Predictions that a loss holds against targets of other samples: two shuffled loaders, or two passes over one."""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.operations.names import LOSSES, words
from gradcheck_lm.flow.watching.randomness.draws import Draw
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.tape import Recording

# what leaves a batch as it came from its loader: only the shape, the type or the place of its numbers is another
_AS_IT_CAME = words(
    """
    view reshape squeeze unsqueeze flatten permute transpose t contiguous float long double half int to type clone cpu
    cuda detach view_as __getitem__
    """
)


def warn_of_mispairs(evidence: Evidence, chain: Chain) -> None:
    """A warning for each loss whose two sides were made of different samples."""
    for index, cause, drawn in _mispairs(evidence.recording):
        call = evidence.recording.calls[index]
        if evidence.leads_to_a_term(call):
            values = {"loss": call.operation.title, "line": where(call.site)}
            draft = Draft("mispaired", index, "likely", "warning", cause=cause, values=values, site=drawn.site)
            draft.op = "torch.utils.data.DataLoader"
            chain.put(draft, key=("mispaired", None if drawn.site is None else line_of(drawn.site)))


def may_be_mispaired(recording: Recording) -> bool:
    """Whether any loss is given two sides of different samples."""
    return any(True for _ in _mispairs(recording))


def _mispairs(recording: Recording) -> Iterator[tuple[int, str, Draw]]:
    """(call, cause, the target's batch)."""
    if len(set(recording.draws.values())) < 2:
        return
    for index, call in enumerate(recording.calls):
        if call.operation.name not in LOSSES or len(call.inputs) < 2 or not call.live:
            continue
        prediction, target = call.inputs[:2]
        if target < 0 or prediction < 0 or recording.tokens[target].requires_grad:
            continue
        shown, wanted = _draws(recording, prediction), _draws(recording, target)
        if not shown or not wanted or shown & wanted:
            continue
        for one in shown:
            for two in wanted:
                if one.loader == two.loader and one.samples != two.samples:
                    yield index, "two_passes", two
                    break
                if _are_beside(one, two) and _is_raw(recording, target):
                    yield index, "two_loaders", two
                    break


def _are_beside(one: Draw, two: Draw) -> bool:
    """Two loaders, both shuffled, and each in its own way."""
    return one.shuffled and two.shuffled and one.loader != two.loader and one.samples != two.samples


def _draws(recording: Recording, token: int) -> set[Draw]:
    """The batches that a value was made of."""
    found: set[Draw] = set()
    seen, waiting = set(), [token]
    while waiting:
        current = waiting.pop()
        if current < 0 or current in seen:
            continue
        seen.add(current)
        if (draw := recording.draws.get(current)) is not None:
            found.add(draw)
            continue
        producer = recording.tokens[current].producer
        waiting.extend(recording.calls[producer].inputs if producer >= 0 else ())
    return found


def _is_raw(recording: Recording, token: int) -> bool:
    """Whether a target is a loader's batch itself."""
    while token >= 0 and token not in recording.draws:
        producer = recording.tokens[token].producer
        call = recording.calls[producer] if producer >= 0 else None
        if call is None or call.operation.name not in _AS_IT_CAME or len(call.inputs) != 1:
            return False
        token = call.inputs[0]
    return token >= 0
