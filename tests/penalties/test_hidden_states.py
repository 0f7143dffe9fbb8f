"""The exhibit: the story's second attempt, which is differentiable and another loss."""

from __future__ import annotations

import pytest
import torch
from penalties_fakes import ABC, TableLM, TinyLM, logits_for, random_logits

from gradcheck_lm.errors import ArgumentError, LanguageModelError, ShapeError
from gradcheck_lm.lm import load_language_model
from gradcheck_lm.penalties import make_penalty

LABELS = ["abca", "cab"]


class SoftOnly(TableLM):
    score_soft = TinyLM.score_soft


@pytest.fixture(scope="module")
def char_lm():
    return load_language_model("char", device="cpu")


def test_a_texts_own_embeddings_give_its_own_score(char_lm):
    texts = ["a bad cab", "face", "b", ""]
    frames = [
        char_lm._parts.embed(torch.tensor(ids, dtype=torch.long)).detach() for ids in char_lm.tokens.encode(texts)
    ]
    found = char_lm.score_from_frames(texts, frames)
    assert torch.allclose(found, char_lm.score(texts), atol=1e-5)
    # two frames a character are averaged to one
    doubled = char_lm.score_from_frames(texts, [rows.repeat_interleave(2, 0) for rows in frames])
    assert torch.allclose(found[:2], doubled[:2], atol=1e-5)
    assert char_lm.score_from_frames(["ab"], [frames[0][:0]]).item() == torch.inf
    assert char_lm.vector_width == frames[0].shape[1]


def test_frames_that_do_not_fit(char_lm):
    with pytest.raises(ShapeError, match="2 texts but frames of 1 lines"):
        char_lm.score_from_frames(["ab", "b"], [torch.zeros(3, 96)])
    with pytest.raises(ShapeError, match=r"frames\[0\] has shape \(3, 5\).*width 96"):
        char_lm.score_from_frames(["ab"], [torch.zeros(3, 5)])


@pytest.mark.parametrize("objective", ["hinge", "score"])
def test_the_gradient_is_that_of_the_value(objective):
    logits = random_logits(7, 2, 4, seed=2).requires_grad_()
    penalty = make_penalty("hidden_states", TinyLM(), ABC, objective=objective)
    penalty.map.double()
    assert penalty(logits, LABELS).value > 0
    assert torch.autograd.gradcheck(lambda z: penalty(z, LABELS).loss, logits)
    (gradient,) = torch.autograd.grad(penalty(logits, LABELS).loss, penalty.map.weight)
    assert gradient.any()


def test_it_is_lowered_without_changing_a_single_reading():
    """What it is not: the map alone learns to name the true texts, and no reading has changed."""
    logits = logits_for(["cc", "b"], 8)
    penalty = make_penalty("hidden_states", TinyLM(), ABC, objective="score")
    optimiser = torch.optim.Adam(penalty.map.parameters(), lr=0.05)
    before = penalty(logits, LABELS)
    for _ in range(60):
        optimiser.zero_grad()
        penalty(logits, LABELS).loss.backward()
        optimiser.step()
    after = penalty(logits, LABELS)
    assert after.value < 0.8 * before.value
    assert after.predictions == before.predictions == ["cc", "b"]


def test_hidden_states_come_by_name_and_may_have_frames_of_their_own():
    lm, logits = TinyLM(), random_logits(6, 2, 4, dtype=torch.float32)
    hidden = random_logits(12, 2, 9, seed=3, dtype=torch.float32).requires_grad_()
    penalty = make_penalty("hidden_states", lm, ABC, objective="score", hidden_size=9)
    out = penalty(logits, LABELS, hidden=hidden, lengths=[6, 3])
    (gradient,) = torch.autograd.grad(out.loss, hidden)
    # the last vector is read when there is nothing left to ask for: of 4 characters the last 3 of 12 frames, of 3
    # characters the last 2 of the 6 that belong to the second line
    assert gradient.any(2).T.tolist() == [[True] * 9 + [False] * 3, [True] * 4 + [False] * 8]
    # nothing of one call is left for the next
    with pytest.raises(ArgumentError, match="hidden_size is 9 and hidden is missing"):
        penalty(logits, LABELS)
    with pytest.raises(ArgumentError, match="hidden_size is None and hidden is given"):
        make_penalty("hidden_states", lm, ABC)(logits, LABELS, hidden=hidden)
    with pytest.raises(ShapeError, match=r"hidden is \(12, 2, 8\).*2, 9"):
        penalty(logits, LABELS, hidden=hidden[:, :, :8])


def test_the_map_starts_from_the_seed_and_leaves_the_global_state_alone():
    before = torch.get_rng_state()
    maps = [make_penalty("hidden_states", TinyLM(), ABC, seed=seed).map.weight for seed in (1, 1, 2)]
    assert torch.equal(maps[0], maps[1])
    assert not torch.equal(maps[0], maps[2])
    assert torch.equal(before, torch.get_rng_state())


def test_what_it_refuses():
    with pytest.raises(ArgumentError, match="hidden_states has no objective 'ratio'; choose 'hinge' or 'score'"):
        make_penalty("hidden_states", TinyLM(), ABC, objective="ratio")
    with pytest.raises(LanguageModelError, match=r"'SoftOnly' has no score_from_frames.*policy_gradient"):
        make_penalty("hidden_states", SoftOnly(), ABC)
    with pytest.raises(ArgumentError, match="hidden_size is 0"):
        make_penalty("hidden_states", TinyLM(), ABC, hidden_size=0)
    with pytest.raises(ArgumentError, match=r"asks the language model for the true texts.*pass 2 transcripts"):
        make_penalty("hidden_states", TinyLM(), ABC, objective="score")(random_logits(4, 2, 4))
