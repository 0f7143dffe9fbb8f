"""Which of the course's two languages to speak, and a text in both of them."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from gradcheck_lm.errors import ArgumentError, GradcheckLMError

Error = TypeVar("Error", bound=GradcheckLMError)

LANGUAGES = ("ja", "en")
VARIABLE = "GRADCHECK_LM_LANG"


@dataclass(frozen=True)
class Words:
    """One text in both languages; `{name}` in it stands for a value that is filled in when it is shown."""

    ja: str
    en: str

    def filled(self, **values: object) -> Words:
        """The text with its placeholders filled, in both languages, so that neither can fail alone.

        A value that is itself Words enters each language in that language.
        """
        ja = {name: value.ja if isinstance(value, Words) else value for name, value in values.items()}
        en = {name: value.en if isinstance(value, Words) else value for name, value in values.items()}
        return Words(self.ja.format(**ja), self.en.format(**en))

    def in_language(self, language: str) -> str:
        """The text in "ja" or "en"."""
        return self.ja if language == "ja" else self.en


def in_both(kind: type[Error], *, ja: str, en: str, **values: object) -> Error:
    """An error whose text the command line shows in the learner's language; to a program it is the English one."""
    words = Words(ja, en).filled(**values)
    error = kind(words.en)
    error.words = words  # type: ignore[attr-defined]
    return error


def choose_language(wanted: str | None = None, environment: Mapping[str, str] = os.environ) -> str:
    """The learner's language: what was asked for, else GRADCHECK_LM_LANG, else the locale's; "ja" or "en".

    Args:
        wanted: as typed behind --lang; None or "" where nothing was typed.
        environment: of the process.
    Raises:
        ArgumentError: a language that the course does not speak.
    """
    for source, value in (("--lang", wanted), (VARIABLE, environment.get(VARIABLE))):
        if not value:
            continue
        short = value.lower().replace("-", "_").split("_")[0]
        if short not in LANGUAGES:
            raise in_both(
                ArgumentError,
                ja="{source} が {value!r} です。この講座の言語は ja (日本語) と en (English) です",
                en="{source} is {value!r}; the course speaks ja (日本語) and en (English)",
                source=source, value=value,
            )  # fmt: skip
        return short
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return "ja" if value.lower().startswith("ja") else "en"
    return "ja" if (locale.getlocale()[0] or "").lower().startswith("ja") else "en"


def language_for(wanted: str | None, encoding: str) -> tuple[str, bool]:
    """The language to speak on a console of this encoding, and whether it had to leave Japanese for English.

    A console without kana would show Japanese as code points, which nobody can read.
    """
    language = choose_language(wanted)
    if language == "ja" and not can_show("勾配です", encoding):
        return "en", True
    return language, False


def text_of(error: GradcheckLMError, encoding: str) -> str:
    """An error's text, in the learner's language where it has one; what was typed may be what is wrong with it."""
    words: Words | None = getattr(error, "words", None)
    if words is None:
        return str(error)
    try:
        return words.in_language(language_for(None, encoding)[0])
    except ArgumentError:
        return words.en


def can_show(text: str, encoding: str) -> bool:
    """Whether a console of this encoding has all characters of `text`."""
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
