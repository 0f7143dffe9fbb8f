"""The local expectation: from a sampled path, ask at every frame what each other class would have cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.ctc import collapse_paths, frame_log_probs, sample_paths, to_strings
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch, Kind, Penalty, PenaltyOutput, with_value
from gradcheck_lm.penalties.objective import Costs

_CELLS = 2**24  # frames of alternative paths that are collapsed at once


@dataclass(frozen=True)
class LocalOutput(PenaltyOutput):
    """What `local_expectation` says: as any penalty, and what the truncation left out.

    Attributes:
        dropped: (T, N) probability of the classes that were not asked about, the mean over the samples; all 0 where
            nothing was truncated.
    """

    dropped: Tensor

    def bias_bound(self, cost_range: float) -> Tensor:
        """(T, N) how far the truncation may push any one coordinate of a line's gradient, in nats per unit of logit.

        For each line's own expected penalty, before the reduction over lines divides it.

        Args:
            cost_range: the largest f of any text less the smallest, in nats.
        Source: d p(c) / d logit(j) = p(c) (1[c = j] - p(j)), summed over the dropped classes c with costs that differ
            from the kept ones' mean by at most the range: no coordinate gets more than their probability times it.
        """
        return cost_range * self.dropped


class LocalExpectation(Penalty):
    """Draw a path; at each frame take the exact expectation over that frame's classes, the other frames as drawn.

    A frame's share of the gradient is the sum over classes c of grad p(c) * f(text of the path with c at that frame).
    What costs are compared with there is their own mean. Many alternatives spell the same text, which is scored once;
    still an untruncated line takes up to T * (C - 1) texts, so by default only the likeliest few alternatives at frames
    that are in doubt are asked about.

    Args:
        samples: paths drawn for each line.
        alternatives: at most so many classes a frame beside the drawn one, the likeliest; None for all.
        threshold: alternatives of at most this probability are left out; 0 leaves out none.
    Raises:
        ArgumentError: an option out of range.
    Gradient: unbiased and noisy with alternatives=None and threshold=0, for the objectives "hinge", "score" and "sum"
        with reduction "mean". Truncated: biased, by no more in any coordinate of a line than the probability left out
        at its frame times the range of f; the output says how much that was (`dropped`, `bias_bound`). With "ratio",
        beta is estimated from the drawn texts. Reaches the blank: insertions and deletions are learned.
    Source: Titsias and Lazaro-Gredilla 2015 (local expectation gradients), for CTC as in Graves and Jaitly 2014.
    """

    name = "local_expectation"
    # of the method; `truncated` and the output's `dropped` say what the truncation that is on by default does to it
    kind: ClassVar[Kind] = "unbiased"
    summary = "re-scores the alternatives at each frame of a path: unbiased, truncated by default with a bounded bias"

    def __init__(
        self,
        language_model: Any,
        charset: Characters,
        *,
        samples: int = 1,
        alternatives: int | None = 4,
        threshold: float = 1e-3,
        **common: Any,
    ) -> None:
        super().__init__(language_model, charset, **common)
        if samples < 1:
            raise ArgumentError(f"samples is {samples}: draw at least 1 path per line.")
        if alternatives is not None and alternatives < 1:
            raise ArgumentError(f"alternatives is {alternatives}: ask about at least 1 class a frame, or None for all.")
        if not 0 <= threshold < 1:
            raise ArgumentError(f"threshold is {threshold}: a probability, from 0 (leave out nothing) to below 1.")
        self.samples = samples
        self.alternatives = alternatives
        self.threshold = threshold

    @property
    def truncated(self) -> bool:
        """Whether alternatives are left out on purpose: then the gradient is biased."""
        return self.alternatives is not None or self.threshold > 0

    def _penalise(self, batch: Batch) -> PenaltyOutput:
        probs = frame_log_probs(batch.logits, batch.lengths).exp()
        paths = sample_paths(batch.logits, self.samples, lengths=batch.lengths, generator=batch.generator)
        asked = self.ask_about(batch, probs.detach(), paths)
        drawn = self._spell(paths.flatten(1))
        cost, costs, weights = self._costs(batch, drawn, paths, asked, probs.dtype)
        known = asked.scatter(3, paths[..., None], True)
        shares = local_differences(probs.detach(), known, cost)
        surrogate = (probs[:, None] * shares).sum((0, 1, 3)) / self.samples
        per_line = costs.per_line(weights)
        out = self._output(with_value(per_line, surrogate), per_line, self._greedy(batch))
        return LocalOutput(**vars(out), dropped=self._dropped(batch, probs.detach(), known))

    def _dropped(self, batch: Batch, probs: Tensor, known: Tensor) -> Tensor:
        """(T, N) probability that was not asked about; 0 beyond a line's length, where no class has an effect."""
        dropped = probs[:, None].masked_fill(known, 0.0).sum(3).mean(1)
        if batch.lengths is None:
            return dropped
        return dropped.masked_fill(torch.arange(len(probs), device=probs.device)[:, None] >= batch.lengths, 0.0)

    def ask_about(self, batch: Batch, probs: Tensor, paths: Tensor) -> Tensor:
        """(T, K, N, C) bool: which other classes are put in a frame's place."""
        other = probs[:, None].expand(-1, paths.shape[1], -1, -1).scatter(3, paths[..., None], 0.0)
        asked = other > self.threshold
        if self.alternatives is not None and self.alternatives < probs.shape[2] - 1:
            likeliest = other.topk(self.alternatives, dim=3).indices
            asked &= torch.zeros_like(asked).scatter(3, likeliest, True)
        if batch.lengths is not None:
            frames = torch.arange(len(probs), device=probs.device)[:, None]
            asked &= (frames < batch.lengths)[:, None, :, None]
        return asked

    def _costs(
        self, batch: Batch, drawn: list[str], paths: Tensor, asked: Tensor, dtype: torch.dtype
    ) -> tuple[Tensor, Costs, Tensor]:
        """f of each alternative (T, K, N, C), of the drawn text where the drawn class stands; and what to print."""
        places = asked.nonzero()
        others = [text for block in self._alternative_texts(paths, places) for text in block]
        lists: list[dict[str, int]] = [{} for _ in range(batch.lines)]
        drawn_row = [_row(lists[index % batch.lines], text) for index, text in enumerate(drawn)]
        counted = max(map(len, lists))  # rows of drawn texts; the others follow
        lines = places[:, 2].tolist()
        other_row = [_row(lists[line], text) for line, text in zip(lines, others, strict=True)]
        texts = [list(readings) for readings in lists]
        height = max(map(len, texts))
        table = [readings[row] if row < len(readings) else readings[0] for row in range(height) for readings in texts]
        device = paths.device
        rows = torch.tensor(drawn_row, device=device).view(-1, batch.lines)
        weights = torch.zeros(height, batch.lines, dtype=dtype, device=device)
        weights[:counted] = torch.stack([(rows == row).sum(0) for row in range(counted)]).to(dtype)
        greedy_lengths = [len(text) for text in self._greedy(batch)]
        costs = self.objective.costs(table, batch.transcripts, greedy_lengths=greedy_lengths, weights=weights)
        by_row = costs.cost.view(height, batch.lines)
        found = by_row.gather(0, rows)[None, :, :, None].expand(*asked.shape).clone()
        found[asked] = by_row[torch.tensor(other_row, dtype=torch.long, device=device), places[:, 2]]
        return found, costs, weights

    def _alternative_texts(self, paths: Tensor, places: Tensor) -> Iterator[list[str]]:
        """The text of each path with one class changed; places (M, 4) are frame, sample, line and class."""
        frames = paths.shape[0]
        for block in places.split(max(1, _CELLS // frames)):
            frame, sample, line, label = block.unbind(1)
            changed = paths[:, sample, line]
            changed[frame, torch.arange(len(block), device=paths.device)] = label
            yield to_strings(*collapse_paths(changed), self.charset)


def local_differences(probs: Tensor, known: Tensor, cost: Tensor) -> Tensor:
    """How much dearer each known class makes a frame than the frame's known classes on average.

    Args:
        probs: (T, N, C).
        known: (T, K, N, C) bool, the classes whose cost is known; the drawn one always is.
        cost: (T, K, N, C) f of the text with that class there; anything where it is not known.
    Returns:
        (T, K, N, C), 0 for unknown classes.
    """
    chance = probs[:, None].to(cost.dtype) * known
    # a class that was drawn has a probability above 0
    mean = (chance * cost).sum(3, keepdim=True) / chance.sum(3, keepdim=True).clamp_min(torch.finfo(cost.dtype).tiny)
    return (cost - mean).where(known, 0.0)


def _row(rows: dict[str, int], text: str) -> int:
    return rows.setdefault(text, len(rows))
