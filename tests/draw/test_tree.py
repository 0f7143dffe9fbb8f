"""The autograd graph as a tree in the terminal."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gradcheck_lm.draw.autograd.tree import autograd_tree_text
from gradcheck_lm.errors import ArgumentError


def step() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    weight = nn.Parameter(torch.ones(3))
    return {"ctc": (weight.exp() * 2).sum(), "lm": torch.tensor(0.2137)}, {"head.weight": weight}


def test_a_term_leads_to_its_leaves_and_a_dead_one_stands_alone() -> None:
    terms, params = step()
    assert autograd_tree_text(terms, params=params).splitlines() == [
        "ctc ()",
        "└── SumBackward0",
        "    └── MulBackward0",
        "        └── ExpBackward0",
        "            └── AccumulateGrad",
        "                └── head.weight (3)",
        "lm ()  no grad_fn: backward has nowhere to go",
    ]


def test_in_japanese() -> None:
    weight = nn.Parameter(torch.ones(3))
    shared = weight.exp()
    terms = {"a": shared.sum() + shared.mean(), "lm": torch.tensor(0.2), "leaf": torch.tensor(0.2, requires_grad=True)}
    text = autograd_tree_text(terms, language="ja")
    assert "ExpBackward0  (上と同じ)" in text
    assert "lm ()  grad_fn がない: 逆伝播はここから先へ進めない" in text
    assert "requires_grad は True だが、ここからモデルへの経路はない" in text
    assert autograd_tree_text(terms, limit=3, language="ja").splitlines()[-1].startswith("... ほか ")


@pytest.mark.parametrize("encoding", ["ascii", "cp932"])
def test_an_old_console_gets_a_tree_of_ascii(encoding: str) -> None:
    terms, params = step()
    terms["日本語"] = terms.pop("ctc")
    text = autograd_tree_text(terms, params=params, encoding=encoding)
    text.encode(encoding)
    assert "`-- SumBackward0" in text


def test_what_is_shared_is_drawn_once_and_the_rest_is_counted() -> None:
    weight = nn.Parameter(torch.ones(3))
    shared = weight.exp()
    text = autograd_tree_text({"a": shared.sum() + shared.mean()})
    assert text.count("AccumulateGrad") == 1
    assert "ExpBackward0  (see above)" in text
    value = weight
    for _ in range(3000):
        value = value + 1
    lines = autograd_tree_text({"a": value.sum()}, limit=5).splitlines()
    assert len(lines) == 6
    assert lines[-1].strip().startswith("... and 29")


def test_no_terms_are_refused() -> None:
    with pytest.raises(ArgumentError, match="the dict is empty"):
        autograd_tree_text({})
