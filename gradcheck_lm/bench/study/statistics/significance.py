"""Paired tests and intervals on edits a line: bootstrap, sign flips, Student's t, and Holm's adjustment."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.lab.measuring.metrics import LineErrors

REPLICATIONS = 5000
"""Bootstrap samples of an interval."""
FLIPS = 20_000
"""Sign patterns of a permutation test."""
_CHUNK = 2000  # sign patterns held in memory at a time

Pair = tuple[LineErrors, LineErrors]  # one seed: (the reference's lines, the same lines of an arm)


@dataclass(frozen=True)
class PooledChange:
    """CER of an arm minus that of its reference over the lines of all seeds; as a fraction, not in per cent.

    `relative` is the same over the reference's CER, and None where the reference makes no mistake.
    """

    points: float
    points_interval: tuple[float, float]
    relative: float | None
    relative_interval: tuple[float, float] | None


def pooled_change(
    pairs: Sequence[Pair], *, replications: int = REPLICATIONS, seed: int = 0, level: float = 0.95
) -> PooledChange:
    """Paired bootstrap over lines, each seed's lines resampled among themselves; with one seed, points and interval
    are those of `lab.metrics.bootstrap_interval`.

    Args:
        pairs: one (reference, arm) a stratum; see `strata` for seeds that share their lines.
        replications: bootstrap samples.
        seed: of the samples; two arms on the same lines are resampled alike.
        level: of the interval, between 0 and 1.
    Raises:
        ArgumentError: no pairs, or other lines on one side than on the other.
    Source: Bisani and Ney 2004, Bootstrap estimates for confidence intervals in ASR performance evaluation.
    """
    _check(pairs)
    edits = sum(int(after.edits.sum() - before.edits.sum()) for before, after in pairs)
    length = max(1, sum(int(before.lengths.sum()) for before, _ in pairs))
    mistakes = sum(int(before.edits.sum()) for before, _ in pairs)
    changed, lengths, wrong = np.zeros(replications), np.zeros(replications), np.zeros(replications)
    for i, (before, after) in enumerate(pairs):
        weights = _resamples(len(before.edits), replications, seed + i)
        changed += weights @ (after.edits - before.edits)
        lengths += weights @ before.lengths
        wrong += weights @ before.edits
    relative, interval = None, None
    if mistakes:
        relative, interval = edits / mistakes, _quantiles(changed / np.maximum(wrong, 1), level)
    return PooledChange(edits / length, _quantiles(changed / np.maximum(lengths, 1), level), relative, interval)


def strata(pairs: Sequence[Pair]) -> list[Pair]:
    """Pairs to resample: one a seed or, where every seed has the same lines, all of them summed line by line.

    The same line read by two runs is no two independent lines: resampled apart, intervals would be too narrow. Lines
    count as the same when the reference lengths of all seeds are equal, one by one.
    """
    if not pairs or not same_lines(pairs):
        return list(pairs)
    before, after = (
        LineErrors(np.sum([pair[side].edits for pair in pairs], axis=0), len(pairs) * pairs[0][side].lengths)
        for side in (0, 1)
    )
    return [(before, after)]


def same_lines(pairs: Sequence[Pair]) -> bool:
    """Whether there are several seeds and all have the same lines, told by their reference lengths."""
    return len(pairs) > 1 and all(np.array_equal(pairs[0][0].lengths, before.lengths) for before, _ in pairs)


def sign_flip_test(pairs: Sequence[Pair], *, flips: int = FLIPS, seed: int = 0) -> float:
    """Two-sided p of the edits' difference: were the two readings of each line exchangeable, how often would a random
    exchange differ at least as much? Never 0: (1 + as extreme) / (1 + flips).

    Args:
        pairs: as for `pooled_change`.
        flips: random sign patterns.
        seed: of the patterns.
    Raises:
        ArgumentError: no pairs, or other lines on one side than on the other.
    Source: Fisher 1935, The Design of Experiments, section 21; Phipson and Smyth 2010, Permutation P-values should
        never be zero.
    """
    _check(pairs)
    difference = np.concatenate([after.edits - before.edits for before, after in pairs]).astype(np.float64)
    observed = abs(difference.sum())
    difference = difference[difference != 0]  # a line read alike is the same under every sign
    generator = np.random.default_rng(seed)
    extreme = 0
    for start in range(0, flips, _CHUNK):
        heads = generator.integers(2, size=(min(_CHUNK, flips - start), len(difference)), dtype=np.int8)
        extreme += int((np.abs(2 * (heads @ difference) - difference.sum()) >= observed).sum())
    return (1 + extreme) / (1 + flips)


def paired_t_test(differences: Sequence[float]) -> float | None:
    """Two-sided p that the mean of a few seeds' differences is 0, by Student's t; 1 where all of them are 0.

    Returns:
        p, or None where t says nothing: fewer than two differences, or all equal and not 0.
    """
    data = np.asarray(differences, dtype=float)
    if len(data) < 2:
        return None
    if not data.any():
        return 1.0
    if np.ptp(data) <= 1e-12 * np.abs(data).max():
        return None
    from scipy.stats import ttest_1samp

    return float(ttest_1samp(data, 0.0).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p: the k-th smallest of m times m - k + 1, never below a smaller one's, at most 1.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


@functools.lru_cache(maxsize=8)
def _resamples(lines: int, replications: int, seed: int) -> np.ndarray:
    """(replications, lines): how often each line was drawn; arms on the same lines share it."""
    picks = np.random.default_rng(seed).integers(lines, size=(replications, lines))
    flat = (picks + lines * np.arange(replications)[:, None]).ravel()
    return np.bincount(flat, minlength=replications * lines).reshape(replications, lines).astype(np.float64)


def _quantiles(values: np.ndarray, level: float) -> tuple[float, float]:
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return (float(low), float(high))


def _check(pairs: Sequence[Pair]) -> None:
    if not pairs:
        raise ArgumentError("a paired comparison needs the lines of one seed at least; there are none")
    for before, after in pairs:
        if len(before.edits) == 0 or not np.array_equal(before.lengths, after.lengths):
            raise ArgumentError(
                f"a paired comparison needs the same lines on both sides, in the same order; there are "
                f"{len(before.lengths)} and {len(after.lengths)}"
            )
