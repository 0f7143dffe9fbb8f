"""What is said of watched steps: the findings of backward passes and of the steps, in one order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gradcheck_lm.display import Displayed
from gradcheck_lm.files import encodable, write_text_atomic
from gradcheck_lm.flow.findings.endings import TEXTS, ending_of
from gradcheck_lm.flow.findings.model import Diagnosis, Finding, _json_ready
from gradcheck_lm.flow.findings.registry import KINDS
from gradcheck_lm.flow.stepping.ledger.ledger import PLACES, Ledger
from gradcheck_lm.flow.stepping.questions import (
    anew,
    changing,
    clearing,
    copies,
    forgetting,
    freezing,
    holding,
    poisoning,
    ranks,
    stepping,
    weights,
)
from gradcheck_lm.flow.stepping.questions.drafts import Draft, Reading

_SEVERITIES = ("error", "warning", "note")
_FAMILIES = (holding, stepping, clearing, changing, forgetting, weights, copies, anew, freezing, poisoning, ranks)


@dataclass(frozen=True, repr=False)
class StepReport(Displayed):
    """What happens to every gradient from the losses to the weights.

    `ok` is true where nothing of severity error was found: warnings are heuristics, notes are for the reader.
    """

    ok: bool
    findings: tuple[Finding, ...]
    ledger: Ledger = field(repr=False)
    diagnoses: tuple[Diagnosis, ...] = field(default=(), repr=False)  # of each loss's first backward()
    notes: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings of severity error."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings of severity warning."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def without(self, *codes_or_kinds: str) -> StepReport:
        """The report without some kinds, by code or name."""
        kept = tuple(one for one in self.findings if one.code not in codes_or_kinds and one.kind not in codes_or_kinds)
        ok = not any(one.severity == "error" for one in kept)
        return StepReport(ok, kept, self.ledger, self.diagnoses, self.notes)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON types; numbers that JSON lacks (nan, inf) become None."""
        return {
            "ok": self.ok,
            "findings": _json_ready([asdict(finding) for finding in self.findings]),
            "ledger": ledger_dict(self.ledger),
            "diagnoses": [diagnosis.to_dict() for diagnosis in self.diagnoses],
            "notes": list(self.notes),
            "schema": 1,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """`to_dict` as JSON text."""
        return encodable(json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False))

    def to_sarif(self) -> str:
        """The findings as a SARIF 2.1.0 log (JSON text), as code hosts and editors read it."""
        from gradcheck_lm.draw import sarif, view

        return sarif.render(view.of(self))

    def save(self, path: str | Path) -> Path:
        """Write the report.

        Args:
            path: its ending decides: .json, .sarif or .txt.
        Raises:
            ArgumentError: another ending.
        """
        path = Path(path)
        texts = {".json": self.to_json, ".sarif": self.to_sarif, ".txt": self.__str__}
        ending = ending_of(path, TEXTS, doing="save a report of steps as")
        return write_text_atomic(path, texts[ending]() + "\n")

    def _headline(self) -> str:
        steps = sum(not step.skipped for step in self.ledger.steps())
        counts = f"{len(self.errors)} errors, {len(self.warnings)} warnings"
        return f"{'ok' if self.ok else 'BROKEN'}; {counts}; {steps} steps of {len(self.ledger.holders)} optimizers"

    def __str__(self) -> str:
        from gradcheck_lm.draw import view
        from gradcheck_lm.draw.terminal import text

        return encodable(text.render(view.of(self)))


def report_of(
    ledger: Ledger, diagnoses: Sequence[Diagnosis] = (), *, drafts: Sequence[Draft] = (), notes: Sequence[str] = ()
) -> StepReport:
    """Ask a ledger everything.

    Args:
        diagnoses: of the losses' first backward(); their errors and warnings come before those of the step.
        drafts: what was found by looking at more than the ledger.
        notes: for the reader.
    """
    reading = Reading(ledger)
    found = [draft for family in _FAMILIES for draft in family.ask(reading)] + list(drafts)
    order = {kind: number for number, kind in enumerate(KINDS)}
    found.sort(key=lambda draft: (order[draft.kind], draft.time))
    made = [finding_of(draft, ledger) for draft in found]
    passed = [finding for diagnosis in diagnoses for finding in diagnosis.findings]
    if any(finding.kind == "non_finite" and finding.severity == "error" for finding in passed):
        made = [finding for finding in made if finding.kind != "non_finite"]  # told with its operation
    told = frozen_on_purpose([*passed, *made], made)
    findings = tuple(finding for severity in _SEVERITIES for finding in told if finding.severity == severity)
    findings = tuple(dict.fromkeys(findings))
    ok = not any(finding.severity == "error" for finding in findings)
    return StepReport(ok, findings, ledger, tuple(diagnoses), tuple(dict.fromkeys(notes)))


def frozen_on_purpose(found: Sequence[Finding], of_the_steps: Sequence[Finding]) -> list[Finding]:
    """Where an optimizer holds frozen tensors alone and others learn, these are what it should hold: no error.

    But where they were frozen on a later line than the optimizer was made, it is the freezing that was not meant.
    """
    beside = [finding for finding in of_the_steps if finding.cause == "beside_frozen"]
    frozen = [finding for finding in found if finding.kind == "frozen"]
    later = any(
        (one.file, one.function) == (held.file, held.function) and one.line > held.line
        for one in frozen
        for held in beside
    )
    if later:
        return [one for one in found if one.cause != "beside_frozen"]
    return [replace(one, severity="note") if beside and one.kind == "frozen" else one for one in found]


def finding_of(draft: Draft, ledger: Ledger) -> Finding:
    """A draft with its line and its kind's texts."""
    kind, place = KINDS[draft.kind], ledger.place(draft.place)
    wording = kind.say(draft.cause, draft.values)
    return Finding(
        kind=kind.name,
        code=kind.code,
        op=draft.op,
        file=place.file if place is not None else "<unknown>",
        line=place.line if place is not None else 0,
        function=place.function if place is not None else "",
        source=place.source if place is not None else "",
        why=wording.why,
        cures=wording.cures,
        certainty=draft.certainty,
        severity=draft.severity,
        columns=place.columns if place is not None else None,
        tensors=draft.tensors,
        cause=draft.cause,
        values=tuple(draft.values.items()),
    )


def ledger_dict(ledger: Ledger) -> dict[str, Any]:
    """A ledger as plain JSON types, its places written out."""
    places = [{"file": place.file, "line": place.line} for place in ledger.places]

    def plain(value: Any) -> dict[str, Any]:
        content = asdict(value)
        for name in PLACES:
            if name in content:
                content[name] = places[content[name]] if content[name] >= 0 else None
        return content

    events = [{"what": type(event).__name__.lower(), **plain(event)} for event in ledger.events]
    for event, original in zip(events, ledger.events, strict=True):
        if hasattr(original, "what"):
            event["what"] = original.what
    return {
        "parameters": [_json_ready(plain(parameter)) for parameter in ledger.parameters],
        "optimizers": [_json_ready(plain(holder)) for holder in ledger.holders],
        "events": [_json_ready(event) for event in events],
        "rows": [_json_ready(asdict(row)) for row in ledger.rows],
        "complete": ledger.complete,
    }
