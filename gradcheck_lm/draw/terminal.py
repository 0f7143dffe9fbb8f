"""A diagnosis as text: at 80 columns, with or without colour, in a pipe, on consoles with old encodings."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from gradcheck_lm.draw.consoles import Advance as Advance
from gradcheck_lm.draw.consoles import as_text as as_text
from gradcheck_lm.draw.consoles import console as console
from gradcheck_lm.draw.consoles import console as make_console
from gradcheck_lm.draw.consoles import progress as progress
from gradcheck_lm.draw.consoles import table as table
from gradcheck_lm.draw.flow_tree import FlowTree, legend
from gradcheck_lm.draw.lettering import shown
from gradcheck_lm.draw.words import (
    by_module,
    few,
    is_of_the_step,
    number,
    place,
    short_path,
    term_verdict,
    verdict,
    wrt_count,
)
from gradcheck_lm.flow.findings.model import Diagnosis, Finding


def diagnosis_text(diagnosis: Diagnosis, *, width: int = 80, color: bool = False, encoding: str = "utf-8") -> str:
    """A diagnosis as plain text: verdict, the way of the data as a tree, cuts with cures, terms, who gets nothing.

    Args:
        diagnosis: what `diagnose` found.
        width: columns; no line is longer, except a path that cannot be broken.
        color: with escape sequences for colours.
        encoding: of the console; no character is used that it lacks.
    Returns:
        Lines that end in newlines.
    """
    return as_text(diagnosis_view(diagnosis, encoding=encoding), width=width, color=color, encoding=encoding)


def print_diagnosis(diagnosis: Diagnosis, console: Console | None = None) -> None:
    """Print a diagnosis to a rich console; without one, to standard output as it can show it."""
    target = console if console is not None else make_console()
    target.print(diagnosis_view(diagnosis, encoding=target.encoding))


def diagnosis_view(diagnosis: Diagnosis, *, encoding: str = "utf-8") -> RenderableType:
    """A diagnosis as something rich can print."""
    parts: list[RenderableType] = [_text(verdict(diagnosis), encoding, "bold green" if diagnosis.ok else "bold red")]
    found = list(enumerate(diagnosis.findings, 1))
    errors = [one for one in found if one[1].severity == "error" and not is_of_the_step(one[1])]
    steps = [one for one in found if one[1].severity == "error" and is_of_the_step(one[1])]
    warnings = [one for one in found if one[1].severity == "warning"]
    others = [one for one in found if one[1].severity == "note"]
    if any(node.role == "term" for node in diagnosis.graph.nodes):
        marks = _text(legend(diagnosis, encoding=encoding), encoding, "dim")
        parts += [_heading("The way of the data"), FlowTree(diagnosis, encoding=encoding), marks]
    if errors:
        title = "The cut" if len(errors) == 1 else "The cuts, in the order in which the data flows"
        parts += [_heading(title), *(_finding(i, finding, encoding) for i, finding in errors)]
    for title, group in (
        ("Between backward() and the next step", steps),
        ("Very likely not meant", warnings),
        ("Also seen, and harmless here: another path carries the gradient", others),
    ):
        if group:
            parts += [_heading(title), *(_finding(i, finding, encoding) for i, finding in group)]
    if diagnosis.terms:
        parts.append(_terms(diagnosis, encoding))
    for title, names in (("No gradient", diagnosis.unreached), ("A gradient of exactly 0", diagnosis.zero)):
        if names:
            parts += [_heading(f"{title}: {len(names)} of {wrt_count(diagnosis)} tensors"), _names(names, encoding)]
    if diagnosis.notes:
        parts += [_heading("Notes"), *(Padding(_text(f"- {note}", encoding), (0, 0, 0, 2)) for note in diagnosis.notes)]
    return Group(*parts)


def _text(text: str, encoding: str, style: str = "") -> Text:
    return Text(shown(text, encoding), style=style, overflow="fold")


def _heading(text: str) -> RenderableType:
    return Padding(Text(text, style="bold"), (1, 0, 0, 0))


def _finding(index: int, finding: Finding, encoding: str) -> RenderableType:
    where = place(finding) + (f" in {finding.function}" if finding.function else "")
    style = "bold red" if finding.severity == "error" else "bold"
    title = Text(overflow="fold").append(shown(where, encoding), style).append(f"  {shown(finding.op, encoding)}")
    head = Table.grid(padding=(0, 1))
    head.add_column(no_wrap=True, width=len(f"{index}."))
    head.add_column(overflow="fold")
    head.add_row(Text(f"{index}.", style), title)
    traits = [f"{finding.code} {finding.kind}", finding.certainty] + ([f"term {finding.term}"] if finding.term else [])
    body: list[RenderableType] = [_text(", ".join(traits), encoding, "dim")]
    if finding.source:
        body.append(Padding(_Source(finding, encoding), (0, 0, 0, 2)))
    if finding.scope:
        body.append(_text(f"gradient was switched off at {short_path(finding.scope[0])}:{finding.scope[1]}", encoding))
    if finding.library:
        body.append(_text(f"inside a library, at {short_path(finding.library[0])}:{finding.library[1]}", encoding))
    body.append(_labelled("why", finding.why, encoding))
    if finding.tensors:
        body.append(_labelled("of" if is_of_the_step(finding) else "loses", few(finding.tensors), encoding))
    if finding.cures and finding.severity != "note":  # what does no harm needs no cure
        body.append(_labelled("cure", finding.cures[0], encoding))
    return Padding(Group(head, *(Padding(part, (0, 0, 0, 3)) for part in body)), (0, 0, 0, 1))


class _Source:
    """A source line with a caret below; a long one is shown around the caret, since a wrapped caret points nowhere."""

    def __init__(self, finding: Finding, encoding: str) -> None:
        line = finding.source.split("\n")[0].replace("\t", " ")
        indent = len(line) - len(line.lstrip())
        first, end = (max(0, column - indent) for column in finding.columns or (0, 0))
        line = line.strip()
        self.before, self.marked, self.after = (
            shown(part, encoding) for part in (line[:first], line[first:end], line[end:])
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        before, after = self.before, self.after
        width = options.max_width
        needed = Text(before + self.marked).cell_len
        if needed > width and before:
            keep = max(0, min(len(before), width - Text(self.marked).cell_len - 3))
            before = "..." + before[len(before) - keep :]
        rows = before + self.marked + after
        if self.marked:
            rows += "\n" + " " * Text(before).cell_len + "^" * Text(self.marked).cell_len
        yield Text(rows, style="cyan", no_wrap=True, overflow="crop")


def _labelled(label: str, text: str, encoding: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=6, no_wrap=True, overflow="crop")
    grid.add_column(overflow="fold", ratio=1)
    grid.add_row(Text(f"{label}:", style="bold"), _text(text, encoding))
    return grid


def _terms(diagnosis: Diagnosis, encoding: str) -> RenderableType:
    total = wrt_count(diagnosis)
    rows = [
        (
            term.name, number(term.value), str(term.requires_grad), f"{len(term.reaches)} of {total}",
            number(term.gradient_norm), Text(term_verdict(term), style="bold red" if term.dead else "green"),
        )
        for term in diagnosis.terms.values()
    ]  # fmt: skip
    columns = ("term", "value", "requires_grad", "reaches", "gradient norm", "verdict")
    return Padding(table("", columns, rows, encoding=encoding), (1, 0, 0, 0))


def _names(names: Sequence[str], encoding: str) -> RenderableType:
    lines = []
    for module, members in by_module(names):
        if len(members) == 1:
            lines.append(members[0])
            continue
        lines.append(f"{module}: {len(members)} tensors ({few([name.removeprefix(f'{module}.') for name in members])})")
    wrapped = "\n".join(textwrap.indent(line, "  ") for line in lines)
    return _text(wrapped, encoding)
