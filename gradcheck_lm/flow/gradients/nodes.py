"""Walks over autograd's nodes: iterative, and such that a deep graph can still be deleted afterwards.

torch deletes a graph iteratively, but for nodes that Python has looked at: those it deletes by recursion, and a chain
of some 30,000 of them overflows the stack of the process (seen in torch 2.13; a plain loop over `next_functions` is
enough). After a walk over a deep graph some nodes therefore hold the Python objects of the nodes behind them, and let
go of them in order when they are deleted themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

_DEEP = 4000  # nodes; far fewer than overflow a stack of 8 MB
_SEGMENT = 500  # nodes that one node holds
_MARK = "gradcheck_lm.segment"


Edge = tuple[Any, int]  # a node, and which of its outputs in the forward pass


def walk_nodes(root: Any) -> list[Any]:
    """All nodes behind `root`, each once, a node before the ones it leads back to."""
    return list(walk_edges([(root, 0)] if root is not None else [])[0])


def walk_edges(roots: Sequence[Edge]) -> tuple[dict[Any, None], list[Any], set[Edge]]:
    """All nodes behind `roots` as `walk_nodes` has them, those that lead no further, and the edges that several take.

    A pass takes the edges in `roots` too.
    """
    nodes: dict[Any, None] = {}
    ends: list[Any] = []
    taken, shared = set(roots), set[Edge]()
    for root, _ in roots:
        first = len(nodes)
        stack = [root]
        while stack:
            node = stack.pop()
            if node in nodes:
                continue
            nodes[node] = None
            edges = node.next_functions
            if not edges:
                ends.append(node)
            for edge in edges:
                if (following := edge[0]) is not None:
                    if edge in taken:
                        shared.add(edge)
                    else:
                        taken.add(edge)
                    if following not in nodes:
                        stack.append(following)
        if len(nodes) - first > _DEEP:
            _hold_in_segments(list(nodes)[first:])
    return nodes, ends, shared


def reachable_leaves(loss: torch.Tensor) -> list[torch.Tensor]:
    """The leaf tensors that a loss's graph ends in."""
    found = [variable for node in walk_nodes(loss.grad_fn) if (variable := getattr(node, "variable", None)) is not None]
    return found if loss.grad_fn is not None else [loss] if loss.requires_grad else []


def topological(nodes: Sequence[Any]) -> list[Any]:
    """Loss first: a node after everything that hands it a gradient."""
    waiting = dict.fromkeys(nodes, 0)
    for node in nodes:
        for following, _ in node.next_functions:
            if following is not None:
                waiting[following] += 1
    ready, ordered = [node for node in nodes if waiting[node] == 0], []
    while ready:
        node = ready.pop()
        ordered.append(node)
        for following, _ in node.next_functions:
            if following is not None:
                waiting[following] -= 1
                if waiting[following] == 0:
                    ready.append(following)
    return ordered


class _Segment:
    """Nodes that are let go in order, those nearest to the loss first: each then has nothing left to delete."""

    def __init__(self, nodes: list[Any]) -> None:
        self.nodes = nodes

    def __del__(self) -> None:
        self.nodes.reverse()
        while self.nodes:
            self.nodes.pop()


def _hold_in_segments(nodes: Sequence[Any]) -> None:
    """Let every so manyth node hold those behind it: they live no longer than their graph does."""
    if _MARK in nodes[0].metadata:
        return  # walked before
    ordered = topological(nodes)
    for start in range(0, len(ordered), _SEGMENT):
        holder = ordered[start]
        if _MARK not in holder.metadata:
            holder.metadata[_MARK] = _Segment(ordered[start + 1 : start + _SEGMENT + 1])
