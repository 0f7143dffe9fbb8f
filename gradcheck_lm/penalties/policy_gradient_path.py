"""The textbook policy gradient, which pushes the sampled path itself: for comparison."""

from __future__ import annotations

from torch import Tensor

from gradcheck_lm.htr.ctc import frame_log_probs
from gradcheck_lm.penalties.base import Batch
from gradcheck_lm.penalties.policy_gradient import Drawn, PolicyGradient


class PolicyGradientPath(PolicyGradient):
    """As `PolicyGradient`, with log p(path) in place of log p(string).

    Gradient: unbiased, and never less noisy than the marginal form: which of its paths a string was drawn by is noise.
    Source: Williams 1992 (REINFORCE).
    """

    name = "policy_gradient_path"
    kind = "unbiased"
    summary = "the textbook form, by the path's own probability: unbiased, noisier than the marginal"

    def log_prob(self, batch: Batch, drawn: Drawn, temperature: float) -> Tensor:
        """(K, N) log-probability of the drawn paths at a temperature; frames beyond the length add a constant."""
        log_probs = frame_log_probs(batch.logits, batch.lengths, temperature=temperature)
        return log_probs.gather(2, drawn.paths.transpose(1, 2)).sum(0).T
