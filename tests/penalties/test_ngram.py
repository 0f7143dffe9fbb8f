"""The exact n-gram penalty against the sum over all paths, to 1e-10."""

from __future__ import annotations

import pytest
import torch
from penalties_automata import Machine, ngram
from penalties_fakes import ABC, TableLM, all_paths, generator, logits_for, random_logits, spell

from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.lm.ngrams.ngram import NgramModel
from gradcheck_lm.penalties import make_penalty
from gradcheck_lm.penalties.exact.ngram_walk import expected_cost, expected_length, make_walk


def cost_of(text, automaton, characters="abc"):
    """The sum of a text's costs; 0 for an empty one."""
    state, total = automaton.start, 0.0
    for character in text:
        column = characters.index(character)
        total += float(automaton.cost[state, column])
        state = int(automaton.next_state[state, column])
    return total + float(automaton.end_cost[state]) if text else 0.0


def brute_force(logits, lengths, cost):
    """E[f] and its gradient, line by line, over all paths."""
    logits = logits.detach().clone().requires_grad_()
    values = []
    for line in range(logits.shape[1]):
        frames = int(lengths[line])
        if not frames:
            values.append(logits.sum() * 0)
            continue
        paths = all_paths(frames, logits.shape[2])
        probability = logits[:frames, line].log_softmax(-1).gather(1, paths).sum(0).exp()
        costs = torch.tensor([cost(spell(path)) for path in paths.T.tolist()], dtype=torch.float64)
        values.append((probability * costs).sum())
    values = torch.stack(values)
    return values.detach(), torch.autograd.grad(values.mean(), logits)[0]


MODELS = [
    *[(ngram(order, lines=lines), order) for order in (1, 2, 3, 4) for lines in (False, True)],
    # an unknown character shares its state with others: the state does not tell the last character
    (ngram(3, characters="ab"), 3),
    (ngram(2, characters="a"), 2),
    *[(Machine(states, seed=seed, start=states - 1), None) for seed, states in enumerate((1, 2, 5, 9))],
]


@pytest.mark.parametrize(
    ("model", "order"), MODELS, ids=lambda x: type(x).__name__ if not isinstance(x, int) else str(x)
)
@pytest.mark.parametrize("seed", [0, 1])
def test_value_and_gradient_are_those_of_all_paths(model, order, seed):
    logits = random_logits(6, 3, 4, seed=seed, scale=1.5)
    lengths = torch.tensor([6, 4, 1])
    automaton = model.automaton(ABC) if order is None else model.automaton(ABC, dtype=torch.float64)
    value, gradient = brute_force(logits, lengths, lambda text: cost_of(text, automaton))
    logits.requires_grad_()
    out = make_penalty("ngram_expectation", model, ABC, objective="sum", order=order)(logits, lengths=lengths)
    (found,) = torch.autograd.grad(out.loss, logits)
    assert (out.per_line - value).abs().max() < 1e-10
    assert (found - gradient).abs().max() < 1e-10
    assert gradient.abs().max() > 1e-3
    assert found[:, :, 0].any(), "the blank"
    assert out.value == out.per_line.mean() == out.loss
    assert out.lm_calls == 0


def test_the_costs_are_the_models_own_nats():
    # the automaton's sums are nll, in which an empty text costs nothing
    model = ngram(3)
    value, gradient = brute_force(
        logits := random_logits(5, 2, 4, seed=3), [5, 5], lambda text: float(model.nll([text])) if text else 0.0
    )
    out = make_penalty("ngram_expectation", model, ABC, objective="sum")(logits.requires_grad_())
    assert (out.per_line - value).abs().max() < 1e-10
    assert (torch.autograd.grad(out.loss, logits)[0] - gradient).abs().max() < 1e-10


def test_lower_order_is_an_option():
    model, logits = ngram(4), random_logits(6, 2, 4)
    for order in (1, 2, 3):
        there = make_penalty("ngram_expectation", model, ABC, objective="sum", order=order)(logits)
        alone = make_penalty("ngram_expectation", ngram(order), ABC, objective="sum", order=None)(logits)
        assert torch.allclose(there.per_line, alone.per_line, atol=1e-5)  # automaton(charset) alone is float32
    whole = make_penalty("ngram_expectation", model, ABC, objective="sum", order=9)(logits)
    assert not torch.equal(whole.per_line, there.per_line)


def test_expected_length_is_that_of_all_paths():
    logits = random_logits(5, 2, 4, seed=8)
    value, gradient = brute_force(logits, [5, 5], len)
    logits.requires_grad_()
    found = expected_length(logits.softmax(2))
    assert (found - value).abs().max() < 1e-12
    assert (torch.autograd.grad(found.mean(), logits)[0] - gradient).abs().max() < 1e-12


def test_ratio_holds_beta_still():
    model, logits, lengths = ngram(2), random_logits(5, 3, 4, seed=5), torch.tensor([5, 4, 5])
    nats, nats_gradient = brute_force(logits, lengths, lambda text: float(model.nll([text])) if text else 0.0)
    length, length_gradient = brute_force(logits, lengths, len)
    beta = (nats / length)[:, None]
    out = make_penalty("ngram_expectation", model, ABC, objective="ratio", order=2)(
        logits.requires_grad_(), lengths=lengths
    )
    scale = torch.tensor([max(1, len(text)) for text in out.predictions], dtype=torch.float64)
    wanted = (nats_gradient - beta * length_gradient) / scale[:, None]
    assert (torch.autograd.grad(out.loss, logits)[0] - wanted).abs().max() < 1e-10
    assert torch.allclose(out.per_line, nats / length)


def test_policy_gradient_agrees_in_the_mean():
    # the same f, by another road: z-test with Bonferroni over the 12 coordinates, false alarm 12 * 2 * Phi(-4.5)
    model, lines = ngram(3), 12_000
    logits = random_logits(3, 1, 4, seed=2)
    (exact,) = torch.autograd.grad(
        make_penalty("ngram_expectation", model, ABC, objective="sum")(logits.requires_grad_()).loss, logits
    )
    copies = logits.detach().expand(-1, lines, -1).clone().requires_grad_()
    out = make_penalty("policy_gradient", model, ABC, objective="sum")(copies, generator=generator(1))
    gradients = lines * torch.autograd.grad(out.loss, copies)[0].transpose(0, 1).flatten(1)
    z = (gradients.mean(0) - exact[:, 0].flatten()) / (gradients.std(0) / lines**0.5)
    assert z.abs().max() < 4.5


@pytest.mark.parametrize("frames", [128, 512])
def test_long_lines_neither_underflow_nor_lose_digits(frames):
    characters = "abcdefgh"
    model = ngram(3, characters=characters, texts=["abcdefgh", "headed", "bad cab", "face"] * 3)
    logits = random_logits(frames, 2, 9, seed=4, scale=3.0)
    results = []
    for dtype in (torch.float64, torch.float32):
        single = NgramModel(model.tables, model.config, dtype=dtype)
        penalty = make_penalty("ngram_expectation", single, Charset(characters), objective="sum")
        copy = logits.to(dtype).requires_grad_()
        out = penalty(copy)
        assert out.per_line.dtype == dtype
        results.append((out.per_line.double(), torch.autograd.grad(out.loss, copy)[0].double()))
    (value, gradient), (single_value, single_gradient) = results
    assert torch.allclose(single_value, value, rtol=1e-5)
    assert (single_gradient - gradient).abs().max() < 1e-4 * gradient.abs().max()
    # every frame is heard, the first as well as the last
    assert gradient.abs().amax((1, 2)).min() > 1e-4 * gradient.abs().max()


def test_gradient_is_a_finite_difference():
    model = Machine(4)
    walk = make_walk(model.table, "abc")
    logits = random_logits(7, 2, 4, seed=9).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: expected_cost(z.softmax(2), walk), (logits,))


def test_rows_are_kept_once():
    characters = "abcdef"
    texts = ["".join(a + b + c) for a in characters for b in characters for c in characters]
    for order, rows in ((1, 1), (2, 1), (3, len(characters))):
        model = ngram(order, characters=characters, texts=texts, lines=False)
        walk = make_walk(model.automaton(Charset(characters)), characters)
        # the state after the begin leads where the empty one does, but for a trigram
        assert len(walk.target) in (rows, rows + 2)
        assert walk.label[walk.start] == 0
        assert walk.start not in walk.target


def test_a_sure_line_has_its_texts_cost():
    model = ngram(3)
    out = make_penalty("ngram_expectation", model, ABC, objective="sum")(logits_for(["abca", "", "bb"], 7, sure=60.0))
    wanted = [float(model.nll(["abca"])), 0.0, float(model.nll(["bb"]))]
    assert out.predictions == ["abca", "", "bb"]
    assert torch.allclose(out.per_line, torch.tensor(wanted, dtype=torch.float64), atol=1e-8)


def test_the_objective_sum_is_the_nats_of_the_whole_text_everywhere():
    model, logits = ngram(3), logits_for(["abca", "", "b"], 7, sure=9.0)
    wanted = torch.tensor([float(model.nll(["abca"])), 0.0, float(model.nll(["b"]))], dtype=torch.float64)
    out = make_penalty("argmax", model, ABC, objective="sum")(logits)
    assert torch.allclose(out.per_line[out.per_line.argsort()], wanted[wanted.argsort()])
    out = make_penalty("minimum_risk", model, ABC, objective="sum", proposals=lambda *_: [[], [], []])(logits)
    assert torch.allclose(out.per_line, wanted)
    # what has nothing but nats per token is taken to count characters
    out = make_penalty("argmax", TableLM({"abca": 2.5, "b": 3.0}), ABC, objective="sum")(logits)
    assert sorted(out.per_line.tolist()) == [0.0, 3.0, 10.0]
