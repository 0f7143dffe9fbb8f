"""Tiny language models in the forms that real ones have, made on the spot with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

SENTENCES = [
    "the cat sat on the mat and the dog ran to the house",
    "a star is in the sky and the charts are on the wall",
    "It is a good start, but he will not storm the charts with this one.",
    "there were 12 of them; the others went home at 7.",
] * 4


def tokenizer(vocabulary: int = 320, *, bos: str | None = None) -> Any:
    """A byte-level BPE tokenizer trained on `SENTENCES`, as GPT-2's and SmolLM2's are."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=["<|endoftext|>"], initial_alphabet=alphabet, show_progress=False
    )
    backend.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=bos or "<|endoftext|>", eos_token="<|endoftext|>", model_max_length=64
    )


def save_model(folder: Path, kind: str = "gpt2", *, seed: int = 0) -> Path:
    """A random causal LM with its tokenizer, written as `save_pretrained` writes it."""
    import transformers

    words = tokenizer()
    shared = {"vocab_size": len(words), "bos_token_id": 0, "eos_token_id": 0}
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "initializer_range": 0.5,
    }
    torch.manual_seed(seed)
    if kind == "gpt2":
        config = transformers.GPT2Config(
            n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.5, **shared
        )
        model = transformers.GPT2LMHeadModel(config)
    elif kind == "llama":
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**shared, **sizes))
    elif kind == "granite":
        # scales its embeddings and its logits outside of the embedding layer and the head
        config = transformers.GraniteConfig(**shared, **sizes, logits_scaling=3.0, embedding_multiplier=2.0)
        model = transformers.GraniteForCausalLM(config)
    else:
        raise AssertionError(kind)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def one_hot(text: str, characters: str, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """(L, A) posteriors that are sure of every character of `text`."""
    columns = torch.tensor([characters.index(character) for character in text], dtype=torch.long)
    return torch.nn.functional.one_hot(columns, len(characters)).to(dtype).reshape(len(text), len(characters))


def uncertain(text: str, characters: str, *, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """(L, A) posteriors that lean towards `text`, a leaf that requires grad."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(len(text), len(characters), generator=generator, dtype=dtype)
    return (logits + 4 * one_hot(text, characters, dtype)).softmax(-1).requires_grad_()
