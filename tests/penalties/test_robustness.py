"""Every penalty on what a real run brings sooner or later: odd texts, odd characters, odd numbers."""

from __future__ import annotations

import math

import pytest
import torch
from penalties_fakes import ABC, TinyLM, generator, logits_for, objective_of, random_logits

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.lm import load_language_model
from gradcheck_lm.penalties import PENALTIES as REGISTERED
from gradcheck_lm.penalties import make_penalty

# ngram_expectation asks for an automaton and takes sums only: test_ngram_interface.py holds it to the same
PENALTIES = {name: penalty for name, penalty in REGISTERED.items() if "hinge" in penalty.objectives}
ALIVE = [name for name, penalty in PENALTIES.items() if penalty.kind != "none"]
CASES = [(name, objective) for name, penalty in PENALTIES.items() for objective in penalty.objectives]
# draws differ with the size of the batch
DRAWS = {"argmax", "straight_through", "gumbel_softmax", "minimum_risk", "local_expectation"}
WITHOUT_DRAWS = [
    (name, objective) for name, objective in CASES if not (name in DRAWS or PENALTIES[name].kind == "unbiased")
]
# "insertions and deletions are learned" is what these say of themselves
REACHES_THE_BLANK = [name for name, penalty in PENALTIES.items() if "reaches the blank" in penalty.__doc__.lower()]


@pytest.fixture(scope="module")
def char_lm():
    return CharWithAutomaton(load_language_model("char", device="cpu"))


def gradient_of(out, logits):
    return torch.autograd.grad(out.loss, logits)[0]


def make(name, lm=None, charset=ABC, objective="hinge", **options):
    lm = TinyLM() if lm is None else lm
    return make_penalty(name, lm, charset, objective=objective_of(name, objective), **options)


class CharWithAutomaton:
    """The character language model that ships, and an automaton for penalties that want one."""

    def __init__(self, language_model):
        self.language_model = language_model
        self.automaton = TinyLM().automaton

    def __getattr__(self, name):
        return getattr(self.language_model, name)


def test_those_that_reach_the_blank_say_so():
    assert {"policy_gradient", "minimum_risk", "relax"} <= {*REACHES_THE_BLANK}
    assert not {"argmax", "soft_embedding", "gumbel_softmax", "straight_through"} & {*REACHES_THE_BLANK}


@pytest.mark.parametrize("name", REACHES_THE_BLANK)
def test_the_blank_column_is_not_zero(name):
    logits = random_logits(8, 6, 4, scale=0.7, seed=4).requires_grad_()
    gradient = gradient_of(make(name, objective="score")(logits, ["ab"] * 6), logits)
    assert gradient[:, :, 0].abs().sum() > 1e-3 * gradient.abs().sum()


@pytest.mark.parametrize(("name", "objective"), CASES)
@pytest.mark.parametrize("labels", [["", "a", "ab"], ["a", "", "b"], ["", "", ""]])
def test_empty_and_one_character_labels(name, objective, labels):
    # neither has two tokens, so neither has a score: the hinge is 0 there
    logits = logits_for(["ab", "cab", "b"], 6).requires_grad_()
    out = make(name, objective=objective)(logits, labels)
    assert out.value.isfinite()
    if objective == "hinge":
        without_score = [line for line, label in enumerate(labels) if len(label) < 2]
        assert not out.per_line[without_score].any()
    if name in ALIVE:
        gradient = gradient_of(out, logits)
        assert gradient.isfinite().all()
        if objective == "hinge":
            assert not gradient[:, without_score].any()


@pytest.mark.parametrize(("name", "objective"), CASES)
def test_labels_that_need_more_frames_than_there_are(name, objective):
    logits = random_logits(3, 2, 4, seed=1).requires_grad_()
    out = make(name, objective=objective)(logits, ["abcabcabcabc", "aabbccaabbcc"])
    assert out.per_line.isfinite().all()
    if name in ALIVE:
        assert gradient_of(out, logits).isfinite().all()


@pytest.mark.parametrize(("name", "objective"), CASES)
def test_characters_outside_the_charset_and_the_language_model(name, objective, char_lm):
    charset = Charset("ab é日")  # the language model knows neither of the last two; its tokenizer takes them as unknown
    logits = logits_for(["ab é", "日a b", "ab"], 8, charset.characters).requires_grad_()
    out = make(name, char_lm, charset, objective=objective)(logits, ["ab ü", "xyz b", "a日"])
    assert out.value.isfinite()
    assert out.loss.item() == pytest.approx(out.value.item(), rel=1e-6)
    if name in ALIVE:
        assert gradient_of(out, logits).isfinite().all()


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("line", [0, 2])
def test_logits_that_are_not_numbers_are_refused_by_line(name, bad, line):
    logits = random_logits(5, 3, 4, seed=2)
    logits[4, line, 3] = bad
    with pytest.raises(ArgumentError, match=f"line {line} hold NaN or .inf.*1 of 3 lines.*learning rate"):
        make(name)(logits, ["ab"] * 3)
    # a frame of nothing but -inf has no posterior either
    logits = random_logits(5, 3, 4, seed=2)
    logits[1, line] = -math.inf
    with pytest.raises(ArgumentError, match=f"line {line} hold"):
        make(name)(logits, ["ab"] * 3)


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_halves_agree_with_doubles(name, dtype):
    # rounded first, so that all dtypes see the same numbers
    rounded = random_logits(6, 4, 4, seed=6, dtype=dtype)
    labels = ["ab", "ca", "bb", "abc"]
    found = make(name, objective="score")(rounded, labels, generator=generator(1))
    if PENALTIES[name].kind == "biased" or name in ("argmax", "hidden_states"):
        wanted = make(name, objective="score")(rounded.double(), labels, generator=generator(1))
        if found.predictions == wanted.predictions and name not in (
            "gumbel_softmax",
            "minimum_risk",
            "local_expectation",
        ):
            assert torch.allclose(found.per_line.double(), wanted.per_line, atol=2e-2)
    assert found.per_line.isfinite().all()


@pytest.mark.parametrize("name", ALIVE)
def test_huge_logits_overflow_nothing(name):
    for dtype, size in ((torch.float16, 6e4), (torch.float32, 1e30)):
        logits = (logits_for(["ab", "cab"], 6, sure=3.0).sign() * size).to(dtype).requires_grad_()
        gradient = gradient_of(make(name, objective="score")(logits, ["ab", "b"]), logits)
        assert gradient.isfinite().all()


@pytest.mark.parametrize(("name", "objective"), WITHOUT_DRAWS)
def test_a_line_is_the_same_in_any_company(name, objective):
    logits = random_logits(7, 3, 4, seed=9).requires_grad_()
    labels = ["ab", "cab", "bb"]
    together = make(name, objective=objective)(logits, labels)
    alone = [make(name, objective=objective)(logits[:, n : n + 1], labels[n : n + 1]) for n in range(3)]
    assert torch.allclose(together.per_line, torch.cat([out.per_line for out in alone]))
    gradient = sum(gradient_of(out, logits) for out in alone) / 3
    assert torch.allclose(gradient_of(together, logits), gradient, atol=1e-10)


@pytest.mark.parametrize("objective", ["hinge", "score", "ratio"])
@pytest.mark.parametrize("reduction", ["mean", "positive_mean"])
def test_straight_through_prints_the_storys_number_bit_for_bit(objective, reduction, char_lm):
    charset = Charset("abcdefgh ")
    logits = random_logits(30, 12, 10, seed=5, dtype=torch.float32).requires_grad_()
    labels = ["a bad cab", "each", "", "a"] * 3
    options = {"objective": objective, "reduction": reduction}
    hard = make("argmax", char_lm, charset, **options)(logits, labels, generator=generator(2))
    through = make("straight_through", char_lm, charset, **options)(logits, labels, generator=generator(2))
    assert hard.value > 0
    assert torch.equal(hard.value, through.value)
    assert torch.equal(hard.value, through.loss.detach())
    assert torch.equal(hard.per_line, through.per_line)
    assert gradient_of(through, logits).any()


def test_one_hot_posteriors_make_the_soft_embedding_the_hard_score(char_lm):
    texts = ["a bad cab", "face", "dead bee"]
    charset = Charset("abcdefgh ")
    logits = logits_for(texts, 20, charset.characters, sure=60.0, dtype=torch.float32)
    out = make("soft_embedding", char_lm, charset, objective="score")(logits, texts)
    assert out.predictions == texts
    assert torch.allclose(out.per_line, char_lm.score(texts), atol=1e-5)


@pytest.mark.parametrize("name", sorted(REGISTERED))
@pytest.mark.parametrize("rounded", [False, True])
def test_mixed_precision(name, rounded, char_lm):
    """Under autocast, where a language model's products are rounded, and logits that may be rounded already."""
    charset = Charset("abc ")
    start = 3 * torch.randn(12, 3, 5, generator=torch.Generator().manual_seed(0))
    found = []
    for half in (False, True):
        logits = start.clone().requires_grad_()
        given = logits.bfloat16() if half and rounded else logits
        objectives = REGISTERED[name].objectives
        objective = "score" if "score" in objectives else objectives[0]
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            out = make_penalty(name, char_lm, charset, seed=0, objective=objective)(given, ["ab", "b c", "a"])
        assert out.loss.isfinite()
        if name != "argmax":
            out.loss.backward()
            assert logits.grad.isfinite().all()
            assert logits.grad.any()
        found.append(out.value)
    if REGISTERED[name].kind != "unbiased" and name not in DRAWS:
        torch.testing.assert_close(found[1].float(), found[0].float(), rtol=0.2, atol=0.2)
