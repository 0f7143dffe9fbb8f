"""Timings that can be compared: interleaved repeats, medians, and ratios with their spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch


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
    contestants: Mapping[str, Callable[[], Any]], *, repeats: int, device: torch.device | None = None
) -> Timings:
    """Time contestants in turn, `repeats` times, after one round that is not counted.

    Args:
        contestants: what to call, by name.
        repeats: rounds, at least 1.
        device: a GPU is waited for; None or a CPU is not.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(repeats + 1):
        for name, work in contestants.items():
            began = time.perf_counter()
            work()
            if device is not None and device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn:
                seconds[name].append(time.perf_counter() - began)
    return Timings(seconds)
