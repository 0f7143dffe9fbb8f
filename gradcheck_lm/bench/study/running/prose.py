"""What the n-grams of the real hand's studies are made of beside its labels, and the n-grams that were kept."""

from __future__ import annotations

import functools
from pathlib import Path

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.synthetic.text import clean_text, read_paragraphs
from gradcheck_lm.lm import NgramModel
from gradcheck_lm.lm.ngrams.ngram_file import load_ngram

PROSE = ("stdlib", "bible")


@functools.cache
def prose(name: str) -> tuple[str, ...]:
    """The paragraphs of one of `PROSE`, in the standard characters."""
    return tuple(clean_text(part, Charset.standard()) for part in read_paragraphs(name))


@functools.cache
def kept_ngram(folder: str) -> NgramModel:
    """An n-gram that `save_ngram` wrote."""
    return load_ngram(Path(folder), name=folder)
