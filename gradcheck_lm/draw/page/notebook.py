"""Results in a notebook's cell: text that keeps its columns, marked code, and the page's own graph in a frame."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from gradcheck_lm.draw.page.page import page_html
from gradcheck_lm.draw.page.report import Report
from gradcheck_lm.draw.view import CutView, SourceLine, TermView, View, cut_of
from gradcheck_lm.draw.view import of as view_of
from gradcheck_lm.draw.words import few, say
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
    if isinstance(value, View):
        return _shown(value, [])
    if isinstance(value, Diagnosis | StepReport):
        return _shown(view_of(value), [value] if isinstance(value, Diagnosis) else list(value.diagnoses))
    if isinstance(value, Finding):
        return _cut(cut_of(value, 1))
    if isinstance(value, WhatIf):
        following = "" if value.next_cut is None else f"<p><b>The next cut</b></p>{_cut(cut_of(value.next_cut, 1))}"
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


def _small(text: str) -> str:
    return f"<p><small>{html.escape(text)}</small></p>"


def _shown(view: View, diagnoses: Sequence[Diagnosis]) -> str:
    """A diagnosis, or watched steps, whose diagnoses are those of their losses."""
    colour = "good" if view.ok else "bad"
    parts = [f'<p class="gf-{colour}"><b>{html.escape(view.status)}</b></p><p>{html.escape(view.verdict)}</p>']
    parts.append(_terms(view))
    for section in view.sections:
        cuts = "".join(_cut(cut, view.language) for cut in section.cuts)
        quiet = section.name.endswith("note")
        parts.append(_folded(section.heading, cuts) if quiet else f"<p><b>{html.escape(section.heading)}</b></p>{cuts}")
    if view.about == "diagnosis":
        parts += [_small(f"{say(word, view.language)}: {few(names, 12)}") for word, names in _idle(view) if names]
    parts += [_small(f"note: {note}") for note in view.notes]
    if view.about == "diagnosis":
        parts += [_graph(one, say("way", view.language), opened=True) for one in diagnoses]
    else:
        for place, one in enumerate(diagnoses, 1):
            parts.append(_graph(one, say("loss", view.language, number=place, count=len(diagnoses)), opened=False))
    return "".join(parts)


def _idle(view: View) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("unreached", view.unreached), ("zero", view.zero)


def _terms(view: View) -> str:
    if not view.terms:
        return ""
    cell = 'style="text-align:left;padding:.15em .8em;border:0;color:inherit;background:transparent"'
    head = "".join(
        f"<th {cell}>{html.escape(say(name, view.language))}</th>"
        for name in ("term", "verdict", "value", "requires_grad", "reaches", "gradient norm")
    )
    rows = "".join(_term(term, cell) for term in view.terms)
    table = f'<table style="border-collapse:collapse;margin:.3em 0;white-space:nowrap"><tr>{head}</tr>{rows}</table>'
    return f'<div style="overflow-x:auto">{table}</div>'


def _term(term: TermView, cell: str) -> str:
    said = f"{term.verdict}{f': {term.remark}' if term.remark else ''}"
    judged = f'<td {cell} class="gf-{"bad" if term.dead else "good"}">{html.escape(said)}</td>'
    others = (term.value_said, str(term.requires_grad), term.reach_said, term.norm_said)
    rest = "".join(f"<td {cell}>{html.escape(text)}</td>" for text in others)
    return f'<tr style="background:transparent"><th {cell}>{html.escape(term.name)}</th>{judged}{rest}</tr>'


def _cut(cut: CutView, language: str = "en") -> str:
    title = f"<b>{cut.code}</b> {html.escape(cut.title)} <small>({html.escape(cut.certainty_said)})</small>"
    inside = f" {html.escape(say('in', language, function=cut.function))}" if cut.function else ""
    where = f'<code style="{_MONO}">{html.escape(cut.place)}</code>{inside} <small>{html.escape(cut.op)}</small>'
    parts = [f"<p>{title}</p><p>{where}</p>"]
    if cut.source.whole:
        parts.append(_source(cut.source))
    parts += [
        _small(say(word, language, place=at)) for word, at in (("scope", cut.scope), ("library", cut.library)) if at
    ]
    if cut.loses:
        parts.append(_small(f"{say('of' if cut.of_the_step else 'loses', language)}: {few(cut.loses, 8, language)}"))
    parts.append(f"<p>{html.escape(cut.why)}</p>")
    if cut.cures and cut.severity != "note":
        cures = "".join(f"<li>{html.escape(cure)}</li>" for cure in cut.cures)
        parts.append(f"<p><b>{html.escape(say('cure', language))}</b></p><ul>{cures}</ul>")
    return f'<div class="gf-cut gf-{cut.severity}">{"".join(parts)}</div>'


def _source(source: SourceLine) -> str:
    """The line with the guilty piece marked, and the caret below it for whoever sees no colours."""
    if not source.marked:
        return _pre(source.whole)
    carets = " " * cell_len(source.before) + "^" * max(1, cell_len(source.marked))
    marked = f"{html.escape(source.before)}<mark>{html.escape(source.marked)}</mark>{html.escape(source.after)}"
    return f'<pre style="{_PRE}">{marked}\n<span class="gf-bad">{carets}</span></pre>'


def _graph(diagnosis: Diagnosis, title: str, *, opened: bool) -> str:
    """The interactive graph of report.html, in a frame of its own: offline, and it cannot reach the notebook."""
    if not diagnosis.graph.nodes:
        return ""
    try:
        page = page_html(Report(diagnoses={"": diagnosis}), timeout=_LAYOUT, template="graph.html.j2")
    except GradcheckLMError as error:  # no template engine
        return _small(f"no graph: {error}")
    frame = (
        f'<iframe sandbox="allow-scripts" loading="lazy" title="{html.escape(title)}" height="{_FRAME}" '
        f'style="resize:vertical" srcdoc="{html.escape(page, quote=True)}"></iframe>'
    )
    return _folded(title, frame, opened=opened)
