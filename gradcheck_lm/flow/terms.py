"""How much each term of the loss teaches each module: gradient norm, share, and whether terms pull the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import combinations, pairwise
from typing import Any

import torch

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.autograd import gradient_values, graph_is_freed
from gradcheck_lm.flow.subjects import loss_terms, named_tensors, number_of

ALL = "all"  # the row over everything asked about


@dataclass(frozen=True)
class Share:
    """One term in one module.

    `norm` is the Euclidean norm of the term's gradient there; `share` its part of the sum of all terms' norms there.
    """

    norm: float
    share: float


@dataclass(frozen=True)
class Attribution:
    """Term x module: who teaches what."""

    terms: tuple[str, ...]
    modules: tuple[str, ...]  # the first is "all"
    values: dict[str, float]
    table: dict[str, dict[str, Share]]  # term -> module -> share
    cosines: dict[str, dict[str, float | None]]  # "ctc|lm" -> module -> cosine; None where a gradient is zero
    dead: tuple[str, ...]  # terms without any gradient
    structural_zeros: tuple[str, ...] = ()  # tensors whose gradient is rounding noise by construction
    notes: tuple[str, ...] = field(default=())

    def norm(self, term: str, module: str = ALL) -> float:
        """Gradient norm of a term in a module."""
        return self.table[term][module].norm

    def share(self, term: str, module: str = ALL) -> float:
        """A term's part of all terms' gradient norms in a module, 0 to 1."""
        return self.table[term][module].share

    def cosine(self, first: str, second: str, module: str = ALL) -> float | None:
        """Cosine of two terms' gradients in a module; None where one of them is zero there."""
        key = f"{first}|{second}"
        return self.cosines[key if key in self.cosines else f"{second}|{first}"][module]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON types."""
        return asdict(self)

    def __str__(self) -> str:
        width = max(len(module) for module in (*self.modules, "module"))
        head = f"{'module':<{width}}" + "".join(f"  {term:>10} {'share':>6}" for term in self.terms)
        pairs = list(self.cosines)
        head += "".join(f"  cos {pair}" for pair in pairs)
        lines = [head]
        for module in self.modules:
            cells = "".join(
                f"  {self.table[term][module].norm:>10.4g} {self.table[term][module].share:>6.1%}"
                for term in self.terms
            )
            for pair in pairs:
                cosine = self.cosines[pair][module]
                cells += f"  {'-' if cosine is None else format(cosine, '.3f'):>{len(pair) + 4}}"
            lines.append(f"{module:<{width}}{cells}")
        lines.extend(f"dead: term {name!r} has no gradient at all" for name in self.dead)
        lines.extend(f"note: {note}" for note in self.notes)
        return "\n".join(lines)


def attribute(terms: Mapping[str, torch.Tensor], wrt: Any, *, depth: int = 1, scale: float = 1.0) -> Attribution:
    """Gradient norm, share and cosine of each term of a loss, per module.

    Args:
        terms: name -> one number, as tensors of a graph that still stands (before backward() frees it). Weights belong
            in: pass 0.1 * lm if that is what enters the loss.
        wrt: the model, a dict of tensors or modules, or tensors.
        depth: how many components of a parameter's name make a module's name.
        scale: what the terms were multiplied by, e.g. GradScaler.get_scale(); norms are divided by it.
    Returns:
        Attribution.
    Raises:
        TraceError: a term is not one finite number, or wrt holds no tensor.
    Gradient: none is left behind; one backward pass a term.
    """
    if not isinstance(terms, Mapping):
        raise TraceError(
            f"terms is a {type(terms).__name__}; pass a dict from names to terms, e.g. {{'ctc': ctc, 'lm': lm}}."
        )
    if scale <= 0:
        raise TraceError(f"scale is {scale}; it is what the loss was multiplied by, a number above 0.")
    values, _ = loss_terms(terms, source="terms")
    named, _ = named_tensors(wrt)
    notes: list[str] = []
    grads = {name: _flat_gradients(value, named, scale, notes) for name, value in values.items()}
    groups = _groups(named, depth)
    norms = {
        name: {module: _norm([found[key] for key in keys]) for module, keys in groups.items()}
        for name, found in grads.items()
    }
    table: dict[str, dict[str, Share]] = {}
    for name in grads:
        table[name] = {}
        for module in groups:
            total = sum(norms[other][module] for other in grads)
            table[name][module] = Share(norms[name][module], norms[name][module] / total if total > 0 else 0.0)
    cosines = {
        f"{one}|{two}": {module: _cosine(grads[one], grads[two], keys) for module, keys in groups.items()}
        for one, two in combinations(grads, 2)
    }
    return Attribution(
        terms=tuple(values),
        modules=tuple(groups),
        values={name: number_of(value) for name, value in values.items()},
        table=table,
        cosines=cosines,
        dead=tuple(name for name in values if norms[name][ALL] == 0.0),
        structural_zeros=structural_zeros(wrt),
        notes=tuple(dict.fromkeys(notes)),
    )


def _flat_gradients(
    value: torch.Tensor | float, named: dict[str, torch.Tensor], scale: float, notes: list[str]
) -> dict[str, torch.Tensor | None]:
    nothing: dict[str, torch.Tensor | None] = dict.fromkeys(named)
    if not isinstance(value, torch.Tensor):
        return nothing
    try:
        found = gradient_values(value, list(named.values()))
    except RuntimeError as error:
        if graph_is_freed(error):
            raise TraceError("backward() has already freed the graph; call attribute before it.") from error
        raise
    for name, gradient in zip(named, found, strict=True):
        if gradient is not None:
            dense = gradient.to_dense() if gradient.is_sparse else gradient
            nothing[name] = dense.detach().double().reshape(-1) / scale
            if not bool(torch.isfinite(nothing[name]).all()):  # type: ignore[arg-type]
                notes.append(f"the gradient at {name} holds NaN or infinity")
    return nothing


def _groups(named: dict[str, torch.Tensor], depth: int) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {ALL: list(named)}
    for name in named:
        parts = name.split(".")
        groups.setdefault(".".join(parts[:depth]) if len(parts) > 1 else name, []).append(name)
    return groups


def _norm(values: list[torch.Tensor | None]) -> float:
    return sum(float(value @ value) for value in values if value is not None) ** 0.5


def _cosine(one: dict[str, torch.Tensor | None], two: dict[str, torch.Tensor | None], keys: list[str]) -> float | None:
    dot, first, second = 0.0, 0.0, 0.0
    for key in keys:
        left, right = one[key], two[key]
        dot += float(left @ right) if left is not None and right is not None else 0.0
        first += float(left @ left) if left is not None else 0.0
        second += float(right @ right) if right is not None else 0.0
    return dot / (first * second) ** 0.5 if first > 0 and second > 0 else None


def structural_zeros(wrt: Any) -> tuple[str, ...]:
    """Biases directly in front of a BatchNorm in a Sequential: their gradient is zero but for rounding."""
    if not isinstance(wrt, torch.nn.Module):
        return ()
    norms = (torch.nn.modules.batchnorm._BatchNorm, torch.nn.InstanceNorm1d, torch.nn.InstanceNorm2d)
    found = []
    for path, module in wrt.named_modules():
        if isinstance(module, torch.nn.Sequential):
            children = list(module.named_children())
            for (name, part), (_, following) in pairwise(children):
                if isinstance(following, norms) and isinstance(getattr(part, "bias", None), torch.nn.Parameter):
                    found.append(".".join(item for item in (path, name, "bias") if item))
    return tuple(found)
