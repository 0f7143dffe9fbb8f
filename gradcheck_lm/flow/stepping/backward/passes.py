"""The backward passes of a watch: of which loss, to which leaves, on top of what."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch

from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.stepping.distributed.ranks import Ranks
from gradcheck_lm.flow.stepping.ledger.ledger import NOWHERE, Backward
from gradcheck_lm.flow.stepping.recording.accounts import Account, is_zero
from gradcheck_lm.flow.stepping.recording.births import Births
from gradcheck_lm.flow.stepping.recording.log import Log, Running, step_around
from gradcheck_lm.flow.stepping.recording.moves import norms
from gradcheck_lm.flow.stepping.recording.wraps import Wraps
from gradcheck_lm.flow.watching.sites import Site

OnBackward = Callable[[Sequence[torch.Tensor], "Site | None"], None]
# nodes between the loss that was meant and the number that backward() is called on
_PASSED = ("MeanBackward", "DivBackward", "SumBackward", "AddBackward", "ToCopyBackward", "ViewBackward")


@dataclass
class Pass:
    """A backward() that runs."""

    running: Running
    place: int
    roots: list[torch.Tensor]
    leaves: list[Account]
    accumulates: bool
    inside: int | None
    scaled: bool
    before: int  # events so far


class Passes:
    """Sees every backward() and every torch.autograd.grad, whatever name they were imported by."""

    def __init__(self, log: Log, number_of: Callable[[torch.optim.Optimizer | None], int | None]) -> None:
        self.log = log
        self.number_of = number_of
        self.scaled: list[weakref.ref[torch.Tensor]] = []  # losses that a GradScaler multiplied
        self.on_backward: OnBackward | None = None
        self.births = Births(log)
        self.ranks: Ranks | None = None

    def install(self, wraps: Wraps) -> None:
        """Both end in one function of torch.autograd."""
        guarded = self.log.guarded
        begin, finish = guarded(self._begin), guarded(self._finish)

        def before(arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Any:
            running = begin(arguments, keywords, frame)
            if running is not None and self.on_backward is not None and running.accumulates:
                site = self.log.sites[running.place] if running.place >= 0 else None
                self.on_backward(running.roots, site)
            return running

        wraps.attribute(torch.autograd, "_engine_run_backward", before, finish)
        self.births.install()

    def _begin(self, arguments: list[Any], keywords: dict[str, Any], frame: FrameType) -> Pass | None:
        if torch._C._functorch.peek_interpreter_stack() is not None:
            return None  # under vmap or grad no tensor can be read
        accumulates = bool(keywords.get("accumulate_grad", False))
        outputs = list(arguments[0]) if arguments else []
        roots = [root for root in outputs if isinstance(root, torch.Tensor)]
        nodes = [root.node for root in outputs if not isinstance(root, torch.Tensor)]
        leaves = self._leaves(roots, nodes)
        if accumulates and len(arguments) > 4 and arguments[4]:  # backward(inputs=...)
            wanted = {id(tensor) for tensor in arguments[4] if isinstance(tensor, torch.Tensor)}
            leaves = [leaf for leaf in leaves if id(leaf) in wanted]
        accounts = [self.log.accounts.of(leaf) for leaf in leaves]
        for account in accounts:
            self.births.met(account)
        if self.log.running is not None:  # of a checkpoint or a hook: part of the pass that runs
            return None
        self.log.settle()
        scaled = any(reference() is root for reference in self.scaled for root in roots)
        running = self.log.running = Running(self.log.tick())
        inside = self.number_of(step_around(frame))
        before = len(self.log.events)
        return Pass(running, self.log.place(frame), roots, accounts, accumulates, inside, scaled, before)

    @staticmethod
    def _leaves(roots: list[torch.Tensor], nodes: list[Any]) -> list[torch.Tensor]:
        leaves = {id(root): root for root in roots if root.requires_grad and root.grad_fn is None}
        for start in [*(root.grad_fn for root in roots), *nodes]:
            for node in walk_nodes(start):
                variable = getattr(node, "variable", None)
                if variable is not None:
                    leaves[id(variable)] = variable
        return list(leaves.values())

    def _finish(self, running: Pass | None, result: Any) -> None:
        if running is None:
            return
        log = self.log
        log.settle()
        log.running = None
        onto = running.running.onto
        if self.ranks is not None and running.accumulates:
            self.ranks.given(onto)
        zero, norm = self._looked_at(onto)
        root = running.roots[0] if running.roots else None
        event = Backward(
            running.running.time,
            running.place,
            inside=running.inside,
            reached=tuple(account.index for account in running.leaves),
            given=tuple(onto),
            onto={index: contents for index, contents in onto.items() if contents},
            value=_value(root),
            operation=_operation(root),
            accumulates=running.accumulates,
            scaled=running.scaled,
            zero=zero,
            bad=not math.isfinite(norm),
            norm=norm,
            loss=log.loss,
        )
        log.loss = NOWHERE
        log.events.insert(running.before, event)  # what hooks did inside it came later
        self.scaled[:] = [reference for reference in self.scaled if reference() is not None]

    def _looked_at(self, onto: dict[int, tuple[int, ...]]) -> tuple[tuple[int, ...], float]:
        """Those that hold nothing but zeros now, and the norm of all: NaN or infinite where one of them is."""
        found = []
        for index in onto:
            account = self.log.accounts[index]
            gradient = None if account.gradient is None else account.gradient()
            if gradient is not None and not gradient.is_sparse:
                found.append((index, gradient))
        sizes = norms([gradient for _, gradient in found])
        zero = [
            index
            for (index, gradient), size in zip(found, sizes, strict=True)
            if size == 0.0 and is_zero(gradient)  # a norm of tiny numbers rounds to 0
        ]
        return tuple(zero), math.sqrt(sum(size * size for size in sizes))


def _value(root: torch.Tensor | None) -> float | None:
    if root is None or root.numel() != 1 or root.is_complex():
        return None
    return float(root.detach())


def _operation(root: torch.Tensor | None) -> str:
    """The node that made the loss, past means, sums and factors; after a minus sign where an odd number negates it."""
    node: Any = None if root is None else root.grad_fn
    sign = ""
    for _ in range(20):
        if node is None:
            return ""
        name = node.name()
        following = [inner for inner, _ in node.next_functions if inner is not None]
        if name.startswith("NegBackward"):
            sign = "" if sign else "-"
        elif not name.startswith(_PASSED) or len(following) != 1:
            return f"{sign}{name}"
        node = following[0] if following else None
    return ""
