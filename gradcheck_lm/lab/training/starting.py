"""What the recogniser before adaptation reads in a step's lines: every arm is held to it, and it never changes."""

from __future__ import annotations

from torch import Tensor, nn

from gradcheck_lm.lab.lines.data import Batch
from gradcheck_lm.lab.machine.processes import union_lines

KnownLogits = dict[tuple[int, ...], tuple[Tensor, Tensor]]  # a step's lines -> their pictures and logits
MOST = 32  # batches that are kept with their logits: some 3 MB each


class StartLogits:
    """The logits of a frozen recogniser, worked out once for the lines that several arms see one after another.

    Args:
        start: the recogniser before adaptation.
        known: what other arms with the same start have asked for; pass the same dict to each of them.
    """

    def __init__(self, start: nn.Module, known: KnownLogits | None = None) -> None:
        self.start = start
        self.known = known

    def __call__(self, batch: Batch) -> Tensor:
        """(T, N, C) of the lines of all processes, without gradient."""
        key = tuple(batch.indices)
        if self.known is not None and key in self.known:
            images, logits = self.known[key]
            if images.equal(batch.images):  # augmented or padded in another way they are other pictures
                return logits
        # not under no_grad: there torch's LSTM takes another kernel on a CPU, whose last bits differ, and the anchor
        # would pull at an arm that has not moved
        logits = union_lines(self.start(batch.images).detach())
        if self.known is not None and len(self.known) < MOST:
            self.known[key] = batch.images, logits
        return logits
