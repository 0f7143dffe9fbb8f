"""The policy gradient with the soft embedding as control variate: the biased way makes the unbiased one less noisy."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.ctc import BLANK, character_posteriors, collapse_paths, frame_log_probs, greedy_paths, to_strings
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch, Penalty, PenaltyOutput, with_value
from gradcheck_lm.penalties.gumbel_softmax import gumbel_noise
from gradcheck_lm.penalties.log_probs import log_prob_of_strings
from gradcheck_lm.penalties.soft_embedding import known_flow, positive

# stands in for the logarithm of a probability of 0: a difference of two of them is 0 and not NaN
_LOG_OF_ZERO = -1e30


class Relax(Penalty):
    """Sample K paths a line by Gumbel noise; from each string's push take that of the noise's own soft penalty away.

    With z = log p + Gumbel noise, the path b = argmax z is a sample of p. c(z) is the penalty through soft characters,
    softmax(z / tau) pooled over the segments of the greedy path, and

        f(y) * grad log p(y) - strength * (c(z~) * grad log p(b) + grad c(z~) - grad c(z)),

    y being the string of b, and z~ a fresh draw of z given b. The second part has mean 0 whatever c is, as long as c is
    smooth in z: that is why its segments are the greedy path's and not the sample's, which jump with z and would bias
    the estimator. z~ is drawn with z's own noise, so that both have the same value and c is asked once. f and c are
    each compared with their mean over the line's K - 1 others.

    Args:
        samples: K >= 2 paths drawn for each line.
        strength: >= 0, no unit, fixed (fitted on the same samples it would bias); 0 is `policy_gradient`.
        tau: > 0, no unit; temperature of the relaxation.
        flow: through the language model's "inputs", its "targets", or "both".
    Raises:
        ArgumentError: an option out of range.
        LanguageModelError: the language model has no `score_soft`.
    Gradient: unbiased and noisy for the objectives "hinge" and "score" with reduction "mean" ("ratio" and
        "positive_mean" as for `policy_gradient`); reaches the blank. Costs K soft passes through the language model,
        forward and backward, beside the K scores. docs/estimators.md says whether the noise it saves is worth that.
    Source: Tucker et al. 2017 (REBAR), equations 6 to 8 and the coupled noise of their appendix; Grathwohl et al. 2018
        (RELAX), whose learned control variate is the language model's own soft loss here. f's own part is the CTC
        marginal of `policy_gradient`.
    """

    name = "relax"
    kind = "unbiased"
    summary = "sampled paths with the soft embedding as control variate: unbiased, needs score and score_soft"
    needs_soft_scores = True

    def __init__(
        self,
        language_model: Any,
        charset: Characters,
        *,
        samples: int = 4,
        strength: float = 0.5,
        tau: float = 1.0,
        flow: str = "both",
        **common: Any,
    ) -> None:
        super().__init__(language_model, charset, **common)
        if samples < 2:
            raise ArgumentError(
                f"samples is {samples}: {self.name} compares each path with the others of its line; draw at least 2."
            )
        if not 0 <= strength < math.inf:
            raise ArgumentError(f"strength is {strength}: give a finite number, 0 or more.")
        self.samples = samples
        self.strength = strength
        self.tau = positive("tau", tau)
        self.flow = known_flow(flow)

    def _penalise(self, batch: Batch) -> PenaltyOutput:
        log_probs = frame_log_probs(batch.logits, batch.lengths).clamp_min(_LOG_OF_ZERO)
        log_probs = log_probs.repeat(1, self.samples, 1)  # sample k of line n is line k * N + n
        noisy = log_probs.detach() + gumbel_noise(log_probs, batch.generator)
        paths = self._within(batch, noisy.argmax(2))
        ids, target_lengths = collapse_paths(paths)
        texts = to_strings(ids, target_lengths, self.charset)
        greedy = self._greedy(batch)
        weights = torch.ones(self.samples, batch.lines, dtype=log_probs.dtype, device=log_probs.device)
        costs = self.objective.costs(
            texts, batch.transcripts, greedy_lengths=[len(text) for text in greedy], weights=weights
        )
        push = self.advantage(costs.cost.view_as(weights)) * log_prob_of_strings(batch, texts, ids, target_lengths)
        control = self.control(batch, log_probs, noisy, greedy).view_as(weights)
        log_prob_of_paths = log_probs.gather(2, paths[:, :, None]).sum((0, 2)).view_as(weights)
        nothing = control - self.advantage(control.detach()) * log_prob_of_paths  # its gradient has mean 0
        per_line = costs.per_line(weights)
        return self._output(with_value(per_line, (push + self.strength * nothing).mean(0)), per_line, greedy)

    def control(self, batch: Batch, log_probs: Tensor, noisy: Tensor, greedy: list[str]) -> Tensor:
        """c of each sample, (K * N,), with the gradient of c(z) - c(z~).

        z moves with log p, by 1; z~, its noise given b held still, by 1 - exp(z - z_b). What is left is exp(z - z_b).
        """
        share = (noisy - noisy.amax(2, keepdim=True)).exp()
        relaxed = noisy + share * (log_probs - log_probs.detach())
        paths = greedy_paths(batch.logits, lengths=batch.lengths).repeat(1, self.samples)
        labels = None if batch.transcripts is None else batch.transcripts * self.samples
        posteriors = character_posteriors(relaxed, paths, temperature=self.tau)
        return self.objective.soft(greedy * self.samples, posteriors, labels, self.charset.characters, flow=self.flow)

    def advantage(self, cost: Tensor) -> Tensor:
        """(K, N) by how much each cost is above the mean of the others of its line."""
        return (cost - cost.mean(0)) * (self.samples / (self.samples - 1))

    def _within(self, batch: Batch, paths: Tensor) -> Tensor:
        """The paths (T, K * N) with blanks beyond their lines' lengths."""
        if batch.lengths is None:
            return paths
        frames = torch.arange(len(paths), device=paths.device)[:, None]
        return paths.masked_fill(frames >= batch.lengths.repeat(self.samples), BLANK)
