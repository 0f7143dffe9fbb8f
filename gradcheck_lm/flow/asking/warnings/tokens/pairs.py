"""The tokens that a language model reads, beside those that its loss wants at the same positions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from gradcheck_lm.flow.watching.tape import Recording


@dataclass(frozen=True)
class Pair:
    """What an embedding read, and what a loss over classes wanted."""

    embedding: int | None  # call
    loss: int  # call
    tokens: torch.Tensor  # (texts, positions)
    targets: torch.Tensor  # (texts, positions or one less)

    def agrees(self, shift: int, *, least: int) -> bool:
        """Whether the target at each position is the token so many places on.

        Padding is left out by a negative target; at least so many have to be given.
        """
        length = min(self.targets.shape[1], self.tokens.shape[1] - shift)
        wanted, read = self.targets[:, :length], self.tokens[:, shift : shift + length]
        given = wanted >= 0
        varied = bool((read != read[:, :1]).any())  # else it agrees by any shift
        return varied and int(given.sum()) >= least and bool((wanted == read)[given].all())


def pairs(recording: Recording, nodes: Iterable[Any]) -> Iterator[Pair]:
    """Every embedding of texts with every loss that has as many targets, or one less a text.

    Args:
        nodes: of the losses' graphs, which still hold what they save.
    """
    read, wanted = [], []
    for node in nodes:
        try:
            if str(node.name()).startswith("Embedding"):
                read.append((recording.call_of(node), node._saved_indices))
            elif str(node.name()).startswith("NllLoss") and (call := recording.call_of(node)) is not None:
                wanted.append((call, node._saved_target))
        except (AttributeError, RuntimeError):  # another kind of node of that name, or freed
            continue
    for embedding, tokens in read:
        for loss, targets in wanted if tokens.ndim == 2 else ():
            for length in (tokens.shape[1], tokens.shape[1] - 1):
                if length > 1 and targets.numel() == tokens.shape[0] * length:
                    yield Pair(embedding, loss, tokens, targets.reshape(tokens.shape[0], length))
