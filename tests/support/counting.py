"""Counting what a program does: no clock, so that a busy machine says the same as an idle one."""

from __future__ import annotations

import contextlib
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor


class Opened:
    """How many files were opened; an audit hook stays for good, so there is one for all tests."""

    count = 0
    _hooked = False

    @classmethod
    def watch(cls) -> None:
        if not cls._hooked:
            sys.addaudithook(cls._event)
            cls._hooked = True

    @classmethod
    def _event(cls, event: str, _: Any) -> None:
        if event == "open":
            cls.count += 1


def calls(work: Callable[[], Any]) -> int:
    """Calls of functions, of Python's and of C's."""
    count = 0

    def seen(_: Any, event: str, __: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    work()  # what is imported and cached at the first call is not asked about
    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def files(work: Callable[[], Any]) -> int:
    """Files opened."""
    Opened.watch()
    work()
    before = Opened.count
    work()
    return Opened.count - before


def peak(work: Callable[[], Any]) -> int:
    """Bytes of Python's and NumPy's at the highest; torch's own are not seen (see `tensor_bytes`)."""
    work()
    least = sys.maxsize
    with only_what_comes():
        for _ in range(3):  # what else happens in this process can only add to it
            gc.collect()
            tracemalloc.start()
            try:
                work()
                least = min(least, tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
    return least


@contextlib.contextmanager
def only_what_comes() -> Iterator[None]:
    """Collections look through what is made from now on: through all that a test process holds they take most of the
    time of what is counted here. What is there already counts as no tensor either (see `tensor_bytes`)."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def tensor_bytes() -> int:
    """Bytes of all tensors alive, each storage once."""
    gc.collect()  # what only a circle holds is no memory that is kept
    storages = {}
    for thing in gc.get_objects():
        # a fake tensor, left behind by torch.compile in another test, has no memory to ask for
        if issubclass(type(thing), torch.Tensor) and not isinstance(thing, FakeTensor):
            storage = thing.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return sum(storages.values())


def growth(measure: Callable[[int], float], size: int) -> float:
    """What the step from 2 to 4 sizes adds over what the step from 1 to 2 adds: 2 is linear, 4 quadratic, whatever
    does not depend on the size. Nothing added at all is 0."""
    one, two, four = (measure(factor * size) for factor in (1, 2, 4))
    return (four - two) / (two - one) if two != one else 0.0 if four == two else float("inf")
