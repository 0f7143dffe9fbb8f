"""The data flow of a diagnosis as a tree in the terminal: what all loss terms share, then the way to each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text
from rich.tree import Tree

from gradcheck_lm.draw.folded import FoldedGraph, Group
from gradcheck_lm.draw.folding import fold_graph
from gradcheck_lm.draw.lettering import shorten, shown
from gradcheck_lm.draw.nodes import operation_name, starves
from gradcheck_lm.draw.words import number, term_verdict
from gradcheck_lm.flow.findings.model import Diagnosis

STEPS = 24  # folded operations in the whole tree
_MARKS = {"live": "✓", "cut": "✗", "aside": "~", "beyond": "·"}
_STYLES = {"live": "", "cut": "bold red", "aside": "yellow", "beyond": "dim"}
_LEAST = 12  # columns for the names, at least
_GUIDE = 4  # columns that each level of rich's tree takes


class FlowTree:
    """A diagnosis for rich to print as a tree, every line of it within the console's width.

    The first level holds what several terms share, in the order of execution; each term then has a branch with the
    operations that lead to it alone. The mark in front says what happens to the gradient there: it passes, it stops
    (with the code of the finding), it stops on a side path where another way carries it, or it could never have come.

    Args:
        diagnosis: what `diagnose` found.
        encoding: of the console; no character is used that it lacks.
        limit: > 0, operations to fold down to.
    """

    def __init__(self, diagnosis: Diagnosis, *, encoding: str = "utf-8", limit: int = STEPS) -> None:
        self._diagnosis, self._encoding = diagnosis, encoding
        self._lost = set(diagnosis.unreached), set(diagnosis.zero)
        self._folded: FoldedGraph = fold_graph(diagnosis.graph, limit=limit)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._tree(options.max_width)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(30, options.max_width), options.max_width)

    def _tree(self, width: int) -> Tree:
        groups = self._folded.groups
        root = Tree(self._line(self._heading(), width, "bold"), guide_style="dim")
        for group in groups:
            if group.role == "wrt" and (text := self._starved(group)):
                root.add(self._line(text, width - _GUIDE, _STYLES["cut"]))
        ends = [group for group in groups if group.role == "term"]
        shared = [group for group in groups if group.role not in ("wrt", "term") and len(group.terms) != 1]
        if len(ends) > 1:
            for group in shared:
                root.add(self._step(group, width - _GUIDE))
        for end in ends:
            name = end.first.label
            branch = root.add(self._end(end, width - _GUIDE))
            for group in groups:
                alone = group.terms == (name,) or len(ends) == 1
                if alone and group.role not in ("wrt", "term"):
                    branch.add(self._step(group, width - 2 * _GUIDE))
        return root

    def _heading(self) -> str:
        """What was asked about, by module."""
        asked = [group for group in self._folded.groups if group.role == "wrt"]
        tensors = sum(len(group.members) for group in asked)
        names = [group.first.label if len(group.members) == 1 else group.module or "parameters" for group in asked]
        return f"{tensors} tensor{'s' * (tensors != 1)} asked about: {', '.join(names)}"

    def _starved(self, group: Group) -> str:
        """What the tensors of a module lack; "" where all of them get a gradient that is not zero."""
        lost = [[node for node in group.members if node.label in names] for names in self._lost]
        name = group.first.label if len(group.members) == 1 else group.module or "parameters"
        of = f" in {{}} of {len(group.members)} tensors" if len(group.members) > 1 else ""
        said = [
            what + of.format(len(nodes))
            for what, nodes in zip(("no gradient", "gradient 0"), lost, strict=True)
            if nodes
        ]
        return f"{shown(_MARKS['cut'], self._encoding):<2} {name}: {', '.join(said)}" if said else ""

    def _step(self, group: Group, width: int) -> Text:
        """One operation, or a fold of some: mark, names, finding or module, line."""
        state = self._state(group)
        names = list(dict.fromkeys(shown(operation_name(member.label), self._encoding) for member in group.members))
        mark = f"{shown(_MARKS[state], self._encoding):<2} "
        about = shown(" ".join(self._about(group)), self._encoding)
        where = next((f"{Path(file).name}:{line}" for file, line in group.places if line), "")
        tail = "".join(f"  {part}" for part in (about, shown(where, self._encoding)) if part)
        room = width - len(mark) - cell_len(tail)
        if room < _LEAST and about:  # where nothing else helps, the line in the file matters more than the module
            tail = f"  {shown(where, self._encoding)}" if where else ""
            room = width - len(mark) - cell_len(tail)
        text = Text(mark, style=_STYLES[state], no_wrap=True, overflow="crop")
        return text.append(_names(names, max(_LEAST, room)) + tail)

    def _about(self, group: Group) -> Iterator[str]:
        if group.role == "host":
            yield "(outside torch)"
        if group.finding is not None and group.finding < len(self._diagnosis.findings):
            finding = self._diagnosis.findings[group.finding]
            yield f"{finding.code} {finding.kind}"
        elif group.module:
            yield shorten(group.module, 32)
        if 1 < len(group.terms) < len(self._diagnosis.terms):
            yield f"for {' and '.join(group.terms)}"

    def _end(self, group: Group, width: int) -> Text:
        name = group.first.label
        term = self._diagnosis.terms.get(name)
        dead = term.dead if term is not None else group.state == "beyond"
        said = f"{name}: {term_verdict(term)}" if term is not None else name
        if term is not None and not dead:
            said += f", gradient norm {number(term.gradient_norm)}"
        return self._line(said, width, "bold red" if dead else "bold green")

    def _state(self, group: Group) -> str:
        if group.state != "cut":
            return group.state
        return "cut" if starves(self._diagnosis, group) else "aside"

    def _line(self, text: str, width: int, style: str) -> Text:
        return Text(_cropped(shown(text, self._encoding), width), style=style, no_wrap=True, overflow="crop")


def legend(diagnosis: Diagnosis, *, encoding: str = "utf-8", limit: int = STEPS) -> str:
    """What the marks in front of a tree's lines mean, those that occur in it."""
    tree = FlowTree(diagnosis, encoding=encoding, limit=limit)
    states = {tree._state(group) for group in tree._folded.groups if group.role not in ("wrt", "term")}
    states |= {"cut"} if any(tree._lost) else set()
    return ", ".join(f"{shown(_MARKS[state], encoding)} {said}" for state, said in _said() if state in states)


def _said() -> Iterator[tuple[str, str]]:
    yield "live", "carries gradient"
    yield "cut", "the gradient stops here"
    yield "aside", "stops on a side path, harmless"
    yield "beyond", "could never carry one"


def _names(names: list[str], room: int) -> str:
    """As many names as fit, and how many more there are."""
    for count in range(len(names), 0, -1):
        more = f" +{len(names) - count}" if count < len(names) else ""
        text = ", ".join(names[:count]) + more
        if cell_len(text) <= room:
            return text
    return _cropped(names[0], room)


def _cropped(text: str, room: int) -> str:
    """The text in at most `room` columns; letters of Japanese take two."""
    longest = room
    while text and cell_len(shorten(text, max(2, longest))) > room and longest > 2:
        longest -= 1
    return shorten(text, max(2, longest))
