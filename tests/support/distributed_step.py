"""One training step on two processes (gloo), with and without the recorder: run by flow/test_healthy_steps.py.

Usage: python distributed_step.py RANK FILE, where FILE is a path both ranks share (it holds no port to clash).
"""

from __future__ import annotations

import datetime
import sys

import pytest
import torch
import torch.distributed
from torch import Tensor, nn

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow import diagnose, record

KINDS = ("plain", "find_unused", "static", "fully_sharded")


def build(kind: str) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    if kind == "fully_sharded":
        from torch.distributed.fsdp import fully_shard

        return fully_shard(model)
    options = {"plain": {}, "find_unused": {"find_unused_parameters": True}, "static": {"static_graph": True}}[kind]
    return nn.parallel.DistributedDataParallel(model, **options)


def loss_of(model: nn.Module, rank: int) -> Tensor:
    generator = torch.Generator().manual_seed(rank)
    data, labels = torch.randn(10, 6, generator=generator), torch.randint(0, 3, (10,), generator=generator)
    return nn.functional.cross_entropy(model(data), labels)


def whole(tensor: Tensor | None) -> Tensor | None:
    return tensor.full_tensor() if tensor is not None and hasattr(tensor, "full_tensor") else tensor


def gradients(kind: str, rank: int, *, watched: bool) -> list[Tensor | None]:
    model = build(kind)
    if watched:
        with record() as run:
            value = loss_of(model, rank)
        assert run.recorder.recording.calls
    else:
        value = loss_of(model, rank)
    value.backward()
    return [whole(parameter.grad) for parameter in model.parameters()]


def check(kind: str, rank: int) -> None:
    plain, seen = gradients(kind, rank, watched=False), gradients(kind, rank, watched=True)
    assert all(one is not None and torch.equal(one, two) for one, two in zip(plain, seen, strict=True))
    model = build(kind)
    if kind == "fully_sharded":
        with pytest.raises(TraceError, match="Diagnose the model before fully_shard"):
            diagnose(lambda: loss_of(model, rank), wrt=model)
        return
    diagnosis = diagnose(lambda: loss_of(model, rank), wrt=model, counterfactual=False)
    assert diagnosis.ok, str(diagnosis)
    assert diagnosis.errors == (), str(diagnosis)


def main(rank: int, file: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{file}", rank=rank, world_size=2, timeout=datetime.timedelta(seconds=300)
    )
    try:
        for kind in KINDS:
            check(kind, rank)
        print("same bits, no false alarm")
    finally:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
