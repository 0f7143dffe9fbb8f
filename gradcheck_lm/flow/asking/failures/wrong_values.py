"""Gradients of a wrong value, on request: custom Functions whose backward does not depend on what comes in."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Draft
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.gradients.numeric import same_randomness
from gradcheck_lm.flow.watching.sites import Site
from gradcheck_lm.flow.watching.tape import Recording

_MOST = 200  # applications of custom Functions that are tried


def wrong_values(recording: Recording, roots: Sequence[torch.Tensor]) -> list[Draft]:
    """A finding for each custom Function whose backward answers two gradients alike; call before the graph is freed.

    Each Function's own backward runs up to twice more, on gradients drawn at random and with the same random numbers;
    a Function that is the loss itself is passed over: what comes in there is 1.
    """
    drafts: dict[Any, Draft] = {}
    own = {root.grad_fn for root in roots}
    nodes = dict.fromkeys(node for root in roots for node in walk_nodes(root.grad_fn))
    tried = [node for node in nodes if _is_custom(node) and node not in own][:_MOST]
    with torch.no_grad(), same_randomness() as rewind:
        for node in tried:
            if _ignores_what_comes_in(node, rewind):
                draft = _draft(recording, node)
                drafts.setdefault((draft.call, draft.site), draft)
    return list(drafts.values())


def _is_custom(node: Any) -> bool:
    return isinstance(node, torch.autograd.function.BackwardCFunction) and "Checkpoint" not in type(node).__name__


def _ignores_what_comes_in(node: Any, rewind: Callable[[], None]) -> bool:
    """Whether two gradients that have nothing in common give the same, and not nothing."""
    answers = []
    for seed in (1, 2):
        try:
            coming = [_gradient(made, seed + 10 * place) for place, made in enumerate(node._input_metadata)]
            rewind()
            given = node.apply(*coming)
        except Exception:  # it refuses such a gradient, or this node cannot be called: nothing is known of it
            return False
        answers.append(given if isinstance(given, tuple) else (given,))
    pairs = [pair for pair in zip(*answers, strict=True) if any(isinstance(one, torch.Tensor) for one in pair)]
    return any(bool(torch.count_nonzero(one)) for one, _ in pairs if one is not None) and all(
        one is not None and other is not None and torch.equal(one, other) for one, other in pairs
    )


def _gradient(made: Any, seed: int) -> torch.Tensor:
    """Numbers between 0.5 and 2.5 of either sign: none of them is 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.rand(tuple(made.shape), generator=generator) * 2 + 0.5
    signs = torch.randint(0, 2, tuple(made.shape), generator=generator) * 2 - 1
    return (numbers * signs).to(dtype=made.dtype, device=made.device)


def _draft(recording: Recording, node: Any) -> Draft:
    function = type(node)._forward_cls
    name = function.__name__
    call = _applied(recording, node, f"autograd.{name}")
    applied = None if call is None else recording.calls[call].function_site or recording.calls[call].site
    values = {"function": name, "line": where(applied)}
    site = _returns(function.backward) or applied  # where it is to be mended
    return Draft(
        "wrong_value", call, "confirmed", cause="ignores_upstream", values=values, site=site, op=f"{name}.backward"
    )


def _returns(backward: Any) -> Site | None:
    """The line on which a backward gives its gradients back."""
    code = getattr(inspect.unwrap(backward), "__code__", None)
    if code is None:
        return None
    ends = [one.offset for one in dis.get_instructions(code) if one.opname.startswith("RETURN_")]
    return Site(code, ends[-1], None, 0) if ends else None


def _applied(recording: Recording, node: Any, title: str) -> int | None:
    """A call that has the line which applies the Function: one inside it, or the Function itself."""
    made = recording.call_of(node)
    if made is not None:
        call = recording.calls[made]
        if call.function_site is not None or call.operation.title == title:
            return made
    return next((index for index, call in enumerate(recording.calls) if call.operation.title == title), None)
