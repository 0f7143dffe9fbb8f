"""`explain`: one kind of finding, with its why, its cures and two programs, in English or Japanese."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Annotated

from gradcheck_lm.commands.common import fail, note, say, show_json
from gradcheck_lm.commands.course.lessons import Language
from gradcheck_lm.commands.options import argument
from gradcheck_lm.options import Option

if TYPE_CHECKING:
    from gradcheck_lm.flow.findings.kind import Kind


def explain(
    kind: Annotated[
        str, argument("A code (GF101) or a name (discrete_op); without one, all of them.", metavar="[CODE]")
    ] = "",
    lang: Language = None,
    as_json: Annotated[bool, Option("Print JSON for a program to read.", name="json", switch=True)] = False,
) -> None:
    """Explain a kind of finding: why the gradient stops there, what to use instead, and a program of each.

    Without a code, lists all kinds.
    """
    from gradcheck_lm.course.language import choose_language, language_for
    from gradcheck_lm.flow.findings.explain import explanation
    from gradcheck_lm.flow.findings.registry import KINDS

    language, had_to_leave = language_for(lang or "", getattr(sys.stdout, "encoding", None) or "utf-8")
    if as_json:
        language = choose_language(lang or "")  # JSON can say all characters in ASCII
    elif had_to_leave:
        note("this terminal cannot show Japanese: in English instead")
    chosen = [_find(kind)] if kind else list(KINDS.values())
    if as_json:
        told = [explanation(one, language) for one in chosen]
        show_json(told[0] if kind else told)
    elif kind:
        _show(chosen[0], language)
    else:
        for one in chosen:
            say(f"{one.code}  {one.name:<28}  {one.heading.say(language)}")


def _find(wanted: str) -> Kind:
    from gradcheck_lm.flow.findings.registry import KINDS, kind_of, no_such_kind

    found = kind_of(wanted)
    if found is None:
        fail(f"{no_such_kind(wanted)} (gradcheck-lm explain lists all {len(KINDS)})")
    return found


def _show(kind: Kind, language: str) -> None:
    from gradcheck_lm.draw.wrapping import wrap
    from gradcheck_lm.flow.findings.explain import headline, help_uri, parts_of

    width = min(shutil.get_terminal_size().columns, 96)
    title, *rest = headline(kind, language)
    for line in (title, *rest):
        say("\n".join(wrap(line, width)))
    for part in parts_of(kind, language):
        say(f"\n{part.heading}")
        if part.text:
            say(_indented(wrap(part.text, width - 2), "  ", "  "))
        for point in part.points:
            say(_indented(wrap(point, width - 4), "  - ", "    "))
        for why, cures in part.causes:
            say(_indented(wrap(why, width - 4), "  * ", "    "))
            for cure in cures:
                say(_indented(wrap(cure, width - 6), "    - ", "      "))
        if part.program:
            say(_indented(part.program.rstrip("\n").split("\n"), "    ", "    "))
    if (url := help_uri(kind)) is not None:
        say(f"\n{url}")


def _indented(lines: list[str], first: str, rest: str) -> str:
    return "\n".join(((first if place == 0 else rest) + line).rstrip() for place, line in enumerate(lines))
