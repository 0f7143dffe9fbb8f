"""Tensors before and after: how far they moved, and whether with their gradient or against it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

_WHOLE = 1 << 16  # elements of a tensor that are all compared; of a larger one so many, evenly spread
_FEW = 64  # elements of a fingerprint


def spread(tensor: torch.Tensor, count: int) -> torch.Tensor:
    """At most about `count` elements, evenly spread over a tensor's memory, as a view; the same ones every time."""
    tensor = tensor.detach()
    size = tensor.numel()
    if size <= count:
        return tensor
    stride = -(-size // count)
    if tensor.is_contiguous():
        return tensor.view(-1)[::stride]
    if _is_dense(tensor):  # channels last: its elements in the order of its memory
        return tensor.as_strided((size,), (1,))[::stride]
    return tensor


def _is_dense(tensor: torch.Tensor) -> bool:
    expected = 1
    for stride, size in sorted(zip(tensor.stride(), tensor.shape, strict=True)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def fingerprint(tensor: torch.Tensor) -> torch.Tensor | None:
    """A few elements, to see whether a tensor was changed; None where it cannot be read."""
    try:
        return spread(tensor, _FEW).clone()
    except (RuntimeError, NotImplementedError):  # meta, fake and lazy tensors
        return None


def unchanged(tensor: torch.Tensor, before: torch.Tensor | None) -> bool:
    """Whether a tensor still has the fingerprint that it had; True where none could be taken."""
    now = fingerprint(tensor) if before is not None else None
    if before is None or now is None or now.device != before.device:
        return True
    return alike(now, before)


def is_uniform(tensor: torch.Tensor) -> bool:
    """Whether all its numbers are the same, as a bias of zeros: equal to another's by chance."""
    return tensor.numel() < 2 or bool((tensor.detach() == tensor.detach().flatten()[0]).all())


def alike(one: torch.Tensor | None, two: torch.Tensor | None) -> bool:
    """Whether two fingerprints are the same, as far as they can be held against each other."""
    if one is None or two is None or one.device != two.device:
        return False
    return one.shape == two.shape and one.dtype == two.dtype and _same(one, two)


def share_of(before: torch.Tensor, now: torch.Tensor, other: torch.Tensor) -> float | None:
    """w where `now` is (1 - w) * before + w * other, 0 < w < 1; None where it is not. All three are fingerprints."""
    if not before.shape == now.shape == other.shape or before.numel() < 4 or before.is_complex():
        return None
    way, whole = (now - before).double().flatten(), (other - before).double().flatten()
    length = float(whole @ whole)
    if length == 0.0:
        return None
    share = float(way @ whole) / length
    rest = float((way - share * whole).norm())
    return share if 0.0 < share < 0.999 and rest <= 1e-3 * float(way.norm()) else None


def mixture_of(before: torch.Tensor, now: torch.Tensor, other: torch.Tensor) -> tuple[float, float] | None:
    """(a, b) where `now` is a * before + b * other; None where it is not, or b is too small to be told from rounding.

    A mean has a + b = 1, which is tried first: then b is known even where `other` is all but `before`.
    """
    if not before.shape == now.shape == other.shape or before.numel() < 4:
        return None
    noise = torch.finfo(now.dtype).eps  # of the rounding of what was written, relative
    one, two, three = (tensor.double().flatten() for tensor in (before, now, other))
    way, whole, size = two - one, three - one, float(one.norm())
    if not float(way.norm()) > 8 * noise * size or not float(whole.norm()) > 8 * noise * size:
        return None
    limit = 1e-3 * float(way.norm()) + noise * size
    share = float(way @ whole) / float(whole @ whole)
    if float((way - share * whole).norm()) <= limit:
        return 1.0 - share, share
    across = three - float(three @ one) / float(one @ one) * one if size else three
    if not size or not float(across.norm()) > 8 * noise * size:
        return None
    second = float(two @ across) / float(across @ across)
    first = float((two - second * three) @ one) / float(one @ one)
    rest = float((two - first * one - second * three).norm())
    told = abs(second) * float(across.norm()) > 8 * noise * size
    return (first, second) if told and rest <= limit else None


def _same(one: torch.Tensor, two: torch.Tensor) -> bool:
    return torch.equal(one, two) or bool(((one == two) | (one.isnan() & two.isnan())).all())


def wide(tensor: torch.Tensor) -> torch.Tensor:
    """Half precision as float32: the norm of small numbers would be 0, that of large ones infinite."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def norms(tensors: Sequence[torch.Tensor]) -> list[float]:
    """The Euclidean norm of each, with one wait for the device."""
    if not tensors:
        return []
    dense = [wide(dense_values(tensor)) for tensor in tensors]
    found = torch._foreach_norm(dense)
    return torch.stack([norm.to(found[0].device, torch.float64) for norm in found]).tolist()  # type: ignore[no-any-return]


def dense_values(tensor: torch.Tensor) -> torch.Tensor:
    """The numbers of a gradient, sparse or not."""
    tensor = tensor.detach()
    return tensor.coalesce().values() if tensor.is_sparse else tensor


@dataclass(frozen=True)
class Movement:
    """How far each tensor moved; None where only a sample was compared and it stayed. And in which direction."""

    moved: tuple[float | None, ...]
    cosine: float | None


class Copies:
    """Tensors as they are before a step."""

    def __init__(self, tensors: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor | None] | None = None) -> None:
        self.tensors = tensors
        self.before = [wide(spread(tensor, _WHOLE)).clone() for tensor in tensors]
        self.gradients: list[torch.Tensor | None] | None = None
        if gradients is not None:
            self.gradients = [
                None
                if gradient is None or gradient.is_sparse or gradient.is_complex() or tensor.numel() > _WHOLE
                else wide(gradient.detach()).clone()
                for tensor, gradient in zip(tensors, gradients, strict=True)
            ]

    def compare(self) -> Movement:
        """Against the tensors as they are now; the copies are used up."""
        now = [wide(spread(tensor, _WHOLE)) for tensor in self.tensors]
        alike = [one.shape == two.shape and one.device == two.device for one, two in zip(now, self.before, strict=True)]
        differences = [one - two if same else None for one, two, same in zip(now, self.before, alike, strict=True)]
        known = [difference for difference in differences if difference is not None]
        measured = iter(norms(known))
        moved: list[float | None] = []
        for tensor, part, difference in zip(self.tensors, self.before, differences, strict=True):
            if difference is None:
                moved.append(None)
                continue
            norm = next(measured)
            share = tensor.numel() / max(1, part.numel())
            moved.append(None if norm == 0.0 and share > 1 else norm * math.sqrt(share))
        return Movement(tuple(moved), self._cosine(differences))

    def same_as(self, other: Copies) -> bool:
        """Whether two sets of copies hold the same numbers."""
        return len(self.before) == len(other.before) and all(
            one.shape == two.shape and one.device == two.device and torch.equal(one, two)
            for one, two in zip(self.before, other.before, strict=True)
        )

    def _cosine(self, differences: Sequence[torch.Tensor | None]) -> float | None:
        if self.gradients is None:
            return None
        pairs = [
            (gradient.double().flatten(), difference.double().flatten())
            for gradient, difference in zip(self.gradients, differences, strict=True)
            if gradient is not None and difference is not None and gradient.shape == difference.shape
        ]
        if not pairs:
            return None
        slope = sum(float(gradient @ difference) for gradient, difference in pairs)
        steepness = math.sqrt(sum(float(gradient @ gradient) for gradient, _ in pairs))
        length = math.sqrt(sum(float(difference @ difference) for _, difference in pairs))
        product = steepness * length
        return slope / product if 0.0 < product < math.inf else None
