"""What a script is asked about, and what its tensors are called: by the modules and the variables that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.findings.notes import NO_MODULE, NO_OPTIMIZER
from gradcheck_lm.flow.scripts.watched.recorder import ScriptRecorder

_MOST = 200  # things looked through for modules


def parameters_of(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    """All tensors that an optimizer holds."""
    return [tensor for group in optimizer.param_groups for tensor in group["params"]]


def asked_about(
    optimizers: Sequence[torch.optim.Optimizer], recorder: ScriptRecorder, variables: Mapping[str, Any]
) -> tuple[dict[str, torch.Tensor], list[str]]:
    """The tensors that should learn, by name, and what the reader should know of the choice.

    Args:
        optimizers: those whose tensors are meant; where there are none, the modules that ran are, or the leaves.
        recorder: which modules ran.
        variables: the script's own, at module level.
    Raises:
        TraceError: there is none.
    """
    wanted = {id(tensor): tensor for optimizer in optimizers for tensor in parameters_of(optimizer)}
    notes: list[str] = []
    names = _names(set(wanted), recorder, variables)
    if not wanted:
        notes.append(NO_OPTIMIZER.told())
        wanted = {key: tensor for key, (_, tensor) in names.items() if tensor.requires_grad}
    if not wanted:
        notes[:] = [NO_MODULE.told()]
        wanted = {id(tensor): tensor for tensor in recorder.leaves()}
        names = _names(set(wanted), recorder, variables)
    if not wanted:
        raise TraceError(
            "backward() was called, and before it no optimizer was made, no module ran and no tensor with "
            "requires_grad=True was used: there is nothing to ask about. Call gradcheck_lm.diagnose(fn, "
            "wrt=tensors) with the tensors that should get a gradient."
        )
    return _labelled(wanted, names), notes


def named(tensors: Iterable[torch.Tensor], recorder: ScriptRecorder, variables: Mapping[str, Any]) -> dict[str, Any]:
    """These tensors by name."""
    wanted = {id(tensor): tensor for tensor in tensors}
    return _labelled(wanted, _names(set(wanted), recorder, variables))


def _labelled(
    wanted: Mapping[int, torch.Tensor], names: Mapping[int, tuple[str, torch.Tensor]]
) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for place, (key, tensor) in enumerate(wanted.items()):
        name = names[key][0] if key in names else f"parameter {place}"
        found[name if name not in found else f"{name} ({place})"] = tensor
    return found


def _names(
    wanted: set[int], recorder: ScriptRecorder, variables: Mapping[str, Any]
) -> dict[int, tuple[str, torch.Tensor]]:
    roots = [module for reference in recorder.recording.roots if (module := reference()) is not None]
    roots = _outermost(list(dict.fromkeys(roots)))
    if wanted:
        roots = [root for root in roots if any(id(tensor) in wanted for tensor in root.parameters())]
    known = {id(module): name for name, module in _modules_in(variables)}
    taken: dict[str, int] = {}
    found: dict[int, tuple[str, torch.Tensor]] = {}
    for root in roots:
        title = known.get(id(root), type(root).__name__)
        taken[title] = count = taken.get(title, 0) + 1
        title = title if count == 1 else f"{title} #{count}"
        prefix = "" if len(roots) == 1 else title + "."
        for name, tensor in root.named_parameters():
            found.setdefault(id(tensor), (prefix + name, tensor))
    for title, module in _modules_in(variables) if wanted - found.keys() else ():  # modules that never ran
        for name, tensor in module.named_parameters():
            if id(tensor) in wanted:
                found.setdefault(id(tensor), (f"{title}.{name}", tensor))
    for name, value in variables.items() if wanted else ():
        if isinstance(value, torch.Tensor) and id(value) in wanted:
            found.setdefault(id(value), (name, value))
    return found


def _outermost(modules: list[torch.nn.Module]) -> list[torch.nn.Module]:
    inner = {id(part) for module in modules for part in list(module.modules())[1:]}
    return [module for module in modules if id(module) not in inner]


def _modules_in(variables: Mapping[str, Any]) -> list[tuple[str, torch.nn.Module]]:
    """Modules that variables hold: themselves, in lists and dicts, and as attributes of the script's own objects."""
    found: list[tuple[str, torch.nn.Module]] = []
    for name, value in variables.items():
        if len(found) >= _MOST:
            break
        if isinstance(value, torch.nn.Module):
            found.append((name, value))
        elif type(value) in (list, tuple):
            found += [
                (f"{name}[{i}]", part) for i, part in enumerate(value[:_MOST]) if isinstance(part, torch.nn.Module)
            ]
        elif type(value) is dict and len(value) <= _MOST:
            found += [(f"{name}[{key!r}]", part) for key, part in value.items() if isinstance(part, torch.nn.Module)]
        elif type(value).__module__ == "__main__" and isinstance(getattr(value, "__dict__", None), dict):
            inner = value.__dict__.items()
            found += [(f"{name}.{key}", part) for key, part in inner if isinstance(part, torch.nn.Module)]
    return found
