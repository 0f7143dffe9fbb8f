"""What kinds of mistakes a recogniser makes: alignments, confusions, and words that are no words."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import jiwer

WORD = re.compile(r"[A-Za-z']+")


@dataclass(frozen=True)
class Span:
    """A stretch of a label and of its reading. kind: "equal" | "substitute" | "delete" | "insert"."""

    kind: str
    label: str
    reading: str


@dataclass(frozen=True)
class Mistakes:
    """All mistakes over a set of lines."""

    lines: int
    wrong_lines: int
    substitutions: int
    deletions: int
    insertions: int
    confusions: tuple[tuple[str, str, int], ...]  # (in the label, read as, how often), most frequent first
    wrong_words: int  # words read that do not stand in the label
    not_words: int  # of these, words that no text known here holds
    examples: tuple[tuple[Span, ...], ...]  # aligned wrong lines

    @property
    def share_not_words(self) -> float:
        """Share of wrongly read words that are not words: what a language model could know."""
        return self.not_words / max(1, self.wrong_words)

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {
            "lines": self.lines,
            "wrong_lines": self.wrong_lines,
            "substitutions": self.substitutions,
            "deletions": self.deletions,
            "insertions": self.insertions,
            "confusions": [list(row) for row in self.confusions],
            "wrong_words": self.wrong_words,
            "not_words": self.not_words,
            "share_not_words": self.share_not_words,
            "examples": [[[span.kind, span.label, span.reading] for span in spans] for spans in self.examples],
        }


def align(label: str, reading: str) -> tuple[Span, ...]:
    """The reading held against the label, stretch by stretch, by minimal edits."""
    if not label or not reading:
        kind = "equal" if label == reading else "delete" if label else "insert"
        return (Span(kind, label, reading),) if label or reading else ()
    chunks = jiwer.process_characters(label, reading).alignments[0]
    return tuple(
        Span(
            chunk.type,
            label[chunk.ref_start_idx : chunk.ref_end_idx],
            reading[chunk.hyp_start_idx : chunk.hyp_end_idx],
        )
        for chunk in chunks
    )


def vocabulary(texts: Iterable[str]) -> frozenset[str]:
    """The lower-cased words of some texts; a word is letters and apostrophes."""
    return frozenset(word.lower() for text in texts for word in WORD.findall(text))


def find_mistakes(
    labels: Sequence[str], readings: Sequence[str], words: frozenset[str] = frozenset(), *, examples: int = 20
) -> Mistakes:
    """Count and align what was read wrongly.

    Args:
        labels: what stands there, N strings.
        readings: what was read, N strings.
        words: known words in lower case (`vocabulary`); the labels' own words are always known.
        examples: how many wrong lines to keep, worst first.
    """
    known = words | vocabulary(labels)
    counts: Counter[str] = Counter()
    confusions: Counter[tuple[str, str]] = Counter()
    worst: list[tuple[int, int, tuple[Span, ...]]] = []  # a heap: the alignments of all lines would fill the memory
    wrong_lines = wrong_words = not_words = 0
    for place, (label, reading) in enumerate(zip(labels, readings, strict=True)):
        spans = align(label.strip(), reading.strip())
        edits = 0
        for span in spans:
            if span.kind == "equal":
                continue
            size = max(len(span.label), len(span.reading))
            counts[span.kind] += size
            edits += size
            if span.kind == "substitute":
                confusions.update(zip(span.label, span.reading, strict=True))
            else:
                confusions.update((char, "") for char in span.label)
                confusions.update(("", char) for char in span.reading)
        if edits:
            wrong_lines += 1
            heapq.heappush(worst, (edits, -place, spans))
            if len(worst) > examples:
                heapq.heappop(worst)
        there = Counter(word.lower() for word in WORD.findall(label))
        for word in WORD.findall(reading):
            if there[word.lower()] > 0:
                there[word.lower()] -= 1
                continue
            wrong_words += 1
            not_words += word.lower() not in known
    ranked = sorted(confusions.items(), key=lambda item: (-item[1], item[0]))
    return Mistakes(
        lines=len(labels),
        wrong_lines=wrong_lines,
        substitutions=counts["substitute"],
        deletions=counts["delete"],
        insertions=counts["insert"],
        confusions=tuple((a, b, n) for (a, b), n in ranked[:30]),
        wrong_words=wrong_words,
        not_words=not_words,
        examples=tuple(spans for _, _, spans in sorted(worst, key=lambda row: (-row[0], -row[1]))),
    )
