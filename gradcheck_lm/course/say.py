"""`say(ja=…, en=…)`: the voice of a lesson, in the learner's language, on whatever console there is."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from gradcheck_lm.course.language import Words, language_for
from gradcheck_lm.draw.lettering import shown
from gradcheck_lm.draw.terminal.consoles import console as make_console
from gradcheck_lm.draw.wrapping import wrap

WIDTH = 88  # columns at most: longer lines of prose are hard to read
_CODE = r"`[^`]+`"

FALLEN_BACK = "(This console cannot show Japanese, so the course goes on in English. PYTHONIOENCODING=utf-8 may help.)"


@dataclass
class Voice:
    """Where the narration goes, and in which language.

    Attributes:
        console: rich's; it decides the width and the colours.
        language: "ja" or "en".
        events: all that was said and shown, for pages made from the same source; texts are in both languages.
    """

    console: Console
    language: str
    events: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, words: Words, *, style: str = "", indent: int = 0) -> None:
        """Print a text in the voice's language, wrapped, with code in backticks marked."""
        width = min(self.console.width, WIDTH) - indent
        text = shown(words.in_language(self.language), self.console.encoding)
        lines = Text("\n".join(" " * indent + line for line in wrap(text, width)), style=style, no_wrap=True)
        lines.highlight_regex(_CODE, "cyan")
        self.console.print(lines, soft_wrap=True)

    def put(self, text: str, *, style: str = "") -> None:
        """Print lines as they are: output of code, paths, which must not be broken."""
        self.console.print(Text(shown(text, self.console.encoding), style=style), soft_wrap=True)

    def draw(self, thing: RenderableType) -> None:
        """Print something of rich's: a table, a tree."""
        self.console.print(thing)


_voice: list[Voice] = []


def voice() -> Voice:
    """The one that speaks now; made from the environment at its first use."""
    if not _voice:
        use_voice()
    return _voice[-1]


def use_voice(language: str | None = None, console: Console | None = None) -> Voice:
    """Begin to speak anew, e.g. in the language of --lang; says so where the console has no Japanese."""
    target = console if console is not None else make_console()
    _voice.clear()  # a language that is refused leaves none behind: who spoke before is not who speaks of it
    chosen, fallen_back = language_for(language, target.encoding)
    _voice[:] = [Voice(target, chosen)]
    if fallen_back:
        print(FALLEN_BACK, file=sys.stderr)
    return _voice[-1]


def say(*, ja: str, en: str, **values: object) -> None:
    """Say something in the learner's language.

    Args:
        ja, en: the same in Japanese and English, with the same `{placeholders}`; code stands in backticks.
        values: for the placeholders, as in str.format: `say(ja="損失は {loss:.3f} です。", en="…", loss=loss)`.
    Raises:
        KeyError: a placeholder has no value, in either language.
    """
    words = Words(ja, en).filled(**{name: plain_number(value) for name, value in values.items()})
    current = voice()
    if current.events and current.events[-1]["kind"] == "show":
        current.console.print()
    current.events.append({"kind": "say", "ja": words.ja, "en": words.en})
    current.tell(words)
    current.console.print()


def plain_number(value: object) -> object:
    """A tensor of one element as a Python number, so that it can be formatted; everything else as it is."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "numel", lambda: 0)() == 1 else value
