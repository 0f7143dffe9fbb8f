"""The story's value, bit for bit, with a gradient: hard strings forward, soft characters backward."""

from __future__ import annotations

from typing import Any

from gradcheck_lm.htr.ctc import character_posteriors, greedy_paths
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.argmax import Argmax
from gradcheck_lm.penalties.base import Batch, PenaltyOutput, with_value
from gradcheck_lm.penalties.soft_embedding import known_flow, positive


class StraightThrough(Argmax):
    """The broken penalty's number, and as its gradient that of the soft tokens around the same strings.

    Args:
        temperature: > 0, no unit; of the posteriors, softmax(logits / temperature).
        flow: through the language model's "inputs", its "targets", or "both".
    Raises:
        ArgumentError: an option out of range.
        LanguageModelError: the language model has no `score_soft`.
    Gradient: biased surrogate, smooth; 0 for lines whose penalty is 0 by the hinge, and for the blank's logits.
    Source: Bengio et al. 2013 (the straight-through estimator), on tokens.
    """

    name = "straight_through"
    kind = "biased"
    summary = "hard forward, equal to the story's value bit for bit; soft backward"
    needs_soft_scores = True

    def __init__(
        self,
        language_model: Any,
        charset: Characters,
        *,
        temperature: float = 1.0,
        flow: str = "both",
        **common: Any,
    ) -> None:
        super().__init__(language_model, charset, **common)
        self.temperature = positive("temperature", temperature)
        self.flow = known_flow(flow)

    def _penalise(self, batch: Batch) -> PenaltyOutput:
        chosen = self.choose_lines(batch)
        hard = self.penalise_lines(batch, chosen)
        logits = batch.logits[:, chosen, :]
        lengths = None if batch.lengths is None else batch.lengths[chosen]
        paths = greedy_paths(logits, lengths=lengths)
        posteriors = character_posteriors(logits, paths, lengths=lengths, temperature=self.temperature)
        scores = self.objective.soft_scores(
            self._spell(paths), posteriors, self.charset.characters, hard=True, flow=self.flow
        )
        penalties = hard.per_line[chosen]
        counted = scores.isfinite()
        if self.objective.needs_labels or self.reduction == "positive_mean":
            counted &= penalties > 0
        lines = int((penalties > 0).sum()) if self.reduction == "positive_mean" else len(chosen)
        surrogate = scores.where(counted, 0.0).sum() / max(1, lines)
        loss = with_value(hard.loss, surrogate)
        return PenaltyOutput(loss, hard.value, hard.per_line, hard.predictions, self.scorer.calls)
