"""What the debugger says, English and Japanese side by side: texts with named fields, and values that fill them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGES = ("en", "ja")
_FIELD = re.compile(r"\{([a-z_]+)\}")  # {parameter}; other braces, as in {name: made, ...}, are part of the text


@dataclass(frozen=True)
class Text:
    """One sentence in both languages; {field} stands for a value that is known when it is said."""

    en: str
    ja: str

    @property
    def fields(self) -> frozenset[str]:
        """The names of the values that the sentence wants."""
        return frozenset(_FIELD.findall(self.en))

    def say(self, language: str = "en", values: Mapping[str, str] | None = None) -> str:
        """The sentence in one language, its fields filled; a value that was told itself is put into that language too.

        Raises:
            KeyError: a field has no value.
        """
        given = values or {}
        missing = self.fields - given.keys()
        if missing:
            raise KeyError(f"{self.en!r} wants {sorted(missing)}, and the values given are {sorted(given)}")
        text = self.ja if language == "ja" else self.en
        return _FIELD.sub(lambda field: in_language(given[field[1]], language), text)


@dataclass(frozen=True)
class Message(Text):
    """A sentence that is said by itself, such as a note, known by its id."""

    id: str

    def told(self, **values: object) -> Told:
        """The sentence in English, that knows what it would be in another language."""
        kept = {name: value if isinstance(value, Told) else str(value) for name, value in values.items()}
        return Told.of(self, kept)


class Told(str):
    """A sentence in English, with the message and the values it was made of."""

    message: Message
    values: Mapping[str, str]

    @classmethod
    def of(cls, message: Message, values: Mapping[str, str]) -> Told:
        """The message with its values."""
        told = cls(message.say("en", values))
        told.message, told.values = message, values
        return told


def in_language(sentence: str, language: str) -> str:
    """A sentence of the debugger's in one language; one that is the program's own stays as it is."""
    return sentence.message.say(language, sentence.values) if isinstance(sentence, Told) else sentence
