"""The controls: entropy, pseudo-labels, a language model that is shown other letters."""

from __future__ import annotations

import pytest
import torch

from gradcheck_lm.errors import ArgumentError
from gradcheck_lm.htr.charset import Charset
from gradcheck_lm.lab.training.controls import CONTROLS, ScrambledLanguageModel, make_control
from gradcheck_lm.lab.training.terms import ctc_term
from gradcheck_lm.lm import load_language_model

CHARSET = Charset("ab ")


def logits(seed: int = 0, *, frames: int = 6, lines: int = 3, scale: float = 1.5) -> torch.Tensor:
    drawn = torch.randn(frames, lines, CHARSET.size, generator=torch.Generator().manual_seed(seed))
    return (scale * drawn).requires_grad_(True)


def test_entropy_is_that_of_the_posteriors_and_its_gradient_agrees_with_differences() -> None:
    x = logits().detach().double().requires_grad_(True)
    control = make_control("entropy", CHARSET)
    p = x.softmax(-1)
    by_hand = torch.distributions.Categorical(probs=p).entropy().sum(0)
    characters = torch.tensor([max(1, len(text)) for text in control(x).predictions])
    torch.testing.assert_close(control(x).per_line.double(), (by_hand / characters).detach(), rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(control(x).loss, x)
    assert gradient.abs().sum() > 0
    lower = control(x - 0.05 * gradient).value
    assert lower < control(x).value, "a step along the gradient must make the recogniser surer"


def test_pseudo_labels_are_ctc_on_the_own_reading() -> None:
    x = logits(1)
    out = make_control("pseudo_labels", CHARSET)(x)
    assert any(out.predictions), "an empty reading would test nothing"
    kept = [i for i, text in enumerate(out.predictions) if text]
    expected = ctc_term(x[:, kept], [out.predictions[i] for i in kept], CHARSET) * len(kept) / x.shape[1]
    torch.testing.assert_close(out.loss, expected)
    (gradient,) = torch.autograd.grad(out.loss, x)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", CONTROLS)
def test_a_line_that_reads_nothing_has_a_finite_loss_and_gradient(name: str) -> None:
    x = torch.zeros(5, 2, CHARSET.size)
    x[:, :, 0] = 30.0  # blanks everywhere
    x.requires_grad_(True)
    options = {"decoding": Reads(["", ""])} if name == "fused_readings" else {}
    out = make_control(name, CHARSET, **options)(x)
    assert out.predictions == ["", ""]
    (gradient,) = torch.autograd.grad(out.loss, x)
    assert out.loss.isfinite()
    assert gradient.isfinite().all()


class Reads:
    """A decoder that reads what it was told."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def read(self, logits: torch.Tensor, charset: Charset) -> list[str]:
        assert not logits.requires_grad
        return self.texts


def test_fused_readings_are_ctc_on_what_the_start_s_decoder_reads() -> None:
    x, texts = logits(2, frames=8), ["ab", "b a", "a"]
    control = make_control("fused_readings", CHARSET, decoding=Reads(texts))
    control.taught_by(logits(3, frames=8))
    control.decoding = Reads(["b", "b", "b"])  # read once: of the start
    torch.testing.assert_close(control(x).loss, ctc_term(x, texts, CHARSET))
    (gradient,) = torch.autograd.grad(control(x).loss, x)
    assert gradient.abs().sum() > 0
    with pytest.raises(ArgumentError, match="fused_readings needs decoding="):
        make_control("fused_readings", CHARSET)


def test_own_readings_stay_those_of_the_start() -> None:
    x, start = logits(4), logits(5)
    control = make_control("own_readings", CHARSET)
    control.taught_by(start)
    theirs = make_control("pseudo_labels", CHARSET)(start).predictions
    kept = [i for i, text in enumerate(theirs) if text]
    assert kept
    expected = ctc_term(x[:, kept], [theirs[i] for i in kept], CHARSET) * len(kept) / x.shape[1]
    torch.testing.assert_close(control(x).loss, expected)


def test_an_unknown_control_is_refused_by_name() -> None:
    with pytest.raises(ArgumentError, match=r"no control 'magic'; choose one of 'entropy', 'pseudo_labels'"):
        make_control("magic", CHARSET)


def test_the_scrambled_model_sees_other_letters_and_nothing_else_changes() -> None:
    class Seen:
        def __init__(self) -> None:
            self.texts: list[str] = []

        def score(self, texts: list[str]) -> torch.Tensor:
            self.texts = list(texts)
            return torch.zeros(len(texts))

    inside = Seen()
    scrambled = ScrambledLanguageModel(inside, seed=3)
    assert not hasattr(scrambled, "nll"), "a black box without nll must stay one"
    scrambled.score(["The the 7, q"])
    (text,) = inside.texts
    assert text[3] == text[7] == " "
    assert text.endswith(text[-1])
    assert text[8:11] == "7, "
    assert text[:3] == text[4].upper() + text[5:7], "capitals are exchanged as their small letters are"
    assert all(a != b for a, b in zip("The the", text[:7], strict=True) if a != " ")
    letters = "abcdefghijklmnopqrstuvwxyz"
    assert sorted(scrambled.scramble(letters)) == list(letters)
    assert scrambled.scramble(letters) == ScrambledLanguageModel(inside, seed=3).scramble(letters)
    assert scrambled.scramble(letters) != ScrambledLanguageModel(inside, seed=4).scramble(letters)


def test_its_automaton_costs_what_it_scores() -> None:
    charset = Charset.standard()
    scrambled = ScrambledLanguageModel(load_language_model("ngram").with_order(3), seed=1)  # type: ignore[union-attr]
    automaton = scrambled.automaton(charset)
    text = "the other day"
    state, nats = automaton.start, 0.0
    for character in text:
        column = charset.characters.index(character)
        nats += float(automaton.cost[state, column])
        state = int(automaton.next_state[state, column])
    assert nats == pytest.approx(float(scrambled.nll([text])[0]), rel=1e-5)
    assert nats > 1.5 * float(load_language_model("ngram").nll([text])[0]), "it would know the language"
