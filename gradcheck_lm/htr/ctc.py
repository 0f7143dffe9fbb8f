"""Connectionist temporal classification (CTC): from logits to texts, samples, log-probabilities and soft characters.
Axes: T frames, N lines, C classes (class 0 is the blank, class i + 1 is character i), M strings, L characters in a
string, A = C - 1 characters in all. Everything works on all frames and lines at once, on the device of the logits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, ShapeError
from gradcheck_lm.htr.ctc_loss import ctc_losses, frames_needed
from gradcheck_lm.htr.shapes import Characters, check_lengths, check_logits, check_targets, refuse_lines

BLANK = 0
# stands in for log 0 inside the CTC recursion, whose backward would make NaN of -inf; exp() of it is 0 in every dtype
_LOG_OF_ZERO = -1e30


def greedy_decode(logits: Tensor, charset: Characters, *, lengths: Tensor | Sequence[int] | None = None) -> list[str]:
    """Read each line by its likeliest class per frame: repeats collapsed, blanks dropped.

    Args:
        logits: (T, N, C) float, unnormalised; class 0 is the blank.
        charset: gives the characters of classes 1 to C - 1.
        lengths: (N,) frames that belong to each line, 0 to T; None for all T.
    Returns:
        N strings; a line of blanks gives "".
    Raises:
        ShapeError: the logits are not (T, N, C), or C is not the charset's size, or lengths do not fit.
        ArgumentError: NaN or +inf among a line's logits; the message names the line.
    Gradient: none: a string has no derivative.
    """
    check_logits(logits, charset)
    return spell_paths(greedy_paths(logits, lengths=lengths), charset)


def spell_paths(paths: Tensor, charset: Characters) -> list[str]:
    """The strings that paths (T, N) of the charset's classes collapse to; without a loop over frames, on the CPU."""
    narrow = paths.cpu().numpy().T.astype(np.uint8 if len(charset.characters) < 256 else np.int32)
    kept = narrow != BLANK
    kept[:, 1:] &= narrow[:, 1:] != narrow[:, :-1]
    places = np.flatnonzero(kept)
    ends = places.searchsorted(np.arange(1, len(kept) + 1) * kept.shape[1])
    return _cut_strings(narrow.ravel().take(places), ends, charset)


def greedy_paths(logits: Tensor, *, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
    """Give the likeliest class of every frame: (T, N) long, blank beyond a line's length. Raises as `greedy_decode`."""
    check_logits(logits)
    outside = _outside(lengths, logits)
    logits = logits.detach()
    if logits.device.type == "cpu":
        # NumPy's argmax over the last axis is three times as fast as torch's on a CPU; both take the first of equals
        paths = torch.from_numpy(np.argmax(_at_least_float32(logits).numpy(), axis=2))
    else:
        paths = logits.argmax(2)
    # the largest logit of a frame is finite unless the frame holds NaN, +inf, or nothing but -inf
    wrong = ~logits.gather(2, paths[:, :, None])[:, :, 0].isfinite()
    if outside is not None:
        wrong &= ~outside
        paths = paths.masked_fill(outside, BLANK)
    refuse_lines(wrong.any(0))
    return paths


def collapse_paths(paths: Tensor, lengths: Tensor | Sequence[int] | None = None) -> tuple[Tensor, Tensor]:
    """Collapse frame-wise classes to the strings they spell: repeats merged, then blanks dropped.

    Args:
        paths: (T, M) long, a class for every frame of M paths.
        lengths: (M,) frames that belong to each path; None for all T.
    Returns:
        ids (M, L) long, padded with 0 to the longest string, and their lengths (M,) long.
    Raises:
        ShapeError: paths are not (T, M) integers, or lengths do not fit.
    """
    kept, _ = _emissions(paths, lengths)
    target_lengths = kept.sum(0)
    longest = int(target_lengths.max()) if paths.shape[1] else 0
    # every frame is written somewhere; those that emit nothing all write to one spare column, which is cut off
    column = torch.where(kept, kept.cumsum(0) - 1, longest)
    ids = paths.new_zeros(paths.shape[1], longest + 1).scatter_(1, column.T, paths.T)
    return ids[:, :longest].contiguous(), target_lengths


def to_strings(ids: Tensor, target_lengths: Tensor, charset: Characters) -> list[str]:
    """Spell M padded strings of classes, ids (M, L) with target_lengths (M,), as Python strings."""
    classes = ids[torch.arange(ids.shape[1], device=ids.device) < target_lengths[:, None]].cpu().numpy()
    return _cut_strings(classes, target_lengths.cumsum(0).cpu().numpy(), charset)


def sample_paths(
    logits: Tensor,
    samples: int,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw paths from the frame-wise posteriors, every frame independently, as CTC's model says.

    Args:
        logits: (T, N, C) float, unnormalised.
        samples: how many paths for each line, K >= 1.
        lengths: (N,) frames that belong to each line; None for all T.
        temperature: > 0, no unit; above 1 flattens the posteriors: softmax(logits / temperature).
        generator: where the randomness comes from, on any device: the draw is made there. None: the global state.
    Returns:
        (T, K, N) long; blank beyond a line's length.
    Raises:
        ShapeError, ArgumentError: as `greedy_decode`; also samples < 1 or a temperature that is not above 0.
    Gradient: none.
    """
    check_logits(logits)
    if samples < 1:
        raise ArgumentError(f"samples is {samples}: draw at least 1 path per line.")
    outside = _outside(lengths, logits)
    with torch.no_grad():
        posteriors = frame_log_probs(logits, lengths, temperature=temperature).exp()
        steps, lines, classes = posteriors.shape
        device = logits.device if generator is None else generator.device
        drawn = torch.multinomial(posteriors.view(-1, classes).to(device), samples, True, generator=generator)
        paths = drawn.to(logits.device).view(steps, lines, samples).transpose(1, 2)
        return paths if outside is None else paths.masked_fill(outside[:, None], BLANK)


def string_log_prob(
    logits: Tensor,
    ids: Tensor,
    target_lengths: Tensor,
    *,
    lines: Tensor,
    lengths: Tensor | Sequence[int] | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Give log p(string | line): the sum over all paths that collapse to the string, by one call of `ctc_losses`.

    Args:
        logits: (T, N, C) float, unnormalised; float16 and bfloat16 are computed in float32.
        ids: (M, L) long, classes 1 to C - 1, padded.
        target_lengths: (M,) long; 0 is the empty string.
        lines: (M,) long, the line (0 to N - 1) that each string is a reading of.
        lengths: (N,) frames that belong to each line; None for all T.
        temperature: > 0, no unit; the posteriors are softmax(logits / temperature).
    Returns:
        (M,) float, nats, at most 0; -inf where no path spells the string: too few frames, or a class with logit -inf.
    Raises:
        ShapeError: the axes do not fit, or a class or line is out of range.
        ArgumentError: NaN or +inf among a line's logits; the message names the line.
    Gradient: exact; 0 (never NaN) for strings of probability 0 and for frames beyond a line's length.
    Source: Graves et al. 2006, Connectionist Temporal Classification, equation 8.
    """
    check_logits(logits)
    frames = check_lengths(lengths, logits)
    log_probs = frame_log_probs(logits, lengths, temperature=temperature)
    ids, target_lengths, lines = (x.to(logits.device) for x in (ids, target_lengths, lines))
    check_targets(ids, target_lengths, lines, logits)
    if not len(ids):
        return log_probs.new_zeros(0)
    ids = ids if ids.shape[1] else ids.new_zeros(len(ids), 1)  # F.ctc_loss wants a column even for empty strings
    columns, frames = log_probs[:, lines], frames[lines]
    impossible = frames_needed(ids, target_lengths) > frames
    # the empty string stands in for impossible ones: it is finite, and its gradient is multiplied by 0
    target_lengths = target_lengths.masked_fill(impossible, 0)
    if bool(log_probs.isneginf().any()):
        with torch.no_grad():
            impossible = impossible | ctc_losses(columns, ids, frames, target_lengths).isinf()
        target_lengths = target_lengths.masked_fill(impossible, 0)
        columns = columns.clamp_min(_LOG_OF_ZERO).masked_fill(impossible[None, :, None], 0.0)
    log_prob = -ctc_losses(columns, ids, frames, target_lengths)
    return log_prob.masked_fill(impossible, -math.inf)


def segments(paths: Tensor, lengths: Tensor | Sequence[int] | None = None) -> Tensor:
    """Say which character of the collapsed string each frame belongs to.

    Args:
        paths: (T, M) long, a class for every frame.
        lengths: (M,) frames that belong to each path; None for all T.
    Returns:
        (T, M) long: the character's place in the collapsed string, or -1 for a blank and beyond the length.
    Raises:
        ShapeError: paths are not (T, M) integers, or lengths do not fit.
    """
    kept, paths = _emissions(paths, lengths)
    return torch.where(paths != BLANK, kept.cumsum(0) - 1, -1)


def character_posteriors(
    logits: Tensor,
    paths: Tensor,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    temperature: float = 1.0,
) -> list[Tensor]:
    """Give each character of the collapsed paths a distribution over all characters.

    A character's distribution is the mean, over the frames of its segment, of the frame's posteriors renormalised
    without the blank.

    Args:
        logits: (T, N, C) float, unnormalised.
        paths: (T, N) long: the path whose segments count, one for each line.
        lengths: (N,) frames that belong to each line; None for all T.
        temperature: > 0, no unit; the posteriors are softmax(logits / temperature).
    Returns:
        N tensors (L_n, A) float; (0, A), still connected to the logits, for an empty string.
    Raises:
        ShapeError, ArgumentError: as `string_log_prob`.
    Gradient: exact for these values, which are a biased surrogate: the segments stay fixed, and the blank's logits get
        exactly 0, so that nothing learned through them inserts or deletes a character.
    """
    check_logits(logits)
    if paths.shape != logits.shape[:2]:
        raise ShapeError(f"paths are {tuple(paths.shape)}; these logits want (T, N) = {tuple(logits.shape[:2])}.")
    place = segments(paths, lengths)
    counts = (place.max(0).values + 1).clamp_min(0)
    offsets = counts.cumsum(0) - counts
    emitting = place >= 0
    row = (place + offsets)[emitting]
    # softmax without the blank's logit is the posterior renormalised without the blank, with no division by 0
    posteriors = _scaled(logits, lengths, temperature)[:, :, 1:][emitting].softmax(-1)
    total = int(counts.sum())
    summed = posteriors.new_zeros(total, posteriors.shape[1]).index_add(0, row, posteriors)
    frames_per_character = torch.bincount(row, minlength=total).to(posteriors.dtype)
    return list((summed / frames_per_character[:, None]).split(counts.tolist()))


def frame_log_probs(
    logits: Tensor, lengths: Tensor | Sequence[int] | None = None, *, temperature: float = 1.0
) -> Tensor:
    """Normalise logits to (T, N, C) log-probabilities, at least float32; uniform, without gradient, beyond the lengths.

    Raises:
        ShapeError, ArgumentError: as `string_log_prob`.
    """
    log_probs = _scaled(logits, lengths, temperature).log_softmax(2)
    refuse_lines(log_probs.detach().isnan().any(2).any(0))
    return log_probs


def _scaled(logits: Tensor, lengths: Tensor | Sequence[int] | None, temperature: float) -> Tensor:
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ArgumentError(f"temperature is {temperature}: give a finite number above 0 (1 leaves the logits alone).")
    outside = _outside(lengths, logits)
    logits = _at_least_float32(logits)
    if outside is not None:
        # whatever lies there, NaN included, is neither read nor given a gradient
        logits = logits.masked_fill(outside[:, :, None], 0.0)
    return logits if temperature == 1 else logits / temperature


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def _outside(lengths: Tensor | Sequence[int] | None, logits: Tensor) -> Tensor | None:
    """Mark the frames (T, N) beyond each line's length; None where all frames belong to their lines."""
    if lengths is None:
        return None
    return torch.arange(logits.shape[0], device=logits.device)[:, None] >= check_lengths(lengths, logits)


def _emissions(paths: Tensor, lengths: Tensor | Sequence[int] | None) -> tuple[Tensor, Tensor]:
    """Which frames start a new character, and the paths with blanks beyond their lengths; both (T, M)."""
    if paths.ndim != 2 or paths.is_floating_point():
        raise ShapeError(f"paths are {tuple(paths.shape)} {paths.dtype}; wanted are (T frames, M paths) integers.")
    outside = _outside(lengths, paths)
    if outside is not None:
        paths = paths.masked_fill(outside, BLANK)
    kept = paths != BLANK
    kept[1:] &= paths[1:] != paths[:-1]
    return kept, paths


@lru_cache(maxsize=32)
def _code_points(characters: str) -> tuple[np.ndarray, str]:
    """Each class's character as one number of a fixed width, and how to read such numbers as text."""
    encoding, width = ("latin-1", np.uint8) if max(characters, default="") <= "\xff" else ("utf-32-le", np.uint32)
    return np.frombuffer(("\0" + characters).encode(encoding, "surrogatepass"), dtype=width), encoding


def _cut_strings(classes: np.ndarray, ends: np.ndarray, charset: Characters) -> list[str]:
    """Spell the classes of all strings at once, then cut; a look-up of code points needs no loop."""
    table, encoding = _code_points(charset.characters)
    text = table.take(classes).tobytes().decode(encoding, "surrogatepass")
    return [text[start:end] for start, end in pairwise([0, *ends.tolist()])]
