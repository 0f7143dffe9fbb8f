"""The character n-gram: against counts made by hand, in Python's slow way, and as an automaton, file and command."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
import torch
from ngram_texts import ALPHABET, PROSE, TEXTS, model_of, walk

from gradcheck_lm.errors import ArgumentError, DataError, LanguageModelError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.lm.ngrams import ngram_counts
from gradcheck_lm.lm.ngrams.ngram import NgramConfig, nats_by_order, train_ngram

BEGIN, END, UNKNOWN = "<b>", "<e>", "<u>"


class ByHand:
    """Witten-Bell from the formula, with dictionaries of tuples."""

    def __init__(self, texts, order, *, lines=False, smallest_count=1, alphabet=ALPHABET):
        self.order, self.smallest_count = order, smallest_count
        self.events = [*alphabet, UNKNOWN, *([END] if lines else [])]
        self.counts: Counter = Counter()
        for text in texts:
            symbols = [c if c in alphabet else UNKNOWN for c in text]
            full = [BEGIN, *symbols, END] if lines else symbols
            for i, j in itertools.combinations(range(len(full) + 1), 2):
                gram = tuple(full[i:j])
                if len(gram) <= order and gram[-1] != BEGIN:
                    self.counts[gram] += 1
            if not lines:
                starts = [i for i, s in enumerate(symbols) if s != " " and (i == 0 or symbols[i - 1] == " ")]
                for i, length in itertools.product(starts, range(1, order)):
                    if i + length <= len(symbols):
                        self.counts[(BEGIN, *symbols[i : i + length])] += 1

    def p(self, event, history):
        history = tuple(history)[max(0, len(history) - self.order + 1) :] if self.order > 1 else ()
        following = {e: self.counts[(*history, e)] for e in self.events if self.counts[(*history, e)]}
        lower = self.p(event, history[1:]) if history else 1 / len(self.events)
        least = self.smallest_count if history else 1
        if not any(count >= least for count in following.values()):
            return lower
        kept = {e: count for e, count in following.items() if count >= least}
        total, types = sum(following.values()), len(following)
        left = types + total - sum(kept.values())
        return (kept.get(event, 0) + left * lower) / (total + types)

    def nll(self, text, *, begin=True):
        symbols = [c if c in self.events else UNKNOWN for c in text]
        history = [BEGIN] if begin else []
        total = 0.0
        for place, symbol in enumerate(symbols):
            if begin or place:
                total -= math.log(self.p(symbol, history))
            history.append(symbol)
        return total - (math.log(self.p(END, history)) if END in self.events and begin else 0.0)


CASES = [
    {"order": 1},
    {"order": 2},
    {"order": 3},
    {"order": 6},
    {"order": 9},
    {"order": 3, "lines": True},
    {"order": 4, "lines": True, "smallest_count": 2},
    {"order": 4, "smallest_count": 2},
    {"order": 5, "smallest_count": 3},
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nll_and_score_are_those_of_the_formula(case):
    model, by_hand = model_of(**case), ByHand(PROSE, **case)
    wanted = [by_hand.nll(text) for text in TEXTS]
    assert torch.allclose(model.nll(TEXTS), torch.tensor(wanted, dtype=torch.float64), atol=1e-10)
    for text, score in zip(TEXTS, model.score(TEXTS).tolist(), strict=True):
        if len(text) < 2:
            assert score == math.inf
        else:  # no begin, the first character is given
            assert score == pytest.approx(by_hand.nll(text, begin=False) / (len(text) - 1))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_may_come_next_sums_to_one(case):
    # every context of up to 3 characters, seen or not, after the begin: the unknown character and the end are events
    model = model_of(**case)
    probe = "".join(c for c in "th a" if c in ALPHABET) + "é"
    histories = ["".join(h) for n in range(4) for h in itertools.product(probe, repeat=n)]
    automaton = model.automaton(Charset(ALPHABET + "é"), dtype=torch.float64)
    mass = (-automaton.cost).exp().sum(1)
    if case.get("lines"):
        mass = mass + (-automaton.end_cost).exp()
    assert (mass - 1).abs().max() < 1e-12
    # and from the scores themselves, where the end of the text does not count
    ends = torch.zeros(len(histories), dtype=torch.float64)
    if case.get("lines"):
        ends = automaton.end_cost[[walk(automaton, text)[1] for text in histories]]
    bare = model.nll(histories) - ends
    total = torch.zeros(len(histories), dtype=torch.float64)
    for character in ALPHABET + "é":
        longer = [history + character for history in histories]
        after = model.nll(longer)
        if case.get("lines"):
            states = [walk(automaton, text)[1] for text in longer]
            after = after - automaton.end_cost[states]
        total += (bare - after).exp()
    assert (total + (-ends).exp() * bool(case.get("lines")) - 1).abs().max() < 1e-10


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("characters", [ALPHABET, "tha é", "eht xyz"])
def test_the_automaton_is_the_model(case, characters):
    model = model_of(**case)
    automaton = model.automaton(Charset(characters), dtype=torch.float64)
    texts = [text for text in [*TEXTS, *PROSE, "hathat", "ehhthe at"] if set(text) <= set(characters)]
    texts += ["".join(t) for t in itertools.product(characters[:3], repeat=4)]
    walked = torch.tensor([walk(automaton, text)[0] for text in texts], dtype=torch.float64)
    assert torch.allclose(walked, model.nll(texts), atol=1e-10)
    assert automaton.order == case["order"]
    assert automaton.next_state.shape == automaton.cost.shape == (automaton.states, len(characters))
    assert automaton.cost.isfinite().all()


def test_the_states_are_the_contexts_that_were_seen():
    automaton = model_of(["abab"], characters="abc", order=3).automaton(Charset("abc"))
    # the empty one; begin, a, b; begin a, ab, ba
    assert automaton.states == 7
    assert automaton.cost.dtype == torch.float32
    assert automaton.next_state.dtype == torch.long
    assert not automaton.end_cost.any()


@pytest.mark.parametrize("lines", [False, True])
def test_the_beam_search_takes_it(lines):
    # a beam that prunes nothing: each string's score is log p - weight * nll + bonus * length
    from gradcheck_lm.htr.ctc import string_log_prob
    from gradcheck_lm.htr.decoding.ctc_beam import prefix_beam

    model, charset = model_of(order=4, lines=lines), Charset("tha")
    logits = torch.randn(4, 2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    automaton = model.automaton(charset, dtype=torch.float64)
    found = prefix_beam(logits, beam=200, fusion=automaton, fusion_weight=0.7, length_bonus=0.4)
    for line in range(2):
        real = found.real[line]
        ids, lengths = found.ids[line][real], found.target_lengths[line][real]
        texts = [charset.decode(row[:length]) for row, length in zip(ids, lengths.tolist(), strict=True)]
        assert len(set(texts)) == len(texts) > 50
        log_prob = string_log_prob(logits, ids, lengths, lines=torch.full((len(ids),), line))
        wanted = log_prob - 0.7 * model.nll(texts) + 0.4 * lengths
        assert torch.allclose(found.score[line][real], wanted, atol=1e-9)


def test_a_lower_order_is_inside_the_model():
    model = model_of(order=5, lines=True)
    for order in range(1, 6):
        alone = model_of(order=order, lines=True)
        assert torch.equal(model.with_order(order).nll(TEXTS), alone.nll(TEXTS))
        inside = model.automaton(Charset(ALPHABET), order=order)
        assert torch.equal(inside.cost, alone.automaton(Charset(ALPHABET)).cost)
        assert inside.order == order
    assert nats_by_order(model, ["the mat"])[5] == pytest.approx(float(model.nll(["the mat"])) / 7)
    with pytest.raises(ArgumentError, match=r"order is 6; .* order 5: choose 1"):
        model.with_order(6)


def test_text_in_blocks_counts_the_same(monkeypatch):
    whole = model_of(PROSE * 3, order=4)
    monkeypatch.setattr(ngram_counts, "_BLOCK", 10)
    pieces = model_of(iter(PROSE * 3), order=4)
    for part in ("codes", "log_probs", "contexts", "backoffs"):
        for one, other in zip(getattr(whole.tables, part), getattr(pieces.tables, part), strict=True):
            assert torch.equal(one, other)


def test_scores_do_not_depend_on_the_company(monkeypatch):
    from gradcheck_lm.lm.ngrams import ngram

    model = model_of(order=4)
    together = model.nll([*TEXTS, *TEXTS])
    assert torch.equal(together, torch.cat([model.nll([text]) for text in TEXTS] * 2))
    monkeypatch.setattr(ngram, "_BLOCK", 5)
    assert torch.equal(together, model.nll([*TEXTS, *TEXTS]))
    assert model.nll([]).shape == model.score([]).shape == (0,)
    single = model_of(order=4, dtype=torch.float32)
    assert single.score(["the"]).dtype == torch.float32
    with pytest.raises(ArgumentError, match="one string 'abc'"):
        model.score("abc")


def test_pruning_makes_a_smaller_model_that_still_sums_to_one():
    sizes = [sum(map(len, model_of(order=5, smallest_count=least).tables.codes)) for least in (1, 2, 3)]
    assert sizes[0] > sizes[1] > sizes[2] > len(ALPHABET) + 1


def test_a_real_text_is_better_told_by_a_longer_context():
    texts = [f"the {word} of the {other}" for word in ("cat", "mat", "top") for other in ("hat", "cot", "path")]
    nats = nats_by_order(model_of(texts, order=5), ["the path of the cat", "the mat of the mat"])
    assert sorted(nats.values(), reverse=True) == list(nats.values())
    assert nats[1] > 2 > 1 > nats[5]


def test_what_cannot_be_counted():
    with pytest.raises(DataError, match="no text to count"):
        train_ngram([])
    with pytest.raises(DataError, match="no text to count"):
        train_ngram(["", ""])
    with pytest.raises(ArgumentError, match=r"wrap it: \[text\]"):
        train_ngram("a text")
    with pytest.raises(ArgumentError, match="order is 10: with 79 characters it may be 1 to 9"):
        train_ngram(["a"], NgramConfig(order=10))
    with pytest.raises(ArgumentError, match="order is 0"):
        train_ngram(["a"], NgramConfig(order=0))
    with pytest.raises(ArgumentError, match="smallest_count is 0"):
        train_ngram(["a"], NgramConfig(smallest_count=0))
    with pytest.raises(ArgumentError, match="each of them once"):
        train_ngram(["a"], NgramConfig(characters="aa"))


def test_one_character_of_text_is_a_model():
    model = model_of(["a"], characters="ab", order=6)
    assert model.nll(["a", "b", "abababab"]).isfinite().all()
    assert model.nll(["a"]) < model.nll(["b"])
    automaton = model.automaton(Charset("ab"), dtype=torch.float64)
    assert walk(automaton, "abab")[0] == pytest.approx(float(model.nll(["abab"])))


def test_an_automaton_that_is_too_large_says_so():
    model = model_of(order=6)
    states = model.automaton(Charset(ALPHABET)).states
    needed = states * len(ALPHABET) * 12
    assert model.automaton(Charset(ALPHABET), memory=needed).states == states
    with pytest.raises(LanguageModelError, match=rf"{states} states; with 12 characters .*order=.*smallest_count"):
        model.automaton(Charset(ALPHABET), memory=needed - 1)


@pytest.mark.gpu
def test_a_gpu_says_what_the_cpu_says():
    model = model_of(order=5, lines=True)
    moved = model.to("cuda")
    assert torch.allclose(moved.nll(TEXTS).cpu(), model.nll(TEXTS), atol=1e-12)
    automaton = moved.automaton(Charset(ALPHABET))
    assert automaton.device.type == "cuda"
    assert torch.equal(automaton.to("cpu").cost, model.automaton(Charset(ALPHABET)).cost)
