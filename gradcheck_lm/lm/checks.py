"""Is this model a causal language model? Asked of its configuration, its weights, and then of its behaviour."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn

from gradcheck_lm import bounds
from gradcheck_lm.errors import LanguageModelError, with_article
from gradcheck_lm.lm.score import Parts

_CURE = "pass a causal (left-to-right) model such as 'smollm2', 'gpt2' or 'char'"
_CAUSAL_SUFFIXES = ("ForCausalLM", "LMHeadModel")
_NUMBERED = re.compile(r"(^|\.)\d+\.")  # a layer's
# masks and tables that older versions of transformers wrote beside the weights, and that are computed today
_COMPUTED = (".attn.bias", ".attn.masked_bias", ".attention.bias", ".attention.masked_bias", "rotary_emb.inv_freq")


def check_config(config: Any, *, name: str) -> None:
    """Raise LanguageModelError where the configuration already says that the model is not a causal LM."""
    architectures = list(getattr(config, "architectures", None) or [])
    if getattr(config, "is_encoder_decoder", False):
        raise LanguageModelError(f"{name!r} is an encoder-decoder ({_names(architectures, config)}); {_CURE}")
    if architectures and not any(architecture.endswith(_CAUSAL_SUFFIXES) for architecture in architectures):
        raise LanguageModelError(
            f"{name!r} is not a causal language model but {with_article(_names(architectures, config))}; {_CURE}"
        )

    layers = getattr(config, "num_hidden_layers", 1)
    if not isinstance(layers, int) or isinstance(layers, bool) or layers < 1:
        raise LanguageModelError(
            f"the config of {name!r} says {layers!r} layers, a model has at least 1: copy its config.json again"
        )
    bounds.LAYERS.hold(layers, f"the config of {name!r}", error=LanguageModelError)


def check_vocabulary(size: int, parts: Parts, *, name: str, exact: bool = False) -> None:
    """Raise LanguageModelError where tokenizer and model do not belong together.

    Args:
        size: how many tokens the tokenizer knows; models may embed more, for the sake of a round number.
        exact: a character model has one embedding a token, and no more.
    """
    if exact and size != parts.vocabulary:
        raise LanguageModelError(
            f"the characters of {name!r} make {size} tokens (two are not characters) and the model embeds "
            f"{parts.vocabulary}: they do not belong together; copy both from the same source"
        )
    if size > parts.vocabulary:
        raise LanguageModelError(
            f"the tokenizer of {name!r} has {size} tokens and the model embeds {parts.vocabulary}: they do not belong "
            "together; copy both from the same source"
        )


def check_weights(missing: set[str], *, name: str) -> None:
    """Raise LanguageModelError where weights were missing: transformers would go on with random ones."""
    if missing:
        first = ", ".join(sorted(missing)[:3])
        raise LanguageModelError(
            f"the weights of {name!r} lack {len(missing)} tensors that its language model needs (first: {first}); they "
            f"are another model's, or incomplete: copy the folder again, or {_CURE}"
        )


def check_left_over(left: set[str], module: nn.Module, *, name: str) -> None:
    """Raise LanguageModelError where the file has weights of the language model that its config has no place for.

    transformers would score with a part of the model. A head for another task may be left over: nothing reads it here.
    """
    base = getattr(module, "base_model_prefix", "") or "model"
    own = sorted(
        key
        for key in left
        if not key.endswith(_COMPUTED) and (key.startswith((f"{base}.", "lm_head.")) or _NUMBERED.search(key))
    )
    if own:
        raise LanguageModelError(
            f"the weights of {name!r} hold {len(own)} tensors more than its config speaks of (first: "
            f"{', '.join(own[:3])}), so that a part of the model would answer: they are of two models, or the config "
            f"was changed; copy the folder again"
        )


@torch.no_grad()
def split(module: nn.Module, *, name: str) -> Parts:
    """The model's body and head, checked by running it: that it is causal, and that head(body(x)) is its output."""
    config: Any = module.config
    embeddings: Any = module.get_input_embeddings()  # type: ignore[operator]
    vocabulary, width = embeddings.weight.shape
    ids = torch.arange(6, device=embeddings.weight.device)[None] * 7 % vocabulary
    logits = module(input_ids=ids, use_cache=False).logits
    _check_causal(module, ids, logits, vocabulary, name=name)
    body, head = _whole(module)
    halves = _halves(module)
    if halves is not None:
        parted = halves[1](halves[0](ids=ids, mask=torch.ones_like(ids, dtype=torch.bool)))
        # some models scale or cap their logits after the head: those keep their own forward
        if parted.shape == logits.shape and torch.allclose(parted.float(), logits.float(), rtol=1e-3, atol=1e-3):
            body, head = halves
    context = getattr(config, "max_position_embeddings", None)
    return Parts(body, head, embeddings, width, vocabulary, context)


def _check_causal(module: nn.Module, ids: Tensor, logits: Tensor, vocabulary: int, *, name: str) -> None:
    other = ids.clone()
    other[0, -1] = (other[0, -1] + 1) % vocabulary
    before = logits[:, :-1].float()
    after = module(input_ids=other, use_cache=False).logits[:, :-1].float()
    # the earlier positions of a causal model see the same numbers in the same kernels: all but bit-equal
    if not torch.allclose(before, after, rtol=0.0, atol=1e-4 * float(before.abs().amax())):
        raise LanguageModelError(
            f"{name!r} looks ahead: changing the last token changed what it says of earlier ones "
            f"(by up to {float((before - after).abs().amax()):.3g}), so it is not a causal language model; {_CURE}"
        )


def _whole(module: nn.Module) -> tuple[Any, Any]:
    def body(*, ids: Tensor | None = None, embeds: Tensor | None = None, mask: Tensor) -> Tensor:
        logits: Tensor = module(input_ids=ids, inputs_embeds=embeds, attention_mask=mask.long(), use_cache=False).logits
        return logits

    return body, lambda hidden: hidden


def _halves(module: nn.Module) -> tuple[Any, Any] | None:
    base: Any = getattr(module, "base_model", module)
    head: Any = module.get_output_embeddings()  # type: ignore[operator]
    if base is module or head is None:
        return None

    def body(*, ids: Tensor | None = None, embeds: Tensor | None = None, mask: Tensor) -> Tensor:
        hidden: Tensor = base(
            input_ids=ids, inputs_embeds=embeds, attention_mask=mask.long(), use_cache=False
        ).last_hidden_state
        return hidden

    return body, head


def _names(architectures: list[str], config: Any) -> str:
    return ", ".join(architectures) or str(getattr(config, "model_type", "model of unknown type"))
