"""One line of the ledger's table: what became of one parameter's gradient in one step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One parameter in one step: its gradient is from which losses, who did what with it, and how far it moved."""

    step: int
    parameter: str
    optimizer: str
    losses: tuple[str, ...]  # file:line of each backward() whose gradient was used
    gradient_norm: float | None
    cleared: str  # file:line of the last time it was cleared before these, "" for never
    clipped: tuple[str, ...]
    scaled: bool
    rate: float | None
    moved: float | None
