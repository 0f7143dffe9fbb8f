"""Targets that a loss misreads: several classes at once, blanks among CTC's labels, numbers out of reach."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.asking.warnings.axes.all_pairs import SAME_VALUES
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.tape import Call, Recording, TargetDoubt

ASKED = words("cross_entropy binary_cross_entropy ctc_loss mse_loss smooth_l1_loss huber_loss")
_SHARE = 0.2  # of the targets, from which on they are told: single ones may be outliers
_MARGIN = 0.05  # beyond the ends of the range, as labels are smoothed or noisy
_LEAST = 4  # targets
_REACH = {
    "sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "hardsigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0),
    "hardtanh": (-1.0, 1.0), "relu": (0.0, math.inf), "relu_": (0.0, math.inf), "softplus": (0.0, math.inf),
    "exp": (0.0, math.inf),
}  # fmt: skip


def misread_targets(recording: Recording, nodes: Sequence[Any]) -> Iterator[TargetDoubt]:
    """What is doubtful in the targets that the nodes of a loss have saved."""
    for node in nodes:
        name, index = node.name(), recording.call_of(node)
        if index is None:
            continue
        call = recording.calls[index]
        if call.operation.name not in ASKED:
            continue
        if name.startswith("MulBackward") and call.operation.name == "cross_entropy":
            for doubt in _several_classes(index, _saved(node, "_saved_other"), "several_classes", {}):
                yield replace(doubt, said_by="loss")
        elif name.startswith("BinaryCrossEntropyBackward"):
            made = _maker(recording, call)
            if made is not None and recording.calls[made].operation.name == "softmax":
                targets, values = _saved(node, "_saved_target"), _made(recording, made)
                for doubt in _several_classes(index, targets, "classes_compete", values):
                    yield replace(doubt, written=made, said_by="layer")
        elif name.startswith("CtcLossBackward"):
            yield from _blanks(index, node)
        elif name.startswith(("MseLossBackward", "SmoothL1LossBackward", "HuberLossBackward")):
            yield from _out_of_reach(recording, index, call, _saved(node, "_saved_target"))


def _saved(node: Any, name: str) -> torch.Tensor | None:
    """What a node has saved; None where it has not, or no more."""
    try:
        found = getattr(node, name, None)
    except RuntimeError:
        return None
    return found.detach() if isinstance(found, torch.Tensor) else None


def _maker(recording: Recording, call: Call) -> int | None:
    """What made the predictions of a loss, past what only changes their shape."""
    return recording.maker(call.inputs[0], SAME_VALUES) if call.inputs else None


def _made(recording: Recording, index: int) -> dict[str, str]:
    call = recording.calls[index]
    return {"function": call.operation.title, "made": where(call.site)}


def _several_classes(
    index: int, targets: torch.Tensor | None, cause: str, values: dict[str, str]
) -> Iterator[TargetDoubt]:
    """Rows of zeros and ones of which many have several ones."""
    if targets is None or targets.dim() < 2 or not targets.is_floating_point() or targets.shape[1] < 2:
        return
    if not bool(((targets == 0) | (targets == 1)).all()):
        return
    counts = targets.sum(1).flatten()
    share = float((counts > 1).double().mean())
    if len(counts) >= _LEAST and share >= _SHARE:
        values = {**values, "share": f"{share:.0%}", "most": f"{int(counts.max())}"}
        yield TargetDoubt("targets_misread", cause, index, values)


def _blanks(index: int, node: Any) -> Iterator[TargetDoubt]:
    """Labels of CTC that are the class of the blank."""
    targets, blank = _saved(node, "_saved_targets"), getattr(node, "_saved_blank", None)
    lengths = getattr(node, "_saved_target_lengths", None)
    if targets is None or blank is None or lengths is None:
        return
    if targets.dim() == 2:
        sizes = torch.as_tensor(lengths, device=targets.device)
        inside = torch.arange(targets.shape[1], device=targets.device) < sizes[:, None]
        targets = targets[inside]
    found = int((targets == int(blank)).sum())
    if found:
        values = {"blank": str(int(blank)), "count": str(found), "total": str(targets.numel())}
        yield TargetDoubt("targets_misread", "blank_in_labels", index, values)


def _out_of_reach(recording: Recording, index: int, call: Call, targets: torch.Tensor | None) -> Iterator[TargetDoubt]:
    """Targets that what makes the predictions cannot give."""
    made = _maker(recording, call)
    reach = None if made is None else _REACH.get(recording.calls[made].operation.name)
    if made is None or reach is None or targets is None or targets.numel() < _LEAST or targets.requires_grad:
        return
    low, high = reach
    outside = (targets < low - _MARGIN) | (targets > high + _MARGIN)
    share = float(outside.double().mean())
    if share >= _SHARE:
        ends = {"low": f"{float(targets.min()):.3g}", "high": f"{float(targets.max()):.3g}"}
        values = {**_made(recording, made), "share": f"{share:.0%}", **ends}
        yield TargetDoubt("targets_misread", "out_of_reach", index, values, written=made, said_by="layer")
