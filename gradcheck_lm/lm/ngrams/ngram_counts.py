"""Counting character n-grams, and turning the counts into the tables of a back-off model: Witten-Bell smoothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, DataError

_BLOCK = 1 << 21  # characters counted at once: about 200 MB on the way, whatever the text's length
_APART = -1  # between two texts: no n-gram holds it


@dataclass(frozen=True)
class Symbols:
    """The numbers of what an n-gram is made of: characters, then the unknown one, the end (of lines), the begin.

    Attributes:
        characters: character i is symbol i.
        lines: whether the end of a text is an event of its own.
    """

    characters: str
    lines: bool

    def __post_init__(self) -> None:
        if not self.characters or len(set(self.characters)) != len(self.characters):
            raise ArgumentError("an n-gram needs at least one character, and each of them once")

    @property
    def unknown(self) -> int:
        return len(self.characters)

    @property
    def end(self) -> int | None:
        return len(self.characters) + 1 if self.lines else None

    @property
    def begin(self) -> int:
        return self.events

    @property
    def events(self) -> int:
        """How many symbols may come next: all but the begin."""
        return len(self.characters) + 1 + self.lines

    @property
    def size(self) -> int:
        return self.events + 1

    def numbers(self, text: str) -> np.ndarray:
        """The symbol of each character, (L,) int64."""
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        known, order = self._sorted
        place = np.searchsorted(known, points).clip(max=len(known) - 1)
        return np.where(known[place] == points, order[place], self.unknown)

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        points = np.array([ord(character) for character in self.characters], dtype=np.uint32)
        order = np.argsort(points)
        return points[order], order


@dataclass(frozen=True)
class Tables:
    """A back-off model. The n-gram s_1 ... s_k has as code the sum of s_j * V ** (k - j); k-grams stand at place k - 1.

    Attributes:
        codes: for each order k the sorted codes (M_k,) of the n-grams that are kept; the last symbol is an event.
        log_probs: (M_k,) float64, log p(last symbol | the k - 1 before it).
        contexts: for each length 0 to order - 1 the sorted codes (H,) of the contexts that have a kept continuation.
        backoffs: (H,) float64, log of what a context leaves to the context that is one shorter.
    """

    codes: tuple[Tensor, ...]
    log_probs: tuple[Tensor, ...]
    contexts: tuple[Tensor, ...]
    backoffs: tuple[Tensor, ...]

    @property
    def order(self) -> int:
        return len(self.codes)

    def to(self, device: torch.device) -> Tables:
        parts = (self.codes, self.log_probs, self.contexts, self.backoffs)
        return Tables(*[tuple(tensor.to(device) for tensor in part) for part in parts])


def check_order(order: int, symbols: Symbols) -> None:
    """Raise ArgumentError where an n-gram of this order has no 63-bit code."""
    if not 1 <= order < 63 or symbols.size**order >= 2**63:  # asked first: a power of a thousand million never ends
        longest = max(k for k in range(1, 64) if symbols.size**k < 2**63)
        raise ArgumentError(
            f"order is {order}: with {len(symbols.characters)} characters it may be 1 to {longest}; "
            "take a lower order or fewer characters"
        )


def count_ngrams(texts: Iterable[str], symbols: Symbols, order: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sorted codes and counts of all n-grams, for each order 1 to `order`; the texts are read once, block by block.

    In prose (`symbols.lines` False) a begin stands, beside the true history, before every word: a line may begin at
    any of them. With lines it stands before each text, and an end after it.

    Raises:
        DataError: no character at all.
    """
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64)) for _ in range(order)]
    for stream in _blocks(texts, symbols):
        starts = np.zeros(len(stream), dtype=bool) if symbols.lines else _word_starts(stream, symbols)
        for level, codes in enumerate(_block_codes(stream, starts, symbols, order)):
            found[level] = _merge(found[level], np.unique(codes, return_counts=True))
    if not found[0][1].sum():
        raise DataError("there is no text to count n-grams in: give at least one character")
    return found


def witten_bell(counts: list[tuple[np.ndarray, np.ndarray]], symbols: Symbols, *, smallest_count: int = 1) -> Tables:
    """Smooth counts: p(c | h) = (n(h c) + T(h) p(c | h')) / (n(h) + T(h)), T the number of symbols seen after h.

    N-grams of two symbols and more that were seen less often than `smallest_count` are dropped; what they had goes to
    the shorter context, so that every context still sums to 1.

    Source: Witten and Bell 1991, method C; interpolated as in Chen and Goodman 1999, section 2.4.
    """
    if smallest_count < 1:
        raise ArgumentError(f"smallest_count is {smallest_count}: give 1 (keep all) or more")
    size = symbols.size
    lower = np.full(symbols.events, 1 / symbols.events)
    lower_codes = np.arange(symbols.events)
    levels: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    for level, (codes, number) in enumerate(counts):
        if level == 0:  # every event is kept, seen or not
            number = np.bincount(codes, weights=number, minlength=symbols.events).astype(np.int64)
            codes, threshold = lower_codes, 0
        else:
            threshold = smallest_count
        contexts, row = np.unique(codes // size, return_inverse=True)
        seen = np.bincount(row, weights=number)
        types = np.bincount(row, weights=number > 0)
        kept = number >= threshold
        left = types + np.bincount(row, weights=np.where(kept, 0, number))
        suffix = codes[kept] % size**level if level else codes
        below = lower[np.searchsorted(lower_codes, suffix)]
        lower = (number[kept] + left[row[kept]] * below) / (seen + types)[row[kept]]
        lower_codes = codes[kept]
        used = np.bincount(row[kept], minlength=len(contexts)) > 0
        levels.append((lower_codes, np.log(lower), contexts[used], np.log((left / (seen + types))[used])))
    columns = [
        tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in column) for column in zip(*levels, strict=True)
    ]
    return Tables(*columns)


def _blocks(texts: Iterable[str], symbols: Symbols) -> Iterator[np.ndarray]:
    """Long streams of symbols, texts apart."""
    pieces: list[np.ndarray] = []
    total = 0
    apart = np.array([_APART], dtype=np.int64)
    front = [np.array([symbols.begin], dtype=np.int64)] if symbols.lines else []
    back = [np.array([symbols.end], dtype=np.int64)] if symbols.lines else []
    for text in texts:
        pieces += [*front, symbols.numbers(text), *back, apart]
        total += len(text)
        if total > _BLOCK:
            yield np.concatenate(pieces)
            pieces, total = [], 0
    if pieces:
        yield np.concatenate(pieces)


def _word_starts(stream: np.ndarray, symbols: Symbols) -> np.ndarray:
    space = symbols.characters.find(" ")
    before = np.concatenate([[_APART], stream[:-1]])
    starts: np.ndarray = (stream != _APART) & (stream != space) & ((before == _APART) | (before == space))
    return starts


def _block_codes(stream: np.ndarray, starts: np.ndarray, symbols: Symbols, order: int) -> Iterator[np.ndarray]:
    """The codes of all n-grams in a stream, order by order."""
    codes, inside = stream, stream != _APART
    yield codes[inside & (codes != symbols.begin)]
    for length in range(2, order + 1):
        factor = symbols.size ** (length - 1)
        begun = inside.copy()
        begun[: length - 2] = False
        begun[length - 2 :] &= starts[: len(starts) - (length - 2)]
        led = symbols.begin * factor + codes[begun]
        codes, inside = codes.copy(), inside.copy()
        codes[length - 1 :] += factor * stream[: len(stream) - (length - 1)]
        inside[length - 1 :] &= stream[: len(stream) - (length - 1)] != _APART
        inside[: length - 1] = False
        yield np.concatenate([codes[inside], led])


def _merge(old: tuple[np.ndarray, np.ndarray], new: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    if not len(old[0]):
        return new
    codes, row = np.unique(np.concatenate([old[0], new[0]]), return_inverse=True)
    # sums of whole numbers below 2 ** 53 are exact in double
    return codes, np.bincount(row, weights=np.concatenate([old[1], new[1]])).astype(np.int64)
