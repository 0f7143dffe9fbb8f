"""The recogniser's LSTM as a GPU wants it: cuDNN can differentiate it in either mode, its weights lie in one piece, and
its dropout draws from torch's own random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.backends.cudnn import rnn
from torch.nn import functional as F


class LayerwiseLSTM(nn.LSTM):
    """torch's LSTM; on a GPU one layer after the other, with torch's own dropout between them.

    cuDNN keeps random numbers of its own for the dropout between layers. They begin anew wherever torch's random state
    is set, so that a run that goes on from a saved state would see other masks than one that was never interrupted, and
    a CUDA graph never sees the same ones twice. On a CPU all is torch's, to the bit. Parameters and their names are
    torch's everywhere.
    """

    def flatten_parameters(self) -> None:
        """Lay the weights of each layer out one behind the other, as cuDNN reads them; on a CPU nothing happens."""
        weights = [weight for weight in self._flat_weights if _can_be_laid_out(weight)]
        if len(weights) != len(self._flat_weights_names):
            return
        if len({weight.dtype for weight in weights}) > 1 or len({weight.data_ptr() for weight in weights}) < len(
            weights
        ):
            return  # of several kinds, or shared: they stay where they are, as torch leaves them
        mode, each = int(rnn.get_cudnn_mode(self.mode)), 4 if self.bias else 2
        with torch.cuda.device_of(weights[0]), torch.no_grad():
            for layer in range(self.num_layers):
                size = self.input_size if layer == 0 else self.hidden_size * self._directions
                torch._cudnn_rnn_flatten_weight(
                    self._of(layer), each, size, mode, self.hidden_size, 0, 1, self.batch_first, self.bidirectional
                )

    def forward(  # type: ignore[override]
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """As torch's, of a padded batch (T, N, features), or (N, T, features) with `batch_first`."""
        if not input.is_cuda:
            found: tuple[Tensor, tuple[Tensor, Tensor]] = super().forward(input, hx)
            return found
        return self.layer_by_layer(input, hx)

    def layer_by_layer(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """What `forward` does on a GPU."""
        count = self._directions
        if hx is None:
            lines = input.shape[0 if self.batch_first else 1]
            zeros = input.new_zeros(self.num_layers * count, lines, self.hidden_size)
            hx = zeros, zeros
        states, ends = input, []
        for layer in range(self.num_layers):
            if layer and self.training and self.dropout:
                states = F.dropout(states, self.dropout)
            start = tuple(part[layer * count : (layer + 1) * count].to(states.dtype) for part in hx)
            states, *end = torch._VF.lstm(  # type: ignore[attr-defined]
                states, start, self._of(layer), self.bias, 1, 0.0, self.training, self.bidirectional, self.batch_first
            )
            ends.append(end)
        return states, (torch.cat([end[0] for end in ends]), torch.cat([end[1] for end in ends]))

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _of(self, layer: int) -> list[Tensor]:
        """The weights of one layer."""
        each = len(self._flat_weights) // self.num_layers
        return self._flat_weights[layer * each : (layer + 1) * each]  # type: ignore[return-value]


def _can_be_laid_out(weight: Tensor | None) -> TypeGuard[Tensor]:
    return weight is not None and weight.is_cuda and torch.backends.cudnn.is_acceptable(weight)


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
