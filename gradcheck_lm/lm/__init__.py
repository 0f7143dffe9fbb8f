"""The language models: text and soft tokens in, nats out. The only home of transformers, which is imported on use."""

from __future__ import annotations

from gradcheck_lm.lm.load import AnyLanguageModel, load_language_model
from gradcheck_lm.lm.ngrams.ngram import NgramModel
from gradcheck_lm.lm.score import LanguageModel

__all__ = ["AnyLanguageModel", "LanguageModel", "NgramModel", "load_language_model"]
