"""The answers that a question of a lesson offers, each with its letter."""

from __future__ import annotations

from dataclasses import dataclass

from gradcheck_lm.course.language import Words

LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Choice:
    """One answer to a question that `ask` puts."""

    words: Words
    right: bool


def choice(*, ja: str, en: str, right: bool = False) -> Choice:
    """An answer to choose from; exactly one of a question's answers is right."""
    return Choice(Words(ja, en), right)
