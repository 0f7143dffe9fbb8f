"""transformers architectures at the smallest size they have, each with one training loss: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers as tf
from torch import Tensor, nn

Model = tuple[nn.Module, Callable[[], Tensor]]
Build = Callable[[], Model]
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 50,
}
BODY = {key: value for key, value in SMALL.items() if key != "vocab_size"}
SPECIAL = {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 3}
IDS = torch.arange(24).reshape(2, 12) % 45 + 4


def _texts(model: nn.Module) -> Model:
    """A model with labels of the shape of its input: causal, masked or sequence to sequence."""
    return model, lambda: model(input_ids=IDS, labels=IDS).loss


def _images(model: nn.Module, size: int) -> Model:
    images = torch.randn(2, 3, size, size)
    return model, lambda: model(images, labels=torch.tensor([0, 2])).loss


# ---------------------------------------------------------------------- decoders


def gpt2() -> Model:
    return _texts(
        tf.GPT2LMHeadModel(tf.GPT2Config(n_layer=2, n_head=2, n_embd=16, n_positions=32, vocab_size=50, **SPECIAL))
    )


def llama() -> Model:
    return _texts(tf.LlamaForCausalLM(tf.LlamaConfig(**SMALL, max_position_embeddings=32)))


def mistral() -> Model:
    return _texts(tf.MistralForCausalLM(tf.MistralConfig(**SMALL, num_key_value_heads=1, sliding_window=4, head_dim=8)))


def qwen2() -> Model:
    return _texts(tf.Qwen2ForCausalLM(tf.Qwen2Config(**SMALL, num_key_value_heads=1, tie_word_embeddings=True)))


def opt() -> Model:
    config = tf.OPTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=32, vocab_size=50, word_embed_proj_dim=8
    )
    return _texts(tf.OPTForCausalLM(config))


def gpt_neox() -> Model:
    return _texts(tf.GPTNeoXForCausalLM(tf.GPTNeoXConfig(**SMALL, max_position_embeddings=32)))


def mixtral() -> Model:
    config = tf.MixtralConfig(
        **SMALL, num_key_value_heads=1, num_local_experts=2, num_experts_per_tok=2, output_router_logits=True
    )
    return _texts(tf.MixtralForCausalLM(config))


def mamba() -> Model:
    return _texts(tf.MambaForCausalLM(tf.MambaConfig(hidden_size=16, state_size=4, num_hidden_layers=2, vocab_size=50)))


def gemma2() -> Model:
    return _texts(tf.Gemma2ForCausalLM(tf.Gemma2Config(**SMALL, num_key_value_heads=1, head_dim=8, sliding_window=4)))


def bloom() -> Model:
    return _texts(tf.BloomForCausalLM(tf.BloomConfig(hidden_size=16, n_layer=2, n_head=2, vocab_size=50)))


# ---------------------------------------------------------------------- encoders


def bert() -> Model:
    return _texts(tf.BertForMaskedLM(tf.BertConfig(**SMALL, max_position_embeddings=32)))


def roberta() -> Model:
    return _texts(tf.RobertaForMaskedLM(tf.RobertaConfig(**SMALL, max_position_embeddings=32)))


def distilbert() -> Model:
    config = tf.DistilBertConfig(
        dim=16, n_layers=2, n_heads=2, hidden_dim=32, vocab_size=50, max_position_embeddings=32
    )
    return _texts(tf.DistilBertForMaskedLM(config))


def deberta_v2() -> Model:
    config = tf.DebertaV2Config(
        **SMALL,
        max_position_embeddings=32,
        relative_attention=True,
        position_buckets=4,
        pos_att_type=["p2c", "c2p"],
        norm_rel_ebd="layer_norm",
    )
    return _texts(tf.DebertaV2ForMaskedLM(config))


def electra() -> Model:
    model = tf.ElectraForPreTraining(tf.ElectraConfig(**SMALL, embedding_size=8, max_position_embeddings=32))
    return model, lambda: model(input_ids=IDS, labels=IDS % 2).loss


def albert() -> Model:
    model = tf.AlbertForSequenceClassification(
        tf.AlbertConfig(**SMALL, embedding_size=8, max_position_embeddings=32, num_labels=3)
    )
    return model, lambda: model(input_ids=IDS, labels=torch.tensor([0, 2])).loss


# ---------------------------------------------------------------------- encoder and decoder


def t5() -> Model:
    config = tf.T5Config(
        d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, vocab_size=50, decoder_start_token_id=0
    )
    return _texts(tf.T5ForConditionalGeneration(config))


_SEQ2SEQ: dict[str, Any] = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 32,
    "vocab_size": 50,
    "decoder_start_token_id": 2,
    "forced_eos_token_id": 3,
    **SPECIAL,
}


def bart() -> Model:
    return _texts(tf.BartForConditionalGeneration(tf.BartConfig(**_SEQ2SEQ)))


def marian() -> Model:
    return _texts(tf.MarianMTModel(tf.MarianConfig(**_SEQ2SEQ)))


def trocr() -> Model:
    """The architecture of TrOCR: a ViT reads, a text decoder writes; without the encoder's pooler, which it has not."""
    encoder = tf.ViTModel(tf.ViTConfig(**BODY, image_size=16, patch_size=8), add_pooling_layer=False)
    decoder = tf.TrOCRForCausalLM(
        tf.TrOCRConfig(
            d_model=16,
            decoder_layers=2,
            decoder_attention_heads=2,
            decoder_ffn_dim=32,
            vocab_size=50,
            max_position_embeddings=32,
            cross_attention_hidden_size=16,
            **SPECIAL,
        )
    )
    model = tf.VisionEncoderDecoderModel(encoder=encoder, decoder=decoder)
    model.config.decoder_start_token_id, model.config.pad_token_id = 2, 1
    images = torch.randn(2, 3, 16, 16)
    return model, lambda: model(pixel_values=images, labels=IDS).loss


# ---------------------------------------------------------------------- vision


def vit() -> Model:
    return _images(tf.ViTForImageClassification(tf.ViTConfig(**BODY, image_size=16, patch_size=8, num_labels=3)), 16)


def swin() -> Model:
    config = tf.SwinConfig(
        image_size=16, patch_size=2, embed_dim=8, depths=[2, 1], num_heads=[1, 2], window_size=4, num_labels=3
    )
    return _images(tf.SwinForImageClassification(config), 16)


def convnext() -> Model:
    config = tf.ConvNextConfig(
        num_stages=2, hidden_sizes=[8, 16], depths=[1, 1], patch_size=2, num_labels=3, drop_path_rate=0.1
    )
    return _images(tf.ConvNextForImageClassification(config), 16)


def resnet() -> Model:
    config = tf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=3)
    return _images(tf.ResNetForImageClassification(config), 32)


# ---------------------------------------------------------------------- speech


_SPEECH: dict[str, Any] = {
    **SMALL,
    "vocab_size": 12,
    "conv_dim": (8, 8),
    "conv_stride": (5, 2),
    "conv_kernel": (10, 3),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "mask_time_prob": 0.3,
    "mask_time_length": 2,
    "layerdrop": 0.0,
    "ctc_loss_reduction": "mean",
}


def _speech(model: nn.Module) -> Model:
    sound, labels = torch.randn(2, 400), torch.randint(1, 12, (2, 4))
    return model, lambda: model(sound, labels=labels).loss


def wav2vec2() -> Model:
    return _speech(tf.Wav2Vec2ForCTC(tf.Wav2Vec2Config(**_SPEECH)))


def hubert() -> Model:
    return _speech(tf.HubertForCTC(tf.HubertConfig(**_SPEECH)))


def whisper() -> Model:
    config = tf.WhisperConfig(
        **{
            key: value
            for key, value in _SEQ2SEQ.items()
            if key not in ("max_position_embeddings", "forced_eos_token_id")
        },
        num_mel_bins=8,
        max_source_positions=10,
        max_target_positions=32,
        begin_suppress_tokens=None,
        suppress_tokens=None,
    )
    model = tf.WhisperForConditionalGeneration(config)
    features = torch.randn(2, 8, 20)
    return model, lambda: model(input_features=features, labels=IDS).loss


DECODERS: list[Build] = [gpt2, llama, mistral, qwen2, opt, gpt_neox, mixtral, mamba, gemma2, bloom]
ENCODERS: list[Build] = [bert, roberta, distilbert, deberta_v2, electra, albert]
SEQUENCES: list[Build] = [t5, bart, marian, trocr]
VISION: list[Build] = [vit, swin, convnext, resnet]
SPEECH: list[Build] = [wav2vec2, hubert, whisper]
MODELS: list[Build] = [*DECODERS, *ENCODERS, *SEQUENCES, *VISION, *SPEECH]
