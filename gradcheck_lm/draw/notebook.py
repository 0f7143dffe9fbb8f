"""Results in a notebook's cell: text that keeps its columns, marked code, and the page's own graph in a frame."""

from __future__ import annotations

import html
from typing import Any

from gradcheck_lm.draw.page import page_html
from gradcheck_lm.draw.report import Report
from gradcheck_lm.draw.words import few, number, place, short_path, term_verdict, verdict, wrt_count
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.flow.bridging.what_if import WhatIf
from gradcheck_lm.flow.findings.model import Diagnosis, Finding
from gradcheck_lm.flow.history import History
from gradcheck_lm.flow.stepping.report import StepReport

_FRAME = 430  # pixels of height for the graph; its lower edge can be pulled
_LAYOUT = 10.0  # seconds: a cell must not wait longer for a picture

# Jupyter resets `pre` and `table` inside outputs, so what must hold stands on the element itself; `inherit` takes the
# notebook's own colours, light or dark
_MONO = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace;font-size:.95em"
_PRE = f"{_MONO};white-space:pre;line-height:1.45;overflow-x:auto;margin:.3em 0;color:inherit;background:transparent"
_DARK = (
    'body[data-jp-theme-light="false"]',  # JupyterLab, nbconvert
    'html[theme="dark"]',  # Colab
    'html[data-theme="dark"]',
    "body.vscode-dark",
    "body.vscode-high-contrast",
)
_LIGHT = ('body[data-jp-theme-light="true"]', 'html[theme="light"]', 'html[data-theme="light"]', "body.vscode-light")


def _style() -> str:
    light = "--bad:#a3271c;--good:#00694a;--mark:#fde3dc;--card:#8881;color-scheme:light"
    dark = "--bad:#ff9d8d;--good:#6fd0a8;--mark:#7a2f26;--card:#8882;color-scheme:dark"
    own = ".gradcheck-lm"
    return (
        f"<style>{own}{{{light};max-width:72rem;line-height:1.5;overflow-wrap:anywhere}}"
        f"@media (prefers-color-scheme:dark){{{own}{{{dark}}}}}"
        f"{','.join(f'{theme} {own}' for theme in _LIGHT)}{{{light}}}"
        f"{','.join(f'{theme} {own}' for theme in _DARK)}{{{dark}}}"
        f"{own} .gf-bad{{color:var(--bad)}}{own} .gf-good{{color:var(--good)}}"
        f"{own} .gf-cut{{border-left:4px solid var(--bad);background:var(--card);padding:.4em .9em;margin:.6em 0}}"
        f"{own} .gf-cut.gf-note,{own} .gf-cut.gf-warning{{border-left-color:#b07800}}"
        f"{own} mark{{background:var(--mark);color:inherit;padding:0;font:inherit}}"
        f"{own} ul{{margin:.2em 0 .2em 1.3em;padding:0}}{own} p{{margin:.3em 0}}"
        f"{own} iframe{{width:100%;border:1px solid #8886;border-radius:6px;display:block}}</style>"
    )


def html_of(value: Any) -> str:
    """A result as HTML that stands by itself in a cell's output: no script runs in the notebook, nothing is fetched."""
    return f'{_style()}<div class="gradcheck-lm">{_body(value)}</div>'


def _body(value: Any) -> str:
    if isinstance(value, Diagnosis):
        return _diagnosis(value)
    if isinstance(value, StepReport):
        return _steps(value)
    if isinstance(value, Finding):
        return _cut(value)
    if isinstance(value, WhatIf):
        following = "" if value.next_cut is None else f"<p><b>The next cut</b></p>{_cut(value.next_cut)}"
        return _pre(str(value)) + following
    if isinstance(value, History):
        return (str(value.plot()) if value else "") + _folded("table", _pre(str(value)))
    history = getattr(value, "history", None)  # a watch
    if isinstance(history, History):
        return _pre(str(value)) + (str(history.plot()) if history else "")
    return _pre(str(value))


def _pre(text: str) -> str:
    return f'<pre style="{_PRE}">{html.escape(text)}</pre>'


def _folded(title: str, content: str, *, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}><summary>{html.escape(title)}</summary>{content}</details>"


def _verdict(text: str, ok: bool) -> str:
    return f'<p class="gf-{"good" if ok else "bad"}"><b>{html.escape(text)}</b></p>'


# ---------------------------------------------------------------------- a diagnosis


def _diagnosis(diagnosis: Diagnosis) -> str:
    parts = [_verdict(verdict(diagnosis), diagnosis.ok), _terms(diagnosis)]
    parts += [_cut(finding) for finding in diagnosis.findings if finding.severity != "note"]
    notes = [finding for finding in diagnosis.findings if finding.severity == "note"]
    if notes:
        parts.append(_folded(f"harmless: {len(notes)}", "".join(map(_cut, notes))))
    parts += [f"<p><small>note: {html.escape(note)}</small></p>" for note in diagnosis.notes]
    parts.append(_graph(diagnosis))
    return "".join(parts)


def _terms(diagnosis: Diagnosis) -> str:
    if not diagnosis.terms:
        return ""
    heads = ("term", "verdict", "value", "requires_grad", "reaches", "gradient norm")
    cell = 'style="text-align:left;padding:.15em .8em;border:0;color:inherit;background:transparent"'
    rows = "".join(
        f'<tr style="background:transparent"><th {cell}>{html.escape(term.name)}</th>'
        f'<td {cell} class="gf-{"bad" if term.dead else "good"}">{html.escape(term_verdict(term))}</td>'
        + "".join(
            f"<td {cell}>{html.escape(text)}</td>"
            for text in (
                number(term.value),
                str(term.requires_grad),
                f"{len(term.reaches)} of {wrt_count(diagnosis)}",
                number(term.gradient_norm),
            )
        )
        + "</tr>"
        for term in diagnosis.terms.values()
    )
    head = "".join(f"<th {cell}>{name}</th>" for name in heads)
    table = f'<table style="border-collapse:collapse;margin:.3em 0;white-space:nowrap"><tr>{head}</tr>{rows}</table>'
    return f'<div style="overflow-x:auto">{table}</div>'


def _cut(finding: Finding) -> str:
    title = f"<b>{finding.code}</b> {html.escape(finding.title)} <small>({html.escape(finding.certainty)})</small>"
    where = html.escape(place(finding)) if finding.line else "no line"
    inside = f" in <code>{html.escape(finding.function)}</code>" if finding.function else ""
    parts = [
        f'<p>{title}</p><p><code style="{_MONO}">{where}</code>{inside} <small>{html.escape(finding.op)}</small></p>'
    ]
    if finding.source:
        parts.append(_source(finding))
    facts = []
    if finding.scope is not None:
        facts.append(f"gradient was switched off at {short_path(finding.scope[0])}:{finding.scope[1]}")
    if finding.library is not None:
        facts.append(f"inside a library, at {short_path(finding.library[0])}:{finding.library[1]}")
    if finding.tensors:
        facts.append(f"left without gradient: {few(finding.tensors, 8)}")
    parts += [f"<p><small>{html.escape(fact)}</small></p>" for fact in facts]
    parts.append(f"<p>{html.escape(finding.why)}</p>")
    if finding.cures and finding.severity != "note":
        cures = "".join(f"<li>{html.escape(cure)}</li>" for cure in finding.cures)
        parts.append(f"<p><b>What to use instead</b></p><ul>{cures}</ul>")
    return f'<div class="gf-cut gf-{finding.severity}">{"".join(parts)}</div>'


def _source(finding: Finding) -> str:
    """The line with the guilty piece marked, and the caret below it for whoever sees no colours."""
    line = finding.source.split("\n")[0]
    if finding.columns is None:
        return _pre(line)
    start, end = finding.columns
    carets = " " * start + "^" * max(1, end - start)
    marked = f"{html.escape(line[:start])}<mark>{html.escape(line[start:end])}</mark>{html.escape(line[end:])}"
    return f'<pre style="{_PRE}">{marked}\n<span class="gf-bad">{carets}</span></pre>'


def _graph(diagnosis: Diagnosis) -> str:
    """The interactive graph of report.html, in a frame of its own: offline, and it cannot reach the notebook."""
    if not diagnosis.graph.nodes:
        return ""
    try:
        page = page_html(Report(diagnoses={"": diagnosis}), timeout=_LAYOUT, template="graph.html.j2")
    except GradcheckLMError as error:  # no template engine, or no layout
        return f"<p><small>no graph: {html.escape(str(error))}</small></p>"
    frame = (
        f'<iframe sandbox="allow-scripts" loading="lazy" title="flow graph" height="{_FRAME}" '
        f'style="resize:vertical" srcdoc="{html.escape(page, quote=True)}"></iframe>'
    )
    return _folded("the way of the gradient", frame, opened=True)


# ---------------------------------------------------------------------- watched steps


def _steps(report: StepReport) -> str:
    head, *rest = str(report).split("\n\n")[0].splitlines()
    parts = [_verdict(head, report.ok), *(f"<p>{html.escape(line.strip())}</p>" for line in rest)]
    parts += [_cut(finding) for finding in report.findings if finding.severity != "note"]
    notes = [finding for finding in report.findings if finding.severity == "note"]
    if notes:
        parts.append(_folded(f"notes: {len(notes)}", "".join(map(_cut, notes))))
    parts += [f"<p><small>note: {html.escape(note)}</small></p>" for note in report.notes]
    for number_, diagnosis in enumerate(report.diagnoses, 1):
        if diagnosis.graph.nodes:
            parts.append(_folded(f"loss {number_}", _terms(diagnosis) + _graph(diagnosis)))
    return "".join(parts)
