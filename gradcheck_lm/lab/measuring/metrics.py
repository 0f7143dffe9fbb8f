"""Character and word error rates, their intervals, and the length of what is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradcheck_lm.errors import ArgumentError, MissingPackageError
from gradcheck_lm.extras import install_line

try:
    import jiwer
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingPackageError(f"error rates need jiwer; type: {install_line('lab')}") from error


_PICKS = 1_000_000  # lines drawn at a time by the bootstrap: 8 MB


@dataclass(frozen=True)
class LineErrors:
    """Edits and reference lengths, one entry a line, so that intervals can be had by resampling lines.

    `edits` and `lengths` are (N,) integers: characters for a character error rate, words for a word error rate.
    """

    edits: np.ndarray
    lengths: np.ndarray

    @property
    def rate(self) -> float:
        """Sum of edits over sum of reference lengths (micro average)."""
        return float(self.edits.sum() / max(1, self.lengths.sum()))


def character_errors(labels: Sequence[str], readings: Sequence[str]) -> LineErrors:
    """Character edits a line, both sides stripped; an empty label counts every character read as an insertion."""
    return _errors(labels, readings, words=False)


def word_errors(labels: Sequence[str], readings: Sequence[str]) -> LineErrors:
    """Word edits a line; words are what stands between spaces."""
    return _errors(labels, readings, words=True)


def _errors(labels: Sequence[str], readings: Sequence[str], *, words: bool) -> LineErrors:
    if len(labels) != len(readings):
        raise ArgumentError(f"{len(labels)} labels but {len(readings)} readings: give one reading for each label")
    edits = np.zeros(len(labels), dtype=np.int64)
    lengths = np.zeros(len(labels), dtype=np.int64)
    process = jiwer.process_words if words else jiwer.process_characters
    for i, (label, reading) in enumerate(zip(labels, readings, strict=True)):
        label, reading = label.strip(), reading.strip()
        size = (lambda text: len(text.split())) if words else len
        lengths[i] = size(label)
        if not label or not reading:  # jiwer refuses empty references
            edits[i] = max(size(label), size(reading))
            continue
        result = process(label, reading)
        edits[i] = result.substitutions + result.deletions + result.insertions
    return LineErrors(edits, lengths)


def bootstrap_interval(
    before: LineErrors, after: LineErrors, *, replications: int = 2000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Interval of `after.rate - before.rate` by paired resampling of lines.

    Source: Bisani and Ney 2004, Bootstrap estimates for confidence intervals in ASR performance evaluation.
    """
    if not np.array_equal(before.lengths, after.lengths):
        raise ArgumentError("a paired interval needs the same lines on both sides, in the same order")
    count = len(before.edits)
    if count == 0:
        return (0.0, 0.0)
    generator, changes = np.random.default_rng(seed), np.empty(replications)
    worse = after.edits - before.edits
    # a few resamples at a time: all of them at once take 16 kB a line. The numbers drawn are the same
    rows = max(1, _PICKS // count)
    for start in range(0, replications, rows):
        picks = generator.integers(count, size=(min(rows, replications - start), count))
        lengths = np.maximum(before.lengths[picks].sum(1), 1)
        changes[start : start + len(picks)] = worse[picks].sum(1) / lengths
    tail = (1 - level) / 2
    low, high = np.quantile(changes, [tail, 1 - tail])
    return (float(low), float(high))


def t_interval(values: Sequence[float], *, level: float = 0.95) -> tuple[float, float]:
    """Interval of the mean of a few seeds by Student's t; one value gives an unbounded interval as (-inf, inf)."""
    data = np.asarray(values, dtype=float)
    if len(data) < 2:
        return (float("-inf"), float("inf"))
    from scipy.special import stdtrit  # scipy.stats asks the same, and takes a second to load

    half = float(stdtrit(len(data) - 1, (1 + level) / 2)) * data.std(ddof=1) / np.sqrt(len(data))
    return (float(data.mean() - half), float(data.mean() + half))


def length_ratio(labels: Sequence[str], readings: Sequence[str]) -> float:
    """Characters read over characters there; below 1 means deletions."""
    return sum(len(text.strip()) for text in readings) / max(1, sum(len(text.strip()) for text in labels))
