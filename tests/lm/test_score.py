"""Scores of strings: the story's number, the sum, and that batching changes neither."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lm_models import SENTENCES, save_model
from torch.nn import functional as F

from gradcheck_lm.errors import ArgumentError, LanguageModelError
from gradcheck_lm.lm import LanguageModel, load_language_model
from gradcheck_lm.lm.batches import length_batches

TEXTS = [
    "the cat sat on the mat",
    " a star is in the sky ",
    "a",
    "",
    "dise",
    "It is a good start, but he will not storm the charts with this one.",
    "a  b",
    "the cat sat on the mat",
    "12 of them; 7.",
    "caf\u00e9 \u661f",
]


@pytest.fixture(scope="module", params=["gpt2", "llama", "granite", "char"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    if request.param == "char":
        return load_language_model("char", device="cpu")
    return load_language_model(save_model(tmp_path_factory.mktemp(request.param), request.param), device="cpu")


@pytest.fixture(scope="module")
def char() -> LanguageModel:
    return load_language_model("char", device="cpu")


@torch.no_grad()
def alone(model: LanguageModel, text: str, *, begin: bool) -> list[float]:
    """The losses of one string by the model's whole forward pass: no batch, no padding, no mask."""
    ids = torch.tensor([([model.tokens.begin] if begin else []) + model.tokens.encode([text])[0]], dtype=torch.long)
    if ids.shape[1] < 2:
        return []
    logits = model.module(input_ids=ids).logits[0]
    return F.cross_entropy(logits[:-1], ids[0, 1:], reduction="none").tolist()


def test_score_is_the_mean_over_tokens_two_to_last_of_each_string_alone(model: LanguageModel) -> None:
    losses = [alone(model, text, begin=False) for text in TEXTS]
    expected = [sum(row) / len(row) if row else math.inf for row in losses]
    assert expected.count(math.inf) == 2
    scores = model.score(TEXTS)
    assert scores.dtype == torch.float32
    assert scores.tolist() == pytest.approx(expected, abs=1e-4)


def test_nll_is_the_sum_over_all_tokens_after_the_begin_token(model: LanguageModel) -> None:
    expected = [sum(alone(model, text, begin=True)) for text in TEXTS]
    assert model.nll(TEXTS).tolist() == pytest.approx(expected, rel=1e-5, abs=1e-4)
    assert model.nll([""]).tolist() == [0.0]


def test_no_texts_give_no_scores(model: LanguageModel) -> None:
    assert model.score([]).shape == model.nll([]).shape == (0,)


def test_many_texts_in_many_batches_score_as_each_alone(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        sentence[start : start + length] for sentence in SENTENCES[:4] for start in (0, 3) for length in (4, 9, 30)
    ]
    whole = model.score(texts)
    monkeypatch.setattr(LanguageModel, "_batch_tokens", 24)
    monkeypatch.setattr(LanguageModel, "_chunks", lambda self, rows: (slice(i, i + 3) for i in range(0, rows, 3)))
    torch.testing.assert_close(model.score(texts), whole, rtol=1e-4, atol=1e-4)


def test_doubles_go_through_the_model_once(char: LanguageModel) -> None:
    before = char.scores_computed
    scores = char.score(["star", "dise", "star", "", "x"])
    assert char.scores_computed - before == 2
    assert scores[0] == scores[2]


def test_the_head_sees_real_positions_only(char: LanguageModel) -> None:
    rows: list[int] = []
    hook = char.module.get_output_embeddings().register_forward_hook(
        lambda module, inputs, output: rows.append(inputs[0].shape[:-1].numel())
    )
    with hook:
        char.score(["star", "disc is"])
    assert sum(rows) == (4 - 1) + (7 - 1)


def test_scores_carry_no_gradient_and_the_model_is_frozen(model: LanguageModel) -> None:
    assert not model.score(["the cat"]).requires_grad
    assert not model.nll(["the cat"]).requires_grad
    assert model.parameters_frozen
    assert not model.module.training


def test_a_thawed_model_is_not_called_frozen(tmp_path: Path) -> None:
    model = load_language_model(save_model(tmp_path), device="cpu")
    next(model.module.parameters()).requires_grad_(True)
    assert not model.parameters_frozen
    assert not model.score(["the cat"]).requires_grad


def test_scoring_leaves_the_random_state_alone(model: LanguageModel) -> None:
    before = torch.random.get_rng_state()
    model.score(TEXTS)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_text_beyond_the_context_is_refused(char: LanguageModel) -> None:
    with pytest.raises(LanguageModelError, match=r"257 characters makes 257 tokens .* at most 256.*shorter texts"):
        char.score(["a" * 257])
    with pytest.raises(LanguageModelError, match="257 tokens"):
        char.nll(["a" * 256])
    assert math.isfinite(char.score(["a" * 256]).item())


@pytest.mark.parametrize(
    ("texts", "message"), [("abc", "wrap it"), ([b"abc"], r"texts\[0\] is bytes"), ([None], "NoneType")]
)
def test_what_is_no_list_of_strings_is_refused(char: LanguageModel, texts: object, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        char.score(texts)  # type: ignore[arg-type]


def test_special_tokens_are_not_read_from_a_text(tmp_path: Path) -> None:
    model = load_language_model(save_model(tmp_path), device="cpu")
    (ids,) = model.tokens.encode(["a<|endoftext|>b"])
    assert model.tokens.begin not in ids
    assert len(ids) > 3


def test_the_char_model_takes_unknown_characters(char: LanguageModel) -> None:
    assert char.tokens.encode(["a\u661fb"])[0][1] == char.tokens.unknown  # type: ignore[attr-defined]
    assert math.isfinite(char.score(["a \u661f b"]).item())
    assert char.nll(["the \u661f is"]).item() > char.nll(["the man is"]).item()


def test_float64_models_score_in_float64(tmp_path: Path) -> None:
    model = load_language_model(save_model(tmp_path), device="cpu", dtype=torch.float64)
    assert model.score(["the cat"]).dtype == torch.float64


def test_bfloat16_scores_are_close(tmp_path: Path) -> None:
    folder = save_model(tmp_path)
    exact = load_language_model(folder, device="cpu", dtype="float32").nll(TEXTS[:2])
    rough = load_language_model(folder, device="cpu", dtype="bfloat16").nll(TEXTS[:2])
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, exact, rtol=0.1, atol=0.5)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 300))
def test_batches_hold_every_scorable_sequence_once_within_the_limit(lengths: list[int], limit: int) -> None:
    batches = length_batches(lengths, limit=limit)
    assert sorted(index for batch in batches for index in batch) == [
        i for i, length in enumerate(lengths) if length > 1
    ]
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= limit


def test_padding_stays_small() -> None:
    lengths = [*range(2, 60)] * 4
    batches = length_batches(lengths, limit=100_000)
    padded = sum(len(batch) * max(lengths[index] for index in batch) for batch in batches)
    assert 1 < len(batches) < 30
    assert padded <= 1.25 * sum(lengths)


@pytest.mark.gpu
def test_a_gpu_scores_as_the_processor_does(tmp_path: Path) -> None:
    from lm_models import uncertain

    letters = " abcdefghijklmnopqrstuvwxyz"
    texts = ["the cat sat on the mat", "a  b", "", "dise"]
    for name in (save_model(tmp_path), "char"):
        found = []
        for device in ("cpu", "cuda"):
            model = load_language_model(name, device=device, dtype="float32")
            assert model.device.type == device
            rows = [
                uncertain(text, letters, seed=seed).detach().to(device).requires_grad_()
                for seed, text in enumerate(texts)
            ]
            soft = model.nll_soft(texts, rows, letters)
            soft.sum().backward()
            hard = model.score_soft(texts, rows, letters, hard=True)
            assert torch.equal(hard.detach(), model.score(texts))
            found.append([model.score(texts).cpu(), model.nll(texts).cpu(), soft.detach().cpu(), rows[0].grad.cpu()])
        for ours, theirs in zip(*found, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    assert load_language_model("char").device.type == "cuda"
