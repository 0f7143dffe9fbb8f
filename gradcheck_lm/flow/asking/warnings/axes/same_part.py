"""One part of what a layer gives that is read for two things, as a mean and a variance, and a rest that none reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.operations.names import DROPOUTS, words
from gradcheck_lm.flow.watching.sites import line_of
from gradcheck_lm.flow.watching.source import called, stands_on, tree_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_SLICES = words("__getitem__ narrow")
_DENSE = words("linear addmm bilinear")
_CONVOLUTIONS = words("conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d")
_BEHIND_LAYERS = DROPOUTS | words("relu gelu silu elu leaky_relu tanh batch_norm layer_norm group_norm instance_norm")


def warn_of_same_parts(evidence: Evidence, chain: Chain) -> None:
    """A warning at the second of two lines that take the same half, third or so of what a layer gives."""
    recording = evidence.recording
    candidates = list(_candidates(recording))
    bounds = _bounds(evidence, {index for _, _, calls in candidates for index in calls}) if candidates else {}
    for token, axis, calls in candidates:
        parts = {bounds.get(index) for index in calls}
        part = parts.pop()
        if parts or part is None or part[0] != axis:
            continue
        first, second = recording.calls[calls[0]], recording.calls[calls[1]]
        size, producer = recording.tokens[token].shape[axis], recording.tokens[token].producer
        if producer < 0:
            continue
        layer = recording.calls[producer]
        values = {
            "line": where(first.site), "part": f"{part[1]}:{part[2]}", "axis": str(axis), "size": str(size),
            "function": layer.operation.title, "made": where(layer.site),
        }  # fmt: skip
        draft = Draft("unread", calls[1], "likely", "warning", cause="same_part", values=values)
        chain.put(draft, key=("same part", second.site))


def may_share_parts(recording: Recording) -> bool:
    """Whether anything is there that `warn_of_same_parts` would look at more closely."""
    return any(True for _ in _candidates(recording))


def _candidates(recording: Recording) -> Iterator[tuple[int, int, list[int]]]:
    """(what a layer gives, the axis of which parts are taken, who takes them): alike, by several lines, no other."""
    readers: dict[int, list[int]] = {}
    for index, call in enumerate(recording.calls):
        for token in call.inputs:
            readers.setdefault(token, []).append(index)
    for token, calls in readers.items():
        if len(calls) < 2 or token < 0 or not recording.tokens[token].requires_grad:
            continue
        found = [recording.calls[index] for index in calls]
        if any(call.operation.name not in _SLICES or len(call.inputs) != 1 or len(call.outputs) != 1 for call in found):
            continue
        if len({call.site for call in found}) != len(found):
            continue
        if len(found) == 2 and _are_arguments_of_one_call(found):
            half = _half(recording, token, found[0].outputs[0])
            if half is not None:
                yield token, half, calls
            continue
        axes = {_axis(recording, token, call.outputs[0]) for call in found}
        axis = axes.pop()
        of_a_layer = not axes and axis is not None and _is_of_a_layer(recording, token, axis)
        if of_a_layer and axis is not None and all(map(_is_named, found)):
            yield token, axis, calls


def _are_arguments_of_one_call(found: Sequence[Call]) -> bool:
    """Whether two parts are the same text, written as two arguments of one call: the second was to be another part."""
    sites = [call.site for call in found if call.site is not None]
    places = {line_of(site) for site in sites}
    if len(sites) != 2 or len(places) != 1:
        return False
    file, line = places.pop()
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Call) and stands_on(node, line):
            parts = [ast.unparse(one) for one in node.args if isinstance(one, ast.Subscript) and stands_on(one, line)]
            if len(parts) == 2 and parts[0] == parts[1]:
                return True
    return False


def _half(recording: Recording, whole: int, part: int) -> int | None:
    """The axis of which a half is left."""
    before, after = recording.tokens[whole].shape, recording.tokens[part].shape
    differing = [axis for axis, sizes in enumerate(zip(before, after, strict=False)) if sizes[0] != sizes[1]]
    halved = len(before) == len(after) and len(differing) == 1 and before[differing[0]] == 2 * after[differing[0]]
    return differing[0] if halved else None


def _is_named(call: Call) -> bool:
    """Whether a part is given a name, or returned: the classes seen so far are cut out inside the losses."""
    if call.site is None:
        return False
    file, line = line_of(call.site)
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.Return) and stands_on(node, line):
            parts = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            if any(isinstance(one, ast.Subscript) or _is_narrow(one) for one in parts):
                return True
    return False


def _is_narrow(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Call) and called(node) == "narrow"


def _axis(recording: Recording, whole: int, part: int) -> int | None:
    """The axis of which a half, a third or so is left; None where it is another part, or one of several axes."""
    before, after = recording.tokens[whole].shape, recording.tokens[part].shape
    if len(before) != len(after):
        return None
    differing = [axis for axis, sizes in enumerate(zip(before, after, strict=True)) if sizes[0] != sizes[1]]
    if len(differing) != 1 or differing[0] == 0:
        return None
    size, left = before[differing[0]], after[differing[0]]
    return differing[0] if left > 1 and size % left == 0 else None


def _is_of_a_layer(recording: Recording, token: int, axis: int) -> bool:
    """Whether the numbers along the axis are a layer's own outputs: what none reads of them was never wanted."""
    last = len(recording.tokens[token].shape) - 1
    while token >= 0 and (index := recording.tokens[token].producer) >= 0:
        call = recording.calls[index]
        if call.operation.name in _DENSE | _CONVOLUTIONS:
            return axis == (last if call.operation.name in _DENSE else 1)
        if call.operation.name not in _BEHIND_LAYERS or not call.inputs:
            return False
        token = call.inputs[0]
    return False


def _bounds(evidence: Evidence, wanted: set[int]) -> dict[int, tuple[int, int, int]]:
    """Call -> (axis, start, end) of each slice on the way to a term: autograd's node keeps them."""
    found: dict[int, tuple[int, int, int]] = {}
    for strand in evidence.strands:
        if strand.root is None or strand.root.grad_fn is None:
            continue
        for node in walk_nodes(strand.root.grad_fn):
            if not node.name().startswith("SliceBackward") or node._saved_step != 1:
                continue
            index = evidence.recording.call_of(node)
            if index is None or index not in wanted:
                continue
            sizes = node._saved_self_sym_sizes
            axis = _signed(node._saved_dim) % len(sizes)
            start, end, _ = slice(_signed(node._saved_start), _signed(node._saved_end)).indices(int(sizes[axis]))
            found[index] = axis, start, end
    return found


def _signed(number: int) -> int:
    """A number as it was given: a negative one is held as what wraps around 64 bits."""
    return number - (1 << 64) if number >= 1 << 63 else number
