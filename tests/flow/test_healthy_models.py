"""No false alarm on healthy transformers models, judged by autograd itself, and the same bits with the recorder."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

transformers = pytest.importorskip("transformers", reason="the models are those of transformers")

import numpy  # noqa: E402
from tiny_models import BODY, IDS, MODELS, SMALL, Build, bert, llama  # noqa: E402

from gradcheck_lm.flow import diagnose, record  # noqa: E402


def built(build: Build) -> tuple[nn.Module, object]:
    torch.manual_seed(0)
    model, loss = build()
    return model.train(), loss


def gradients(build: Build, *, watched: bool) -> tuple[Tensor, dict[str, Tensor | None]]:
    """Loss and gradients of one step, each in the same random state."""
    model, loss = built(build)
    torch.manual_seed(1)
    numpy.random.seed(1)
    if watched:
        with record() as run:
            value = loss()
        run.diagnose(value, wrt=model)
        assert all(parameter.grad is None for parameter in model.parameters())
    else:
        value = loss()
    value.backward()
    return value.detach(), {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_no_false_alarm_and_the_same_bits(build: Build) -> None:
    plain, expected = gradients(build, watched=False)
    seen, found = gradients(build, watched=True)
    assert torch.equal(plain, seen)
    for name, gradient in expected.items():
        other = found[name]
        assert (gradient is None) == (other is None), name
        assert gradient is None or other is None or torch.equal(gradient, other), name

    model, loss = built(build)
    torch.manual_seed(1)
    numpy.random.seed(1)
    diagnosis = diagnose(loss, wrt=model)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert set(diagnosis.unreached) == {name for name in trained if expected[name] is None}
    assert set(diagnosis.zero) == {name for name in trained if expected[name] is not None and not expected[name].any()}
    assert diagnosis.errors == (), str(diagnosis)
    assert diagnosis.ok, str(diagnosis)


def test_at_least_eighteen_architectures() -> None:
    assert len({build.__name__ for build in MODELS}) >= 18


def unused_pooler() -> tuple[nn.Module, object]:
    model = transformers.BertModel(transformers.BertConfig(**SMALL, max_position_embeddings=32))
    return model, lambda: model(input_ids=IDS).last_hidden_state.square().mean()


def unused_last_block() -> tuple[nn.Module, object]:
    """The loss is taken from the hidden states in the middle: what lies above learns nothing."""
    model = transformers.ViTModel(transformers.ViTConfig(**BODY, image_size=16, patch_size=8))
    images = torch.randn(2, 3, 16, 16)
    return model, lambda: model(images, output_hidden_states=True).hidden_states[1].square().mean()


@pytest.mark.parametrize("build", [unused_pooler, unused_last_block])
def test_parameters_without_gradient_are_named(build: Build) -> None:
    """Not a false alarm: autograd gives these parameters None, and the finding names them and says why."""
    model, loss = built(build)
    torch.manual_seed(1)
    loss().backward()
    none = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    model.zero_grad()
    torch.manual_seed(1)
    diagnosis = diagnose(loss, wrt=model)
    assert none
    assert diagnosis.unreached == tuple(none)
    assert not diagnosis.ok
    assert {finding.kind for finding in diagnosis.errors} == {"constant"}
    assert {name for finding in diagnosis.errors for name in finding.tensors} == set(none)
    assert all("nothing computed from it reaches the loss" in finding.why for finding in diagnosis.errors)


def test_frozen_body_gives_notes_only() -> None:
    model, loss = bert()
    model.bert.requires_grad_(False)
    diagnosis = diagnose(loss, wrt=model)
    assert diagnosis.ok
    assert {finding.severity for finding in diagnosis.findings} <= {"note"}
    assert "frozen" in {finding.kind for finding in diagnosis.findings}


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_enable:FutureWarning")
def test_gradient_checkpointing_of_transformers() -> None:
    for reentrant in (False, True):
        model, loss = llama()
        model.train()
        model.gradient_checkpointing_enable({"use_reentrant": reentrant})
        if reentrant:
            model.enable_input_require_grads()
        diagnosis = diagnose(loss, wrt=model)
        assert diagnosis.ok, str(diagnosis)
        assert diagnosis.errors == ()


@pytest.mark.filterwarnings("ignore:.*gradient_checkpointing_enable:FutureWarning")
def test_reentrant_checkpointing_of_a_frozen_first_layer_is_found() -> None:
    model, loss = llama()
    model.train()
    model.model.embed_tokens.requires_grad_(False)
    model.lm_head.requires_grad_(True)
    model.gradient_checkpointing_enable({"use_reentrant": True})
    model.disable_input_require_grads()
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        diagnosis = diagnose(loss, wrt=model)
    assert diagnosis.findings[0].kind == "grad_disabled"
    assert "checkpoint" in diagnosis.findings[0].op
    assert any("layers.0" in name for name in diagnosis.unreached)
