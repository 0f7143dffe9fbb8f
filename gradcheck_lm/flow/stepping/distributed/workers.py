"""The workers of a DataLoader: do two of them give the same batch?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

import torch
from torch.utils.data import dataloader

from gradcheck_lm.flow.stepping.distributed.ranks import hash_of
from gradcheck_lm.flow.stepping.ledger.ledger import SameBatch
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.stepping.recording.wraps import Wraps

_BATCHES = 4  # of one loader


class Workers:
    """Hashes the first batches of every loader with several workers, where they are taken out of it."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self._seen: dict[int, list[int]] = {}

    def install(self, wraps: Wraps) -> None:
        """By the class that all iterators of loaders share."""
        guarded = self.log.guarded
        wraps.attribute(dataloader._BaseDataLoaderIter, "__next__", guarded(self._asked), guarded(self._given))

    def _asked(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Any:
        loader = arguments[0]
        if getattr(loader, "_num_workers", 0) < 2 or len(self._seen.get(id(loader), ())) >= _BATCHES:
            return None
        return loader, self.log.place(frame)

    def _given(self, token: Any, result: Any) -> None:
        if token is None or result is None:
            return
        loader, place = token
        tensors = list(tensors_of(result))
        if not any(
            one.is_floating_point() and one.numel() > 1 and bool((one != one.flatten()[0]).any()) for one in tensors
        ):
            return
        seen, found = self._seen.setdefault(id(loader), []), hash_of(tensors)
        workers = int(loader._num_workers)
        if seen and seen[-1] == found and len(seen) % workers:  # the one before it was another worker's
            self.log.add(SameBatch(self.log.tick(), place, worker=len(seen) - 1, other=len(seen)))
            seen.extend([0] * _BATCHES)  # once is enough
        seen.append(found)


def tensors_of(batch: Any, depth: int = 3) -> Iterator[torch.Tensor]:
    """The tensors of a batch, in lists, tuples and dicts too."""
    if isinstance(batch, torch.Tensor):
        yield batch
    elif depth and isinstance(batch, Mapping):
        for value in batch.values():
            yield from tensors_of(value, depth - 1)
    elif depth and isinstance(batch, list | tuple):
        for value in batch:
            yield from tensors_of(value, depth - 1)
