"""The penalty through a relaxed sample of the path: Gumbel noise on the logits, straight-through at the token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.ctc import character_posteriors, frame_log_probs
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch, Penalty, PenaltyOutput
from gradcheck_lm.penalties.soft_embedding import known_flow, positive


class GumbelSoftmax(Penalty):
    """Draw a path with Gumbel noise, and let its characters be the relaxed noise's distributions.

    The language model scores the drawn string itself (hard tokens forward); the gradient takes the soft way back.

    Args:
        tau: > 0, no unit; temperature of the relaxation. The drawn strings follow the recogniser's own distribution at
            every tau; small ones make the gradient less biased and noisier.
        samples: paths drawn for each line.
        flow: through the language model's "inputs", its "targets", or "both".
    Raises:
        ArgumentError: tau, samples or flow out of range.
        LanguageModelError: the language model has no `score_soft`.
    Gradient: biased surrogate, and noisy; the blank's logits get exactly 0, as with `soft_embedding`.
    Source: Jang et al. 2017 and Maddison et al. 2017, the straight-through form.
    """

    name = "gumbel_softmax"
    kind = "biased"
    summary = "the same on a relaxed sample of the path, straight-through at the token: biased and noisy"
    needs_soft_scores = True

    def __init__(
        self,
        language_model: Any,
        charset: Characters,
        *,
        tau: float = 1.0,
        samples: int = 1,
        flow: str = "both",
        **common: Any,
    ) -> None:
        super().__init__(language_model, charset, **common)
        if samples < 1:
            raise ArgumentError(f"samples is {samples}: draw at least 1 path per line.")
        self.tau = positive("tau", tau)
        self.samples = samples
        self.flow = known_flow(flow)

    def _penalise(self, batch: Batch) -> PenaltyOutput:
        # samples become further lines: sample k of line n is line k * N + n
        log_probs = frame_log_probs(batch.logits, batch.lengths).repeat(1, self.samples, 1)
        lengths = None if batch.lengths is None else batch.lengths.repeat(self.samples)
        labels = None if batch.transcripts is None else batch.transcripts * self.samples
        relaxed = (log_probs + gumbel_noise(log_probs, batch.generator)) / self.tau
        paths = relaxed.detach().argmax(2)
        if lengths is not None:
            paths = paths.masked_fill(torch.arange(len(paths), device=paths.device)[:, None] >= lengths, 0)
        posteriors = character_posteriors(relaxed, paths)
        texts = self._spell(paths)
        per_sample = self.objective.soft(texts, posteriors, labels, self.charset.characters, hard=True, flow=self.flow)
        per_line = per_sample.view(self.samples, batch.lines).mean(0)
        return self._output(per_line, per_line, texts[: batch.lines])


def gumbel_noise(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise of a tensor's shape, dtype and device, drawn where the generator lives."""
    uniform = torch.rand(like.shape, generator=generator, dtype=like.dtype, device=generator.device)
    # rand gives 0 now and then, never 1
    exponential = -uniform.clamp_min(torch.finfo(like.dtype).tiny).log()
    return -exponential.log().to(like.device)
