"""The autograd graph as a tree in the terminal."""

from __future__ import annotations

import pytest
import torch

from gradcheck_lm.draw.tree import autograd_tree_text
from gradcheck_lm.errors import ArgumentError


def test_a_tree_from_the_loss_to_the_leaves() -> None:
    a, b = (torch.ones(2, 3, requires_grad=True) for _ in range(2))
    shared = a * b
    text = autograd_tree_text({"loss": (shared.exp() + shared).sum()}, params={"a": a, "b": b})
    assert text.splitlines() == [
        "loss ()",
        "└── SumBackward0",
        "    └── AddBackward0",
        "        ├── ExpBackward0",
        "        │   └── MulBackward0",
        "        │       ├── AccumulateGrad",
        "        │       │   └── a (2, 3)",
        "        │       └── AccumulateGrad",
        "        │           └── b (2, 3)",
        "        └── MulBackward0  (see above)",
    ]


def test_a_dead_loss_stands_alone_and_says_why() -> None:
    assert autograd_tree_text({"lm": torch.tensor(0.2)}) == "lm ()  no grad_fn: backward has nowhere to go"
    text = autograd_tree_text({"lm": torch.tensor(0.2, requires_grad=True)})
    assert "a leaf: requires_grad is True, but nothing leads from here to the model" in text


@pytest.mark.parametrize("encoding", ["ascii", "cp932"])
def test_old_consoles_get_plain_lines(encoding: str) -> None:
    weight = torch.ones(2, requires_grad=True)
    text = autograd_tree_text({"損失": (weight * 2).sum()}, params={"重み": weight}, encoding=encoding)
    assert text.encode(encoding)
    assert "`-- SumBackward0" in text or "+-- SumBackward0" in text
    assert ("重み" in text) == (encoding == "cp932")


def test_a_long_chain_is_cut_short_and_says_so() -> None:
    value = torch.ones(2, requires_grad=True)
    for _ in range(3000):
        value = value * 1.001
    lines = autograd_tree_text(value.sum(), limit=12).splitlines()
    assert len(lines) == 13
    assert lines[-1].strip().startswith("... and ")


def test_what_is_no_tensor_is_refused() -> None:
    with pytest.raises(ArgumentError, match="not a tensor"):
        autograd_tree_text({"loss": 0.3})
