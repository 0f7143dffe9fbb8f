"""Drawing without replacement: what K different paths weigh, and what each of them is compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.decoding.ctc_distinct import sample_distinct_paths
from gradcheck_lm.penalties.base import Batch
from gradcheck_lm.penalties.log_probs import log_prob_of_paths

MOST = 12
"""Paths at most: the weights look at every subset of a line's paths."""


@dataclass(frozen=True)
class Distinct:
    """K different paths of each of N lines, and the unordered set estimator's numbers for them.

    Attributes:
        paths: (T, K, N) long.
        weights: (K, N) float64: a sum of weight * g over the drawn paths is an unbiased estimate of the expectation of
            g under the posteriors at temperature 1. 0 for padding of lines that have fewer paths.
        others: (K, K, N) float64: a sum of others[i, j] * f(path j) over j estimates the same expectation of f, also
            given that path i was drawn first. At temperature 1 each row sums to 1.
    """

    paths: Tensor
    weights: Tensor
    others: Tensor

    def advantage(self, cost: Tensor) -> Tensor:
        """How much more each string costs than what the others lead one to expect, (K, N) for cost (K, N)."""
        return cost - torch.einsum("ijn,jn->in", self.others, cost.to(self.others)).to(cost.dtype)


def draw_distinct(batch: Batch, samples: int, *, temperature: float) -> Distinct:
    """Draw K paths of each line without replacement from the posteriors at a temperature.

    Raises:
        ArgumentError: samples above MOST.
    Gradient: none.
    Source: Kool et al. 2020, Estimating Gradients for Discrete Random Variables by Sampling without Replacement,
        equations 9 and 16; with q(path) in place of p(path) in their ratios where the temperature is not 1.
    """
    if samples > MOST:
        raise ArgumentError(f"samples is {samples}: without replacement at most {MOST} are drawn for each line.")
    drawn = sample_distinct_paths(
        batch.logits, samples, lengths=batch.lengths, temperature=temperature, generator=batch.generator
    )
    with torch.no_grad():
        importance = torch.ones_like(drawn.log_prob)
        if temperature != 1:
            importance = (log_prob_of_paths(batch, drawn.paths).double() - drawn.log_prob).exp()
        probability = drawn.log_prob.exp()
        ways = _log_ways(drawn.log_prob)
        none, one, two = _places(samples, ways.device)
        # a line whose paths were all drawn has nothing left to estimate
        everything = ~drawn.real.all(0)
        weights = torch.where(everything, probability, (ways[one] - ways[none]).exp())
        others = torch.where(everything, probability, (ways[two] - ways[one][:, None]).exp())
        itself = torch.eye(samples, dtype=torch.bool, device=ways.device)[:, :, None]
        others = torch.where(itself, probability[:, None].expand_as(others), others)
        importance = importance.where(drawn.real, 0.0)
        return Distinct(drawn.paths, weights * importance, others * importance)


def _log_ways(log_prob: Tensor) -> Tensor:
    """(2 ** K, N) for each subset of the K paths: log of the chance that the others follow it, over their product.

    The chance is summed over all orders in which they may follow. The product of their own probabilities would
    underflow and is left out of it: it cancels in every ratio.
    """
    samples, lines = log_prob.shape
    subsets = torch.arange(2**samples, device=log_prob.device)
    member = ((subsets[:, None] >> torch.arange(samples, device=subsets.device)) & 1).bool()
    inside = member.to(log_prob) @ log_prob.exp()
    # what is left is at least what the others of the set hold: this keeps rounding from making it 0
    held = log_prob.where(~member[:, :, None], -math.inf).logsumexp(1)
    left = torch.maximum((1 - inside).clamp_min(0).log(), held)
    ways = log_prob.new_zeros(2**samples, lines)
    for size in range(samples - 1, -1, -1):
        chosen = subsets[member.sum(1) == size]
        larger = ways[chosen[:, None] | (1 << torch.arange(samples, device=subsets.device))]
        ways[chosen] = larger.masked_fill(member[chosen][:, :, None], -math.inf).logsumexp(1) - left[chosen]
    return ways


@lru_cache(maxsize=32)
def _places(samples: int, device: torch.device) -> tuple[int, Tensor, Tensor]:
    """Where the subsets of no path, of one (K,) and of two (K, K) are found among all subsets."""
    one = 1 << torch.arange(samples, device=device)
    return 0, one, one[:, None] | one
