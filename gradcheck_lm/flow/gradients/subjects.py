"""What a diagnosis is asked about: the tensors (wrt) and the loss or its terms, checked and named."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from gradcheck_lm.errors import TraceError, class_of

# run asks about these by itself; here only the model knows their names
_FOR_OPTIMIZER = '; of an optimizer: [one for group in optimizer.param_groups for one in group["params"]]'


def named_tensors(wrt: Any) -> tuple[dict[str, torch.Tensor], bool]:
    """Names and tensors of `wrt`, and whether they were named one by one (a module names all it has).

    Args:
        wrt: a module, a tensor, a list of tensors, or a dict of tensors or modules.
    Raises:
        TraceError: there is no tensor in it, or something else than tensors and modules.
    """
    wrt = unwrapped(wrt)
    if isinstance(wrt, torch.nn.Module):
        named: dict[str, Any] = dict(wrt.named_parameters())
        if not named:
            raise TraceError(
                f"wrt is {class_of(wrt)} without parameters: there is nothing a gradient could reach. "
                "Pass the model that you train, or the tensors themselves."
            )
        return named, False
    if isinstance(wrt, torch.Tensor):
        return _checked({"wrt": wrt}), True
    if isinstance(wrt, Mapping):
        _refuse_state(wrt)
        named = {}
        explicit = False
        for name, value in wrt.items():
            if isinstance(value, torch.nn.Module):
                inside = unwrapped(value).named_parameters()
                named.update((f"{name}.{inner}", tensor) for inner, tensor in inside)
            else:
                named[str(name)] = value
                explicit = True
        return _checked(named), explicit
    if isinstance(wrt, Iterable) and not isinstance(wrt, str | bytes):
        items = list(wrt)
        named = {}
        for position, item in enumerate(items):
            if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str):  # model.named_parameters()
                named[item[0]] = item[1]
            elif isinstance(item, torch.nn.Module):
                inside = unwrapped(item).named_parameters()
                named.update((f"[{position}].{inner}", tensor) for inner, tensor in inside)
            else:
                named[f"[{position}]"] = item
        return _checked(named), not all(isinstance(item, torch.nn.Module) for item in items)
    raise TraceError(
        f"wrt is {class_of(wrt)}; pass the model (an nn.Module), a tensor, a list of tensors, or a dict "
        f"from names to tensors{_FOR_OPTIMIZER if isinstance(wrt, torch.optim.Optimizer) else ''}."
    )


def unwrapped(wrt: Any) -> Any:
    """The module inside DistributedDataParallel, DataParallel or torch.compile; anything else as it is.

    Their names put `module.` or `_orig_mod.` before every parameter's, which says nothing about the model.
    """
    while isinstance(wrt, torch.nn.parallel.DistributedDataParallel | torch.nn.DataParallel) or (
        isinstance(wrt, torch.nn.Module) and isinstance(getattr(wrt, "_orig_mod", None), torch.nn.Module)
    ):
        wrt = wrt._orig_mod if hasattr(wrt, "_orig_mod") else wrt.module
    if isinstance(wrt, torch.nn.Module):
        _refuse_sharded(wrt)
    return wrt


def _refuse_state(wrt: Mapping[Any, Any]) -> None:
    """model.state_dict(): it carries versions, and holds no parameter, as it would with keep_vars=True."""
    if hasattr(wrt, "_metadata") and not any(isinstance(value, torch.nn.Parameter) for value in wrt.values()):
        raise TraceError(
            "wrt is a state_dict: its tensors are detached from the model's parameters, and no gradient ever comes to "
            "them. Pass the model itself, or dict(model.named_parameters())."
        )


_SHARDED = frozenset(["FSDPModule", "FullyShardedDataParallel"])


def _refuse_sharded(module: torch.nn.Module) -> None:
    """FSDP computes with gathered copies and hands their gradients over in hooks: autograd reaches no parameter."""
    for path, part in module.named_modules():
        if any(parent.__name__ in _SHARDED for parent in type(part).__mro__):
            raise TraceError(
                f"{'the model' if not path else repr(path)} is sharded by FSDP: its parameters take no part in the "
                "graph, only copies of them that each step gathers, so autograd cannot be asked about them. Diagnose "
                "the model before fully_shard or FullyShardedDataParallel wraps it, in one process: the cuts are the "
                "same."
            )


def _checked(named: dict[str, Any]) -> dict[str, torch.Tensor]:
    if not named:
        raise TraceError("wrt is empty: pass the model that you train, or the tensors that should get a gradient.")
    for name, value in named.items():
        if not isinstance(value, torch.Tensor):
            raise TraceError(
                f"wrt[{name!r}] is {class_of(value)}, not a tensor; pass model (an nn.Module), "
                "model.parameters(), or the tensors themselves."
            )
        if not (value.is_floating_point() or value.is_complex()):
            raise TraceError(
                f"wrt[{name!r}] has dtype {value.dtype}: whole numbers have no gradient. Pass the floating-point "
                "tensors before the cast, or the model's parameters."
            )
    return named


def loss_terms(loss: Any, *, source: str = "loss", finite: bool = True) -> tuple[dict[str, torch.Tensor | float], bool]:
    """Terms of a loss and whether the caller named them.

    Args:
        loss: one number (tensor), or a dict from names to numbers.
        source: what to call it in an error: "loss", or "fn".
        finite: refuse NaN and infinity; False for who can say where they come from.
    Raises:
        TraceError: None, something that is no number, more than one element, NaN or infinity.
    """
    if isinstance(loss, Mapping) and not _is_model_output(loss):
        if not loss:
            raise TraceError(
                f"{source} gave an empty dict; give the loss's terms by name, e.g. {{'ctc': ctc, 'lm': lm}}."
            )
        return {str(name): _number(value, f"{source}[{str(name)!r}]", finite) for name, value in loss.items()}, True
    return {"loss": _number(loss, source, finite)}, False


def _is_model_output(loss: Mapping[Any, Any]) -> bool:
    return "logits" in loss or "last_hidden_state" in loss


def _number(value: Any, name: str, finite: bool) -> torch.Tensor | float:
    if value is None:
        raise TraceError(
            f"{name} is None: there is no loss to ask about. Return the loss from the function, as a tensor of one "
            "element or as a dict of named terms."
        )
    if isinstance(value, torch.Tensor):
        if value.numel() != 1:
            raise TraceError(
                f"{name} has shape {tuple(value.shape)}, {value.numel()} numbers; a loss is one number. Pass "
                "loss.mean() or loss.sum(), or for gradients of logits pass logits.sum()."
            )
        if value.is_meta:
            raise TraceError(
                f"{name} is on the device meta: it has a shape and no number, and so have all gradients. Make model "
                "and batch on the cpu, as small as you like."
            )
        number = float(value.detach()) if not value.is_complex() else float(value.detach().abs())
    elif isinstance(value, bool) or not isinstance(value, int | float):
        number = _host_number(value, name)
    else:
        number = float(value)
    if finite and not math.isfinite(number):
        raise TraceError(
            f"{name} is {number}: a gradient of it says nothing. Find where the number comes from first, e.g. with "
            "torch.isfinite on the model's outputs and inputs, and pass a batch whose loss is finite."
        )
    return value if isinstance(value, torch.Tensor) else number


def _host_number(value: Any, name: str) -> float:
    if hasattr(value, "item") and hasattr(value, "dtype") and getattr(value, "size", 0) == 1:  # NumPy
        return float(value.item())
    raise TraceError(f"{name} is {class_of(value)}, not a number; {_instead(value)}.")


def _instead(value: Any) -> str:
    """What to pass instead of something that is no loss."""
    if inspect.iscoroutine(value):
        value.close()  # it will never be awaited
        return "fn is a coroutine function: pass lambda: asyncio.run(fn())"
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        return "fn is a generator function: take its losses yourself, e.g. lambda: sum(fn())"
    if hasattr(value, "loss"):
        return "return its .loss"
    if isinstance(value, list) and value and all(isinstance(one, torch.Tensor) and one.numel() == 1 for one in value):
        return "add the losses up, sum(losses), or give them names: a dict of named terms"
    if isinstance(value, list | tuple) and any(isinstance(item, torch.Tensor) for item in value):
        return "return the loss alone (of (loss, logits) the first), or a dict of named terms"
    if isinstance(value, Mapping):
        return "return its 'loss', or one level of named terms"
    if callable(value):
        return "call it, and return the loss that it gives"
    return "return the loss: a tensor of one element, or a dict of named terms"


def number_of(value: torch.Tensor | float) -> float:
    """The term's value as a Python number."""
    if isinstance(value, torch.Tensor):
        if value.numel() != 1:
            return float("nan")  # a vector that backward() was given weights for
        return float(value.detach().abs() if value.is_complex() else value.detach())
    return float(value)
