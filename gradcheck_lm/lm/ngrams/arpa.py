"""Character n-grams in ARPA form, as KenLM and SRILM write them: read line by line, also packed with gzip."""

from __future__ import annotations

import contextlib
import gzip
import math
import os
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
import torch

from gradcheck_lm import bounds
from gradcheck_lm.errors import GradcheckLMError, LanguageModelError
from gradcheck_lm.foreign import check_regular
from gradcheck_lm.lm.ngrams.ngram import NgramConfig, NgramModel
from gradcheck_lm.lm.ngrams.ngram_counts import Symbols, Tables, check_order

BEGIN, END, UNKNOWNS = b"<s>", b"</s>", (b"<unk>", b"<UNK>")
# what stands for the space, since a space parts the tokens: the first of these that a file holds
SPACES = (b"<space>", b"<SPACE>", "▁".encode(), "␣".encode(), b"|")
ZERO = -99.0  # the logarithm of nothing, as SRILM writes it
_LOOK = 4096  # bytes in which \data\ must come
_LINE = 4096  # bytes of the longest line: 62 characters, each a token, have 300
_HEAD, _COUNT, _SECTION = re.compile(rb"\\data\\"), re.compile(rb"ngram\s+(\d+)\s*=\s*(\d+)"), rb"\%d-grams:"
_CHARACTERS = (
    "an n-gram of single characters is needed: put a space between the characters of the text, <space> for the "
    "space itself, and make the n-gram again"
)


def holds_arpa(path: Path) -> bool:
    """Whether a file is named as ARPA files are, or begins as they do, unpacked where it is packed."""
    if not path.is_file():
        return False
    if path.name.endswith((".arpa", ".arpa.gz")):
        return True
    try:
        with _opened(path) as stream:
            start = stream.read(_LOOK)
    except (OSError, EOFError, zlib.error):
        return False
    return _HEAD.search(start) is not None or start.startswith(b"mmap lm http")


def load_arpa(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> NgramModel:
    """Read a character n-gram in ARPA form.

    Every token is one character; <s>, </s> and <unk> are the begin, the end and the unknown character, and the space is
    <space>, ▁, ␣ or |. Without </s> the model knows no end of a line; without <unk> a strange character is as good as
    impossible (10 ** -99).

    Args:
        path: of the file; packed with gzip or not, which its first bytes say.
        name: what the model is called in messages; None for the path.
        device: where the tables go.
        dtype: of the scores; None is float32.
    Raises:
        LanguageModelError: naming the line: the file is damaged, cut off, larger than is read, or a model of words.
    """
    place = Path(path).expanduser()
    try:
        check_regular(place, error=LanguageModelError)
        with _opened(place) as stream:
            tables, config = _Reader(stream, place).read()
    except (OSError, EOFError, zlib.error) as error:
        raise LanguageModelError(f"{place} cannot be read, or is cut off ({error}): copy it again") from error
    return NgramModel(
        tables, config, name=os.fspath(path) if name is None else name, device=device, dtype=dtype or torch.float32
    )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with open(path, "rb") as packed:
        if packed.read(2) != b"\x1f\x8b":
            packed.seek(0)
            yield packed
            return
        packed.seek(0)
        with gzip.GzipFile(fileobj=packed) as stream:
            yield stream  # type: ignore[misc]


class _Reader:
    """One pass over a file: the counts, then each order's lines."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self.stream, self.path = stream, path
        self.number = self.bytes = 0
        self.line = b""

    def read(self) -> tuple[Tables, NgramConfig]:
        counts = self._counts()
        singles = self._singles(counts[0])
        numbers, symbols = self._symbols(singles)
        try:
            check_order(len(counts), symbols)
        except GradcheckLMError as error:
            raise LanguageModelError(f"{self.path}: {error}") from error
        unigrams = np.full(symbols.events, ZERO)
        held: list[dict[int, float]] = [{0: 0.0}, *({} for _ in counts)]  # length -> context -> log10 of its back-off
        for token, (log_prob, backoff) in singles.items():
            number = numbers[token]
            if number < symbols.events:
                unigrams[number] = log_prob
            if backoff and number != symbols.end:
                held[1][number] = backoff
        levels = [(np.arange(symbols.events), unigrams)]
        for order, count in enumerate(counts[1:], 2):
            levels.append(self._level(order, count, numbers, symbols, held, last=order == len(counts)))
        self._expect(b"\\end\\", "\\end\\")
        return _tables(levels, held, symbols), NgramConfig(len(counts), symbols.characters, 1, symbols.lines)

    def _counts(self) -> list[int]:
        while not _HEAD.match(self._next("\\data\\")):
            if self.number == 1 and self.line.startswith(b"mmap lm http"):
                self._fail("this is KenLM's binary form; give the ARPA file that it was built from")
        counts: list[int] = []
        while found := _COUNT.fullmatch(self._next("the number of n-grams")):
            if int(found[1]) != len(counts) + 1:
                self._fail(f"the numbers of {len(counts) + 1}-grams should stand here")
            counts.append(int(found[2]))
        if not counts:
            self._fail("'ngram 1=...' should stand here")
        bounds.NGRAMS.hold(sum(counts), str(self.path), error=LanguageModelError)
        if self.line != _SECTION % 1:
            self._fail("'\\1-grams:' should stand here")
        return counts

    def _singles(self, count: int) -> dict[bytes, tuple[float, float]]:
        """Token -> log-probability and back-off; every token is a character or one of the names above."""
        bounds.CHARSET.hold(count, str(self.path), verb="announces", error=LanguageModelError)
        found: dict[bytes, tuple[float, float]] = {}
        for parts in self._entries(1, count):
            token = parts[1]
            if token in found:
                self._fail(f"{_shown(token)} stands twice")
            if token not in (BEGIN, END, *UNKNOWNS, *SPACES) and len(token.decode("utf-8", "replace")) != 1:
                self._fail(f"{_shown(token)} is no single character: {_CHARACTERS}")
            if token not in SPACES and "\ufffd" in token.decode("utf-8", "replace"):
                self._fail(f"{token!r} is not UTF-8")
            backoff = self._log(parts[2], "back-off", above=True) if len(parts) == 3 else 0.0
            found[token] = self._log(parts[0], "log-probability"), backoff
        return found

    def _symbols(self, tokens: Iterable[bytes]) -> tuple[dict[bytes, int], Symbols]:
        """The number of each token, and the characters in the order of the file."""
        space = next((token for token in SPACES if token in tokens), None)
        named = (BEGIN, END, *UNKNOWNS)
        letters = {token: " " if token == space else token.decode() for token in tokens if token not in named}
        letters = {
            token: letter for token, letter in letters.items() if len(letter) == 1
        }  # a second <SPACE> is strange
        if not letters:
            raise LanguageModelError(f"{self.path} holds no character among its 1-grams")
        symbols = Symbols("".join(letters.values()), END in tokens)
        numbers = dict.fromkeys(tokens, symbols.unknown) | {token: place for place, token in enumerate(letters)}
        numbers[BEGIN] = symbols.begin
        if symbols.end is not None:
            numbers[END] = symbols.end
        return numbers, symbols

    def _level(
        self,
        order: int,
        count: int,
        numbers: dict[bytes, int],
        symbols: Symbols,
        held: list[dict[int, float]],
        *,
        last: bool,
    ) -> tuple[np.ndarray, np.ndarray]:
        self._expect(_SECTION % order, f"the {order}-grams")
        codes, log_probs = np.empty(count, np.int64), np.empty(count)
        size, begin, end = symbols.size, symbols.begin, symbols.end
        for row, parts in enumerate(self._entries(order, count)):
            code = 0
            for place, token in enumerate(parts[1 : order + 1]):
                number = numbers.get(token)
                if number is None:
                    self._fail(f"{_shown(token)} is not among the 1-grams")
                if (number == begin and place) or (number == end and place < order - 1):
                    self._fail("<s> stands only at the begin of an n-gram, and </s> at its end")
                code = code * size + number
            codes[row], log_probs[row] = code, self._log(parts[0], "log-probability")
            if not last and len(parts) == order + 2:
                held[order][code] = self._log(parts[-1], "back-off", above=True)
        order_of = np.argsort(codes, kind="stable")
        codes, log_probs = codes[order_of], log_probs[order_of]
        if (codes[1:] == codes[:-1]).any():
            self._fail(f"one of the {order}-grams above stands twice")
        return codes, log_probs

    def _entries(self, order: int, count: int) -> Iterator[list[bytes]]:
        for _ in range(count):
            parts = self._next(f"all of the {count} {order}-grams that the head announces").split()
            if not order + 1 <= len(parts) <= order + 2:
                told = (
                    "a log-probability, " + ("a token" if order == 1 else f"{order} tokens") + " and perhaps a back-off"
                )
                self._fail(f"{told} should stand here, not {_shown(self.line)}")
            yield parts

    def _log(self, text: bytes, what: str, *, above: bool = False) -> float:
        """A number of the file, a logarithm to the base 10; nothing is 10 ** -99."""
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value) or value == math.inf or (value > 0 and not above):
            self._fail(f"{_shown(text)} is no {what}")
        return max(value, ZERO)

    def _expect(self, wanted: bytes, what: str) -> None:
        if self._next(what) != wanted:
            self._fail(f"{wanted.decode()!r} should stand here, after as many n-grams as the head announces")

    def _next(self, what: str) -> bytes:
        """The next line that holds something, without blanks at its ends."""
        while True:
            line = self.stream.readline(_LINE)
            self.number += 1
            self.bytes += len(line)
            bounds.ARPA.hold(self.bytes, str(self.path), verb="unpacks to", error=LanguageModelError)
            if not line:
                self._fail(f"the file ends before {what}: it was cut off, copy it again")
            if len(line) == _LINE:
                self._fail(f"a line of more than {_LINE} bytes, which no n-gram has")
            self.line = line.strip()
            if self.line:
                return self.line

    def _fail(self, what: str) -> NoReturn:
        raise LanguageModelError(f"{self.path}, line {self.number}: {what}")


def _shown(text: bytes) -> str:
    return repr(text[:60].decode("utf-8", "replace"))


def _tables(levels: list[tuple[np.ndarray, np.ndarray]], held: list[dict[int, float]], symbols: Symbols) -> Tables:
    """The tables of a back-off model; what ARPA leaves out, a back-off of 1, is written down, so that each context has
    its own beginning and end among the contexts: pruned models lack some."""
    size = symbols.size
    wanted = [np.zeros(1, np.int64)] + [np.zeros(0, np.int64) for _ in levels[1:]]
    for length in range(len(levels) - 1, 0, -1):
        own = np.fromiter(held[length], np.int64, len(held[length]))
        parts = [own, levels[length][0] // size]
        if length + 1 < len(levels):
            longer = wanted[length + 1]
            parts += [longer // size, longer % size**length]
        wanted[length] = np.unique(np.concatenate(parts))
    backoffs = [
        np.array([held[length].get(code, 0.0) for code in codes.tolist()]) for length, codes in enumerate(wanted)
    ]

    def tensors(arrays: Any) -> tuple[torch.Tensor, ...]:
        return tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)

    nats = math.log(10)
    return Tables(
        tensors(codes for codes, _ in levels),
        tensors(log_probs * nats for _, log_probs in levels),
        tensors(wanted),
        tensors(backoff * nats for backoff in backoffs),
    )
