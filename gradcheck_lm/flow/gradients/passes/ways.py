"""Which leaves one addend of a loss feeds, told from the states along the edges: one pass has but one sum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gradcheck_lm.flow.gradients.nodes import walk_nodes

Follows = Callable[[Any, int], bool]


class Dominators:
    """Of a graph, which node lies on every way from the roots to another.

    A loss has as many addends as its program likes: this is found once, and asked for each of them.

    Args:
        roots: where the ways begin.
        follows: whether a node's edge, by its place, is to be followed.
    """

    def __init__(self, roots: Sequence[Any], follows: Follows) -> None:
        order = _topological(roots, follows)
        number = {node: place for place, node in enumerate(order, 1)}  # 0 stands before all roots
        above: list[int] = [0] * (len(order) + 1)
        met = [False] * (len(order) + 1)
        for root in roots:
            met[number[root]] = True
        for node in order:
            here = number[node]
            for place, (following, _) in enumerate(node.next_functions):
                if following is None or not follows(node, place):
                    continue
                there = number[following]
                above[there] = _common(above, above[there], here) if met[there] else here
                met[there] = True
        self._number, self._above = number, above

    def lies_before(self, node: Any, other: Any) -> bool:
        """Whether every way that leads to `other` goes through `node`; True where none leads there."""
        if other not in self._number or node not in self._number:
            return other not in self._number
        here, there = self._number[node], self._number[other]
        while there > here:
            there = self._above[there]
        return there == here


def _common(above: Sequence[int], first: int, second: int) -> int:
    """The lowest that lies before both; what lies before has the smaller number."""
    while first != second:
        if first > second:
            first = above[first]
        else:
            second = above[second]
    return first


def _topological(roots: Sequence[Any], follows: Follows) -> list[Any]:
    """All nodes that the roots lead to, each before those that it leads to."""
    done: set[Any] = set()
    seen: set[Any] = set()
    order: list[Any] = []
    stack = list(roots)
    while stack:
        node = stack[-1]
        if node in seen:
            stack.pop()
            if node not in done:
                done.add(node)
                order.append(node)
            continue
        seen.add(node)
        for place, (following, _) in enumerate(node.next_functions):
            if following is not None and following not in seen and follows(node, place):
                stack.append(following)
    return order[::-1]


class Ways:
    """The leaves that one addend feeds, alone or together with others.

    Args:
        start: the addend's node.
        follows: whether something arrives along an edge.
        dominators: of the whole pass.
    """

    def __init__(self, start: Any, follows: Follows, dominators: Dominators) -> None:
        self.start, self._dominators = start, dominators
        self._all = set(walk_nodes(start))
        self._live = set(_topological([start], follows))

    def share(self, leaf: Any, norm: float) -> float | None:
        """The norm of this addend's part; NaN where others feed the leaf too; None where no way leads there."""
        if leaf not in self._all:
            return None
        if leaf not in self._live:
            return 0.0
        return norm if self._dominators.lies_before(self.start, leaf) else float("nan")
