"""The broken penalty, as the story has it: decode to text, score the text, and hope for a gradient.

Every step of it is left as a researcher would write it, for this is what the debugger is shown: its lines are where the
gradient is lost.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.ctc import BLANK
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch, Kind, Penalty, PenaltyOutput


class Argmax(Penalty):
    """Argmax, NumPy, a Python loop, strings, and the language model on each string alone. Gives no gradient at all.

    Args:
        lm_sample_ratio: share of a batch's lines that are looked at, above 0 and up to 1; at least one line, drawn anew
            for each call.
        faithful: also crash as the story's code does, with a TypeError, where a prediction is empty. Otherwise an empty
            prediction counts as infinite, so that its penalty is 0.
    Raises:
        ArgumentError: lm_sample_ratio out of range.
    Gradient: none; with a frozen language model even `requires_grad` is False.
    """

    name = "argmax"
    kind: ClassVar[Kind] = "none"
    summary = "argmax, NumPy and strings: the broken penalty, which prints a number and teaches nothing"

    def __init__(
        self,
        language_model: Any,
        charset: Characters,
        *,
        lm_sample_ratio: float = 1.0,
        faithful: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(language_model, charset, **common)
        if not 0 < lm_sample_ratio <= 1:
            raise ArgumentError(f"lm_sample_ratio is {lm_sample_ratio}: a share of the lines, above 0 and up to 1.")
        self.lm_sample_ratio = lm_sample_ratio
        self.faithful = faithful

    def _penalise(self, batch: Batch) -> PenaltyOutput:
        return self.penalise_lines(batch, self.choose_lines(batch))

    def penalise_lines(self, batch: Batch, chosen: list[int]) -> PenaltyOutput:
        """The penalty of some lines of a batch."""
        output = batch.logits[:, chosen, :]
        predictions = self.decode_batch(output, None if batch.lengths is None else batch.lengths[chosen].tolist())
        labels = [""] * len(chosen) if batch.transcripts is None else [batch.transcripts[line] for line in chosen]
        penalties = [self.penalty(prediction, label) for prediction, label in zip(predictions, labels, strict=True)]
        loss = self.reduce(penalties)

        # from here on only the bookkeeping that all penalties owe their caller
        per_line = torch.zeros(batch.lines, dtype=loss.dtype)
        readings = [""] * batch.lines
        for line, penalty, prediction in zip(chosen, penalties, predictions, strict=True):
            per_line[line] = penalty.detach()
            readings[line] = prediction
        loss, per_line = loss.to(batch.logits.device), per_line.to(batch.logits.device)
        return PenaltyOutput(loss, loss.detach(), per_line, readings, self.scorer.calls)

    def choose_lines(self, batch: Batch) -> list[int]:
        """A random share of the lines, at least one, in random order."""
        count = max(1, int(batch.lines * self.lm_sample_ratio))
        device = batch.generator.device
        return torch.randperm(batch.lines, generator=batch.generator, device=device)[:count].tolist()

    def decode_batch(self, logits: Tensor, lengths: list[int] | None = None) -> list[str]:
        """The greedy reading of each line of logits (T, N, C)."""
        paths = logits.argmax(2).permute(1, 0).cpu().numpy()
        if lengths is None:
            return [self.decode(path) for path in paths]
        return [self.decode(path[:length]) for path, length in zip(paths, lengths, strict=True)]

    def decode(self, path: np.ndarray) -> str:
        """One line's classes as text: repeats merged, blanks dropped."""
        merged = [label for frame, label in enumerate(path) if frame == 0 or label != path[frame - 1]]
        return "".join(self.charset.characters[label - 1] for label in merged if label != BLANK)

    def lm_loss(self, text: str) -> Tensor:
        """The language model's loss of one text, alone."""
        if not text:
            # the story's code gives a plain number here, and then asks torch.isinf about it
            return float("inf") if self.faithful else torch.tensor(float("inf"))  # type: ignore[return-value]
        self.scorer.calls += 1
        if self.objective.name in ("ratio", "sum"):
            return self.whole_loss(text) / (len(text) if self.objective.name == "ratio" else 1)
        return torch.as_tensor(self.language_model.score([text]))[0]

    def penalty(self, prediction: str, label: str) -> Tensor:
        """How much worse the prediction is than the label; never below 0, and 0 where either is infinite."""
        prediction_loss = self.lm_loss(prediction)
        if not self.objective.needs_labels:
            return torch.tensor(0.0) if torch.isinf(prediction_loss) else prediction_loss
        label_loss = self.lm_loss(label)
        if torch.isinf(prediction_loss) or torch.isinf(label_loss):
            return torch.tensor(0.0)
        return torch.clamp(prediction_loss - label_loss, min=0.0)

    def reduce(self, penalties: list[Tensor]) -> Tensor:
        """The mean over lines or, the story's, over the lines whose penalty is above 0."""
        total, counted = torch.tensor(0.0), 0
        for penalty in penalties:
            if penalty > 0 or self.reduction == "mean":
                total = total + penalty
                counted += 1
        return total / max(1, counted)

    def whole_loss(self, text: str) -> Tensor:
        """Nats of the whole text; of a language model that scores tokens only, as if they were characters."""
        if hasattr(self.language_model, "nll"):
            return torch.as_tensor(self.language_model.nll([text]))[0]
        return torch.as_tensor(self.language_model.score([text]))[0] * len(text)
