"""A step's numbers, read once and late."""

from __future__ import annotations

from typing import Any

import torch
from tiny_runs import CHARSET, tiny_data, tiny_trainer
from torch.overrides import TorchFunctionMode

from gradcheck_lm.lab.training import step_record
from gradcheck_lm.lab.training.step_record import numbers
from gradcheck_lm.lab.training.terms import labelled

READS = {"item", "tolist", "__float__", "__bool__", "__int__", "cpu"}


class Reads(TorchFunctionMode):
    """Counts what would wait for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if (name := getattr(func, "__name__", "")) in READS:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def test_numbers_are_those_of_each_tensor() -> None:
    tensors = [torch.tensor(0.1), torch.tensor([1.5, float("nan")]), torch.tensor(2, requires_grad=False)]
    found = numbers([*tensors, torch.tensor(0.3, dtype=torch.float64, requires_grad=True)])
    assert found[0] == [float(torch.tensor(0.1))]
    assert found[1][0] == 1.5
    assert found[1][1] != found[1][1]
    assert found[2:] == [[2], [0.3]]


def test_far_numbers_travel_together_and_come_back_in_order() -> None:
    class Far(torch.Tensor):
        """A tensor that says it is elsewhere."""

        device = torch.device("cuda:0")  # type: ignore[assignment]

    tensors = [torch.tensor(0.1), torch.rand(3), torch.zeros(0), torch.tensor(7.0)]
    mixed = [tensor if place == 1 else tensor.as_subclass(Far) for place, tensor in enumerate(tensors)]
    with Reads() as reads:
        found = numbers(mixed)
    assert found == [tensor.tolist() if tensor.dim() else [float(tensor)] for tensor in tensors]
    assert reads.found.count("cpu") == 1


def test_a_step_reads_nothing_before_its_backward_pass_and_then_once(monkeypatch: Any) -> None:
    data = tiny_data()
    trainer = tiny_trainer(data, None, clip_norm=1.0)
    trainer.terms = labelled(CHARSET, None, 0.0)
    monkeypatch.setattr(trainer.optimizer, "step", lambda: None)  # torch's own, which on a CPU reads its counters
    times, read = [], step_record.numbers
    monkeypatch.setattr(step_record, "numbers", lambda tensors: times.append(len(reads.found)) or read(tensors))
    batch = data.batch(0, 4, seed=0)
    with Reads() as reads:
        record = trainer.step(0, batch)
    assert times == [0]
    assert set(reads.found) == {"tolist"}
    assert len(reads.found) == 4  # the loss, two terms and the norm, which on a GPU are one
    assert record["total"] > record["terms"]["ctc"]["value"] > 0
