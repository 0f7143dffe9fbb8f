"""The policy gradient with the CTC marginal: score sampled strings, and push each by CTC's own gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.ctc import collapse_paths, sample_paths, to_strings
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch, Penalty, PenaltyOutput, with_value
from gradcheck_lm.penalties.listed.proposals import BeamProposals, check_proposals, look_up, mix_in
from gradcheck_lm.penalties.log_probs import log_prob_of_strings
from gradcheck_lm.penalties.sampled.distinct import Distinct, draw_distinct
from gradcheck_lm.penalties.soft_embedding import positive


@dataclass(frozen=True)
class Drawn:
    """K sampled readings of each of N lines, as K * N strings: string k * N + n is of line n.

    Attributes:
        paths: (T, K, N) long, the paths that were drawn; where a string came from a beam, not its own.
        ids: (K * N, L) long; target_lengths (K * N,) long; texts: K * N.
        distinct: of a draw without replacement.
        listed: (K, N) float, log-probability of each string in the renormalised beam, -inf where it is not in it.
    """

    paths: Tensor
    ids: Tensor
    target_lengths: Tensor
    texts: list[str]
    distinct: Distinct | None = None
    listed: Tensor | None = None


class PolicyGradient(Penalty):
    """Sample K strings a line, score them, and weigh the gradient of log p(string) by how much worse than the others.

    p(string) is the sum over all paths that spell it (the CTC marginal). Its gradient is the mean of the paths'
    gradients given the string, so the noise of how a string was spelt never enters. One CTC call serves all strings.

    Args:
        samples: K >= 2 strings drawn for each line; each is compared with the mean of the K - 1 others.
        temperature: of the posteriors (and of a beam's scores) that the strings are drawn from, no unit. Above 1 a
            recogniser that is sure of its mistakes draws other strings as well; importance weights p / q keep the
            estimator unbiased.
        self_normalise: divide a line's importance weights by their mean: less noise, and a bias of order 1 / K.
        normalise_advantage: divide the advantages by their root mean square over the batch: a step that does not depend
            on the penalty's scale, and a biased estimator.
        replacement: False draws K different paths a line, at most 12 (different paths may spell the same string), and
            weighs and compares them by the unordered set estimator: unbiased, for one more loop over frames.
        proposals: "sample" draws strings from the recogniser. "beam" and "fused_beam" draw a share of them from the
            renormalised N-best list of a prefix beam instead, in "fused_beam" one fused with a character language
            model: it holds words that a recogniser sure of its mistakes never draws. The importance weights are p / q
            with q the probability of the whole mixture, which keeps the estimator unbiased.
        beam_share: of the strings that come from the beam, above 0 and below 1. A string weighs at most
            1 / (1 - beam_share) at temperature 1.
        beam: prefixes in the beam.
        fusion: the language model of "fused_beam": anything with `automaton(charset)`, such as an n-gram, or a
            FusionAutomaton.
        fusion_weight: of its cost; length_bonus: nats a character. What is best depends on how
            sure the recogniser is: .3 and .6 served one real hand with a 6-gram, 1 and 2 the synthetic hands.
    Raises:
        ArgumentError: an option out of range.
    Gradient: unbiased and noisy, for the objectives "hinge" and "score" with reduction "mean". With "ratio", the
        line's beta is estimated from its own samples (a bias of order 1 / K); "positive_mean" divides by a number of
        lines that depends on the samples. Reaches the blank: insertions and deletions are learned.
    Source: Williams 1992 (REINFORCE); for CTC's expected errors Graves and Jaitly 2014, Shannon 2017 (arXiv 1706.02776)
        and Zhou et al. 2017 (arXiv 1712.07101); Kool et al. 2019 (leave-one-out baseline); Kool et al. 2020 (without
        replacement); the marginal is Rao and Blackwell's theorem applied to the path, with Graves et al.
        2006 for log p(string).
    """

    name = "policy_gradient"
    kind = "unbiased"
    summary = "sampled strings, leave-one-out baseline, CTC marginal: unbiased, needs only score; the default"

    def __init__(
        self,
        language_model: Any,
        charset: Characters,
        *,
        samples: int = 4,
        temperature: float = 1.0,
        self_normalise: bool = False,
        normalise_advantage: bool = False,
        replacement: bool = True,
        proposals: str = "sample",
        beam_share: float = 0.5,
        beam: int = 16,
        fusion: Any = None,
        fusion_weight: float = 0.3,
        length_bonus: float = 0.6,
        **common: Any,
    ) -> None:
        super().__init__(language_model, charset, **common)
        if samples < 2:
            raise ArgumentError(
                f"samples is {samples}: {self.name} compares each string with the others of its line; draw at least 2."
            )
        self.samples = samples
        self.temperature = positive("temperature", temperature)
        self.self_normalise = self_normalise
        self.normalise_advantage = normalise_advantage
        check_proposals(proposals, fusion)
        if not replacement and (self_normalise or proposals != "sample"):
            raise ArgumentError(
                f"replacement is False with self_normalise {self_normalise} and proposals {proposals!r}: drawing "
                'without replacement goes with self_normalise=False and proposals="sample" only.'
            )
        if not 0 < beam_share < 1:
            raise ArgumentError(
                f"beam_share is {beam_share}: a share above 0 and below 1; where no string came from the recogniser, "
                "those outside the beam would never be drawn and the gradient would be biased."
            )
        self.replacement = replacement
        self.proposals = proposals
        self.beam_share = beam_share
        self.beam = None
        if proposals != "sample":
            self.beam = BeamProposals(
                charset, fusion=fusion, fusion_weight=fusion_weight, length_bonus=length_bonus, beam=beam
            )

    def _penalise(self, batch: Batch) -> PenaltyOutput:
        drawn = self.draw(batch)
        log_prob = self.log_prob(batch, drawn, 1.0)
        weights = self.weights(batch, drawn, log_prob)
        greedy = self._greedy(batch)
        costs = self.objective.costs(
            drawn.texts, batch.transcripts, greedy_lengths=[len(text) for text in greedy], weights=weights
        )
        cost = costs.cost.view_as(weights)
        if drawn.distinct is None:
            advantage = self.advantage(cost, weights)
        else:
            advantage = self.scaled(drawn.distinct.advantage(cost), weights)
        surrogate = self.surrogate(weights, advantage, log_prob)
        per_line = costs.per_line(weights)
        return self._output(with_value(per_line, surrogate), per_line, greedy)

    def draw(self, batch: Batch) -> Drawn:
        """Sample the strings."""
        distinct = None
        if self.replacement:
            paths = sample_paths(
                batch.logits,
                self.samples,
                lengths=batch.lengths,
                temperature=self.temperature,
                generator=batch.generator,
            )
        else:
            distinct = draw_distinct(batch, self.samples, temperature=self.temperature)
            paths = distinct.paths
        ids, target_lengths = collapse_paths(paths.flatten(1))
        if self.beam is None:
            return Drawn(paths, ids, target_lengths, to_strings(ids, target_lengths, self.charset), distinct)
        found = self.beam.search(batch)
        listed = (found.score / self.temperature).log_softmax(1)
        ids, target_lengths = mix_in(
            found, listed, ids, target_lengths, share=self.beam_share, generator=batch.generator
        )
        texts = to_strings(ids, target_lengths, self.charset)
        return Drawn(paths, ids, target_lengths, texts, listed=look_up(found, listed, texts, self.charset))

    def log_prob(self, batch: Batch, drawn: Drawn, temperature: float) -> Tensor:
        """(K, N) log p(string | line) of the posteriors at a temperature, differentiable."""
        return log_prob_of_strings(batch, drawn.texts, drawn.ids, drawn.target_lengths, temperature=temperature)

    def weights(self, batch: Batch, drawn: Drawn, log_prob: Tensor) -> Tensor:
        """(K, N) importance of each sample, p / q, without gradient; 1 where the samples are drawn from p itself.

        Without replacement: K times the weights of the drawn paths, so that a mean over the K is their weighted sum.
        """
        if drawn.distinct is not None:
            return (self.samples * drawn.distinct.weights).to(log_prob.dtype)
        if self.temperature == 1 and drawn.listed is None:
            return torch.ones_like(log_prob, requires_grad=False)
        with torch.no_grad():
            drawn_from = log_prob if self.temperature == 1 else self.log_prob(batch, drawn, self.temperature)
            if drawn.listed is not None:
                share = torch.tensor(self.beam_share, dtype=log_prob.dtype, device=log_prob.device)
                drawn_from = torch.logaddexp((-share).log1p() + drawn_from, share.log() + drawn.listed.to(log_prob))
            weights = (log_prob - drawn_from).exp()
            return weights / weights.mean(0) if self.self_normalise else weights

    def advantage(self, cost: Tensor, weights: Tensor) -> Tensor:
        """(K, N) how much more each string costs than the (weighted) mean of the other strings of its line."""
        weights = weights.to(cost.dtype)
        others = 1 - torch.eye(len(cost), dtype=cost.dtype, device=cost.device)
        mass = others @ weights
        baseline = (others @ (weights * cost)) / mass.clamp_min(torch.finfo(cost.dtype).tiny)
        return self.scaled(cost - baseline.where(mass > 0, 0.0), weights)

    def scaled(self, advantage: Tensor, weights: Tensor) -> Tensor:
        """The advantage, or with `normalise_advantage` that over its root mean square."""
        if not self.normalise_advantage:
            return advantage
        scale = (weights.to(advantage.dtype) * advantage.square()).mean().sqrt()
        return advantage / scale.clamp_min(torch.finfo(advantage.dtype).tiny)

    def surrogate(self, weights: Tensor, advantage: Tensor, log_prob: Tensor) -> Tensor:
        """(N,) numbers whose gradient is the estimator; their values mean nothing."""
        return (weights * advantage * log_prob).mean(0)
