"""What a diagnosis is made of: the kinds of finding, and plain frozen data with no tensors inside."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradcheck_lm.display import Displayed
from gradcheck_lm.files import encodable, write_text_atomic
from gradcheck_lm.flow.findings.endings import PAGES, PICTURES, TEXTS, ending_of
from gradcheck_lm.flow.findings.kind import Kind as Kind
from gradcheck_lm.flow.findings.paths import at
from gradcheck_lm.flow.findings.registry import KINDS as KINDS

if TYPE_CHECKING:
    from gradcheck_lm.flow.bridging.what_if import WhatIf


@dataclass(frozen=True, repr=False)
class Finding(Displayed):
    """One place where a gradient stops, on the user's own line.

    `why` and `cures` are what `cause` and `values` say in English; a renderer in another language asks its kind.
    """

    kind: str
    code: str
    op: str
    file: str
    line: int
    function: str
    source: str
    why: str
    cures: tuple[str, ...]
    certainty: str  # "certain" | "confirmed" | "likely"
    severity: str  # "error" | "warning" | "note"
    scope: tuple[str, int] | None = None
    term: str | None = None
    node: int | None = None  # id of the FlowNode it marks
    columns: tuple[int, int] | None = None  # caret span in `source`, 0-based, end exclusive
    library: tuple[str, int] | None = None  # the library's line that did it, where the user's line only called it
    tensors: tuple[str, ...] = ()  # names in wrt that this cut starves; empty for a dead term
    cause: str = ""  # id of the kind's cause that is told; "" is what it says where nothing more exact is known
    values: tuple[tuple[str, str], ...] = ()  # (field, value) of the cause's sentences

    @property
    def title(self) -> str:
        """The kind's title, for headings."""
        return KINDS[self.kind].title if self.kind in KINDS else self.kind

    def _headline(self) -> str:
        where = f" at {at(self.file, self.line)}" if self.line else ""
        return f"{self.code} {self.kind}{where}, {self.severity}"

    def __str__(self) -> str:
        from gradcheck_lm.draw import view
        from gradcheck_lm.draw.terminal import text

        return encodable(text.render_cut(view.cut_of(self, 1)))


@dataclass(frozen=True)
class Term:
    """What one term of the loss does to the tensors asked about."""

    name: str
    value: float
    requires_grad: bool
    reaches: tuple[str, ...]  # names in wrt whose gradient from this term exists and is not all zero
    dead: bool  # reaches nothing
    gradient_norm: float


@dataclass(frozen=True)
class FlowNode:
    """One operation, tensor asked about, loss term or plain Python value on the way from wrt to the loss.

    role: "wrt" | "op" | "host" (a value outside torch) | "term" | "source" (a new tensor made from host values)
    state: "live" (carries gradient) | "cut" (the gradient stops here) | "beyond" (behind a cut: could never carry one)
    """

    id: int
    role: str
    state: str
    label: str
    op: str = ""
    module: str = ""  # dotted path of the nn.Module it ran in, "" at top level
    file: str = ""
    line: int = 0
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    requires_grad: bool = False
    terms: tuple[str, ...] = ()  # names of the terms it leads to
    gradient_norm: float | None = None
    finding: int | None = None  # index into Diagnosis.findings


@dataclass(frozen=True)
class FlowGraph:
    """The data flow from wrt to the loss terms; node ids are 0..n-1 in order of execution."""

    nodes: tuple[FlowNode, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()  # (from id, to id), sorted


@dataclass(frozen=True, repr=False)
class Diagnosis(Displayed):
    """Why gradients arrive or do not arrive, with the lines that decide it.

    `ok` is true when every tensor asked about gets a gradient that is not all zero and no term of the loss is dead.
    """

    ok: bool
    findings: tuple[Finding, ...]
    terms: dict[str, Term]
    unreached: tuple[str, ...]
    zero: tuple[str, ...]
    graph: FlowGraph = field(default_factory=FlowGraph, repr=False)
    notes: tuple[str, ...] = ()  # what the reader should know: opaque regions, a time bound that was hit
    wrt: tuple[str, ...] = field(default=(), repr=False)  # every name asked about
    _program: Any = field(default=None, compare=False, repr=False)  # what `what_if` runs again: no data, never written

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that starve a tensor or a term."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def dead(self) -> tuple[str, ...]:
        """Names of the terms that reach nothing."""
        return tuple(name for name, term in self.terms.items() if term.dead)

    def what_if(self, finding: Finding | int | str) -> WhatIf:
        """Run the program again with this one cut bridged: does the gradient arrive then, and which cut comes next?

        Discrete, rounding and sampling operations are bridged straight-through (the value of the real operation, bit
        for bit, with a gradient of its input), detached values and switched-off stretches by the identity, and values
        that left torch where they come back unchanged. A bridge is a probe, not a fix. The diagnosis in the answer can
        be asked again: its bridges stay in place.

        Args:
            finding: one of this diagnosis' findings, its index, or the code or kind of the first such one: 0, "GF101".
        Returns:
            WhatIf.
        Raises:
            TraceError: this diagnosis has no such finding, or there is no program to run again: a diagnosis from
                `record()`, from `run`, or read from a file.
        Gradient: none is left behind; random state, weights, buffers and `.grad` are put back.
        """
        from gradcheck_lm.flow.bridging.what_if import what_if

        return what_if(self, finding)

    def __getstate__(self) -> dict[str, Any]:
        # a copy or a pickle is data alone, without the program
        return {name: value for name, value in self.__dict__.items() if name != "_program"}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON types; numbers that JSON lacks (nan, inf) become None."""
        content = _json_ready(asdict(replace(self, _program=None)))
        del content["_program"]
        content["schema"] = 1
        return content

    def to_json(self, *, indent: int | None = 2) -> str:
        """`to_dict` as JSON text."""
        return encodable(json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False))

    def to_sarif(self) -> str:
        """The findings as a SARIF 2.1.0 log (JSON text), as code hosts and editors read it."""
        from gradcheck_lm.draw import sarif, view

        return sarif.render(view.of(self))

    def save_graph(self, path: str | Path, *, language: str = "en") -> Path:
        """Draw the data flow with its cuts.

        Args:
            path: its ending decides: .svg, .png, .dot, .pdf (where Graphviz is installed), or .html for the whole page.
            language: "en" or "ja", of the words around the program's own names; the page opens in it.
        Raises:
            ArgumentError: another ending.
            MissingPackageError: no layout engine is installed; .dot and .html need none.
        """
        path = Path(path)
        if ending_of(path, (*PICTURES, *PAGES), doing="draw into") in PAGES:
            from gradcheck_lm.draw.page.page import save_page

            return save_page(path, self, language=language)
        from gradcheck_lm.draw.graph import graph

        return graph.save_graph(self, path, language=language)

    def save(self, path: str | Path) -> Path:
        """Write the diagnosis.

        Args:
            path: its ending decides: .html (the page with everything), .json, .sarif, .txt, or a picture of the data
                flow, .svg, .png, .dot or .pdf, as `save_graph` draws it.
        Raises:
            ArgumentError: another ending.
            MissingPackageError: a picture, and no layout engine is installed.
        """
        path = Path(path)
        ending = ending_of(path, (*PAGES, *TEXTS, *PICTURES), doing="save a diagnosis as")
        if ending in PICTURES:
            return self.save_graph(path)
        if ending in PAGES:
            from gradcheck_lm.draw.page.page import save_page

            return save_page(path, self)
        texts = {".json": self.to_json, ".sarif": self.to_sarif, ".txt": self.__str__}
        return write_text_atomic(path, texts[ending]() + "\n")

    def __str__(self) -> str:
        from gradcheck_lm.draw import view
        from gradcheck_lm.draw.terminal import text

        return encodable(text.render(view.of(self)))

    def _headline(self) -> str:
        errors = len(self.errors)
        ill = f"BROKEN, {errors} error{'' if errors == 1 else 's'}, first {self.errors[0].code}" if errors else "BROKEN"
        return f"{'ok' if self.ok else ill}; {len(self.wrt)} tensors, terms {', '.join(self.terms)}"


def _json_ready(value: Any) -> Any:
    if isinstance(value, str):
        return str(value)  # a note is more than a str
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(item) for item in value]
    return value
