"""What is not read at a node is known all the same: each state is the one that reading every node gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gradcheck_lm.flow import diagnose
from gradcheck_lm.flow.gradients.passes.carriers import handed_on
from gradcheck_lm.flow.gradients.passes.own_pass import OwnPass
from gradcheck_lm.flow.gradients.passes.sizes import norm_of, size_of, state_of

States = dict[Any, tuple[str, list[str]]]


def states(loss: Tensor, *, hooked: bool) -> tuple[States, int]:
    """By node what came and what went along each edge; and at how many nodes that was read."""
    own = OwnPass([loss], [], hooked=hooked)
    with own.watched():
        loss.backward(retain_graph=True)
    assert own.trouble is None
    found = {node: (record.incoming, record.outgoing) for node, record in own._records().items()}
    given = {
        node: [state for state, edge in zip(out, node.next_functions, strict=True) if edge[0] is not None]
        for node, (_, out) in found.items()
    }
    return {node: (found[node][0], given[node]) for node in found}, len(own._incoming)


def residual(x: Tensor) -> Tensor:
    h = x + torch.tanh(x)
    return (h.transpose(0, 1).reshape(-1).view(4, 3).t() + h.reshape(3, 4)).exp().sum()


def scaled(x: Tensor) -> Tensor:
    h = x * 2
    return (torch.add(h, h, alpha=0.5) - h.neg() - torch.add(x, h, alpha=0)).square().sum()


def broadcast(x: Tensor) -> Tensor:
    h = x * 1.0
    return ((h + h.mean(0)) - h.sum()).abs().sum()


def cancelled(x: Tensor) -> Tensor:
    h = x * 3
    return (h.clone() - h.view(4, 3)).sum() + h.unsqueeze(0).squeeze(0).sum()


def dead(x: Tensor) -> Tensor:
    h = x.view(3, 4) * 2
    return (h.sign().t() + h.t() * 0).sum() + h.sum()


def not_finite(x: Tensor) -> Tensor:
    h = x * 0
    return (h.sqrt().t() + torch.where(h > 1, h.log(), h).view(3, 4)).sum()


def mixed(x: Tensor) -> Tensor:
    h = x.half() * 1e-4
    return ((h + x.double()) * 1e-9).sum() + (x + x.to(torch.complex64)).abs().sum()


def leaf_at_once(x: Tensor) -> Tensor:
    return x.t().sum() + (x + x).sum() + x.view(-1)[0]


@pytest.mark.parametrize(
    "program",
    [residual, scaled, broadcast, cancelled, dead, not_finite, mixed, leaf_at_once],
    ids=lambda one: one.__name__,
)
def test_each_state_is_that_of_reading_every_node(program: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    loss = program(torch.rand(4, 3).add(0.5).requires_grad_())
    every, looked = states(loss, hooked=True)
    few, read = states(loss, hooked=False)
    assert few == every
    assert read < looked


def test_a_node_that_hands_on_is_not_looked_at() -> None:
    x, y = torch.ones(2, 3, requires_grad=True), torch.ones(3, requires_grad=True)
    places = {
        "view": handed_on(x.view(6).grad_fn),
        "both": handed_on((x + x.exp()).grad_fn),
        "one of two": handed_on((x + y).grad_fn),
        "scaled": handed_on(torch.add(x, x, alpha=2).grad_fn),
        "to another type": handed_on((x + x.double()).grad_fn),
        "none": handed_on((x * 2).grad_fn),
    }
    assert places == {
        "view": (0,), "both": (0, 1), "one of two": (0,), "scaled": (), "to another type": (1,), "none": ()
    }  # fmt: skip


@pytest.mark.parametrize("hold", [True, False])
def test_a_hook_between_is_seen(hold: bool) -> None:
    """A hook on the result of a view that sends zeros on: the view is not what starves the weight."""
    model = nn.Linear(3, 2)

    def stepped() -> Tensor:
        h = torch.tanh(model(torch.ones(4, 3))).view(-1)
        h.register_hook(lambda gradient: gradient * 0)
        loss = h.view(4, 2).square().sum()
        if hold:
            loss.backward()
        return loss

    (cut,) = {(one.kind, one.line, one.severity) for one in diagnose(stepped, wrt=model).findings}
    assert cut == ("zero_gradient", stepped.__code__.co_firstlineno + 2, "error")


@pytest.mark.parametrize("asked", [0, 1])
def test_a_pass_for_some_tensors_alone(asked: int) -> None:
    """Of a sum's two ways one is not taken: nothing is told by it of the other."""
    tensors = [torch.ones(3, requires_grad=True) for _ in range(2)]
    loss = (tensors[0].exp() + tensors[1].exp()).sum()
    own = OwnPass([loss], [tensors[asked]], partial=True)
    with own.watched():
        loss.backward(inputs=[tensors[asked]])
    add = loss.grad_fn.next_functions[0][0]
    assert own._records()[add].incoming == "live"
    assert [own.outgoing(add, place) for place in (0, 1)] == (["live", "none"] if asked == 0 else ["none", "live"])


def _ones(value: float, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.full((300,), value, dtype=dtype)


SIZES = {
    "nothing": (None, "none"),
    "empty": (torch.ones(0), "zero"),
    "zero": (_ones(0.0), "zero"),
    "live": (_ones(1.0), "live"),
    "cancels": (torch.tensor([1.0, -1.0]), "live"),
    "sum overflows": (_ones(1e38), "live"),
    "sum overflows in half": (_ones(6e4, torch.float16), "live"),
    "smallest": (torch.tensor([0.0, 1e-45]), "live"),
    "nan": (torch.tensor([1.0, math.nan]), "bad"),
    "inf": (torch.tensor([1.0, math.inf]), "bad"),
    "inf - inf": (torch.tensor([math.inf, -math.inf]), "bad"),
    "complex": (torch.tensor([1j, -1j]), "live"),
    "complex zero": (torch.zeros(3, dtype=torch.complex64), "zero"),
    "complex nan": (torch.tensor([complex(0, math.nan), 1]), "bad"),
    "sparse": (torch.eye(3).to_sparse(), "live"),
    "sparse, cancels": (torch.sparse_coo_tensor([[0, 0]], [1.0, -1.0], (3,), check_invariants=True), "zero"),
    "bfloat16": (_ones(1.0, torch.bfloat16), "live"),
}


@pytest.mark.parametrize("name", SIZES)
def test_states(name: str) -> None:
    value, state = SIZES[name]
    size = size_of(value)
    assert state_of(size) == state
    assert isinstance(size, str)  # on a CPU no tensor is kept


def test_a_norm_is_a_number_at_once_and_in_double_precision() -> None:
    norm = norm_of(_ones(1e-30))
    assert isinstance(norm, float)
    assert norm == pytest.approx(1e-30 * math.sqrt(300))
