"""Text with the characters that prose seldom has: figures, dates, initials, capitals, signs."""

from __future__ import annotations

import random

_PARAGRAPHS = 1500
_NAMES = (
    "Adams", "Baker", "Clarke", "Dunn", "Evans", "Fox", "Gray", "Hughes", "Irving", "Jones", "Knox", "Lloyd",
    "Moore", "Nash", "Owen", "Price", "Quinn", "Reed", "Shaw", "Turner", "Upton", "Vance", "Wells", "Xavier",
    "Young", "Zeller",
)  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_PLACES = (
    "Bath", "Cadiz", "Derby", "Exeter", "Fez", "Geneva", "Hull", "Ipswich", "Jaffa", "Kiev", "Lyon", "Mainz",
    "Oxford", "Paris", "Quebec", "York", "Zurich",
)  # fmt: skip
_THINGS = (
    "boxes", "yards", "pounds", "pages", "miles", "jars", "acres", "sheets", "bulbs", "squares", "prizes", "axes",
    "quilts", "keys",
)  # fmt: skip
_WORDS = (
    "paid", "sent", "due", "from", "sold", "seen", "lent", "kept", "received", "returned", "about", "with", "for",
    "between", "over", "near",
)  # fmt: skip


def figures_paragraphs() -> tuple[str, ...]:
    """The same paragraphs each time, each long enough for a line, over all 79 standard characters."""
    chance = random.Random(79)
    return tuple(" ".join(_phrase(chance) for _ in range(8)) for _ in range(_PARAGRAPHS))


def _phrase(chance: random.Random) -> str:
    """A few words as one finds them in letters, accounts and lists."""

    def pick(words: tuple[str, ...]) -> str:
        return chance.choice(words)

    number = chance.randint
    name, place, thing, word = pick(_NAMES), pick(_PLACES), pick(_THINGS), pick(_WORDS)
    initials = f"{chance.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZ')}. {chance.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZ')}."
    return chance.choice(
        (
            f"{pick(_MONTHS)} {number(1, 31)}, {number(1650, 2039)}.",
            f"{number(1, 31)}/{number(1, 12)}/{number(10, 99)}:",
            f"{word} {number(2, 990)} {thing}",
            f"{number(1, 9)},{number(0, 999):03d} {thing} {word} {place};",
            f"{initials} {name} & {pick(_NAMES)},",
            f"{name} & Co., {place}",
            f"({word} No. {number(1, 480)})",
            f"#{number(1, 99)} {thing.upper()}",
            f"{name.upper()}, {initials}",
            f'"{name}!" - "{place}?"',
            f"{name}'s {thing}: {number(10, 99)}.{number(0, 99):02d}",
            f"pp. {number(1, 499)}-{number(500, 899)}",
            f"{number(2, 9)}*{number(2, 99)} + {number(10, 999)}",
            f"* {place.upper()} *",
            f"{thing}/{pick(_THINGS)} {word}?",
            f"at {number(1, 12)}:{number(0, 59):02d}, {word} {place}!",
        )
    )
