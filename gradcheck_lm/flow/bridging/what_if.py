"""What if this one cut let the gradient through? The program is run again with it bridged: a probe, not a fix."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from gradcheck_lm.display import Displayed
from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.bridging.bridged_run import Bridges
from gradcheck_lm.flow.findings.model import Diagnosis, Finding
from gradcheck_lm.flow.findings.paths import at
from gradcheck_lm.flow.findings.registry import KINDS
from gradcheck_lm.flow.gradients.autograd import gradient_values
from gradcheck_lm.flow.gradients.subjects import loss_terms, number_of
from gradcheck_lm.flow.watching.recorder import Recorder

if TYPE_CHECKING:
    from gradcheck_lm.flow.asking.program import Program

PROBE = (
    "The bridge is a probe, not a fix: it shows where a gradient would go, and its direction need not lower the loss."
)
_NO_WAY_BACK = (
    "no number that came back equals one that left, element by element: the program made something else of it (text, a "
    "table, arithmetic in Python or NumPy), and no gradient can be handed through that. For a score of decoded text "
    "use a penalty that needs no gradient of it: policy_gradient, minimum_risk or local_expectation in "
    "gradcheck_lm.penalties"
)


@dataclass(frozen=True, repr=False)
class WhatIf(Displayed):
    """What happens to the gradient when one cut is bridged."""

    finding: Finding  # the cut
    bridged: bool  # False: it cannot be bridged, and `note` says why; nothing else was found out then
    arrives: bool  # what this cut starved gets a gradient that is not all zero
    gradient_norm: float  # of what the bridge lets through, over all of wrt
    norms: dict[str, float]  # the same for each name in wrt
    next_cut: Finding | None  # the first cut that still stands in the way
    diagnosis: Diagnosis  # of the bridged run; ask its `what_if` to bridge the next cut as well
    note: str = ""

    def _headline(self) -> str:
        if not self.bridged:
            return f"{_place(self.finding)} cannot be bridged"
        after = f"arrives, norm {self.gradient_norm:.4g}" if self.arrives else "does not arrive yet"
        return f"{_place(self.finding)} bridged: the gradient {after}"

    def __str__(self) -> str:
        lines = [f"what if {_place(self.finding)} let the gradient through?"]
        if not self.bridged:
            lines.append(f"This cut cannot be bridged: {self.note}.")
            return _paragraphs(lines)
        how = KINDS[self.finding.kind].bridge.how
        lines.extend([f"Bridged: {how.say()}."] if how is not None else [])
        if self.arrives:
            most = sorted(self.norms, key=lambda name: -self.norms[name])[:3]
            shown = ", ".join(f"{name} {self.norms[name]:.4g}" for name in most)
            lines.append(f"The gradient arrives: norm {self.gradient_norm:.4g} (largest: {shown}).")
        elif self.next_cut is not None:
            lines.append(f"No gradient arrives yet. The next cut: {_place(self.next_cut)}.")
        else:
            lines.append("No gradient arrives, and no further cut was seen.")
        lines.extend([self.note] if self.note else [])
        return _paragraphs([*lines, PROBE, *(f"To mend it: {cure}" for cure in self.finding.cures[:1])])


def _place(finding: Finding) -> str:
    where = f" at {at(finding.file, finding.line)}" if finding.line else ""
    return f"{finding.code} {finding.kind}{where} [{finding.op}]"


def _paragraphs(lines: list[str]) -> str:
    head, *rest = lines
    wrapped = [
        textwrap.fill(line, 80, initial_indent="  ", subsequent_indent="  ", break_long_words=False) for line in rest
    ]
    return "\n".join([head, *wrapped])


def what_if(diagnosis: Diagnosis, which: Finding | int | str) -> WhatIf:
    """`Diagnosis.what_if`: run the program again with one cut bridged."""
    finding = _named(diagnosis, which)
    program: Program | None = diagnosis._program
    if program is None:
        raise TraceError(
            "this diagnosis holds no program to run again: it comes from record(), from a script, or from a file or "
            "copy. Ask gradcheck_lm.diagnose(fn, wrt=model), with fn a function that computes the loss, and call "
            "what_if on what that returns."
        )
    if finding not in diagnosis.findings:
        raise TraceError(
            f"the finding given ({_place(finding)}) is not one of this diagnosis' {len(diagnosis.findings)}; pass one "
            "of diagnosis.findings, e.g. diagnosis.what_if(diagnosis.findings[0])."
        )
    cannot = KINDS[finding.kind].bridge.cannot
    reason = cannot.say() if cannot is not None else ""
    if not reason and finding.op == "torch.utils.checkpoint.checkpoint":
        reason = "a checkpoint recomputes itself: pass use_reentrant=False to it instead"
    if not reason and finding.op in ("torch.nn.Parameter", "torch.Tensor.__deepcopy__"):
        reason = "a parameter and a copied model are leaves by their nature: use the tensor itself instead"
    if not reason and not finding.line:
        reason = "no line of the program is known for it"
    return _unbridged(diagnosis, finding, reason) if reason else _probe(diagnosis, program, finding)


def _named(diagnosis: Diagnosis, which: Finding | int | str) -> Finding:
    """A finding by itself, its index, its code or its kind."""
    found = diagnosis.findings
    if isinstance(which, Finding):
        return which
    there = ", ".join(f"{index}: {one.code} {one.kind}" for index, one in enumerate(found)) or "none"
    if isinstance(which, int) and not isinstance(which, bool) and -len(found) <= which < len(found):
        return found[which]
    if isinstance(which, str):
        for one in found:
            if which.lower() in (one.code.lower(), one.kind):
                return one
    raise TraceError(
        f"this diagnosis has no finding {which!r}; pass one of diagnosis.findings, its index, code or kind. "
        f"There are: {there}."
    )


def _unbridged(diagnosis: Diagnosis, finding: Finding, reason: str) -> WhatIf:
    return WhatIf(finding, False, False, 0.0, dict.fromkeys(diagnosis.wrt, 0.0), None, diagnosis, reason)


def _probe(diagnosis: Diagnosis, program: Program, finding: Finding) -> WhatIf:
    bridged = replace(program, bridges=(*program.bridges, finding))
    state = program.state()
    try:
        before = _run(program, Bridges(program.bridges), finding).gradients
        state.restore()
        bridges = Bridges(bridged.bridges)
        with _thawed(bridged, bridges):
            after = _run(bridged, bridges, finding)
            if finding not in bridges.applied:
                reason = bridges.refused.get(finding)
                if reason is None:
                    crossing = finding.kind in ("left_torch", "new_leaf")
                    reason = _NO_WAY_BACK if crossing else f"nothing on this line is known to bridge {finding.op}"
                return _unbridged(diagnosis, finding, reason)
            state.restore()
            found = bridged.explain(after.recorder, after.result, state if program.counterfactual else None)
    except Exception as error:
        cause = f"the program raised {type(error).__name__} with this cut bridged: {error}"
        return replace(_unbridged(diagnosis, finding, cause.rstrip(".")))
    finally:
        state.restore()
    found = replace(found, findings=tuple(one for one in found.findings if not _is_bridged(one, bridges)))
    return _compare(finding, found, before, after.gradients)


@dataclass(frozen=True)
class _BridgedRun:
    """One run of the program with bridges."""

    recorder: Recorder
    result: Any
    gradients: dict[str, Any]  # those that the finding is about, by name, and the value of its loss under ""


def _run(program: Program, bridges: Bridges, finding: Finding) -> _BridgedRun:
    recorder = Recorder(bridges)
    result = program.run(recorder)
    called = recorder.recording.program
    if isinstance(result, Mapping):
        result = {name: bridges.carriers.term(value, called) for name, value in result.items()}
    else:
        result = bridges.carriers.term(result, called)
    terms, _ = loss_terms(result, source="what fn returned")
    chosen = [terms[finding.term]] if finding.term in terms else list(terms.values())
    tensors = list(program.wrt.values())
    found: dict[str, Any] = {name: None for name in program.wrt}
    for term in chosen:
        if isinstance(term, torch.Tensor):
            for name, value in zip(found, gradient_values(term, tensors), strict=True):
                if value is not None:
                    found[name] = value if found[name] is None else found[name] + value
    found[""] = [number_of(term) for term in chosen]
    return _BridgedRun(recorder, result, found)


@contextmanager
def _thawed(program: Program, bridges: Bridges) -> Iterator[None]:
    """Parameters that a bridged finding calls frozen ask for a gradient."""
    names = {name for finding in program.bridges if finding.kind == "frozen" for name in finding.tensors}
    cold = [tensor for name, tensor in program.wrt.items() if name in names and not tensor.requires_grad]
    bridges.applied.update(finding for finding in program.bridges if finding.kind == "frozen")
    try:
        for tensor in cold:
            tensor.requires_grad_(True)
        yield
    finally:
        for tensor in cold:
            tensor.requires_grad_(False)


def _is_bridged(finding: Finding, bridges: Bridges) -> bool:
    """A cut that this run had no more, though the flow of data is told as before."""
    place = (finding.file, finding.line)
    if (finding.kind, place) in bridges.carriers.spanned:
        return True
    return any(
        (one.kind, one.file, one.line, one.scope) == (finding.kind, *place, finding.scope) for one in bridges.findings
    )


def _compare(finding: Finding, found: Diagnosis, before: dict[str, Any], after: dict[str, Any]) -> WhatIf:
    """What arrives through the bridge: the gradient with it less the gradient without it."""
    norms: dict[str, float] = {}
    for name in found.wrt:
        value = after.get(name)
        if value is not None and before.get(name) is not None:
            value = value - before[name]
        norms[name] = 0.0 if value is None else float(torch.linalg.vector_norm(value.detach().to_dense()))
    total = sum(norm * norm for norm in norms.values()) ** 0.5
    arrives = all(norms[name] > 0 for name in finding.tensors) if finding.tensors else total > 0
    next_cut = None if arrives else next((one for one in found.errors if _same_subject(one, finding)), None)
    notes = [f"{len(found._program.bridges) - 1} more bridged before it."] if len(found._program.bridges) > 1 else []
    if finding.severity == "note":
        notes.append("This cut starves nothing: another way carries the gradient.")
    if before[""] != after[""]:
        notes.append(
            "The loss itself changed between the runs: the program keeps a state of its own, has its own source of "
            "random numbers, or asks whether its tensors require a gradient."
        )
    return WhatIf(finding, True, arrives, total, norms, next_cut, found, " ".join(notes))


def _same_subject(one: Finding, other: Finding) -> bool:
    if other.term is not None and one.term is not None:
        return one.term == other.term
    return not other.tensors or not one.tensors or bool(set(one.tensors) & set(other.tensors))
