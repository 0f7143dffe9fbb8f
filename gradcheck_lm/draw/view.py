"""One view between a diagnosis and every renderer: all that is said, in one order and one language, as frozen data.

from gradcheck_lm.draw import view

shown = view.of(diagnosis, language="en")    # or of a StepReport; "ja" for Japanese
shown.ok, shown.status, shown.verdict        # True, "gradient flow: ok", "The gradient flows: ..."
shown.terms, shown.term("lm").dead           # TermView: value, requires_grad, reaches, gradient_norm, verdict
shown.cuts[0].place, .source, .why, .cures   # CutView: `cuts` in the order of `findings`, `number` from 1
shown.sections                               # the same cuts under their headings, in the order in which they stand
shown.unreached, shown.zero, shown.notes, shown.graph
shown.optimizers, shown.rows, shown.losses   # of watched steps: who stepped how often, the ledger's rows, each loss
gradcheck_lm.draw.terminal.text.render(shown)  # the one text: print, run, pytest
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from gradcheck_lm.draw.japanese import heading_ja, sentence_ja, wording_ja
from gradcheck_lm.draw.numbers import number
from gradcheck_lm.draw.verdicts import asked_count, is_of_the_step, step_verdict, title_of, verdict
from gradcheck_lm.draw.words import WORDS, say
from gradcheck_lm.flow.findings.model import KINDS, Diagnosis, Finding, FlowGraph, Term
from gradcheck_lm.flow.findings.paths import at
from gradcheck_lm.flow.stepping.ledger.ledger import Ledger
from gradcheck_lm.flow.stepping.ledger.rows import Row
from gradcheck_lm.flow.stepping.report import StepReport


@dataclass(frozen=True)
class SourceLine:
    """The line of a cut without its indent; `marked` is what the caret stands under, "" where nothing is known."""

    before: str = ""
    marked: str = ""
    after: str = ""

    @property
    def whole(self) -> str:
        """The line as it is."""
        return self.before + self.marked + self.after


@dataclass(frozen=True)
class CutView:
    """One finding as a reader meets it. Places are short: as they can be clicked, without the folders of a machine."""

    number: int  # from 1, in the order of the diagnosis' findings
    code: str
    kind: str
    title: str
    section: str  # "cut" | "step" | "warning" | "note" | "idle"
    severity: str  # "error" | "warning" | "note"
    certainty: str  # "certain" | "confirmed" | "likely"
    certainty_said: str
    op: str
    term: str | None
    place: str  # file:line
    file: str  # as on this machine
    line: int
    function: str
    source: SourceLine
    scope: str  # where gradient was switched off, "" where that is not it
    scope_at: tuple[str, int] | None
    library: str  # the library's line that did it, "" where the program's own did
    loses: tuple[str, ...]  # names of tensors
    why: str
    cures: tuple[str, ...]
    lesson: str
    node: int | None  # id of the node of the graph that it marks

    @property
    def starves(self) -> bool:
        """Whether it takes the gradient from something, or keeps it from being used."""
        return self.severity == "error"

    @property
    def of_the_step(self) -> bool:
        """Whether it tells what becomes of gradients that arrive: `loses` then only says whose."""
        return self.section.startswith("step") or self.code.startswith("GF7")


@dataclass(frozen=True)
class Section:
    """Cuts under one heading."""

    name: str
    heading: str
    cuts: tuple[CutView, ...]


@dataclass(frozen=True)
class TermView:
    """One term of the loss."""

    name: str
    value: float
    requires_grad: bool
    reaches: int  # how many of the tensors asked about
    gradient_norm: float
    dead: bool
    verdict: str  # "alive" or "DEAD"
    remark: str  # what must not be read from it, or ""
    value_said: str
    norm_said: str
    reach_said: str  # "2 of 4"


@dataclass(frozen=True)
class OptimizerView:
    """What one optimizer did in watched steps."""

    name: str
    kind: str  # its class
    place: str  # file:line where it was made, "" where that was not seen
    tensors: int
    stepped: int
    skipped: int
    rates: tuple[float, ...]


@dataclass(frozen=True)
class View:
    """All that is shown of a diagnosis, or of watched steps, in one language."""

    language: str
    about: str  # "diagnosis" | "steps"
    ok: bool
    status: str  # "gradient flow: BROKEN"
    verdict: str  # one or two sentences
    asked: int  # tensors asked about
    terms: tuple[TermView, ...] = ()
    cuts: tuple[CutView, ...] = ()
    unreached: tuple[str, ...] = ()
    zero: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    graph: FlowGraph = field(default_factory=FlowGraph, repr=False)
    optimizers: tuple[OptimizerView, ...] = ()
    rows: tuple[Row, ...] = field(default=(), repr=False)  # the ledger: each parameter in each step
    losses: tuple[View, ...] = field(default=(), repr=False)  # of watched steps: each loss by itself

    @property
    def dead(self) -> tuple[str, ...]:
        """Names of the terms that reach nothing."""
        return tuple(term.name for term in self.terms if term.dead)

    @property
    def sections(self) -> tuple[Section, ...]:
        """The cuts in the order in which they are told: what starves, the step, what is suspected, what is harmless."""
        found = []
        for name in ("cut", "step", "warning", "note", "idle"):
            cuts = tuple(cut for cut in self.cuts if cut.section == name)
            heading = say("cuts" if name == "cut" and len(cuts) > 1 else name, self.language)
            found += [Section(name, heading, cuts)] if cuts else []
        return tuple(found)

    def term(self, name: str) -> TermView | None:
        """A term by its name."""
        return next((term for term in self.terms if term.name == name), None)

    def cut_at(self, index: int | None) -> CutView | None:
        """The cut that a node of the graph names by the index of its finding."""
        return self.cuts[index] if index is not None and index < len(self.cuts) else None


def of(subject: Diagnosis | StepReport | View, language: str = "en") -> View:
    """What is shown of a diagnosis or of watched steps; a view stays as it is.

    Args:
        language: "en" or "ja".
    """
    if isinstance(subject, View):
        return subject
    if isinstance(subject, StepReport):
        return _of_steps(subject, language)
    total = asked_count(subject)
    not_finite = any(finding.kind == "non_finite" for finding in subject.findings)  # else NaN is a value not known
    return View(
        language=language,
        about="diagnosis",
        ok=subject.ok,
        status=_status("flow", subject, language),
        verdict=verdict(subject, language),
        asked=total,
        terms=tuple(_term(term, total, language, known=not_finite) for term in subject.terms.values()),
        cuts=tuple(cut_of(finding, index, language) for index, finding in enumerate(subject.findings, 1)),
        unreached=subject.unreached,
        zero=subject.zero,
        notes=_notes(subject.notes, language),
        graph=subject.graph,
    )


def _of_steps(report: StepReport, language: str) -> View:
    losses = tuple(of(diagnosis, language) for diagnosis in report.diagnoses)
    return View(
        language=language,
        about="steps",
        ok=report.ok,
        status=_status("training", report, language),
        verdict=step_verdict(report, language),
        asked=len({name for diagnosis in report.diagnoses for name in diagnosis.wrt}),
        cuts=tuple(cut_of(finding, index, language) for index, finding in enumerate(report.findings, 1)),
        unreached=tuple(dict.fromkeys(name for one in losses for name in one.unreached)),
        zero=tuple(dict.fromkeys(name for one in losses for name in one.zero)),
        notes=_notes(report.notes, language),
        optimizers=tuple(_optimizers(report.ledger)),
        rows=report.ledger.rows,
        losses=losses,
    )


def cut_of(finding: Finding, index: int, language: str = "en") -> CutView:
    """One finding by itself; `index` counts from 1."""
    wording = wording_ja(finding) if language == "ja" else None
    kind = KINDS.get(finding.kind)
    scope, library = finding.scope, finding.library
    return CutView(
        number=index,
        code=finding.code,
        kind=finding.kind,
        title=title_of(finding, language),
        section=_section(finding),
        severity=finding.severity,
        certainty=finding.certainty,
        certainty_said=say(finding.certainty, language) if finding.certainty in WORDS else finding.certainty,
        op=heading_ja(finding.op) if language == "ja" else finding.op,
        term=finding.term,
        place=at(finding.file, finding.line) if finding.line else say("no line", language),
        file=finding.file,
        line=finding.line,
        function=finding.function,
        source=_source(finding),
        scope=at(*scope) if scope is not None else "",
        scope_at=scope,
        library=at(*library) if library is not None else "",
        loses=finding.tensors,
        why=finding.why if wording is None else wording.why,
        cures=tuple(finding.cures if wording is None else wording.cures),
        lesson=kind.lesson if kind is not None else "",
        node=finding.node,
    )


def _status(about: str, subject: Diagnosis | StepReport, language: str) -> str:
    warnings = sum(finding.severity == "warning" for finding in subject.findings)
    how = "broken" if not subject.ok else "warned" if warnings else "ok"
    return f"{say(about, language)}: {say(how, language, count=warnings)}"


def _section(finding: Finding) -> str:
    step = is_of_the_step(finding)
    if finding.severity == "error":
        return "step" if step else "cut"
    if finding.severity == "note":
        return "idle" if step or finding.tensors else "note"  # no other path feeds these tensors
    return "warning"


def _source(finding: Finding) -> SourceLine:
    line = finding.source.split("\n")[0].replace("\t", " ")
    indent = len(line) - len(line.lstrip())
    start, end = (max(0, column - indent) for column in finding.columns or (0, 0))
    line = line.strip()
    return SourceLine(line[:start], line[start:end], line[end:])


def _term(term: Term, total: int, language: str, *, known: bool) -> TermView:
    return TermView(
        name=term.name,
        value=term.value,
        requires_grad=term.requires_grad,
        reaches=len(term.reaches),
        gradient_norm=term.gradient_norm,
        dead=term.dead,
        verdict=say("dead" if term.dead else "alive", language),
        remark=say("no proof", language) if term.dead and term.requires_grad else "",
        value_said=number(term.value) if known or not math.isnan(term.value) else "?",
        norm_said=number(term.gradient_norm),
        reach_said=say("reach", language, count=len(term.reaches), total=total),
    )


def _notes(notes: tuple[str, ...], language: str) -> tuple[str, ...]:
    return tuple(sentence_ja(note) if language == "ja" else str(note) for note in notes)


def _optimizers(ledger: Ledger) -> Iterator[OptimizerView]:
    for index, holder in enumerate(ledger.holders):
        turns = ledger.steps(index)
        skipped = sum(turn.skipped for turn in turns)
        yield OptimizerView(
            name=holder.name,
            kind=holder.kind,
            place=ledger.where(holder.place),
            tensors=len(holder.holds),
            stepped=len(turns) - skipped, skipped=skipped, rates=holder.rates,
        )  # fmt: skip
