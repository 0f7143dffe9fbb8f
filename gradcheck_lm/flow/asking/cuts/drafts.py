"""Cuts made into findings: the user's line, why, cures, how sure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from gradcheck_lm.flow.findings.model import Finding
from gradcheck_lm.flow.findings.registry import KINDS
from gradcheck_lm.flow.gradients.deaths import Death
from gradcheck_lm.flow.operations.names import kind_of_cut
from gradcheck_lm.flow.tracing.graph import Cut, Dataflow, Distances
from gradcheck_lm.flow.watching.sites import (
    Site,
    called_at,
    enclosing_switch,
    frame_kind,
    is_users,
    line_of,
    place_of,
    position,
)
from gradcheck_lm.flow.watching.tape import IN_CHECKPOINT, IN_FUNCTION, Call, Recording, Switch

_ORDER = {kind: place for place, kind in enumerate(KINDS)}


@dataclass
class Draft:
    """A finding in the making: what several ways to it have in common is merged."""

    kind: str
    call: int | None
    certainty: str
    severity: str = "error"
    terms: set[str] = field(default_factory=set)
    tensors: dict[str, None] = field(default_factory=dict)
    cause: str = ""  # one of the kind's causes; "": the one that fits the operation
    values: dict[str, str] = field(default_factory=dict)  # for the fields of the cause's sentences
    op: str | None = None
    site: Site | None = None
    ahead: bool = False  # others of its severity follow from it, wherever the data meets them


_SEVERITIES = ("error", "warning", "note")
_SURENESS = {"certain": 0, "confirmed": 1, "likely": 2}


class Chain:
    """Collects cuts, drops repeats, and gives findings in the order in which the data flows."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.drafts: dict[tuple[object, ...], Draft] = {}
        self.notes: list[str] = []

    def follow(self, distances: Distances, token: int, *, term: str | None = None, tensor: str | None = None) -> int:
        """Add the cuts on the way from a token; returns how many there are."""
        certainty, count = "certain", 0
        for index, source, target in distances.way(token):
            if source is None:
                certainty = max(certainty, _link_certainty(distances.flow, index), key=_SURENESS.__getitem__)
            for kind in distances.flow.cuts(index, source, target):
                sure = certainty
                if target is None:  # whether the value that leaves here matters is known from where it comes back
                    sure = max(certainty, _way_back(distances, index), key=_SURENESS.__getitem__)
                self.add(Cut(index, kind), certainty=sure, term=term, tensor=tensor)
                count += 1
            if source is None:
                self._others_that_left(distances, index, term, tensor)
        return count

    def _others_that_left(self, distances: Distances, index: int, term: str | None, tensor: str | None) -> None:
        """The other values that a number was computed from: who mends one `.item()` alone has mended nothing."""
        for link in distances.flow.into.get(index, ()):
            call = self.recording.calls[link.source]
            value = any(token >= 0 and self.recording.tokens[token].requires_grad for token in call.inputs)
            if link.certainty != "likely" and value and not call.branch_value:
                self.add(Cut(link.source, "left_torch"), certainty=link.certainty, term=term, tensor=tensor)

    def add(
        self, cut: Cut, *, certainty: str, severity: str = "error", term: str | None = None, tensor: str | None = None
    ) -> None:
        """Add one cut, or merge it with the one on the same line."""
        call = self.recording.calls[cut.call]
        key: tuple[object, ...] = (cut.kind, *line_key(_cut_site(call, cut.kind)))
        if cut.kind == "grad_disabled" and call.scope >= 0:
            key = (cut.kind, *_scope_key(self.recording, call.scope))
        draft = self.drafts.get(key)
        if draft is None:
            draft = self.drafts[key] = Draft(cut.kind, cut.call, certainty, severity)
        elif draft.call is not None and cut.call < draft.call:
            draft.call = cut.call
        self._merge(draft, certainty, severity, term, tensor)

    def put(self, draft: Draft, *, key: tuple[object, ...], term: str | None = None, tensor: str | None = None) -> None:
        """Add a finding that is no step of the data flow."""
        self._merge(self.drafts.setdefault(key, draft), draft.certainty, draft.severity, term, tensor)

    def death(self, death: Death, *, term: str | None, tensor: str, severity: str, cause: str = "") -> None:
        """Add the place where autograd's own gradient became zero, None or NaN."""
        if death.state == "bad":
            kind = "non_finite"
        elif death.state == "cancels":
            kind = "cancels"
        else:
            kind = "custom_function" if death.python or death.state == "none" else "zero_gradient"
            if death.call is not None and not death.python:
                nature = kind_of_cut(self.recording.calls[death.call].operation, from_float=True, to_float=True)
                kind = "sampling" if nature == "sampling" else kind  # torch.bernoulli has a gradient, and it is 0
        site = self.recording.calls[death.call].site if death.call is not None else None
        layer = self.recording.layer(death.call) if death.call is not None else None
        op = None if death.call is not None else f"autograd {death.name}"
        if death.python:  # the Function itself, not what is called inside it
            op = f"autograd.{death.name.removesuffix('Backward')}"
        draft = Draft(kind, death.call, "certain", severity, op=op, cause=cause, site=layer)
        self.put(draft, key=(kind, *line_key(layer or site)), term=term, tensor=tensor)

    def note(self, text: str) -> None:
        """Add something that the reader should know."""
        self.notes.append(text)

    @staticmethod
    def _merge(draft: Draft, certainty: str, severity: str, term: str | None, tensor: str | None) -> None:
        draft.certainty = min(draft.certainty, certainty, key=_SURENESS.__getitem__)
        draft.severity = min(draft.severity, severity, key=_SEVERITIES.index)
        if term is not None:
            draft.terms.add(term)
        if tensor is not None:
            draft.tensors.setdefault(tensor)

    def calls(self) -> set[int]:
        """The calls that are marked."""
        return {draft.call for draft in self.drafts.values() if draft.call is not None}

    def findings(self) -> list[tuple[int | None, Finding]]:
        """(call, finding), errors first, then warnings, each group as the data flows.

        An error by which no tensor is lost stands behind those that starve one: it closes a side path of a dead term.
        """
        last = len(self.recording.calls)
        ordered = sorted(
            self.drafts.values(),
            key=lambda draft: (
                _SEVERITIES.index(draft.severity),
                not draft.ahead,
                draft.severity == "error" and not draft.tensors,
                last if draft.call is None else draft.call,
                _ORDER[draft.kind],
            ),
        )
        return [(draft.call, self._finding(draft)) for draft in ordered]

    def _finding(self, draft: Draft) -> Finding:
        kind = KINDS[draft.kind]
        call = self.recording.calls[draft.call] if draft.call is not None else None
        site = draft.site or self._site(draft)
        place = place_of(site)
        cause = draft.cause or (kind.cause_at(call.operation.name) if call is not None else "")
        op = draft.op or (call.operation.title if call is not None else "")
        if call is not None and call.scope == IN_CHECKPOINT and draft.kind == "grad_disabled":
            cause, op = "reentrant_checkpoint", "torch.utils.checkpoint.checkpoint"
        library = None
        if site is not None and site.library_code is not None:
            library = line_of(Site(site.library_code, site.library_instruction, None, 0))
        scope = None
        if draft.kind == "grad_disabled" and call is not None and call.scope >= 0:
            scope = switch_place(self.recording.switches[call.scope], call.site)
            if scope is None and not draft.cause:
                cause = "off_already"
            elif self.recording.switches[call.scope].lasting and not cause:
                cause = "by_call"
            elif not cause and self.recording.switches[call.scope].decorated and (handed := _handed(site)):
                cause, draft.values = "handed_in", {"function": handed}
        wording = kind.say(cause, draft.values)
        return Finding(
            kind=kind.name,
            code=kind.code,
            op=op,
            file=place.file,
            line=place.line,
            function=place.function,
            source=place.source,
            why=wording.why,
            cures=wording.cures,
            certainty=draft.certainty,
            severity=draft.severity,
            scope=scope,
            term=next(iter(draft.terms)) if len(draft.terms) == 1 else None,
            columns=place.columns,
            library=library,
            tensors=tuple(draft.tensors),
            cause=cause,
            values=tuple(draft.values.items()),
        )

    def _site(self, draft: Draft) -> Site | None:
        """The line of a cut; of what runs in modules and functions with gradient off, their call where it is off."""
        if draft.call is None:
            return None
        call = self.recording.calls[draft.call]
        if draft.kind == "grad_disabled" and call.scope >= 0:
            switch = self.recording.switches[call.scope]
            sites = [call.site, *(site for _, site in self.recording.around(draft.call))]
            here = next((site for site in sites if site is not None and site.code is switch.off), None)
            led = None if call.site is None else switch.led.get(call.site.code)
            return here or (led if led is not None and is_users(led.code) else call.site)
        return _cut_site(call, draft.kind)


def _handed(site: Site | None) -> str:
    """The argument that is called at a site, as an optimizer's step calls its closure; "" where none is."""
    name = "" if site is None else called_at(site, bare=True)
    return name if site is not None and name in site.code.co_varnames[: site.code.co_argcount] else ""


def _cut_site(call: Call, kind: str) -> Site | None:
    """Inside a custom Function or a checkpoint, the line that applied it stands for what it does as a whole."""
    if call.scope <= IN_FUNCTION and kind in ("grad_disabled", "custom_function") and call.function_site is not None:
        return call.function_site
    return call.site


def mark(findings: Iterable[Finding], nodes: dict[int, int], calls: Iterable[int | None]) -> tuple[Finding, ...]:
    """Findings with the ids of the graph nodes that they mark."""
    return tuple(
        replace(finding, node=nodes.get(call)) if call is not None else finding
        for finding, call in zip(findings, calls, strict=True)
    )


def _link_certainty(flow: Dataflow, target: int) -> str:
    return min((link.certainty for link in flow.into.get(target, ())), key=_SURENESS.__getitem__, default="likely")


def _way_back(distances: Distances, export: int) -> str:
    following = distances.next_link.get(export)
    links = distances.flow.out_of.get(export, ())
    if following is None:
        return "certain"
    return next((link.certainty for link in links if link.target == following[0]), "likely")


def line_key(site: Site | None) -> tuple[object, ...]:
    return (None,) if site is None else line_of(site)


def _scope_key(recording: Recording, scope: int) -> tuple[object, ...]:
    if scope < 0:
        return (scope,)
    switch = recording.switches[scope]
    if switch.site is None:
        return ("before",)
    return (switch.decorated, *line_key(switch.site))


def switch_place(switch: Switch, site: Site | None) -> tuple[str, int] | None:
    """File and line of the `with`, decorator or call that switched gradient off; None where it was off before."""
    if switch.site is None:
        return None
    decorated = switch.decorated
    # a library's decorator is told only where the program is a library itself, with no line of a user around it
    if decorated is not None and (is_users(decorated) or frame_kind(decorated) == frame_kind(switch.site.code)):
        return decorated.co_filename, decorated.co_firstlineno
    if switch.inference:  # no event tells where it began: look around the lines that led here
        for code, instruction in switch.stack:
            if is_users(code) and (line := enclosing_switch(code, position(code, instruction)[0])) is not None:
                return code.co_filename, line
    return line_of(switch.site)
