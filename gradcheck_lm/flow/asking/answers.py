"""The answer to one loss, also where it is not finite, where its graph is used up and where autograd refuses it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from gradcheck_lm.flow.asking.cuts.drafts import Chain, Draft
from gradcheck_lm.flow.asking.evidence.scene import Passed, Scene
from gradcheck_lm.flow.asking.evidence.terms import MakeExperiment
from gradcheck_lm.flow.asking.failures.not_finite import first_not_finite
from gradcheck_lm.flow.asking.failures.refusals import refusal
from gradcheck_lm.flow.asking.failures.wrong_values import wrong_values
from gradcheck_lm.flow.asking.inquiry import Inquiry
from gradcheck_lm.flow.findings.model import Diagnosis, Finding, Term
from gradcheck_lm.flow.findings.notes import STOPS
from gradcheck_lm.flow.gradients.engine import Engine
from gradcheck_lm.flow.gradients.nodes import walk_nodes
from gradcheck_lm.flow.gradients.subjects import number_of
from gradcheck_lm.flow.watching.recorder import Recorder
from gradcheck_lm.flow.watching.tape import Recording

_FREED = "Trying to backward through the graph a second time"  # autograd's word


def answered(
    recorder: Recorder,
    wrt: dict[str, torch.Tensor],
    terms: dict[str, torch.Tensor | float],
    *,
    given: bool,
    explicit: bool,
    experiment: MakeExperiment | None = None,
    check_values: bool = False,
    autograd: Engine | None = None,
) -> Diagnosis:
    """All questions about a loss, by backward passes of our own; arguments as in `evidence.gather`.

    Args:
        check_values: ask whether gradients that arrive are right, too, as in `wrong_values`.
        autograd: who answers what the gradients are, where passes of our own cannot: the program's own, read.
    Raises:
        RuntimeError: a backward pass stops with an error that is not one of autograd's own.
    """
    recording = recorder.recording
    roots = [term for term in terms.values() if isinstance(term, torch.Tensor)]
    if (error := _used_up(recording, roots)) is not None:
        passed = (Passed(None, recording.start),)
        found = refused_diagnosis(Scene(recording, error, roots, recording.program, passed), terms, tuple(wrt))
        if found is not None:
            return found
    with torch._C.DisableTorchFunction(), torch.no_grad():
        drafts = [draft for name, term in terms.items() if (draft := _not_finite(recorder, term, name, given))]
        wrong = wrong_values(recording, roots) if check_values else []
    inquiry = Inquiry(recorder, wrt, terms, given=given, explicit=explicit, experiment=experiment, autograd=autograd)
    try:
        found = with_wrong_values(recording, inquiry.answer(), wrong)
    except RuntimeError as error:
        found = refused_diagnosis(Scene(recording, error, roots, recording.program), terms, tuple(wrt))
        if found is None:
            raise
    return with_not_finite(recording, found, drafts) if drafts else found


def _not_finite(recorder: Recorder, term: torch.Tensor | float, name: str, given: bool) -> Draft | None:
    if isinstance(term, torch.Tensor):
        draft = first_not_finite(recorder, [term], may_unpack=True)
    elif math.isfinite(term):
        return None
    else:
        draft = Draft("non_finite", None, "likely", cause="loss_itself", site=recorder.recording.program, op="number")
    if draft is not None and given:
        draft.terms.add(name)
    return draft


# ---------------------------------------------------------------------- findings in a diagnosis


def with_not_finite(recording: Recording, found: Diagnosis, drafts: Sequence[Draft]) -> Diagnosis:
    """A diagnosis with the findings on a loss that is not finite in the place of those on its gradients."""
    chain = Chain(recording)
    for draft in drafts:
        chain.put(draft, key=("not finite", draft.call, draft.site))
    new = [(None, finding) for _, finding in chain.findings()]
    old = [(place, one) for place, one in enumerate(found.findings) if one.kind != "non_finite"]
    return replace(with_findings(found, [*new, *old]), ok=False)


def with_wrong_values(recording: Recording, found: Diagnosis, drafts: Sequence[Draft]) -> Diagnosis:
    """A diagnosis with the findings on gradients that arrive with a wrong value, after those on what does not."""
    if not drafts:
        return found
    chain = Chain(recording)
    for draft in drafts:
        chain.put(draft, key=(draft.kind, draft.call, draft.site))
    # what the code alone gives to suspect, a second call has proved
    proved = any(draft.cause == "ignores_upstream" for draft in drafts)
    old = [one for one in enumerate(found.findings) if not (proved and one[1].cause == "unread_gradient")]
    errors = [one for one in old if one[1].severity == "error"]
    new = [(None, finding) for _, finding in chain.findings()]
    return replace(with_findings(found, [*errors, *new, *old[len(errors) :]]), ok=False)


def with_findings(diagnosis: Diagnosis, findings: Sequence[tuple[int | None, Finding]]) -> Diagnosis:
    """A diagnosis with other findings: (the place that each had, None for a new one; the finding)."""
    places = {old: new for new, (old, _) in enumerate(findings) if old is not None}
    nodes = tuple(
        node if node.finding is None else replace(node, finding=places.get(node.finding))
        for node in diagnosis.graph.nodes
    )
    graph = replace(diagnosis.graph, nodes=nodes)
    return replace(diagnosis, findings=tuple(finding for _, finding in findings), graph=graph)


# ---------------------------------------------------------------------- what autograd refuses


def refused_diagnosis(
    scene: Scene, terms: dict[str, torch.Tensor] | dict[str, torch.Tensor | float], names: Sequence[str]
) -> Diagnosis | None:
    """The diagnosis of a backward pass that raises; None where its error cannot be explained."""
    chain = Chain(scene.recording)
    for draft in refusal(scene):
        chain.put(draft, key=(draft.kind, draft.call, draft.site))
    findings = tuple(finding for _, finding in chain.findings())
    if not findings:
        return None
    note = STOPS.told(error=str(scene.error).split(" Hint:")[0])
    return Diagnosis(
        ok=False, findings=findings, terms={name: _dead(name, term) for name, term in terms.items()}, unreached=(),
        zero=(), notes=(note,), wrt=tuple(names),
    )  # fmt: skip


def _dead(name: str, term: torch.Tensor | float) -> Term:
    return Term(name, number_of(term), isinstance(term, torch.Tensor) and term.requires_grad, (), True, 0.0)


def _used_up(recording: Recording, roots: Sequence[torch.Tensor]) -> RuntimeError | None:
    """An error like autograd's, where a loss that was computed just now leads into a graph that is freed."""
    nodes = [node for root in roots for node in walk_nodes(root.grad_fn)]
    old = [node for node in nodes if _is_older(recording, node)]
    if not old or not any(_is_freed(node) for node in old):
        return None
    if any(_is_freed(node) for node in nodes if recording.call_of(node) is not None):
        return None  # backward() has run over the loss itself: what it left is told
    return RuntimeError(_FREED)


def _is_older(recording: Recording, node: Any) -> bool:
    return not hasattr(node, "variable") and node._sequence_nr() < recording.start


def _is_freed(node: Any) -> bool:
    for name in dir(node):
        if name.startswith(("_saved_", "saved_tensors")):
            try:
                getattr(node, name)
            except RuntimeError as error:
                if "a second time" in str(error) or "already been freed" in str(error):
                    return True
    return False
