"""The one text of a view, which print, the command line, pytest and files show; a console may colour it.

The order is the page's too: verdict, terms, the way of the data, the cuts, who gets nothing, notes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from gradcheck_lm.draw.lettering import Letters, letters_of
from gradcheck_lm.draw.terminal.flow_tree import FlowLines, Line
from gradcheck_lm.draw.view import CutView, SourceLine, TermView, View
from gradcheck_lm.draw.words import by_module, few, say
from gradcheck_lm.draw.wrapping import wrap

WIDTH = 80
PLAIN = Letters("utf-8", drawn=False)  # the program's names as they are, our own marks and lines in ASCII
_COLUMNS = ("term", "value", "requires_grad", "reaches", "gradient norm", "verdict")
_TO_THE_RIGHT = {"value", "gradient norm"}
_LEAST, _MOST = 20, 100  # columns: in fewer nothing can be read, and longer lines of prose are hard to read


def render(view: View, *, width: int = WIDTH, letters: Letters = PLAIN) -> str:
    """The text, its lines without trailing blanks.

    Args:
        width: columns; no line is longer, but for what is too narrow to be read.
        letters: what may be printed; by default our own marks are ASCII and the program's names as they are.
    """
    plain = ("".join(piece for piece, _ in line).rstrip() for line in lines(view, width=width, letters=letters))
    return "\n".join(plain)


def lines(view: View, *, width: int = WIDTH, letters: Letters | None = None) -> list[Line]:
    """The same as lines of pieces, each with the style in which a console that has colours shows it."""
    return _Text(view, max(width, _LEAST), letters or letters_of("utf-8")).lines()


def render_cut(cut: CutView, language: str = "en", *, width: int = WIDTH, letters: Letters = PLAIN) -> str:
    """The text of one cut by itself, without its number."""
    view = View(language, about="diagnosis", ok=False, status="", verdict="", asked=0, cuts=(cut,))
    told = ("".join(piece for piece, _ in line) for line in _Text(view, max(width, _LEAST), letters).cut(cut))
    return "\n".join(line[4:].rstrip() for line in told)


class _Text:
    """One view at one width."""

    def __init__(self, view: View, width: int, letters: Letters) -> None:
        self.view, self.width, self.letters = view, width, letters

    def lines(self) -> list[Line]:
        view = self.view
        colour = "bold green" if view.ok else "bold red"
        parts: list[list[Line]] = [[*self._wrapped(view.status, colour), *self._wrapped(view.verdict)]]
        if view.terms:
            parts.append(self._terms())
        if any(node.role == "term" for node in view.graph.nodes):
            tree = FlowLines(view, self.letters)
            legend = self._wrapped(tree.legend(), "dim")
            parts.append([*self._heading(self._say("way")), *tree.lines(self.width), *legend])
        for section in view.sections:
            told = [line for cut in section.cuts for line in self.cut(cut)]
            parts.append([*self._heading(section.heading), *told])
        for word, names in (("unreached", view.unreached), ("zero", view.zero)):
            if names and view.about == "diagnosis":
                parts.append(self._names(word, names))
        if view.notes:
            told = [line for note in view.notes for line in self._wrapped(note, indent="  - ", rest="    ")]
            parts.append([*self._heading(self._say("notes")), *told])
        between: list[Line] = [[]]
        return [line for place, part in enumerate(parts) for line in (between if place else []) + part]

    def _say(self, word: str, **values: object) -> str:
        return say(word, self.view.language, **values)

    def _heading(self, text: str) -> list[Line]:
        return self._wrapped(text, "bold")

    def _wrapped(self, text: str, style: str = "", *, indent: str = "", rest: str | None = None) -> list[Line]:
        rest = " " * cell_len(indent) if rest is None else rest
        found = wrap(self.letters(text), min(self.width, _MOST) - max(cell_len(indent), cell_len(rest)))
        return [[(indent if place == 0 else rest, ""), (line, style)] for place, line in enumerate(found)]

    # ------------------------------------------------------------------ cuts

    def cut(self, cut: CutView) -> Iterator[Line]:
        """One cut: its place, its line with the caret, why, what it takes the gradient from, and cures."""
        where = f"{cut.place} {self._say('in', function=cut.function)}" if cut.function else cut.place
        style = "bold red" if cut.starves else "bold"
        number = f"{cut.number:>2}. "
        beside = cell_len(number) + cell_len(self.letters(f"{where}  {cut.op}")) <= self.width
        head = self._wrapped(where, style, indent=number)
        if beside:
            head[0].append((f"  {self.letters(cut.op)}", ""))
        yield from head if beside else [*head, *self._wrapped(cut.op, indent="    ")]
        traits = [cut.certainty_said, *([self._say("for term", term=cut.term)] if cut.term is not None else [])]
        yield from self._wrapped(f"{cut.code} {cut.kind}: {cut.title} ({', '.join(traits)})", "dim", indent="    ")
        if cut.source.whole:
            yield from self._source(cut.source, "      ")
        for word, place in (("scope", cut.scope), ("library", cut.library)):
            if place:
                yield from self._wrapped(self._say(word, place=place), indent="    ")
        yield from self._labelled("why", [cut.why])
        if cut.loses:
            yield from self._labelled("of" if cut.of_the_step else "loses", [few(cut.loses, 4, self.view.language)])
        if cut.cures and cut.severity != "note":  # what does no harm needs no cure
            before = next((one for one in self.view.cuts[: cut.number - 1] if _told(one, cut)), None)
            said = [self._say("as", number=before.number)] if before is not None else cut.cures
            yield from self._labelled("cure", said)

    def _labelled(self, word: str, texts: Sequence[str]) -> Iterator[Line]:
        labels = [self._say(one) for one in ("why", "loses", "of", "cure")]
        room = max(map(cell_len, labels)) + 2
        label = f"    {self._say(word)}:"
        label += " " * (4 + room - cell_len(label))
        point = "- " if len(texts) > 1 else ""
        for place, text in enumerate(texts):
            before = label if place == 0 else " " * (4 + room)
            first, *more = self._wrapped(text, indent=before + point)
            yield [(before, "bold"), (point, ""), *first[1:]]
            yield from more

    def _source(self, source: SourceLine, indent: str) -> list[Line]:
        """The line and its caret; a long one is shown around the caret, since a wrapped caret points nowhere."""
        before, marked, after = (self.letters(part) for part in (source.before, source.marked, source.after))
        room = self.width - len(indent)
        tail = 3 if cell_len(before + marked + after) > room and after else 0
        if cell_len(before + marked) + tail > room and before:
            keep = max(0, room - cell_len(marked) - tail - 3)
            while before and cell_len(before) > keep:
                before = before[1:]
            before = "..." + before
        line = _cut_off(before + marked + after, room)
        rows: list[Line] = [[(indent, ""), (line, "cyan")]]
        if marked:
            caret = " " * cell_len(before) + "^" * max(1, min(cell_len(marked), room - cell_len(before)))
            rows.append([(indent, ""), (caret, "cyan")])
        return rows

    # ------------------------------------------------------------------ terms and names

    def _terms(self) -> list[Line]:
        heads = [self._say(word) for word in _COLUMNS]
        rows = [self._cells(term) for term in self.view.terms]
        widths = [max(cell_len(row[place]) for row in (heads, *rows)) for place in range(len(heads))]
        gap = next((gap for gap in (3, 2, 1) if sum(widths) + gap * (len(widths) - 1) <= self.width), 0)
        if not gap:  # one below the other
            room = max(map(cell_len, heads)) + 2
            return [
                line
                for row in rows
                for head, cell in zip(heads, row, strict=True)
                for line in self._wrapped(cell, indent=f"{head}:{' ' * (room - 1 - cell_len(head))}")
            ] + self._remarks()
        between = " " * gap
        rule = ("─" if self.letters.drawn else "-") * (sum(widths) + gap * (len(widths) - 1))
        found: list[Line] = [[(between.join(_padded(heads, widths)).rstrip(), "bold")], [(rule, "dim")]]
        for term, row in zip(self.view.terms, rows, strict=True):
            *most, last = _padded(row, widths)
            found.append([(between.join(most) + between, ""), (last.rstrip(), "bold red" if term.dead else "green")])
        return found + self._remarks()

    def _remarks(self) -> list[Line]:
        told = (f"{term.name}: {term.remark}" for term in self.view.terms if term.remark)
        return [line for text in told for line in self._wrapped(text)]

    def _cells(self, term: TermView) -> list[str]:
        numbers = (term.value_said, str(term.requires_grad), term.reach_said, term.norm_said)
        return [self.letters(text) for text in (term.name, *numbers, term.verdict)]

    def _names(self, word: str, names: Sequence[str]) -> list[Line]:
        heading = f"{self._say(word)}: {self._say('count', count=len(names), total=self.view.asked)}"
        found = self._heading(heading)
        for module, members in by_module(names):
            text = members[0]
            if len(members) > 1:
                short = few([name.removeprefix(f"{module}.") for name in members], 4, self.view.language)
                text = f"{module}: {self._say('several', count=len(members))} ({short})"
            found += self._wrapped(text, indent="  ")
        return found


def _told(one: CutView, other: CutView) -> bool:
    """Whether a reader of the first has read the other's cures."""
    return one.severity != "note" and one.cures == other.cures


def _padded(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    found = []
    for word, cell, width in zip(_COLUMNS, cells, widths, strict=True):
        blank = " " * (width - cell_len(cell))
        found.append(blank + cell if word in _TO_THE_RIGHT else cell + blank)
    return found


def _cut_off(text: str, room: int) -> str:
    if cell_len(text) <= room:
        return text
    while text and cell_len(text) > room - 3:
        text = text[:-1]
    return text + "..."
