"""Custom Functions whose backward() does not look at the gradient that comes in, told from its code alone."""

from __future__ import annotations

import dis
import inspect
from itertools import pairwise
from types import CodeType
from typing import Any

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.evidence import Evidence
from gradcheck_lm.flow.asking.evidence.unread_arguments import looks_at
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.watching.sites import Site, is_users


def warn_of_ignored_gradient(evidence: Evidence, chain: Chain) -> None:
    """A warning for each such Function: right at the loss itself alone, where what comes in is 1."""
    for strand in evidence.strands:
        if strand.root is None or strand.root.grad_fn is None:
            continue
        for node in walk_nodes(strand.root.grad_fn):
            if not isinstance(node, torch.autograd.function.BackwardCFunction) or _is_number(node):
                continue
            function: Any = getattr(type(node), "_forward_cls", None)
            code = getattr(inspect.unwrap(function.backward), "__code__", None) if function is not None else None
            if code is not None and is_users(code) and _ignores(code):
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
