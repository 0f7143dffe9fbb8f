"""What a run of a program may change: taken before it, put back after it."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

import torch


class State:
    """What a run may change: random state, tensors, gradients. Taken before, put back after."""

    def __init__(self, tensors: Sequence[torch.Tensor], modules: Sequence[torch.nn.Module]) -> None:
        held = {id(tensor): tensor for tensor in tensors if tensor.is_leaf}
        for module in modules:
            held.update((id(tensor), tensor) for tensor in (*module.parameters(), *module.buffers()))
        self.tensors = [(tensor, tensor.detach().clone(), tensor.grad) for tensor in held.values()]
        self.grads = [None if grad is None else grad.detach().clone() for _, _, grad in self.tensors]
        self.modes = [(part, part.training) for module in modules for part in module.modules()]
        self.python = random.getstate()
        self.torch = torch.get_rng_state()
        self.cuda = (
            torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else None
        )
        numpy = sys.modules.get("numpy")
        self.numpy = numpy.random.get_state() if numpy is not None else None

    def taken_again(self) -> State:
        """The same things as they are now: what to go back to after a replay."""
        fresh = State([tensor for tensor, _, _ in self.tensors], [])
        fresh.modes = [(part, part.training) for part, _ in self.modes]
        return fresh

    def restore(self) -> None:
        """Put everything back; a tensor that did not change is left alone, so that graphs on it stay valid."""
        for (tensor, value, grad), content in zip(self.tensors, self.grads, strict=True):
            if not _same(tensor.detach(), value):
                tensor.data.copy_(value)
            tensor.grad = grad
            if grad is not None and content is not None and not _same(grad.detach(), content):
                grad.data.copy_(content)
        for part, training in self.modes:
            part.training = training
        random.setstate(self.python)
        torch.set_rng_state(self.torch)
        if self.cuda is not None:
            torch.cuda.set_rng_state_all(self.cuda)
        if self.numpy is not None:
            sys.modules["numpy"].random.set_state(self.numpy)


def _same(left: torch.Tensor, right: torch.Tensor) -> bool:
    if left.shape != right.shape:
        return True  # resized by the program: not ours to undo
    if left.is_floating_point() and bool(torch.isnan(left).any()):
        return torch.equal(torch.nan_to_num(left), torch.nan_to_num(right))
    return torch.equal(left, right)
