"""Whether a gradient is none, all zero, live or not finite, and its norm: read in a program's pass, and cheaply.

On a CPU each is read at once and nothing of it is kept; elsewhere it is computed at once and read when it is asked for,
for reading waits for the device.
"""

from __future__ import annotations

import torch

_PLAIN = (torch.Tensor, torch.nn.Parameter)


class Unread:
    """The ends of a gradient's values, not yet read."""

    __slots__ = ("high", "known", "low")

    def __init__(self, low: torch.Tensor | None, high: torch.Tensor) -> None:
        self.known, self.low, self.high = "", low, high

    def state(self) -> str:
        """One of "zero", "live" and "bad"."""
        if not self.known:
            ends = [float(end) for end in (self.low, self.high) if end is not None]
            bad = any(end - end != 0.0 for end in ends)
            self.known = "bad" if bad else "live" if any(ends) else "zero"
        return self.known


Size = str | Unread


def size_of(value: torch.Tensor | None) -> Size:
    """The size of a gradient; one of "none", "zero", "live" and "bad" where it is known at once."""
    if value is None:
        return "none"
    if type(value) is torch.Tensor and value.is_cpu and not value.is_sparse:
        try:
            total = value.sum().item()  # a sum that is finite and not 0 proves both, in a third of aminmax's time
        except (RuntimeError, NotImplementedError):  # nested tensors, 8 bits
            return _by_ends(value)
        if total and total - total == 0.0:
            return "live"
    return _by_ends(value)


def state_of(size: Size) -> str:
    """One of "none", "zero", "live" and "bad"."""
    return size if isinstance(size, str) else size.state()


def _by_ends(value: torch.Tensor) -> Size:
    value = value.detach()
    if value.is_sparse:
        value = value.coalesce().values()
    if value.numel() == 0:
        return "zero"
    if type(value) not in _PLAIN:
        return "live"  # a subclass may not be computed with: its wearer looks on
    try:
        low, high = (None, value.abs().max()) if value.is_complex() else torch.aminmax(value)
    except (RuntimeError, NotImplementedError):  # nested tensors, 8 bits
        return "live"
    unread = Unread(low, high)
    return unread.state() if value.is_cpu else unread


def norm_of(value: torch.Tensor) -> torch.Tensor | float:
    """The Euclidean norm in double precision; of a device's tensor not yet read."""
    value = value.coalesce().values() if value.is_sparse else value
    if value.is_complex():
        norm = torch.linalg.vector_norm(value.to(torch.complex128))
    else:
        norm = torch.linalg.vector_norm(value, dtype=torch.float64)
    return float(norm) if type(norm) is torch.Tensor and norm.is_cpu else norm
