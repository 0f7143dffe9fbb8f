"""The broken arm, as the story has it, and its twin with the same value and a gradient."""

from __future__ import annotations

import pytest
import torch
from penalties_fakes import ABC, TableLM, TinyLM, generator, logits_for, random_logits

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.htr.ctc import character_posteriors, greedy_decode, greedy_paths
from gradcheck_lm.penalties import make_penalty

# index, nats per token of the reading, and of the true text: the story's table
STORY = """
6.2707 5.2461  6.9152 5.2664  4.6952 3.3369  6.104 3.4619   5.0421 4.5322  5.228 4.8255   6.0486 4.6419  8.1825 5.8097
6.8154 5.6124  6.6855 4.0256  5.5432 5.1879  5.8678 5.8678  5.0739 5.0739  5.2923 4.7248  6.583 5.6528   5.3517 4.7984
4.647 3.7389   6.9486 5.0523  7.5657 6.2751  6.7299 6.7299  6.335 6.335    7.357 4.3485   5.581 5.6425   6.0287 6.0287
6.0911 5.4226  7.6662 6.3018  6.8882 6.9832  7.1863 6.1951  6.9063 6.4734  5.3067 4.1144
"""


def story_batch(lines):
    numbers = torch.tensor([float(number) for number in STORY.split()], dtype=torch.float64).view(-1, 2)[:lines]
    characters = "".join(chr(ord("A") + i) for i in range(2 * lines))
    predictions = [characters[2 * i] for i in range(lines)]
    labels = [characters[2 * i + 1] for i in range(lines)]
    table = dict(zip(predictions, numbers[:, 0].tolist(), strict=True)) | dict(
        zip(labels, numbers[:, 1].tolist(), strict=True)
    )
    return logits_for(predictions, 3, characters), labels, TableLM(table), Charset(characters)


@pytest.mark.parametrize(("lines", "positive", "everywhere"), [(29, 1.2816, 0.9723), (30, 1.2777, 0.9796)])
def test_the_storys_table(lines, positive, everywhere):
    logits, labels, table, charset = story_batch(lines)
    out = make_penalty("argmax", table, charset, reduction="positive_mean")(logits, labels)
    assert round(float(out.value), 4) == positive
    assert out.loss.item() == out.value.item()
    assert int((out.per_line > 0).sum()) == lines - 7  # five equal, two better than the truth
    assert out.per_line.dtype == torch.float64
    assert round(float(out.per_line.mean()), 4) == everywhere
    assert round(float(make_penalty("argmax", table, charset)(logits, labels).value), 4) == everywhere


def test_each_string_is_scored_alone():
    lm = TableLM()
    out = make_penalty("argmax", lm, ABC)(logits_for(["ab", "ab", "c"], 6), ["abc", "abc", "ba"])
    assert sorted(lm.asked) == sorted([["ab"], ["abc"], ["ab"], ["abc"], ["c"], ["ba"]])
    assert out.lm_calls == 6
    assert out.predictions == ["ab", "ab", "c"]
    assert make_penalty("argmax", TableLM(), ABC, objective="score")(logits_for(["ab"], 6)).lm_calls == 1


def test_no_gradient_whatever_the_language_model():
    logits = logits_for(["ab", "cab"], 6).requires_grad_()
    frozen = make_penalty("argmax", TinyLM(), ABC)(logits, ["ba", "bca"])
    assert frozen.loss > 0
    assert not frozen.loss.requires_grad
    with pytest.raises(RuntimeError, match="does not require grad"):
        frozen.loss.backward()
    # a language model that is not frozen makes it look alive
    thawed = make_penalty("argmax", TinyLM(frozen=False), ABC)(logits, ["ba", "bca"])
    assert thawed.loss.requires_grad
    assert torch.autograd.grad(thawed.loss, logits, allow_unused=True) == (None,)
    assert not thawed.value.requires_grad
    assert not thawed.per_line.requires_grad


@pytest.mark.parametrize("ratio", [0.01, 0.25, 0.5, 0.99, 1.0])
def test_a_random_share_of_the_lines(ratio):
    texts = ["ab", "ba", "ca", "cb", "ac", "bc", "abc", "cba"]
    logits = logits_for(texts, 8)
    penalty = make_penalty("argmax", TableLM(), ABC, lm_sample_ratio=ratio, objective="score")
    before = torch.get_rng_state()
    seen = set()
    for seed in range(30):
        out = penalty(logits, generator=generator(seed))
        looked_at = [line for line, text in enumerate(out.predictions) if text]
        assert len(looked_at) == max(1, int(8 * ratio))
        assert all(out.predictions[line] == texts[line] for line in looked_at)
        assert torch.isclose(out.value, out.per_line[looked_at].mean())
        assert not out.per_line[[line for line in range(8) if line not in looked_at]].any()
        seen.update(looked_at)
        assert penalty(logits, generator=generator(seed)).predictions == out.predictions
    assert seen == set(range(8))
    assert torch.equal(before, torch.get_rng_state())


def test_an_empty_prediction_is_infinite_or_faithfully_a_crash():
    logits = logits_for(["", "ab"], 6)
    lm = TableLM({"ab": 4.0, "ba": 1.0, "abc": 2.0})
    out = make_penalty("argmax", lm, ABC, reduction="positive_mean")(logits, ["abc", "ba"])
    assert out.per_line.tolist() == [0, 3]
    assert out.value == 3
    with pytest.raises(TypeError, match="isinf"):
        make_penalty("argmax", lm, ABC, faithful=True)(logits, ["abc", "ba"])
    assert make_penalty("argmax", lm, ABC, faithful=True)(logits[:, 1:], ["ba"]).value == 3


def test_an_empty_label_or_one_token_counts_as_nothing():
    lm = TableLM({"ab": 4.0, "c": torch.inf, "ba": 1.0})
    out = make_penalty("argmax", lm, ABC, reduction="positive_mean")(logits_for(["ab", "c", "ab"], 6), ["", "ba", "c"])
    assert out.per_line.tolist() == [0, 0, 0]
    assert out.value == 0


def test_ratio_is_nats_per_character():
    lm = TinyLM()
    out = make_penalty("argmax", lm, ABC, objective="ratio")(logits_for(["ab", "", "cab"], 6))
    wanted = lm.nll(["ab", "cab"]) / torch.tensor([2, 3])
    assert torch.allclose(out.per_line, torch.stack([wanted[0], wanted.new_zeros(()), wanted[1]]))
    black_box = make_penalty("argmax", TableLM({"ab": 2.5}), ABC, objective="ratio")(logits_for(["ab"], 6))
    assert black_box.value == 2.5


def test_lengths_are_respected():
    logits = random_logits(9, 3, 4)
    lengths = [9, 4, 0]
    out = make_penalty("argmax", TableLM(), ABC, objective="score")(logits, lengths=lengths)
    assert out.predictions == greedy_decode(logits, ABC, lengths=lengths)


@pytest.mark.parametrize("ratio", [0.0, -0.5, 1.5])
def test_a_ratio_that_is_no_share(ratio):
    with pytest.raises(ArgumentError, match="lm_sample_ratio"):
        make_penalty("argmax", TableLM(), ABC, lm_sample_ratio=ratio)


# ---- straight-through: the same value, and a gradient ----


@pytest.mark.parametrize("objective", ["hinge", "score", "ratio"])
@pytest.mark.parametrize("reduction", ["mean", "positive_mean"])
@pytest.mark.parametrize("ratio", [0.4, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_straight_through_has_the_storys_value_bit_for_bit(objective, reduction, ratio, dtype):
    logits = random_logits(9, 12, 4, seed=3, dtype=dtype).requires_grad_()
    labels = ["abcab", "ba", "cc"] * 4
    options = {"objective": objective, "reduction": reduction}
    lm = TinyLM(dtype=dtype)
    story = make_penalty("argmax", lm, ABC, lm_sample_ratio=ratio, **options)(logits, labels, generator=generator(5))
    alive = make_penalty("straight_through", lm, ABC, lm_sample_ratio=ratio, **options)(
        logits, labels, generator=generator(5)
    )
    assert torch.equal(story.loss, alive.loss.detach())
    assert torch.equal(story.per_line, alive.per_line)
    assert story.predictions == alive.predictions
    (gradient,) = torch.autograd.grad(alive.loss, logits)
    looked_at = torch.tensor([bool(text) for text in story.predictions])
    assert gradient.any()
    assert not gradient[:, :, 0].any(), "no gradient for the blank"
    assert not gradient[:, ~looked_at].any()
    if objective == "hinge":
        assert not gradient[:, story.per_line == 0].any()
        assert gradient.any(2).any(0).tolist() == (story.per_line > 0).tolist()


def test_straight_through_at_one_hot_posteriors_follows_the_soft_gradient():
    # where soft and hard characters are the same, so are the gradients of soft_embedding and straight_through
    logits = logits_for(["abca", "cab"], 8, sure=12.0).requires_grad_()
    gradients = [
        torch.autograd.grad(make_penalty(name, TinyLM(), ABC, objective="score")(logits).loss, logits)[0]
        for name in ("soft_embedding", "straight_through")
    ]
    assert gradients[0].abs().max() > 1e-7
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-3, atol=1e-9)


def test_straight_through_takes_the_gradient_at_the_hard_tokens():
    logits, lm = random_logits(8, 1, 4, seed=4).requires_grad_(), TinyLM()
    out = make_penalty("straight_through", lm, ABC, objective="score")(logits)
    text = out.predictions[0]
    assert len(text) > 2
    (posteriors,) = character_posteriors(logits, greedy_paths(logits))
    gradients = [
        torch.autograd.grad(loss, logits, retain_graph=True)[0]
        for loss in (out.loss, *(lm.score_soft([text], [posteriors], "abc", hard=hard)[0] for hard in (True, False)))
    ]
    assert torch.allclose(gradients[0], gradients[1])
    assert not torch.allclose(gradients[0], gradients[2])
