"""The recogniser's LSTM as a GPU wants it: cuDNN can differentiate it in either mode, its weights lie in one piece."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def differentiable(lstm: nn.LSTM) -> Iterator[None]:
    """Inside, an LSTM in eval mode can be differentiated on a GPU; afterwards it is as it was.

    cuDNN keeps what its backward pass needs in train mode alone, and without dropout both modes give the same numbers:
    on a CPU to the bit. BatchNorm and dropout of the model around it stay as frozen as they are. Where no gradient is
    asked for, or the LSTM is in train mode, nothing changes.
    """
    if lstm.training or not torch.is_grad_enabled():
        yield
        return
    dropout = lstm.dropout
    lstm.training, lstm.dropout = True, 0.0
    try:
        yield
    finally:
        lstm.training, lstm.dropout = False, dropout


def in_one_piece(lstm: nn.LSTM) -> None:
    """Lay an LSTM's weights out one behind the other, as cuDNN reads them; on a CPU nothing happens.

    Tensors that were copied or replaced one by one lie apart, and then every call gathers them anew, with a warning.
    The parameters stay the same objects, so that an optimizer keeps its hold on them.
    """
    lstm.flatten_parameters()
