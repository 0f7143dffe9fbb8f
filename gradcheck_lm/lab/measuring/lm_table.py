"""The story's table: what a language model thinks of each reading and of each label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradcheck_lm.display import Displayed
from gradcheck_lm.lm import AnyLanguageModel


@dataclass(frozen=True)
class LMRow:
    """One line. Losses are nats per token; winner: "label" | "prediction" | "equal"."""

    index: int
    prediction: str
    label: str
    prediction_loss: float
    label_loss: float

    @property
    def winner(self) -> str:
        """Whose text costs the language model less."""
        if self.prediction_loss == self.label_loss:
            return "equal"
        return "label" if self.label_loss < self.prediction_loss else "prediction"


@dataclass(frozen=True, repr=False)
class LMTable(Displayed):
    """All lines, with the story's counts and means."""

    rows: tuple[LMRow, ...]

    def counts(self) -> dict[str, int]:
        """How often each side costs less."""
        return {side: sum(row.winner == side for row in self.rows) for side in ("label", "prediction", "equal")}

    def means(self) -> dict[str, float | None]:
        """Mean nats per token of both sides where both are finite, and the penalty in both reductions."""
        finite = [row for row in self.rows if math.isfinite(row.prediction_loss) and math.isfinite(row.label_loss)]
        gaps = [max(0.0, row.prediction_loss - row.label_loss) for row in finite]
        positive = [gap for gap in gaps if gap > 0]

        def mean(values: Sequence[float]) -> float | None:
            return sum(values) / len(values) if values else None

        return {
            "prediction": mean([row.prediction_loss for row in finite]),
            "label": mean([row.label_loss for row in finite]),
            "penalty_mean": mean(gaps),
            "penalty_positive_mean": mean(positive) or 0.0,
        }

    def _headline(self) -> str:
        counts = self.counts()
        return f"{len(self.rows)} lines; cheaper: label {counts['label']}, prediction {counts['prediction']}"

    def __str__(self) -> str:
        """Nats per token of each line, read and true, and the means."""
        lines = [f"{'read':>8}  {'true':>8}  cheaper     text that was read"]
        for row in self.rows:
            lines.append(f"{row.prediction_loss:8.4f}  {row.label_loss:8.4f}  {row.winner:<10}  {row.prediction}")
        means = self.means()
        said = ["-" if means[side] is None else f"{means[side]:.4f}" for side in ("prediction", "label")]
        return "\n".join([*lines, f"{said[0]:>8}  {said[1]:>8}  mean"])

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; an infinite loss (a text of fewer than two tokens) is null."""

        def number(value: float) -> float | None:
            return value if math.isfinite(value) else None

        return {
            "rows": [
                {
                    "index": row.index,
                    "prediction": row.prediction,
                    "label": row.label,
                    "prediction_loss": number(row.prediction_loss),
                    "label_loss": number(row.label_loss),
                    "winner": row.winner,
                }
                for row in self.rows
            ],
            "counts": self.counts(),
            "means": self.means(),
        }


def lm_table(language_model: AnyLanguageModel, predictions: Sequence[str], labels: Sequence[str]) -> LMTable:
    """Score both sides of every line, as the story's slide does.

    Args:
        language_model: anything with `score(texts) -> (N,) nats per token`.
        predictions: N readings.
        labels: N true texts.
    """
    scores = language_model.score([*predictions, *labels]).tolist()
    count = len(predictions)
    return LMTable(tuple(LMRow(i, predictions[i], labels[i], scores[i], scores[count + i]) for i in range(count)))
