"""How much a training step of the recogniser computes, and where its time goes."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.training.terms import ctc_term


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


def clock_of(device: torch.device) -> Callable[[], float]:
    """Seconds so far: of a single thread on a processor its CPU time, which neighbours disturb less than the clock."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if alone else time.perf_counter


class _Clock:
    """Seconds by name, each part waited for; a part that comes twice in a turn is added up."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.clock = device, clock_of(device)
        self.turns: list[dict[str, float]] = []

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        synchronise(self.device)
        began = self.clock()
        yield
        synchronise(self.device)
        self.turns[-1][name] = self.turns[-1].get(name, 0.0) + self.clock() - began


def time_of_parts(
    model: CRNN, optimizer: torch.optim.Optimizer, images: Tensor, texts: list[str], charset: Charset, repeats: int
) -> dict[str, float]:
    """Seconds of each part of a float32 step at its fastest, forward and backward together; one turn is not counted."""
    clock = _Clock(images.device)
    for _ in range(repeats + 1):
        clock.turns.append({})
        with clock.part("convolutions"):
            columns = model.columns(images)
        seen = columns.detach().requires_grad_()
        with clock.part("lstm"):
            states = model.recurrent(seen)[0]
        last = states.detach().requires_grad_()
        with clock.part("heads"):
            outputs = [model.head(last), model.shortcut(seen.permute(1, 2, 0)).permute(2, 0, 1)]
        logits, shortcut = (output.detach().requires_grad_() for output in outputs)
        with clock.part("ctc"):
            (ctc_term(logits, texts, charset) + 0.1 * ctc_term(shortcut, texts, charset)).backward()
        with clock.part("heads"):
            torch.autograd.backward(outputs, [logits.grad, shortcut.grad])
        with clock.part("lstm"):
            states.backward(last.grad)
        with clock.part("convolutions"):
            columns.backward(seen.grad)
        with clock.part("optimizer"):
            optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return {name: min(turn[name] for turn in clock.turns[1:]) for name in clock.turns[0]}


def synchronise(device: torch.device) -> None:
    """Wait for a GPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
