"""What a diagnosis is made of: the kinds of finding, and plain frozen data with no tensors inside."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from gradcheck_lm.flow.what_if import WhatIf


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
    library: tuple[str, int] | None = None  # the library's line that did it, where the user's line only called it
    tensors: tuple[str, ...] = ()  # names in wrt that this cut starves; empty for a dead term

    @property
    def title(self) -> str:
        """The kind's title, for headings."""
        return KINDS[self.kind].title if self.kind in KINDS else self.kind


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
    _program: ClassVar[Any] = None  # of an instance: what `what_if` runs again; no field, so never compared or written

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that starve a tensor or a term."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def dead(self) -> tuple[str, ...]:
        """Names of the terms that reach nothing."""
        return tuple(name for name, term in self.terms.items() if term.dead)

    def what_if(self, finding: Finding) -> WhatIf:
        """Run the program again with this one cut bridged: does the gradient arrive then, and which cut comes next?

        Discrete, rounding and sampling operations are bridged straight-through (the value of the real operation, bit
        for bit, with a gradient of its input), detached values and switched-off stretches by the identity, and values
        that left torch where they come back unchanged. A bridge is a probe, not a fix. The diagnosis in the answer can
        be asked again: its bridges stay in place.

        Args:
            finding: one of this diagnosis' findings.
        Returns:
            WhatIf.
        Raises:
            TraceError: the finding is another diagnosis', or there is no program to run again: a diagnosis from
                `record()`, from `run`, or read from a file.
        Gradient: none is left behind; random state, weights, buffers and `.grad` are put back.
        """
        from gradcheck_lm.flow.what_if import what_if

        return what_if(self, finding)

    def __getstate__(self) -> dict[str, Any]:
        # a copy or a pickle is data alone, without the program
        return {name: value for name, value in self.__dict__.items() if name != "_program"}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON types; numbers that JSON lacks (nan, inf) become None."""
        content = _json_ready(asdict(self))
        content["schema"] = 1
        return content

    def to_json(self, *, indent: int | None = 2) -> str:
        """`to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def to_sarif(self) -> str:
        """The findings as a SARIF 2.1.0 log (JSON text), as code hosts and editors read it."""
        from gradcheck_lm.flow.report import sarif_log

        return json.dumps(sarif_log(self), indent=2, ensure_ascii=False)

    def save_graph(self, path: str | Path) -> Path:
        """Draw the data flow with its cuts; the ending decides: .svg .png .pdf .dot .html."""
        path = Path(path)
        if path.suffix == ".html":
            return self.save(path)
        from gradcheck_lm.draw import graph

        return graph.save_graph(self, path)

    def save(self, path: str | Path) -> Path:
        """Write the diagnosis; the ending decides: .html .json .sarif .txt, or a picture as `save_graph` does."""
        path = Path(path)
        from gradcheck_lm.files import write_text_atomic

        if path.suffix == ".json":
            return write_text_atomic(path, self.to_json() + "\n")
        if path.suffix == ".sarif":
            return write_text_atomic(path, self.to_sarif() + "\n")
        if path.suffix == ".txt":
            return write_text_atomic(path, str(self) + "\n")
        if path.suffix in (".html", ".htm"):
            from gradcheck_lm.draw.page import save_page

            return save_page(path, self)
        return self.save_graph(path)

    def __str__(self) -> str:
        from gradcheck_lm.flow.report import diagnosis_text

        return diagnosis_text(self)

    def _repr_html_(self) -> str:
        from gradcheck_lm.flow.report import diagnosis_html

        return diagnosis_html(self)


def _json_ready(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_ready(item) for item in value]
    return value


def _kind(name: str, code: str, title: str, why: str, cures: tuple[str, ...], lesson: str) -> None:
    KINDS[name] = Kind(name, code, title, why, cures, lesson)


_kind(
    "discrete_op",
    "GF101",
    "an operation with no derivative",
    "The result is an index, a count or a yes/no: it stays the same under small changes and then jumps, so no "
    "derivative exists and autograd records nothing.",
    (
        "work with the probabilities instead: expected values under softmax (soft embeddings)",
        "keep the hard value forward, the soft one backward: hard + soft - soft.detach() (straight-through)",
        "torch.nn.functional.gumbel_softmax(logits, hard=True) for a sampled choice with a gradient",
        "policy gradient: reward.detach() * log_prob, where what follows may be a black box",
    ),
    "l03_why_it_cannot",
)
_kind(
    "integer_cast",
    "GF102",
    "a cast to integers",
    "Integers carry no gradient: the cast rounds every value to a step of a staircase.",
    (
        "leave the value in floating point and drop the cast",
        "if whole numbers are needed forward: x + (x.round() - x).detach() (straight-through)",
        "to look something up, weight all entries instead of indexing one",
    ),
    "l03_why_it_cannot",
)
_kind(
    "sampling",
    "GF103",
    "a random draw",
    "A draw depends on the distribution only through which value came out; its gradient to the distribution's "
    "parameters is not defined.",
    (
        "distribution.rsample() where the distribution has it (reparameterisation)",
        "torch.nn.functional.gumbel_softmax for categories",
        "policy gradient: -(reward - baseline).detach() * distribution.log_prob(sample)",
    ),
    "l10_policy_gradient",
)
_kind(
    "detach",
    "GF104",
    "a detached value",
    "The value goes on and its history does not: what follows treats it as a constant.",
    (
        "drop .detach() / .data on the way to the loss",
        "keep the detached copy for logging, the attached one for the loss",
        "for a stop-gradient target, detach the target alone, never the prediction",
    ),
    "l04_three_illnesses",
)
_kind(
    "grad_disabled",
    "GF105",
    "gradient switched off",
    "Nothing inside this scope is recorded, so no gradient passes through, not even to its inputs.",
    (
        "to keep a model's weights fixed and let gradient through: model.requires_grad_(False), without no_grad",
        "move the operation out of the scope",
        "where a library call switches it off (generate), call the model's forward itself",
    ),
    "l05_frozen_is_not_cut",
)
_kind(
    "left_torch",
    "GF201",
    "the value left torch",
    "A Python number, list, string or NumPy array knows nothing of autograd: whatever is computed from it is a "
    "constant to the loss.",
    (
        "stay in tensors: torch.exp for math.exp, torch functions for NumPy's, torch.stack for lists",
        "use the .item() only for printing and the tensor for the loss",
        "if strings are needed (a tokeniser), score them as a black box: policy gradient",
    ),
    "l01_broken_loss",
)
_kind(
    "new_leaf",
    "GF202",
    "a fresh tensor made from old values",
    "A new tensor starts a new graph: with requires_grad=True backward() runs without an error, and the gradient "
    "stops here.",
    (
        "torch.stack(list_of_tensors) or torch.cat instead of torch.tensor(list_of_tensors)",
        "drop .requires_grad_(True) on the loss: it silences the error and mends nothing",
        "use the tensor itself, not nn.Parameter(tensor) or a copy of it",
    ),
    "l04_three_illnesses",
)
_kind(
    "zero_gradient",
    "GF301",
    "connected, and exactly zero",
    "Autograd passes a gradient here, and it is zero everywhere: the function is flat at these values.",
    (
        "replace round, floor and sign by a straight-through form: x + (x.round() - x).detach()",
        "look at the values that enter: outside the clamp, below zero before a relu, one class in a softmax",
        "a soft form of the same function: softplus, sigmoid, leaky_relu, smooth clamp",
    ),
    "l04_three_illnesses",
)
_kind(
    "constant",
    "GF401",
    "does not depend on what you train",
    "The loss was made without the tensors asked about: an early return, an empty sum, a part never called.",
    (
        "return something computed from the model's output on this branch too, e.g. output.sum() * 0",
        "check that the module is called in forward and that its result is used",
        "check that the loss and the optimizer talk about the same model object",
    ),
    "l04_three_illnesses",
)
_kind(
    "frozen",
    "GF402",
    "a parameter that asks for no gradient",
    "requires_grad is False on the tensor itself, so autograd computes no gradient for it.",
    (
        "parameter.requires_grad_(True), before the forward pass",
        "leave it out of wrt and of the optimizer if it is meant to stay fixed",
    ),
    "l05_frozen_is_not_cut",
)
_kind(
    "custom_function",
    "GF501",
    "a custom autograd.Function that gives no gradient",
    "Its backward returns None or zeros for this input, so autograd's chain ends in it.",
    (
        "return the gradient for every tensor input of forward, in forward's order",
        "check that backward uses grad_output and that ctx.needs_input_grad is not skipped",
        "hold it against finite differences: gradcheck_lm.compare_gradients(fn, wrt)",
    ),
    "l08_straight_through",
)
_kind(
    "non_finite",
    "GF601",
    "NaN or infinity in the backward pass",
    "The gradient that enters is finite and the one that leaves is not: a derivative that explodes at these values.",
    (
        "keep away from the pole: x.clamp_min(1e-12).sqrt(), log_softmax for log(softmax)",
        "mask before the operation, not after it: torch.where keeps the NaN gradient of the branch not taken",
        "CTC: zero_infinity=True where a target is longer than its frames",
    ),
    "l04_three_illnesses",
)
