"""Terms of a loss that teach nothing although nothing on their way is cut: what they are made of does not learn."""

from __future__ import annotations

from collections.abc import Iterator

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.operations.names import LOSSES, words
from gradcheck_lm.flow.tracing.sums import Addend, addends_of, fallback_name
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.sites import Site, line_of
from gradcheck_lm.flow.watching.tape import OPEN, Call, Recording

# a number that is added otherwise may be a constant of a formula: an entropy, a normaliser, a decay of what is frozen
_LOSSES = LOSSES | words(
    """
    ctc_loss cosine_embedding_loss triplet_margin_loss margin_ranking_loss hinge_embedding_loss multilabel_margin_loss
    gaussian_nll_loss multi_margin_loss
    """
)
_REDUCTIONS = words("mean sum")


def warn_of_idle_terms(evidence: Evidence, chain: Chain) -> None:
    """A loss function in the sum that was given nothing which learns, or only what another optimizer steps on."""
    if evidence.given or all(strand.is_dead for strand in evidence.strands):
        return
    recording = evidence.recording
    reached, _ = evidence.flow.descendants(evidence.subjects.roots)
    for strand in evidence.strands:
        for leaf, index in _loss_functions(recording, strand.token, set(reached)):
            if leaf.token in reached:
                continue  # cut on its way: told by the cut
            call = recording.calls[index]
            live = recording.tokens[leaf.token].requires_grad
            if call.scope != OPEN or (live and not evidence.others):
                continue
            cause = "term_of_others" if live else "constant_term"
            site = _prediction(recording, call)
            values = {"term": leaf.name or fallback_name(recording, leaf.token), "loss": call.operation.title}
            draft = Draft("constant", index, "likely", "warning", cause=cause, values=values, site=site)
            chain.put(draft, key=("idle", cause, None if site is None else line_of(site)))


def may_be_idle(recorder: Recorder) -> bool:
    """Whether a loss function was given nothing that learns."""
    recording = recorder.recording
    return any(
        call.operation.name in _LOSSES and call.scope == OPEN and not call.live and call.outputs
        for call in recording.calls
    )


def _loss_functions(recording: Recording, token: int, varying: set[int]) -> Iterator[tuple[Addend, int]]:
    """The addends of a sum that a loss function of torch's gives, with its call."""
    leaves = addends_of(recording, token, varying, set()).leaves()
    for leaf in leaves if len(leaves) > 1 else ():
        producer = recording.tokens[leaf.token].producer
        while producer >= 0 and (call := recording.calls[producer]).operation.name in _REDUCTIONS and call.inputs:
            producer = recording.tokens[call.inputs[0]].producer if call.inputs[0] >= 0 else -1
        if producer >= 0 and recording.calls[producer].operation.name in _LOSSES:
            yield leaf, producer


def _prediction(recording: Recording, call: Call) -> Site | None:
    """Where what the loss function calls its input was made: that is what should have learnt."""
    first = call.inputs[0] if call.inputs else -1
    producer = recording.tokens[first].producer if first >= 0 else -1
    made = recording.calls[producer].site if producer >= 0 else None
    return call.site if made is None else made
