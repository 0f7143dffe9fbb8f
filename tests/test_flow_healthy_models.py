"""No false alarm on healthy models, and the same bits with and without the recorder."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import transformers
from torch import Tensor, nn

from gradcheck_lm.flow import diagnose, record

Build = Callable[[], tuple[nn.Module, Callable[[], Tensor]]]
SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 50}
IDS = torch.arange(24).reshape(2, 12) % 50


def gpt2() -> tuple[nn.Module, Callable[[], Tensor]]:
    config = transformers.GPT2Config(
        n_layer=2, n_head=2, n_embd=16, n_positions=32, vocab_size=50, bos_token_id=0, eos_token_id=0
    )
    model = transformers.GPT2LMHeadModel(config)
    return model, lambda: model(IDS, labels=IDS).loss


def bert() -> tuple[nn.Module, Callable[[], Tensor]]:
    model = transformers.BertForMaskedLM(transformers.BertConfig(**SMALL, max_position_embeddings=32))
    return model, lambda: model(IDS, labels=IDS).loss


def llama() -> tuple[nn.Module, Callable[[], Tensor]]:
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL, max_position_embeddings=32))
    return model, lambda: model(IDS, labels=IDS).loss


def t5() -> tuple[nn.Module, Callable[[], Tensor]]:
    config = transformers.T5Config(
        d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, vocab_size=50, decoder_start_token_id=0
    )
    model = transformers.T5ForConditionalGeneration(config)
    return model, lambda: model(input_ids=IDS, labels=IDS).loss


def vit() -> tuple[nn.Module, Callable[[], Tensor]]:
    small = {key: value for key, value in SMALL.items() if key != "vocab_size"}
    model = transformers.ViTForImageClassification(
        transformers.ViTConfig(**small, image_size=16, patch_size=8, num_labels=3)
    )
    images = torch.randn(2, 3, 16, 16)
    return model, lambda: model(images, labels=torch.tensor([0, 2])).loss


def wav2vec2() -> tuple[nn.Module, Callable[[], Tensor]]:
    config = transformers.Wav2Vec2Config(
        **{**SMALL, "vocab_size": 12},
        conv_dim=(8, 8),
        conv_stride=(5, 2),
        conv_kernel=(10, 3),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2,
        mask_time_prob=0.3,
        mask_time_length=2,
        ctc_loss_reduction="mean",
    )
    model = transformers.Wav2Vec2ForCTC(config)
    sound, labels = torch.randn(2, 400), torch.randint(1, 12, (2, 4))
    return model, lambda: model(sound, labels=labels).loss


def lstm_ctc() -> tuple[nn.Module, Callable[[], Tensor]]:
    model = nn.ModuleDict({"rnn": nn.LSTM(6, 8, 2, bidirectional=True, dropout=0.2), "head": nn.Linear(16, 5)})
    frames, targets = torch.randn(12, 3, 6), torch.randint(1, 5, (3, 4))

    def loss() -> Tensor:
        hidden, _ = model["rnn"](frames)
        lengths = torch.full((3,), 12), torch.full((3,), 4)
        return nn.functional.ctc_loss(model["head"](hidden).log_softmax(-1), targets, *lengths)

    return model, loss


MODELS: list[Build] = [gpt2, bert, llama, t5, vit, wav2vec2, lstm_ctc]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_no_false_alarm(build: Build) -> None:
    model, loss = build()
    diagnosis = diagnose(loss, wrt=model)
    assert diagnosis.errors == (), str(diagnosis)
    assert diagnosis.ok, str(diagnosis)


@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_same_bits_with_and_without_the_recorder(build: Build) -> None:
    import numpy

    def run(watched: bool) -> tuple[Tensor, list[Tensor | None]]:
        torch.manual_seed(0)
        numpy.random.seed(0)
        model, loss = build()
        torch.manual_seed(1)
        if watched:
            with record() as watch:
                value = loss()
            watch.diagnose(value, wrt=model)
            assert all(parameter.grad is None for parameter in model.parameters())
        else:
            value = loss()
        value.backward()
        return value, [parameter.grad for parameter in model.parameters()]

    plain, plain_grads = run(False)
    watched, watched_grads = run(True)
    assert torch.equal(plain, watched)
    for one, two in zip(plain_grads, watched_grads, strict=True):
        assert (one is None) == (two is None)
        assert one is None or two is None or torch.equal(one, two)


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
