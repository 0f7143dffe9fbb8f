"""The terms of a loss that is one number: the addends of its sum, named as the source names them."""

from __future__ import annotations

import ast
import linecache
import re
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import torch

from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.operations.names import words
from gradcheck_lm.flow.watching.sites import expression_at, line_of
from gradcheck_lm.flow.watching.tape import Call, Recording

_SUMS = frozenset(
    ["add", "add_", "__add__", "__radd__", "__iadd__", "sub", "sub_", "__sub__", "__rsub__", "__isub__", "subtract"]
)
_SCALES = words(
    """
    mul mul_ __mul__ __rmul__ __imul__ div div_ __truediv__ __itruediv__ true_divide multiply divide
    """
)
_SAME = words(
    """
    neg __neg__ to float double clone squeeze view reshape cpu cuda contiguous alias mean
    """
)
_FORMS = _SAME | {"sum", "item", "detach", "stack", "cat", "tensor", "as_tensor"}
_BUILTINS = frozenset(["sum", "max", "min", "abs", "len", "float", "round"])


@dataclass
class Addend:
    """One addend: a leaf of the sum, or a part of it with addends of its own."""

    name: str
    token: int
    host_call: int | None = None  # a plain number added by this call
    firm: bool = False  # the source names it right there: what its value was made of is no better name
    parts: list[Addend] = field(default_factory=list)

    def leaves(self) -> list[Addend]:
        """The addends that are no sums themselves."""
        found: list[Addend] = []
        stack = [self]
        while stack:
            addend = stack.pop()
            if addend.parts:
                stack.extend(reversed(addend.parts))
            else:
                found.append(addend)
        return found


def number_adders(recording: Recording, token: int, varying: set[int]) -> list[int]:
    """Calls in a loss's sum that add a plain floating-point number to it."""
    every = {index for index, call in enumerate(recording.calls) if _adds_number(call)}
    tree = addends_of(recording, token, varying, every)
    return [leaf.host_call for leaf in tree.leaves() if leaf.host_call is not None]


def _adds_number(call: Call) -> bool:
    return call.operation.name in _SUMS and call.host is not None and any(type(value) is float for value in call.host)


def addends_of(recording: Recording, token: int, varying: set[int], suspects: set[int], most: int = 500) -> Addend:
    """The sum that made a loss, as a tree.

    Args:
        token: the loss.
        varying: tokens that descend from what is asked about; a factor that does not is a weight.
        suspects: calls that add a plain number which once was such a tensor's value.
    """
    root = Addend("loss", token)
    queue = [root]
    count = 0
    while queue and count < most:
        addend = queue.pop()
        for part in _parts(recording, addend, varying, suspects):
            addend.parts.append(part)
            count += 1
            if part.host_call is None:
                queue.append(part)
        if len(addend.parts) == 1:  # a weight or a change of form: the same addend
            only = addend.parts[0]
            addend.token, addend.host_call, addend.parts = only.token, only.host_call, []
            if addend is not root and only.name and not addend.firm:
                addend.name, addend.firm = only.name, only.firm
            queue = [item for item in queue if item is not only] + ([addend] if only.host_call is None else [])
    return root


def _parts(recording: Recording, addend: Addend, varying: set[int], suspects: set[int]) -> list[Addend]:
    producer = recording.tokens[addend.token].producer
    if producer < 0:
        return []
    call = recording.calls[producer]
    inputs = [token for token in call.inputs if token >= 0]
    if call.operation.name in ("sum", "mean") and (parts := _stacked(recording, call)):
        return parts
    if any(recording.tokens[token].shape.numel() != 1 for token in inputs):
        return []
    name = call.operation.name
    if name in _SUMS:
        parts = [_operand(recording, call, token, place) for place, token in enumerate(inputs)]
        if producer in suspects:
            name = _name(_operand_node(recording, call, None, 1))
            parts.append(Addend(name, addend.token, host_call=producer))
        return parts if len(parts) > 1 else [Addend("", parts[0].token, parts[0].host_call)] if parts else []
    if name in _SCALES:
        moving = [place for place, token in enumerate(inputs) if token in varying]
        if len(inputs) == 1 or (len(moving) == 1 and (moving[0] == 0 or "div" not in name)):
            place = moving[0] if len(inputs) > 1 else 0
            return [_operand(recording, call, inputs[place], place)]
        return []
    if name in _SAME and len(inputs) == 1:
        return [Addend("", inputs[0])]
    return []


def _stacked(recording: Recording, call: Call) -> list[Addend]:
    """torch.stack([ctc, lm]).sum(): the list is the sum."""
    producer = recording.tokens[call.inputs[0]].producer if len(call.inputs) == 1 and call.inputs[0] >= 0 else -1
    if producer < 0 or recording.calls[producer].operation.name not in ("stack", "cat", "concat", "hstack"):
        return []
    inputs = recording.calls[producer].inputs
    if any(recording.tokens[token].shape.numel() != 1 for token in inputs):
        return []
    made = recording.calls[producer].site
    expression = expression_at(made.code, made.instruction) if made is not None and made.library_code is None else None
    listed = expression.args[0] if isinstance(expression, ast.Call) and expression.args else None
    names = [_name(item) for item in listed.elts] if isinstance(listed, ast.List | ast.Tuple) else []
    names = names if len(names) == len(inputs) else [""] * len(inputs)
    return [Addend(name, token) for name, token in zip(names, inputs, strict=True)]


def _operand(recording: Recording, call: Call, token: int, place: int) -> Addend:
    """An operand by its name in the source; where a product stands there, that name is a guess."""
    node = _operand_node(recording, call, token, place)
    name = _name(node)
    return Addend(name, token, firm=bool(name) and not isinstance(node, ast.BinOp))


def _operand_node(recording: Recording, call: Call, token: int | None, place: int) -> ast.AST | None:
    """What stands in the source for an operand: `lm` in `ctc + lm`."""
    if call.site is None:
        return None
    code, instruction = call.site.code, call.site.instruction
    if call.site.library_code is not None:
        code, instruction = call.site.library_code, call.site.library_instruction
    expression = expression_at(code, instruction)
    if isinstance(expression, ast.AugAssign):
        return (expression.target, expression.value)[place]
    if isinstance(expression, ast.Call) and isinstance(expression.func, ast.Attribute) and expression.args:
        owner = expression.func.value  # ctc.add(lm), torch.add(ctc, lm)
        sides = expression.args if len(expression.args) > 1 else [owner, expression.args[0]]
        return sides[place] if place < len(sides) else None
    if not isinstance(expression, ast.BinOp):
        return None
    sides = [expression.left, expression.right]
    tensors = sum(1 for item in call.inputs if item >= 0)
    if tensors == 1 and token is not None:  # the other side is a plain number
        sides = [side for side in sides if not _is_number(side)] or sides
        if len(sides) > 1:
            made = _assigned_at(recording, token, code, sides)
            place = int(call.operation.name.startswith("__r") or _written_first(sides)) if made is None else made
        else:
            place = 0
    elif token is None:
        place = int(not _is_number(sides[1]) or _is_number(sides[0]))
    elif call.operation.name.startswith("__r"):
        place = 1 - place
    return sides[min(place, len(sides) - 1)]


def _assigned_at(recording: Recording, token: int, code: CodeType, sides: list[ast.expr]) -> int | None:
    """Which of two names the line that made a value assigns it to."""
    producer = recording.tokens[token].producer
    site = recording.calls[producer].site if producer >= 0 else None
    if site is None or site.code is not code:
        return None
    text = linecache.getline(*line_of(site)).lstrip()
    for place, side in enumerate(sides):
        if isinstance(side, ast.Name) and re.match(rf"{side.id}\s*(:[^=]*)?=[^=]", text):
            return place
    return None


def _written_first(sides: list[ast.expr]) -> bool:
    """`self.weight * loss`: of two names the later one is taken for the tensor, as people write weights first."""
    first, second = sides
    if isinstance(second, ast.Call):
        return True
    weight = isinstance(first, ast.BinOp) and (_is_number(first.left) or _is_number(first.right))  # (1 - alpha) * loss
    names = ast.Attribute | ast.Name
    return (weight or isinstance(first, names)) and isinstance(second, names | ast.Subscript)


def _is_number(node: ast.AST) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    if isinstance(node, ast.BinOp):
        return _is_number(node.left) and _is_number(node.right)
    return isinstance(node, ast.Constant)


def _name(node: ast.AST | None) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return node.slice.value
    if isinstance(node, ast.Attribute):
        return ast.unparse(node)
    if isinstance(node, ast.Call):
        return _call_name(node)
    if isinstance(node, ast.BinOp):
        sides = [side for side in (node.left, node.right) if not _is_number(side)]
        return _name(sides[-1]) if sides else ""
    return ast.unparse(node) if isinstance(node, ast.expr) and len(ast.unparse(node)) <= 24 else ""


def _call_name(node: ast.Call) -> str:
    """`lm_loss(x)` goes by the function, `penalty.mean()` by the value; `sum(...)` says nothing."""
    if isinstance(node.func, ast.Name):
        return "" if node.func.id in _BUILTINS else node.func.id
    if isinstance(node.func, ast.Attribute) and node.func.attr in _FORMS:
        inner = node.func.value
        if isinstance(inner, ast.Name) and inner.id == "torch":
            return _name(node.args[0]) if node.args else ""
        return _name(inner)
    return _name(node.func)


def fallback_name(recording: Recording, token: int) -> str:
    """`line 42`, where the source gives no name."""
    producer = recording.tokens[token].producer
    site = recording.calls[producer].site if producer >= 0 else None
    return "loss" if site is None else f"line {line_of(site)[1]}"


def nodes_of(loss: torch.Tensor, recording: Recording) -> dict[int, Any]:
    """Per call, the node of its result in the loss's own graph, where autograd knows it: one walk for all addends."""
    found: dict[int, Any] = {}
    for node in walk_nodes(loss.grad_fn):
        call = recording.call_of(node)
        if call is None:
            continue
        known = found.get(call)  # an operation may make several nodes: its result's is the last
        if known is None or node._sequence_nr() > known._sequence_nr():
            found[call] = node
    return found
