"""CTC operations held against enumeration of all paths and against the story's own Python loop."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from ctc_references import ABC, collapse, padded, random_logits, story_decode

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
    spell_paths,
    string_log_prob,
    to_strings,
)

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


def test_spell_paths_takes_classes_of_any_number_and_width():
    for characters in ("ab", "aé\xff", "a日", "".join(chr(code) for code in range(0x4E00, 0x4E00 + 300))):
        charset = Charset(characters)
        paths = torch.randint(charset.size, (30, 7), generator=torch.Generator().manual_seed(0))
        paths[:, 0] = 0
        paths[5:9, 1] = charset.size - 1
        wanted = ["".join(characters[k - 1] for k in collapse(path)) for path in paths.T.tolist()]
        assert spell_paths(paths, charset) == wanted
        assert to_strings(*collapse_paths(paths), charset) == wanted
