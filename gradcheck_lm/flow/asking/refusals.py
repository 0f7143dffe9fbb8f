"""Errors that autograd raises, told by the program's own lines: what was overwritten, used up, unused or not a loss."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from gradcheck_lm.flow.asking.drafts import Draft
from gradcheck_lm.flow.asking.overwriting import overwriting
from gradcheck_lm.flow.asking.scene import Passed as Passed
from gradcheck_lm.flow.asking.scene import Scene as Scene
from gradcheck_lm.flow.asking.scene import Written as Written
from gradcheck_lm.flow.asking.scene import where
from gradcheck_lm.flow.findings.model import KINDS
from gradcheck_lm.flow.watching.sites import Site, frame_kind


def refusal(scene: Scene) -> list[Draft]:
    """Findings that explain an error of autograd; none where it is not one of autograd's."""
    text = str(scene.error)
    for pattern, explain in _EXPLAINED:
        if re.search(pattern, text):
            return explain(scene)
    return []


def is_refusal(error: BaseException) -> bool:
    """Whether an error is one of those that can be explained."""
    return isinstance(error, RuntimeError) and any(re.search(pattern, str(error)) for pattern, _ in _EXPLAINED)


def raised_at(error: BaseException) -> Site | None:
    """The innermost line of the user that an error came through."""
    found = None
    for code, instruction in _frames(error):
        if frame_kind(code) == 2:
            found = Site(code, instruction, None, 0)
    return found


def _frames(error: BaseException) -> Iterator[tuple[Any, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code, trace.tb_lasti
        trace = trace.tb_next


# ---------------------------------------------------------------------- one error each


def _second_time(scene: Scene) -> list[Draft]:
    """The line that carries a used-up graph on, or the second backward() itself."""
    last = scene.passed[-1] if scene.passed else None
    if last is None:
        return [Draft("graph_used_up", None, "certain", site=scene.site or raised_at(scene.error), op="backward")]
    fresh = [node for node in scene.nodes if node._sequence_nr() >= last.sequence and not hasattr(node, "variable")]
    carriers = [
        call
        for node in fresh
        if any(
            following is not None and not hasattr(following, "variable") and following._sequence_nr() < last.sequence
            for following, _ in node.next_functions
        )
        and (call := scene.call_of(node)) is not None
    ]
    if not carriers:
        site = scene.site or raised_at(scene.error)
        values = {"line": where(last.site)}
        return [
            Draft("graph_used_up", None, "certain", site=site, op="torch.Tensor.backward", cause="twice", values=values)
        ]
    if last.site is None:
        return [Draft("graph_used_up", min(carriers), "certain", cause="read_again")]
    return [Draft("graph_used_up", min(carriers), "certain", cause="carried", values={"line": where(last.site)})]


def _overwritten(scene: Scene) -> list[Draft]:
    return [overwriting(scene)]


def _at_line(kind: str, why: str, cures: tuple[str, ...], op: str = "") -> Callable[[Scene], list[Draft]]:
    """The line that raised is the line that is wrong."""

    def explain(scene: Scene) -> list[Draft]:
        known = kind if kind in KINDS else "constant"
        site = raised_at(scene.error) or scene.site
        return [Draft(known, None, "certain", site=site, op=op or "torch.Tensor.backward", why=why, cures=cures)]

    return explain


def _at_node(kind: str, why: str, cures: tuple[str, ...]) -> Callable[[Scene], list[Draft]]:
    """The operation whose backward step failed is named, or else the line that raised."""

    def explain(scene: Scene) -> list[Draft]:
        known, call = kind if kind in KINDS else "custom_function", scene.failing()
        site = None if call is not None else raised_at(scene.error) or scene.site
        op = None if call is not None else "torch.Tensor.backward"
        return [Draft(known, call, "certain", site=site, op=op, why=why, cures=cures)]

    return explain


def _function(scene: Scene) -> list[Draft]:
    """A custom Function whose backward gives what does not fit; one of torch's own is told by its operation."""
    name = re.search(r"[Ff]unction (\w+?)(?:Backward\w*)? returned an", str(scene.error))
    title = f"autograd.{name[1]}" if name else ""
    calls = scene.recording.calls
    call = next((i for i, one in enumerate(calls) if one.operation.title == title), None)
    call = scene.failing() if call is None else call
    why = f"Its backward does not fit its forward: {scene.error}."
    cures = ("return one gradient for each input of forward, in order and of its shape; None where there is none",)
    site = None if call is not None else scene.site
    return [Draft("custom_function", call, "certain", site=site, op=title or None, why=why, cures=cures)]


def _inference(scene: Scene) -> list[Draft]:
    """The value that was made under inference_mode."""
    recording = scene.recording
    inside = [
        i for i, call in enumerate(recording.calls) if call.scope >= 0 and recording.switches[call.scope].inference
    ]
    site = raised_at(scene.error)
    why = f"It was made under inference_mode, and {where(site)} needs it for a backward pass, which is not allowed."
    cures = ("torch.no_grad() instead of torch.inference_mode() where its results are used in training", "x.clone()")
    call = inside[-1] if inside else None
    return [Draft("grad_disabled", call, "certain", site=None if inside else site, why=why, cures=cures)]


_UNUSED = (
    "autograd.grad was asked about a tensor that the loss does not depend on: nothing computed from it reaches the "
    "loss, or a copy of it is used."
)
_UNUSED_CURES = (
    "ask about the very tensor that the loss is computed from, not a copy or a view made for the asking",
    "allow_unused=True, and treat None as no gradient, where that is meant",
)
_LEAF = "A tensor that learns is written in place while autograd watches: its gradient would be that of the old value."
_LEAF_CURES = (
    "with torch.no_grad(): around an update or an initialisation",
    "compute a new tensor instead: y = x + 1 rather than x += 1",
)
_VIEW = "A view is written in place, and autograd cannot follow the change into the tensor that it is a view of."
_VIEW_CURES = (
    "clone the view before writing into it",
    "write out of place and put the parts together: torch.cat, torch.stack",
)
_SHAPE = "backward() begins with one number: a loss of several has to be told what each of them counts."
_SHAPE_CURES = (
    "loss.mean() or loss.sum() before backward()",
    "loss.backward(gradient=weights of the loss's own shape)",
)
_RECOMPUTED = (
    "A checkpoint computes this stretch a second time for the backward pass, and the second time came out different: "
    "what it reads was changed in between, or it does not do the same thing twice."
)
_RECOMPUTED_CURES = (
    "let the checkpointed function depend on its arguments alone: no counters, no lists that grow, no state written",
    "keep random numbers and autocast inside it: preserve_rng_state=True (the default)",
)
_EVAL = "cuDNN keeps what the backward pass of an RNN needs in training mode alone, and the RNN was in eval mode."
_EVAL_CURES = (
    "rnn.train() before the forward pass; dropout=0.0 where only that was to be off",
    "torch.backends.cudnn.flags(enabled=False) around it",
)

_EXPLAINED: tuple[tuple[str, Callable[[Scene], list[Draft]]], ...] = (
    ("modified by an inplace operation", _overwritten),
    ("a second time|already been freed", _second_time),
    ("not have been used in the graph", _at_line("constant", _UNUSED, _UNUSED_CURES, "torch.autograd.grad")),
    ("implicitly created only for|Mismatch in shape: grad_output", _at_line("suspicious_shape", _SHAPE, _SHAPE_CURES)),
    ("returned an invalid gradient|returned an incorrect number of gradients", _function),
    ("[Ii]nference tensor", _inference),
    (
        "view of a leaf Variable|leaf Variable that requires grad",
        _at_line("changed_in_place", _LEAF, _LEAF_CURES, "an operation in place"),
    ),
    (
        "is a view and is being modified inplace|view was created in",
        _at_line("changed_in_place", _VIEW, _VIEW_CURES, "an operation in place"),
    ),
    ("torch.utils.checkpoint|[Rr]ecomput", _at_node("changed_in_place", _RECOMPUTED, _RECOMPUTED_CURES)),
    ("RNN backward can only be called in training mode", _at_node("mode_flips", _EVAL, _EVAL_CURES)),
)
