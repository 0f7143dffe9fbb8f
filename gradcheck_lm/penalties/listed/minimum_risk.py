"""Minimum risk: the expected penalty over a list of hypotheses, as if there were no others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, CharsetError, ShapeError
from gradcheck_lm.htr.ctc import sample_paths
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch, Penalty, PenaltyOutput, with_value
from gradcheck_lm.penalties.listed.proposals import BeamProposals, check_proposals
from gradcheck_lm.penalties.log_probs import log_prob_of_strings
from gradcheck_lm.penalties.soft_embedding import positive

# logits (T, N, C) and lengths (N,) or None, to a list of readings for each of the N lines
Proposals = Callable[[Tensor, Tensor | None], Sequence[Sequence[str]]]

_USUAL_LENGTH = 20  # characters of the lines on which the default alpha was looked at


class MinimumRisk(Penalty):
    """Renormalise the recogniser's probabilities over a few hypotheses a line, and take the expected penalty exactly.

    Args:
        proposals: where hypotheses come from: "sample" draws them from the recogniser; "beam" takes its N-best list by
            prefix beam search; "fused_beam" that of recogniser and character language model together, which holds words
            that a recogniser sure of its mistakes never draws; or a function of logits (T, N, C) and lengths (N,) or
            None that gives a list of readings for each line. The greedy reading is always among them; equal ones count
            once.
        samples: hypotheses for each line, drawn or the best of the beam.
        temperature: > 0, no unit; of the posteriors that "sample" draws from. Above 1 for other strings.
        alpha: > 0, no unit; weights are p(string) ** alpha, renormalised. p is the recogniser's own in all cases. With
            1 a sure recogniser's weights are 1 for one string and 0 for all others, and no gradient is left: on lines
            of the synthetic hands the largest was above .99 on 86 and 98 % of them with alpha = 1, on none with .1.
        alpha_by_length: whether alpha is divided by the greedy reading's length and multiplied by 20 characters, so
            that long lines, whose log-probabilities are further apart, are no surer than short ones.
        beam: prefixes in the beam; at least `samples` are kept.
        fusion: the language model of "fused_beam": anything with `automaton(charset)`, such as an n-gram, or a
            FusionAutomaton.
        fusion_weight: of its cost; length_bonus: nats a character. What is best depends on how sure the
            recogniser is: .3 and .6 served one real hand with a 6-gram, 1 and 2 the synthetic hands.
    Raises:
        ArgumentError: an option out of range; ShapeError, CharsetError: proposals that do not fit lines or characters.
    Gradient: biased (there are other strings), without noise once the hypotheses are given; reaches the blank.
    Source: Shen et al. 2016 (Minimum risk training for neural machine translation), whose alpha it is; for speech
        Prabhavalkar et al. 2018, equation 6 (alpha = 1); here with the CTC marginal. Expected errors of CTC: Graves and
        Jaitly 2014, Shannon 2017 (arXiv 1706.02776).
    """

    name = "minimum_risk"
    kind = "biased"
    summary = "expected penalty over a list of hypotheses, renormalised: takes proposals from anywhere"

    def __init__(
        self,
        language_model: Any,
        charset: Characters,
        *,
        proposals: str | Proposals = "sample",
        samples: int = 8,
        temperature: float = 1.0,
        alpha: float = 0.1,
        alpha_by_length: bool = False,
        beam: int = 16,
        fusion: Any = None,
        fusion_weight: float = 0.3,
        length_bonus: float = 0.6,
        **common: Any,
    ) -> None:
        super().__init__(language_model, charset, **common)
        if not callable(proposals):
            check_proposals(proposals, fusion, other=", or pass a function of (logits, lengths)")
        elif fusion is not None:
            raise ArgumentError(
                'fusion is given and proposals is a function, which does not use it: "fused_beam" does.'
            )
        if samples < 1:
            raise ArgumentError(f"samples is {samples}: draw at least 1 hypothesis per line.")
        self.proposals = proposals
        self.beam = None
        if proposals in ("beam", "fused_beam"):
            self.beam = BeamProposals(
                charset,
                fusion=fusion,
                fusion_weight=fusion_weight,
                length_bonus=length_bonus,
                beam=max(beam, samples),
            )
        self.samples = samples
        self.temperature = positive("temperature", temperature)
        self.alpha = positive("alpha", alpha)
        self.alpha_by_length = alpha_by_length
        self._class_of = {character: index for index, character in enumerate(charset.characters, start=1)}

    def _penalise(self, batch: Batch) -> PenaltyOutput:
        greedy = self._greedy(batch)
        texts, real = self._hypotheses(batch, greedy)
        ids, target_lengths = self._encode(texts)
        device = batch.logits.device
        log_prob = log_prob_of_strings(batch, texts, ids.to(device), target_lengths.to(device))
        # a line's greedy reading always has a path, so that no line is left with nothing but -inf
        alpha: Tensor | float = self.alpha
        if self.alpha_by_length:
            sizes = log_prob.new_tensor([max(1, len(text)) for text in greedy])
            alpha = self.alpha * _USUAL_LENGTH / sizes
        share = (alpha * log_prob).masked_fill(~real.to(device), -torch.inf).softmax(0)
        costs = self.objective.costs(
            texts, batch.transcripts, greedy_lengths=[len(text) for text in greedy], weights=share.detach()
        )
        risk = (share * costs.cost.view_as(share)).sum(0)
        per_line = costs.per_line(share.detach())
        return self._output(with_value(per_line, risk), per_line, greedy)

    def _hypotheses(self, batch: Batch, greedy: list[str]) -> tuple[list[str], Tensor]:
        """H readings of each line as H * N strings, and which of them are real, (H, N): the rest is padding."""
        if callable(self.proposals):
            proposed = [list(readings) for readings in self.proposals(batch.logits.detach(), batch.lengths)]
            if len(proposed) != batch.lines:
                raise ShapeError(f"proposals gave readings for {len(proposed)} lines; the batch has N = {batch.lines}.")
        elif self.beam is not None:
            proposed = self.beam.readings(batch, self.samples)
        else:
            paths = sample_paths(
                batch.logits,
                self.samples,
                lengths=batch.lengths,
                temperature=self.temperature,
                generator=batch.generator,
            )
            drawn = self._spell(paths.flatten(1))
            proposed = [drawn[line :: batch.lines] for line in range(batch.lines)]
        lists = [list(dict.fromkeys([first, *others])) for first, others in zip(greedy, proposed, strict=True)]
        longest = max(map(len, lists))
        padded = [readings + readings[:1] * (longest - len(readings)) for readings in lists]
        real = torch.arange(longest)[:, None] < torch.tensor([len(readings) for readings in lists])
        return [readings[place] for place in range(longest) for readings in padded], real

    def _encode(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        target_lengths = torch.tensor([len(text) for text in texts])
        ids = torch.zeros(len(texts), int(target_lengths.max()), dtype=torch.long)
        try:
            flat = torch.tensor([self._class_of[character] for text in texts for character in text], dtype=torch.long)
        except KeyError as missing:
            text = next(text for text in texts if missing.args[0] in text)
            raise CharsetError(f"the proposal {text!r:.60} holds {missing}, which the charset does not have.") from None
        ids[torch.arange(ids.shape[1]) < target_lengths[:, None]] = flat
        return ids, target_lengths
