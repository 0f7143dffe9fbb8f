"""Two terms of a small model, and their attribution in one of several processes: a child imports this by its name."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from gradcheck_lm.flow import attribute


def terms_of(model: nn.Module, seed: int = 0, rows: int = 5) -> dict[str, torch.Tensor]:
    output = model(torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed)))
    return {"a": output.square().mean(), "b": 0.3 * output[:, 0].mean()}


def flat(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    return torch.cat([tensor.double().reshape(-1) for tensor in tensors])


def in_process(rank: int, folder: str) -> None:
    """One of two processes: local and averaged tables, held against what DistributedDataParallel leaves in .grad."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    try:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
        parallel = nn.parallel.DistributedDataParallel(model)
        terms = terms_of(parallel, seed=rank)
        if rank == 1:  # what one process does not reach counts as zero there
            terms["c"] = terms["a"].detach() * 0 + model[2].bias.sum()
        else:
            terms["c"] = torch.zeros(())
        local = attribute(terms, parallel)
        averaged = attribute(terms, parallel, across_ranks=True)
        (terms["a"] + terms["b"]).backward()
        kept = {
            "local": local.to_dict(),
            "averaged": averaged.to_dict(),
            "grad": float(flat(parameter.grad for parameter in model.parameters()).norm()),
        }
        torch.save(kept, f"{folder}/{rank}.pt")
    finally:
        torch.distributed.destroy_process_group()
