"""Nodes that hand every number on that comes, in another shape or with the other sign: it is read where it goes.

They are nearly half of the nodes of a recogniser with a language model behind it.
"""

from __future__ import annotations

from typing import Any

_ONE = (
    "View",
    "UnsafeView",
    "ReshapeAlias",
    "Transpose",
    "T",
    "Permute",
    "Unsqueeze",
    "Squeeze",
    "Alias",
    "Clone",
    "Neg",
)
_SUMS = ("Add", "Sub")
_VARIANTS = range(4)  # torch numbers its derivatives of a function's overloads; a custom Function's have no number
_TO_ONE = {f"{name}Backward{variant}" for name in _ONE for variant in _VARIANTS}
_TO_ALL = {f"{name}Backward{variant}" for name in _SUMS for variant in _VARIANTS}
_NONE, _FIRST, _ALL = (), (0,), None
_places: dict[type, tuple[int, ...] | None] = {}  # by the type of a node of torch's own


def handed_on(node: Any) -> tuple[int, ...]:
    """The places of the edges along which all that comes to a node leaves it."""
    kind = type(node)
    try:
        places = _places[kind]
    except KeyError:
        places = _classify(kind)
        if kind.__module__ == "builtins":  # no custom Function's, which a program may make by the thousand
            _places[kind] = places
    return _of_sum(node) if places is None else places


def _classify(kind: type) -> tuple[int, ...] | None:
    return _FIRST if kind.__name__ in _TO_ONE else _ALL if kind.__name__ in _TO_ALL else _NONE


def _of_sum(node: Any) -> tuple[int, ...]:
    """Of a sum those of its parts that are neither broadcast nor of another type, which may round to zero."""
    try:
        if node._saved_alpha not in (1, -1):
            return _NONE
        (own,) = node._input_metadata
        shape, dtype = own.shape, own.dtype
        return tuple(
            place
            for place, (following, output) in enumerate(node.next_functions)
            if following is not None
            and (taken := following._input_metadata[output]).shape == shape
            and taken.dtype == dtype
        )
    except (AttributeError, RuntimeError, IndexError):  # nested tensors have no shape of this kind
        return _NONE
