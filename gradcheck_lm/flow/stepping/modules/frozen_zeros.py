"""Matrices that are 0 and frozen: what goes through them is 0, and stays so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from gradcheck_lm.flow.stepping.ledger.ledger import FrozenFresh
from gradcheck_lm.flow.stepping.recording.log import Log


def frozen_zeros(log: Log, modules: Sequence[torch.nn.Module], frozen: Mapping[int, int]) -> Iterator[FrozenFresh]:
    """One for each line that froze such a matrix, where no other module of its kind trains its own.

    A copy of a model whose adapters begin at 0, a reference or an average, has zeros by right: the model trains them.

    Args:
        modules: those that ran.
        frozen: id of a tensor -> the place that froze it.
    """
    parts = dict.fromkeys(part for module in modules for part in module.modules())
    learning = {
        (type(part), name) for part in parts for name, one in part._parameters.items() if one is not None
        if one.requires_grad
    }  # fmt: skip
    lines: dict[int, list[torch.Tensor]] = {}
    for part in parts:
        for name, one in part._parameters.items():
            if one is None or one.requires_grad or one.ndim < 2 or id(one) not in frozen:
                continue
            if (type(part), name) not in learning and one.numel() and not bool(one.detach().any()):
                lines.setdefault(frozen[id(one)], []).append(one)
    for place, tensors in lines.items():
        indices = tuple(log.accounts.of(tensor).index for tensor in tensors)
        yield FrozenFresh(log.time, place, tensors=indices, zero=True)
