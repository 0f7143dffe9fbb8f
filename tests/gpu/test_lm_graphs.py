"""A language model's layers replayed from CUDA graphs: the bits of the plain pass on the same filled-up batch."""

from __future__ import annotations

import pytest
import torch

from gradcheck_lm import record
from gradcheck_lm.lm import LanguageModel, load_language_model
from gradcheck_lm.lm.graphs import AGAIN

pytestmark = pytest.mark.gpu
TEXTS = ["the cat sat on the mat", "a dog ran", "no", "what is it that we are told of here"]


@pytest.fixture
def model() -> LanguageModel:
    found = load_language_model("char", device="cuda")
    assert isinstance(found, LanguageModel)
    found.replays = True
    return found


def test_scores_are_the_same_before_and_after_the_capture(model: LanguageModel) -> None:
    found = [model.score(TEXTS) for _ in range(AGAIN + 3)]
    assert model._graphs.captured
    assert all(torch.equal(found[0], one) for one in found)
    other = model.score([*TEXTS[1:], "and another one that has its length too"])
    assert torch.equal(other[:3], found[0][1:])
    there = load_language_model("char", device="cpu").score(TEXTS)
    torch.testing.assert_close(found[0].cpu(), there, rtol=1e-3, atol=1e-3)


def test_who_looks_at_each_operation_sees_each(model: LanguageModel) -> None:
    model.score(TEXTS)
    with record():
        for _ in range(AGAIN + 3):
            model.score(TEXTS)
    assert not model._graphs.captured


def test_uncertain_texts_have_the_same_scores_and_gradients_before_and_after_the_capture(model: LanguageModel) -> None:
    letters = " abcdefghijklmnopqrstuvwxyz"

    def soft(model: LanguageModel) -> list[torch.Tensor]:
        draws = torch.Generator().manual_seed(0)
        rows = [torch.randn(len(text), len(letters), generator=draws).softmax(-1) for text in TEXTS]
        rows = [row.to(model.device).requires_grad_() for row in rows]
        scores = model.score_soft(TEXTS, rows, letters)
        first = torch.autograd.grad(scores.sum(), rows, retain_graph=True)
        again = torch.autograd.grad(scores.sum(), rows)
        assert all(map(torch.equal, first, again))
        return [scores.detach(), *first]

    model._graphs.differentiable = True
    found = [soft(model) for _ in range(AGAIN + 3)]
    assert any(one.backward is not None for one in model._graphs.captured.values())
    for one in found[1:]:
        assert all(map(torch.equal, found[0], one))
    there = load_language_model("char", device="cpu")
    assert isinstance(there, LanguageModel)
    for here, other in zip(found[0], soft(there), strict=True):
        torch.testing.assert_close(here.cpu(), other, rtol=1e-3, atol=1e-3)
