"""Norms, shares and cosines of gradients, by term and module."""

from __future__ import annotations

from itertools import combinations

import torch

from gradcheck_lm.flow.gradients.attribution.attribution import ALL, Share

Gradients = dict[str, torch.Tensor]  # by name of the tensor; what is not reached is not in it


def grouped(named: dict[str, torch.Tensor], depth: int) -> dict[str, list[str]]:
    """Modules by name, each with the names of its tensors; the first is all of them."""
    groups: dict[str, list[str]] = {ALL: list(named)}
    for name in named:
        parts = name.split(".")
        groups.setdefault(".".join(parts[:depth]) if len(parts) > 1 else name, []).append(name)
    return groups


def _numbers(values: list[torch.Tensor]) -> list[float]:
    """Many single values at the price of one wait for the device."""
    return torch.stack([value.to(values[0].device, torch.float64) for value in values]).tolist() if values else []


def finite(values: list[torch.Tensor]) -> list[bool]:
    """Which of the tensors hold neither NaN nor infinity."""
    return [bool(number) for number in _numbers([torch.isfinite(value).all() for value in values])]


def alive(sums: dict[str, Gradients]) -> dict[str, bool]:
    """Which tensors any term gives a gradient that is not all zero."""
    pairs = [(name, gradient) for gradients in sums.values() for name, gradient in gradients.items()]
    flags = _numbers([gradient.ne(0).any() for _, gradient in pairs])
    found: dict[str, bool] = {}
    for (name, _), flag in zip(pairs, flags, strict=True):
        found[name] = found.get(name, False) or bool(flag)
    return found


def measure(
    sums: dict[str, Gradients], groups: dict[str, list[str]]
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float | None]]]:
    """Norms by term and module, and cosines by pair of terms and module."""
    pairs = [*((name, name) for name in sums), *combinations(sums, 2)]
    places = [(pair, key) for pair in pairs for key in sums[pair[0]] if key in sums[pair[1]]]
    products = [_dot(sums[one][key], sums[two][key]) for (one, two), key in places]
    dots: dict[tuple[str, str], dict[str, float]] = {pair: {} for pair in pairs}
    for (pair, key), number in zip(places, _numbers(products), strict=True):
        dots[pair][key] = number

    def total(pair: tuple[str, str], keys: list[str]) -> float:
        return sum(dots[pair].get(key, 0.0) for key in keys)

    squares = {name: {module: total((name, name), keys) for module, keys in groups.items()} for name in sums}
    norms = {name: {module: square**0.5 for module, square in row.items()} for name, row in squares.items()}
    cosines: dict[str, dict[str, float | None]] = {}
    for one, two in combinations(sums, 2):
        row: dict[str, float | None] = {}
        for module, keys in groups.items():
            both = norms[one][module] * norms[two][module]
            row[module] = total((one, two), keys) / both if both > 0 else None
        cosines[f"{one}|{two}"] = row
    return norms, cosines


def _dot(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
    left, right = one.reshape(-1), two.reshape(-1)
    if left.is_complex():  # as the plane of real numbers it is
        left, right = torch.view_as_real(left).reshape(-1), torch.view_as_real(right).reshape(-1)
    return left.double() @ right.double()


def shared(norms: dict[str, dict[str, float]]) -> dict[str, dict[str, Share]]:
    """Each norm with its part of the sum of all terms' norms in that module."""
    totals: dict[str, float] = {}
    for row in norms.values():
        for module, norm in row.items():
            totals[module] = totals.get(module, 0.0) + norm
    return {
        name: {
            module: Share(norm, norm / totals[module] if totals[module] > 0 else 0.0) for module, norm in row.items()
        }
        for name, row in norms.items()
    }
