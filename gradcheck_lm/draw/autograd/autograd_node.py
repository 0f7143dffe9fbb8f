"""One box of the picture of an autograd graph."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AutogradNode:
    """One box. kind: "op" | "leaf" (blue) | "term" (green) | "dead" (red). `inputs` are ids of the boxes before it."""

    id: int
    kind: str
    label: str
    inputs: tuple[int, ...]
