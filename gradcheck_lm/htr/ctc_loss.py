"""CTC's loss of each line, with the same bits each time where that is asked of torch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_LONGEST = 255  # characters that cuDNN's CTC takes
_IMPOSSIBLE = -1e20  # below this a class has no probability, which cuDNN's softmax is not asked about


def ctc_losses(
    log_probs: Tensor, targets: Tensor, frames: Tensor, sizes: Tensor, *, zero_infinity: bool = False
) -> Tensor:
    """As `F.ctc_loss` with `reduction="none"` and blank 0; wherever the targets are, they need not travel first.

    torch's own backward pass on a GPU adds up in no fixed order. Under `torch.use_deterministic_algorithms` it is
    refused, and cuDNN's CTC serves where it can: every line has all T frames, 1 to 255 characters, and room for them.
    Otherwise the processor does it.

    Args:
        log_probs: (T, N, C) float, normalised by log_softmax.
        targets: (sum of sizes,) or (N, at least the largest size) integers, classes 1 to C - 1.
        frames, sizes: (N,) integers: frames and characters of each line.
        zero_infinity: a line that no path spells counts as 0, with gradient 0, instead of infinity.
    Returns:
        (N,) nats.
    Gradient: exact, through the log_softmax that `log_probs` is from.
    Source: Graves et al. 2006, Connectionist Temporal Classification.
    """
    if not (_on_a_gpu(log_probs) and torch.are_deterministic_algorithms_enabled()):
        return F.ctc_loss(log_probs, targets, frames, sizes, reduction="none", zero_infinity=zero_infinity)
    frames, sizes, targets = frames.cpu(), sizes.cpu(), targets.cpu()
    if targets.dim() == 1:
        padded = _padded(targets, sizes)
    else:
        padded, targets = targets, targets[_inside(targets, sizes)]
    if _cudnn_serves(log_probs, padded, frames, sizes):
        # numbers, not tensors: so that torch calls cuDNN as it has always been called
        lengths = tuple(frames.tolist()), tuple(sizes.tolist())
        return F.ctc_loss(
            log_probs,
            targets.int(),
            *lengths,  # type: ignore[arg-type]
            reduction="none",
            zero_infinity=zero_infinity,
        )
    there = log_probs.device
    return F.ctc_loss(log_probs.cpu(), targets, frames, sizes, reduction="none", zero_infinity=zero_infinity).to(there)


def frames_needed(ids: Tensor, sizes: Tensor) -> Tensor:
    """(M,) frames that each padded row of ids (M, L) needs: one a character, and a blank between two equal ones."""
    inside = torch.arange(1, ids.shape[1], device=ids.device) < sizes[:, None]
    return sizes + ((ids[:, 1:] == ids[:, :-1]) & inside).sum(1)


def _cudnn_serves(log_probs: Tensor, padded: Tensor, frames: Tensor, sizes: Tensor) -> bool:
    return bool(
        torch.backends.cudnn.enabled
        and log_probs.dtype == torch.float32
        and (frames == len(log_probs)).all()
        and ((sizes >= 1) & (sizes <= _LONGEST) & (frames_needed(padded, sizes) <= frames)).all()
        and (log_probs.detach() > _IMPOSSIBLE).all()
    )


def _on_a_gpu(tensor: Tensor) -> bool:
    return tensor.is_cuda


def _inside(padded: Tensor, sizes: Tensor) -> Tensor:
    return torch.arange(padded.shape[1]) < sizes[:, None]


def _padded(targets: Tensor, sizes: Tensor) -> Tensor:
    padded = targets.new_zeros(len(sizes), max(1, int(sizes.max()) if len(sizes) else 0))
    padded[_inside(padded, sizes)] = targets[: int(sizes.sum())]
    return padded
