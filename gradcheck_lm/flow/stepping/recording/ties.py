"""Weights that begin as a copy of others: an output layer with its embedding's numbers, a decoder with the transposed
ones of its encoder."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable, Iterator

import torch

from gradcheck_lm.flow.stepping.recording.log import Log, ran_lines
from gradcheck_lm.flow.stepping.recording.moves import is_uniform

# "tied", "TiedLayer", "tie_weights"; not "untied", "not tied", or of what is tied at the beginning alone
_TIED = re.compile(r"(?<![A-Za-z])[Tt]ie[ds]?(?![a-z])")
_NOT_TIED = re.compile(r"\b(not|never|no longer|without)\b|init", re.IGNORECASE)


def embeddings_copied(parts: Iterable[torch.nn.Module]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Embeddings and linear layers whose weights are equal, and not one tensor."""
    parts = list(parts)
    embeddings = {
        one for part in parts if isinstance(part, torch.nn.Embedding) and (one := _own_weight(part)) is not None
    }
    outputs = {one for part in parts if isinstance(part, torch.nn.Linear) and (one := _own_weight(part)) is not None}
    for one in embeddings - outputs:
        for two in outputs - embeddings:
            alike = one.shape == two.shape and one.dtype == two.dtype and one.device == two.device
            if alike and torch.equal(one, two) and not is_uniform(one):
                yield one, two


def transposed_copies(log: Log, parts: Iterable[torch.nn.Module]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Matrices that learn and are another's transposed values, in a program that speaks of ties.

    By its values alone a decoder that is tied is one that only begins so, as in many sparse autoencoders.
    """
    if not any(_speaks_of_ties(line) for file in ran_lines(log) for line in linecache.getlines(file)):
        return
    matrices = dict.fromkeys(
        one
        for part in parts
        for one in part._parameters.values()
        if one is not None and one.requires_grad and one.ndim == 2 and min(one.shape) > 1
        if one.shape[0] != one.shape[1] and not isinstance(one, torch.nn.UninitializedParameter)
    )
    known: dict[tuple[object, ...], list[torch.Tensor]] = {}
    for two in matrices:
        corner = two.detach()[:2, :2]
        for one in known.get((tuple(two.shape), two.dtype, *corner.flatten().tolist()), ()):
            if one.device == two.device and torch.equal(one.t(), two) and not is_uniform(one):
                yield one, two
        key = (tuple(reversed(two.shape)), two.dtype, *corner.t().flatten().tolist())
        known.setdefault(key, []).append(two)


def are_apart(one: torch.Tensor, two: torch.Tensor) -> bool:
    """Whether two such weights differ by now."""
    return not torch.equal(one, two if one.shape == two.shape else two.t())


def _speaks_of_ties(line: str) -> bool:
    return bool(_TIED.search(line)) and not _NOT_TIED.search(line)


def _own_weight(module: torch.nn.Module) -> torch.Tensor | None:
    """The parameter itself: `module.weight` of a parametrised one is computed, and spectral norm counts how often."""
    return module._parameters.get("weight")
