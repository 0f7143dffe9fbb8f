"""Checks of the tensors that CTC works on: every message names the axes, the values and the first line at fault."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, ShapeError


class Characters(Protocol):
    """What these functions need of a charset: its characters, in the order of their classes."""

    @property
    def characters(self) -> str: ...


def check_logits(logits: Tensor, charset: Characters | None = None) -> None:
    """Raise ShapeError unless `logits` are (T, N, C) floats with T >= 1, C >= 2 and C the charset's size."""
    if logits.ndim != 3 or not logits.is_floating_point():
        raise ShapeError(
            f"logits are {tuple(logits.shape)} {logits.dtype}; CTC wants floats with three axes, (T frames, N lines, "
            "C classes). For one line use logits[:, None]."
        )
    frames, _, classes = logits.shape
    if frames < 1 or classes < 2:
        raise ShapeError(f"logits are {tuple(logits.shape)}: at least 1 frame and 2 classes (blank, one character).")
    if charset is not None and classes != len(charset.characters) + 1:
        raise ShapeError(
            f"logits have C = {classes} classes in their last axis; the charset has {len(charset.characters)} "
            f"characters, which with the blank makes {len(charset.characters) + 1}. Use the charset that the "
            "recogniser was built for."
        )


def check_lengths(lengths: Tensor | Sequence[int] | None, logits: Tensor) -> Tensor:
    """Give lengths as (N,) long on the logits' device, T for each line where None; logits are (T, N, ...).

    Raises:
        ShapeError: not (N,), not integers, or outside 0 to T; the message names the first such line.
    """
    frames, lines = logits.shape[:2]
    if lengths is None:
        return torch.full((lines,), frames, dtype=torch.long, device=logits.device)
    lengths = torch.as_tensor(lengths)
    if lengths.shape != (lines,) or lengths.is_floating_point() or lengths.dtype == torch.bool:
        raise ShapeError(
            f"lengths are {tuple(lengths.shape)} {lengths.dtype}; wanted are frames per line, "
            f"(N,) = ({lines},) integers."
        )
    wrong = (lengths < 0) | (lengths > frames)
    if bool(wrong.any()):
        line = int(wrong.nonzero()[0])
        raise ShapeError(f"line {line} has length {int(lengths[line])}; the logits have 0 to T = {frames} frames.")
    return lengths.to(device=logits.device, dtype=torch.long)


def refuse_lines(wrong: Tensor) -> None:
    if bool(wrong.any()):
        raise ArgumentError(
            f"the logits of line {int(wrong.nonzero()[0])} hold NaN or +inf (or a frame of nothing but -inf): "
            f"{int(wrong.sum())} of {len(wrong)} lines. Look at the loss and the learning rate of the step before."
        )


def check_targets(ids: Tensor, target_lengths: Tensor, lines: Tensor, logits: Tensor) -> None:
    _, count, classes = logits.shape
    strings = len(ids)
    if ids.ndim != 2 or target_lengths.shape != (strings,) or lines.shape != (strings,):
        raise ShapeError(
            f"ids {tuple(ids.shape)}, target_lengths {tuple(target_lengths.shape)} and lines {tuple(lines.shape)} do "
            "not fit: wanted are (M, L), (M,) and (M,)."
        )
    inside = torch.arange(ids.shape[1], device=ids.device) < target_lengths[:, None]
    wrong = (inside & ((ids < 1) | (ids >= classes))).any(1)
    wrong |= (target_lengths < 0) | (target_lengths > ids.shape[1]) | (lines < 0) | (lines >= count)
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0])
        raise ShapeError(
            f"string {first} has length {int(target_lengths[first])}, line {int(lines[first])} and classes "
            f"{ids[first].tolist()}; wanted are 0 to L = {ids.shape[1]}, 0 to {count - 1}, and 1 to {classes - 1}."
        )
