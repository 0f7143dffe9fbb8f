"""The penalty through soft characters: expected embeddings into the language model, soft targets out of it."""

from __future__ import annotations

from typing import Any

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.ctc import character_posteriors, greedy_paths
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch, Penalty, PenaltyOutput

FLOWS = ("both", "inputs", "targets")


class SoftEmbedding(Penalty):
    """Keep the greedy path's segments, and let each character be a distribution over all characters.

    Args:
        temperature: > 0, no unit; of the posteriors, softmax(logits / temperature).
        flow: through the language model's "inputs", its "targets", or "both".
    Raises:
        ArgumentError: temperature or flow out of range.
        LanguageModelError: the language model has no `score_soft`.
    Gradient: biased surrogate, smooth and without noise: the segments stay as they are, so nothing is learned about
        inserting or deleting a character, and the blank's logits get exactly 0.
    Source: soft inputs and soft targets for a language model, Guo et al. 2021 (Gradient-based Adversarial Attacks
        against Text Transformers), equations 6 to 8; here on the segments of a CTC path.
    """

    name = "soft_embedding"
    kind = "biased"
    summary = "expected embeddings and soft targets on the greedy segments: smooth, sees substitutions only"
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
        paths = greedy_paths(batch.logits, lengths=batch.lengths)
        posteriors = character_posteriors(batch.logits, paths, lengths=batch.lengths, temperature=self.temperature)
        texts = self._spell(paths)
        per_line = self.objective.soft(texts, posteriors, batch.transcripts, self.charset.characters, flow=self.flow)
        return self._output(per_line, per_line, texts)


def positive(name: str, value: float) -> float:
    """The value, or ArgumentError where it is not a finite number above 0."""
    if not 0 < value < float("inf"):
        raise ArgumentError(f"{name} is {value}: give a finite number above 0.")
    return value


def known_flow(flow: str) -> str:
    """The flow, or ArgumentError where there is none of that name."""
    if flow not in FLOWS:
        raise ArgumentError(f"flow is {flow!r}; choose one of {', '.join(map(repr, FLOWS))}.")
    return flow
