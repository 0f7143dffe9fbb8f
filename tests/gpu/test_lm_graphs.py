"""A language model's layers replayed from CUDA graphs: the bits of the plain pass on the same filled-up batch."""

from __future__ import annotations

import pytest
import torch
from lm_models import uncertain

from gradcheck_lm import record
from gradcheck_lm.lm import load_language_model
from gradcheck_lm.lm.graphs import AGAIN, Graphs

pytestmark = pytest.mark.gpu
LETTERS = " abcdefghijklmnopqrstuvwxyz"
TEXTS = ["the cat sat on the mat", "a dog ran", "no", "what is it that we are told of here"]


@pytest.fixture
def model():
    return load_language_model("char", device="cuda")


def graphs_of(model) -> Graphs:
    body = model._parts.body
    assert isinstance(body, Graphs)
    return body


def soft(model, seed: int = 0):
    rows = [uncertain(text, LETTERS, seed=seed + n).detach().cuda().requires_grad_() for n, text in enumerate(TEXTS)]
    return rows, model.score_soft(TEXTS, rows, LETTERS)


def test_scores_are_the_same_before_and_after_the_capture(model) -> None:
    found = [model.score(TEXTS) for _ in range(AGAIN + 3)]
    assert not graphs_of(model)._refused
    assert graphs_of(model)._graphs["read"]
    assert all(torch.equal(found[0], one) for one in found)
    there = load_language_model("char", device="cpu").score(TEXTS)
    torch.testing.assert_close(found[0].cpu(), there, rtol=1e-3, atol=1e-3)


def test_gradients_are_the_same_before_and_after_the_capture(model) -> None:
    found = []
    for _ in range(AGAIN + 3):
        rows, scores = soft(model)
        scores.sum().backward()
        found.append([scores.detach(), *(row.grad for row in rows)])
    assert not graphs_of(model)._refused
    assert graphs_of(model)._graphs["differentiated"]
    for one in found:
        for value, first in zip(one, found[0], strict=True):
            torch.testing.assert_close(value, first, rtol=1e-4, atol=1e-6)


def test_two_passes_before_a_backward_pass_do_not_mix(model) -> None:
    for _ in range(AGAIN + 1):
        rows, scores = soft(model)
        scores.sum().backward()
    wanted = []
    for seed in (0, 100):
        rows, scores = soft(model, seed)
        scores.sum().backward()
        wanted.append([row.grad.clone() for row in rows])
    (one, first), (two, second) = soft(model, 0), soft(model, 100)
    (first.sum() + second.sum()).backward()
    for rows, gradients in zip((one, two), wanted, strict=True):
        for row, gradient in zip(rows, gradients, strict=True):
            torch.testing.assert_close(row.grad, gradient, rtol=1e-4, atol=1e-6)
    assert not list(graphs_of(model)._busy)


def test_who_looks_at_each_operation_sees_each(model) -> None:
    for _ in range(AGAIN + 2):
        _, scores = soft(model)
    with record():
        _, recorded = soft(model)
    assert "GraphedBackward" in nodes_of(scores)
    assert "GraphedBackward" not in nodes_of(recorded)
    torch.testing.assert_close(recorded, scores)


def nodes_of(tensor: torch.Tensor) -> set[str]:
    """The names of all nodes of its autograd graph."""
    seen, stack = set(), [tensor.grad_fn]
    while stack:
        node = stack.pop()
        if node is not None and node not in seen:
            seen.add(node)
            stack += [following for following, _ in node.next_functions]
    return {node.name() for node in seen}
