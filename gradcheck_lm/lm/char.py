"""A small character language model of GPT-2's architecture, trained from any text by one command.

    python -m gradcheck_lm.lm.char --text FILE [--text FILE ...] --out FOLDER

A text is cut into paragraphs; every fifth, by its hash, is held out: by `gradcheck_lm.texts.sides.is_test`, which
parts the recogniser's synthetic lines, too.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gradcheck_lm.errors import ArgumentError, DataError, GradcheckLMError
from gradcheck_lm.files import write_bytes_atomic, write_text_atomic
from gradcheck_lm.lm import hub
from gradcheck_lm.lm.checks import split
from gradcheck_lm.lm.score import LanguageModel
from gradcheck_lm.lm.tokens import CharacterTokens
from gradcheck_lm.lm.windows import token_stream, windows, word_starts
from gradcheck_lm.texts.sides import is_test
from gradcheck_lm.texts.sources import read_paragraphs

STANDARD_CHARACTERS = " !\"#&'()*+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class CharConfig:
    """Size of the model and of its training; the defaults make the model that ships with the package."""

    characters: str = STANDARD_CHARACTERS
    layers: int = 3
    width: int = 96
    heads: int = 4
    context: int = 256
    steps: int = 7000
    batch: int = 16
    window: int = 128
    learning_rate: float = 3e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.window <= self.context or min(self.steps, self.batch, self.layers) < 1:
            raise ArgumentError(
                "a character model needs 2 <= window <= context and at least one step, one layer and a batch of one, "
                f"got {self}"
            )
        if self.width % self.heads:
            raise ArgumentError(f"width={self.width} is not a multiple of heads={self.heads}")

    @property
    def longest(self) -> int:
        """Tokens in the longest training window."""
        return min(2 * self.window, self.context)


def train_char_model(
    texts: Sequence[str],
    config: CharConfig | None = None,
    *,
    held_out: Sequence[str] | None = None,
    progress: Callable[[dict[str, float]], None] | None = None,
) -> tuple[LanguageModel, dict[str, Any]]:
    """Train a character language model; nothing else random in the process is disturbed.

    Args:
        texts: paragraphs. Characters outside the model's become its unknown token.
        config: sizes and training; None is the shipped model's.
        held_out: paragraphs to measure on; None holds out a fifth of `texts` by their hash.
        progress: called with each point of the curve.
    Returns:
        The model, frozen, on the CPU; and the curve: points of step, seconds, loss and held-out loss, both in nats per
        character.
    Raises:
        DataError: the texts are shorter than one window, or nothing is left to train on.
    """
    config = CharConfig() if config is None else config
    if held_out is None:
        held_out = [text for text in texts if is_test(text)]
        texts = [text for text in texts if not is_test(text)]
    tokens = CharacterTokens(config.characters)
    training, measuring = token_stream(texts, tokens), token_stream(held_out, tokens)
    for stream, what in ((training, "training"), (measuring, "held-out")):
        if len(stream) <= config.longest + 1:
            raise DataError(
                f"{len(stream)} characters of {what} text are too few for windows of {config.longest}: give a longer "
                "text, with blank lines between its paragraphs"
            )
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(config.seed)  # a GPU's would not be put back
        module = build(config)
    curve = _fit(module, training, measuring, tokens, config, progress)
    model = LanguageModel(module, split(module, name="char"), tokens, name="char")
    return model, {"unit": "nats per character", "config": _plain(config), "points": curve}


def build(config: CharConfig) -> nn.Module:
    """An untrained model of this size, of transformers' GPT-2 class."""
    transformers = hub.require_transformers()
    tokens = CharacterTokens(config.characters)
    module: nn.Module = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=tokens.size,
            n_positions=config.context,
            n_embd=config.width,
            n_layer=config.layers,
            n_head=config.heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            activation_function="gelu_pytorch_tanh",  # gelu_new, computed in one kernel instead of eight
            initializer_range=0.06,
            bos_token_id=tokens.begin,
            eos_token_id=tokens.begin,
        )
    )
    return module


def save_char_model(model: LanguageModel, folder: str | Path, curve: dict[str, Any] | None = None) -> Path:
    """Write config.json, characters.json, float16 model.safetensors and, where given, curve.json; each in one step."""
    from safetensors.torch import save

    if not isinstance(model.tokens, CharacterTokens):
        raise DataError(f"{model.name!r} is not a character model; save it with its own save_pretrained")
    folder = Path(folder)
    module: Any = model.module
    settings = module.config.to_dict()
    settings.update(architectures=[type(module).__name__], dtype="float16")
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in module.state_dict().items()
        if name != "lm_head.weight"  # tied to the embeddings
    }
    write_bytes_atomic(folder / "model.safetensors", save(tensors, metadata={"format": "pt"}))
    write_text_atomic(folder / hub.CHARACTERS_FILE, json.dumps({"characters": model.tokens.characters}) + "\n")
    if curve is not None:
        write_text_atomic(folder / "curve.json", json.dumps(curve, indent=1) + "\n")
    # last, for it is what makes the folder a model
    write_text_atomic(folder / "config.json", json.dumps(settings, indent=1, default=str) + "\n")
    return folder


def _fit(
    module: nn.Module,
    training: Tensor,
    measuring: Tensor,
    tokens: CharacterTokens,
    config: CharConfig,
    progress: Callable[[dict[str, float]], None] | None,
) -> list[dict[str, float]]:
    generator = torch.Generator().manual_seed(config.seed)
    starts = word_starts(training, tokens, longest=config.longest)
    measured = word_starts(measuring, tokens, longest=config.longest)
    fixed = torch.Generator().manual_seed(0)
    probe = windows(measuring, measured, batch=64, window=config.window, tokens=tokens, generator=fixed)
    optimizer = torch.optim.AdamW(module.parameters(), lr=config.learning_rate, betas=(0.9, 0.95), weight_decay=0.05)
    warmup = min(200, config.steps // 10 + 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warmup, 0.5 + 0.5 * math.cos(math.pi * min(step / config.steps, 1.0))),
    )
    points: list[dict[str, float]] = []
    recent: list[float] = []
    began = time.monotonic()
    every = max(1, config.steps // 15)
    for step in range(1, config.steps + 1):
        # some windows of double length, so that all positions of the context are trained
        batch, window = (config.batch // 2 or 1, config.longest) if step % 8 == 0 else (config.batch, config.window)
        ids = windows(training, starts, batch=batch, window=window, tokens=tokens, generator=generator)
        loss = _loss(module.train(), ids)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        recent.append(float(loss.detach()))
        if step % every == 0 or step == config.steps:
            with torch.no_grad():
                held = float(_loss(module.eval(), probe))
            mean = sum(recent) / len(recent)
            point = {"step": step, "seconds": time.monotonic() - began, "loss": mean, "held_out_loss": held}
            points.append({key: round(value, 4) for key, value in point.items()})
            recent.clear()
            if progress is not None:
                progress(points[-1])
    return points


def _loss(module: nn.Module, ids: Tensor) -> Tensor:
    logits = module(input_ids=ids, use_cache=False).logits
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


def _plain(config: CharConfig) -> dict[str, Any]:
    return dict(vars(config))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code: 0, or 2 where the input cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m gradcheck_lm.lm.char", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--text",
        action="append",
        required=True,
        metavar="FILE",
        help='UTF-8 text, or "stdlib", "docstrings" or "bible" (see gradcheck_lm.texts.sources); may be repeated',
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where the model goes")
    parser.add_argument("--steps", type=int, default=CharConfig.steps, help="training steps (default %(default)s)")
    parser.add_argument("--seed", type=int, default=CharConfig.seed)
    options = parser.parse_args(arguments)

    def show(point: dict[str, float]) -> None:
        print(
            "step {step:.0f}  {seconds:.0f} s  loss {loss:.3f}  held out {held_out_loss:.3f} nats per character".format(
                **point
            ),
            flush=True,
        )

    try:
        texts = [paragraph for text in options.text for paragraph in read_paragraphs(text)]
        model, curve = train_char_model(texts, CharConfig(steps=options.steps, seed=options.seed), progress=show)
        print(f"saved in {save_char_model(model, options.out, curve)}")
    except (GradcheckLMError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
