"""The data flow of a view as a tree of lines: what all loss terms share, then the way to each of them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len

from gradcheck_lm.draw.graph.folded import FoldedGraph, Group
from gradcheck_lm.draw.graph.folding import fold_graph
from gradcheck_lm.draw.graph.nodes import operation_name, starves
from gradcheck_lm.draw.lettering import Letters, shorten
from gradcheck_lm.draw.view import View
from gradcheck_lm.draw.words import say
from gradcheck_lm.flow.findings.paths import brief

Line = list[tuple[str, str]]  # pieces of a line, each with its style, as rich names styles
STEPS = 24  # folded operations in the whole tree
_MARKS = {"live": "✓", "cut": "✗", "aside": "~", "beyond": "·"}
_STYLES = {"live": "", "cut": "bold red", "aside": "yellow", "beyond": "dim"}
_SAID = {"live": "live", "cut": "stops", "aside": "aside", "beyond": "beyond"}
_LEAST = 12  # columns for the names, at least
_GUIDE = 4  # columns that each level takes


class FlowLines:
    """The way of the data, line by line, every line within a width.

    The first level holds what several terms share, in the order of execution; each term then has a branch with the
    operations that lead to it alone. The mark in front says what happens to the gradient there: it passes, it stops
    (with the code of the finding), it stops on a side path where another way carries it, or it could never have come.

    Args:
        view: of a diagnosis.
        letters: what may be printed.
        limit: > 0, operations to fold down to.
    """

    def __init__(self, view: View, letters: Letters, *, limit: int = STEPS) -> None:
        self._view, self._letters = view, letters
        self._lost = set(view.unreached), set(view.zero)
        self._folded: FoldedGraph = fold_graph(view.graph, limit=limit)

    def lines(self, width: int) -> list[Line]:
        """The tree, its root first."""
        groups = self._folded.groups
        ends = [group for group in groups if group.role == "term"]
        shared = [group for group in groups if group.role not in ("wrt", "term") and len(group.terms) != 1]
        starved = [
            self._line(text, width - _GUIDE, _STYLES["cut"]) for group in groups if (text := self._starved(group))
        ]
        branches: list[tuple[Line, list[Line]]] = [(line, []) for line in starved]
        if len(ends) > 1:
            branches += [(self._step(group, width - _GUIDE), []) for group in shared]
        for end in ends:
            alone = [
                group
                for group in groups
                if group.role not in ("wrt", "term") and (group.terms == (end.first.label,) or len(ends) == 1)
            ]
            below = [self._step(group, width - 2 * _GUIDE) for group in alone]
            branches.append((self._end(end, width - _GUIDE), below))
        return [self._line(self._heading(), width, "bold"), *self._branched(branches)]

    def legend(self) -> str:
        """What the marks in front of the lines mean, those that occur."""
        states = {self._state(group) for group in self._folded.groups if group.role not in ("wrt", "term")}
        states |= {"cut"} if any(self._lost) else set()
        said = (f"{self._mark(state)} {self._say(_SAID[state])}" for state in _MARKS if state in states)
        return ", ".join(said)

    def _branched(self, branches: list[tuple[Line, list[Line]]]) -> Iterator[Line]:
        fork, last, through = ("├── ", "└── ", "│   ") if self._letters.drawn else ("+-- ", "`-- ", "|   ")
        for place, (line, below) in enumerate(branches):
            ends = place == len(branches) - 1
            yield [(last if ends else fork, "dim"), *line]
            before = "    " if ends else through
            for index, step in enumerate(below):
                yield [(before + (last if index == len(below) - 1 else fork), "dim"), *step]

    def _heading(self) -> str:
        """What was asked about, by module."""
        asked = [group for group in self._folded.groups if group.role == "wrt"]
        tensors = sum(len(group.members) for group in asked)
        return f"{self._say('asked', count=tensors)}: {', '.join(map(self._module, asked))}"

    def _module(self, group: Group) -> str:
        return group.first.label if len(group.members) == 1 else group.module or self._say("parameters")

    def _starved(self, group: Group) -> str:
        """What the tensors of a module lack; "" where all of them get a gradient that is not zero."""
        if group.role != "wrt":
            return ""
        said = []
        for what, names in zip(("nothing", "nought"), self._lost, strict=True):
            count, lacking = len([node for node in group.members if node.label in names]), self._say(what)
            if count and len(group.members) > 1:
                lacking = self._say("in some", what=lacking, count=count, total=len(group.members))
            said += [lacking] if count else []
        return f"{self._mark('cut'):<2} {self._module(group)}: {', '.join(said)}" if said else ""

    def _step(self, group: Group, width: int) -> Line:
        """One operation, or a fold of some: mark, names, finding or module, line."""
        state = self._state(group)
        names = list(dict.fromkeys(self._letters(operation_name(node.label)) for node in group.members))
        mark = f"{self._mark(state):<2} "
        about = self._letters(" ".join(self._about(group)))
        where = next((brief(file, line) for file, line in group.places if line), "")
        tail = "".join(f"  {part}" for part in (about, self._letters(where)) if part)
        room = width - cell_len(mark) - cell_len(tail)
        if room < _LEAST and about:  # where nothing else helps, the line in the file matters more than the module
            tail = f"  {self._letters(where)}" if where else ""
            room = width - cell_len(mark) - cell_len(tail)
        return [(mark, _STYLES[state]), (_cropped(_names(names, max(_LEAST, room)) + tail, width - cell_len(mark)), "")]

    def _about(self, group: Group) -> Iterator[str]:
        if group.role == "host":
            yield self._say("outside")
        if (cut := self._view.cut_at(group.finding)) is not None:
            yield f"{cut.code} {cut.kind}"
        elif group.module:
            yield shorten(group.module, 32)
        if 1 < len(group.terms) < len(self._view.terms):
            yield self._say("shared", terms=self._say("and").join(group.terms))

    def _end(self, group: Group, width: int) -> Line:
        name = group.first.label
        term = self._view.term(name)
        dead = term.dead if term is not None else group.state == "beyond"
        said = f"{name}: {term.verdict}" if term is not None else name
        if term is not None and not dead:
            said += f", {self._say('gradient norm')} {term.norm_said}"
        return self._line(said, width, "bold red" if dead else "bold green")

    def _state(self, group: Group) -> str:
        if group.state != "cut":
            return group.state
        return "cut" if starves(self._view, group) else "aside"

    def _mark(self, state: str) -> str:
        return self._letters.own(_MARKS[state])

    def _say(self, word: str, **values: object) -> str:
        return say(word, self._view.language, **values)

    def _line(self, text: str, width: int, style: str) -> Line:
        return [(_cropped(self._letters(text), width), style)]


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
