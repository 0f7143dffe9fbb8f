"""A recogniser's forward and backward pass as one launch each: CUDA graphs, for as long as it trains on a GPU."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_lm.errors import ArgumentError, RunError
from gradcheck_lm.lm.graphs import is_watched

# a graph holds the nodes of the stream that it was captured on, and torch says that this costs a wait
_STREAMS = "The AccumulateGrad node's stream does not match"


def check_graphs(device: torch.device, *, buckets: int, processes: int) -> None:
    """Raise ArgumentError where a run cannot take its steps as graphs; `buckets`: widths that its lines have."""
    possible = {
        f"runs on a GPU, and this run is on {device.type}": device.type == "cuda",
        f"serves lines of one width, and these are sorted into {buckets} (--buckets)": buckets == 0,
        f"serves one process, and there are {processes}": processes == 1,
    }
    if reasons := [reason for reason, holds in possible.items() if not holds]:
        raise ArgumentError(f"graphs: a captured step {reasons[0]}; leave --graphs out")


class Graphs:
    """Takes the first differentiated pass of each step from a graph, and leaves every other one as it is.

    A pass is captured when it comes for the first time. Nothing may use the GPU from another thread meanwhile, and a
    capture that fails leaves torch's random numbers unusable: it ends the run.

    Args:
        model: a recogniser, called as model(images, with_shortcut=...).
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._plain: Callable[..., Any] = model.forward
        self._captured: tuple[Any, Callable[[Tensor], Any]] | None = None  # the sizes, and what runs them
        self._open = False

    @property
    def ready(self) -> bool:
        """Whether the pass is captured."""
        return self._captured is not None

    def begin(self, *, measured: bool) -> None:
        """A step begins.

        Args:
            measured: several gradients are asked of it. It goes the plain way: what a graph keeps for its backward pass
                is overwritten by the first one.
        """
        self._open = not measured

    def __call__(self, images: Tensor, *, with_shortcut: bool = False) -> Any:
        if not self._open or not torch.is_grad_enabled() or is_watched():
            return self._plain(images, with_shortcut=with_shortcut)
        self._open = False
        size = (tuple(images.shape), images.dtype, with_shortcut, self.model.training)
        if self._captured is None:
            self._captured = size, self._capture(images, with_shortcut)
        known, replay = self._captured
        if known != size:
            return self._plain(images, with_shortcut=with_shortcut)
        found = replay(images)
        return tuple(map(_own, found)) if with_shortcut else _own(found)

    def _capture(self, images: Tensor, with_shortcut: bool) -> Callable[[Tensor], Any]:
        """Run the pass a few times and write it down; weights, statistics and random numbers are as before."""
        model, random = self.model, torch.cuda.get_rng_state(images.device)
        kept = {name: buffer.clone() for name, buffer in model.named_buffers()}
        # not accelerate's own forward, which keeps rounded weights from one pass to the next
        plain = getattr(model, "_original_forward", self._plain)
        one_pass = _Pass(model, plain, with_shortcut).train(model.training)
        half = torch.is_autocast_enabled("cuda")
        try:
            with torch.autocast("cuda", torch.get_autocast_dtype("cuda"), enabled=half, cache_enabled=False):
                found: Any = torch.cuda.make_graphed_callables(  # type: ignore[no-untyped-call]
                    one_pass, (torch.zeros_like(images),), allow_unused_input=True
                )
        except RuntimeError as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise RunError(f"the step cannot be captured as a CUDA graph ({first}): train without --graphs") from error
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                buffer.copy_(kept[name])
        torch.cuda.set_rng_state(random, images.device)
        return found  # type: ignore[no-any-return]


def _own(part: Tensor) -> Tensor:
    """A copy, as the graph's memory is written again by the next step; in single precision, as accelerate gives it."""
    return part.float() if part.dtype in (torch.float16, torch.bfloat16) else part.clone()


class _Pass(nn.Module):
    """A recogniser's pass as torch captures it: of tensors alone, with the weights that it differentiates."""

    def __init__(self, model: nn.Module, forward: Callable[..., Any], with_shortcut: bool) -> None:
        super().__init__()
        self.model = model
        self._forward, self._with_shortcut = forward, with_shortcut

    def train(self, mode: bool = True) -> _Pass:
        self.training = mode  # the recogniser's own modules keep the modes that they have
        return self

    def forward(self, images: Tensor) -> Any:
        return self._forward(images, with_shortcut=self._with_shortcut)


def install(model: nn.Module) -> Graphs:
    """Have a recogniser's differentiated passes replayed from now on; no module is wrapped, names in its state stay."""
    found = Graphs(model)
    model.forward = found  # type: ignore[assignment]
    return found


@contextlib.contextmanager
def of_two_streams() -> Iterator[None]:
    """Inside, torch does not warn that a graph was captured on a stream of its own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_STREAMS)
        yield


@contextlib.contextmanager
def graphed(model: nn.Module, wanted: bool) -> Iterator[Graphs | None]:
    """Inside, a recogniser's differentiated passes are replayed from graphs; afterwards it is as it was.

    Gradient: exact, of the plain pass.

    Raises:
        RunError: inside, where the step cannot be captured.
    """
    if not wanted:
        yield None
        return
    own = vars(model).get("forward")  # accelerate's, which rounds
    try:
        with of_two_streams():
            yield install(model)
    finally:
        if own is None:
            del model.forward
        else:
            model.forward = own  # type: ignore[assignment]
