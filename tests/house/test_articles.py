"""Errors say "an SGD": an article before a name is chosen by how the name is spoken, in one place."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import torch
from torch import nn

import gradcheck_lm
from gradcheck_lm.errors import TraceError, class_of, with_article
from gradcheck_lm.flow import diagnose
from gradcheck_lm.flow.operations.names import words

AN = words("""
    ASGD Adadelta Adafactor Adagrad Adam AdamW Adamax LBFGS NAdam Optimizer RAdam RMSprop Rprop SGD int object ndarray
    nn.Module MLP LSTM RNN RMSNorm MSELoss HTTPError Encoder Unknown Unflatten Upsample XLMRoberta FSDPModule EMA
    LRScheduler L1Loss Identity OrderedDict Ellipsis
""")
A = words("""
    Muon SparseAdam Linear NoneType str float list dict tuple bool set function generator coroutine module method slice
    GRU UNet ReLU ModuleList Sequential UserDict uint8 Union BertModel DataFrame LAMB T5Model Tensor Hook Threshold
    OneCycleLR Swin SmoothL1Loss _Missing bytes Fraction range StepLR Softmax Dropout Parameter YOLO
""")


@pytest.mark.parametrize("name", sorted(AN))
def test_an(name: str) -> None:
    assert with_article(name) == f"an {name}"


@pytest.mark.parametrize("name", sorted(A))
def test_a(name: str) -> None:
    assert with_article(name) == f"a {name}"


def test_every_optimizer_of_torch_is_in_the_lists() -> None:
    optimizers = {name for name, value in vars(torch.optim).items() if inspect.isclass(value)}
    assert optimizers <= {*A, *AN}


def test_an_error_says_it() -> None:
    assert class_of(3) == "an int"
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters())
    with pytest.raises(TraceError, match=r"^wrt is an SGD; pass the model"):
        diagnose(lambda: 0.0, wrt=optimizer)


def test_no_text_has_an_article_of_its_own_before_a_class() -> None:
    own = re.compile(r"\b(a|an) (\"\s*f?\")?\{type\(")
    files = Path(gradcheck_lm.__file__).parent.rglob("*.py")
    assert [str(path) for path in files if own.search(path.read_text(encoding="utf-8"))] == []
