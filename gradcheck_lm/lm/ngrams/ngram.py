"""A character n-gram: the smallest language model that is one, exact enough for automata and dynamic programming."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.lm.batches import check_texts
from gradcheck_lm.lm.ngrams.automaton import Automaton, build_automaton
from gradcheck_lm.lm.ngrams.ngram_counts import Symbols, Tables, check_order, count_ngrams, witten_bell

STANDARD_CHARACTERS = " !\"#&'()*+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_MEMORY = 2**30
_BLOCK = 2**18  # characters scored at once
_ROWS = 256  # texts whose characters are scored at once


class Characters(Protocol):
    """A recogniser's charset: its characters, in the order of their classes."""

    @property
    def characters(self) -> str: ...


@dataclass(frozen=True)
class NgramConfig:
    """What an n-gram model is made of.

    Attributes:
        order: symbols in the longest n-gram; a character is predicted from order - 1 others.
        characters: the alphabet; what is not in it is one unknown character.
        smallest_count: n-grams seen less often are dropped (those of one symbol never are).
        lines: whether each text is a whole line, with a begin and an end to be learned. Otherwise texts are prose, in
            which a line may begin at any word and end anywhere: the end costs nothing.
    """

    order: int = 6
    characters: str = STANDARD_CHARACTERS
    smallest_count: int = 1
    lines: bool = False


class NgramModel:
    """A back-off character n-gram with Witten-Bell smoothing. One token is one character; scores carry no gradient.

    Make one with `train_ngram` or `load_language_model`. For every context the probabilities of all characters, of the
    unknown one and, in a model of lines, of the end sum to 1.

    Attributes:
        name: what it was loaded as.
        config: order, characters and how it was trained.
        scores_computed: how many distinct strings have been scored since it was loaded.
    Source: Witten and Bell 1991, method C, interpolated.
    """

    parameters_frozen = True

    def __init__(
        self,
        tables: Tables,
        config: NgramConfig,
        *,
        name: str = "ngram",
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.name = name
        self.config = config
        self.symbols = Symbols(config.characters, config.lines)
        self.dtype = torch.float64 if dtype == torch.float64 else torch.float32
        self.scores_computed = 0
        self.tables = tables.to(torch.device(device))

    def __repr__(self) -> str:
        grams = sum(map(len, self.tables.codes))
        return f"NgramModel({self.name!r}, order {self.order}, {grams} n-grams on {self.device})"

    @property
    def order(self) -> int:
        return self.tables.order

    @property
    def device(self) -> torch.device:
        return self.tables.codes[0].device

    def to(self, device: torch.device | str) -> NgramModel:
        """The same model on another device."""
        return NgramModel(self.tables, self.config, name=self.name, device=device, dtype=self.dtype)

    def with_order(self, order: int) -> NgramModel:
        """The model of a lower order that is inside this one: no training, shared memory.

        Raises:
            ArgumentError: order out of range.
        """
        return NgramModel(self._cut(order), self.config, name=self.name, device=self.device, dtype=self.dtype)

    def score(self, texts: Sequence[str]) -> Tensor:
        """Nats per character of each text on its own: no begin of a line, mean over characters 2 to L.

        The first character is given, not scored; nor is an end.

        Args:
            texts: N strings; doubles are computed once.
        Returns:
            (N,) float32 (float64 for a float64 model) nats per token; inf where the text has fewer than two characters.
        Gradient: none.
        """
        totals, lengths = self._totals(texts, whole=False)
        return torch.where(lengths > 1, totals / (lengths - 1).clamp_min(1), torch.inf).to(self.dtype)

    def nll(self, texts: Sequence[str]) -> Tensor:
        """Nats of each whole text as a line, every character counted: what `automaton` adds up.

        Returns:
            (N,) nats, a sum, with the end of the line in it where the model knows one (`config.lines`); without, 0 for
            an empty text.
        Gradient: none.
        """
        return self._totals(texts, whole=True)[0].to(self.dtype)

    def automaton(
        self,
        charset: Characters,
        *,
        order: int | None = None,
        dtype: torch.dtype = torch.float32,
        memory: int = _MEMORY,
    ) -> Automaton:
        """The model as states and costs, for beam search and dynamic programming, on this model's device.

        Args:
            charset: gives the characters of the columns; one the model does not know costs what its unknown one costs.
            order: of the model of lower order to take instead; None for all of it.
            dtype: of the costs.
            memory: bytes that it may take.
        Raises:
            ArgumentError: order out of range.
            LanguageModelError: it would take more memory than allowed; the message says how much, and what to do.
        """
        tables = self._cut(self.order if order is None else order).to(torch.device("cpu"))
        made = build_automaton(tables, self.symbols, charset.characters, dtype=dtype, memory=memory, name=self.name)
        return made.to(self.device)

    def _cut(self, order: int) -> Tables:
        if not 1 <= order <= self.order:
            raise ArgumentError(f"order is {order}; {self.name!r} is a model of order {self.order}: choose 1 to that")
        tables = self.tables
        parts = (tables.codes, tables.log_probs, tables.contexts, tables.backoffs)
        return Tables(*[part[:order] for part in parts])

    def _totals(self, texts: Sequence[str], *, whole: bool) -> tuple[Tensor, Tensor]:
        """Summed nats (N,) float64 and numbers of characters (N,)."""
        check_texts(texts)
        unique = list(dict.fromkeys(texts))
        place = {text: index for index, text in enumerate(unique)}
        inverse = torch.tensor([place[text] for text in texts], dtype=torch.long, device=self.device)
        lengths = torch.tensor([len(text) for text in unique], dtype=torch.long, device=self.device)
        totals = torch.zeros(len(unique), dtype=torch.float64, device=self.device)
        by_length = sorted(range(len(unique)), key=lambda index: len(unique[index]))
        while by_length:  # like lengths together, the longest of a batch last
            longest = len(unique[by_length[-1]]) + 2
            batch = by_length[-max(1, _BLOCK // longest) :]
            del by_length[-len(batch) :]
            totals[torch.tensor(batch, device=self.device)] = self._nats([unique[row] for row in batch], whole=whole)
        self.scores_computed += int((lengths > 1).sum())
        return totals[inverse], lengths[inverse]

    def character_log_probs(self, texts: Sequence[str]) -> Tensor:
        """log p of every character of all texts, each text from its begin and one after the other, and of their ends.

        Returns:
            (L,) float64; minus its sum is the sum of `nll`.
        """
        check_texts(texts)
        found = [torch.zeros(0, dtype=torch.float64, device=self.device)]
        for start in range(0, len(texts), _ROWS):
            log_probs, scored = self._scored(texts[start : start + _ROWS], whole=True)
            found.append(log_probs[scored])
        return torch.cat(found)

    def _nats(self, texts: Sequence[str], *, whole: bool) -> Tensor:
        """Summed nats (B,) of texts."""
        log_probs, scored = self._scored(texts, whole=whole)
        return 0.0 - log_probs.where(scored, 0.0).sum(1)  # 0 for an empty text, not -0

    def _scored(self, texts: Sequence[str], *, whole: bool) -> tuple[Tensor, Tensor]:
        """log p (B, L) of every character of all texts at once, one step for each order; and which of them count."""
        symbols = self.symbols
        ids = torch.full((len(texts), max(map(len, texts)) + 2), -1)
        for row, text in enumerate(texts):
            ids[row, 1 : len(text) + 1] = torch.from_numpy(symbols.numbers(text))
            if whole and symbols.end is not None:
                ids[row, len(text) + 1] = symbols.end
        scored = ids >= 0
        if whole:
            ids[:, 0] = symbols.begin
        else:
            scored[:, 1] = False
        ids, scored = ids.to(self.device), scored.to(self.device)
        return self._log_probs(ids), scored

    def _log_probs(self, ids: Tensor) -> Tensor:
        """log p of each symbol given those before it in its row; ids (B, L), -1 (no symbol) outside of texts."""
        tables, size = self.tables, self.symbols.size
        inside = ids >= 0
        log_prob = tables.log_probs[0][ids.clamp(0, self.symbols.events - 1)]
        codes = ids.clamp_min(0)
        for length in range(1, self.order):
            if not len(tables.contexts[length]):  # then nor is there a longer one
                break
            # so far codes holds the last `length` symbols up to each place; reach: there is one more to the left
            reach = torch.zeros_like(inside)
            reach[:, length:] = inside[:, :-length] & inside[:, length:]
            history = codes.roll(1, 1)
            codes = torch.where(reach, codes + size**length * ids.roll(length, 1).clamp_min(0), codes)
            known, place = _find(tables.contexts[length], history)
            log_prob = torch.where(known & reach, log_prob + tables.backoffs[length][place], log_prob)
            found, place = _find(tables.codes[length], codes)
            log_prob = torch.where(found & reach, tables.log_probs[length][place], log_prob)
        return log_prob


def train_ngram(texts: Iterable[str], config: NgramConfig | None = None, *, name: str = "ngram") -> NgramModel:
    """Count and smooth a character n-gram. The texts are read once, in blocks: they need not fit into memory.

    Args:
        texts: paragraphs of prose or, with `config.lines`, whole lines.
        config: order, characters and pruning; None for the defaults.
        name: what the model is called in messages.
    Raises:
        ArgumentError: an order or count out of range, or a single string for the texts.
        DataError: no text at all.
    """
    config = NgramConfig() if config is None else config
    if isinstance(texts, str):
        raise ArgumentError("texts must be a list of strings, got one string: wrap it: [text]")
    symbols = Symbols(config.characters, config.lines)
    check_order(config.order, symbols)
    tables = witten_bell(count_ngrams(texts, symbols, config.order), symbols, smallest_count=config.smallest_count)
    return NgramModel(tables, config, name=name)


def nats_by_order(model: NgramModel, texts: Sequence[str]) -> dict[int, float]:
    """Nats per character of texts, for the model and each lower order inside it; the ends of lines are in it."""
    characters = max(1, sum(map(len, texts)))
    return {
        order: float(model.with_order(order).nll(texts).double().sum()) / characters
        for order in range(1, model.order + 1)
    }


def _find(table: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Which codes are in a sorted table, and where."""
    place = torch.searchsorted(table, codes.contiguous()).clamp_max(len(table) - 1)
    return table[place] == codes, place
