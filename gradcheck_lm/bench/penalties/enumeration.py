"""Problems so small that every path can be enumerated: what the exact gradient of the expected penalty is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional as F

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.penalties import Penalty

_MOST_PATHS = 5000


class ToyLM:
    """A causal character LM of a few random numbers, in double: the context is a decaying sum of embeddings.

    It offers all that a penalty may ask of a language model, and scores texts of one length in one go.

    Args:
        characters: what it knows.
        seed: of its numbers.
        whole: `score` gives the sum of a text's nats instead of their mean: for a sum-like f.
    """

    def __init__(self, characters: str, *, seed: int = 0, whole: bool = False) -> None:
        generator = torch.Generator().manual_seed(seed)
        count, self.vector_width = len(characters), 5
        self.characters, self.whole = characters, whole
        self.embedding, begin, self.output = (
            torch.randn(shape, generator=generator, dtype=torch.float64)
            for shape in ((count, self.vector_width), (1, self.vector_width), (self.vector_width, count))
        )
        self.begin = begin

    def score(self, texts: Sequence[str]) -> Tensor:
        """(N,) nats per character of characters 2 to L (or their sum); inf under two characters."""
        return self._hard(texts, begin=False)

    def nll(self, texts: Sequence[str]) -> Tensor:
        """(N,) nats of the whole text."""
        return self._hard(texts, begin=True)

    def score_soft(
        self, texts: Sequence[str], posteriors: Sequence[Tensor], characters: str, *, hard: bool, flow: str
    ) -> Tensor:
        """`score` of soft characters, differentiable."""
        return self._soft(texts, posteriors, hard=hard, flow=flow, begin=False)

    def nll_soft(
        self, texts: Sequence[str], posteriors: Sequence[Tensor], characters: str, *, hard: bool, flow: str
    ) -> Tensor:
        """`nll` of soft characters, differentiable."""
        return self._soft(texts, posteriors, hard=hard, flow=flow, begin=True)

    def score_from_frames(self, texts: Sequence[str], frames: Sequence[Tensor]) -> Tensor:
        """`score` where each character is predicted from the pooled frames before it, differentiable."""

        def numbers(rows: list[int]) -> Tensor:
            size = len(texts[rows[0]])
            pooled = [F.adaptive_avg_pool1d(frames[row].T[None], size)[0].T for row in rows]
            targets = torch.stack([self.one_hot(texts[row]) for row in rows])
            return self._losses(torch.stack(pooled).double(), targets, begin=False)

        return self._by_length(texts, numbers)

    def one_hot(self, text: str) -> Tensor:
        """(L, A) of a text."""
        return torch.eye(len(self.characters), dtype=torch.float64)[[self.characters.index(c) for c in text]]

    def _hard(self, texts: Sequence[str], *, begin: bool) -> Tensor:
        def numbers(rows: list[int]) -> Tensor:
            characters = torch.stack([self.one_hot(texts[row]) for row in rows])
            return self._losses(characters, characters, begin=begin)

        return self._by_length(texts, numbers)

    def _soft(
        self, texts: Sequence[str], posteriors: Sequence[Tensor], *, hard: bool, flow: str, begin: bool
    ) -> Tensor:
        def numbers(rows: list[int]) -> Tensor:
            soft = torch.stack([posteriors[row] for row in rows]).double()
            if hard:
                soft = torch.stack([self.one_hot(texts[row]) for row in rows]) + (soft - soft.detach())
            inputs = soft.detach() if flow == "targets" else soft
            return self._losses(inputs, soft.detach() if flow == "inputs" else soft, begin=begin)

        return self._by_length(texts, numbers)

    def _by_length(self, texts: Sequence[str], numbers: Callable[[list[int]], Tensor]) -> Tensor:
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        groups = [list(rows) for _, rows in itertools.groupby(order, key=lambda row: len(texts[row]))]
        found = torch.cat([numbers(rows) for rows in groups])
        return found[torch.tensor(order).argsort()]

    def _losses(self, inputs: Tensor, targets: Tensor, *, begin: bool) -> Tensor:
        """(B,) from characters (B, L, A): a sum with `begin`, else what `score` gives; inf where nothing is scored."""
        vectors = inputs @ self.embedding if inputs.shape[-1] == len(self.embedding) else inputs
        if begin:
            vectors = torch.cat([self.begin.expand(len(vectors), 1, -1), vectors], 1)
        else:
            targets = targets[:, 1:]
        places = torch.arange(vectors.shape[1], dtype=torch.float64)
        decay = (0.7 ** (places[:, None] - places).clamp_min(0)).tril()
        context = (decay @ vectors).tanh()[:, :-1]
        losses = -((context @ self.output).log_softmax(-1) * targets).sum(-1)
        if begin or (self.whole and losses.shape[1]):
            return losses.sum(1)
        return losses.mean(1) if losses.shape[1] else losses.sum(1) + torch.inf


@dataclass(frozen=True)
class Problem:
    """One line of T frames and C classes, a label, and what its strings cost.

    Attributes:
        logits: (T, 1, C) double.
        label: the true text.
        language_model: anything with `score`.
        objective: "hinge", "score", or "ratio" with the exact beta: expected nats over expected characters.
    """

    logits: Tensor
    label: str
    language_model: ToyLM
    objective: str = "hinge"

    @property
    def charset(self) -> Charset:
        return Charset(self.language_model.characters)

    def cost(self, text: str) -> float:
        """f of a string, written out here once more: what is held against it must not compute it too."""

        def score(text: str) -> float:
            return float(self.language_model.score([text])[0]) if text else float("inf")

        if self.objective == "ratio":
            nats = float(self.language_model.nll([text])[0]) if text else 0.0
            return (nats - self.beta * len(text)) / max(1, len(self.spell(self.logits[:, 0].argmax(-1).tolist())))
        found = score(text)
        if self.objective == "hinge":
            label = score(self.label)
            return max(0.0, found - label) if max(found, label) < float("inf") else 0.0
        return found if found < float("inf") else 0.0

    @cached_property
    def costs(self) -> Tensor:
        """(C ** T,) f of the string that each path spells."""
        known = {text: self.cost(text) for text in dict.fromkeys(self.texts)}
        return torch.tensor([known[text] for text in self.texts], dtype=torch.float64)

    @cached_property
    def texts(self) -> list[str]:
        """C ** T strings, one a path."""
        return [self.spell(path) for path in self.paths.T.tolist()]

    @cached_property
    def beta(self) -> float:
        """Expected nats over expected characters: what a character of this line costs on average."""
        weights = self.logits[:, 0].log_softmax(-1).gather(1, self.paths).sum(0).exp()
        known = {text: float(self.language_model.nll([text])[0]) if text else 0.0 for text in dict.fromkeys(self.texts)}
        nats = torch.tensor([known[text] for text in self.texts], dtype=torch.float64)
        lengths = torch.tensor([len(text) for text in self.texts], dtype=torch.float64)
        return float((weights * nats).sum() / (weights * lengths).sum())

    @cached_property
    def paths(self) -> Tensor:
        """(T, C ** T): every path there is."""
        frames, _, classes = self.logits.shape
        if classes**frames > _MOST_PATHS:
            raise ArgumentError(f"{classes} ** {frames} paths are too many to enumerate; at most {_MOST_PATHS}")
        return torch.tensor(list(itertools.product(range(classes), repeat=frames))).T

    def spell(self, path: Sequence[int]) -> str:
        """The string of a path: repeats merged, blanks dropped."""
        kept = (k for t, k in enumerate(path) if k and (t == 0 or path[t - 1] != k))
        return "".join(self.language_model.characters[k - 1] for k in kept)

    @cached_property
    def exact(self) -> tuple[Tensor, Tensor]:
        """The expected penalty and its gradient (T * C,), summed over all paths."""
        logits = self.logits.clone().requires_grad_()
        value = (logits[:, 0].log_softmax(-1).gather(1, self.paths).sum(0).exp() * self.costs).sum()
        return value.detach(), torch.autograd.grad(value, logits)[0].flatten()

    def gradients(self, penalty: Penalty, draws: int, *, seed: int = 0) -> Tensor:
        """(draws, T * C): the penalty's gradient for each of so many copies of the line, each with its own randomness.

        With reduction "mean" each line's gradient is its own; draws in one batch are much faster than one by one.
        """
        copies = self.logits.expand(-1, draws, -1).clone().requires_grad_()
        out = penalty(copies, [self.label] * draws, generator=torch.Generator().manual_seed(seed))
        (found,) = torch.autograd.grad(out.loss, copies)
        return draws * found.transpose(0, 1).flatten(1)


def make_problem(
    seed: int,
    *,
    frames: int = 5,
    characters: str = "abc",
    scale: float = 1.0,
    objective: str = "hinge",
    whole: bool = False,
) -> Problem:
    """A random problem: `scale` says how sure the recogniser is; the label is the cheapest string of its length."""
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(frames, 1, len(characters) + 1, generator=generator, dtype=torch.float64)
    language_model = ToyLM(characters, seed=seed, whole=whole)
    texts = ["".join(letters) for letters in itertools.product(characters, repeat=max(2, frames // 2))]
    label = texts[int(language_model.score(texts).argmin())]
    return Problem(logits, label, language_model, objective)


def z_scores(gradients: Tensor, exact: Tensor) -> Tensor:
    """(D,) how many standard errors the mean of gradients (M, D) is from the exact one; 0 where both are 0."""
    error = gradients.std(0) / len(gradients) ** 0.5
    difference = gradients.mean(0) - exact
    # in double, what should vanish leaves rounding noise of this size
    tiny = 1e-12 * (1 + exact.abs().max())
    return torch.where(difference.abs() < tiny, 0.0, difference / error.clamp_min(1e-300))
