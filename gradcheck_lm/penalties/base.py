"""What all penalties share: their interface, the checks of what comes in, the reduction over lines."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, LanguageModelError, ShapeError
from gradcheck_lm.htr.ctc import collapse_paths, greedy_decode, to_strings
from gradcheck_lm.htr.shapes import Characters, check_lengths, check_logits, refuse_lines
from gradcheck_lm.penalties.objective import OBJECTIVES, Objective
from gradcheck_lm.penalties.scoring import Scorer

Kind = Literal["none", "biased", "unbiased", "exact", "other"]  # "other": of another objective than f

REDUCTIONS = {
    "mean": "over all lines",
    "positive_mean": "over the lines with a penalty above 0, and 0 where there are none: the story's",
}


@dataclass(frozen=True)
class PenaltyOutput:
    """What a penalty says about one batch.

    Attributes:
        loss: scalar; add it to your loss. Its value is `value`, its gradient the estimator.
        value: scalar without gradient, the number to print: mean penalty in nats per token, or for the objective
            `ratio` nats per character.
        per_line: (N,) without gradient, that number for each line; 0 for lines that were not looked at.
        predictions: N greedy readings; for `gumbel_softmax` of a sampled path; "" for lines that were not looked at.
        lm_calls: how many texts were sent to the language model.
    """

    loss: Tensor
    value: Tensor
    per_line: Tensor
    predictions: list[str]
    lm_calls: int


@dataclass(frozen=True)
class Batch:
    """One call's input, checked. logits (T, N, C); lengths (N,) or None; transcripts only where they are needed."""

    logits: Tensor
    transcripts: list[str] | None
    lengths: Tensor | None
    generator: torch.Generator

    @property
    def lines(self) -> int:
        return self.logits.shape[1]


class Penalty(ABC):
    """A language-model penalty of CTC logits, and one way of getting its gradient.

    Args:
        language_model: anything with `score(texts) -> (N,) nats per token`; some need `score_soft` as well.
        charset: the recogniser's characters.
        objective: what f is: "hinge", "score", "ratio" or "sum".
        reduction: "mean" over lines, or the story's "positive_mean".
        seed: of the penalty's own generator, `generator`, which serves where a call brings none.
    Raises:
        ArgumentError: an unknown objective or reduction, a language model without `score`.
        LanguageModelError: the penalty sends a gradient through the LM, which has no `score_soft`.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind]
    summary: ClassVar[str]
    needs_soft_scores: ClassVar[bool] = False
    objectives: ClassVar[tuple[str, ...]] = tuple(OBJECTIVES)

    def __init__(
        self,
        language_model: Any,
        charset: Characters,
        *,
        objective: str = "hinge",
        reduction: str = "mean",
        seed: int = 0,
    ) -> None:
        if reduction not in REDUCTIONS:
            raise ArgumentError(f"reduction is {reduction!r}; choose one of {', '.join(map(repr, REDUCTIONS))}.")
        self.charset = charset
        self.scorer = Scorer(language_model)
        self.objective = Objective(objective, self.scorer)
        if objective not in self.objectives:
            raise ArgumentError(
                f"{self.name} has no objective {objective!r}; choose {' or '.join(map(repr, self.objectives))}."
            )
        self.reduction = reduction
        self.generator = torch.Generator().manual_seed(seed)
        if self.needs_soft_scores and not callable(getattr(language_model, "score_soft", None)):
            raise LanguageModelError(
                f"{self.name} sends a gradient through the language model, and {type(language_model).__name__!r} has "
                "no score_soft; policy_gradient needs nothing but score."
            )

    @property
    def language_model(self) -> Any:
        return self.scorer.language_model

    def __repr__(self) -> str:
        return f"{type(self).__name__}(objective={self.objective.name!r}, reduction={self.reduction!r})"

    @classmethod
    def options(cls) -> dict[str, Any]:
        """The options that `make_penalty` takes for this penalty, with their defaults."""
        found: dict[str, Any] = {}
        for ancestor in cls.__mro__:
            if constructor := vars(ancestor).get("__init__"):
                for parameter in inspect.signature(constructor).parameters.values():
                    if parameter.kind is parameter.KEYWORD_ONLY:
                        found.setdefault(parameter.name, parameter.default)
        return {name: default for name, default in found.items() if name not in ("objective", "reduction")}

    def __call__(
        self,
        logits: Tensor,
        transcripts: Sequence[str] | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        generator: torch.Generator | None = None,
    ) -> PenaltyOutput:
        """Penalise a batch of lines.

        Args:
            logits: (T, N, C) float, unnormalised; class 0 is the blank.
            transcripts: N strings, the true texts; None where the objective needs none.
            lengths: (N,) frames that belong to each line; None for all T.
            generator: source of all randomness; None: the penalty's own. The global random state is never used.
        Raises:
            ShapeError: axes that do not fit, or no line at all.
            ArgumentError: transcripts missing; NaN or +inf logits, by line.
            LanguageModelError: the language model's answer has the wrong shape or is NaN.
        """
        check_logits(logits, self.charset)
        if logits.shape[1] < 1:
            raise ShapeError("the batch has no line: logits have N = 0.")
        frames = None if lengths is None else check_lengths(lengths, logits)
        _refuse_not_finite(logits, frames)
        labels = self._labels(transcripts, logits.shape[1])
        self.scorer.calls = 0
        return self._penalise(Batch(logits, labels, frames, self.generator if generator is None else generator))

    @abstractmethod
    def _penalise(self, batch: Batch) -> PenaltyOutput: ...

    def _labels(self, transcripts: Sequence[str] | None, lines: int) -> list[str] | None:
        if not self.objective.needs_labels:
            return None
        if transcripts is None:
            raise ArgumentError(
                f"objective {self.objective.name!r} compares with the true text and transcripts is None: pass {lines} "
                'transcripts, or choose objective="ratio", which is made for lines without labels.'
            )
        return self._checked_labels(transcripts, lines)

    def _checked_labels(self, transcripts: Sequence[str], lines: int) -> list[str]:
        if isinstance(transcripts, str) or not all(isinstance(text, str) for text in transcripts):
            raise ArgumentError("transcripts must be a sequence of strings, one per line.")
        if len(transcripts) != lines:
            raise ShapeError(f"{len(transcripts)} transcripts for logits of N = {lines} lines: pass one per line.")
        return list(transcripts)

    def _output(self, surrogate: Tensor, per_line: Tensor, predictions: list[str]) -> PenaltyOutput:
        """Reduce over lines: surrogate (N,) carries the gradient, per_line (N,) is what to print."""
        per_line = per_line.detach()
        if self.reduction == "mean":
            loss, value = surrogate.mean(), per_line.mean()
        else:
            positive = per_line > 0
            count = positive.sum().clamp_min(1)
            loss, value = surrogate.where(positive, 0.0).sum() / count, per_line.where(positive, 0.0).sum() / count
        return PenaltyOutput(loss, value, per_line, predictions, self.scorer.calls)

    def _greedy(self, batch: Batch) -> list[str]:
        return greedy_decode(batch.logits, self.charset, lengths=batch.lengths)

    def _spell(self, paths: Tensor) -> list[str]:
        """The strings that paths (T, M) collapse to."""
        return to_strings(*collapse_paths(paths), self.charset)


def with_value(value: Tensor, surrogate: Tensor) -> Tensor:
    """Something that has the value of one tensor, bit for bit, and the gradient of another."""
    return value.detach() + (surrogate - surrogate.detach())


def _refuse_not_finite(logits: Tensor, frames: Tensor | None) -> None:
    # a frame's largest logit is finite unless the frame holds NaN, +inf, or nothing but -inf
    wrong = ~logits.detach().amax(2).isfinite()
    if frames is not None:
        wrong &= torch.arange(logits.shape[0], device=logits.device)[:, None] < frames
    refuse_lines(wrong.any(0))
