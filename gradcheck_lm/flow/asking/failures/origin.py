"""From a value that is not finite back to the operation that made it so: through what is known, and what is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gradcheck_lm.flow.operations.names import words

# of finite numbers these make NaN or infinity; of the rest only sums and products that overflow do
_POLES = words(
    """
    log log_ log2 log10 log1p sqrt sqrt_ rsqrt div div_ __truediv__ __rtruediv__ true_divide reciprocal pow __pow__
    __rpow__ exp exp_ exp2 expm1 acos asin acosh atanh erfinv logit tan cosh sinh lgamma digamma polygamma norm
    vector_norm std var normalize cosine_similarity cross_entropy nll_loss ctc_loss binary_cross_entropy kl_div mean
    nanmean inv det logdet slogdet cholesky solve float_power float_power_ half to xlogy logsumexp softmax log_softmax
    scaled_dot_product_attention multi_head_attention_forward
    """
)
_SELDOM = words("div div_ __truediv__ true_divide pow __pow__ float_power")


def origin(recording: Any, tokens: Iterable[int], known: Mapping[int, bool]) -> tuple[int | None, bool]:
    """(call, whether all that enters it is known to be finite): the operation that made one of the tokens not finite.

    Args:
        recording: the calls and tokens of a forward pass.
        tokens: of the loss.
        known: token -> finite, as far as the values were seen.
    """
    seen: set[int] = set()
    current = next((made for token in tokens if (made := recording.tokens[token].producer) >= 0), -1)
    while current >= 0 and current not in seen:
        seen.add(current)
        bad = _bad_before(recording, current, known)
        if bad is None:
            break
        current = bad
    if current < 0:
        return None, False
    stretch = _unknown_stretch(recording, current, known)
    poles = [call for call in stretch if recording.calls[call].operation.name in _POLES]
    poles = [call for call in poles if not _is_by_a_number(recording.calls[call])] or poles
    entered = [call for call in stretch if any(known.get(token) is False for token in recording.calls[call].inputs)]
    found = min(entered or poles, default=current)  # a weight that is so already needs no pole
    inputs = [token for token in recording.calls[found].inputs if token >= 0]
    return found, bool(inputs) and all(known.get(token, False) for token in inputs)


def _is_by_a_number(call: Any) -> bool:
    """A division by a number, which is seldom 0, or a power, which is mostly a square."""
    return call.operation.name in _SELDOM and sum(token >= 0 for token in call.inputs) < 2


def _bad_before(recording: Any, call: int, known: Mapping[int, bool]) -> int | None:
    """The call that made a value which is known not to be finite and leads to this call; None where there is none."""
    for index in (call, *_unknown_stretch(recording, call, known)):
        for token in recording.calls[index].inputs:
            if token >= 0 and known.get(token) is False and recording.tokens[token].producer >= 0:
                return int(recording.tokens[token].producer)
    return None


def _unknown_stretch(recording: Any, call: int, known: Mapping[int, bool]) -> list[int]:
    """This call and those before it whose results were not seen."""
    found, stack = {call: None}, [call]
    while stack:
        for token in recording.calls[stack.pop()].inputs:
            made = recording.tokens[token].producer if token >= 0 and token not in known else -1
            if made >= 0 and made not in found:
                found[made] = None
                stack.append(made)
    return list(found)
