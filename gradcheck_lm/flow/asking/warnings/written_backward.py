"""backward() as a program writes it: one that does not look at the gradient that comes in, one that nobody calls."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator
from itertools import pairwise
from types import CodeType, FunctionType
from typing import Any

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.cuts.own_backward import backward_code
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.unread_arguments import looks_at
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.watching.sites import Site, is_users
from gradcheck_lm.flow.watching.tape import Recording


def warn_of_ignored_gradient(evidence: Evidence, chain: Chain) -> None:
    """A warning for each such Function: right at the loss itself alone, where what comes in is 1."""
    for strand in evidence.strands:
        if strand.root is None or strand.root.grad_fn is None:
            continue
        for node in walk_nodes(strand.root.grad_fn):
            if not isinstance(node, torch.autograd.function.BackwardCFunction) or _is_number(node):
                continue
            code = backward_code(node)
            if code is not None and _ignores(code):
                function: Any = type(node)._forward_cls  # type: ignore[attr-defined]
                name = f"autograd.{function.__name__}"
                site = Site(code, _last_return(code), None, 0)
                values = {"function": function.__name__, "gradient": code.co_varnames[1]}
                draft = Draft(
                    "wrong_value", None, "likely", "warning", cause="unread_gradient", op=name, site=site, values=values
                )
                chain.put(draft, key=("unread_gradient", code))


def _is_number(node: Any) -> bool:
    """Whether all that the Function gives is one number."""
    return all(torch.Size(one.shape).numel() == 1 for one in node._input_metadata)


def _ignores(code: CodeType) -> bool:
    incoming = code.co_varnames[1 : code.co_argcount]
    if not incoming or code.co_flags & inspect.CO_VARARGS or any(looks_at(code, name) for name in incoming):
        return False
    steps = list(dis.get_instructions(code))
    given = [one if one.opname == "RETURN_CONST" else before for before, one in pairwise(steps) if _returns(one)]
    nothing = [one.opname.endswith("CONST") and _is_nothing(one.argval) for one in given]
    return not all(nothing)  # None is no gradient at all, and told as such


def _returns(instruction: dis.Instruction) -> bool:
    return instruction.opname in ("RETURN_VALUE", "RETURN_CONST")


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, tuple) and all(one is None for one in value))


def _last_return(code: CodeType) -> int:
    return max((one.offset for one in dis.get_instructions(code) if _returns(one)), default=0)


# ---------------------------------------------------------------------- a module's


def warn_of_module_backward(evidence: Evidence, chain: Chain) -> None:
    """A warning for each class whose module ran and whose backward() takes gradients: autograd hands it none."""
    for code, kind in _written(evidence.recording):
        draft = Draft(
            "custom_function", None, "likely", "warning", cause="of_a_module", op=f"{kind}.backward",
            values={"module": kind}, site=Site(code, 0, None, 0),
        )  # fmt: skip
        chain.put(draft, key=("of_a_module", code))


def may_write_backward(recording: Recording) -> bool:
    """Whether a module that ran is of such a class."""
    return any(True for _ in _written(recording))


def _written(recording: Recording) -> Iterator[tuple[CodeType, str]]:
    for place in recording.called:
        module: Any = recording.modules[place][0]()
        written = None if module is None else getattr(type(module), "backward", None)
        if isinstance(written, FunctionType) and is_users(written.__code__) and _takes_gradients(written):
            yield written.__code__, type(module).__name__


def _takes_gradients(function: FunctionType) -> bool:
    """As backward(self, grad_output) does, and not an engine's backward(self, loss), which is called by hand."""
    names = list(inspect.signature(function).parameters)
    return len(names) > 1 and all("grad" in name.lower() for name in names[1:])
