"""A loss that is not finite: the first operation of the forward pass that makes NaN or infinity of finite numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Draft
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.asking.failures.filling import filled_with_infinity, filled_with_nan
from gradcheck_lm.flow.asking.failures.origin import origin
from gradcheck_lm.flow.findings.registry import KINDS
from gradcheck_lm.flow.gradients.nodes import topological, walk_nodes
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.tape import Recording

_READ = "_saved_"
_OVER_CLASSES = frozenset(["cross_entropy", "nll_loss", "nll_loss2d", "nll_loss_nd"])


def first_not_finite(recorder: Recorder, roots: Sequence[torch.Tensor], *, may_unpack: bool) -> Draft | None:
    """The finding, where the loss is not finite; None where it is.

    Args:
        recorder: of the forward pass; values of one number are in it.
        roots: the loss.
        may_unpack: the values that are saved for the backward pass may be looked at: no hook of the program's runs.
            Call before the backward pass, which frees them.
    """
    if all(bool(torch.isfinite(root.detach()).all()) for root in roots):
        return None
    recording = recorder.recording
    known = _recorded(recording)
    ranges: dict[int, str] = {}
    for root in roots if may_unpack else ():
        _saved(recorder, root, known, ranges)
    tokens = [token for root in roots if (token := recorder.token_of(root)) is not None]
    if (written := filled_with_nan(recording, tokens)) is not None:
        return Draft("non_finite", written, "likely", cause="written")
    index, certain = origin(recording, tokens, known)
    if index is None:
        return Draft("non_finite", None, "likely", cause="loss_itself")
    if may_unpack and (ignored := _only_ignored(recording, roots, index)) is not None:
        return Draft("non_finite", index, "certain", cause="all_ignored", values={"ignored": str(ignored)})
    call = recording.calls[index]
    inputs = [token for token in call.inputs if token >= 0]
    cause, values = "forward", {}
    if any(known.get(token) is False for token in inputs):
        cause = "forward_of_bad"
    elif told := [ranges[token] for token in inputs if token in ranges]:
        cause, values = "forward_of_finite", {"inputs": "; ".join(told)}
    if (filled := filled_with_infinity(recording, index)) is not None:
        return Draft("non_finite", filled, "likely", cause="plus_infinity", values={"line": where(call.site)})
    if cures := KINDS["non_finite"].cause_at(call.operation.name):
        cause = f"{cause}/{cures}"
    return Draft("non_finite", index, "certain" if certain else "likely", cause=cause, values=values)


def _only_ignored(recording: Recording, roots: Sequence[torch.Tensor], index: int) -> int | None:
    """The label that a loss over classes ignores, where it was given no other."""
    if recording.calls[index].operation.name not in _OVER_CLASSES:
        return None
    for node in (node for root in roots for node in walk_nodes(root.grad_fn)):
        if not hasattr(node, "_saved_ignore_index") or recording.call_of(node) != index:
            continue
        try:
            labels = node._saved_target
        except RuntimeError:  # overwritten in place, or freed
            return None
        ignored = int(node._saved_ignore_index)
        ignored -= 2**64 if ignored >= 2**63 else 0  # torch hands a negative number out as it lies in memory
        return ignored if bool((labels == ignored).all()) else None
    return None


def _recorded(recording: Recording) -> dict[int, bool]:
    """token -> whether it is finite, for values of one number."""
    return {token: bool(torch.isfinite(value)) for token, value in recording.scalars.items()}


def _saved(recorder: Recorder, root: torch.Tensor, known: dict[int, bool], ranges: dict[int, str]) -> None:
    """The same for the values that autograd has kept: each belongs to the call that made it."""
    nodes = topological(walk_nodes(root.grad_fn))
    inner = _inner(recorder.recording, nodes)
    for node in reversed(nodes):
        leaf = getattr(node, "variable", None)
        if leaf is not None and (token := recorder.token_of(leaf)) is not None:
            _note(leaf, token, known, ranges)
        for name in dir(node):
            if not name.startswith(_READ):
                continue
            try:
                value = getattr(node, name)
            except RuntimeError:  # overwritten in place, or freed
                continue
            for tensor in value if isinstance(value, list | tuple) else (value,):
                if (
                    isinstance(tensor, torch.Tensor)
                    and (token := _token(recorder, inner, node, name, tensor)) is not None
                ):
                    _note(tensor, token, known, ranges)


def _inner(recording: Recording, nodes: Sequence[Any]) -> set[Any]:
    """Nodes whose value another node of the same call reads: what they made is no output of it, whatever its shape."""
    found = set()
    for node in nodes:
        call = recording.call_of(node)
        if call is not None:
            found |= {before for before, _ in node.next_functions if before and recording.call_of(before) == call}
    return found


def _token(recorder: Recorder, inner: set[Any], node: Any, name: str, tensor: torch.Tensor) -> int | None:
    maker = node if name in ("_saved_result", "_saved_output") else tensor.grad_fn
    if maker in inner:
        return None
    if maker is not None and (call := recorder.recording.call_of(maker)) is not None:
        outputs = recorder.recording.calls[call].outputs
        return next((token for token in outputs if recorder.recording.tokens[token].shape == tensor.shape), None)
    return recorder.token_of(tensor)


def _note(tensor: torch.Tensor, token: int, known: dict[int, bool], ranges: dict[int, str]) -> None:
    value = tensor.detach()
    if not value.is_floating_point() or not value.numel() or (token in known and token in ranges):
        return
    known[token] = bool(torch.isfinite(value).all())
    if known[token]:
        low, high = (float(end) for end in torch.aminmax(value))
        ranges[token] = f"{low:.3g} to {high:.3g}" if low != high else f"{low:.3g}"
