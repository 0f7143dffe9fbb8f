"""A language model as the penalties see it: asked once for each distinct text, counted, and its answers checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, LanguageModelError


class BlackBox(Protocol):
    """All that a penalty needs which sends no gradient through the LM: an n-gram, an API, a spelling checker."""

    def score(self, texts: Sequence[str]) -> Any:
        """(N,) nats per token, inf where a text has too few tokens to be scored."""


class Scorer:
    """Asks a language model; keeps the dtype of what it says.

    Args:
        language_model: has `score(texts)`; may have `nll(texts)`, `score_soft` and `nll_soft` as
            `gradcheck_lm.lm.LanguageModel` has them.
    Raises:
        ArgumentError: no `score`.
    """

    def __init__(self, language_model: Any) -> None:
        if not callable(getattr(language_model, "score", None)):
            raise ArgumentError(
                f"language_model is {type(language_model).__name__!r}, which has no score(texts): pass "
                "load_language_model(...), or anything whose score(texts) gives nats per token of each text."
            )
        self.language_model = language_model
        self.calls = 0
        """How many texts have been sent since this was last set to 0."""

    def score(self, texts: Sequence[str], device: torch.device) -> Tensor:
        """Nats per token of each text, (N,); inf for those that cannot be scored. An empty text is never sent.

        Gradient: none, also where the LM would give one.
        """
        return self._ask(self.language_model.score, texts, device, empty=torch.inf)

    def nll(self, texts: Sequence[str], device: torch.device) -> Tensor:
        """Nats of each whole text, (N,); 0 for an empty one.

        An LM without `nll` is taken to score characters: its score times the number of characters, inf where the score
        is. Gradient: none.
        """
        if callable(getattr(self.language_model, "nll", None)):
            return self._ask(self.language_model.nll, texts, device, empty=0.0)
        scores = self.score(texts, device)
        lengths = torch.tensor([len(text) for text in texts], device=scores.device, dtype=scores.dtype)
        return torch.where(lengths > 0, scores * lengths.clamp_min(1), 0.0)

    def soft(
        self, texts: Sequence[str], posteriors: Sequence[Tensor], characters: str, *, whole: bool, hard: bool, flow: str
    ) -> Tensor:
        """`score_soft` (or, for `whole` texts, `nll_soft`) of texts that are not empty: (N,), differentiable."""
        self.calls += len(texts)
        arguments: dict[str, Any] = {"hard": hard, "flow": flow}
        if not whole:
            found = self.language_model.score_soft(texts, posteriors, characters, **arguments)
        elif callable(getattr(self.language_model, "nll_soft", None)):
            found = self.language_model.nll_soft(texts, posteriors, characters, **arguments)
        else:
            found = self.language_model.score_soft(texts, posteriors, characters, **arguments)
            found = found * torch.tensor([len(text) for text in texts], device=found.device)
        return self._checked(found, texts).to(posteriors[0].device)

    def from_frames(self, texts: Sequence[str], frames: Sequence[Tensor]) -> Tensor:
        """`score_from_frames` of texts that are not empty: (N,), differentiable."""
        self.calls += len(texts)
        found = self.language_model.score_from_frames(texts, frames)
        return self._checked(found, texts).to(frames[0].device)

    def _ask(
        self, method: Callable[[list[str]], Any], texts: Sequence[str], device: torch.device, *, empty: float
    ) -> Tensor:
        distinct = [text for text in dict.fromkeys(texts) if text]
        if not distinct:
            return torch.full((len(texts),), empty, device=device)
        self.calls += len(distinct)
        with torch.no_grad():
            known = self._checked(method(distinct), distinct).detach().to(device)
        # one more row for the empty text, so that each text's score is one look-up
        known = torch.cat([known, known.new_full((1,), empty)])
        row = {text: index for index, text in enumerate(distinct)} | {"": len(distinct)}
        return known[torch.tensor([row[text] for text in texts], device=device)]

    def _checked(self, scores: Any, texts: Sequence[str]) -> Tensor:
        if not isinstance(scores, Tensor):
            # Python's numbers are doubles; an array keeps its own dtype
            scores = torch.as_tensor(scores, dtype=torch.float64 if isinstance(scores, (list, tuple)) else None)
        if scores.shape != (len(texts),):
            raise LanguageModelError(
                f"the language model was asked for {len(texts)} texts and gave scores of shape {tuple(scores.shape)}; "
                f"score(texts) must give one number per text, ({len(texts)},)."
            )
        if not scores.is_floating_point():
            scores = scores.to(torch.get_default_dtype())
        wrong = scores.detach().isnan()
        if bool(wrong.any()):
            text = texts[int(wrong.nonzero()[0])]
            raise LanguageModelError(
                f"the language model's score of {text!r:.60} is NaN, and of {int(wrong.sum())} of {len(texts)} texts "
                "in all; give inf for a text that cannot be scored."
            )
        return scores
