"""Prefix beam search held against enumeration of all strings and against a plain Python search."""

from __future__ import annotations

import math
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch
from ctc_references import enumerate_strings, padded, random_logits

from gradcheck_lm.errors import ArgumentError, ShapeError
from gradcheck_lm.htr.ctc import greedy_decode, string_log_prob, to_strings
from gradcheck_lm.htr.decoding.ctc_beam import prefix_beam


def add(*logs):
    top = max(logs)
    return top if top == -math.inf else top + math.log(sum(math.exp(x - top) for x in logs))


def cost_of(string, automaton):
    """Nats of a string of classes in an automaton, its end included."""
    state, total = automaton.start, 0.0
    for label in string:
        total += float(automaton.cost[state, label - 1])
        state = int(automaton.next_state[state, label - 1])
    return total + float(automaton.end_cost[state])


def plain_beam(log_probs, width, *, classes=None, automaton=None, weight=0.0, bonus=0.0):
    """[(string, log mass, score)] of one line, (T, C), best first: the textbook's dictionaries and loops."""
    rows = log_probs.tolist()

    def prior(string, end):
        total = bonus * len(string)
        if automaton is not None:
            total -= weight * (cost_of(string, automaton) - (0.0 if end else end_of(string)))
        return total

    def end_of(string):
        state = automaton.start
        for label in string:
            state = int(automaton.next_state[state, label - 1])
        return float(automaton.end_cost[state])

    beam = {(): (0.0, -math.inf)}
    for row in rows:
        allowed = sorted(range(1, len(row)), key=lambda k: -row[k])[:classes]
        found = defaultdict(lambda: (-math.inf, -math.inf))
        for string, (blank, char) in beam.items():
            old_blank, old_char = found[string]
            stay = add(blank, char) + row[0]
            repeat = char + row[string[-1]] if string else -math.inf
            found[string] = (add(old_blank, stay), add(old_char, repeat))
            for k in range(1, len(row)):
                longer = (*string, k)
                if k in allowed or longer in beam:
                    mass = (blank if string and string[-1] == k else add(blank, char)) + row[k]
                    old_blank, old_char = found[longer]
                    found[longer] = (old_blank, add(old_char, mass))
        ranked = sorted(found, key=lambda s: -(add(*found[s]) + prior(s, False)))
        beam = {s: found[s] for s in ranked[:width] if add(*found[s]) + prior(s, False) > -math.inf}
    scored = [(s, add(*beam[s]), add(*beam[s]) + prior(s, True)) for s in beam]
    return sorted([entry for entry in scored if entry[2] > -math.inf], key=lambda entry: -entry[2])


def random_automaton(characters, states=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return SimpleNamespace(
        start=1,
        next_state=torch.randint(states, (states, characters), generator=generator),
        cost=3 * torch.rand(states, characters, generator=generator, dtype=torch.float64),
        end_cost=3 * torch.rand(states, generator=generator, dtype=torch.float64),
    )


def listed(beam, line):
    """[(string, log_prob, score)] of one line of a Beam."""
    assert beam.real[line].tolist() == sorted(beam.real[line].tolist(), reverse=True)
    return [
        (
            tuple(beam.ids[line, b, : beam.target_lengths[line, b]].tolist()),
            beam.log_prob[line, b].item(),
            beam.score[line, b].item(),
        )
        for b in range(int(beam.real[line].sum()))
    ]


def agree(found, wanted, tolerance=1e-10):
    assert [entry[0] for entry in found] == [entry[0] for entry in wanted]
    for one, two in zip(found, wanted, strict=True):
        assert one[1:] == pytest.approx(two[1:], abs=tolerance)


@pytest.mark.parametrize(("frames", "classes"), [(1, 2), (1, 4), (3, 3), (6, 2), (6, 3), (5, 4), (6, 4)])
def test_a_wide_beam_is_the_exact_posterior_of_every_string(frames, classes):
    logits = random_logits(frames, 2, classes, seed=frames)
    for line in range(2):
        wanted = enumerate_strings(logits[:, line].log_softmax(-1))
        found = prefix_beam(logits, beam=len(wanted) + 2)
        by_mass = sorted(((s, p.item(), p.item()) for s, p in wanted.items()), key=lambda entry: -entry[1])
        agree(listed(found, line), by_mass)
        assert found.real.sum(1).tolist() == [len(wanted)] * 2
        assert not found.ids[line][~found.real[line]].any()
        assert found.score[line][~found.real[line]].isneginf().all()
        assert abs(found.log_prob[line].exp().sum() - 1) < 1e-10


@pytest.mark.parametrize(("frames", "classes"), [(1, 3), (4, 3), (6, 3), (5, 4)])
def test_a_wide_fused_beam_is_exact_too(frames, classes):
    logits = random_logits(frames, 1, classes, seed=frames)
    automaton = random_automaton(classes - 1, seed=frames)
    exact = enumerate_strings(logits[:, 0].log_softmax(-1))
    wanted = [(s, p.item(), p.item() - 0.7 * cost_of(s, automaton) + 0.4 * len(s)) for s, p in exact.items()]
    found = prefix_beam(logits, beam=len(exact), fusion=automaton, fusion_weight=0.7, length_bonus=0.4)
    agree(listed(found, 0), sorted(wanted, key=lambda entry: -entry[2]))
    plain = prefix_beam(logits, beam=len(exact), fusion=automaton)
    agree(listed(plain, 0), sorted([(s, p, p) for s, p, _ in wanted], key=lambda entry: -entry[1]))


@pytest.mark.parametrize("width", [1, 2, 5, 16])
@pytest.mark.parametrize("classes", [None, 2])
@pytest.mark.parametrize("fused", [False, True])
def test_a_narrow_beam_is_the_textbooks(width, classes, fused):
    logits = random_logits(24, 4, 7, seed=width, scale=3.0)
    logits[:, 2:, 0] += 4  # two lines as a trained recogniser has them: mostly blank
    automaton = random_automaton(6, seed=width) if fused else None
    weight, bonus = (0.6, 0.8) if fused else (0.0, 0.0)
    found = prefix_beam(logits, beam=width, classes=classes, fusion=automaton, fusion_weight=weight, length_bonus=bonus)
    for line in range(4):
        wanted = plain_beam(
            logits[:, line].log_softmax(-1), width, classes=classes, automaton=automaton, weight=weight, bonus=bonus
        )
        agree(listed(found, line), wanted)


def test_merging_where_prefixes_come_and_go():
    # two characters only and a beam too narrow for them: prefixes are dropped, made again, and meet their own children
    for seed in range(30):
        logits = random_logits(30, 1, 3, seed=seed, scale=1.0)
        agree(listed(prefix_beam(logits, beam=6), 0), plain_beam(logits[:, 0].log_softmax(-1), 6))


def test_a_line_is_the_same_in_any_company():
    logits = random_logits(20, 5, 6, seed=4, scale=2.0)
    lengths = torch.tensor([20, 7, 13, 0, 1])
    spoiled = logits.clone()
    spoiled[torch.arange(20)[:, None] >= lengths] = math.nan
    together = prefix_beam(spoiled, beam=8, lengths=lengths, classes=4)
    for line, length in enumerate(lengths.tolist()):
        if length:
            agree(listed(together, line), listed(prefix_beam(logits[:length, line : line + 1], beam=8, classes=4), 0))
    assert listed(together, 3) == [((), 0.0, 0.0)]


def test_mass_is_a_lower_bound_of_the_strings_probability():
    logits = random_logits(30, 3, 8, seed=1, scale=2.0)
    found = prefix_beam(logits, beam=6)
    lines = torch.arange(3).repeat_interleave(6)
    exact = string_log_prob(logits, found.ids.flatten(0, 1), found.target_lengths.flatten(), lines=lines).view(3, 6)
    assert (found.log_prob <= exact + 1e-10).all()
    assert (exact - found.log_prob).max() > 1e-6, "a narrow beam on flat logits loses mass; or nothing is tested here"
    assert found.score.diff(dim=1).max() <= 0


def test_ties_go_to_the_first_in_the_order_that_the_docstring_gives():
    found = prefix_beam(torch.zeros(1, 2, 5), beam=3)
    assert [entry[0] for entry in listed(found, 0)] == [(), (1,), (2,)]
    assert listed(found, 0) == listed(found, 1)
    again = prefix_beam(torch.zeros(1, 2, 5), beam=3, classes=2)
    assert listed(again, 0) == listed(found, 0)


def test_forbidden_characters_never_come():
    automaton = random_automaton(3)
    automaton.cost[:, 1] = math.inf
    logits = random_logits(6, 2, 4, seed=2)
    logits[:, :, 2] += 5
    found = prefix_beam(logits, beam=20, fusion=automaton, fusion_weight=0.5)
    assert not (found.ids == 2).any()
    assert (prefix_beam(logits, beam=20).ids == 2).any()
    # and an end that is forbidden leaves only the texts that may end
    automaton.end_cost = torch.tensor([math.inf, 0.0, math.inf, math.inf, math.inf])
    ending = prefix_beam(logits, beam=20, fusion=automaton, fusion_weight=0.5)
    assert ending.real.any(1).all()
    for line in range(2):
        assert all(cost_of(entry[0], automaton) < math.inf for entry in listed(ending, line))


def test_a_class_at_minus_infinity_is_not_read():
    logits = random_logits(5, 1, 4)
    logits[:3, :, 1] = -math.inf
    agree(listed(prefix_beam(logits, beam=9), 0), plain_beam(logits[:, 0].log_softmax(-1), 9))


@pytest.mark.parametrize("fused", [False, True])
def test_prefixes_that_die_and_are_made_again(fused):
    # a full beam, then a frame that forbids most classes: dead prefixes keep their places, and come again as new ones
    automaton = random_automaton(2, seed=3) if fused else None
    options = {"fusion": automaton, "fusion_weight": 0.6, "length_bonus": 0.8} if fused else {}
    for seed in range(40):
        logits = random_logits(12, 1, 3, seed=seed, scale=1.0)
        forbidden = torch.rand(12, 3, generator=torch.Generator().manual_seed(seed)) < 0.4
        forbidden[:, seed % 3] &= ~forbidden.all(1)
        logits[forbidden[:, None]] = -math.inf
        found = prefix_beam(logits, beam=7, **options)
        weight, bonus = (0.6, 0.8) if fused else (0.0, 0.0)
        log_probs = logits[:, 0].log_softmax(-1)
        agree(listed(found, 0), plain_beam(log_probs, 7, automaton=automaton, weight=weight, bonus=bonus))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtypes(dtype):
    logits = random_logits(12, 3, 5, dtype=dtype, scale=3.0)
    found = prefix_beam(logits, beam=4, fusion=random_automaton(4), fusion_weight=0.5)
    assert found.log_prob.dtype == found.score.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    same = prefix_beam(logits.double(), beam=4, fusion=random_automaton(4), fusion_weight=0.5)
    assert torch.equal(found.ids[:, 0], same.ids[:, 0])
    assert torch.allclose(found.score[:, 0].double(), same.score[:, 0], atol=1e-4)


def test_no_lines_and_no_gradient_and_no_random_numbers():
    found = prefix_beam(torch.zeros(5, 0, 4), beam=3)
    assert found.ids.shape == (0, 3, 0)
    assert found.real.shape == (0, 3)
    before = torch.get_rng_state()
    assert not prefix_beam(random_logits(4, 2, 3).requires_grad_()).score.requires_grad
    assert torch.equal(before, torch.get_rng_state())


def test_what_does_not_fit_is_refused():
    logits = random_logits(4, 3, 3)
    for options, message in [
        ({"beam": 0}, "beam is 0"),
        ({"classes": 0}, "classes is 0"),
        ({"fusion_weight": -1.0}, "fusion_weight is -1.0"),
        ({"length_bonus": math.nan}, "length_bonus nan"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            prefix_beam(logits, **options)
    with pytest.raises(ShapeError, match=r"\(5, 4\).*want \(S, 2\).*own charset"):
        prefix_beam(logits, fusion=random_automaton(4), fusion_weight=1.0)
    broken = random_automaton(2)
    broken.cost[1, 0] = math.nan
    with pytest.raises(ArgumentError, match="automaton's cost or end_cost holds NaN"):
        prefix_beam(logits, fusion=broken, fusion_weight=1.0)
    prefix_beam(logits, fusion=broken)  # a weight of 0 leaves it out
    with pytest.raises(ShapeError, match="at least 1 frame"):
        prefix_beam(logits[:0])
    logits[2, 1, 0] = math.nan
    with pytest.raises(ArgumentError, match="line 1 hold NaN"):
        prefix_beam(logits)


def test_on_the_shipped_recogniser():
    from gradcheck_lm.htr import HELD_OUT_HANDS, SyntheticLines, load_checkpoint, to_batch

    model, charset, _ = load_checkpoint("synthetic")
    lines = SyntheticLines(["the disc of a star", "seven pounds of sugar"], HELD_OUT_HANDS[:1], seed=3)
    with torch.no_grad():
        logits = model.eval()(to_batch(list(lines), model.config))
    found = prefix_beam(logits, beam=8)
    for line in range(2):
        wanted = plain_beam(logits[:, line].double().log_softmax(-1), 8)
        agree(listed(found, line)[:3], wanted[:3], 1e-3)
    best = to_strings(found.ids[:, 0], found.target_lengths[:, 0], charset)
    ids, target_lengths = padded([charset.encode(text) for text in [*best, *greedy_decode(logits, charset)]])
    exact = string_log_prob(logits, ids, target_lengths, lines=torch.tensor([0, 1, 0, 1]))
    assert (exact[:2] >= exact[2:] - 1e-3).all(), "the beam's best is at least as likely as the greedy reading"
