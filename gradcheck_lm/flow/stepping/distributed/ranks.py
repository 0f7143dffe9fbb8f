"""Several ranks of one training: what each sees of its own steps, laid side by side without a collective."""

from __future__ import annotations

import json
import sys
import weakref
from collections.abc import Callable, Iterable
from datetime import timedelta
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist

from gradcheck_lm.flow.findings.notes import RANKS_MISSING
from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, RankStep
from gradcheck_lm.flow.stepping.recording.accounts import gradient_of
from gradcheck_lm.flow.stepping.recording.log import Log
from gradcheck_lm.flow.stepping.recording.wraps import Wraps

_STEPS = 2  # of each optimizer
_MOST = 8  # ranks that are read: those that differ differ from one of the first
_WAIT = timedelta(seconds=20)  # for a rank that is late, once, at the end of the watch
_watches = 0  # with several ranks, in this process: every rank counts the same


class Ranks:
    """Hashes what this rank steps with, and reads the hashes of the others.

    The hashes go through the key-value store of the process group and never through a collective: nothing that the
    program sends is delayed, put in another order or answered by another call, and nobody waits while steps run.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self.found: tuple[RankStep, ...] = ()
        self.missing: list[int] = []  # ranks that did not get as far as this one
        self._own: list[RankStep] = []
        self._sent = 0
        self._given: dict[int, int] = {}  # leaf -> its gradient after the last backward()
        self._before: dict[int, int] = {}
        self._used: dict[int, int] = {}
        self._batch: tuple[int, int] = (0, NOWHERE)
        self._wrappers: list[weakref.ref[torch.nn.Module]] = []
        self._ran: set[int] = set()  # wrappers that ran since the last step
        self._inner = NOWHERE  # the first call of a wrapped module past its wrapper
        self._reduces = False  # the program averages by hand
        self._prefix = ""
        self.replaced_at: Callable[[], int] = lambda: NOWHERE  # where a tensor or module was replaced last

    def install(self, wraps: Wraps) -> None:
        """See wrappers that are made, and averaging by hand."""
        guarded = self.log.guarded
        wraps.attribute(
            torch.nn.parallel.DistributedDataParallel,
            "__init__",
            lambda one, two, three: one[0],
            guarded(self._wrapped),
        )
        for owner in (dist, getattr(dist, "distributed_c10d", None)):
            if owner is not None and dist.is_available():
                wraps.attribute(owner, "all_reduce", guarded(self._reducing), lambda one, two: None)

    def remove(self) -> None:
        """Nothing but attributes was changed."""

    # ------------------------------------------------------------------ seen

    @staticmethod
    def several() -> bool:
        """Whether this process is one of several ranks."""
        return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1

    def _wrapped(self, wrapper: Any, result: Any) -> None:
        if all(one() is not wrapper for one in self._wrappers):
            self._wrappers.append(weakref.ref(wrapper))

    def meet(self, module: torch.nn.Module) -> None:
        """A module that was there before the watch: where only what it wraps is called, it is never seen to run."""
        for part in module.modules():
            if isinstance(part, torch.nn.parallel.DistributedDataParallel):
                self._wrapped(part, None)

    def _reducing(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> None:
        self._reduces = True

    def called(self, module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        """A module is about to run."""
        if not self.several():
            return
        if isinstance(module, torch.nn.parallel.DistributedDataParallel):
            self._wrapped(module, None)
            self._ran.add(id(module))
        elif self._inner == NOWHERE:
            wrappers = [wrapper for one in self._wrappers if (wrapper := one()) is not None]
            if any(wrapper.module is module and id(wrapper) not in self._ran for wrapper in wrappers):
                self._inner = self.log.place(sys._getframe(1))
        if self._batch[1] == NOWHERE:
            batch = [one for one in inputs if isinstance(one, torch.Tensor) and one.numel() > 1]
            if batch and not any(one.requires_grad for one in batch) and not _is_constant(batch[0]):
                self._batch = hash_of(batch), self.log.place(sys._getframe(1))

    def given(self, leaves: Iterable[int]) -> None:
        """A backward() of the program has ended."""
        if self.several():
            self._given.update(self._hashes(leaves, gradient=True))

    def begins(self, leaves: list[int], number: int) -> None:
        """An optimizer is about to step."""
        if self.several() and number < _STEPS:
            self._before, self._used = self._hashes(leaves), self._hashes(leaves, gradient=True)

    def ended(self, leaves: list[int], holder: int, number: int, place: int, rates: tuple[float, ...]) -> None:
        """It has stepped: tell the others."""
        if not self.several() or number >= _STEPS:
            return
        step = RankStep(
            rank=dist.get_rank(),
            holder=holder,
            number=number,
            place=place,
            leaves=tuple(leaves),
            before=tuple(self._before.get(one, 0) for one in leaves),
            given=tuple(self._given.get(one, 0) for one in leaves),
            used=tuple(self._used.get(one, 0) for one in leaves),
            after=tuple(self._hashes(leaves).get(one, 0) for one in leaves),
            batch=self._batch[0],
            batch_place=self._batch[1],
            rates=rates,
            wrapped=any(one() is not None for one in self._wrappers),
            passed_by=self._inner if not self._ran else NOWHERE,
            averaged=self._reduces,
            replaced=self.replaced_at() if self._wrappers else NOWHERE,
        )
        self._own.append(step)
        self._batch, self._inner, self._ran, self._given = (0, NOWHERE), NOWHERE, set(), {}
        self._send(step)

    def _hashes(self, leaves: Iterable[int], *, gradient: bool = False) -> dict[int, int]:
        tensors = {one: self.log.accounts[one].tensor for one in leaves}
        if gradient:
            tensors = {one: None if leaf is None else gradient_of(leaf) for one, leaf in tensors.items()}
        return {one: hash_of([tensor]) for one, tensor in tensors.items() if tensor is not None}

    # ------------------------------------------------------------------ told to one another

    def _store(self) -> Any:
        global _watches
        if not self._prefix:
            _watches += 1
            self._prefix = f"gradcheck_lm/{_watches}"
        return dist.distributed_c10d._get_default_store()

    def _send(self, step: RankStep) -> None:
        store = self._store()
        store.set(f"{self._prefix}/{step.rank}/{self._sent}", json.dumps(step.plain()))
        self._sent += 1

    def notes(self) -> list[str]:
        """For the reader: which ranks were not compared."""
        if not self.missing:
            return []
        ranks = ", ".join(map(str, self.missing))
        return [RANKS_MISSING.told(ranks=ranks, seconds=int(_WAIT.total_seconds()))]

    def gather(self) -> None:
        """Read what the others saw; at the end of the watch, once."""
        if not self._own or self.found or not self.several():
            return
        store, rank, size = self._store(), dist.get_rank(), dist.get_world_size()
        told, wait = list(self._own), _WAIT
        for other in [one for one in range(min(size, _MOST)) if one != rank]:
            for number in range(self._sent):
                key = f"{self._prefix}/{other}/{number}"
                try:
                    store.wait([key], wait)
                    told.append(RankStep.of(json.loads(store.get(key))))
                except Exception:  # its error classes differ between stores
                    self.missing.append(other)
                    wait = timedelta(milliseconds=10)
                    break
        self.found = tuple(told)
        store.set(f"{self._prefix}/read/{rank}", "1")
        if rank == 0:  # the store lies in this process
            try:
                store.wait([f"{self._prefix}/read/{one}" for one in range(size) if one not in self.missing], wait)
            except Exception:
                return


def hash_of(tensors: Iterable[torch.Tensor]) -> int:
    """A number that equal tensors share, to the bit, computed where they lie."""
    found = 0
    for tensor in tensors:
        value = tensor.detach()
        local = getattr(value, "to_local", None)
        value = local() if callable(local) else value
        value = value.coalesce().values() if value.is_sparse else value
        value = torch.view_as_real(value) if value.is_complex() else value
        value = value.contiguous().flatten()
        sizes = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
        bits = value.view(sizes[value.element_size()]).to(torch.int64)
        place = torch.arange(bits.numel(), device=bits.device) % 65_521 + 1
        found = hash((found, tuple(tensor.shape), int(bits.sum()), int((bits * place).sum())))
    return found


def _is_constant(tensor: torch.Tensor) -> bool:
    flat = tensor.detach().flatten()
    return bool((flat == flat[0]).all())
