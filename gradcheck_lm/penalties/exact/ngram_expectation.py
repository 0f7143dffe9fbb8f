"""The exact penalty of a character n-gram: no samples, no bias, by dynamic programming over all texts of a line."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, LanguageModelError
from gradcheck_lm.htr.ctc import BLANK, frame_log_probs
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch, Kind, Penalty, PenaltyOutput, with_value
from gradcheck_lm.penalties.exact.ngram_walk import Walk, expected_cost, expected_length, make_walk

_MEMORY = 2**31
_REFUSED = {
    "hinge": "max(0, LM(text) - LM(label)) is no sum over a text's characters",
    "score": "a mean over a text's characters is no sum, for its divisor differs from text to text",
}


class NgramExpectation(Penalty):
    """The expected cost of the recogniser's text under an n-gram, over all texts at once, with its exact gradient.

    It is exact for costs that are sums over characters, and takes no others. With objective "sum", f is the text's
    summed nats (so that deleting characters pays). With "ratio" it is NLL(text) - beta * len(text) over the length of
    the greedy reading, beta being the line's expected nats over its expected characters: the same objective as that of
    the sampling penalties, with the expectation where they have a mean of samples.

    Args:
        order: of the lower-order model inside the n-gram that is taken; None for the whole of it. Time and memory grow
            with the contexts. Language models other than `gradcheck_lm.lm.NgramModel` give what they have.
        memory: bytes that may be kept for the gradient: 2 * T * P * N numbers, P the contexts.
    Raises:
        ArgumentError: an objective that is no sum over characters, or an option out of range.
        LanguageModelError: the language model has no `automaton(charset)`, or too large a one.
    Gradient: exact; reaches the blank. No call of the language model. Repeatable to the bit on a CPU; on a GPU up to
        the order of additions.
    Source: the forward-backward idea of Graves et al. 2006 with an n-gram's context in the state; expected costs by
        expectation semirings, Eisner 2002.
    """

    name = "ngram_expectation"
    kind: ClassVar[Kind] = "exact"
    summary = "exact expectation of an n-gram's summed cost by dynamic programming: no samples, no bias"
    objectives = ("sum", "ratio")

    def __init__(
        self,
        language_model: Any,
        charset: Characters,
        *,
        order: int | None = 3,
        memory: int = _MEMORY,
        **common: Any,
    ) -> None:
        objective = common.get("objective", "hinge")
        if objective in _REFUSED:
            raise ArgumentError(
                f"objective is {objective!r}, and {self.name} is exact for sums over characters only: "
                f'{_REFUSED[objective]}. Choose "sum" or "ratio", or another penalty.'
            )
        super().__init__(language_model, charset, **common)
        if not callable(getattr(language_model, "automaton", None)):
            raise LanguageModelError(
                f"{self.name} needs an n-gram, and {type(language_model).__name__!r} has no automaton(charset): take "
                'load_language_model("ngram"), or one of `train-ngram`; policy_gradient takes any language model.'
            )
        if order is not None and order < 1:
            raise ArgumentError(f"order is {order}: give 1 or more, or None for the whole model.")
        self.order = order
        self.memory = memory
        self._walk: Walk | None = None

    def _penalise(self, batch: Batch) -> PenaltyOutput:
        log_probs = frame_log_probs(batch.logits, batch.lengths)
        walk = self.walk(log_probs)
        probs = _surely_blank_beyond(batch, log_probs.exp()).to(walk.cost.dtype)
        nats = expected_cost(probs, walk)
        greedy = self._greedy(batch)
        if self.objective.name == "sum":
            return self._output(nats, nats, greedy)
        characters = expected_length(probs)
        beta = nats.detach() / characters.detach().clamp_min(1e-12)
        scale = torch.tensor([max(1, len(text)) for text in greedy], dtype=nats.dtype, device=nats.device)
        per_line = nats.detach() / characters.detach().clamp_min(torch.finfo(nats.dtype).tiny)
        return self._output(with_value(per_line, (nats - beta * characters) / scale), per_line, greedy)

    def walk(self, log_probs: Tensor) -> Walk:
        """The automaton as the recursion wants it, on the device of (T, N, C) log-probabilities; made once."""
        if self._walk is None:
            self._walk = make_walk(self._automaton(), self.charset.characters)
        dtype = torch.promote_types(log_probs.dtype, self._walk.cost.dtype)
        if self._walk.label.device != log_probs.device or self._walk.cost.dtype != dtype:
            self._walk = self._walk.to(log_probs.device, dtype)
        frames, lines, _ = log_probs.shape
        needed = 2 * frames * lines * self._walk.places * dtype.itemsize
        if needed > self.memory and log_probs.requires_grad:
            raise LanguageModelError(
                f"{self.name} keeps {needed / 1e6:.0f} MB for {frames} frames, {lines} lines and {self._walk.places} "
                f"contexts, and memory={self.memory / 1e6:.0f} MB: take a lower order= (it is {self.order}), fewer "
                "lines at once, or more memory."
            )
        return self._walk

    def _automaton(self) -> Any:
        language_model = self.language_model
        # one of this package's, or one like it; any other automaton is taken as it comes
        if self.order is None or not callable(getattr(language_model, "with_order", None)):
            return language_model.automaton(self.charset)
        order = min(self.order, language_model.order)
        return language_model.automaton(self.charset, order=order, dtype=language_model.dtype)


def _surely_blank_beyond(batch: Batch, probs: Tensor) -> Tensor:
    """Frames beyond the lengths are blanks for sure: they add nothing, and get no gradient."""
    if batch.lengths is None:
        return probs
    outside = torch.arange(len(probs), device=probs.device)[:, None] >= batch.lengths
    sure = torch.zeros(probs.shape[2], dtype=probs.dtype, device=probs.device)
    sure[BLANK] = 1
    return torch.where(outside[:, :, None], sure, probs)
