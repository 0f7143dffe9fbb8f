"""A language model's layers as CUDA graphs, seen on a processor: which batches are filled up and replayed."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gradcheck_lm import record
from gradcheck_lm.lm import LanguageModel, load_language_model
from gradcheck_lm.lm.graphs import AGAIN, Graphs

TEXTS = ["the cat sat on the mat", "a dog ran", "no"]


@pytest.fixture
def model() -> LanguageModel:
    found = load_language_model("char", device="cpu", dtype="float32")
    assert isinstance(found, LanguageModel)
    return found


class Replayed:
    """Stands in for a capture: counts what is replayed, and gives it from one memory."""

    def __init__(self, graphs: Graphs) -> None:
        self.graphs, self.sizes, self.captures = graphs, [], 0  # type: tuple[Graphs, list[tuple[int, ...]], int]

    def capture(self, ids: Tensor, mask: Tensor) -> Any:
        self.captures += 1
        memory = torch.empty(0)

        def replay(ids: Tensor, mask: Tensor) -> Tensor:
            self.sizes.append(tuple(ids.shape))
            memory.set_(self.graphs.body(ids=ids, mask=mask))
            return memory.clone()

        return replay


@pytest.fixture
def replayed(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> Replayed:
    found = Replayed(model._graphs)
    monkeypatch.setattr(model._graphs, "_capture", found.capture)
    monkeypatch.setattr("gradcheck_lm.lm.graphs._on_a_gpu", lambda tensor: True)
    return found


def test_a_size_that_comes_again_is_replayed_with_the_same_scores(model: LanguageModel, replayed: Replayed) -> None:
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


def test_what_is_differentiated_or_looked_at_is_not_replayed(model: LanguageModel, replayed: Replayed) -> None:
    from lm_models import uncertain

    letters = " abcdefghijklmnopqrstuvwxyz"
    model.replays = True
    for _ in range(AGAIN + 2):
        rows = [uncertain(text, letters, seed=n).detach().requires_grad_() for n, text in enumerate(TEXTS)]
        model.score_soft(TEXTS, rows, letters).sum().backward()
    with record():
        for _ in range(AGAIN + 2):
            model.score(TEXTS)
    assert replayed.sizes == []


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
