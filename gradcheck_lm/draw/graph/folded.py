"""What is drawn of a flow graph after folding: groups of its nodes, and the edges between them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass

from gradcheck_lm.flow.findings.model import FlowNode


@dataclass(frozen=True)
class Group:
    """Some nodes of a flow graph drawn as one; `id` counts from 0 in order of execution."""

    id: int
    key: Hashable
    role: str
    state: str
    members: tuple[FlowNode, ...]
    module: str = ""

    @property
    def first(self) -> FlowNode:
        """The member that was executed first."""
        return self.members[0]

    @property
    def terms(self) -> tuple[str, ...]:
        """Loss terms that some member leads to, in order."""
        return tuple(dict.fromkeys(term for node in self.members for term in node.terms))

    @property
    def finding(self) -> int | None:
        """Index of the finding it marks."""
        return next((node.finding for node in self.members if node.finding is not None), None)

    @property
    def gradient_norm(self) -> float | None:
        """Euclidean norm over parameters; of operations the last one's; None where unknown."""
        norms = [node.gradient_norm for node in self.members if node.gradient_norm is not None]
        if not norms:
            return None
        return math.sqrt(math.fsum(norm * norm for norm in norms)) if self.role == "wrt" else norms[-1]

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """The source lines of its members, most frequent first."""
        counted = Counter((node.file, node.line) for node in self.members if node.file)
        return tuple(sorted(counted, key=lambda where: (-counted[where], where)))


@dataclass(frozen=True)
class FoldedGraph:
    """What is drawn: groups, the edges between them, and how they were folded ("" where nothing was)."""

    groups: tuple[Group, ...]
    edges: tuple[tuple[int, int], ...]
    note: str = ""
