"""Errors that autograd raises, told by the program's own lines: what was overwritten, used up, unused or not a loss."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from gradcheck_lm.flow.asking.cuts.drafts import Draft
from gradcheck_lm.flow.asking.evidence.scene import Passed as Passed
from gradcheck_lm.flow.asking.evidence.scene import Scene as Scene
from gradcheck_lm.flow.asking.evidence.scene import Written as Written
from gradcheck_lm.flow.asking.evidence.scene import entry, where
from gradcheck_lm.flow.asking.failures.overwriting import overwriting
from gradcheck_lm.flow.rerunning.links import observed_links
from gradcheck_lm.flow.tracing.graph import Cut, Dataflow
from gradcheck_lm.flow.watching.sites import Site, is_users


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
        if is_users(code):
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
    values = {"line": where(last.site)}
    carriers = scene.carriers(last.sequence)
    if not carriers:
        site, op = scene.site or raised_at(scene.error), "torch.Tensor.backward"
        return [Draft("graph_used_up", None, "certain", site=site, op=op, cause="twice", values=values)]
    site = entry(scene.recording, min(carriers))
    return [Draft("graph_used_up", min(carriers), "certain", site=site, cause="state_carried", values=values)]


def _overwritten(scene: Scene) -> list[Draft]:
    return [overwriting(scene)]


def _at_line(kind: str, cause: str, op: str = "torch.Tensor.backward") -> Callable[[Scene], list[Draft]]:
    """The line that raised is the line that is wrong."""

    def explain(scene: Scene) -> list[Draft]:
        return [Draft(kind, None, "certain", site=raised_at(scene.error) or scene.site, op=op, cause=cause)]

    return explain


def _at_node(kind: str, cause: str) -> Callable[[Scene], list[Draft]]:
    """The operation whose backward step failed is named, or else the line that raised."""

    def explain(scene: Scene) -> list[Draft]:
        call = scene.failing()
        site = None if call is not None else raised_at(scene.error) or scene.site
        op = None if call is not None else "torch.Tensor.backward"
        return [Draft(kind, call, "certain", site=site, op=op, cause=cause)]

    return explain


def _unused(scene: Scene) -> list[Draft]:
    """The cut between a tensor that autograd.grad was asked about and the loss; where there is none, the asking."""
    flow = Dataflow(scene.recording, observed_links(scene.recording)) if scene.ways else None
    for token, root in scene.ways if flow is not None else ():
        distances = flow.distances([root])  # type: ignore[union-attr]
        if token in distances.tokens:
            steps = list(distances.way(token))
            cuts = [Cut(step[0], kind) for step in steps for kind in distances.flow.cuts(*step)]
            if cuts and all(target is not None and source is not None for _, source, target in steps):
                return [Draft(one.kind, one.call, "certain") for one in dict.fromkeys(cuts)]
    return _at_line("constant", "asked_and_unused", "torch.autograd.grad")(scene)


def _function(scene: Scene) -> list[Draft]:
    """A custom Function whose backward gives what does not fit; one of torch's own is told by its operation."""
    name = re.search(r"[Ff]unction (\w+?)(?:Backward\w*)? returned an", str(scene.error))
    title = f"autograd.{name[1]}" if name else ""
    calls = scene.recording.calls
    call = next((i for i, one in enumerate(calls) if one.operation.title == title), None)
    call = scene.failing() if call is None else call
    site, values = None if call is not None else scene.site, {"error": str(scene.error)}
    op = title or None
    return [Draft("custom_function", call, "certain", site=site, op=op, cause="does_not_fit", values=values)]


def _inference(scene: Scene) -> list[Draft]:
    """The value that was made under inference_mode."""
    recording = scene.recording
    inside = [
        i for i, call in enumerate(recording.calls) if call.scope >= 0 and recording.switches[call.scope].inference
    ]
    site = raised_at(scene.error)
    call, place = (inside[-1], None) if inside else (None, site)
    values = {"line": where(site)}
    return [Draft("grad_disabled", call, "certain", site=place, cause="inference", values=values)]


_EXPLAINED: tuple[tuple[str, Callable[[Scene], list[Draft]]], ...] = (
    ("modified by an inplace operation", _overwritten),
    ("a second time|already been freed", _second_time),
    ("not have been used in the graph", _unused),
    ("implicitly created only for|Mismatch in shape: grad_output", _at_line("suspicious_shape", "several_numbers")),
    ("returned an invalid gradient|returned an incorrect number of gradients", _function),
    ("[Ii]nference tensor", _inference),
    (
        "view of a leaf Variable|leaf Variable that requires grad",
        _at_line("changed_in_place", "leaf", "an operation in place"),
    ),
    (
        "is a view and is being modified inplace|view was created in",
        _at_line("changed_in_place", "view", "an operation in place"),
    ),
    ("torch.utils.checkpoint|[Rr]ecomput", _at_node("changed_in_place", "recomputed")),
    ("RNN backward can only be called in training mode", _at_node("mode_flips", "recurrent_in_eval")),
)
