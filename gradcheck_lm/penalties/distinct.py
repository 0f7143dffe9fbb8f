"""Drawing without replacement: what K different paths weigh, and what each of them is compared with."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gradcheck_lm.htr.ctc_distinct import sample_distinct_paths
from gradcheck_lm.penalties.base import Batch
from gradcheck_lm.penalties.log_probs import log_prob_of_paths


@dataclass(frozen=True)
class Distinct:
    """K different paths of each of N lines.

    Attributes:
        paths: (T, K, N) long.
        probability: (K, N) float64, p(path) at temperature 1; 0 for padding of lines with fewer paths.
        weights: (K, N) float64, K p(path) / inclusion, so that a mean over the K estimates a sum over all paths.
    """

    paths: Tensor
    probability: Tensor
    weights: Tensor

    def advantage(self, cost: Tensor) -> Tensor:
        """How much more each string costs than an estimate from the others, (K, N) for cost (K, N).

        The estimate is the weighted sum of the other paths' cost and, in place of the path's own weighted cost, p(path)
        times its cost. For any two paths the product of their weights has the product of their probabilities as its
        expectation, so that this estimate, weighed by the paths' gradients, has expectation 0: it adds no bias.
        """
        shares = self.weights / len(self.weights) * cost
        return (cost * (1 - self.probability) - (shares.sum(0) - shares)).to(cost.dtype)


def draw_distinct(batch: Batch, samples: int, *, temperature: float) -> Distinct:
    """Draw K paths of each line without replacement from the posteriors at a temperature."""
    drawn = sample_distinct_paths(
        batch.logits, samples, lengths=batch.lengths, temperature=temperature, generator=batch.generator
    )
    with torch.no_grad():
        log_prob = drawn.log_prob if temperature == 1 else log_prob_of_paths(batch, drawn.paths).double()
    probability, weights = (x.exp().where(drawn.real, 0.0) for x in (log_prob, log_prob - drawn.log_inclusion))
    return Distinct(drawn.paths, probability, samples * weights)
