"""What looks on computes a little itself: out of sight of the modes that the program has switched on."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.utils._python_dispatch import _disable_current_modes

_NOTHING: AbstractContextManager[None] = nullcontext()


def unseen() -> AbstractContextManager[object]:
    """Around operations of our own: no dispatch mode of the program counts or changes them."""
    return _disable_current_modes() if torch._C._len_torch_dispatch_stack() else _NOTHING
