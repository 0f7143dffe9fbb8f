"""Timings that can be compared: interleaved repeats, medians, and ratios with their spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Timings:
    """Seconds of each repeat of each contestant; repeat i of all of them ran one after the other."""

    seconds: dict[str, list[float]]

    def median(self, name: str) -> float:
        """Seconds."""
        return statistics.median(self.seconds[name])

    def ratio(self, slow: str, fast: str) -> dict[str, float]:
        """How many times as long `slow` takes within each repeat, so that a busy moment hits both; with quartiles."""
        ratios = sorted(a / b for a, b in zip(self.seconds[slow], self.seconds[fast], strict=True))
        return {
            "median": statistics.median(ratios),
            "low": ratios[len(ratios) // 4],
            "high": ratios[-1 - len(ratios) // 4],
        }


def interleaved(
    contestants: Mapping[str, Callable[[], Any]],
    *,
    repeats: int,
    device: torch.device | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Timings:
    """Time contestants in turn, `repeats` times, after one round that is not counted.

    Args:
        contestants: what to call, by name.
        repeats: rounds, at least 1.
        device: a GPU is waited for; None or a CPU is not.
        clock: seconds so far.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats + 1):
        for name, work in contestants.items():
            began = clock()
            work()
            if device is not None and device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn:
                seconds[name].append(clock() - began)
    return Timings(seconds)


def kept_mb(work: Callable[[], Any], *, besides: Iterable[Tensor] = ()) -> float:
    """MB that autograd keeps for the backwards of `work`, each storage once; the same on every device and every run.

    A process's own memory says nothing of it: what one call gave back serves the next.

    Args:
        besides: tensors that are there anyway, such as weights.
    """
    there = {tensor.untyped_storage().data_ptr() for tensor in besides}
    kept: dict[int, Tensor] = {}  # held until the end, so that no storage's place is given to another

    def pack(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in there:
            kept[place] = tensor.detach()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        work()
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values()) / 1e6
