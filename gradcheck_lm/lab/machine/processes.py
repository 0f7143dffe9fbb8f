"""Several processes as one: every term of the loss is taken over the union of their lines, whatever their number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from gradcheck_lm.errors import GradcheckLMError, RunError

Value = TypeVar("Value")


def world() -> int:
    """Number of processes that work together, 1 outside of torch.distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """This process's number, counted from 0."""
    return dist.get_rank() if world() > 1 else 0


class _Union(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits: Tensor) -> Tensor:  # type: ignore[override]
        counts = gathered(logits.shape[1])
        frames, most = gathered(logits.shape[0]), max(counts)
        if len(set(frames)) > 1:
            raise RunError(f"the processes read pictures of different widths in one step: {frames} frames")
        padded = torch.nn.functional.pad(logits.detach(), (0, 0, 0, most - logits.shape[1])).contiguous()
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        places = striped(counts)
        ctx.mine = [place for place, (owner, _) in enumerate(places) if owner == rank()]
        return torch.stack([parts[owner][:, slot] for owner, slot in places], dim=1)

    @staticmethod
    def backward(ctx, *outputs: Tensor) -> Tensor:
        # data parallelism averages gradients over processes; here each holds its lines' share of one sum
        return outputs[0][:, ctx.mine] * world()


def union_lines(logits: Tensor) -> Tensor:
    """Logits of all processes' lines, in the order that one process would have them in.

    Args:
        logits: (T, n, C) of this process's lines: every `world`-th line of the batch, from `rank` on.
    Returns:
        (T, N, C), the same on every process to the bit.
    Gradient: exact for this process's lines, times the number of processes, which the average over processes undoes.
    """
    return logits if world() == 1 else _Union.apply(logits)


def union_texts(texts: Sequence[str] | None) -> list[str] | None:
    """Labels of all processes' lines in that order; None where there are none."""
    if texts is None or world() == 1:
        return None if texts is None else list(texts)
    parts = gathered(list(texts))
    return [parts[owner][slot] for owner, slot in striped([len(part) for part in parts])]


def striped(counts: Sequence[int]) -> list[tuple[int, int]]:
    """(process, place there) of each line of a batch that was dealt out like cards."""
    return [(owner, slot) for slot in range(max(counts)) for owner, count in enumerate(counts) if slot < count]


def gathered(value: Value) -> list[Value]:
    """Every process's value, by rank. All must ask."""
    if world() == 1:
        return [value]
    found: list[Any] = [None] * world()
    dist.all_gather_object(found, value)
    return found


def agree(problem: Exception | None) -> None:
    """Stop all processes where one has a problem: the others would wait for it for ever.

    Raises:
        The problem, on the process that has it; RunError with its text on the others.
    """
    texts = gathered(None if problem is None else str(problem))
    if problem is not None:
        raise problem
    for number, text in enumerate(texts):
        if text is not None:
            raise RunError(f"process {number}: {text}")


def on_main(action: Callable[[], Any]) -> None:
    """Do something on the first process alone; where it fails there, all stop."""
    problem: Exception | None = None
    if rank() == 0:
        try:
            action()
        except (GradcheckLMError, OSError) as error:
            problem = error
    agree(problem)


class SharedLanguageModel:
    """A language model whose scoring is dealt out over the processes; each gets all the answers.

    All ask for the same texts at the same time, which they do where their penalties see the same logits and draw from
    the same generator. What sends a gradient through the LM (`score_soft` and its like) is done by each process for
    all lines: those penalties gain no time from more processes.
    """

    def __init__(self, language_model: Any) -> None:
        self.language_model = language_model
        # a penalty asks whether there is an nll, and a black box has none
        self.score = self._dealt("score")
        if callable(getattr(language_model, "nll", None)):
            self.nll = self._dealt("nll")

    def __getattr__(self, name: str) -> Any:
        if name == "language_model":  # asked for while a copy is made, before there is one
            raise AttributeError(name)
        return getattr(self.language_model, name)

    def _dealt(self, name: str) -> Callable[[Sequence[str]], Tensor]:
        ask = getattr(self.language_model, name)

        def score(texts: Sequence[str]) -> Tensor:
            if world() == 1:
                return ask(texts)
            texts = list(texts)
            mine = texts[rank() :: world()]
            found = torch.as_tensor(ask(mine)).detach() if mine else torch.zeros(0)
            digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
            parts = gathered((digest, found.double().tolist(), str(found.dtype).split(".")[1] if mine else None))
            if len({part[0] for part in parts}) > 1:
                raise RunError(
                    "the processes drew different strings from the same logits: run them on devices of one kind"
                )
            kind = next(part[2] for part in parts if part[2])
            order = striped([len(part[1]) for part in parts])
            return torch.tensor([parts[owner][1][slot] for owner, slot in order], dtype=getattr(torch, kind))

        return score


def shared_language_model(language_model: Any) -> Any:
    """The language model itself in one process; in several, one that deals its work out."""
    return language_model if world() == 1 else SharedLanguageModel(language_model)
