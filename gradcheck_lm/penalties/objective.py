"""What f is: the penalty of a string, which every estimator in this package takes the gradient of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.penalties.scoring import Scorer

OBJECTIVES = {
    "hinge": "max(0, LM(text) - LM(label)) in nats per token, 0 where either is infinite: the story's",
    "score": "LM(text) in nats per token, 0 where it is infinite",
    "ratio": "NLL(text) - beta * len(text) over the greedy reading's length, in nats per character: for lines without "
    "labels; beta is the NLL per character of the line's own current readings, so that a character of average cost in "
    "that line is neither better nor worse than none; deleting a dear one still pays, and so does adding a cheap one",
    "sum": "NLL(text) in nats of the whole text, 0 where it is infinite: a sum over characters, and so it pays to "
    "delete them",
}


@dataclass(frozen=True)
class Costs:
    """f of M strings, and what to print of it: the sum of `nats` over the sum of `units` of a line's strings."""

    cost: Tensor
    nats: Tensor
    units: Tensor

    def per_line(self, weights: Tensor) -> Tensor:
        """(N,) the printed number of each line, over its K strings; weights (K, N)."""
        nats, units = self.nats.view_as(weights), self.units.view_as(weights)
        return (weights * nats).sum(0) / (weights * units).sum(0).clamp_min(torch.finfo(nats.dtype).tiny)


class Objective:
    """f by name, on a language model.

    Args:
        name: "hinge", "score", "ratio" or "sum" (see OBJECTIVES).
        scorer: asks the language model.
    Raises:
        ArgumentError: an unknown name.
    """

    def __init__(self, name: str, scorer: Scorer) -> None:
        if name not in OBJECTIVES:
            raise ArgumentError(f"objective is {name!r}; choose one of {', '.join(map(repr, OBJECTIVES))}.")
        self.name = name
        self.scorer = scorer

    @property
    def needs_labels(self) -> bool:
        return self.name == "hinge"

    def costs(
        self,
        texts: Sequence[str],
        labels: Sequence[str] | None,
        *,
        greedy_lengths: Sequence[int],
        weights: Tensor,
    ) -> Costs:
        """f of K readings for each of N lines, one call of the language model for all.

        Args:
            texts: K * N strings, string k * N + n a reading of line n.
            labels: N strings; None where the objective needs none.
            greedy_lengths: N, characters of each line's greedy reading (the scale of `ratio`).
            weights: (K, N) importance of each string (beta of `ratio` is a weighted mean over a line).
        Returns:
            Costs of K * N strings, in the dtype of the language model, at least float32.
        Gradient: none.
        """
        samples = len(texts) // len(greedy_lengths)
        device = weights.device
        if self.name == "ratio":
            return self._ratio(texts, [length for _ in range(samples) for length in greedy_lengths], weights)
        if self.name == "hinge":
            assert labels is not None
            scores = _at_least_float32(self.scorer.score([*texts, *labels], device))
            cost = hinge(scores[: len(texts)], scores[len(texts) :].repeat(samples))
        else:
            ask = self.scorer.nll if self.name == "sum" else self.scorer.score
            cost = finite_or_zero(_at_least_float32(ask(texts, device)))
        return Costs(cost, cost, torch.ones_like(cost))

    def soft(
        self,
        texts: Sequence[str],
        posteriors: Sequence[Tensor],
        labels: Sequence[str] | None,
        characters: str,
        *,
        hard: bool = False,
        flow: str = "both",
    ) -> Tensor:
        """f of one reading for each of N lines, through its soft characters: (N,).

        For `ratio` it is the nats per character: a text's length is fixed here, so beta would change no gradient.

        Args:
            texts: N strings.
            posteriors: N tensors (L_n, A), a distribution over `characters` for each character of the text.
            labels: N strings; None where the objective needs none.
            characters: A characters.
            hard, flow: as in `gradcheck_lm.lm.LanguageModel.score_soft`.
        Gradient: exact for these values, a biased surrogate for f's; 0 for a text that is empty or cannot be scored.
        """
        scores = self.soft_scores(texts, posteriors, characters, hard=hard, flow=flow)
        if not self.needs_labels:
            return finite_or_zero(scores)
        assert labels is not None
        return hinge(scores, self.scorer.score(labels, scores.device))

    def soft_scores(
        self, texts: Sequence[str], posteriors: Sequence[Tensor], characters: str, *, hard: bool, flow: str
    ) -> Tensor:
        """The language model's number of each text before any hinge; inf where the text is empty."""
        # sums over no rows: inf for now, but connected to the logits even where every text is empty
        connected = torch.stack([rows[:0].sum() for rows in posteriors]) + torch.inf
        kept = [place for place, text in enumerate(texts) if text]
        if not kept:
            return connected
        found = self.scorer.soft(
            [texts[place] for place in kept],
            [posteriors[place] for place in kept],
            characters,
            whole=self.name in ("ratio", "sum"),
            hard=hard,
            flow=flow,
        )
        found = _at_least_float32(found)
        if self.name == "ratio":
            found = found / torch.tensor([len(texts[place]) for place in kept], device=found.device)
        return connected.to(found.dtype).index_put((torch.tensor(kept, device=found.device),), found)

    def _ratio(self, texts: Sequence[str], scales: Sequence[int], weights: Tensor) -> Costs:
        nats = _at_least_float32(self.scorer.nll(texts, weights.device))
        lengths = torch.tensor([len(text) for text in texts], device=nats.device, dtype=nats.dtype)
        # what cannot be scored says nothing about how dear a character is, and is neither good nor bad
        known = nats.isfinite()
        nats, lengths = nats.where(known, 0.0), lengths.where(known, 0.0)
        total = (weights * nats.view_as(weights)).sum(0), (weights * lengths.view_as(weights)).sum(0)
        whole = total[0].sum() / total[1].sum().clamp_min(1e-12)
        # a line of one reading has nothing to hold it against but the other lines; an empty one costs nothing
        alone = torch.full_like(total[1], len(weights) == 1, dtype=torch.bool) | (total[1] <= 0)
        beta = torch.where(alone, whole, total[0] / total[1].clamp_min(1e-12)).expand_as(weights).flatten()
        scale = torch.tensor(scales, device=nats.device, dtype=nats.dtype).clamp_min(1)
        return Costs((nats - beta * lengths) / scale, nats, lengths)


def hinge(scores: Tensor, label_scores: Tensor) -> Tensor:
    """max(0, scores - label_scores), and 0 (with a gradient of 0) where either is infinite."""
    finite = scores.isfinite() & label_scores.isfinite()
    # inf - inf would be NaN, and NaN survives a multiplication by 0 in the backward
    return (scores.where(finite, 0.0) - label_scores.where(finite, 0.0)).clamp_min(0)


def finite_or_zero(scores: Tensor) -> Tensor:
    """The scores, with 0 (and a gradient of 0) in place of infinities."""
    return scores.where(scores.isfinite(), 0.0)


def _at_least_float32(scores: Tensor) -> Tensor:
    return scores if scores.dtype in (torch.float32, torch.float64) else scores.float()
