"""Few labels and many lines without: both kinds in every batch, CTC on the one and a penalty on the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.lab.lines.data import Batch, LineData
from gradcheck_lm.lab.machine.processes import union_lines, union_texts
from gradcheck_lm.lab.training.controls import Teacher
from gradcheck_lm.lab.training.terms import StepTerms, TermFunction, ctc_term


class PartlyLabelled(LineData):
    """Batches of which a part is labelled and the rest is not; labels of the rest are never handed out.

    Args:
        labelled, unlabelled: lines of one size.
        labelled_share: of each batch, above 0 and below 1; at least one line of each kind.
        readings: of the unlabelled lines, by somebody who reads them (a beam fused with a language model, say): then
            every line of a batch has a text, and CTC learns from both kinds alike.
    Raises:
        ArgumentError: a share out of range, labelled lines without labels, pictures of different sizes.
    """

    def __init__(
        self,
        labelled: LineData,
        unlabelled: LineData,
        *,
        labelled_share: float = 0.5,
        readings: Sequence[str] | None = None,
    ) -> None:
        if not 0 < labelled_share < 1:
            raise ArgumentError(f"labelled_share is {labelled_share}; it must be above 0 and below 1")
        if not labelled.labelled:
            raise ArgumentError("the lines given as labelled have no labels: give a folder with labels.tsv")
        sizes = [(data.config.height, data.config.width) for data in (labelled, unlabelled)]
        if sizes[0] != sizes[1]:
            raise ArgumentError(f"labelled lines are {sizes[0]} pixels and unlabelled ones {sizes[1]}: make them equal")
        if readings is not None and len(readings) != len(unlabelled):
            raise ArgumentError(f"{len(readings)} readings for {len(unlabelled)} unlabelled lines: give one for each")
        self.parts = labelled, unlabelled
        self.read = readings is not None
        self.labelled_share = labelled_share
        self.charset, self.config, self.labelled = labelled.charset, labelled.config, False
        self._lines, self._pixels = (), None  # the parts hold theirs
        self.names = [*labelled.names, *unlabelled.names]
        self.texts = [*labelled.texts, *([""] * len(unlabelled) if readings is None else readings)]

    @property
    def from_files(self) -> bool:
        """Whether any line is read from a file, and none from elsewhere than from a file or the memory."""
        files = [part.from_files for part in self.parts]
        return any(files) and all(part.from_files or part._pixels is not None for part in self.parts)

    def pixels(self, indices: Sequence[int]) -> Tensor:
        """Pictures as (N, 1, H, W) uint8; indices count the labelled lines first, then the others."""
        shift = len(self.parts[0])
        return torch.cat([self.parts[i >= shift].pixels([i - shift if i >= shift else i]) for i in indices])

    def counts(self, size: int) -> tuple[int, int]:
        """How many lines of each kind are in a batch of `size`.

        Raises:
            ArgumentError: there is no room for one of each.
        """
        if size < 2:
            raise ArgumentError(f"batch_size is {size}; a labelled and an unlabelled line make at least 2")
        most = [len(part) for part in self.parts]
        labelled = min(max(1, round(size * self.labelled_share)), size - 1, most[0])
        others = min(size - labelled, most[1])
        return min(size - others, most[0]), others  # where a kind has too few lines, the other fills the batch

    def picked(self, step: int, size: int, *, seed: int) -> list[int]:
        """The lines of a step's batch, the labelled ones first: each kind has permutations of its own."""
        labelled, others = (
            part.picked(step, count, seed=seed) for part, count in zip(self.parts, self.counts(size), strict=True)
        )
        return [*labelled, *[len(self.parts[0]) + i for i in others]]

    def take(self, indices: Sequence[int], device: torch.device | str = "cpu") -> Batch:
        """A batch of the named lines; a text is None where a line has none."""
        batch, shift = super().take(indices, device), len(self.parts[0])
        texts = [self.texts[i] if self.read or i < shift else None for i in batch.indices]
        return Batch(batch.images, texts, batch.indices)  # type: ignore[arg-type]


def partly_labelled(
    charset: Charset, penalty: Teacher | None, weight: float, *, shortcut_weight: float = 0.1
) -> TermFunction:
    """Terms of batches from `PartlyLabelled`: CTC on the lines with labels, the penalty on those without.

    With several processes every term is that of all their lines together, on each of them.
    """

    def terms(model: nn.Module, batch: Batch) -> StepTerms:
        logits, shortcut = map(union_lines, model(batch.images, with_shortcut=True))
        texts: list[str | None] = list(union_texts(batch.texts) or [])
        known = [i for i, text in enumerate(texts) if text is not None]
        labels = [text for text in texts if text is not None]
        found = {
            "ctc": ctc_term(logits[:, known], labels, charset),
            "shortcut": shortcut_weight * ctc_term(shortcut[:, known], labels, charset),
        }
        if penalty is None:
            return StepTerms(found)
        others = logits[:, [i for i, text in enumerate(texts) if text is None]]
        out = penalty(others, None)
        found["lm"] = weight * out.loss
        return StepTerms(found, out, logits=others)

    return terms
