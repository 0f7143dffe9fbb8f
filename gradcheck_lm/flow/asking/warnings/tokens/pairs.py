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
    padding: int = -1  # the token that the embedding was told to be padding; -1 for none
    ignored: int = -100  # the target that the loss leaves out
    reduced: bool = False  # the loss is one number, and no target weighs more than another

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
                read.append((recording.call_of(node), node._saved_indices, _signed(node._saved_padding_idx)))
            elif str(node.name()).startswith("NllLoss") and (call := recording.call_of(node)) is not None:
                alike = node._saved_reduction != 0 and node._saved_weight is None
                wanted.append((call, node._saved_target, _signed(node._saved_ignore_index), alike))
        except (AttributeError, RuntimeError):  # another kind of node of that name, or freed
            continue
    for embedding, tokens, padding in read:
        for loss, targets, ignored, alike in wanted if tokens.ndim == 2 else ():
            for length in (tokens.shape[1], tokens.shape[1] - 1):
                if length > 1 and targets.numel() == tokens.shape[0] * length:
                    ordered = targets.reshape(tokens.shape[0], length)
                    yield Pair(embedding, loss, tokens, ordered, padding, ignored, alike)


def _signed(number: int) -> int:
    """A negative number that autograd gives as an unsigned one."""
    return number - (1 << 64) if number >= 1 << 63 else number
