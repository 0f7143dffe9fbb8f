"""N-grams mixed: against the mixture's own formula, sums of every context, and weights found anew."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.lm.ngrams import interpolate as module
from gradcheck_lm.lm.ngrams.interpolate import choose_weights, interpolate, train_interpolated
from gradcheck_lm.lm.ngrams.ngram import NgramConfig, NgramModel, train_ngram
from gradcheck_lm.lm.ngrams.ngram_file import load_ngram, save_ngram

ALPHABET = "ab "
A = ["abab abba", "ab ab abab", "baab abab ab"]
B = ["bbb aa bbb", "aab bbb bb", "bb aaa"]


def trained(texts: list[str], order: int = 3, **options) -> NgramModel:
    return train_ngram(texts, NgramConfig(order=order, characters=ALPHABET, **options))


def p(model: NgramModel, symbol: int, history: list[int]) -> float:
    """p(symbol | history) as the model scores it."""
    return float(model._log_probs(torch.tensor([[*history, symbol]]))[0, -1].exp())


def contexts(model: NgramModel) -> list[list[int]]:
    size = model.symbols.size
    return [
        [int(code) // size**place % size for place in reversed(range(length))]
        for length, codes in enumerate(model.tables.contexts)
        for code in codes
    ]


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("orders", [(3, 3), (2, 4), (4, 1)])
def test_every_context_sums_to_1_and_what_either_has_seen_is_the_mixture(orders: tuple[int, int], lines: bool) -> None:
    one, two = trained(A, orders[0], lines=lines), trained(B, orders[1], lines=lines)
    mixed = interpolate([one, two], [3.0, 1.0])
    assert mixed.order == max(orders)
    seen = 0
    for history in contexts(mixed):
        by_symbol = [p(mixed, symbol, history) for symbol in range(mixed.symbols.events)]
        assert math.isclose(sum(by_symbol), 1.0, rel_tol=1e-12)
        for symbol, found in enumerate(by_symbol):
            code = 0
            for number in (*history, symbol):
                code = code * mixed.symbols.size + number
            if bool((mixed.tables.codes[len(history)] == code).any()):
                seen += 1
                assert math.isclose(found, 0.75 * p(one, symbol, history) + 0.25 * p(two, symbol, history))
    assert seen > 30


def test_all_weight_on_one_is_that_one_and_the_automaton_is_the_mixture_s(tmp_path: Path) -> None:
    one, two = trained(A), trained(B)
    texts = ["abba", "bb aa", "", "a"]
    torch.testing.assert_close(interpolate([one, two], [1, 0]).nll(texts), one.nll(texts))
    mixed = interpolate([one, two], [0.5, 0.5], name="both")
    automaton = mixed.automaton(type("Characters", (), {"characters": "ab "}), dtype=torch.float64)
    for text in texts:
        state, total = automaton.start, 0.0
        for character in text:
            column = automaton.characters.index(character)
            total += float(automaton.cost[state, column])
            state = int(automaton.next_state[state, column])
        assert math.isclose(total, float(mixed.nll([text]).double()), rel_tol=1e-5, abs_tol=1e-6)
    save_ngram(mixed, tmp_path)
    torch.testing.assert_close(load_ngram(tmp_path).nll(texts), mixed.nll(texts))


def test_characters_add_up_to_the_whole_text() -> None:
    model = trained(A, lines=True)
    each = model.character_log_probs(["abab", "", "b"])
    assert len(each) == 4 + 1 + 3  # and an end each
    assert math.isclose(-float(each.sum()), float(model.nll(["abab", "", "b"]).double().sum()), rel_tol=1e-6)
    assert len(model.character_log_probs([])) == 0


def test_weights_are_those_that_cost_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROUNDS", 2000)
    one, two, texts = trained(A), trained(B), [*A, *A, *B]
    weights = choose_weights([one, two], texts)
    assert math.isclose(sum(weights), 1.0)
    assert 0.5 < weights[0] < 0.9

    def cost(share: float) -> float:
        each = torch.stack([model.character_log_probs(texts).exp() for model in (one, two)])
        return -float((share * each[0] + (1 - share) * each[1]).log().sum())

    assert cost(weights[0]) <= min(cost(share / 100) for share in range(1, 100)) + 1e-9
    assert choose_weights([one, two], A)[0] > 0.95


def test_lines_do_not_win_by_knowing_themselves() -> None:
    prose = trained(["abab abba ab ab"] * 3, order=4)
    config = NgramConfig(order=4, characters=ALPHABET)
    # no two of these lines are alike, but each knows itself: a model of all of them would get all the weight
    strange = ["a" * 9 + " b", "b" * 9 + " a", "ab" * 5, "ba" * 5, "aabb" * 3]
    mixed, weights, nats = train_interpolated([prose], strange, config)
    knowing = choose_weights([prose, train_ngram(strange, config)], strange)
    assert knowing[1] > 0.95
    assert weights[1] < knowing[1] - 0.1
    assert mixed.order == 4
    assert nats > -float(mixed.character_log_probs(strange).mean())  # which knows them by heart
    own, _, own_nats = train_interpolated([prose], ["bbaa bb aa"] * 20, config)
    assert own_nats < 0.5
    assert float(own.nll(["bbaa bb aa"])[0]) < float(prose.nll(["bbaa bb aa"])[0])


def test_what_cannot_be_mixed_is_refused() -> None:
    one = trained(A)
    for models, weights, message in (
        ([one], [0.5, 0.5], "1 models and 2 weights"),
        ([one, one], [0.0, 0.0], "one above 0"),
        ([one, one], [1.0, math.nan], "finite"),
        ([one, trained(B, lines=True)], [1, 1], "the same --characters and --whole-lines"),
    ):
        with pytest.raises(ArgumentError, match=message):
            interpolate(models, weights)
    with pytest.raises(ArgumentError, match="4 lines are too few"):
        train_interpolated([one], ["a"] * 4, NgramConfig())
