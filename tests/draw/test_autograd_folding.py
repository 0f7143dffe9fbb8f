"""Large autograd graphs are folded into their blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from autograd_dots import arrows, boxes, chain
from torch import nn

from gradcheck_lm.draw.autograd.autograd import autograd_dot, save_autograd, walk


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.down(torch.relu(self.up(self.norm(x))))


@pytest.mark.parametrize("frozen", [False, True])
def test_a_deep_network_is_folded_into_its_blocks(frozen: bool) -> None:
    model = nn.Sequential(*(Block() for _ in range(60))).requires_grad_(not frozen)
    inputs = torch.randn(4, 8, requires_grad=True)
    loss = model(inputs).sum()
    count = len(walk({"loss": loss}))
    assert count > 300
    text = autograd_dot(loss, params={"x": inputs, **dict(model.named_parameters())}, limit=200)
    drawn = boxes(text)
    assert 60 <= len(drawn) <= 200
    assert f"{count} nodes folded into {len(drawn)}" in text
    assert sum("operations" in label for label in drawn.values()) >= 59
    assert all(int(a) != int(b) for a, b in arrows(text))
    assert ("7\\n 6 tensors" in drawn.values()) == (not frozen)


@pytest.mark.parametrize("limit", [4, 10, 50])
def test_folding_keeps_to_its_limit_and_makes_no_circle(limit: int) -> None:
    torch.manual_seed(0)
    values = [torch.randn(3, requires_grad=True) for _ in range(3)]
    for i in range(300):
        values.append(values[-1] * values[(i * 7) % len(values)])  # no bottleneck anywhere
    text = autograd_dot({"a": values[-1].sum(), "b": values[-2].sum()}, limit=limit)
    assert len(boxes(text)) <= limit
    order = {a: set() for a in boxes(text)}
    for a, b in arrows(text):
        order[b].add(a)
    while ready := [a for a, before in order.items() if not before]:
        for a in ready:
            del order[a]
        for before in order.values():
            before.difference_update(ready)
    assert not order, "the boxes form a circle"


@pytest.mark.needs("layout")
def test_five_thousand_operations_are_drawn_folded(tmp_path: Path) -> None:
    loss, weight = chain(5000)
    path = save_autograd(loss, tmp_path / "graph.svg", params={"w": weight})
    assert "nodes folded into" in path.read_text(encoding="utf-8")
