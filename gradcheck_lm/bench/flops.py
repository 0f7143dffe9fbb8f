"""How much a training step of the recogniser computes, where its time goes, and how fast the device can be."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.terms import ctc_term


def step_flops(model: CRNN, lines: int, width: int) -> dict[str, float]:
    """Floating-point operations of forward and backward, a multiplication and an addition being two.

    The convolutions and heads are counted by torch from the shapes alone, nothing is computed; the LSTM, which torch
    runs as one operation, by its formula. BatchNorm, activations, CTC and the optimizer are not counted: they move
    memory more than they compute.
    """
    ghost = copy.deepcopy(model).to("meta")
    images = torch.empty(lines, 1, model.config.height, width, device="meta")
    with FlopCounterMode(display=False) as counter:
        columns = ghost.columns(images)
        columns.sum().backward()
    convolutions = counter.get_total_flops()
    columns = columns.detach().requires_grad_()
    states = torch.empty(*columns.shape[:2], 2 * model.config.lstm_hidden, device="meta", requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        (ghost.head(states).sum() + ghost.shortcut(columns.permute(1, 2, 0)).sum()).backward()
    return {
        "convolutions": float(convolutions),
        "lstm": float(lstm_flops(model, lines, columns.shape[0])),
        "heads": float(counter.get_total_flops()),
    }


def lstm_flops(model: CRNN, lines: int, frames: int) -> int:
    """Of forward and backward: in each layer and direction four gates of H see the input and the state; the backward
    pass does as much twice, for the inputs and for the weights."""
    hidden, forward = model.config.lstm_hidden, 0
    for layer in range(model.config.lstm_layers):
        size = model.recurrent.input_size if layer == 0 else 2 * hidden
        forward += 2 * frames * lines * 2 * 4 * hidden * (size + hidden)
    return 3 * forward


def matmul_flops_per_second(device: torch.device, dtype: torch.dtype, *, tf32: bool = False, repeats: int = 5) -> float:
    """The best of some multiplications of large square matrices: what the device can do at most."""
    size = 8192 if device.type == "cuda" else 2048
    one, two = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    before = torch.backends.cuda.matmul.allow_tf32
    best = float("inf")
    try:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        for _ in range(repeats + 1):
            began = time.perf_counter()
            one @ two
            synchronise(device)
            best = min(best, time.perf_counter() - began)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    return 2 * size**3 / best


def time_of_parts(
    model: CRNN, optimizer: torch.optim.Optimizer, images: Tensor, texts: list[str], charset: Charset, repeats: int
) -> dict[str, float]:
    """Median seconds of each part of a float32 step, forward and backward, each waited for."""
    device = images.device
    found: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        synchronise(device)
        began = time.perf_counter()
        result = work()
        synchronise(device)
        seconds = time.perf_counter() - began
        if turn:
            found.setdefault(name, []).append(seconds) if name not in seen else found[name].append(
                found[name].pop() + seconds
            )
            seen.add(name)
        return result

    for turn in range(repeats + 1):
        seen: set[str] = set()
        columns = timed("convolutions", lambda: model.columns(images))
        inner = columns.detach().requires_grad_()
        states = timed("lstm", lambda seen_by=inner: model.recurrent(seen_by)[0])
        last = states.detach().requires_grad_()
        logits, shortcut = timed(
            "heads", lambda a=last, b=inner: (model.head(a), model.shortcut(b.permute(1, 2, 0)).permute(2, 0, 1))
        )
        ends = [logits.detach().requires_grad_(), shortcut.detach().requires_grad_()]

        def both(ends: list[Tensor] = ends) -> None:
            (ctc_term(ends[0], texts, charset) + 0.1 * ctc_term(ends[1], texts, charset)).backward()

        timed("ctc", both)
        timed("heads", lambda a=(logits, shortcut), b=ends: torch.autograd.backward(a, [end.grad for end in b]))
        timed("lstm", lambda a=states, b=last: a.backward(b.grad))
        timed("convolutions", lambda a=columns, b=inner: a.backward(b.grad))
        timed("optimizer", optimizer.step)
        optimizer.zero_grad(set_to_none=True)
    return {name: sorted(values)[len(values) // 2] for name, values in found.items()}


def synchronise(device: torch.device) -> None:
    """Wait for a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
