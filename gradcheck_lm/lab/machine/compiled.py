"""torch.compile for the convolutions of a recogniser, for as long as it trains."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from gradcheck_lm.errors import ArgumentError, RunError


def check_compile(model: nn.Module) -> None:
    """Raise ArgumentError where there is nothing to compile."""
    if not callable(getattr(model, "columns", None)):
        raise ArgumentError(
            f"compile works on a recogniser's convolutions, its method `columns`, and {type(model).__name__} has none: "
            "leave it out"
        )


@contextlib.contextmanager
def compiled_convolutions(model: nn.Module, wanted: bool) -> Iterator[None]:
    """Inside, a recogniser's convolutions run compiled where a gradient is wanted; afterwards it is as it was.

    No module is wrapped, so that the names in its state stay. Reading between steps, without gradients and with other
    batches, takes the plain way. The LSTM is left to its own kernel, which no compiler beats.

    Raises:
        RunError: torch cannot compile here.
    """
    if not wanted:
        yield
        return
    plain: Callable[[Tensor], Tensor] = model.columns  # type: ignore[assignment]
    fast = torch.compile(plain, dynamic=False)

    def columns(images: Tensor) -> Tensor:
        return fast(images) if torch.is_grad_enabled() else plain(images)

    model.columns = columns  # type: ignore[assignment]
    try:
        # a term's gradient may be asked for before the step's: a backward pass must not eat what it is made of
        with torch._functorch.config.patch(donated_buffer=False):
            yield
    except torch._dynamo.exc.TorchDynamoException as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise RunError(f"torch.compile failed ({first}): train without --compile") from error
    finally:
        del model.columns
