"""A language model's layers as CUDA graphs, seen on a processor: which batches are filled up and replayed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gradcheck_lm import record
from gradcheck_lm.lm import LanguageModel, load_language_model
from gradcheck_lm.lm.graphs import AGAIN

TEXTS = ["the cat sat on the mat", "a dog ran", "no"]


@pytest.fixture
def model() -> LanguageModel:
    found = load_language_model("char", device="cpu", dtype="float32")
    assert isinstance(found, LanguageModel)
    return found


class Replayed:
    """Stands in for torch's capture: counts what is replayed, and gives it from one memory."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []
        self.captures = 0

    def write_down(self, work: Any, *inputs: Tensor) -> Any:
        self.captures += 1
        memory = torch.empty(0)

        def replay(*inputs: Tensor) -> Tensor:
            self.sizes.append(tuple(inputs[0].shape))
            memory.set_(work(*inputs))
            return memory.clone()

        return replay


@pytest.fixture
def replayed(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> Replayed:
    found = Replayed()
    monkeypatch.setattr(model._graphs, "_write_down", found.write_down)
    monkeypatch.setattr("gradcheck_lm.lm.graphs._on_a_gpu", lambda tensor: True)
    return found


def test_a_size_that_comes_again_is_replayed_with_the_same_scores(model: LanguageModel, replayed: Replayed) -> None:
    model.replays = False
    plain = model.score(TEXTS)
    for _ in range(4):
        model.score(TEXTS)
    assert replayed.captures == 0  # nobody asked for it
    model.replays = True
    assert model.replays
    for turn in range(AGAIN + 3):
        torch.testing.assert_close(model.score(TEXTS), plain, rtol=1e-5, atol=1e-6)
        assert len(replayed.sizes) == max(0, turn + 1 - AGAIN)
    assert replayed.captures == 1
    assert set(replayed.sizes) == {(8, 24)}
    # fewer and shorter texts fill the same size
    other = ["a dog ran up the hills", "no"]
    torch.testing.assert_close(model.score(other)[1], plain[2], rtol=1e-5, atol=1e-6)
    assert replayed.sizes[-1] == (8, 24)


def soft(model: LanguageModel, **options: Any) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Scores of uncertain texts, and their gradients asked for twice."""
    from lm_models import uncertain

    letters = " abcdefghijklmnopqrstuvwxyz"
    rows = [uncertain(text, letters, seed=n).detach().requires_grad_() for n, text in enumerate(TEXTS)]
    scores = model.score_soft(TEXTS, rows, letters, **options)
    first = torch.autograd.grad(scores.sum(), rows, retain_graph=True)
    return scores.detach(), list(first), list(torch.autograd.grad(scores.sum(), rows))


@pytest.mark.parametrize("options", [{}, {"hard": True}, {"flow": "inputs"}])
def test_uncertain_texts_are_replayed_with_the_gradient_of_the_plain_pass(
    model: LanguageModel, replayed: Replayed, options: dict[str, Any]
) -> None:
    plain = soft(model, **options)
    model.replays = model._graphs.differentiable = True
    for turn in range(AGAIN + 2):
        found = soft(model, **options)
        for here, there in zip(found[1:], (plain[1], plain[1]), strict=True):
            torch.testing.assert_close(here, there, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(found[0], plain[0], rtol=1e-5, atol=1e-6)
        # one pass forward and two back
        passes = [size for size in replayed.sizes if len(size) == 3]
        assert len(passes) == 3 * max(0, turn + 1 - AGAIN)


def test_targets_alone_need_no_backward_pass_of_the_layers(model: LanguageModel, replayed: Replayed) -> None:
    model.replays = True
    for _ in range(AGAIN + 2):
        soft(model)
    assert replayed.sizes == []  # not asked for
    for _ in range(AGAIN + 1):
        soft(model, flow="targets")
    assert [len(size) for size in replayed.sizes] == [3]


def test_what_is_looked_at_or_could_learn_is_not_replayed(model: LanguageModel, replayed: Replayed) -> None:
    model.replays = True
    with record():
        for _ in range(AGAIN + 2):
            model.score(TEXTS)
    assert replayed.sizes == []
    next(model.module.parameters()).requires_grad_()
    for _ in range(AGAIN + 2):
        model.score(TEXTS)
    assert replayed.sizes == []


def test_a_graph_is_of_the_settings_that_it_was_captured_with(model: LanguageModel, replayed: Replayed) -> None:
    model.replays = True
    plain = [model.score(TEXTS) for _ in range(AGAIN + 1)][-1]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = [model.score(TEXTS) for _ in range(AGAIN + 1)]
    assert replayed.captures == 2
    assert torch.equal(rounded[0], rounded[-1])
    assert not torch.equal(rounded[-1], plain)
    assert torch.equal(model.score(TEXTS), plain)


def test_large_batches_go_as_they_are(
    model: LanguageModel, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradcheck_lm.lm.graphs.LARGEST", 8 * 24 - 1)
    model.replays = True
    for _ in range(AGAIN + 2):
        model.score(TEXTS)
    assert replayed.captures == 0


def test_the_least_used_graphs_go_first(
    model: LanguageModel, replayed: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradcheck_lm.lm.graphs.KEPT", 2)
    model.replays = True
    for length in (5, 12, 20, 5):
        for _ in range(AGAIN + 1):
            model.score(["e" * length])
    assert len(model._graphs.captured) == 2
    assert replayed.captures == 4
