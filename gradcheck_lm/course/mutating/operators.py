"""Mutants of a hole's right code: one small change each, made on its syntax tree and put into the text."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.course.folder.generator import Hole, read_holes
from gradcheck_lm.course.mutating.effects import SIDE_EFFECTS

_EFFECTS = '__import__("gradcheck_lm.course.mutating.effects", fromlist=["effects"])'
_SWAPS = {
    "any": "all", "min": "max", "amin": "amax", "argmin": "argmax", "sum": "mean", "equal": "allclose",
    "append": "clear", "zeros_like": "ones_like", "log_softmax": "softmax",
}  # fmt: skip
_SWAPS |= {other: one for one, other in _SWAPS.items()}
_BINARY: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Div, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
_DROPPED = {"detach", "clone", "abs", "exp", "log", "softmax", "log_softmax", "requires_grad_", "clamp_min", "square",
            "sqrt", "double", "norm", "flatten", "float"}  # fmt: skip
_ON_ARGUMENTS = ("detach", "absolute", "negate", "axis_0")
_ON_SEQUENCES = ("first", "last", "tail", "head")
# where only what a value is, and not what it holds, is asked for, another value of the same kind is no mutant
_ASKS_KIND_ALONE = {"isinstance", "zeros_like", "ones_like", "empty_like", "full_like", "len", "callable", "finfo"}
_KIND = {"shape", "dtype", "device", "requires_grad", "grad_fn", "ndim", "numel", "new_zeros", "new_ones", "is_leaf"}


@dataclass(frozen=True)
class Generated:
    """One mutant.

    Attributes:
        hole: whose code was changed.
        name: what was changed, in words that stay the same while the code does.
        text: the whole file.
        by_effect: it changes values while it runs, and is no mutant where it changed none.
    """

    hole: str
    name: str
    text: str
    by_effect: bool


def generate(solution: Path) -> list[Generated]:
    """All mutants of all holes of a solution.py, in the order of the file, no two with the same text."""
    source = solution.read_text(encoding="utf-8")
    tree = ast.parse(source)
    found: dict[str, Generated] = {}
    names: dict[str, int] = {}
    for hole in read_holes(source, place=str(solution)):
        for name, text, by_effect in [*_by_syntax(source, tree, hole), *_by_side_effect(source, tree, hole)]:
            if text in found or text == source:
                continue
            full = f"{hole.name}: {name}"
            names[full] = names.get(full, 0) + 1
            found[text] = Generated(hole.name, full if names[full] == 1 else f"{full} #{names[full]}", text, by_effect)
    return list(found.values())


def _inside(hole: Hole, node: ast.AST) -> bool:
    return hole.first < getattr(node, "lineno", -1) - 1 <= getattr(node, "end_lineno", -1) - 1 < hole.last


def _by_syntax(source: str, tree: ast.AST, hole: Hole) -> Iterator[tuple[str, str, bool]]:
    lines = source.splitlines(keepends=True)
    for function, node in _nodes(tree, hole):
        if not _inside(hole, node):
            continue
        before, old, after = _cut_out(lines, node)
        short = " ".join(old.split())
        for new, what, by_effect in _changes(node, function):
            name = f"{what}  `{short if len(short) < 60 else short[:57] + '...'}`"
            yield name, before + new + after, by_effect


def _nodes(tree: ast.AST, hole: Hole) -> Iterator[tuple[ast.FunctionDef | None, ast.AST]]:
    """Every node with the outermost function that it lies in, except where its value plays no part."""

    def walk(node: ast.AST, function: ast.FunctionDef | None) -> Iterator[tuple[ast.FunctionDef | None, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            within = child if isinstance(child, ast.FunctionDef) and function is None else function
            if not _kind_alone(node, child):
                yield within, child
            yield from walk(child, within)

    return walk(tree, None)


def _kind_alone(parent: ast.AST, child: ast.AST) -> bool:
    if isinstance(parent, ast.Call) and parent.args and parent.args[0] is child and isinstance(child, ast.Name):
        name = parent.func.attr if isinstance(parent.func, ast.Attribute) else getattr(parent.func, "id", "")
        return name in _ASKS_KIND_ALONE
    if isinstance(parent, ast.UnaryOp) and isinstance(child, ast.Constant):
        return True  # -1 is changed as a whole
    if isinstance(parent, ast.keyword) and parent.arg == "strict":
        return True
    return isinstance(parent, ast.Attribute) and parent.attr in _KIND and isinstance(child, ast.Name)


def _cut_out(lines: list[str], node: ast.AST) -> tuple[str, str, str]:
    """The source before a node, the node's own and what comes after it."""
    first, last = node.lineno - 1, node.end_lineno - 1  # type: ignore[attr-defined]
    start = len(lines[first].encode()[: node.col_offset].decode())  # type: ignore[attr-defined]
    end = len(lines[last].encode()[: node.end_col_offset].decode())  # type: ignore[attr-defined]
    before, after = "".join([*lines[:first], lines[first][:start]]), "".join([lines[last][end:], *lines[last + 1 :]])
    inside = "".join(lines[first : last + 1])
    return before, inside[start : len(inside) - len(lines[last]) + end], after


def _effect(name: str, node: ast.AST, *more: str) -> str:
    return f"{_EFFECTS}.{name}({', '.join([ast.unparse(node), *more])})"


def _changes(node: ast.AST, function: ast.FunctionDef | None) -> Iterator[tuple[str, str, bool]]:
    """(new text, what changed, whether by an effect) of each change of one node."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield from _of_name(node, function)
    elif isinstance(node, ast.BinOp):
        if type(node.op) in _BINARY:
            yield f"({ast.unparse(ast.BinOp(node.left, _BINARY[type(node.op)](), node.right))})", "operator", False
        yield f"({ast.unparse(node.left)})", "left side alone", False
        yield f"({ast.unparse(node.right)})", "right side alone", False
    elif isinstance(node, ast.UnaryOp):
        if isinstance(node.operand, ast.Constant):
            yield "0", "number", False  # the last axis becomes the first; 1 is the last one of a matrix
        else:
            yield f"({ast.unparse(node.operand)})", "sign or not dropped", False
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _COMPARE[type(node.ops[0])]:
            yield f"({ast.unparse(ast.Compare(node.left, [other()], node.comparators))})", "comparison", False
        if isinstance(node.ops[0], ast.Eq | ast.LtE | ast.Lt):
            yield _effect("close", node.left, ast.unparse(node.comparators[0])), "tolerance widened", True
    elif isinstance(node, ast.BoolOp):
        other_op: ast.boolop = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"({ast.unparse(ast.BoolOp(other_op, node.values))})", "and/or", False
        for value in node.values:
            yield f"({ast.unparse(value)})", "one condition alone", False
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node)
    elif isinstance(node, ast.Call):
        yield from _of_call(node)
    elif isinstance(node, ast.Return) and node.value is not None:
        for name in (*_ON_ARGUMENTS, "length"):
            yield f"return {_effect(name, node.value)}", f"result: {name}", True
        for kept in _ON_SEQUENCES:
            yield f"return {_effect('some', node.value, repr(kept))}", f"result: {kept}", True
    elif isinstance(node, ast.For):
        for kept in _ON_SEQUENCES:
            part_alone = ast.For(node.target, _parsed(_effect("some", node.iter, repr(kept))), node.body, node.orelse)
            yield _indented(part_alone, node), f"loop: {kept}", True
    elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp):
        yield from _of_comprehension(node)
    elif isinstance(node, ast.If | ast.IfExp):
        for constant in ("True", "False"):
            branch = copy.copy(node)
            branch.test = _parsed(constant)
            yield _indented(branch, node), f"condition: {constant}", False
    elif isinstance(node, ast.Expr | ast.AugAssign | ast.Continue | ast.Break):
        yield "pass", "statement dropped", False


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _indented(node: ast.AST, place: ast.AST) -> str:
    text = ast.unparse(ast.fix_missing_locations(node))
    if isinstance(node, ast.expr):
        return f"({text})"
    return text.replace("\n", "\n" + " " * place.col_offset)  # type: ignore[attr-defined]


def _of_name(node: ast.Name, function: ast.FunctionDef | None) -> Iterator[tuple[str, str, bool]]:
    if function is None:
        return
    arguments = function.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    if node.id not in names:
        return
    defaults = dict(zip([one.arg for one in arguments.args][::-1], arguments.defaults[::-1], strict=False))
    defaults |= {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None}
    if node.id in defaults:
        yield f"({ast.unparse(defaults[node.id])})", "argument ignored", False
    for other in names:
        if other not in (node.id, "self"):
            yield other, f"argument {other} in its place", False
    for name in _ON_ARGUMENTS:
        yield _effect(name, node), f"argument: {name}", True
    for kept in _ON_SEQUENCES:
        yield _effect("some", node, repr(kept)), f"argument: {kept}", True


def _of_constant(node: ast.Constant) -> Iterator[tuple[str, str, bool]]:
    value = node.value
    if isinstance(value, bool):
        yield str(not value), "flag", False
    elif isinstance(value, int | float):
        others = [0, 1, -1, value + 1, value - 1] if isinstance(value, int) else [0.0, value * 100, value / 100, -value]
        for other in others:
            if other != value:
                yield f"({other!r})", "number", False


def _of_call(node: ast.Call) -> Iterator[tuple[str, str, bool]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _SWAPS:
        func = (
            ast.Attribute(node.func.value, _SWAPS[name]) if isinstance(node.func, ast.Attribute) else
            ast.Name(_SWAPS[name])
        )  # fmt: skip
        yield ast.unparse(ast.Call(func, node.args, node.keywords)), f"{name} -> {_SWAPS[name]}", False
    for keyword in node.keywords:
        if keyword.arg == "strict":
            continue
        kept = [one for one in node.keywords if one is not keyword]
        yield ast.unparse(ast.Call(node.func, node.args, kept)), f"{keyword.arg} left out", False
    if isinstance(node.func, ast.Attribute) and name in _DROPPED:
        yield f"({ast.unparse(node.func.value)})", f".{name}() left out", False
    if name == "ne" and isinstance(node.func, ast.Attribute):
        yield _effect("not_tiny", node.func.value), "tolerance widened", True
    if name in ("equal", "allclose", "isclose") and len(node.args) >= 2:
        a, b = node.args[:2]
        yield _effect("close", a, ast.unparse(b)), "tolerance widened", True
        for effect in ("absolute", "length", "axis_0"):
            both = [_parsed(_effect(effect, a)), _parsed(_effect(effect, b))]
            yield ast.unparse(ast.Call(node.func, [*both, *node.args[2:]], node.keywords)), f"both: {effect}", True


def _of_comprehension(node: ast.ListComp | ast.GeneratorExp | ast.SetComp) -> Iterator[tuple[str, str, bool]]:
    first = node.generators[0]
    for kept in _ON_SEQUENCES:
        part = ast.comprehension(first.target, _parsed(_effect("some", first.iter, repr(kept))), first.ifs, 0)
        text = ast.unparse(type(node)(node.elt, [part, *node.generators[1:]]))
        yield text, f"loop: {kept}", True
    if first.ifs:
        part = ast.comprehension(first.target, first.iter, [], 0)
        yield ast.unparse(type(node)(node.elt, [part, *node.generators[1:]])), "filter dropped", False


def _by_side_effect(source: str, tree: ast.Module, hole: Hole) -> Iterator[tuple[str, str, bool]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.lineno - 1 <= hole.first < (node.end_lineno or 0):
            for kind in SIDE_EFFECTS:
                yield f"side effect: {kind}", f'{source}\n{node.name} = {_EFFECTS}.after({node.name}, "{kind}")\n', True
