"""Sampling CTC paths without replacement, by stochastic beam search.

Axes: T frames, K paths, N lines, C classes (class 0 is the blank).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.ctc import BLANK, frame_log_probs
from gradcheck_lm.htr.shapes import check_lengths, check_logits


@dataclass(frozen=True)
class DistinctPaths:
    """K different paths of each of N lines, in the order in which they would be drawn one after the other.

    Attributes:
        paths: (T, K, N) long; blank beyond a line's length.
        log_prob: (K, N) float64, nats, of the path under the posteriors that it was drawn from.
        real: (K, N) bool; False is padding of lines that have fewer than K paths.
    """

    paths: Tensor
    log_prob: Tensor
    real: Tensor


def sample_distinct_paths(
    logits: Tensor,
    samples: int,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> DistinctPaths:
    """Draw K paths of each line without replacement, from the frame-wise posteriors.

    Every path's log-probability gets Gumbel noise, and the K largest sums are taken. The paths are never listed: a beam
    holds for each beginning of a path the largest sum among the paths that begin so, which frame by frame is split
    among the classes. One loop over T with the same tensor work for each frame, in double precision.

    Args:
        logits: (T, N, C) float, unnormalised.
        samples: K >= 1 different paths for each line.
        lengths: (N,) frames that belong to each line; None for all T.
        temperature: > 0, no unit; the posteriors are softmax(logits / temperature).
        generator: where the randomness comes from, on any device: the draw is made there. None: the global state.
    Returns:
        DistinctPaths.
    Raises:
        ShapeError: the logits are not (T, N, C), or lengths do not fit.
        ArgumentError: NaN or +inf among a line's logits; samples below 1; a temperature that is not above 0.
    Gradient: none.
    Source: Kool et al. 2019, Stochastic Beams and Where to Find Them, algorithm 1.
    """
    check_logits(logits)
    if samples < 1:
        raise ArgumentError(f"samples is {samples}: draw at least 1 path per line.")
    frames = check_lengths(lengths, logits)
    with torch.no_grad():
        log_probs = frame_log_probs(logits, lengths, temperature=temperature).double()
        steps, lines, classes = log_probs.shape
        outside = torch.arange(steps, device=logits.device)[:, None] >= frames
        # a sure blank beyond a line's length adds no path and changes no sum
        log_probs = log_probs.masked_fill(outside[:, :, None], -math.inf)
        log_probs[:, :, BLANK].masked_fill_(outside, 0.0)
        log_prob = log_probs.new_full((lines, samples), -math.inf)
        log_prob[:, 0] = 0.0
        perturbed = log_prob + _gumbel(log_prob, generator)
        paths = torch.zeros(steps, lines, samples, dtype=torch.long, device=logits.device)
        for frame in range(steps):
            grown = (log_prob[:, :, None] + log_probs[frame][:, None]).flatten(1)
            sums = _split(perturbed, grown.view(lines, samples, classes), generator).flatten(1)
            perturbed, chosen = sums.topk(samples, dim=1)
            log_prob = grown.gather(1, chosen)
            origin = chosen.div(classes, rounding_mode="floor")
            paths[:frame] = paths[:frame].gather(2, origin.expand(frame, -1, -1))
            paths[frame] = chosen.remainder(classes)
        real = ~perturbed.isneginf()
        return DistinctPaths(paths.where(real, BLANK).transpose(1, 2), log_prob.T, real.T)


def _split(perturbed: Tensor, grown: Tensor, generator: torch.Generator | None) -> Tensor:
    """(N, K, C) sums of the children: their log-probabilities with noise, given that the largest is the parent's."""
    free = grown + _gumbel(grown, generator)
    largest = free.max(2, keepdim=True).values
    parent = perturbed[:, :, None]
    # -log(exp(-parent) - exp(-largest) + exp(-free)), in a form that loses no digits
    shift = parent - free + _log1mexp(free - largest)
    sums = parent - shift.clamp_min(0) - (-shift.abs()).exp().log1p()
    return sums.masked_fill(grown.isneginf(), -math.inf)


def _gumbel(like: Tensor, generator: torch.Generator | None) -> Tensor:
    device = like.device if generator is None else generator.device
    waiting = torch.empty(like.shape, dtype=torch.float64, device=device).exponential_(generator=generator)
    return -waiting.log().to(like.device)


def _log1mexp(x: Tensor) -> Tensor:
    """log(1 - exp(x)) for x <= 0."""
    return torch.where(x > -math.log(2), (-x.expm1()).log(), (-x.exp()).log1p())
