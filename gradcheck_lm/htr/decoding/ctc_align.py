"""Which frames a given string occupies: CTC forced alignment, and the posterior of every character's segment.

Axes: T frames, N lines, C classes (class 0 is the blank), M strings, L characters, U = 2 L + 1 places of CTC's chain:
the characters in order with a blank before, between and after them. All strings are worked on at once, on the device of
the logits; frames follow each other by nature, so there is one loop over T with the same tensor work for each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gradcheck_lm.errors import ShapeError
from gradcheck_lm.htr.ctc import BLANK, frame_log_probs
from gradcheck_lm.htr.shapes import check_lengths, check_logits, check_targets


@dataclass(frozen=True)
class Alignment:
    """The likeliest path of each of M strings.

    Attributes:
        paths: (T, M) long, a class for every frame; blank beyond a line's length and where the string is impossible.
            `gradcheck_lm.htr.ctc.segments` tells which character each frame belongs to.
        log_prob: (M,) float, nats, of that path; -inf where the string is impossible.
        possible: (M,) bool; False where no path spells the string: too few frames, or a class with logit -inf.
    """

    paths: Tensor
    log_prob: Tensor
    possible: Tensor


@dataclass(frozen=True)
class _Chain:
    """CTC's chains: emissions (T, M, U) float; labels, may_skip (M, U); frames, last place, lines (M,)."""

    emissions: Tensor
    labels: Tensor
    may_skip: Tensor
    frames: Tensor
    last: Tensor
    lines: Tensor


def align(
    logits: Tensor,
    ids: Tensor,
    target_lengths: Tensor,
    *,
    lines: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None,
) -> Alignment:
    """Find the likeliest path that spells each string (Viterbi).

    Of equally likely paths it takes, seen from the last frame back, the one that stays in its place longest.

    Args:
        logits: (T, N, C) float, unnormalised; float16 and bfloat16 are computed in float32.
        ids: (M, L) long, classes 1 to C - 1, padded.
        target_lengths: (M,) long; 0 is the empty string.
        lines: (M,) long, the line that each string is a reading of; None: M = N, string n is a reading of line n.
        lengths: (N,) frames that belong to each line; None for all T.
    Returns:
        Alignment: paths (T, M), log_prob (M,), possible (M,).
    Raises:
        ShapeError: the axes do not fit, or a class or line is out of range.
        ArgumentError: NaN or +inf among a line's logits; the message names the line.
    Gradient: log_prob has the exact one of the path found, 0 for impossible strings; paths have none.
    Source: Graves 2012, Supervised Sequence Labelling with Recurrent Neural Networks, section 7.5; Viterbi 1967.
    """
    check_logits(logits)
    log_probs = frame_log_probs(logits, lengths)
    with torch.no_grad():
        chain = _chain(logits, log_probs, ids, target_lengths, lines, lengths)
        best, places = _viterbi(chain)
        possible = ~best.isneginf()
        counted = _inside(chain) & possible
        paths = chain.labels.gather(1, places.T).T.where(counted, BLANK)
    chosen = log_probs[:, chain.lines].gather(2, paths[:, :, None])[:, :, 0]
    return Alignment(paths, chosen.where(counted, 0.0).sum(0).masked_fill(~possible, -math.inf), possible)


def segment_posteriors(
    logits: Tensor,
    ids: Tensor,
    target_lengths: Tensor,
    *,
    lines: Tensor | None = None,
    lengths: Tensor | Sequence[int] | None = None,
) -> Tensor:
    """Say how likely each frame belongs to each character of a string, given that the line reads as the string.

    Args:
        logits, ids, target_lengths, lines, lengths: as `align` takes them.
    Returns:
        (T, M, 1 + L) float: column 0 is the blank, column 1 + i character i of the string. Each row sums to 1; rows of
        0 beyond a line's length and for impossible strings.
    Raises:
        ShapeError, ArgumentError: as `align`.
    Gradient: none. Summed over equal characters it is p - d(-log p(string)) / d(logits): CTC's own gradient.
    Source: Graves et al. 2006, Connectionist Temporal Classification, equations 5 to 15 (forward and backward).
    """
    check_logits(logits)
    with torch.no_grad():
        chain = _chain(logits, frame_log_probs(logits, lengths), ids, target_lengths, lines, lengths)
        joint = _forward(chain) + _backward(chain)
        inside = _inside(chain)[:, :, None]
        evidence = joint.logsumexp(2, keepdim=True)
        posteriors = (joint - evidence).exp().where(inside & ~evidence.isneginf(), 0.0)
        return torch.cat([posteriors[:, :, 0::2].sum(2, keepdim=True), posteriors[:, :, 1::2]], 2)


def _chain(
    logits: Tensor,
    log_probs: Tensor,
    ids: Tensor,
    target_lengths: Tensor,
    lines: Tensor | None,
    lengths: Tensor | Sequence[int] | None,
) -> _Chain:
    device = logits.device
    if lines is None and len(ids) != logits.shape[1]:
        raise ShapeError(
            f"ids are {tuple(ids.shape)} for logits of N = {logits.shape[1]} lines: give one string per line, or say "
            "with lines=(M,) which line each string is a reading of."
        )
    lines = torch.arange(len(ids), device=device) if lines is None else lines.to(device)
    ids, target_lengths = ids.to(device), target_lengths.to(device)
    check_targets(ids, target_lengths, lines, logits)
    count, longest = ids.shape
    inside = torch.arange(longest, device=device) < target_lengths[:, None]
    labels = ids.new_full((count, 2 * longest + 1), BLANK)
    labels[:, 1::2] = ids.where(inside, BLANK)
    # a blank may be left out between two characters that differ
    may_skip = torch.zeros_like(labels, dtype=torch.bool)
    may_skip[:, 3::2] = (ids[:, 1:] != ids[:, :-1]) & inside[:, 1:]
    emissions = log_probs.detach()[:, lines].gather(2, labels.expand(len(log_probs), -1, -1))
    return _Chain(emissions, labels, may_skip, check_lengths(lengths, logits)[lines], 2 * target_lengths, lines)


def _inside(chain: _Chain) -> Tensor:
    return torch.arange(len(chain.emissions), device=chain.frames.device)[:, None] < chain.frames


def _start(chain: _Chain) -> Tensor:
    """(M, U) log mass before the first frame, all in the first place: from there the first two are reached."""
    start = torch.full_like(chain.emissions[0], -math.inf)
    start[:, 0] = 0.0
    return start


def _arrivals(mass: Tensor, may_skip: Tensor) -> Tensor:
    """(3, M, U): the mass of staying, of coming from the place before, and from two before."""
    before = F.pad(mass, (1, 0), value=-math.inf)[:, :-1]
    skipped = F.pad(mass, (2, 0), value=-math.inf)[:, :-2].masked_fill(~may_skip, -math.inf)
    return torch.stack([mass, before, skipped])


def _departures(mass: Tensor, may_skip: Tensor) -> Tensor:
    """(3, M, U): the mass of staying, of going on to the next place, and to the one after it."""
    after = F.pad(mass, (0, 1), value=-math.inf)[:, 1:]
    skipped = F.pad(mass.masked_fill(~may_skip, -math.inf), (0, 2), value=-math.inf)[:, 2:]
    return torch.stack([mass, after, skipped])


def _ends(chain: _Chain) -> Tensor:
    """(M, U) the places that a path may end in: the last blank and the last character."""
    places = torch.arange(chain.labels.shape[1], device=chain.last.device)
    return (places == chain.last[:, None]) | (places == chain.last[:, None] - 1)


def _viterbi(chain: _Chain) -> tuple[Tensor, Tensor]:
    """(M,) log-probability of the best path, and (T, M) the place in the chain that it is in at each frame."""
    mass, steps = _start(chain), []
    for frame, emission in enumerate(chain.emissions):
        best, step = _arrivals(mass, chain.may_skip).max(0)
        # beyond its length a string's numbers stay as they are
        inside = (frame < chain.frames)[:, None]
        mass = torch.where(inside, best + emission, mass)
        steps.append(step.where(inside, 0).to(torch.int8))
    ending = mass.where(_ends(chain), -math.inf).max(1)
    place, places = ending.indices, []
    for step in reversed(steps):
        places.append(place)
        place = place - step.gather(1, place[:, None])[:, 0]
    return ending.values, torch.stack(places[::-1])


def _forward(chain: _Chain) -> Tensor:
    """(T, M, U) log mass of all beginnings that are in a place at a frame, the frame's own emission included."""
    mass, found = _start(chain), []
    for frame, emission in enumerate(chain.emissions):
        arrived = _arrivals(mass, chain.may_skip).logsumexp(0) + emission
        mass = torch.where((frame < chain.frames)[:, None], arrived, mass)
        found.append(mass)
    return torch.stack(found)


def _backward(chain: _Chain) -> Tensor:
    """(T, M, U) log mass of all ends that follow a place at a frame, the frame's own emission not included."""
    mass, found = torch.zeros_like(chain.emissions[0]).where(_ends(chain), -math.inf), []
    for frame in range(len(chain.emissions) - 1, -1, -1):
        found.append(mass)
        left = _departures(mass + chain.emissions[frame], chain.may_skip).logsumexp(0)
        mass = torch.where((frame < chain.frames)[:, None], left, mass)
    return torch.stack(found[::-1])
