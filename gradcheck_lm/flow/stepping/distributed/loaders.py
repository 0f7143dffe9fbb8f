"""The loaders of a program: where each was made, and which samples lie in every batch that it gives."""

from __future__ import annotations

import weakref
from collections import deque
from types import FrameType
from typing import Any

from torch.utils.data import DataLoader, RandomSampler, dataloader

from gradcheck_lm.flow.stepping.distributed.workers import tensors_of
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.stepping.recording.wraps import Wraps
from gradcheck_lm.flow.watching.randomness.draws import Draw, Drawn
from gradcheck_lm.flow.watching.sites import Site, find_site

_MOST = 200  # batches that are told of: the first steps are what is asked about


class Loaders:
    """Tells of each batch of a map-style data set, by the classes that all loaders and their iterators share."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.drawn = Drawn()
        self._made: weakref.WeakKeyDictionary[DataLoader[Any], tuple[int, Site | None]] = weakref.WeakKeyDictionary()
        # of an iterator: of which loader, shuffled or not
        self._of: weakref.WeakKeyDictionary[Any, tuple[int, Site | None, bool]] = weakref.WeakKeyDictionary()
        self._waiting: weakref.WeakKeyDictionary[Any, deque[tuple[int, ...]]] = weakref.WeakKeyDictionary()
        self._count = self._told = 0

    def install(self, wraps: Wraps) -> None:
        """Constructors, the drawing of indices and the giving of batches."""
        guarded, iterator = self.log.guarded, dataloader._BaseDataLoaderIter
        nothing = guarded(lambda token, result: None)
        wraps.attribute(DataLoader, "__init__", guarded(self._making), nothing)
        wraps.attribute(iterator, "__init__", guarded(self._beginning), nothing)
        wraps.attribute(iterator, "_next_index", guarded(self._self), guarded(self._indexed))
        wraps.attribute(iterator, "__next__", guarded(self._self), guarded(self._given))

    def _making(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> None:
        self._count += 1
        self._made[arguments[0]] = self._count, find_site(frame)

    def _beginning(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> None:
        iterator, loader = arguments[0], arguments[1] if len(arguments) > 1 else keywords["loader"]
        if loader in self._made and loader.batch_sampler is not None:
            self._of[iterator] = *self._made[loader], isinstance(loader.sampler, RandomSampler)

    def _self(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Any:
        return arguments[0] if self._told < _MOST else None

    def _indexed(self, iterator: Any, result: Any) -> None:
        if iterator is not None and isinstance(result, list | tuple) and all(type(one) is int for one in result):
            self._waiting.setdefault(iterator, deque()).append(tuple(result))

    def _given(self, iterator: Any, result: Any) -> None:
        waiting = None if iterator is None else self._waiting.get(iterator)
        if not waiting:
            return
        samples = waiting.popleft()
        if iterator not in self._of or result is None:
            return
        self._told += 1
        number, site, shuffled = self._of[iterator]
        draw = Draw(number, samples, shuffled, site)
        for tensor in tensors_of(result):
            self.drawn.tell(tensor, draw)
