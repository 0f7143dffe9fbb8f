"""What a diagnosis is made of: the kinds of finding, and plain frozen data with no tensors inside."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Kind:
    """One way in which a gradient is lost.

    `code` is stable for ever and never reused; `lesson` names the course's lesson on it.
    """

    name: str
    code: str
    title: str
    why: str
    cures: tuple[str, ...]
    lesson: str


KINDS: dict[str, Kind] = {}  # filled at the end of this module; the one home of kinds


@dataclass(frozen=True)
class Scope:
    """Where gradient was switched off: the line of the `with torch.no_grad()`, decorator or call."""

    file: str
    line: int


@dataclass(frozen=True)
class Finding:
    """One place where a gradient stops, on the user's own line."""

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
    severity: str  # "error" | "note"
    scope: tuple[str, int] | None = None
    term: str | None = None
    node: int | None = None  # id of the FlowNode it marks
    columns: tuple[int, int] | None = None  # caret span in `source`, 0-based, end exclusive


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


@dataclass(frozen=True)
class Diagnosis:
    """Why gradients arrive or do not arrive, with the lines that decide it."""

    ok: bool
    findings: tuple[Finding, ...]
    terms: dict[str, Term]
    unreached: tuple[str, ...]
    zero: tuple[str, ...]
    graph: FlowGraph = field(default_factory=FlowGraph, repr=False)
    notes: tuple[str, ...] = ()  # what the reader should know: opaque regions, a time bound that was hit
