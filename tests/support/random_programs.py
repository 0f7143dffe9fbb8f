"""A small grammar of PyTorch programs, and what is true of them, found without the recorder.

A program is a function body of units: one statement, or a few that belong together. All values are 3 x 3 floats, so
any unit can follow any other. Units read values and never parameters, whose first use is a plain multiplication.
"""

from __future__ import annotations

import importlib.util
import linecache
import re
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import torch
from hypothesis import strategies as st

PARAMETERS = ("w0", "w1", "w2")
K = torch.linspace(-1.0, 1.3, 9).reshape(3, 3)
PREAMBLE = """
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2.0
    @staticmethod
    def backward(ctx, g):
        return g * 2.0

class Forgets(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2.0
    @staticmethod
    def backward(ctx, g):
        return None

class Flattens(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sigmoid()
    @staticmethod
    def backward(ctx, g):
        return torch.zeros_like(g)

@torch.no_grad()
def frozen(x):
    return torch.cos(x) + x
""".strip()
HEALTHY = (
    "{n} = {a} * 1.5",
    "{n} = {a} + {b}",
    "{n} = {a} - 0.3 * {b}",
    "{n} = torch.tanh({a} @ {b})",
    "{n} = torch.sigmoid({a})",
    "{n} = torch.softmax({a}, -1)",
    "{n} = F.layer_norm({a}, (3,)) + {a}",
    "{n} = {a}.t()",
    "{n} = {a}.reshape(9).flip(0).view(3, 3)",
    "{n} = {a}.unsqueeze(0).expand(2, 3, 3).mean(0)",
    "{n} = torch.tanh(torch.einsum('ij,kj->ik', {a}, {b}))",
    "{n} = torch.where({a} > 0, {a}, 0.1 * {a})",
    "{n} = {a}.masked_fill({b} > 0.9, 0.5) + 0.1 * {a}",
    "{n} = torch.gather({a}, 1, {b}.argsort(1))",
    "{n} = {a}[torch.tensor([2, 0, 1])]",
    "{n} = {a}.sort(-1).values",
    "{n} = {a}.topk(3).values",
    "{n} = torch.stack([{a}[0], {b}[1], {a}[2]])",
    "{n} = torch.cat([{a}, {b}]).chunk(2)[0]",
    "{n} = torch.broadcast_tensors({a}, {b})[0]",
    "{n} = {a} * ({a}.argmax(-1, keepdim=True) == torch.arange(3)) + {a}",
    "{n} = {a} + ({a}.round() - {a}).detach()",
    "{n} = {a} / {a}.detach().abs().sum().clamp(min=1.0)",
    "{n} = {a} * 2 if {a}.sum() > 0 else {a} * 3",
    "{n} = {a} * 1.1; log.append({a}.sum().item())",
    "{n} = Scale.apply({a})",
    "{n} = checkpoint(lambda x: torch.tanh(x) * 2, {a}, use_reentrant=False)",
    "{n} = {a} + checkpoint(lambda x: torch.tanh(x) * 2, {a}, use_reentrant=True)",
    "{n} = torch.exp(torch.tanh({a}), out=None)",
    "{n} = {a}.clone()\n{n}.add_({b}, alpha=0.5)",
    "{n} = {a} * 1.0\n{n}[0] = {b}[0]",
    "{n} = {a}.contiguous().clone()\n{n}.view(9)[2:5] *= 2",
    "{n} = torch.zeros(3, 3)\n{n}[1:] = {a}[1:]\n{n} = {n} + {a}",
    "{n} = torch.empty(3, 3)\n{n}.copy_({a})",
    "with torch.no_grad():\n    scale = {a}.abs().max()\n{n} = {a} / (scale + 1.0)",
)
CUTS = {  # and the kind of the first finding
    "{n} = {a}.detach()": "detach",
    "{n} = {a}.data": "detach",
    "{n} = {a}.argmax(-1, keepdim=True).float().expand(3, 3)": "discrete_op",
    "{n} = F.one_hot({a}.argmax(-1), 3).float()": "discrete_op",
    "{n} = ({a} > 0).float()": "discrete_op",
    "{n} = {a}.long().float()": "integer_cast",
    "{n} = (3 * {a}).round()": "zero_gradient",
    "{n} = torch.sign({a})": "zero_gradient",
    "{n} = torch.div({a}, 0.25, rounding_mode='floor')": "zero_gradient",
    "{n} = torch.tensor({a}.tolist())": "left_torch",
    "{n} = torch.full((3, 3), {a}.sum().item())": "left_torch",
    # from_numpy is seen where its result is first used
    "{n} = torch.from_numpy({a}.detach().numpy() * 1.5) + 0.0": "detach",
    "{n} = torch.bernoulli(torch.sigmoid({a}))": "sampling",
    "{n} = Forgets.apply({a})": "custom_function",
    "{n} = Flattens.apply({a})": "custom_function",
    "{n} = frozen({a})": "grad_disabled",
    "with torch.no_grad():\n    {n} = torch.cos({a}) + {a}": "grad_disabled",
    "with torch.inference_mode():\n    inner = torch.cos({a}) + {a}\n{n} = inner.clone()": "grad_disabled",
    "{n} = {a}.clone()\n{n}.zero_()\n{n} = {n} + 1.0": "zero_gradient",
    "{n} = torch.sort({a}, -1).indices.float()": "discrete_op",
    "{n} = {a}.detach().requires_grad_()": "detach",
}
if importlib.util.find_spec("numpy") is None:
    CUTS = {cut: kind for cut, kind in CUTS.items() if "numpy" not in cut}


@dataclass(frozen=True)
class Unit:
    """Statements that belong together, in the lines first..last of the program."""

    text: str
    reads: tuple[str, ...]
    makes: str
    first: int
    last: int


@dataclass
class Program:
    """A generated program: source, units, and the parameters it starts from."""

    units: list[Unit]
    terms: dict[str, tuple[str, ...]]
    source: str
    name: str
    log: list[float] = field(default_factory=list)

    def __repr__(self) -> str:
        return "\n" + self.source[len(PREAMBLE) :]

    def fresh(self) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(7)
        return {name: torch.randn(3, 3, generator=generator).requires_grad_() for name in PARAMETERS}

    def load(self, parameters: dict[str, torch.Tensor]) -> Any:
        """The program as a function of no arguments that gives its terms by name."""
        scope: dict[str, Any] = {**parameters, "K": K, "log": self.log}
        lines = self.source.splitlines(keepends=True)
        linecache.cache[self.name] = (len(self.source), None, lines, self.name)
        exec(self._code(), scope)

        def run() -> dict[str, torch.Tensor]:
            torch.manual_seed(3)
            return scope["program"]()

        return run

    def _code(self) -> CodeType:
        return compile(self.source, self.name, "exec")

    def units_at(self, line: int, function: str) -> list[Unit]:
        """The units that a finding's line belongs to: it stands in one, or in a function that they call."""
        if function != "program":
            return [unit for unit in self.units if f"{function}(" in unit.text]
        return [unit for unit in self.units if unit.first <= line <= unit.last]

    def is_cut(self, unit: Unit, *, as_used: bool = False) -> bool:
        """Whether autograd sends nothing, or zero, back through a unit to one of the values it reads.

        `as_used`: of the gradient that this program sends in (rows that no one reads get none), not of any.
        """
        values = self._values_before(unit)
        reads = {name: values[name].detach().clone().requires_grad_() for name in unit.reads}
        scope: dict[str, Any] = {"log": [], **reads}
        exec(PREAMBLE, scope)
        torch.manual_seed(3)
        exec(unit.text, scope)
        made = scope[unit.makes]
        if not made.requires_grad:
            return True
        weights = self._incoming(unit) if as_used else torch.randn(3, 3, generator=torch.Generator().manual_seed(5))
        if weights is None:
            return True
        leaves = list(reads.values())
        found = torch.autograd.grad(made, leaves, weights, allow_unused=True)
        return any(gradient is None or not bool(gradient.any()) for gradient in found)

    def _incoming(self, unit: Unit) -> torch.Tensor | None:
        """The gradient of all terms with respect to what a unit makes."""
        scope = self._values_before(unit)
        exec(unit.text, scope)
        made = scope[unit.makes] = scope[unit.makes].detach().clone().requires_grad_()
        for other in self.units[self.units.index(unit) + 1 :]:
            exec(other.text, scope)
        total = sum((scope[value] * K).sum() for values in self.terms.values() for value in values)
        return torch.autograd.grad(total, made, allow_unused=True)[0] if total.requires_grad else None

    def _values_before(self, unit: Unit) -> dict[str, torch.Tensor]:
        scope: dict[str, Any] = {**self.fresh(), "log": []}
        exec(PREAMBLE, scope)
        torch.manual_seed(3)
        for number, name in enumerate(PARAMETERS):
            scope[f"v{number}"] = scope[name] * 1.0
        for other in self.units:
            if other is unit:
                break
            exec(other.text, scope)
        return scope


def assemble(choices: list[tuple[str, int, int]], terms: list[list[int]], name: str) -> Program:
    """A program from templates with the numbers of the values that they read (counted back from the newest)."""
    lines = [*PREAMBLE.splitlines(), "", "def program():"]
    lines += [f"    v{number} = {parameter} * 1.0" for number, parameter in enumerate(PARAMETERS)]
    units, count = [], len(PARAMETERS)
    for template, first, second in choices:
        reads = (f"v{count - 1 - first % count}", f"v{count - 1 - second % count}")
        text = template.format(n=f"v{count}", a=reads[0], b=reads[1])
        start = len(lines) + 1
        lines += ["    " + line for line in text.splitlines()]
        used = tuple(dict.fromkeys(re.findall(r"\bv\d+\b", text)))
        units.append(Unit(text, tuple(v for v in used if v != f"v{count}"), f"v{count}", start, len(lines)))
        count += 1
    named = {
        f"t{number}": tuple(dict.fromkeys(f"v{pick % count}" for pick in picks)) for number, picks in enumerate(terms)
    }
    for term, values in named.items():
        lines.append(f"    {term} = " + " + ".join(f"({value} * K).sum()" for value in values))
    lines.append("    return {" + ", ".join(f"{term!r}: {term}" for term in named) + "}")
    return Program(units, named, "\n".join(lines) + "\n", f"<{name}>")


def _choices(templates: tuple[str, ...], most: int) -> st.SearchStrategy[list[tuple[str, int, int]]]:
    return st.lists(
        st.tuples(st.sampled_from(templates), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=most
    )


def healthy_programs() -> st.SearchStrategy[Program]:
    """Programs of healthy units whose one loss reads every value."""

    def build(choices: list[tuple[str, int, int]]) -> Program:
        return assemble(choices, [list(range(len(PARAMETERS) + len(choices)))], "healthy program")

    return _choices(HEALTHY, 8).map(build)


def mixed_programs() -> st.SearchStrategy[Program]:
    """Programs of healthy units and cuts, with one to three terms that read some of the values, the last one too."""

    def build(drawn: tuple[list[tuple[str, int, int]], list[list[int]]]) -> Program:
        choices, terms = drawn
        return assemble(choices, [[len(PARAMETERS) + len(choices) - 1, *terms[0]], *terms[1:]], "mixed program")

    terms = st.lists(st.lists(st.integers(0, 20), min_size=1, max_size=3), min_size=1, max_size=3)
    return st.tuples(_choices((*HEALTHY, *CUTS, *CUTS), 8), terms).map(build)
