"""The textbook policy gradient, which pushes the sampled path itself: for comparison."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch
from gradcheck_lm.penalties.log_probs import log_prob_of_paths
from gradcheck_lm.penalties.sampled.policy_gradient import Drawn, PolicyGradient


class PolicyGradientPath(PolicyGradient):
    """As `PolicyGradient`, with log p(path) in place of log p(string).

    Raises:
        ArgumentError: an option out of range, or proposals from a beam, whose strings come with no path.
    Gradient: unbiased, and never less noisy than the marginal form: which of its paths a string was drawn by is noise.
    Source: Williams 1992 (REINFORCE).
    """

    name = "policy_gradient_path"
    kind = "unbiased"
    summary = "the textbook form, by the path's own probability: unbiased, noisier than the marginal"

    def __init__(self, language_model: Any, charset: Characters, *, proposals: str = "sample", **common: Any) -> None:
        super().__init__(language_model, charset, proposals=proposals, **common)
        if proposals != "sample":
            raise ArgumentError(
                f"proposals is {proposals!r}: a beam's strings come with no path of their own, and {self.name} pushes "
                'paths; use policy_gradient, or proposals="sample".'
            )

    def log_prob(self, batch: Batch, drawn: Drawn, temperature: float) -> Tensor:
        """(K, N) log-probability of the drawn paths at a temperature."""
        return log_prob_of_paths(batch, drawn.paths, temperature=temperature)
