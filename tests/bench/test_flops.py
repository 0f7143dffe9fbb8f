"""Counted work: the operations of each part of a step, and the best that the machine does of each."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reference_checkout import CHARSET, TINY
from torch import nn

from gradcheck_lm.bench import peak
from gradcheck_lm.bench.flops import lstm_flops, step_flops, time_of_parts
from gradcheck_lm.bench.peak import Peak, Probes, best_of, peak_flops_per_second
from gradcheck_lm.bench.train_plan import lines_of
from gradcheck_lm.htr.crnn import CRNN


def test_lstm_flops_are_those_of_its_matrix_products() -> None:
    model = CRNN(TINY)
    lines, frames, forward = 3, 10, 0
    for name, weight in model.recurrent.named_parameters():
        if name.startswith("weight"):  # each is multiplied once for every line and frame
            forward += 2 * lines * frames * weight.numel()
    assert lstm_flops(model, lines, frames) == 3 * forward


def test_convolution_flops_are_those_of_their_shapes() -> None:
    model, lines, expected = CRNN(TINY), 3, 0
    shapes: list[int] = []

    def count(module: Any, inputs: Any, output: torch.Tensor) -> None:
        shapes.append(2 * output.numel() * module.weight[0].numel())

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    model.columns(torch.rand(lines, 1, 32, 256))
    expected = 3 * sum(shapes) - shapes[0]  # the first one needs no gradient for its picture
    found = step_flops(CRNN(TINY), lines, 256)
    assert found["convolutions"] == expected
    frames = TINY.frames()
    heads = 2 * frames * lines * CHARSET.size * (2 * TINY.lstm_hidden + 3 * 8)
    assert found["heads"] == 3 * heads


def test_the_parts_together_are_the_step() -> None:
    model, data = CRNN(TINY), lines_of(TINY, 2)
    batch = data.take(range(2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    gradients: list[dict[str, torch.Tensor]] = []
    optimizer.step = lambda: gradients.append({n: p.grad.clone() for n, p in model.named_parameters()})  # type: ignore
    parts = time_of_parts(model, optimizer, batch.images, batch.texts, CHARSET, 1)
    assert list(parts) == ["convolutions", "lstm", "heads", "ctc", "optimizer"]
    assert all(seconds > 0 for seconds in parts.values())
    from gradcheck_lm.lab.training.terms import labelled

    labelled(CHARSET, None, 0.0)(model, batch).total.backward()
    torch.testing.assert_close(gradients[-1], {n: p.grad for n, p in model.named_parameters()}, rtol=1e-3, atol=1e-5)


def test_a_work_that_would_take_too_long_is_left_out_unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, done = torch.device("cpu"), []
    matmul = torch.matmul

    def counted(one: torch.Tensor, two: torch.Tensor) -> torch.Tensor:
        done.append(len(one))
        return matmul(one, two)

    monkeypatch.setattr(torch, "matmul", counted)
    seconds = iter(range(1000))
    monkeypatch.setattr(peak, "clock_of", lambda device: lambda: float(next(seconds)))  # every call takes a second
    found = peak_flops_per_second(cpu, torch.float32, probes=Probes(32, 8, 4, 8, 2, seconds=100))
    # the product has 8 * 8 * 8 times the operations of its small one, the convolution 8 * 8 times
    assert found.left_out == {"matrix product": "one would take 512 s, more than the 100 s it may take"}
    assert found.reached == {"convolution": 2 * 9 * 64 * 8 * 64 * 4 * 8}
    assert done == [4, 4]
    found = peak_flops_per_second(cpu, torch.float32, probes=Probes(32, 8, 4, 8, 2, seconds=600))
    assert found.left_out == {}
    assert done == [4, 4, 4, 4, 32, 32, 32]


def test_a_work_is_repeated_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(0, 10_000, 25))
    monkeypatch.setattr(peak.time, "monotonic", lambda: float(next(times)))
    calls: list[int] = []
    found = peak._best(1.0, lambda: calls.append(1), repeats=6, seconds=60, device=torch.device("cpu"))
    assert len(found) == len(calls) == 3


def test_the_best_of_all_turns_is_kept_and_what_is_in_none_is_named() -> None:
    one, two = Peak({"product": 3.0}, {"convolution": "slow"}), Peak({"product": 2.0, "convolution": 1.0}, {})
    found = best_of({"float32": one, "bfloat16": one}, {"float32": two, "bfloat16": one})
    assert found == {
        "peak_flops_per_second": {"float32": {"product": 3.0, "convolution": 1.0}, "bfloat16": {"product": 3.0}},
        "left_out": {"bfloat16 convolution": "slow"},
    }
