"""The cell magic `%%gradflow model`: a cell runs as it is, and its result is why gradients arrive or do not."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

import torch
from IPython.core.error import UsageError

from gradcheck_lm.flow.asking.answers import answered
from gradcheck_lm.flow.findings.model import Diagnosis
from gradcheck_lm.flow.gradients.subjects import loss_terms, named_tensors
from gradcheck_lm.flow.stepping.report import StepReport
from gradcheck_lm.flow.steps import StepRun, record_steps

_USAGE = """%%gradflow MODEL [--loss LOSS]

Run the cell under the recorder and show why gradients arrive at MODEL, or why not, with the cell's lines.

  MODEL   an expression: the model, tensors, or a dict of them
  LOSS    an expression for the loss or a dict of its terms, evaluated after the cell. Without it the loss is the cell's
          last expression, or the tensor that the cell calls backward() on, or the variable `loss` that it sets.

A cell that takes whole steps, backward() and optimizer.step() included, is told what becomes of its gradients, too.
"""


def load(ipython: Any) -> None:
    """Give a shell the magic."""

    def gradflow(line: str, cell: str) -> Diagnosis | StepReport:
        __tracebackhide__ = True
        return _run(ipython, line, cell)

    gradflow.__doc__ = _USAGE
    ipython.register_magic_function(gradflow, magic_kind="cell", magic_name="gradflow")


def _run(ipython: Any, line: str, cell: str) -> Diagnosis | StepReport:
    __tracebackhide__ = True
    model_text, loss_text = _arguments(line)
    space = ipython.user_ns
    body, last = _compiled(ipython, cell)
    wrt = _evaluated(ipython, model_text, "the model")
    modules = [wrt] if isinstance(wrt, torch.nn.Module) else []
    steps: StepRun = record_steps(*modules)  # optimizers are met where the cell uses them
    asked: list[Diagnosis] = []
    named, explicit = named_tensors(wrt)

    def ask(loss: torch.Tensor) -> None:
        if len(asked) < 2:
            terms, given = loss_terms(loss, finite=False)
            asked.append(answered(steps.recorder, named, terms, given=given, explicit=explicit))

    steps.on_loss = ask
    value, former = None, _named_loss(space)
    with steps:
        exec(body, space)
        if last is not None:
            value = eval(last, space)
        steps.learn_names({name: value for name, value in space.items() if not name.startswith("_")})
    loss = _loss(ipython, loss_text, value, former, found=bool(asked))
    if loss is not None and not (asked and loss_text is None):
        terms, given = loss_terms(loss, finite=False)
        return answered(steps.recorder, named, terms, given=given, explicit=explicit)
    if not asked:
        raise UsageError(
            "this cell leaves no loss to ask about: end it with the loss, or with a dict of its terms; set the "
            "variable loss; call backward(); or name it: %%gradflow model --loss LOSS"
        )
    worst = next((one for one in asked if not one.ok), asked[0])
    stepped = steps.turns()[1] > 0
    if stepped and worst.ok:
        return steps.diagnose()
    return worst


def _arguments(line: str) -> tuple[str, str | None]:
    model, option, loss = line.partition("--loss")  # both are expressions, in which a shell's quoting has no place
    model, loss = model.strip(), loss.strip().removeprefix("=").strip()
    if not model or (option and not loss):
        raise UsageError(f"which {'loss' if model else 'model'}? Write %%gradflow model\n\n{_USAGE}")
    return model, loss or None


def _evaluated(ipython: Any, text: str, what: str) -> Any:
    try:
        return eval(text, ipython.user_ns)
    except Exception as error:
        raise UsageError(f"{what} is given as {text!r}, and that fails: {type(error).__name__}: {error}") from None


def _loss(ipython: Any, text: str | None, value: Any, former: tuple[Any, Any], *, found: bool) -> Any:
    if text is not None:
        return _evaluated(ipython, text, "the loss")
    if isinstance(value, torch.Tensor | Mapping):
        return value
    loss = _named_loss(ipython.user_ns)
    of_this_cell = loss[0] is not former[0] or loss[1] != former[1]  # nothing was seen of an earlier cell's
    return loss[0] if of_this_cell and not found else None


def _named_loss(space: Mapping[str, Any]) -> tuple[Any, Any]:
    """The variable `loss`, and how often it was written over: `loss += term` leaves the same object."""
    loss = space.get("loss")
    return loss, getattr(loss, "_version", None)


def _number(ipython: Any) -> int:
    """The number of the cell that runs, as tracebacks name it."""
    numbers = getattr(ipython.compile, "_filename_map", {})
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename in numbers:
            return int(numbers[frame.f_code.co_filename])
        frame = frame.f_back
    return int(ipython.execution_count)


def _compiled(ipython: Any, cell: str) -> tuple[Any, Any]:
    """The cell's statements and its last expression, None where it ends otherwise; lines count from the magic's own."""
    __tracebackhide__ = True
    text = "\n" + ipython.transform_cell(cell)
    name = ipython.compile.cache(text, _number(ipython))
    tree = ipython.compile.ast_parse(text, filename=name)
    last = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        last = ipython.compile(ast.Expression(tree.body.pop().value), name, "eval")
    return ipython.compile(tree, name, "exec"), last
