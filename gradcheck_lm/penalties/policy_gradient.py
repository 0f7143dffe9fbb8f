"""The policy gradient with the CTC marginal: score sampled strings, and push each by CTC's own gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.ctc import collapse_paths, sample_paths, string_log_prob, to_strings
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch, Penalty, PenaltyOutput, with_value
from gradcheck_lm.penalties.soft_embedding import positive


@dataclass(frozen=True)
class Drawn:
    """K sampled readings of each of N lines: paths (T, K, N), and as K * N strings, string k * N + n of line n."""

    paths: Tensor
    ids: Tensor
    target_lengths: Tensor
    texts: list[str]


class PolicyGradient(Penalty):
    """Sample K strings a line, score them, and weigh the gradient of log p(string) by how much worse than the others.

    p(string) is the sum over all paths that spell it (the CTC marginal). Its gradient is the mean of the paths'
    gradients given the string, so the noise of how a string was spelt never enters. One CTC call serves all strings.

    Args:
        samples: K >= 2 strings drawn for each line; each is compared with the mean of the K - 1 others.
        temperature: of the posteriors that the strings are drawn from, no unit. Above 1 a recogniser that is sure of
            its mistakes draws other strings as well; importance weights p / q keep the estimator unbiased.
        self_normalise: divide a line's importance weights by their mean: less noise, and a bias of order 1 / K.
        normalise_advantage: divide the advantages by their root mean square over the batch: a step that does not depend
            on the penalty's scale, and a biased estimator.
    Raises:
        ArgumentError: an option out of range.
    Gradient: unbiased and noisy, for the objectives "hinge" and "score" with reduction "mean". With "ratio", beta is
        estimated from the same samples (a bias of order 1 / (K N)); "positive_mean" divides by a number of lines that
        depends on the samples. Reaches the blank: insertions and deletions are learned.
    Source: Williams 1992 (REINFORCE); Kool et al. 2019 (leave-one-out baseline); the marginal is Rao and Blackwell's
        theorem applied to the path, with Graves et al. 2006 for log p(string).
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

    def _penalise(self, batch: Batch) -> PenaltyOutput:
        drawn = self.draw(batch)
        log_prob = self.log_prob(batch, drawn, 1.0)
        weights = self.weights(batch, drawn, log_prob)
        greedy = self._greedy(batch)
        costs = self.objective.costs(
            drawn.texts, batch.transcripts, greedy_lengths=[len(text) for text in greedy], weights=weights
        )
        advantage = self.advantage(costs.cost.view_as(weights), weights)
        surrogate = self.surrogate(weights, advantage, log_prob)
        per_line = costs.per_line(weights)
        return self._output(with_value(per_line, surrogate), per_line, greedy)

    def draw(self, batch: Batch) -> Drawn:
        """Sample the strings."""
        paths = sample_paths(
            batch.logits,
            self.samples,
            lengths=batch.lengths,
            temperature=self.temperature,
            generator=batch.generator,
        )
        ids, target_lengths = collapse_paths(paths.flatten(1))
        texts = to_strings(ids, target_lengths, self.charset)
        return Drawn(paths, ids, target_lengths, texts)

    def log_prob(self, batch: Batch, drawn: Drawn, temperature: float) -> Tensor:
        """(K, N) log p(string | line) of the posteriors at a temperature, differentiable."""
        return log_prob_of_strings(batch, drawn.texts, drawn.ids, drawn.target_lengths, temperature=temperature)

    def weights(self, batch: Batch, drawn: Drawn, log_prob: Tensor) -> Tensor:
        """(K, N) importance of each sample, p / q, without gradient; 1 where the samples are drawn from p itself."""
        if self.temperature == 1:
            return torch.ones_like(log_prob, requires_grad=False)
        with torch.no_grad():
            weights = (log_prob - self.log_prob(batch, drawn, self.temperature)).exp()
            return weights / weights.mean(0) if self.self_normalise else weights

    def advantage(self, cost: Tensor, weights: Tensor) -> Tensor:
        """(K, N) how much more each string costs than the (weighted) mean of the other strings of its line."""
        weights = weights.to(cost.dtype)
        others = 1 - torch.eye(len(cost), dtype=cost.dtype, device=cost.device)
        mass = others @ weights
        baseline = (others @ (weights * cost)) / mass.clamp_min(torch.finfo(cost.dtype).tiny)
        advantage = cost - baseline.where(mass > 0, 0.0)
        if self.normalise_advantage:
            scale = (weights * advantage.square()).mean().sqrt()
            advantage = advantage / scale.clamp_min(torch.finfo(cost.dtype).tiny)
        return advantage

    def surrogate(self, weights: Tensor, advantage: Tensor, log_prob: Tensor) -> Tensor:
        """(N,) numbers whose gradient is the estimator; their values mean nothing."""
        return (weights * advantage * log_prob).mean(0)


def log_prob_of_strings(
    batch: Batch, texts: list[str], ids: Tensor, target_lengths: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """log p(string | line) of K readings of each line, (K, N), by one CTC call in which equal readings come once.

    Args:
        batch: logits and lengths.
        texts: K * N strings, string k * N + n a reading of line n.
        ids: (K * N, L) long, their classes; target_lengths (K * N,) long.
        temperature: > 0, no unit; of the posteriors.
    Gradient: exact.
    """
    place: dict[tuple[int, str], int] = {}
    distinct: list[int] = []
    inverse: list[int] = []
    for index, text in enumerate(texts):
        key = (index % batch.lines, text)
        if key not in place:
            place[key] = len(place)
            distinct.append(index)
        inverse.append(place[key])
    rows = torch.tensor(distinct, device=ids.device)
    found = string_log_prob(
        batch.logits,
        ids[rows],
        target_lengths[rows],
        lines=rows % batch.lines,
        lengths=batch.lengths,
        temperature=temperature,
    )
    return found[torch.tensor(inverse, device=found.device)].view(-1, batch.lines)
