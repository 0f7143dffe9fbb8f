"""Readings from a beam and from a fused beam: the mixture proven by enumeration, and what goes with what."""

from __future__ import annotations

import math

import pytest
import torch
from ctc_references import enumerate_strings
from penalties_exact import LABEL, THRESHOLD, exact_gradient, per_line_gradients, problem, worst_z
from penalties_fakes import ABC, TableLM, all_paths, logits_for, random_logits, spell
from penalties_fusion import FUSED, Ngram, TinyAutomaton

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.decoding.ctc_beam import prefix_beam
from gradcheck_lm.penalties import make_penalty
from gradcheck_lm.penalties.sampled import policy_gradient
from gradcheck_lm.penalties.sampled.policy_gradient import PolicyGradient


def expectation_of_mixture(cls, logits, charset, monkeypatch, samples=2, **options):
    """Mean (T * C,), exact: every tuple of strings is one line; chances by enumeration of all paths, not by a beam."""
    penalty = cls(TableLM(), charset, samples=samples, **options)
    temperature, share = penalty.temperature, penalty.beam_share
    posterior = {s: p.item() for s, p in enumerate_strings(logits[:, 0].log_softmax(-1)).items()}
    flat = {s: p.item() for s, p in enumerate_strings((logits[:, 0] / temperature).log_softmax(-1)).items()}
    score = dict(posterior)
    if penalty.proposals == "fused_beam":
        automaton = Ngram().automaton(charset)
        score = {
            s: p - options["fusion_weight"] * automaton.nats(s) + options["length_bonus"] * len(s)
            for s, p in posterior.items()
        }
    # on so few frames a beam of all strings but a few prunes at the last frame only: its masses are exact
    listed = sorted(score, key=lambda s: -score[s])[: options["beam"]]
    total = torch.tensor([score[s] / temperature for s in listed], dtype=torch.float64).logsumexp(0).item()
    chance = {
        s: (1 - share) * math.exp(flat[s]) + share * (math.exp(score[s] / temperature - total) if s in listed else 0.0)
        for s in posterior
    }
    strings = list(chance)
    path_of = {}
    for path in all_paths(logits.shape[0], logits.shape[2]).T.tolist():
        path_of.setdefault(spell(path), path)
    tuples = torch.cartesian_prod(*[torch.arange(len(strings))] * samples)
    paths = torch.tensor([path_of["".join(charset.characters[k - 1] for k in s)] for s in strings]).T
    monkeypatch.setattr(policy_gradient, "sample_paths", lambda *_, **__: paths[:, tuples].transpose(1, 2))
    monkeypatch.setattr(policy_gradient, "mix_in", lambda found, listed, ids, lengths, **_: (ids, lengths))
    gradients = per_line_gradients(penalty, logits, len(tuples))
    monkeypatch.undo()
    probability = torch.tensor([chance[s] for s in strings], dtype=torch.float64)[tuples].prod(1)
    assert abs(probability.sum() - 1) < 1e-10
    return probability @ gradients


@pytest.mark.parametrize(
    "options",
    [
        {"proposals": "beam", "beam": 12},
        {"proposals": "beam", "beam": 15, "temperature": 2.0},
        {**FUSED, "beam": 15},
        {**FUSED, "beam": 15, "beam_share": 0.9},
        {**FUSED, "beam": 40, "temperature": 1.7},
    ],
)
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_mixture_is_unbiased_to_rounding(options, scale, monkeypatch):
    logits, charset = problem(seed=2, scale=scale)
    mean = expectation_of_mixture(PolicyGradient, logits, charset, monkeypatch, **options)
    assert (mean - exact_gradient(logits)).abs().max() < 1e-10


@pytest.mark.parametrize(
    "options",
    [
        {"proposals": "beam", "beam": 5},
        {**FUSED, "beam": 5},
        {**FUSED, "beam": 3, "beam_share": 0.8, "samples": 2},
        {**FUSED, "beam": 8, "temperature": 1.5},
    ],
)
def test_the_mixture_passes_the_z_test(options):
    logits, charset = problem(seed=3)
    assert worst_z(PolicyGradient, logits, charset, **options) < THRESHOLD


class ForgetsTheBeam(PolicyGradient):
    """Weighs as if all strings came from the recogniser."""

    def weights(self, batch, drawn, log_prob):
        return torch.ones_like(log_prob)


class WeighsByTheListAlone(PolicyGradient):
    """Weighs a string of the list by the list's probability, as if it could have come from nowhere else."""

    def weights(self, batch, drawn, log_prob):
        listed = log_prob.detach() - drawn.listed
        return listed.exp().where(drawn.listed > -math.inf, 1.0)


@pytest.mark.parametrize("mutant", [ForgetsTheBeam, WeighsByTheListAlone])
def test_mutants_of_the_mixture_fail(mutant, monkeypatch):
    logits, charset = problem(seed=3)
    mean = expectation_of_mixture(mutant, logits, charset, monkeypatch, **FUSED, beam=15)
    assert (mean - exact_gradient(logits)).abs().max() > 1e-3
    assert worst_z(mutant, logits, charset, **FUSED, beam=5) > THRESHOLD


def sure_of_a_mistake():
    """Logits of a recogniser that reads "cb" for certain, and costs and an automaton that know "ab" to be the word."""
    logits = logits_for(["cb"], 6, sure=14.0)
    automaton = TinyAutomaton(3)
    automaton.cost = torch.full((4, 3), 1.0, dtype=torch.float64)
    automaton.cost[:, 2] = 60.0
    return logits, TableLM({"cb": 9.0, "ab": 1.0}), automaton


def test_a_fused_beam_holds_what_a_sure_recogniser_never_draws():
    logits, lm, automaton = sure_of_a_mistake()
    options = {"samples": 16, "objective": "score", "seed": 1}
    plain = make_penalty("policy_gradient", lm, ABC, **options)
    fused = make_penalty(
        "policy_gradient", lm, ABC, proposals="fused_beam", fusion=automaton, fusion_weight=1.0, **options
    )
    found = []
    for penalty in (plain, fused):
        copy = logits.clone().requires_grad_()
        out = penalty(copy)
        found.append((torch.autograd.grad(out.loss, copy)[0], set(lm.asked[-1])))
    assert found[0][1] == {"cb"}
    assert not found[0][0].any()
    assert "ab" in found[1][1]
    assert found[1][0].any()


def test_weights_of_the_mixture_are_bounded():
    logits, lm, automaton = sure_of_a_mistake()
    penalty = make_penalty(
        "policy_gradient", lm, ABC, samples=400, proposals="fused_beam", fusion=automaton, beam_share=0.75
    )
    seen = []
    weights = penalty.weights
    penalty.weights = lambda *args: seen.append(weights(*args)) or seen[-1]
    penalty(logits, ["ab"])
    assert seen[0].max() <= 4 * (1 + 1e-9)
    assert abs(seen[0].mean() - 1) < 0.5
    assert seen[0].min() < 1e-3


def test_minimum_risk_over_a_beam_of_everything_is_the_exact_gradient():
    logits, charset = problem(seed=5)
    for options in ({"proposals": "beam"}, FUSED):
        copy = logits.clone().requires_grad_()
        penalty = make_penalty("minimum_risk", TableLM(), charset, samples=20, alpha=1.0, **options)
        (gradient,) = torch.autograd.grad(penalty(copy, [LABEL]).loss, copy)
        assert (gradient[:, 0].flatten() - exact_gradient(logits)).abs().max() < 1e-10


def test_minimum_risk_takes_the_best_of_the_beam():
    logits = random_logits(8, 3, 4, seed=1)
    automaton = Ngram().automaton(ABC)
    for fusion in (None, automaton):
        found = prefix_beam(logits, beam=16, fusion=fusion, fusion_weight=0.3, length_bonus=0.6 if fusion else 0.0)
        lists = [
            ["".join("abc"[k - 1] for k in row[:length]) for row, length in zip(*line, strict=True)][:5]
            for line in zip(found.ids.tolist(), found.target_lengths.tolist(), strict=True)
        ]
        wanted = make_penalty("minimum_risk", TableLM(), ABC, proposals=lambda *_, lists=lists: lists)
        options = {"proposals": "fused_beam", "fusion": Ngram()} if fusion else {"proposals": "beam"}
        got = make_penalty("minimum_risk", TableLM(), ABC, samples=5, **options)
        one, two = (penalty(logits, ["ab", "c", "ba"]) for penalty in (wanted, got))
        assert torch.equal(one.per_line, two.per_line)
        assert one.lm_calls == two.lm_calls


def test_minimum_risk_over_a_fused_beam_moves_a_sure_recogniser():
    logits, lm, automaton = sure_of_a_mistake()
    gradients = []
    for options in ({}, {"proposals": "fused_beam", "fusion": automaton, "fusion_weight": 1.0}):
        copy = logits.clone().requires_grad_()
        out = make_penalty("minimum_risk", lm, ABC, objective="score", **options)(copy)
        gradients.append(torch.autograd.grad(out.loss, copy)[0])
    assert not gradients[0].any()
    assert gradients[1].any()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("policy_gradient", {"proposals": "beams"}, "proposals is 'beams'.*\"?fused_beam"),
        ("policy_gradient", {"proposals": "fused_beam"}, r'"fused_beam" and fusion is None.*automaton\(charset\)'),
        ("minimum_risk", {"proposals": "fused_beam"}, r'"fused_beam" and fusion is None.*automaton\(charset\)'),
        ("policy_gradient", {"fusion": Ngram()}, "fusion is given and proposals is 'sample'"),
        ("minimum_risk", {"fusion": Ngram(), "proposals": "beam"}, "fusion is given and proposals is 'beam'"),
        ("minimum_risk", {"fusion": Ngram(), "proposals": print}, "fusion is given and proposals is a function"),
        ("minimum_risk", {"fusion": TableLM(), "proposals": "fused_beam"}, "'TableLM', which has neither automaton"),
        ("policy_gradient", {**FUSED, "beam_share": 1.0}, "beam_share is 1.0"),
        ("policy_gradient", {**FUSED, "beam": 0}, "beam is 0"),
        ("policy_gradient", {**FUSED, "fusion_weight": -1.0}, "fusion_weight is -1.0"),
        ("policy_gradient", {**FUSED, "replacement": False}, "replacement is False.*'fused_beam'"),
        ("policy_gradient", {"self_normalise": True, "replacement": False}, "self_normalise True"),
        ("policy_gradient_path", {"proposals": "beam"}, "no path of their own.*use policy_gradient"),
    ],
)
def test_options_that_do_not_go_together(name, options, message):
    with pytest.raises(ArgumentError, match=message):
        make_penalty(name, TableLM(), ABC, **options)


def test_an_ngram_fuses_and_its_automaton_is_made_once():
    from gradcheck_lm.lm.ngrams.ngram import train_ngram

    lm = train_ngram(["abc abc", "cab", "ab abc cab"] * 4)
    logits = random_logits(8, 3, 4, seed=1).requires_grad_()
    for name in ("policy_gradient", "minimum_risk"):
        penalty = make_penalty(name, lm, ABC, objective="score", proposals="fused_beam", fusion=lm)
        automaton = penalty.beam.automaton
        assert torch.autograd.grad(penalty(logits).loss, logits)[0].any()
        assert penalty.beam.automaton is automaton
