"""CTC operations held against enumeration of all paths and against the story's own Python loop."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from gradcheck_lm.errors import ArgumentError, ShapeError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.ctc import (
    character_posteriors,
    collapse_paths,
    frame_log_probs,
    greedy_decode,
    greedy_paths,
    sample_paths,
    segments,
    string_log_prob,
    to_strings,
)

ABC = Charset("abc")


def random_logits(*shape, seed=0, dtype=torch.float64, scale=1.5):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def collapse(path):
    return tuple(k for i, k in enumerate(path) if k and (i == 0 or path[i - 1] != k))


def story_decode(logits, charset):
    """The story's way: argmax, NumPy, a Python loop."""
    paths = logits.argmax(2).permute(1, 0).cpu().numpy()
    return ["".join(charset.characters[k - 1] for k in collapse(row.tolist())) for row in paths]


def enumerate_strings(log_probs):
    """{string: log p} for one line, (T, C) log-probabilities, by brute force over all paths."""
    total = {}
    for path in itertools.product(range(log_probs.shape[1]), repeat=log_probs.shape[0]):
        total.setdefault(collapse(path), []).append(sum(log_probs[t, k] for t, k in enumerate(path)))
    return {string: torch.stack(terms).logsumexp(0) for string, terms in total.items()}


def padded(strings):
    ids = torch.zeros(len(strings), max((len(s) for s in strings), default=0), dtype=torch.long)
    for row, string in enumerate(strings):
        ids[row, : len(string)] = torch.tensor(string, dtype=torch.long)
    return ids, torch.tensor([len(s) for s in strings])


# ---- greedy decoding and collapse ----


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 2), (7, 1, 4), (1, 5, 4), (40, 9, 4)])
def test_greedy_decode_is_the_storys_loop(shape, dtype):
    charset = Charset("abc"[: shape[2] - 1])
    logits = random_logits(*shape, dtype=dtype)
    assert greedy_decode(logits, charset) == story_decode(logits, charset)


def test_greedy_decode_handles_any_character_and_strided_logits():
    charset = Charset("é日𝄞")  # 2, 3 and 4 bytes in UTF-8
    logits = random_logits(5, 30, 4).transpose(0, 1)
    assert greedy_decode(logits, charset) == story_decode(logits, charset)


def test_greedy_decode_stops_at_the_length():
    logits = random_logits(12, 4, 4)
    lengths = torch.tensor([12, 5, 1, 0])
    wanted = [story_decode(logits[:length, n : n + 1], ABC)[0] if length else "" for n, length in enumerate(lengths)]
    assert greedy_decode(logits, ABC, lengths=lengths) == wanted
    assert greedy_decode(logits, ABC, lengths=lengths.tolist()) == wanted


def test_no_lines_give_no_strings():
    assert greedy_decode(torch.zeros(5, 0, 4), ABC) == []
    ids, target_lengths = collapse_paths(torch.zeros(5, 0, dtype=torch.long))
    assert ids.shape == (0, 0)
    assert target_lengths.shape == (0,)


def test_collapse_paths_on_every_path():
    paths = torch.tensor(list(itertools.product(range(3), repeat=5))).T
    ids, target_lengths = collapse_paths(paths)
    wanted = [collapse(path) for path in paths.T.tolist()]
    assert [tuple(row[:length].tolist()) for row, length in zip(ids, target_lengths, strict=True)] == wanted
    assert not ids[torch.arange(ids.shape[1]) >= target_lengths[:, None]].any()
    assert to_strings(ids, target_lengths, ABC) == ["".join("abc"[k - 1] for k in string) for string in wanted]


def test_collapse_paths_respects_lengths():
    paths = torch.tensor([[1, 1, 2, 2, 0, 3], [1, 1, 2, 2, 0, 3]]).T
    ids, target_lengths = collapse_paths(paths, torch.tensor([3, 0]))
    assert ids.tolist() == [[1, 2], [0, 0]]
    assert target_lengths.tolist() == [2, 0]


def test_segments_name_the_character_of_each_frame():
    paths = torch.tensor([[1, 1, 0, 1, 2, 2, 0], [0, 3, 3, 0, 0, 3, 1]]).T
    assert segments(paths).T.tolist() == [[0, 0, -1, 1, 2, 2, -1], [-1, 0, 0, -1, -1, 1, 2]]
    assert segments(paths, torch.tensor([2, 7])).T.tolist()[0] == [0, 0, -1, -1, -1, -1, -1]


# ---- sampling ----


def test_sample_paths_follow_the_posteriors():
    logits = random_logits(3, 2, 4)
    for temperature in (1.0, 2.5):
        paths = sample_paths(logits, 40_000, temperature=temperature, generator=torch.Generator().manual_seed(1))
        assert paths.shape == (3, 40_000, 2)
        frequency = torch.nn.functional.one_hot(paths, 4).double().mean(1)
        wanted = (logits / temperature).softmax(-1)
        error = (wanted * (1 - wanted) / 40_000).sqrt()
        assert ((frequency - wanted).abs() / error).max() < 4.5


def test_frames_are_drawn_independently():
    paths = sample_paths(torch.zeros(2, 1, 2), 40_000, generator=torch.Generator().manual_seed(2))
    assert abs(paths.double()[:, :, 0].cov(correction=0)[0, 1]) < 4.5 * 0.25 / 200


def test_sampling_is_repeatable_and_leaves_the_global_state_alone():
    logits = random_logits(6, 3, 4)
    before = torch.get_rng_state()
    first, second = (sample_paths(logits, 5, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(first, sample_paths(logits, 5, generator=torch.Generator().manual_seed(4)))


def test_sampled_paths_are_blank_beyond_the_length():
    paths = sample_paths(random_logits(6, 2, 4), 50, lengths=[6, 2], generator=torch.Generator().manual_seed(0))
    assert paths[:, :, 0].any(1).all()
    assert not paths[2:, :, 1].any()


def test_a_class_at_minus_infinity_is_never_drawn():
    logits = random_logits(4, 1, 4)
    logits[:, :, 2] = -math.inf
    assert not (sample_paths(logits, 2000, generator=torch.Generator().manual_seed(0)) == 2).any()


# ---- log-probability of a string ----


@pytest.mark.parametrize(("frames", "classes"), [(1, 2), (3, 3), (4, 3), (6, 4)])
def test_string_log_prob_is_the_sum_over_all_paths(frames, classes):
    logits = random_logits(frames, 2, classes, seed=frames)
    for line in range(2):
        wanted = enumerate_strings(logits[:, line].log_softmax(-1))
        assert () in wanted
        ids, target_lengths = padded(list(wanted))
        lines = torch.full((len(wanted),), line)
        got = string_log_prob(logits, ids, target_lengths, lines=lines)
        assert torch.allclose(got, torch.stack(list(wanted.values())), atol=1e-10, rtol=0)
        assert abs(got.exp().sum() - 1) < 1e-10


def test_string_log_prob_gradient_is_exact():
    logits = random_logits(4, 2, 3, seed=5).requires_grad_()
    weights = random_logits(200, seed=6)
    wanted = [enumerate_strings(logits[:, line].log_softmax(-1)) for line in range(2)]
    expected = sum(w * p for w, p in zip(weights, [p for line in wanted for p in line.values()], strict=False))
    ids, target_lengths = padded([string for line in wanted for string in line])
    lines = torch.tensor([n for n, line in enumerate(wanted) for _ in line])
    got = (weights[: len(ids)] * string_log_prob(logits, ids, target_lengths, lines=lines)).sum()
    for one, two in zip(torch.autograd.grad(expected, logits), torch.autograd.grad(got, logits), strict=True):
        assert torch.allclose(one, two, atol=1e-10, rtol=0)


def test_string_log_prob_with_temperature():
    logits = random_logits(3, 1, 3)
    ids, target_lengths = padded([(1,), (2, 1)])
    lines = torch.zeros(2, dtype=torch.long)
    got = string_log_prob(logits, ids, target_lengths, lines=lines, temperature=2.0)
    assert torch.equal(got, string_log_prob(logits / 2, ids, target_lengths, lines=lines))


def test_lengths_cut_the_line_and_its_gradient():
    logits = random_logits(5, 2, 3)
    lengths = torch.tensor([5, 2])
    spoiled = logits.clone()
    spoiled[2:, 1] = math.nan  # padding may hold anything
    spoiled.requires_grad_()
    ids, target_lengths = padded([(1,), (1,), (), (1, 1)])
    got = string_log_prob(spoiled, ids, target_lengths, lines=torch.tensor([0, 1, 1, 1]), lengths=lengths)
    short = enumerate_strings(logits[:2, 1].log_softmax(-1))
    assert abs(got[1] - short[(1,)]) < 1e-12
    assert abs(got[2] - short[()]) < 1e-12
    assert got[3] == -math.inf
    got[:3].sum().backward()
    assert not spoiled.grad.isnan().any()
    assert not spoiled.grad[2:, 1].any()
    assert spoiled.grad[:2, 1].any()


def test_a_line_of_length_zero_spells_only_the_empty_string():
    logits = random_logits(3, 1, 3).requires_grad_()
    ids, target_lengths = padded([(), (1,)])
    got = string_log_prob(logits, ids, target_lengths, lines=torch.zeros(2, dtype=torch.long), lengths=[0])
    assert got.tolist() == [0.0, -math.inf]
    got[0].backward()
    assert not logits.grad.any()


def test_too_few_frames_give_minus_infinity_without_nan():
    logits = random_logits(3, 1, 3).requires_grad_()
    ids, target_lengths = padded([(1, 2, 1, 2), (1, 1, 1), (1, 1), (1, 2, 1)])
    got = string_log_prob(logits, ids, target_lengths, lines=torch.zeros(4, dtype=torch.long))
    assert got.isneginf().tolist() == [True, True, False, False]
    # a user who sums the finite ones, or weighs the others by 0, gets the gradient of the finite ones
    (gradient,) = torch.autograd.grad(got.masked_fill(got.isneginf(), 0).sum(), logits)
    alone = string_log_prob(logits, ids[2:], target_lengths[2:], lines=torch.zeros(2, dtype=torch.long))
    assert torch.allclose(gradient, torch.autograd.grad(alone.sum(), logits)[0])
    assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_classes_at_minus_infinity_are_impossible_and_harmless(dtype):
    logits = random_logits(4, 2, 4, dtype=dtype)
    logits[:, 0, 2] = -math.inf
    logits[1, 0, 0] = -math.inf
    logits.requires_grad_()
    strings = [(), (1,), (2,), (1, 3), (3, 3), (1, 2)]
    ids, target_lengths = padded(strings * 2)
    lines = torch.arange(2).repeat_interleave(len(strings))
    got = string_log_prob(logits, ids, target_lengths, lines=lines)
    for line in range(2):
        wanted = enumerate_strings(logits[:, line].detach().double().log_softmax(-1))
        for string, value in zip(strings, got[lines == line], strict=True):
            assert torch.isclose(value.double(), wanted[string], atol=1e-5), (line, string)
    got.masked_fill(got.isneginf(), 0).sum().backward()
    assert logits.grad.isfinite().all()
    assert not logits.grad[:, 0, 2].any()
    reduced = logits.detach()[:, :1, [0, 1, 3]].double().requires_grad_()
    smaller = [tuple(min(k, 2) for k in string) for string in strings if 2 not in string and string]
    value = string_log_prob(reduced, *padded(smaller), lines=torch.zeros(len(smaller), dtype=torch.long))
    value.masked_fill(value.isneginf(), 0).sum().backward()
    assert torch.allclose(logits.grad[:, :1, [0, 1, 3]].double(), reduced.grad, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_many_classes_at_minus_infinity_make_no_nan(dtype):
    logits = random_logits(40, 20, 4, dtype=dtype, scale=3.0)
    forbidden = random_logits(40, 20, 4, seed=9) > 0.7
    forbidden[:, :, 3] = False
    logits = logits.masked_fill(forbidden, -math.inf).requires_grad_()
    ids, target_lengths = collapse_paths(sample_paths(random_logits(40, 20, 4), 6, lengths=[9] * 20).flatten(1))
    got = string_log_prob(logits, ids, target_lengths, lines=torch.arange(20).repeat(6))
    assert got.isneginf().any()
    assert got.isfinite().any()
    (gradient,) = torch.autograd.grad(got.masked_fill(got.isneginf(), 0).sum(), logits)
    assert gradient.isfinite().all()
    assert not gradient[forbidden].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    logits = random_logits(6, 1, 4, dtype=dtype).requires_grad_()
    got = string_log_prob(logits, *padded([(1, 2)]), lines=torch.zeros(1, dtype=torch.long))
    assert got.dtype == torch.float32
    full = string_log_prob(logits.detach().double(), *padded([(1, 2)]), lines=torch.zeros(1, dtype=torch.long))
    assert torch.allclose(got.double(), full, atol=1e-5)
    got.sum().backward()
    assert logits.grad.dtype == dtype
    assert logits.grad.any()


def test_no_strings_at_all():
    logits = random_logits(3, 1, 3)
    none = torch.zeros(0, dtype=torch.long)
    assert string_log_prob(logits, none.view(0, 0), none, lines=none).shape == (0,)
    only_empty = string_log_prob(
        logits, torch.zeros(2, 0, dtype=torch.long), none.new_zeros(2), lines=none.new_zeros(2)
    )
    assert torch.allclose(only_empty, logits.log_softmax(-1)[:, 0, 0].sum().expand(2))


# ---- soft characters ----


def test_character_posteriors_are_means_over_the_segment_without_the_blank():
    logits = random_logits(6, 2, 4).requires_grad_()
    paths = torch.tensor([[1, 1, 0, 1, 2, 2], [0, 0, 0, 0, 3, 3]]).T
    first, second = character_posteriors(logits, paths)
    assert first.shape == (3, 3)
    assert second.shape == (1, 3)
    posteriors = logits.softmax(-1)
    renormalised = posteriors[:, :, 1:] / (1 - posteriors[:, :, :1])
    wanted = torch.stack([renormalised[:2, 0].mean(0), renormalised[3, 0], renormalised[4:, 0].mean(0)])
    assert torch.allclose(first, wanted, atol=1e-12)
    assert torch.allclose(second[0], renormalised[4:, 1].mean(0), atol=1e-12)
    (gradient,) = torch.autograd.grad((first[:, 0].sum() + second[:, 1].sum()), logits)
    assert gradient[:2, 0].any()
    assert not gradient[:, :, 0].any(), "the blank gets no gradient through a segment"
    assert not gradient[2, 0].any(), "a blank frame belongs to no character"


def test_character_posteriors_of_empty_strings_stay_connected():
    logits = random_logits(4, 2, 4).requires_grad_()
    empty, one = character_posteriors(logits, torch.tensor([[0, 0, 0, 0], [2, 2, 2, 2]]).T, lengths=[4, 3])
    assert empty.shape == (0, 3)
    assert empty.requires_grad
    (gradient,) = torch.autograd.grad(empty.sum() + one[0, 0], logits)
    assert not gradient[:, 0].any()
    assert not gradient[3, 1].any()
    assert gradient[:3, 1].any()


def test_one_hot_posteriors_stay_one_hot():
    logits = torch.full((4, 1, 4), -1e4)
    logits[torch.arange(4), 0, torch.tensor([1, 0, 3, 3])] = 1e4
    (posteriors,) = character_posteriors(logits, greedy_paths(logits))
    assert posteriors.tolist() == [[1, 0, 0], [0, 0, 1]]


# ---- what is refused, and how ----


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_logits_that_are_not_numbers_name_their_line(bad):
    logits = random_logits(4, 5, 4)
    logits[2, 3, 1] = bad
    ids, target_lengths = padded([(1,)])
    with pytest.raises(ArgumentError, match=r"line 3 hold NaN or \+inf.*1 of 5 lines"):
        string_log_prob(logits, ids, target_lengths, lines=torch.zeros(1, dtype=torch.long))
    with pytest.raises(ArgumentError, match="line 3"):
        greedy_decode(logits, ABC)
    with pytest.raises(ArgumentError, match="line 3"):
        sample_paths(logits, 2)
    assert greedy_decode(logits, ABC, lengths=[4, 4, 4, 2, 4])[3] == story_decode(logits[:2, 3:4], ABC)[0]


def test_a_frame_of_nothing_but_minus_infinity_is_refused():
    logits = random_logits(4, 2, 4)
    logits[1, 1] = -math.inf
    for call in (lambda: greedy_decode(logits, ABC), lambda: frame_log_probs(logits)):
        with pytest.raises(ArgumentError, match="line 1"):
            call()


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        (torch.zeros(4, 3), r"\(4, 3\).*three axes.*logits\[:, None\]"),
        (torch.zeros(4, 2, 4, dtype=torch.long), "int64.*floats"),
        (torch.zeros(0, 2, 4), "at least 1 frame"),
        (torch.zeros(4, 2, 5), "C = 5 classes.*3 characters.*makes 4"),
    ],
)
def test_wrong_logits(logits, message):
    with pytest.raises(ShapeError, match=message):
        greedy_decode(logits, ABC)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        ([4], r"\(1,\).*\(N,\) = \(2,\)"),
        ([4.0, 4.0], "float32"),
        ([4, 5], "line 1 has length 5.*T = 4"),
        ([-1, 4], "line 0 has length -1"),
    ],
)
def test_wrong_lengths(lengths, message):
    with pytest.raises(ShapeError, match=message):
        greedy_decode(torch.zeros(4, 2, 4), ABC, lengths=lengths)


@pytest.mark.parametrize(
    ("ids", "target_lengths", "lines", "message"),
    [
        ([[1, 4]], [2], [0], r"string 0 has length 2.*\[1, 4\].*1 to 3"),
        ([[1, 0]], [2], [0], "string 0"),
        ([[1], [1]], [1, 2], [0, 0], "string 1 has length 2"),
        ([[1]], [1], [2], "line 2"),
        ([[1]], [1, 1], [0], r"\(M, L\)"),
    ],
)
def test_wrong_targets(ids, target_lengths, lines, message):
    with pytest.raises(ShapeError, match=message):
        string_log_prob(
            torch.zeros(4, 2, 4), torch.tensor(ids), torch.tensor(target_lengths), lines=torch.tensor(lines)
        )


def test_wrong_temperature_samples_and_paths():
    logits = torch.zeros(4, 2, 4)
    for temperature in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ArgumentError, match="temperature"):
            sample_paths(logits, 2, temperature=temperature)
    with pytest.raises(ArgumentError, match="samples is 0"):
        sample_paths(logits, 0)
    with pytest.raises(ShapeError, match=r"\(T, N\) = \(4, 2\)"):
        character_posteriors(logits, torch.zeros(4, 3, dtype=torch.long))
    with pytest.raises(ShapeError, match="integers"):
        collapse_paths(torch.zeros(4, 2))
