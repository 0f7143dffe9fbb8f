"""Soft tokens: equal to the hard score at certainty, the right derivative, straight-through to the bit."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from lm_models import one_hot, save_model, uncertain
from torch import Tensor

from gradcheck_lm.errors import ArgumentError, LanguageModelError, ShapeError
from gradcheck_lm.lm import LanguageModel, load_language_model
from gradcheck_lm.lm.soft_tokens import SoftTokenTables

LETTERS = " ,.;1274abcdefghijklmnopqrstuvwxyzIT"
TEXTS = [" the cat sat on the mat ", "a  b", "dise; the star", "a", "", "It is the house", "a star."]


@pytest.fixture(scope="module", params=["gpt2", "llama", "granite", "char"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """In float64, so that nothing hides behind rounding."""
    if request.param == "char":
        return load_language_model("char", device="cpu", dtype="float64")
    folder = save_model(tmp_path_factory.mktemp(request.param), request.param)
    return load_language_model(folder, device="cpu", dtype="float64")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """Of GPT-2's kind, which computes in float64 throughout; Llama's norm goes through float32."""
    return load_language_model(save_model(tmp_path_factory.mktemp("words"), "gpt2"), device="cpu", dtype="float64")


def soft(text: str, seed: int = 0) -> Tensor:
    return uncertain(text, LETTERS, seed=seed, dtype=torch.float64)


def by_hand(model: LanguageModel, text: str, posteriors: Tensor, *, begin: bool) -> Tensor:
    """The definition, token by token and vocabulary entry by vocabulary entry."""
    pieces = [piece and piece.decode(errors="replace") for piece in model.tokens.pieces()]
    table = model.module.get_input_embeddings()
    ids = model.tokens.encode([text])[0]
    inputs = [table(torch.tensor(model.tokens.begin))] if begin else []
    targets: list[dict[int, Tensor]] = [{}] if begin else []
    start = 0
    for token in ids:
        count = len(pieces[token] or "")
        weights = {
            index: math.prod(posteriors[start + k, LETTERS.index(character)] for k, character in enumerate(piece))
            for index, piece in enumerate(pieces)
            if piece and len(piece) == count and all(character in LETTERS for character in piece)
        }
        total = sum(weights.values())
        targets.append({index: weight / total for index, weight in weights.items()})
        inputs.append(sum(weight / total * table(torch.tensor(index)) for index, weight in weights.items()))
        start += count
    log_probs = model.module(inputs_embeds=torch.stack(inputs)[None]).logits[0].log_softmax(-1)
    return -sum(
        sum(weight * row[index] for index, weight in target.items())
        for row, target in zip(log_probs[:-1], targets[1:], strict=True)
    )


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("flow", ["both", "inputs", "targets"])
def test_certain_posteriors_give_the_hard_score(model: LanguageModel, flow: str, hard: bool) -> None:
    posteriors = [one_hot(text, LETTERS, torch.float64) for text in TEXTS]
    torch.testing.assert_close(
        model.score_soft(TEXTS, posteriors, LETTERS, flow=flow, hard=hard), model.score(TEXTS), rtol=1e-9, atol=0
    )
    torch.testing.assert_close(
        model.nll_soft(TEXTS, posteriors, LETTERS, flow=flow, hard=hard), model.nll(TEXTS), rtol=1e-9, atol=0
    )


def test_certain_posteriors_give_the_hard_score_in_float32(tmp_path: Path) -> None:
    for model in (load_language_model(save_model(tmp_path), device="cpu"), load_language_model("char", device="cpu")):
        posteriors = [one_hot(text, LETTERS) for text in TEXTS]
        torch.testing.assert_close(model.score_soft(TEXTS, posteriors, LETTERS), model.score(TEXTS), rtol=1e-5, atol=0)
        torch.testing.assert_close(model.nll_soft(TEXTS, posteriors, LETTERS), model.nll(TEXTS), rtol=1e-5, atol=1e-6)


def test_the_value_and_gradient_are_the_definition_s(model: LanguageModel) -> None:
    texts = [TEXTS[0], TEXTS[2], TEXTS[1]]
    posteriors = [soft(text, seed) for seed, text in enumerate(texts)]
    ours = model.nll_soft(texts, posteriors, LETTERS)
    theirs = torch.stack([by_hand(model, text, rows, begin=True) for text, rows in zip(texts, posteriors, strict=True)])
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=0)
    weights = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    for mine, other in zip(
        torch.autograd.grad(ours @ weights, posteriors), torch.autograd.grad(theirs @ weights, posteriors), strict=True
    ):
        torch.testing.assert_close(mine, other, rtol=1e-7, atol=1e-9)
    tokens = torch.tensor([len(ids) - 1 for ids in model.tokens.encode(texts)])
    bare = torch.stack([by_hand(model, text, rows, begin=False) for text, rows in zip(texts, posteriors, strict=True)])
    torch.testing.assert_close(model.score_soft(texts, posteriors, LETTERS), bare / tokens, rtol=1e-9, atol=0)


def test_finite_differences_agree(words: LanguageModel) -> None:
    text = "dise is"
    assert torch.autograd.gradcheck(lambda rows: words.score_soft([text], [rows], LETTERS), soft(text), atol=1e-6)


def test_the_two_flows_add_up_and_differ(model: LanguageModel) -> None:
    def gradient(flow: str) -> Tensor:
        rows = soft(TEXTS[0])
        (found,) = torch.autograd.grad(model.nll_soft([TEXTS[0]], [rows], LETTERS, flow=flow).sum(), rows)
        return found

    inputs, targets = gradient("inputs"), gradient("targets")
    torch.testing.assert_close(gradient("both"), inputs + targets, rtol=1e-9, atol=1e-12)
    assert inputs.norm() > 1e-3
    assert targets.norm() > 1e-3
    # nothing follows the last token, so as an input it costs nothing
    last = model.tokens.pieces()[model.tokens.encode([TEXTS[0]])[0][-1]]
    assert inputs[-len(last or b"") :].abs().max() == 0
    assert targets[-1].abs().max() > 0


def test_straight_through_has_the_hard_value_to_the_bit_and_a_gradient(tmp_path: Path) -> None:
    models = [load_language_model(save_model(tmp_path), device="cpu", dtype=dtype) for dtype in ("float32", "bfloat16")]
    # real weights, where a soft forward pass at the hard tokens differs from `score` in the last bits
    for model in (*models, load_language_model("char", device="cpu")):
        posteriors = [uncertain(text, LETTERS, seed=seed) for seed, text in enumerate(TEXTS)]
        scores = model.score_soft(TEXTS, posteriors, LETTERS, hard=True)
        assert torch.equal(scores.detach(), model.score(TEXTS))
        assert torch.equal(model.nll_soft(TEXTS, posteriors, LETTERS, hard=True).detach(), model.nll(TEXTS))
        scores[scores.isfinite()].sum().backward()
        for text, rows in zip(TEXTS, posteriors, strict=True):
            assert rows.grad is not None
            assert bool(rows.grad.isfinite().all())
            assert (rows.grad.norm() > 0) == (len(model.tokens.encode([text])[0]) > 1)


def test_straight_through_is_the_gradient_at_the_hard_tokens(words: LanguageModel) -> None:
    """Where the posteriors are certain, hard and soft have the same gradient; elsewhere they do not."""
    text = "dise is"

    def gradient(rows: Tensor, *, hard: bool) -> Tensor:
        (found,) = torch.autograd.grad(words.nll_soft([text], [rows], LETTERS, hard=hard).sum(), rows)
        return found

    certain = one_hot(text, LETTERS, torch.float64).requires_grad_()
    torch.testing.assert_close(gradient(certain, hard=True), gradient(certain, hard=False))
    assert not torch.allclose(gradient(soft(text), hard=True), gradient(soft(text), hard=False), rtol=1e-2)


def test_a_posterior_of_exactly_zero_still_gets_its_derivative(words: LanguageModel) -> None:
    text = "zxq;"  # tokens of one character, so one changed character is a token too
    certain = one_hot(text, LETTERS, torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(words.nll_soft([text], [certain], LETTERS).sum(), certain)
    step = 1e-6
    for row, character in ((0, "c"), (3, "y")):
        moved = certain.detach().clone()
        moved[row, LETTERS.index(character)] += step
        slope = (words.nll_soft([text], [moved], LETTERS) - words.nll([text])).item() / step
        assert slope != 0
        assert gradient[row, LETTERS.index(character)].item() == pytest.approx(slope, rel=1e-3)


def test_the_gradient_prefers_the_word_that_the_model_knows() -> None:
    model = load_language_model("char", device="cpu")
    letters = " LTacdehiknoprst"
    rows = one_hot("and the Lokd said", letters)
    rows[10] = 0
    rows[10, [letters.index("k"), letters.index("r")]] = torch.tensor([0.6, 0.4])
    rows.requires_grad_()
    model.nll_soft(["and the Lokd said"], [rows], letters).sum().backward()
    assert rows.grad is not None
    assert rows.grad[10, letters.index("r")] < rows.grad[10, letters.index("k")]


def test_lines_with_nothing_to_score_are_in_the_graph_with_gradient_zero(model: LanguageModel) -> None:
    posteriors = [soft("a"), soft("")]
    scores = model.score_soft(["a", ""], posteriors, LETTERS)
    assert scores.tolist() == [math.inf, math.inf]
    torch.where(scores.isfinite(), scores, 0.0).sum().backward()
    assert posteriors[0].grad is not None
    assert posteriors[0].grad.abs().max() == 0
    assert model.nll_soft([""], [soft("")], LETTERS).tolist() == [0.0]
    assert model.nll_soft([], [], LETTERS).shape == model.score_soft([], [], LETTERS).shape == (0,)


def test_lines_do_not_touch_one_another(words: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    posteriors = [soft(text, seed) for seed, text in enumerate(TEXTS)]
    together = words.score_soft(TEXTS, posteriors, LETTERS)
    for index, (text, rows) in enumerate(zip(TEXTS, posteriors, strict=True)):
        torch.testing.assert_close(words.score_soft([text], [rows], LETTERS)[0], together[index])
    monkeypatch.setattr(LanguageModel, "_batch_tokens", 12)
    torch.testing.assert_close(words.score_soft(TEXTS, posteriors, LETTERS), together)


def test_chunks_of_the_vocabulary_layer_change_nothing(words: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def value_and_gradient() -> tuple[Tensor, Tensor]:
        rows = soft(TEXTS[0])
        value = words.nll_soft([TEXTS[0]], [rows], LETTERS)
        return value, torch.autograd.grad(value.sum(), rows)[0]

    whole = value_and_gradient()
    monkeypatch.setattr(LanguageModel, "_chunks", lambda self, rows: (slice(i, i + 2) for i in range(0, rows, 2)))
    torch.testing.assert_close(value_and_gradient(), whole)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_posteriors_of_every_dtype(words: LanguageModel, dtype: torch.dtype) -> None:
    rows = soft(TEXTS[0]).detach().to(dtype).requires_grad_()
    value = words.nll_soft([TEXTS[0]], [rows], LETTERS)
    value.sum().backward()
    assert rows.grad is not None
    assert rows.grad.dtype == dtype
    assert value.item() == pytest.approx(words.nll_soft([TEXTS[0]], [soft(TEXTS[0])], LETTERS).item(), rel=2e-2)


def test_characters_outside_the_columns_stay_hard(words: LanguageModel) -> None:
    """Tokens with a character that has no column, or with a part of one, keep their hard value."""
    texts = ["the caf\u00e9 \u661f is", "the Qat sat"]
    posteriors = []
    for text in texts:
        rows = torch.full((len(text), len(LETTERS)), 1 / len(LETTERS), dtype=torch.float64)
        for position, character in enumerate(text):
            if character in LETTERS:
                rows[position] = one_hot(character, LETTERS, torch.float64)[0]
        posteriors.append(rows.requires_grad_())
    values = words.nll_soft(texts, posteriors, LETTERS)
    torch.testing.assert_close(values, words.nll(texts))
    values.sum().backward()
    for text, rows in zip(texts, posteriors, strict=True):
        assert rows.grad is not None
        for position, character in enumerate(text):
            if character not in LETTERS and character != "Q":
                assert rows.grad[position].abs().max() == 0


def test_the_groups_hold_every_token_of_their_length() -> None:
    pieces = [b"a", b" ", b" a", b"ab", b"\xc3", "\u00e9".encode(), None, b"", b"zz", b"ba"]
    tables = SoftTokenTables(pieces, " ab\u00e9", device=torch.device("cpu"))
    assert {count: group.ids.tolist() for count, group in tables.groups.items()} == {1: [0, 1, 5], 2: [2, 3, 9]}
    assert tables.groups[2].columns.tolist() == [[0, 1, 2], [1, 2, 1]]
    assert tables.length == [1, 1, 2, 2, 0, 1, 0, 0, 0, 2]


def test_tables_are_built_once(words: LanguageModel) -> None:
    words.score_soft(["the"], [soft("the")], LETTERS)
    first = words._soft_tables(LETTERS)
    words.score_soft(["the"], [soft("the")], LETTERS)
    assert words._soft_tables(LETTERS) is first


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda model: model.score_soft(["abc"], [torch.ones(2, 3)], "abc"),
            ShapeError,
            r"posteriors\[0\].*needs \(3, 3\)",
        ),
        (lambda model: model.score_soft(["abc"], [torch.ones(3, 4)], "abc"), ShapeError, r"\(3, 4\).*needs \(3, 3\)"),
        (lambda model: model.score_soft(["abc"], [], "abc"), ShapeError, "1 texts but 0 posteriors"),
        (lambda model: model.nll_soft(["ab"], [torch.ones(2, 2)], "ab", flow="up"), ArgumentError, "'both', 'inputs'"),
        (lambda model: model.nll_soft(["ab"], [torch.ones(2, 3)], "aba"), ArgumentError, r"\['a'\] more than once"),
        (lambda model: model.nll_soft("ab", [torch.ones(2, 2)], "ab"), ArgumentError, "wrap it"),
    ],
)
def test_wrong_arguments_say_what_fits(
    words: LanguageModel, call: Callable[[LanguageModel], Tensor], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call(words)


def test_a_tokenizer_that_changes_the_text_is_refused(words: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """As SentencePiece does when it puts a space in front."""
    original = words.tokens.encode
    monkeypatch.setattr(words.tokens, "encode", lambda texts: original([" " + text for text in texts]))
    with pytest.raises(LanguageModelError, match=r"does not cut 'the star'.*byte-level"):
        words.score_soft(["the star"], [soft("the star")], LETTERS)


def test_gradient_steps_on_the_posteriors_lower_the_score() -> None:
    model = load_language_model("char", device="cpu")
    text = "and he saed unto them"
    letters = " abcdefghijklmnopqrstuvwxyz"
    logits = (6 * one_hot(text, letters)).requires_grad_()
    optimizer = torch.optim.SGD([logits], lr=2.0)
    values = []
    for _ in range(6):
        value = model.nll_soft([text], [logits.softmax(-1)], letters).sum()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert all(later < earlier for earlier, later in pairwise(values))
