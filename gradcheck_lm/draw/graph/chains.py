"""Stretches of a folded flow graph drawn as one node each, where a picture would otherwise be too wide to read."""

from __future__ import annotations

import functools
import heapq
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from gradcheck_lm.draw.graph.folded import FoldedGraph, Group
from gradcheck_lm.flow.findings.messages import Message

_JOINED = Message(
    "{nodes} nodes folded into {groups} by module, source line and neighbourhood",
    "{nodes} 個のノードをモジュール、ソース行、隣り合う演算ごとに {groups} 個にまとめました",
    id="joined",
)


def contract_chains(folded: FoldedGraph, *, limit: int, columns: int) -> FoldedGraph:
    """Join neighbours along the data flow until at most `limit` nodes are left and no way is longer than `columns`.

    Two operations are joined only where one of them is the other's only way on or only way in (so no circle can
    arise), both carry gradient or both do not, and they lead to the same loss terms. What nobody asks about goes first:
    what lies behind a cut, then one module's operations, then the arithmetic of a loss. Cuts, loss terms, tensors asked
    about and values outside torch stay as they are.
    """
    work = _Contraction(folded)
    while len(work.groups) > limit:
        if not work.join_one((a, b) for a, heads in work.after.items() for b in heads):
            break
    while len(way := work.longest_way()) > columns:
        if not work.join_one(pairwise(way)):
            break
    if len(work.groups) == len(folded.groups):
        return folded
    return work.result(sum(len(group.members) for group in folded.groups))


class _Contraction:
    """Groups by id, and which of them each is followed and preceded by."""

    def __init__(self, folded: FoldedGraph) -> None:
        self.groups = {group.id: group for group in folded.groups}
        # of all members: collected once, for every pair is asked about again after each joining
        self.terms = {group.id: frozenset(group.terms) for group in folded.groups}
        self.after: dict[int, set[int]] = {name: set() for name in self.groups}
        self.before: dict[int, set[int]] = {name: set() for name in self.groups}
        for tail, head in folded.edges:
            self.after[tail].add(head)
            self.before[head].add(tail)

    def join_one(self, pairs: Iterable[tuple[int, int]]) -> bool:
        """Join the pair that a reader misses least; False where none may be joined."""
        allowed = [(*_rank(self.groups[a], self.groups[b]), a, b) for a, b in pairs if self._may_join(a, b)]
        if not allowed:
            return False
        self._join(*min(allowed)[-2:])
        return True

    def _may_join(self, a: int, b: int) -> bool:
        first, second = self.groups[a], self.groups[b]
        if first.state != second.state or first.state == "cut" or self.terms[a] != self.terms[b]:
            return False
        if first.role not in ("op", "source") or second.role not in ("op", "source"):
            return False
        if len(self.after[a]) == 1:
            return True
        return all(name == a or self.groups[name].role == "wrt" for name in self.before[b])

    def _join(self, a: int, b: int) -> None:
        first, second = self.groups[a], self.groups.pop(b)
        members = tuple(sorted((*first.members, *second.members), key=lambda node: node.id))
        role = "op" if "op" in (first.role, second.role) else first.role
        shared = _shared(first.module, second.module)
        module = ".".join(first.module.split(".")[:shared])
        self.groups[a] = replace(first, members=members, role=role, module=module, key=("joined", members[0].id))
        for head in self.after.pop(b):
            self.before[head].discard(b)
            if head != a:
                self.before[head].add(a)
                self.after[a].add(head)
        for tail in self.before.pop(b):
            self.after[tail].discard(b)
            if tail != a:
                self.after[tail].add(a)
                self.before[a].add(tail)

    def order(self) -> list[int]:
        """Inputs before outputs, else as executed; what stands in a circle comes when nothing else can."""
        waiting = {name: len(inputs) for name, inputs in self.before.items()}
        executed = sorted(self.groups, key=lambda name: self.groups[name].first.id)
        ready = [(self.groups[name].first.id, name) for name in executed if not waiting[name]]
        result: dict[int, None] = {}
        while len(result) < len(self.groups):
            name = heapq.heappop(ready)[1] if ready else next(one for one in executed if one not in result)
            if name in result:
                continue
            result[name] = None
            for head in self.after[name]:
                waiting[head] -= 1
                if not waiting[head]:
                    heapq.heappush(ready, (self.groups[head].first.id, head))
        return list(result)

    def longest_way(self) -> list[int]:
        """The nodes of the longest way; a way back does not count."""
        order = self.order()
        place = {name: at for at, name in enumerate(order)}
        length: dict[int, int] = {}
        back: dict[int, int | None] = {}
        for name in order:
            inputs = [one for one in self.before[name] if place[one] < place[name]]
            best = max(inputs, key=lambda one: (length[one], -place[one]), default=None)
            length[name], back[name] = (1, None) if best is None else (length[best] + 1, best)
        at = max(order, key=lambda one: (length[one], -place[one]), default=None)
        way: list[int] = []
        while at is not None:
            way.append(at)
            at = back[at]
        return way[::-1]

    def result(self, nodes: int) -> FoldedGraph:
        """What is left, numbered anew."""
        order = self.order()
        place = {name: at for at, name in enumerate(order)}
        edges = sorted((place[tail], place[head]) for tail, heads in self.after.items() for head in heads)
        note = _JOINED.told(nodes=nodes, groups=len(order))
        return FoldedGraph(tuple(replace(self.groups[name], id=place[name]) for name in order), tuple(edges), note)


def _rank(first: Group, second: Group) -> tuple[int, int]:
    """What to join first: (class, size)."""
    size = len(first.members) + len(second.members)
    if first.state == "beyond":
        return 0, size
    if first.module == second.module:
        return (1 if first.module else 2), size
    return (3, 4, 5)[2 - min(2, _shared(first.module, second.module))], size


@functools.lru_cache(maxsize=4096)  # every pair is asked about again after each joining
def _shared(one: str, other: str) -> int:
    """How many levels two dotted paths have in common."""
    if not one or not other:
        return 0
    common = 0
    for a, b in zip(one.split("."), other.split("."), strict=False):
        if a != b:
            break
        common += 1
    return common
