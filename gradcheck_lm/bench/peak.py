"""The most that a device reaches, on works large enough for it, within a time that is given."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from gradcheck_lm.bench.flops import clock_of, synchronise
from gradcheck_lm.lm.dtype import choose_dtype

# so many times smaller in each direction is the work that tells how long the large one will take
_SMALLER = 8


@dataclass(frozen=True)
class Probes:
    """The works that are timed: a product of square matrices and a 3 x 3 convolution of 64 feature maps."""

    size: int
    lines: int
    height: int = 32
    width: int = 512
    repeats: int = 6
    seconds: float = 60.0  # that one work may take, all its repeats together

    @classmethod
    def of(cls, device: torch.device) -> Probes:
        """Large enough for the device."""
        return cls(8192, 64) if device.type == "cuda" else cls(2048, 8)

    def smaller(self) -> Probes:
        """The same works with a small part of the operations."""
        size, width = max(1, self.size // _SMALLER), max(1, self.width // _SMALLER)
        return Probes(size, max(1, self.lines // _SMALLER), self.height, width, 1)


@dataclass(frozen=True)
class Peak:
    """FLOP/s by work, each at its best, and for each work that was not measured the reason."""

    reached: dict[str, float]
    left_out: dict[str, str]


SLOW_BFLOAT16 = "no instructions for bfloat16 here: torch emulates them, far slower than float32"


def fast_bfloat16(device: torch.device) -> bool:
    """Has the device instructions for bfloat16? Asked as the language models ask before they take it (`lm.dtype`).

    Without them a product of two 2048 x 2048 matrices takes 13 s on one AVX2 core, and in float32 0.2 s.
    """
    return choose_dtype(device, 1_000_000_000) is torch.bfloat16


def peaks_of(device: torch.device, probes: Probes) -> dict[str, Peak]:
    """The most that the device reaches, by the format of its numbers: those that it has instructions for."""
    formats = {"float32": (torch.float32, False)}
    if fast_bfloat16(device):
        formats["bfloat16"] = (torch.bfloat16, False)
    if device.type == "cuda":
        formats["tf32"] = (torch.float32, True)
    return {
        name: peak_flops_per_second(device, dtype, probes=probes, tf32=tf32) for name, (dtype, tf32) in formats.items()
    }


def best_of(*turns: dict[str, Peak]) -> dict[str, Any]:
    """Each work at its best of all turns, by format, and for what is in no turn the reason; as train.json holds it."""
    best: dict[str, dict[str, float]] = {kind: {} for kind in turns[0]}
    for turn in turns:
        for kind, peak in turn.items():
            for name, value in peak.reached.items():
                best[kind][name] = max(value, best[kind].get(name, 0.0))
    left_out = {} if "bfloat16" in best else {"bfloat16": SLOW_BFLOAT16}
    for turn in turns:
        for kind, peak in turn.items():
            left_out |= {f"{kind} {name}": why for name, why in peak.left_out.items() if name not in best[kind]}
    return {"peak_flops_per_second": best, "left_out": left_out}


@torch.no_grad()
def peak_flops_per_second(device: torch.device, dtype: torch.dtype, *, probes: Probes, tf32: bool = False) -> Peak:
    """What the device reaches on large square matrices and on a large 3 x 3 convolution, each at its best.

    Both, because torch hands them to different libraries, and on some processors the second is the faster one. A call
    cannot be ended once it runs: a small one, timed first, tells how long the large one will take, and one that would
    take longer than its time is left out.

    Args:
        probes: their sizes, and the time that each may take.
        tf32: let a GPU round float32 to 10 bits first, as it does in convolutions and LSTMs by default.
    """
    with float32_rounding(tf32):
        small, large = (_works(sizes, device, dtype) for sizes in (probes.smaller(), probes))
        peak = Peak({}, {})
        for name, (count, work) in large.items():
            guess = count / max(_best(*small[name], repeats=1, seconds=probes.seconds, device=device))
            if guess > probes.seconds:
                peak.left_out[name] = f"one would take {guess:,.0f} s, more than the {probes.seconds:g} s it may take"
            else:
                peak.reached[name] = max(
                    _best(count, work, repeats=probes.repeats, seconds=probes.seconds, device=device)
                )
        return peak


def _best(
    count: float, work: Callable[[], Any], *, repeats: int, seconds: float, device: torch.device
) -> list[float]:  # fmt: skip
    """FLOP/s of the work, `repeats` + 1 times or until its seconds are over: at least once."""
    clock, began, found = clock_of(device), time.monotonic(), []
    for _ in range(repeats + 1):
        start = clock()
        work()
        synchronise(device)
        found.append(count / max(clock() - start, 1e-9))  # some clocks stand still meanwhile
        if time.monotonic() - began > seconds:
            break
    return found


def _works(probes: Probes, device: torch.device, dtype: torch.dtype) -> dict[str, tuple[float, Callable[[], Any]]]:
    """Each work with its floating-point operations."""
    size = probes.size
    one, two = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    maps = torch.randn(probes.lines, 64, probes.height, probes.width, device=device)
    kernel = torch.randn(64, 64, 3, 3, device=device).to(dtype)
    maps = maps.to(dtype).contiguous(memory_format=torch.channels_last)
    return {
        "matrix product": (2 * size**3, lambda: torch.matmul(one, two)),
        "convolution": (2 * 9 * 64 * maps.numel(), lambda: F.conv2d(maps, kernel, padding=1)),
    }


@contextlib.contextmanager
def float32_rounding(tf32: bool) -> Iterator[None]:
    """float32 as it is, or rounded as TF32; afterwards as it was before."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    torch.backends.cudnn.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
