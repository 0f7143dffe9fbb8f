"""N-best CTC: learn the readings of a fused decoder as labels, each with the decoder's own share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch, Penalty, PenaltyOutput
from gradcheck_lm.penalties.listed.proposals import BeamProposals, check_proposals, spell
from gradcheck_lm.penalties.log_probs import log_prob_of_strings
from gradcheck_lm.penalties.soft_embedding import positive


class NbestCtc(Penalty):
    """Cross-entropy from the readings of a fused beam to the recogniser: -sum_i q_i log p(y_i), nats per character.

    q is the softmax of the beam's fused scores over its N best, a constant. Unlike the gradient of an expected penalty,
    which weighs a reading by p(y), this one does not vanish where the recogniser gives the right reading no chance.
    With samples=1 it is CTC on the fused reading; with proposals="beam" no language model has a say.

    Args:
        proposals: "fused_beam" or "beam" (see `minimum_risk`).
        samples: readings of each line, the best of the beam.
        tau: > 0, nats; q is softmax(score / tau). Large: all N alike; small: the best alone.
        beam: prefixes in the beam; at least `samples` are kept.
        fusion, fusion_weight, length_bonus: as in `minimum_risk`.
    Raises:
        ArgumentError: an option out of range.
    Gradient: of this loss exact, q held; of f it is none ("other"). Reaches the blank.
    Source: Hsu et al. 2020 (local prior matching, arXiv 2002.10336); Kiss et al. 2022 (SoftCTC, arXiv 2212.02135).
    """

    name = "nbest_ctc"
    kind = "other"
    objectives = ("ratio",)  # nats per character, of lines without labels; nothing else is asked of the language model
    summary = "CTC on the N best readings of the fused beam, each with its share: a surrogate that reaches sure lines"

    def __init__(
        self,
        language_model: Any,
        charset: Characters,
        *,
        proposals: str = "fused_beam",
        samples: int = 8,
        tau: float = 3.0,
        beam: int = 16,
        fusion: Any = None,
        fusion_weight: float = 0.3,
        length_bonus: float = 0.6,
        **common: Any,
    ) -> None:
        super().__init__(language_model, charset, **common)
        if proposals == "sample":
            raise ArgumentError('proposals is "sample"; nbest_ctc learns from a list: choose "fused_beam" or "beam".')
        if proposals == "fused_beam" and fusion is None and callable(getattr(language_model, "automaton", None)):
            fusion = language_model
        check_proposals(proposals, fusion)
        if samples < 1:
            raise ArgumentError(f"samples is {samples}: learn from at least 1 reading per line.")
        self.samples = samples
        self.tau = positive("tau", tau)
        self._read: Tensor | None = None
        self.beam = BeamProposals(
            charset,
            fusion=fusion,
            fusion_weight=fusion_weight,
            length_bonus=length_bonus,
            beam=max(beam, samples),
        )

    def taught_by(self, logits: Tensor | None) -> None:
        """Let the beam read these logits (T, N, C) of the next batch in place of its own; None: its own again.

        A teacher that is exchanged every so many steps is how readings are refreshed only so often.
        """
        self._read = None if logits is None else logits.detach()

    def _penalise(self, batch: Batch) -> PenaltyOutput:
        read = batch.logits if self._read is None else self._read
        found = self.beam.search(Batch(read.detach(), None, batch.lengths, batch.generator))
        count = min(self.samples, found.score.shape[1])
        real = found.real[:, :count].T  # (K, N)
        share = (found.score[:, :count].T / self.tau).masked_fill(~real, -torch.inf).softmax(0).detach()
        texts = [names[place] for place in range(count) for names in spell(found, self.charset)]
        sizes = found.target_lengths[:, :count].T
        log_prob = log_prob_of_strings(
            batch, texts, found.ids[:, :count].transpose(0, 1).flatten(0, 1), sizes.flatten()
        )
        # a string that this recogniser cannot spell in its frames has no gradient, and no say
        taught: Tensor = real & log_prob.isfinite()
        nats = -(share * log_prob.masked_fill(~taught, 0.0)).sum(0)
        characters = (share * sizes).sum(0).clamp_min(1.0)
        per_line = nats / characters
        return self._output(per_line, per_line, self._greedy(batch))
