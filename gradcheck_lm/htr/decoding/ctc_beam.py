"""The likeliest strings of each line: CTC prefix beam search, alone or fused with a language model.

Axes: T frames, N lines, C classes (class 0 is the blank, class i + 1 is character i), A = C - 1 characters, B prefixes
in the beam, L characters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.ctc import BLANK, frame_log_probs
from gradcheck_lm.htr.decoding.fusion import Fusion
from gradcheck_lm.htr.decoding.fusion import FusionAutomaton as FusionAutomaton
from gradcheck_lm.htr.shapes import check_lengths, check_logits


@dataclass(frozen=True)
class Beam:
    """The best strings that a search found for each line, best first; equal scores keep the order of the search.

    Attributes:
        ids: (N, B, L) long, classes 1 to C - 1, padded with 0.
        target_lengths: (N, B) long.
        log_prob: (N, B) float, nats: log of the mass of all paths to the string that the search kept. It is at most
            log p(string), and equal to it where nothing was pruned.
        score: (N, B) float: log_prob - fusion_weight * cost + length_bonus * length.
        real: (N, B) bool; False marks padding of lines with fewer strings than B (both numbers are -inf there).
    """

    ids: Tensor
    target_lengths: Tensor
    log_prob: Tensor
    score: Tensor
    real: Tensor


class _Prefixes(NamedTuple):
    """The beam between two frames. Only prefixes with a score above -inf are alive; alive ones differ from each other.

    blank, char: (N, B) log mass of the paths that end in a blank, in the prefix's last character.
    score: (N, B) log mass and prior; prior: (N, B) what the language model and the length bonus add.
    state: (N, B) of the automaton; last, length: (N, B); content: (N, B, T + 1), 0 beyond the length.
    common: (N, B, B) characters that two prefixes have in common at their beginnings. Kept up from frame to frame it
    says exactly, with no hash and no look at whole strings, which prefix is the beginning of which.
    """

    blank: Tensor
    char: Tensor
    score: Tensor
    prior: Tensor
    state: Tensor
    last: Tensor
    length: Tensor
    content: Tensor
    common: Tensor


def prefix_beam(
    logits: Tensor,
    *,
    beam: int = 16,
    lengths: Tensor | Sequence[int] | None = None,
    classes: int | None = None,
    fusion: FusionAutomaton | None = None,
    fusion_weight: float = 0.0,
    length_bonus: float = 0.0,
) -> Beam:
    """Find the likeliest strings of each line, all lines and prefixes at once on the logits' device.

    Frames follow each other by nature, so there is one loop over T with the same tensor work for each; frames beyond
    the longest line are left out, no other frame is. Of candidates with equal scores the first wins: prefixes that were
    in the beam before new ones, then by their place in the beam and by class.

    Args:
        logits: (T, N, C) float, unnormalised; float16 and bfloat16 are computed in float32.
        beam: prefixes kept for each line after each frame, B >= 1.
        lengths: (N,) frames that belong to each line; None for all T.
        classes: a frame starts new prefixes with its likeliest so many characters only; None for all. Mass that flows
            to prefixes already in the beam is always counted.
        fusion: a language model as an automaton over the same A characters; None for the recogniser alone.
        fusion_weight: of the automaton's cost, no unit; 0 leaves the automaton out.
        length_bonus: added to the score for each character, nats.
    Returns:
        Beam: B strings for each line by score, the automaton's end cost included.
    Raises:
        ShapeError: the logits are not (T, N, C), lengths do not fit, or the automaton has not A characters.
        ArgumentError: beam or classes below 1, a negative fusion_weight; NaN or +inf among a line's logits; NaN or -inf
            among the automaton's costs.
    Gradient: none; `string_log_prob` of the strings found has one.
    Source: Hannun et al. 2014, First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent
        DNNs, algorithm 1.
    """
    check_logits(logits)
    if beam < 1 or (classes is not None and classes < 1):
        raise ArgumentError(f"beam is {beam} and classes is {classes}: both keep at least 1 (classes=None keeps all).")
    frames = check_lengths(lengths, logits)
    with torch.no_grad():
        log_probs = frame_log_probs(logits, lengths)
        if lengths is not None:
            log_probs = _blank_beyond(log_probs, frames)
        model = Fusion(fusion, fusion_weight, length_bonus, log_probs)
        allowed = None
        if classes is not None and classes < logits.shape[2] - 1:
            allowed = log_probs[:, :, 1:].sort(dim=2, descending=True, stable=True).indices[:, :, :classes] + 1
        prefixes = _empty(log_probs, beam, model.start)
        for frame in range(int(frames.max()) if len(frames) else 0):
            prefixes = _advance(prefixes, log_probs[frame], None if allowed is None else allowed[frame], model)
        return _ranked(prefixes, model)


def _blank_beyond(log_probs: Tensor, frames: Tensor) -> Tensor:
    """A sure blank in each frame beyond a line's length changes no prefix and no mass."""
    outside = torch.arange(len(log_probs), device=log_probs.device)[:, None] >= frames
    log_probs = log_probs.masked_fill(outside[:, :, None], -math.inf)
    log_probs[:, :, BLANK].masked_fill_(outside, 0.0)
    return log_probs


def _empty(log_probs: Tensor, beam: int, start: int) -> _Prefixes:
    """The empty prefix in the first place of each line's beam; the other places are not alive."""
    steps, lines, _ = log_probs.shape
    nothing = log_probs.new_full((lines, beam), -math.inf)
    first = nothing.clone()
    first[:, 0] = 0.0
    zeros = torch.zeros(lines, beam, dtype=torch.long, device=log_probs.device)
    return _Prefixes(
        blank=first,
        char=nothing,
        score=first,
        prior=log_probs.new_zeros(lines, beam),
        state=torch.full_like(zeros, start),
        last=zeros,
        length=zeros,
        content=zeros.new_zeros(lines, beam, steps + 1),
        common=zeros.new_zeros(lines, beam, beam),
    )


def _advance(old: _Prefixes, log_probs: Tensor, allowed: Tensor | None, model: Fusion) -> _Prefixes:
    """One frame: every prefix stays, or grows by a character; the best B of all these are kept."""
    lines, beam = old.blank.shape
    classes = log_probs.shape[1]
    total = torch.logaddexp(old.blank, old.char)
    emitted = log_probs.gather(1, old.last)
    parent, child = _parents(old)
    # a prefix that stays: by a blank, by its last character again, and from its own parent if that is in the beam too
    blank = total + log_probs[:, :1]
    doubled = old.last.gather(1, parent) == old.last  # only a blank can stand between two equal characters
    arriving = torch.where(doubled, old.blank.gather(1, parent), total.gather(1, parent)) + emitted
    char = torch.logaddexp(old.char + emitted, arriving.masked_fill(~child, -math.inf))
    # a prefix that grows; the blank's column is no character, and takes what is written for no reason
    grown = total[:, :, None] + log_probs[:, None, :]
    grown.scatter_(2, old.last[:, :, None], (old.blank + emitted)[:, :, None])
    # what would spell a prefix that is in the beam has been counted there
    grown.view(lines, -1).scatter_(1, torch.where(child, parent * classes + old.last, 0), -math.inf)
    grown[:, :, BLANK] = -math.inf
    prior = old.prior[:, :, None] + model.growth(old.state)
    prior = prior.expand_as(grown)
    if allowed is not None:
        chosen = allowed[:, None].expand(-1, beam, -1)
        grown, prior = grown.gather(2, chosen), prior.gather(2, chosen)
    mass = torch.cat([char, grown.flatten(1)], 1)
    scores = torch.cat([torch.logaddexp(blank, char) + old.prior, (grown + prior).flatten(1)], 1)
    priors = torch.cat([old.prior, prior.flatten(1)], 1)

    kept = _best(scores, beam)
    width = grown.shape[2]
    stays = kept < beam
    origin = torch.where(stays, kept, (kept - beam).div(width, rounding_mode="floor"))
    column = (kept - beam).remainder(width)
    added = torch.where(stays, BLANK, column if allowed is None else allowed.gather(1, column))
    score = scores.gather(1, kept)
    dead = score.isneginf()
    content, common = _grow(old, origin, added)
    return _Prefixes(
        blank=blank.gather(1, origin).masked_fill(dead | ~stays, -math.inf),
        char=mass.gather(1, kept).masked_fill(dead, -math.inf),
        score=score,
        prior=priors.gather(1, kept).masked_fill(dead, 0.0),
        state=model.follow(old.state.gather(1, origin), added),
        last=torch.where(stays, old.last.gather(1, origin), added),
        length=old.length.gather(1, origin) + ~stays,
        content=content,
        common=common,
    )


def _parents(old: _Prefixes) -> tuple[Tensor, Tensor]:
    """For each prefix: the place of the prefix one character shorter, and whether there is one; both (N, B)."""
    alive = ~old.score.isneginf()
    within = (old.common == old.length[:, :, None]) & (old.length[:, :, None] + 1 == old.length[:, None, :])
    found = (within & alive[:, :, None] & alive[:, None, :]).to(torch.uint8).max(1)
    return found.indices, found.values.bool()


def _grow(old: _Prefixes, origin: Tensor, added: Tensor) -> tuple[Tensor, Tensor]:
    """The content of the new prefixes, and how many characters any two have in common at their beginnings."""
    lines, beam = origin.shape
    rows = (origin + beam * torch.arange(lines, device=origin.device)[:, None]).flatten()
    content = old.content.flatten(0, 1).index_select(0, rows).view_as(old.content)
    # a prefix that stays writes the 0 that is there already
    content.scatter_(2, old.length.gather(1, origin)[:, :, None], added[:, :, None])
    common = old.common.flatten(0, 1).index_select(0, rows).view_as(old.common)
    common = common.gather(2, origin[:, None].expand_as(common))
    # what was in common still is; where both now go on with the same character there is one more in common
    following = content.gather(2, common)
    return content, common + ((following == following.transpose(1, 2)) & (following != BLANK))


def _best(scores: Tensor, count: int) -> Tensor:
    """(N, B) places of the largest scores in ascending order; of equal ones the first, which topk does not promise."""
    threshold = scores.topk(count, dim=1).values[:, -1:]
    above, level = scores > threshold, scores == threshold
    room = count - above.sum(1, keepdim=True)
    chosen = above | (level & (level.cumsum(1) <= room))
    # each chosen one is written to its own column, all others to a spare one
    column = torch.where(chosen, chosen.cumsum(1) - 1, count)
    places = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
    return torch.zeros_like(column[:, : count + 1]).scatter_(1, column, places)[:, :count]


def _ranked(prefixes: _Prefixes, model: Fusion) -> Beam:
    score = prefixes.score - model.end(prefixes.state)
    score, order = score.sort(dim=1, descending=True, stable=True)
    real = ~score.isneginf()
    target_lengths = prefixes.length.gather(1, order).where(real, 0)
    log_prob = torch.logaddexp(prefixes.blank, prefixes.char).gather(1, order).masked_fill(~real, -math.inf)
    longest = int(target_lengths.max()) if len(score) else 0
    ids = prefixes.content[:, :, :longest].gather(1, order[:, :, None].expand(-1, -1, longest))
    return Beam(ids.where(real[:, :, None], 0), target_lengths, log_prob, score, real)
