"""Texts for n-grams, and a walk through the automaton of one."""

from __future__ import annotations

import torch

from gradcheck_lm.lm import NgramModel
from gradcheck_lm.lm.ngrams.ngram import NgramConfig, train_ngram

PROSE = ["the cat sat on the mat", "that hat is at the top", "a  cot", "she hath\tato", "tttt"]

ALPHABET = "acehimnopst "

TEXTS = ["the cat", "t", "", "xyz", "a é a", "ttttttttttttttttttt", "on the mat", " ", "  a", "hat\nhat"]


def model_of(texts=PROSE, dtype=torch.float64, **config) -> NgramModel:
    model = train_ngram(texts, NgramConfig(**{"characters": ALPHABET, **config}))
    return NgramModel(model.tables, model.config, dtype=dtype)


def walk(automaton, text):
    state, cost = automaton.start, 0.0
    for character in text:
        column = automaton.characters.index(character)
        cost += float(automaton.cost[state, column])
        state = int(automaton.next_state[state, column])
    return cost + float(automaton.end_cost[state]), state
