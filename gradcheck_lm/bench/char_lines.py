"""What a language model costs on text it was not trained on: nats per character, and whether it sees a wrong letter."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass

from gradcheck_lm.lm import load_language_model
from gradcheck_lm.lm.ngrams.ngram import NgramModel
from gradcheck_lm.lm.score import LanguageModel
from gradcheck_lm.texts.sides import is_test
from gradcheck_lm.texts.sources import cut_lines, read_paragraphs

PIECES = (2, 128)  # characters: with less before them, letters cost more
LINES = (18, 30)  # a line of handwriting
_WRONG = 0.05  # share of characters that another letter takes the place of
_MOST = 1000  # texts of each kind


@dataclass(frozen=True)
class Cost:
    """Of one source and length: nats per character, after a begin-of-text token."""

    source: str
    length: tuple[int, int]
    held_out: float
    trained_on: float


def measure(lm: str = "char", sources: Sequence[str] = ("bible", "stdlib", "docstrings"), *, seed: int = 0) -> str:
    """A table of nats per character, and how many lines with wrong letters cost more than the right ones.

    Args:
        lm: any name or folder of `load_language_model`.
        sources: any of `read_paragraphs`; each is parted by `is_test`.
        seed: which texts are taken where there are more than enough, and which letters are wrong.
    """
    model = load_language_model(lm, device="cpu")
    rows, lines = [], []
    for source in sources:
        paragraphs = read_paragraphs(source)
        sides = [[one for one in paragraphs if is_test(one) is side] for side in (True, False)]
        for length in (PIECES, LINES):
            taken = [_some(side, length, seed) for side in sides]
            rows.append(Cost(source, length, *(_per_character(model, texts) for texts in taken)))
            lines += taken[0] if length == LINES else []
    changed, dearer = _wrong_letters(model, lines, seed)
    table = ["| text | characters | held out | trained on |", "|---|---|---|---|"]
    for row in rows:
        shortest, longest = row.length
        table.append(f"| {row.source} | {shortest} to {longest} | {row.held_out:.3f} | {row.trained_on:.3f} |")
    table += [
        "",
        f"With each character replaced by a random letter with probability {_WRONG}, {changed:.1%} of the {len(lines)} "
        f"held-out lines change, and {dearer:.1%} of those cost more than before.",
    ]
    return "\n".join(table)


def _some(paragraphs: Sequence[str], length: tuple[int, int], seed: int) -> list[str]:
    texts = [line for paragraph in paragraphs for line in cut_lines(paragraph, *length)]
    return random.Random(seed).sample(texts, min(_MOST, len(texts)))


def _per_character(model: LanguageModel | NgramModel, texts: Sequence[str]) -> float:
    return float(model.nll(texts).sum()) / sum(map(len, texts)) if texts else float("nan")


def _wrong_letters(model: LanguageModel | NgramModel, lines: Sequence[str], seed: int) -> tuple[float, float]:
    draw = random.Random(seed)
    wrong = [
        "".join(draw.choice(string.ascii_lowercase) if draw.random() < _WRONG else one for one in line)
        for line in lines
    ]
    pairs = [(line, other) for line, other in zip(lines, wrong, strict=True) if line != other]
    if not pairs:
        return 0.0, float("nan")
    before, after = (model.nll(list(texts)) for texts in zip(*pairs, strict=True))
    return len(pairs) / len(lines), float((after > before).double().mean())
