"""A diagnosis as plain text, as HTML for a notebook, and as a SARIF log."""

from __future__ import annotations

import html
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcheck_lm.flow.findings.explain import help_uri, markdown
from gradcheck_lm.flow.findings.paths import at
from gradcheck_lm.flow.findings.registry import KINDS

if TYPE_CHECKING:
    from gradcheck_lm.flow.findings.kind import Kind
    from gradcheck_lm.flow.findings.model import Diagnosis, Finding

WIDTH = 80


def diagnosis_text(diagnosis: Diagnosis) -> str:
    """The diagnosis in plain ASCII frames, at most 80 columns but for source lines and paths."""
    parts = [_headline(diagnosis)]
    if diagnosis.terms:
        parts.append("\n".join(_term_lines(diagnosis)))
    parts.extend(_finding_text(number, finding) for number, finding in enumerate(diagnosis.findings, 1))
    if diagnosis.notes:
        parts.append("\n".join(_wrap("note: " + note, "  ") for note in diagnosis.notes))
    return "\n\n".join(parts)


def _headline(diagnosis: Diagnosis) -> str:
    if diagnosis.ok:
        return "gradient flow: ok. Every tensor asked about gets a gradient that is not zero."
    sentences = []
    live = [name for name, term in diagnosis.terms.items() if not term.dead]
    for name in diagnosis.dead:
        tail = f", while {_few(tuple(repr(other) for other in live))} is live" if live else ""
        sentences.append(f"Term {name!r} teaches nothing: no gradient of it reaches what you train{tail}.")
    if diagnosis.unreached:
        sentences.append(f"No gradient at all: {_few(diagnosis.unreached)}.")
    if diagnosis.zero:
        sentences.append(f"A gradient of exactly 0: {_few(diagnosis.zero)}.")
    if not sentences and diagnosis.errors and diagnosis.errors[0].kind == "wrong_value":
        sentences.append("A gradient arrives with a wrong value.")
    if not sentences:
        sentences.append("The gradient holds NaN or infinity.")
    return "\n".join(["gradient flow: BROKEN", *(_wrap(sentence, "  ") for sentence in sentences)])


def _term_lines(diagnosis: Diagnosis) -> list[str]:
    width = max(4, *(len(name) for name in diagnosis.terms))
    lines = [f"  {'term':<{width}}  {'value':>10}  {'requires_grad':<13}  {'gradient norm':>13}  reaches"]
    for term in diagnosis.terms.values():
        reach = "nothing: dead" if term.dead else f"{len(term.reaches)} of {len(diagnosis.wrt) or '?'} tensors"
        numbers = f"{term.value:>10.4g}  {term.requires_grad!s:<13}  {term.gradient_norm:>13.4g}"
        lines.append(f"  {term.name:<{width}}  {numbers}  {reach}")
    return lines


def _finding_text(number: int, finding: Finding) -> str:
    marks = [finding.certainty] + ([finding.severity] if finding.severity != "error" else [])
    lines = [f"{number}. {finding.code} {finding.kind}: {finding.title} ({', '.join(marks)})"]
    where = f"   {at(finding.file, finding.line)}" if finding.line else "   (no line)"
    lines.append(where + (f" in {finding.function}" if finding.function else "") + f"   [{finding.op}]")
    if finding.source:
        lines.append("       " + finding.source)
        if finding.columns is not None:
            start, end = finding.columns
            lines.append("       " + " " * start + "^" * max(1, end - start))
    if finding.scope is not None:
        lines.append(f"   gradient was switched off at {at(finding.scope[0], finding.scope[1])}")
    if finding.library is not None:
        lines.append(f"   inside a library, at {at(finding.library[0], finding.library[1])}")
    if finding.term is not None:
        lines.append(f"   on the way to term {finding.term!r}")
    if finding.tensors:
        verb = "concerns" if KINDS[finding.kind].asked_by in ("diagnose_step", "run") else "starves"
        lines.append(_wrap(f"{verb} {_few(finding.tensors)}", "   "))
    lines.append(_wrap(finding.why, "   "))
    if finding.severity != "note":  # a note is no fault: there is nothing to cure
        lines.extend(_wrap(cure, "   - ", "     ") for cure in finding.cures)
    return "\n".join(lines)


def finding_text(finding: Finding) -> str:
    """One finding by itself."""
    return _finding_text(1, finding).removeprefix("1. ")


def _wrap(text: str, first: str, rest: str | None = None) -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=first if rest is None else rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _few(names: tuple[str, ...], shown: int = 4) -> str:
    head = ", ".join(names[:shown])
    return head if len(names) <= shown else f"{head} and {len(names) - shown} more"


def diagnosis_html(diagnosis: Diagnosis) -> str:
    """The diagnosis for a notebook cell: the text, escaped, with the flow graph above it where it can be drawn."""
    picture = ""
    if diagnosis.graph.nodes:
        try:
            picture = _inline_svg(diagnosis)
        except Exception:  # a notebook must show the text even where drawing is not installed
            picture = ""
    return f"<div class='gradcheck-lm'>{picture}<pre>{html.escape(str(diagnosis))}</pre></div>"


def _inline_svg(diagnosis: Diagnosis) -> str:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        text = diagnosis.save_graph(Path(folder) / "graph.svg").read_text(encoding="utf-8")
    return text[text.index("<svg") :]


def sarif_log(diagnosis: Any) -> dict[str, Any]:
    """A SARIF 2.1.0 log of a Diagnosis or a StepReport: one rule a kind, one result a finding."""
    used = sorted({finding.kind for finding in diagnosis.findings}, key=lambda kind: KINDS[kind].code)
    rules = [_sarif_rule(KINDS[kind]) for kind in used]
    results = [_sarif_result(finding, used.index(finding.kind)) for finding in diagnosis.findings]
    driver = {"name": "gradcheck_lm", "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
    }


def _sarif_rule(kind: Kind) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": kind.code,
        "name": "".join(word.capitalize() for word in kind.name.split("_")),
        "shortDescription": {"text": kind.title},
        "fullDescription": {"text": kind.why},
        "help": {"text": "\n".join(f"- {cure}" for cure in kind.cures), "markdown": markdown(kind)},
        "defaultConfiguration": {"level": kind.severity},
    }
    if (uri := help_uri(kind)) is not None:
        rule["helpUri"] = uri
    return rule


def _sarif_result(finding: Finding, rule: int) -> dict[str, Any]:
    message = finding.why if finding.term is None else f"Term {finding.term!r}: {finding.why}"
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": message},
        "properties": {"op": finding.op, "certainty": finding.certainty},
    }
    if finding.line and not finding.file.startswith("<"):
        result["locations"] = [_sarif_location(finding.file, finding.line)]
    if finding.scope is not None and not finding.scope[0].startswith("<"):
        result["relatedLocations"] = [_sarif_location(*finding.scope)]
    return result


def _sarif_location(file: str, line: int) -> dict[str, Any]:
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(root := Path(os.getcwd())):
        path = path.relative_to(root)  # SARIF viewers open a relative path in the checkout
    uri = path.as_uri() if path.is_absolute() else path.as_posix()
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}
