"""Readings proposed by a prefix beam: for a recogniser so sure of its mistakes that it never draws the truth."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.ctc import to_strings
from gradcheck_lm.htr.decoding.ctc_beam import Beam, prefix_beam
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch

PROPOSALS = {
    "sample": "drawn from the recogniser's posteriors",
    "beam": "the recogniser's N-best list, by prefix beam search",
    "fused_beam": "the N-best list of recogniser and character language model together",
}


def check_proposals(proposals: Any, fusion: Any, *, other: str = "") -> None:
    """Raise ArgumentError for an unknown kind of proposals, or one that does not go with `fusion`."""
    if proposals not in PROPOSALS:
        raise ArgumentError(f"proposals is {proposals!r}; choose one of {', '.join(map(repr, PROPOSALS))}{other}.")
    if proposals == "fused_beam" and fusion is None:
        raise ArgumentError(
            'proposals is "fused_beam" and fusion is None: pass fusion=, a character language model with '
            'automaton(charset) such as an n-gram, or an automaton; or choose proposals="beam", which needs none.'
        )
    if proposals != "fused_beam" and fusion is not None:
        raise ArgumentError(
            f'fusion is given and proposals is {proposals!r}, which would not use it: "fused_beam" does.'
        )


class BeamProposals:
    """A prefix beam with all its settings.

    Args:
        charset: the recogniser's characters.
        fusion: None, a FusionAutomaton, or anything whose `automaton(charset)` gives one.
        fusion_weight: of the automaton's cost, at least 0, no unit.
        length_bonus: nats a character; used with `fusion` only, where each character costs.
        beam: prefixes kept, B >= 1.
    Raises:
        ArgumentError: a fusion that is none, or a number out of range.
    """

    def __init__(
        self, charset: Characters, *, fusion: Any, fusion_weight: float, length_bonus: float, beam: int
    ) -> None:
        if beam < 1:
            raise ArgumentError(f"beam is {beam}: keep at least 1 prefix.")
        if not (math.isfinite(fusion_weight) and fusion_weight >= 0 and math.isfinite(length_bonus)):
            raise ArgumentError(
                f"fusion_weight is {fusion_weight} and length_bonus {length_bonus}: give a finite weight of at least 0 "
                "and a finite bonus."
            )
        self.charset = charset
        self.automaton = _automaton(fusion, charset)
        self.fusion_weight = fusion_weight
        self.length_bonus = 0.0 if fusion is None else length_bonus
        self.beam = beam

    def search(self, batch: Batch) -> Beam:
        """The N-best list of each line of a batch."""
        device = batch.logits.device
        if self.automaton is not None and self.automaton.cost.device != device and hasattr(self.automaton, "to"):
            self.automaton = self.automaton.to(device)  # once, not for each batch
        return prefix_beam(
            batch.logits,
            beam=self.beam,
            lengths=batch.lengths,
            fusion=self.automaton,
            fusion_weight=self.fusion_weight,
            length_bonus=self.length_bonus,
        )

    def readings(self, batch: Batch, count: int) -> list[list[str]]:
        """The best `count` readings of each line of a batch, or as many as there are."""
        found = self.search(batch)
        real = found.real.sum(1).tolist()
        return [names[: min(count, kept)] for names, kept in zip(spell(found, self.charset), real, strict=True)]


def spell(found: Beam, charset: Characters) -> list[list[str]]:
    """The B strings of each of N lines, "" for padding."""
    lines, beam = found.score.shape
    names = to_strings(found.ids.flatten(0, 1), found.target_lengths.flatten(), charset)
    return [names[line * beam : (line + 1) * beam] for line in range(lines)]


def mix_in(
    found: Beam,
    listed: Tensor,
    ids: Tensor,
    target_lengths: Tensor,
    *,
    share: float,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Put strings from the beam in the place of some of K * N drawn strings, each with a chance of `share`.

    Args:
        found: the beam of N lines.
        listed: (N, B) log-probability with which each of its strings is drawn.
        ids: (K * N, L) long, target_lengths (K * N,) long; string k * N + n is of line n.
        share: chance of each string to be replaced, independently.
        generator: where the randomness comes from.
    Returns:
        ids (K * N, L') and target_lengths (K * N,) of the mixture.
    """
    lines = len(found.ids)
    draws = len(ids) // lines
    chosen = torch.multinomial(listed.exp().to(generator.device), draws, True, generator=generator).to(ids.device).T
    replaced = torch.rand(draws, lines, generator=generator, device=generator.device).to(ids.device) < share
    own = torch.arange(lines, device=ids.device)
    longest = max(ids.shape[1], found.ids.shape[2])
    proposed = F.pad(found.ids[own, chosen].flatten(0, 1), (0, longest - found.ids.shape[2]))
    drawn = F.pad(ids, (0, longest - ids.shape[1]))
    replaced = replaced.flatten()
    return (
        torch.where(replaced[:, None], proposed, drawn),
        torch.where(replaced, found.target_lengths[own, chosen].flatten(), target_lengths),
    )


def look_up(found: Beam, listed: Tensor, texts: list[str], charset: Characters) -> Tensor:
    """(K, N) what `listed` (N, B) says of each of K * N texts in its line's beam; -inf for a text that is not in it."""
    lines, beam = found.score.shape
    real = found.real.tolist()
    place = {
        (line, name): line * beam + slot
        for line, names in enumerate(spell(found, charset))
        for slot, name in enumerate(names)
        if real[line][slot]
    }
    known = torch.cat([listed.flatten(), listed.new_full((1,), -math.inf)])
    where = [place.get((index % lines, text), lines * beam) for index, text in enumerate(texts)]
    return known[torch.tensor(where, device=known.device)].view(-1, lines)


def _automaton(fusion: Any, charset: Characters) -> Any:
    """The automaton itself, made by a language model where that is given. FusionAutomaton | None."""
    if fusion is None or all(hasattr(fusion, name) for name in ("start", "next_state", "cost", "end_cost")):
        return fusion
    if callable(getattr(fusion, "automaton", None)):
        return fusion.automaton(charset)
    raise ArgumentError(
        f"fusion is {type(fusion).__name__!r}, which has neither automaton(charset) nor an automaton's start, "
        "next_state, cost and end_cost: pass a character n-gram."
    )
