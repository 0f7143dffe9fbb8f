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
