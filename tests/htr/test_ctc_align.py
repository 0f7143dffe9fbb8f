"""Forced alignment and segment posteriors held against enumeration of all paths."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from ctc_references import collapse, enumerate_strings, padded, random_logits

from gradcheck_lm.errors import ArgumentError, ShapeError
from gradcheck_lm.htr.ctc import collapse_paths, greedy_paths, sample_paths, segments, string_log_prob
from gradcheck_lm.htr.decoding.ctc_align import align, segment_posteriors


def best_paths(log_probs):
    """{string: (log p of its likeliest path, that path)} of one line, (T, C), over all paths."""
    found = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        value = sum(log_probs[t, k] for t, k in enumerate(path)).item()
        found[collapse(path)] = max(found.get(collapse(path), (-math.inf, ())), (value, path))
    return found


def place_posteriors(log_probs, string):
    """(T, 1 + L) by brute force: which character of the string each frame of each of its paths belongs to."""
    found = torch.zeros(len(log_probs), 1 + len(string), dtype=torch.float64)
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        if collapse(path) == string:
            p = math.exp(sum(log_probs[t, k].item() for t, k in enumerate(path)))
            for t, place in enumerate(segments(torch.tensor(path)[:, None])[:, 0].tolist()):
                found[t, 1 + place] += p
    return found / found.sum(1, keepdim=True)


@pytest.mark.parametrize(("frames", "classes"), [(1, 2), (2, 3), (4, 3), (6, 3), (5, 4)])
def test_every_string_of_two_lines_gets_its_likeliest_path(frames, classes):
    logits = random_logits(frames, 2, classes, seed=frames)
    wanted = [best_paths(logits[:, line].log_softmax(-1)) for line in range(2)]
    ids, target_lengths = padded([string for line in wanted for string in line])
    lines = torch.tensor([n for n, line in enumerate(wanted) for _ in line])
    found = align(logits, ids, target_lengths, lines=lines)
    values, paths = zip(*[entry for line in wanted for entry in line.values()], strict=True)
    assert found.possible.all()
    assert torch.equal(found.paths.T, torch.tensor(paths))
    assert torch.allclose(found.log_prob, torch.tensor(values, dtype=torch.float64), atol=1e-12)


def test_impossible_strings_are_flagged_and_the_rest_is_untouched():
    logits = random_logits(3, 1, 3)
    logits[:, :, 2] = -math.inf
    strings = [(1, 1), (1, 1, 1), (1, 2), (), (1,)]
    ids, target_lengths = padded(strings)
    lines = torch.zeros(5, dtype=torch.long)
    logits.requires_grad_()
    found = align(logits, ids, target_lengths, lines=lines)
    assert found.possible.tolist() == [True, False, False, True, True]
    assert found.log_prob.isneginf().tolist() == [False, True, True, False, False]
    assert found.paths[:, 0].tolist() == [1, 0, 1]
    assert not found.paths[:, ~found.possible].any()
    posteriors = segment_posteriors(logits, ids, target_lengths, lines=lines)
    assert not posteriors[:, ~found.possible].any()
    assert torch.allclose(posteriors[:, found.possible].sum(2), torch.ones(3, 3, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(found.log_prob[found.possible].sum(), logits, retain_graph=True)
    assert gradient.isfinite().all()
    (nothing,) = torch.autograd.grad(found.log_prob[~found.possible].sum(), logits)
    assert not nothing.any()


def test_the_gradient_is_that_of_the_path():
    logits = random_logits(5, 2, 4, seed=3).requires_grad_()
    ids, target_lengths = padded([(1, 2), (3, 3)])
    found = align(logits, ids, target_lengths)
    (gradient,) = torch.autograd.grad(found.log_prob.sum(), logits)
    one_hot = torch.nn.functional.one_hot(found.paths, 4)
    assert torch.allclose(gradient, one_hot - logits.softmax(-1), atol=1e-12)


def test_lengths_cut_the_line():
    logits = random_logits(6, 3, 4, seed=5)
    spoiled = logits.clone()
    spoiled[4:, 1] = math.nan
    spoiled[:, 2] = math.nan
    ids, target_lengths = padded([(1, 2), (3, 1), ()])
    found = align(spoiled, ids, target_lengths, lengths=[6, 4, 0])
    posteriors = segment_posteriors(spoiled, ids, target_lengths, lengths=[6, 4, 0])
    alone = align(logits[:4, 1:2], ids[1:2], target_lengths[1:2])
    assert torch.equal(found.paths[:4, 1], alone.paths[:, 0])
    assert torch.allclose(found.log_prob[1], alone.log_prob[0])
    assert not found.paths[4:, 1].any()
    assert not found.paths[:, 2].any()
    assert found.log_prob[2] == 0
    assert torch.allclose(posteriors[:4, 1], segment_posteriors(logits[:4, 1:2], ids[1:2], target_lengths[1:2])[:, 0])
    assert not posteriors[4:, 1].any()
    assert not posteriors[:, 2].any()
    nothing = align(logits, *padded([(1,), (1,), (1,)]), lengths=[6, 4, 0])
    assert nothing.possible.tolist() == [True, True, False]


def test_lengths_of_many_lines():
    logits = random_logits(9, 60, 4, seed=6)
    lengths = torch.arange(60) % 10
    strings = [
        collapse(path)
        for path in sample_paths(logits, 1, lengths=lengths, generator=torch.Generator().manual_seed(1))[
            :, 0
        ].T.tolist()
    ]
    ids, target_lengths = padded(strings)
    found = align(logits, ids, target_lengths, lengths=lengths)
    assert found.possible.all()
    for line, length in enumerate(lengths.tolist()):
        if length:
            alone = align(logits[:length, line : line + 1], ids[line : line + 1], target_lengths[line : line + 1])
            assert torch.equal(found.paths[:length, line], alone.paths[:, 0])
        assert not found.paths[length:, line].any()


def test_a_greedy_path_is_its_own_alignment():
    logits = random_logits(40, 6, 8, seed=9, scale=4.0, dtype=torch.float32)
    paths = greedy_paths(logits)
    found = align(logits, *collapse_paths(paths))
    assert torch.equal(found.paths, paths)


def test_equal_paths_stay_where_they_are_seen_from_the_end():
    found = align(torch.zeros(4, 1, 3), *padded([(1, 2)]))
    assert found.paths[:, 0].tolist() == [1, 2, 2, 2]


@pytest.mark.parametrize(("frames", "classes"), [(1, 2), (3, 3), (5, 3), (4, 4)])
def test_segment_posteriors_are_those_of_all_paths(frames, classes):
    logits = random_logits(frames, 1, classes, seed=frames + 1)
    log_probs = logits[:, 0].log_softmax(-1)
    strings = list(enumerate_strings(log_probs))
    ids, target_lengths = padded(strings)
    got = segment_posteriors(logits, ids, target_lengths, lines=torch.zeros(len(strings), dtype=torch.long))
    for row, string in enumerate(strings):
        wanted = place_posteriors(log_probs, string)
        assert torch.allclose(got[:, row, : wanted.shape[1]], wanted, atol=1e-12), string
        assert not got[:, row, wanted.shape[1] :].any()


def test_segment_posteriors_are_ctcs_own_gradient():
    logits = random_logits(30, 4, 6, seed=2, scale=2.0).requires_grad_()
    drawn = sample_paths(logits, 1, generator=torch.Generator().manual_seed(0))[:, 0]
    ids, target_lengths = collapse_paths(drawn)
    log_prob = string_log_prob(logits, ids, target_lengths, lines=torch.arange(4))
    (gradient,) = torch.autograd.grad(log_prob.sum(), logits)
    posteriors = segment_posteriors(logits, ids, target_lengths)
    classes = torch.cat([torch.zeros(4, 1, dtype=torch.long), ids], 1)  # class 0 for padding too, which holds nothing
    by_class = torch.zeros_like(logits).scatter_add(2, classes.expand(30, -1, -1), posteriors)
    assert torch.allclose(by_class - logits.softmax(-1), gradient, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtypes(dtype):
    logits = random_logits(12, 2, 4, dtype=dtype)
    ids, target_lengths = padded([(1, 1, 2), (3,)])
    found = align(logits, ids, target_lengths)
    same = align(logits.double(), ids, target_lengths)
    assert found.log_prob.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.allclose(found.log_prob.double(), same.log_prob, atol=1e-4)
    assert torch.equal(collapse_paths(found.paths)[0], ids)


def test_no_strings_and_empty_ones():
    logits = random_logits(4, 2, 3)
    found = align(
        logits, torch.zeros(0, 0, dtype=torch.long), torch.zeros(0, dtype=torch.long), lines=torch.zeros(0).long()
    )
    assert found.paths.shape == (4, 0)
    empty = align(logits, torch.zeros(2, 0, dtype=torch.long), torch.zeros(2, dtype=torch.long))
    assert torch.allclose(empty.log_prob, logits.log_softmax(-1)[:, :, 0].sum(0))


def test_what_does_not_fit_is_refused():
    logits = random_logits(4, 2, 3)
    bad = logits.clone()
    bad[1, 1, 0] = math.nan
    for call in (align, segment_posteriors):
        with pytest.raises(ArgumentError, match="line 1"):
            call(bad, *padded([(1,), (2,)]))
        with pytest.raises(ShapeError, match="1 to 2"):
            call(logits, *padded([(1,), (3,)]))
        with pytest.raises(ShapeError, match=r"\(3, 1\).*N = 2 lines.*lines="):
            call(logits, *padded([(1,), (1,), (1,)]))
        with pytest.raises(ShapeError, match="line 2"):
            call(logits, *padded([(1,)]), lines=torch.tensor([2]))
        with pytest.raises(ShapeError, match="three axes"):
            call(logits[:, 0], *padded([(1,), (2,)]))
