"""One-line faults for flow: a few that are named, the others drawn by a seed from its syntax trees."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2]
ROOT = PACKAGE / "flow"
# of which a review found that no test saw them
NAMED = (
    ("tracing/graph.py", "isinstance(value, float) and value != round(value, 3)", "isinstance(value, float)"),
    ("asking/cuts/drafts.py", "draft.certainty = min(draft.certainty,", "draft.certainty = max(draft.certainty,"),
    ("asking/cuts/starved.py", "        index, dropped = end, _dropped_at(evidence, end)", "        pass"),
    ("asking/cuts/other_cuts.py", "_MOST = 20", "_MOST = 2000"),
)
_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutation:
    """One line of one module, and what it becomes."""

    path: str  # from flow/
    line: int
    old: str
    new: str
    what: str  # "comparison", "and/or", ...

    @property
    def module(self) -> str:
        """The module's dotted name."""
        return "gradcheck_lm.flow." + self.path.removesuffix(".py").replace("/", ".")

    @property
    def room(self) -> str:
        """The room of flow it lies in; "" at the top."""
        return self.path.rpartition("/")[0].partition("/")[0]

    def applied(self, source: str) -> str:
        """The module's source with the fault in it.

        Raises:
            ValueError: the line is another one by now.
        """
        lines = source.split("\n")
        if self.line > len(lines) or lines[self.line - 1] != self.old:
            raise ValueError(f"{self.path}:{self.line} is no longer {self.old!r}")
        lines[self.line - 1] = self.new
        return "\n".join(lines)


def choose(count: int, seed: int, root: Path = ROOT) -> list[Mutation]:
    """The named faults, and others of all rooms in turn until there are `count`."""
    rng = random.Random(seed)
    chosen = named(root)[:count]
    by_room: dict[str, list[Mutation]] = {}
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root).as_posix()
        if "kinds/" not in relative and path.name != "__init__.py":  # sentences are no logic
            for mutation in mutations(relative, path.read_text(encoding="utf-8")):
                by_room.setdefault(mutation.room, []).append(mutation)
    waiting = {room: rng.sample(found, len(found)) for room, found in sorted(by_room.items())}
    while len(chosen) < count and any(waiting.values()):
        for found in waiting.values():
            while found and len(chosen) < count:
                one = found.pop()
                if all((one.path, one.line) != (other.path, other.line) for other in chosen):
                    chosen.append(one)
                    break
    return chosen


def named(root: Path = ROOT) -> list[Mutation]:
    """The faults of NAMED that the source still has room for."""
    found = []
    for relative, old, new in NAMED:
        for number, line in enumerate((root / relative).read_text(encoding="utf-8").split("\n"), 1):
            if old in line:
                found.append(Mutation(relative, number, line, line.replace(old, new), "named"))
                break
    return found


def mutations(relative: str, source: str) -> Iterator[Mutation]:
    """Every fault that can be put into one module."""
    lines = source.split("\n")
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            skipped.update(id(part) for decorator in node.decorator_list for part in ast.walk(decorator))
        number = getattr(node, "lineno", 0)
        if id(node) in skipped:
            continue  # a frozen dataclass that is not frozen does the same
        if not number or getattr(node, "end_lineno", 0) != number or not lines[number - 1].isascii():
            continue
        line = lines[number - 1]
        for what, start, end, new in _faults(node, line):
            yield Mutation(relative, number, line, line[:start] + new + line[end:], what)


def _faults(node: ast.AST, line: str) -> Iterator[tuple[str, int, int, str]]:
    """(what, first column, column behind, what stands there instead)."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        old, new = _COMPARISONS[type(node.ops[0])]
        start, end = node.left.end_col_offset or 0, node.comparators[0].col_offset
        between = line[start:end]
        if between.strip(" ()") == old:
            yield "comparison", start, end, between.replace(old, new)
    elif isinstance(node, ast.BoolOp):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        start, end = node.values[0].end_col_offset or 0, node.values[1].col_offset
        if f" {old} " in line[start:end]:
            yield "and/or", start, end, line[start:end].replace(f" {old} ", f" {new} ")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not", node.col_offset, node.col_offset + len("not "), ""
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield "bool", node.col_offset, node.end_col_offset or 0, str(not node.value)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield "number", node.col_offset, node.end_col_offset or 0, str(node.value + 1)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SWAPPED:
        yield "call", node.func.col_offset, node.func.end_col_offset or 0, _SWAPPED[node.func.id]
    elif isinstance(node, ast.Continue | ast.Break):
        yield "jump", node.col_offset, node.end_col_offset or 0, "pass"
    elif isinstance(node, ast.Return) and node.value is not None and not isinstance(node.value, ast.Constant):
        yield "return", node.value.col_offset, node.value.end_col_offset or 0, "None"
