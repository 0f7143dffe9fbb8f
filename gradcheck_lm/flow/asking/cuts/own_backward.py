"""A custom backward() whose own text says why it gives nothing: None for a parameter, a forward without a graph."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import CodeType
from typing import Any

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.scene import where
from gradcheck_lm.flow.gradients.deaths import Death
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.watching.sites import is_users, site_at, site_of
from gradcheck_lm.flow.watching.source import called, functions_of

_ON = ("enable_grad", "set_grad_enabled(True)")


def computed_again(evidence: Evidence, death: Death) -> Draft | None:
    """The line inside a backward() that gave nothing, where it recomputes what it then differentiates."""
    code = _code(evidence, death) if death.python else None
    if code is None:
        return None
    own = functions_of(code)
    for asked in _questions(own[0]) if own else ():
        made = _made_without_gradient(own[0], asked)
        if made is None or (site := site_of(code, made)) is None:
            continue
        name = "autograd.grad" if called(asked) == "grad" else "backward()"
        values = {"function": name, "line": where(site_of(code, asked))}
        op = f"autograd.{death.name.removesuffix('Backward')}"
        return Draft(
            "custom_function", death.call, "certain", cause="computed_without_gradient", op=op, site=site, values=values
        )
    return None


def returns_none(evidence: Evidence, death: Death, place: int) -> Draft | None:
    """A backward() that has a literal None in the place of a parameter: the line that applies it, and the `return`."""
    if not death.python or death.state != "none":
        return None
    tensor = evidence.subjects.tensors[place]
    node, edge = next(
        ((one, at) for one in _nodes(evidence, death) for at, (leaf, _) in enumerate(one.next_functions)
         if leaf is not None and getattr(leaf, "variable", None) is tensor),
        (None, 0),
    )  # fmt: skip
    code = None if node is None else backward_code(node)
    if node is None or code is None:
        return None
    wanted = [at for at, wants in enumerate(node.needs_input_grad) if wants]  # of all arguments, tensors or not
    before = sum(leaf is not None for leaf, _ in node.next_functions[:edge])
    returned = _returned(code)
    if before >= len(wanted) or not returned or not all(_is_none_at(one.value, wanted[before]) for one in returned):
        return None
    call = None if death.call is None else evidence.recording.calls[death.call]
    applied = None if call is None else call.function_site or call.site
    last = returned[-1]
    name = death.name.removesuffix("Backward")
    values = {"line": where(site_at(code, last.lineno) if last.value is None else site_of(code, last.value))}
    return Draft(
        "custom_function",
        death.call,
        "certain",
        cause="returns_none",
        op=f"autograd.{name}",
        site=applied,
        values=values,
    )


def _returned(code: CodeType) -> list[ast.Return]:
    return [one for function in functions_of(code)[:1] for one in ast.walk(function) if isinstance(one, ast.Return)]


def _is_none_at(value: ast.expr | None, place: int) -> bool:
    if isinstance(value, ast.Tuple):
        value = value.elts[place] if len(value.elts) > place else ast.Constant(0)
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def backward_code(node: Any) -> CodeType | None:
    """The code of a program's own backward(), by the node that a custom Function left in the graph."""
    function: Any = getattr(type(node), "_forward_cls", None)
    code = None if function is None else getattr(inspect.unwrap(function.backward), "__code__", None)
    return code if code is not None and is_users(code) else None


def _code(evidence: Evidence, death: Death) -> CodeType | None:
    return next((backward_code(node) for node in _nodes(evidence, death)), None)


def _nodes(evidence: Evidence, death: Death) -> Iterator[Any]:
    """The custom Functions of that name in the graphs of the terms."""
    for strand in evidence.strands:
        for node in walk_nodes(strand.root.grad_fn) if strand.root is not None and strand.root.requires_grad else ():
            if node.name() == death.name and isinstance(node, torch.autograd.function.BackwardCFunction):
                yield node


def _questions(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.Call]:
    """Calls of autograd.grad, autograd.backward and loss.backward."""
    if any(switch in ast.unparse(one) for one in function.decorator_list for switch in _ON):
        return []
    return [one for one in ast.walk(function) if isinstance(one, ast.Call) and called(one) in ("grad", "backward")]


def _made_without_gradient(function: ast.FunctionDef | ast.AsyncFunctionDef, asked: ast.Call) -> ast.expr | None:
    """What was computed for it last, if that stands in no block that switches gradient on."""
    subject = _subject(asked)
    made = [
        one
        for one in ast.walk(function)
        if isinstance(one, ast.Assign)
        and one.lineno < asked.lineno
        and any(isinstance(name, ast.Name) and name.id == subject for name in one.targets)
    ]
    last = max(made, key=lambda one: one.lineno, default=None)
    if last is None or not isinstance(last.value, ast.Call | ast.BinOp) or _is_on(function, last):
        return None
    return last.value


def _subject(asked: ast.Call) -> str:
    """The name of what is differentiated; "" where it has none."""
    subject = asked.args[0] if asked.args else next((one.value for one in asked.keywords if one.arg == "outputs"), None)
    if called(asked) == "backward" and isinstance(asked.func, ast.Attribute):
        subject = subject if "autograd" in ast.unparse(asked.func) else asked.func.value
    if isinstance(subject, ast.Tuple | ast.List) and len(subject.elts) == 1:
        subject = subject.elts[0]
    return subject.id if isinstance(subject, ast.Name) else ""


def _is_on(function: ast.AST, statement: ast.stmt) -> bool:
    """Whether a statement stands in a block that switches gradient on, or behind a call that does."""
    for node in ast.walk(function):
        if isinstance(node, ast.With) and any(switch in ast.unparse(one) for one in node.items for switch in _ON):
            if any(one is statement for one in ast.walk(node)):
                return True
        elif isinstance(node, ast.Expr) and node.lineno < statement.lineno and _ON[1] in ast.unparse(node):
            return True
    return False
