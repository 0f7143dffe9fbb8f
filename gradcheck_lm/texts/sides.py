"""The side a paragraph is on, for every text and model of the package; and lines that no training text holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

TEST_SHARE = 5
"""Every fifth paragraph, by its hash, is test text."""
_KEY = 3  # words by which a line is looked up


def is_test(paragraph: str) -> bool:
    """Whether a paragraph, as `read_paragraphs` gives it, is test text: by its hash, so it never changes sides."""
    digest = hashlib.blake2b(paragraph.encode("utf-8"), digest_size=4).digest()
    return int.from_bytes(digest, "big") % TEST_SHARE == 0


def lines_in_none_of(lines: Sequence[str], texts: Iterable[str]) -> list[str]:
    """The lines that are no substring of any of the texts, in their order.

    Args:
        lines, texts: white space single, as `clean_text` leaves it.
    """
    # the words inside a line are whole words of any text that holds it; its first and last may be parts of words
    by_words: dict[tuple[str, ...], list[str]] = {}
    short: list[str] = []
    for line in dict.fromkeys(lines):
        inside = tuple(line.split(" ")[1:-1][:_KEY])
        if inside:
            by_words.setdefault(inside, []).append(line)
        else:
            short.append(line)
    sizes = sorted(set(map(len, by_words)))
    found: set[str] = set()
    for text in texts:
        found.update(line for line in short if line in text)
        words, start = text.split(" "), 0  # start: where words[place] begins in the text
        for place, word in enumerate(words):
            for size in sizes:
                for line in by_words.get(tuple(words[place : place + size]), ()):
                    # looked for at this place alone: common words would have every text searched again and again
                    if text.startswith(line, start - line.index(" ") - 1):
                        found.add(line)
            start += len(word) + 1
    return [line for line in lines if line not in found]
