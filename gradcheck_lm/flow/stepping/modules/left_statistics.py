"""Copies of a model whose parameters are written after it, and whose norms keep the statistics they were made with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from gradcheck_lm.flow.stepping.ledger.ledger import Mode
from gradcheck_lm.flow.stepping.recording.log import Log

_NORMS = torch.nn.modules.batchnorm._NormBase


def left_statistics(log: Log, modules: Sequence[torch.nn.Module], held: set[int]) -> Iterator[Mode]:
    """For each line that writes the parameters of a copy, and not the statistics of its norms, which it reads in eval.

    Args:
        modules: those that ran: one whose norms are as they were made has run in eval mode alone.
        held: the accounts of what optimizers hold.
    """
    trained = [module for module in modules if any(_is_held(log, one, held) for one in module.parameters())]
    told: set[int] = set()
    for copy in modules:  # the outermost ran first
        norms = [norm for norm in copy.modules() if isinstance(norm, _NORMS) and norm.track_running_stats]
        if not norms or not all(map(_is_as_made, norms)):
            continue
        accounts = [log.accounts.known(one) for one in copy.parameters()]
        places = [log.writes.get(one.index) if one is not None and one.index not in held else None for one in accounts]
        like = next((one for one in trained if _is_like(one, copy)), None)
        if like is not None and places and all(place is not None and place >= 0 for place in places):
            place = places[-1]
            if place is not None and place not in told:
                told.add(place)
                yield Mode(log.time, place, module=type(copy).__name__, training=False, what="statistics_left_behind")


def _is_held(log: Log, tensor: torch.Tensor, held: set[int]) -> bool:
    account = log.accounts.known(tensor)
    return account is not None and account.index in held


def _is_as_made(norm: torch.nn.Module) -> bool:
    """No batch has gone into its statistics, and nobody has put any there."""
    mean, variance, count = norm.running_mean, norm.running_var, norm.num_batches_tracked
    if not all(isinstance(one, torch.Tensor) for one in (mean, variance, count)):
        return False
    return not bool(count) and not bool(mean.any()) and bool((variance == 1).all())  # type: ignore[operator, union-attr]


def _is_like(online: torch.nn.Module, copy: torch.nn.Module) -> bool:
    """Another model of the same make, whose norms have learnt."""
    if type(online) is not type(copy) or online is copy:
        return False
    shapes = [[(name, one.shape) for name, one in module.named_parameters()] for module in (online, copy)]
    norms = [norm for norm in online.modules() if isinstance(norm, _NORMS) and norm.track_running_stats]
    return shapes[0] == shapes[1] and bool(norms) and not any(_is_as_made(norm) for norm in norms)
