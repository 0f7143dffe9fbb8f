"""Batches that loaders gave: which samples each holds, and which of them a value was made of."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from gradcheck_lm.flow.watching.sites import Site


@dataclass(frozen=True, eq=False)
class Draw:
    """One batch, whatever tensors it has."""

    loader: int  # which one
    samples: tuple[int, ...]  # places in the data set
    shuffled: bool
    site: Site | None  # where the loader was made


@dataclass
class Drawn:
    """What those who watch loaders tell a recorder: called with each tensor of a batch."""

    tell: Callable[[torch.Tensor, Draw], None] = field(default=lambda tensor, draw: None)

    def to(self, book: object, name: str) -> None:
        """Tell a method of an object from now on, without keeping it alive."""
        method = weakref.WeakMethod(getattr(book, name))

        def tell(tensor: torch.Tensor, draw: Draw) -> None:
            found = method()
            if found is not None:
                found(tensor, draw)

        self.tell = tell
