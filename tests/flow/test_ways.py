"""Which leaves an addend feeds alone: against a search for every one of them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from gradcheck_lm.flow.gradients.passes.ways import Dominators, Ways


@dataclass(eq=False)
class Node:
    next_functions: list[tuple[Node | None, int]] = field(default_factory=list)


def graph(seed: int) -> list[Node]:
    """A random graph without circles: each node leads to some of those after it, to the same one twice at times."""
    draw = random.Random(seed)
    nodes = [Node() for _ in range(draw.randint(2, 14))]
    for place, node in enumerate(nodes[:-1]):
        for _ in range(draw.randint(0, 3)):
            node.next_functions.append((draw.choice([None, *nodes[place + 1 :]]), 0))
    return nodes


def reached(roots: list[Node], without: Node | None, dead: set[tuple[int, int]]) -> set[Node]:
    seen: set[Node] = set()
    stack = [root for root in roots if root is not without]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        stack += [
            one
            for place, (one, _) in enumerate(node.next_functions)
            if one is not None and one is not without and (id(node), place) not in dead
        ]
    return seen


def test_an_addend_feeds_a_leaf_alone_where_no_way_leads_around_it() -> None:
    for seed in range(150):
        check(seed)


def check(seed: int) -> None:
    nodes, draw = graph(seed), random.Random(seed)
    roots = nodes[: draw.randint(1, 2)]
    dead = {(id(node), place) for node in nodes for place in range(len(node.next_functions)) if draw.random() < 0.2}
    dominators = Dominators(roots, lambda node, place: (id(node), place) not in dead)
    every = reached(roots, None, dead)
    for start in [node for node in nodes if node in every]:
        ways = Ways(start, lambda node, place: (id(node), place) not in dead, dominators)
        around, live, path = reached(roots, start, dead), reached([start], None, dead), reached([start], None, set())
        for leaf in nodes:
            share = ways.share(leaf, 2.0)
            if leaf not in path:
                assert share is None
            elif leaf not in live:
                assert share == 0.0
            else:
                assert (share == 2.0) == (leaf not in around)


def test_two_thousand_addends_are_asked_about_in_the_time_of_a_few() -> None:
    leaf = Node()
    addends = [Node([(leaf, 0)]) for _ in range(2000)]
    root = Node([(addends[0], 0), (addends[1], 0)])
    for addend in addends[2:]:
        root = Node([(root, 0), (addend, 0)])
    dominators, edges = Dominators([root], lambda node, place: True), 0

    def follows(node: Node, place: int) -> bool:
        nonlocal edges
        edges += 1
        return True

    for addend in addends:
        assert Ways(addend, follows, dominators).share(leaf, 1.0) != 1.0
    assert edges == len(addends)
