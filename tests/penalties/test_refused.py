"""What every penalty refuses, and how: options, logits, transcripts, and language models that answer nonsense."""

from __future__ import annotations

import math

import pytest
import torch
from penalties_fakes import ABC, TableLM, TinyLM
from penalties_listed import GENERIC, LABELS, READERS

from gradcheck_lm.errors import ArgumentError, LanguageModelError, ShapeError
from gradcheck_lm.penalties import make_penalty


def test_an_unknown_name_lists_the_names():
    with pytest.raises(ArgumentError, match=r"no penalty is called 'reinforce'; there are argmax, .*policy_gradient"):
        make_penalty("reinforce", TableLM(), ABC)


def test_an_unknown_option_lists_the_options():
    with pytest.raises(ArgumentError, match=r"no option 'sample'; .* samples=4, temperature=1.0.*seed=0"):
        make_penalty("policy_gradient", TableLM(), ABC, sample=3)
    with pytest.raises(ArgumentError, match=r"argmax has no option 'tau'; .*lm_sample_ratio=1.0, faithful=False"):
        make_penalty("argmax", TableLM(), ABC, tau=3)
    # options of the path form come from its parent
    assert make_penalty("policy_gradient_path", TableLM(), ABC, samples=7).samples == 7


def test_unknown_objective_and_reduction():
    with pytest.raises(ArgumentError, match="objective is 'loss'; choose one of 'hinge', 'score', 'ratio', 'sum'"):
        make_penalty("argmax", TableLM(), ABC, objective="loss")
    with pytest.raises(ArgumentError, match="reduction is 'sum'; choose one of 'mean', 'positive_mean'"):
        make_penalty("argmax", TableLM(), ABC, reduction="sum")


def test_something_that_is_no_language_model():
    with pytest.raises(ArgumentError, match=r"'str', which has no score\(texts\)"):
        make_penalty("argmax", "gpt2", ABC)


@pytest.mark.parametrize("name", GENERIC)
def test_wrong_input(name, logits):
    penalty = make_penalty(name, TinyLM(), ABC)
    cure = r'transcripts is None: pass 5 transcripts.*objective="ratio"' if name in READERS else "pass 5 transcripts"
    with pytest.raises(ArgumentError, match=cure):
        penalty(logits)
    with pytest.raises(ShapeError, match="3 transcripts for logits of N = 5"):
        penalty(logits, LABELS[:3])
    with pytest.raises(ArgumentError, match="sequence of strings"):
        penalty(logits[:, :2], "ab")
    with pytest.raises(ArgumentError, match="sequence of strings"):
        penalty(logits[:, :2], ["ab", 3])
    with pytest.raises(ShapeError, match=r"C = 3 classes.*makes 4"):
        penalty(logits[:, :, :3], LABELS)
    with pytest.raises(ShapeError, match="N = 0"):
        penalty(logits[:, :0], [])
    with pytest.raises(ShapeError, match="line 4 has length 10"):
        penalty(logits, LABELS, lengths=[9, 9, 9, 9, 10])
    for bad in (math.nan, math.inf):
        broken = logits.detach().clone()
        broken[3, 2, 1] = bad
        with pytest.raises(ArgumentError, match="line 2 hold NaN"):
            penalty(broken, LABELS)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (lambda texts: torch.zeros(len(texts), 1), r"shape \(\d+, 1\).*one number per text"),
        (lambda texts: torch.zeros(1), r"shape \(1,\)"),
        (lambda texts: torch.full((len(texts),), math.nan), "is NaN.*give inf"),
    ],
)
def test_a_language_model_that_answers_nonsense(scores, message, logits):
    class Nonsense:
        def score(self, texts):
            return scores(texts)

    with pytest.raises(LanguageModelError, match=message):
        make_penalty("policy_gradient", Nonsense(), ABC)(logits, LABELS)
