"""Language models small enough to check penalties by hand: a table, and a differentiable one of a few numbers."""

from __future__ import annotations

import itertools
import zlib

import torch
from torch import Tensor

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.lm.ngrams.automaton import Automaton
from gradcheck_lm.penalties import PENALTIES

ABC = Charset("abc")


class TableLM:
    """A black box: nothing but `score`, on the CPU, in double. Unknown texts get a fixed random number each."""

    def __init__(self, table: dict[str, float] | None = None, dtype=torch.float64, spread: float = 3.0):
        self.table = dict(table or {})
        self.dtype = dtype
        self.spread = spread
        self.asked: list[list[str]] = []

    def of(self, text: str) -> float:
        if text not in self.table:
            self.table[text] = self.spread * zlib.crc32(text.encode()) / 2**32 + 0.1 * len(text)
        return self.table[text]

    def score(self, texts):
        assert "" not in texts
        self.asked.append(list(texts))
        return torch.tensor([self.of(text) for text in texts], dtype=self.dtype)


class TinyLM:
    """A causal character LM: the context is a decaying sum of embeddings, so that soft inputs have an exact meaning."""

    def __init__(self, characters: str = "abc", dtype=torch.float64, seed: int = 0, frozen: bool = True):
        generator = torch.Generator().manual_seed(seed)
        count, width = len(characters), 5
        self.characters = characters
        self.embedding = torch.randn(count, width, generator=generator, dtype=dtype)
        self.begin = torch.randn(width, generator=generator, dtype=dtype)
        self.output = torch.randn(width, count, generator=generator, dtype=dtype)
        self.output.requires_grad_(not frozen)
        self.calls = 0

    def one_hot(self, text: str) -> Tensor:
        ids = torch.tensor([self.characters.index(c) for c in text], dtype=torch.long)
        return torch.nn.functional.one_hot(ids, len(self.characters)).to(self.embedding.dtype)

    def losses(self, inputs: Tensor, targets: Tensor, *, begin: bool) -> Tensor:
        vectors = inputs @ self.embedding
        if begin:
            vectors = torch.cat([self.begin[None], vectors])
        else:
            targets = targets[1:]
        length = len(vectors)
        decay = 0.7 ** (torch.arange(length)[:, None] - torch.arange(length)).clamp_min(0).to(vectors.dtype)
        context = (decay.tril() @ vectors).tanh()[:-1]
        return -((context @ self.output).log_softmax(-1) * targets).sum(-1)

    def _number(self, inputs, targets, *, whole):
        losses = self.losses(inputs, targets, begin=whole)
        if whole:
            return losses.sum()
        return losses.mean() if len(losses) else losses.new_tensor(torch.inf)

    def score(self, texts):
        self.calls += 1
        return torch.stack([self._number(x, x, whole=False) for x in map(self.one_hot, texts)])

    def nll(self, texts):
        self.calls += 1
        return torch.stack([self._number(x, x, whole=True) for x in map(self.one_hot, texts)])

    def _soft(self, texts, posteriors, characters, hard, flow, whole):
        assert characters == self.characters
        self.calls += 1
        found = []
        for text, rows in zip(texts, posteriors, strict=True):
            assert rows.shape == (len(text), len(characters))
            rows = rows.to(self.embedding.dtype)
            if hard:
                rows = self.one_hot(text) + (rows - rows.detach())
            inputs = rows.detach() if flow == "targets" else rows
            targets = rows.detach() if flow == "inputs" else rows
            found.append(self._number(inputs, targets, whole=whole))
        return torch.stack(found)

    def score_soft(self, texts, posteriors, characters, *, hard=False, flow="both"):
        return self._soft(texts, posteriors, characters, hard, flow, False)

    def nll_soft(self, texts, posteriors, characters, *, hard=False, flow="both"):
        return self._soft(texts, posteriors, characters, hard, flow, True)

    def automaton(self, charset) -> Automaton:
        """A bigram of numbers of its own, for penalties that want one; it knows nothing of the rest."""
        count = len(charset.characters)
        generator = torch.Generator().manual_seed(count)
        cost = -torch.randn(1 + count, count, generator=generator, dtype=torch.float64).log_softmax(1)
        next_state = torch.arange(1, 1 + count).expand(
            1 + count, -1
        )  # state 0 is the begin, the others the last character
        return Automaton(0, next_state, cost, cost.new_zeros(1 + count), charset.characters, 2)

    @property
    def vector_width(self) -> int:
        return self.embedding.shape[1]

    def score_from_frames(self, texts, frames):
        """Mean nats of characters 2 to L, each from the decayed sum of the pooled frames before it."""
        found = []
        for text, rows in zip(texts, frames, strict=True):
            targets = self.one_hot(text)[1:]
            if not len(rows) or not len(targets):
                found.append(rows[:0].sum().to(self.embedding.dtype) + torch.inf)
                continue
            pooled = torch.nn.functional.adaptive_avg_pool1d(rows.T[None], len(text))[0].T.to(self.embedding.dtype)
            decay = 0.7 ** (torch.arange(len(text))[:, None] - torch.arange(len(text))).clamp_min(0).to(pooled.dtype)
            context = (decay.tril() @ pooled).tanh()[:-1]
            found.append(-((context @ self.output).log_softmax(-1) * targets).sum(-1).mean())
        return torch.stack(found)


def objective_of(name: str, wanted: str = "hinge") -> str:
    """The objective, or where the penalty does not have it the first that it has."""
    objectives = PENALTIES[name].objectives
    return wanted if wanted in objectives else objectives[0]


def random_logits(*shape, seed=0, dtype=torch.float64, scale=1.5) -> Tensor:
    return (scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)).to(dtype)


def logits_for(texts, frames: int, characters: str = "abc", sure: float = 3.0, seed: int = 0, dtype=torch.float64):
    """Logits (T, N, C) whose greedy readings are `texts`."""
    logits = 0.2 * random_logits(frames, len(texts), len(characters) + 1, seed=seed)
    for line, text in enumerate(texts):
        path: list[int] = []
        for character in text:
            label = characters.index(character) + 1
            path += [0, label] if path and path[-1] == label else [label]
        path += [0] * (frames - len(path))
        assert len(path) == frames
        logits[torch.arange(frames), line, torch.tensor(path)] += sure
    return logits.to(dtype)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def all_paths(frames: int, classes: int) -> Tensor:
    """(T, C ** T): every path there is."""
    return torch.tensor(list(itertools.product(range(classes), repeat=frames))).T


def spell(path, characters: str = "abc") -> str:
    return "".join(characters[k - 1] for i, k in enumerate(path) if k and (i == 0 or path[i - 1] != k))
