"""The story's second attempt, an exhibit: hidden states through a linear map into the LM, the true text as labels.

It is differentiable, and it is another loss. The LM never reads what the recogniser reads: it is given the recogniser's
inner vectors as if they were words, and asked to name the true text. Nothing in it says whether a reading is good
language, a reading full of errors and a perfect one are not told apart, and a recogniser can lower it without changing
a single decision, as can the linear map alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from gradcheck_lm.errors import ArgumentError, LanguageModelError, ShapeError
from gradcheck_lm.htr.shapes import Characters
from gradcheck_lm.penalties.base import Batch, Kind, Penalty, PenaltyOutput
from gradcheck_lm.penalties.objective import finite_or_zero, hinge


class HiddenStates(Penalty):
    """Map each frame's vector linearly into the LM's embedding space, and let the LM caption it with the true text.

    The frames are the recogniser's posteriors, softmax(logits), or with `hidden_size` the hidden states that each call
    passes as `hidden=` (frames, N, hidden_size). A line's frames are averaged to as many vectors as its text has
    tokens: the story pooled 128 frames to 32, whatever the text. The map, `penalty.map`, starts at random; give its
    parameters to the optimiser, or it stays there.

    Args:
        hidden_size: width of the hidden states that calls will bring; None to read the posteriors.
    Raises:
        ArgumentError: an option out of range.
        LanguageModelError: the language model has no `score_from_frames`.
    Gradient: exact, of another objective: `hinge` is max(0, this loss - LM(label)), `score` is this loss, both in nats
        per token and both in need of the true texts; `ratio`, which is for lines without them, there is none.
    Source: the story's own code; mapping an encoder's states into a frozen LM is Tsimpoukelli et al. 2021 (Frozen).
    """

    name = "hidden_states"
    kind: ClassVar[Kind] = "other"
    summary = "hidden states mapped into the LM, true text as labels: differentiable, and another objective"
    needs_soft_scores = True
    objectives = ("hinge", "score")

    def __init__(
        self, language_model: Any, charset: Characters, *, hidden_size: int | None = None, **common: Any
    ) -> None:
        super().__init__(language_model, charset, **common)
        if not callable(getattr(language_model, "score_from_frames", None)):
            raise LanguageModelError(
                f"{self.name} lets the language model read vectors, and {type(language_model).__name__!r} has no "
                "score_from_frames and vector_width; policy_gradient needs nothing but score."
            )
        if hidden_size is not None and hidden_size < 1:
            raise ArgumentError(f"hidden_size is {hidden_size}: at least 1, or None to read the posteriors.")
        self.hidden_size = hidden_size
        width = len(charset.characters) + 1 if hidden_size is None else hidden_size
        # without nn.Linear's own start, which draws from the global generator
        self.map = nn.utils.skip_init(nn.Linear, width, language_model.vector_width)
        with torch.no_grad():
            for parameter in self.map.parameters():
                parameter.uniform_(-(width**-0.5), width**-0.5, generator=self.generator)
        self._hidden: Tensor | None = None

    def __call__(
        self,
        logits: Tensor,
        transcripts: Sequence[str] | None = None,
        *,
        lengths: Tensor | Sequence[int] | None = None,
        generator: torch.Generator | None = None,
        hidden: Tensor | None = None,
    ) -> PenaltyOutput:
        """As `Penalty.__call__`, with the hidden states (frames, N, hidden_size) where the penalty reads those.

        Raises:
            ShapeError: `hidden` does not fit; ArgumentError: it is missing, or was not asked for.
        """
        if (hidden is None) != (self.hidden_size is None):
            raise ArgumentError(
                f"hidden_size is {self.hidden_size} and hidden is {'missing' if hidden is None else 'given'}: pass "
                "hidden= at each call, and its width as hidden_size when the penalty is made; or neither."
            )
        if hidden is not None and (
            hidden.ndim != 3 or hidden.shape[1:] != (logits.shape[1], self.hidden_size) or not len(hidden)
        ):
            raise ShapeError(
                f"hidden is {tuple(hidden.shape)}; wanted are (frames, N lines, hidden_size) = "
                f"(frames, {logits.shape[1]}, {self.hidden_size})."
            )
        self._hidden = hidden
        try:
            return super().__call__(logits, transcripts, lengths=lengths, generator=generator)
        finally:
            self._hidden = None

    def _penalise(self, batch: Batch) -> PenaltyOutput:
        labels = batch.transcripts
        assert labels is not None
        scores = self._scores(batch, labels)
        if self.objective.name == "hinge":
            per_line = hinge(scores, self.scorer.score(labels, scores.device).to(scores.dtype))
        else:
            per_line = finite_or_zero(scores)
        return self._output(per_line, per_line, self._greedy(batch))

    def _scores(self, batch: Batch, labels: list[str]) -> Tensor:
        """(N,) nats per token of each true text; inf where it is empty or cannot be scored."""
        self.map.to(batch.logits.device)
        frames = self._frames(batch)
        # sums over no rows: inf for now, but connected to the frames even where every text is empty
        scores = torch.stack([rows[:0].sum() for rows in frames]) + torch.inf
        kept = [line for line, text in enumerate(labels) if text]
        if not kept:
            return scores
        found = self.scorer.from_frames([labels[line] for line in kept], [frames[line] for line in kept])
        return scores.to(found.dtype).index_put((torch.tensor(kept, device=found.device),), found)

    def _frames(self, batch: Batch) -> list[Tensor]:
        """N tensors (F, vector_width) of a line's own frames."""
        source = self._hidden
        if source is None:
            source = batch.logits
            if source.dtype not in (torch.float32, torch.float64):
                source = source.float()
        total, real = len(source), len(batch.logits)
        lines = []
        for line in range(batch.lines):
            # hidden states may be more or fewer than the logits' frames: a length is a share of the line
            length = real if batch.lengths is None else int(batch.lengths[line])
            rows = source[: -(-length * total // real), line]
            if self._hidden is None:
                rows = rows.softmax(-1)
            lines.append(self.map(rows.to(self.map.weight.dtype)))
        return lines

    def _labels(self, transcripts: Sequence[str] | None, lines: int) -> list[str]:
        if transcripts is None:
            raise ArgumentError(
                f"transcripts is None and {self.name} asks the language model for the true texts, whatever the "
                f"objective: pass {lines} transcripts, or choose policy_gradient, which scores readings."
            )
        return self._checked_labels(transcripts, lines)
