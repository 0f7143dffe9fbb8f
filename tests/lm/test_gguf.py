"""Language models in GGUF files: read once and then from a copy that follows the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_models import SENTENCES, tokenizer

from gradcheck_lm.errors import LanguageModelError
from gradcheck_lm.lm import cache, hub, load_language_model


@pytest.fixture
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("GRADCHECK_LM_CACHE", str(folder))
    return folder


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with a byte-level tokenizer in a GGUF file, the form in which SmolLM2 comes."""
    import gguf
    import numpy as np

    words = tokenizer()
    backend = json.loads(words.backend_tokenizer.to_str())["model"]
    vocabulary = [token for token, _ in sorted(backend["vocab"].items(), key=lambda item: item[1])]
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    width, inner, heads, layers = 32, 64, 4, 2
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(vocabulary)
    writer.add_token_types([3] + [1] * (len(vocabulary) - 1))
    writer.add_token_merges([" ".join(pair) for pair in backend["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    random = np.random.default_rng(0)

    def add(name: str, *shape: int) -> None:
        writer.add_tensor(name, (random.standard_normal(shape) * 0.5).astype(np.float32))

    add("token_embd.weight", len(vocabulary), width)
    add("output_norm.weight", width)
    add("output.weight", len(vocabulary), width)
    for layer in range(layers):
        add(f"blk.{layer}.attn_norm.weight", width)
        add(f"blk.{layer}.ffn_norm.weight", width)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            add(f"blk.{layer}.{part}.weight", width, width)
        add(f"blk.{layer}.ffn_gate.weight", inner, width)
        add(f"blk.{layer}.ffn_up.weight", inner, width)
        add(f"blk.{layer}.ffn_down.weight", width, inner)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_file_is_read_once_and_then_from_its_copy(
    gguf_file: Path, private_cache: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import gguf

    reader, opened = gguf.GGUFReader, []

    def counted(path: Any, *arguments: Any) -> Any:
        opened.append(Path(path))
        return reader(path, *arguments)

    monkeypatch.setattr(gguf, "GGUFReader", counted)
    first = load_language_model(gguf_file, device="cpu")
    assert opened == [gguf_file]  # for configuration, weights and tokenizer together
    assert gguf.GGUFReader is counted  # and put back
    assert first.tokens.encode(SENTENCES[:1])[0] == tokenizer()(SENTENCES[0])["input_ids"]
    assert [folder.name.startswith("tiny-") for folder in private_cache.iterdir()] == [True]

    def refuse() -> None:
        raise AssertionError("read the GGUF file again")

    monkeypatch.setattr(hub, "_require_gguf", refuse)
    second = load_language_model(gguf_file, device="cpu")
    assert torch.equal(first.nll(SENTENCES[:3]), second.nll(SENTENCES[:3]))
    assert second.parameters_frozen
    assert capfd.readouterr().err == ""
    for one in (first, second):  # and both are plain models, whichever was loaded first
        assert next(one.module.float().parameters()).dtype == torch.float32


def test_a_damaged_copy_is_made_again(gguf_file: Path, private_cache: Path) -> None:
    expected = load_language_model(gguf_file, device="cpu").nll(SENTENCES[:3])
    (folder,) = private_cache.iterdir()
    for file in sorted(folder.iterdir()):
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        assert torch.equal(load_language_model(gguf_file, device="cpu").nll(SENTENCES[:3]), expected)
        assert cache.find(folder.name) == folder
    (folder / "config.json").unlink()
    assert cache.find(folder.name) is None
    assert not folder.exists()


def test_the_copy_follows_what_the_file_holds(gguf_file: Path, private_cache: Path, tmp_path: Path) -> None:
    other = tmp_path / gguf_file.name
    other.write_bytes(gguf_file.read_bytes() + b"\0")
    keys = {cache.cache_key(gguf_file, "a"), cache.cache_key(other, "a"), cache.cache_key(gguf_file, "b")}
    assert len(keys) == 3
    assert cache.cache_key(gguf_file, "a") in keys


def test_no_copy_is_kept_where_none_is_wanted(gguf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("GRADCHECK_LM_CACHE", "off")
    load_language_model(gguf_file, device="cpu")
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_stops_nothing(
    gguf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("GRADCHECK_LM_CACHE", str(tmp_path / "file" / "below"))
    load_language_model(gguf_file, device="cpu")

    def full(folder: Path) -> None:
        (folder / "part").write_text("half", encoding="utf-8")
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("GRADCHECK_LM_CACHE", str(tmp_path / "cache"))
    assert cache.keep("key", full) is None
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_gguf_file_is_named(gguf_file: Path, private_cache: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(gguf_file.read_bytes()[:4000])
    with pytest.raises(LanguageModelError, match=r"broken\.gguf' cannot be loaded as a causal language model"):
        load_language_model(broken)
    assert not private_cache.exists() or list(private_cache.iterdir()) == []
