"""Small programs with one cut, each beside its straight-through estimator written by hand; what is asked of both."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gradcheck_lm.flow import Diagnosis, Finding

torch.manual_seed(0)
LAYER = nn.Linear(6, 5)
DATA = torch.randn(7, 6)
TABLE = torch.randn(5, 3)
SIDE = torch.randn(7, 5)
FROZEN = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 1)).requires_grad_(False)
CODES = torch.randn(9, 5)


def hard_with(hard: Tensor, soft: Tensor) -> Tensor:
    return hard.to(soft.dtype) + soft - soft.detach()


def argmax_embedding() -> Tensor:
    return F.embedding(LAYER(DATA).argmax(-1), TABLE).square().mean()


def argmax_embedding_soft() -> Tensor:
    logits = LAYER(DATA)
    return (hard_with(F.one_hot(logits.argmax(-1), 5), logits.softmax(-1)) @ TABLE).square().mean()


def argmax_number() -> Tensor:
    return (LAYER(DATA).argmax(dim=1, keepdim=True).float() * SIDE).square().mean()


def argmax_number_soft() -> Tensor:
    logits = LAYER(DATA)
    expected = hard_with(logits.argmax(1, keepdim=True), (logits.softmax(-1) * torch.arange(5.0)).sum(-1, keepdim=True))
    return (expected * SIDE).square().mean()


def one_hot() -> Tensor:
    return (F.one_hot(LAYER(DATA).argmax(-1), 8).float()[:, :5] * SIDE).sum()


def one_hot_soft() -> Tensor:
    logits = LAYER(DATA)
    return (hard_with(F.one_hot(logits.argmax(-1), 5), logits.softmax(-1)) * SIDE).sum()


def topk() -> Tensor:
    return TABLE[LAYER(DATA).topk(2, dim=-1).indices].square().mean()


def topk_soft() -> Tensor:
    logits = LAYER(DATA)
    values, indices = logits.topk(2, dim=-1)
    soft = torch.softmax(-(values[..., None] - logits[:, None, :]).abs(), -1)
    return (hard_with(F.one_hot(indices, 5), soft) @ TABLE).square().mean()


def rounded() -> Tensor:
    return (LAYER(DATA).mul(3).round() * SIDE).mean()


def rounded_soft() -> Tensor:
    value = LAYER(DATA) * 3
    return (hard_with(value.round(), value) * SIDE).mean()


def cast() -> Tensor:
    return (LAYER(DATA).mul(9).long() * SIDE).mean()


def cast_soft() -> Tensor:
    value = LAYER(DATA) * 9
    return (hard_with(value.long(), value) * SIDE).mean()


def mask() -> Tensor:
    return ((LAYER(DATA).sigmoid() > 0.5).float() * SIDE).mean()


def mask_soft() -> Tensor:
    value = LAYER(DATA).sigmoid()
    return (hard_with(value > 0.5, value - 0.5) * SIDE).mean()


def two_masks() -> Tensor:
    value = LAYER(DATA)
    return ((value > 0.1).float() * SIDE + (value < 0.2).float() * SIDE.flip(0)).mean()


def two_masks_soft() -> Tensor:
    value = LAYER(DATA)
    above, below = hard_with(value > 0.1, value - 0.1), hard_with(value < 0.2, 0.2 - value)
    return (above * SIDE + below * SIDE.flip(0)).mean()


def where_mask() -> Tensor:
    low = LAYER(DATA) < 0.3
    return torch.where(~low & (SIDE > 0), SIDE, 2 * SIDE).square().mean()


def where_mask_soft() -> Tensor:
    value = LAYER(DATA)
    low = hard_with(value < 0.3, 0.3 - value)
    chosen = (1 - low) * (SIDE > 0)
    return (chosen * SIDE + (1 - chosen) * 2 * SIDE).square().mean()


def clamped() -> Tensor:
    return (LAYER(DATA) + 100).clamp(0, 1).mul(SIDE).mean()


def clamped_soft() -> Tensor:
    value = LAYER(DATA) + 100
    return hard_with(value.clamp(0, 1), value).mul(SIDE).mean()


def detached() -> Tensor:
    return FROZEN(LAYER(DATA).detach().tanh()).mean()


def attached() -> Tensor:
    return FROZEN(LAYER(DATA).tanh()).mean()


def data_attribute() -> Tensor:
    return FROZEN(LAYER(DATA).data.tanh()).mean()


def under_no_grad() -> Tensor:
    value = LAYER(DATA).tanh()
    with torch.no_grad():
        return FROZEN(value).mean()


@torch.inference_mode()
def inferred(value: Tensor) -> Tensor:
    return FROZEN(value).mean()


def under_inference_mode() -> Tensor:
    return inferred(LAYER(DATA).tanh())


def sampled() -> Tensor:
    torch.manual_seed(3)
    return torch.distributions.Normal(LAYER(DATA), 0.5 + LAYER(DATA).square()).sample().square().mean()


def resampled() -> Tensor:
    torch.manual_seed(3)
    return torch.distributions.Normal(LAYER(DATA), 0.5 + LAYER(DATA).square()).rsample().square().mean()


def categorical() -> Tensor:
    torch.manual_seed(4)
    return TABLE[torch.distributions.Categorical(logits=LAYER(DATA)).sample()].square().mean()


def categorical_soft() -> Tensor:
    torch.manual_seed(4)
    given = torch.distributions.Categorical(logits=LAYER(DATA))
    return (hard_with(F.one_hot(given.sample(), 5), given.probs) @ TABLE).square().mean()


def item() -> Tensor:
    return SIDE.mean() * LAYER(DATA).square().mean().item()


def no_item() -> Tensor:
    return SIDE.mean() * LAYER(DATA).square().mean()


def plain_number() -> float:
    return LAYER(DATA).square().mean().item()


def no_plain_number() -> Tensor:
    return LAYER(DATA).square().mean()


def numpy_and_back() -> Tensor:
    with torch.no_grad():
        array = LAYER(DATA).numpy()
    return torch.from_numpy(array).square().mean()


def list_of_items() -> Tensor:
    return torch.tensor([row.square().sum().item() for row in LAYER(DATA)]).square().mean()


def list_of_rows() -> Tensor:
    return torch.stack([row.square().sum() for row in LAYER(DATA)]).square().mean()


def list_of_tensors() -> Tensor:
    return torch.tensor([row.square().sum() for row in LAYER(DATA)]).square().mean()


def vector_quantised() -> Tensor:
    code = LAYER(DATA)
    return (CODES[torch.cdist(code, CODES).argmin(-1)] - SIDE).square().mean()


def vector_quantised_soft() -> Tensor:
    distance = torch.cdist(LAYER(DATA), CODES)
    return (hard_with(F.one_hot(distance.argmin(-1), 9), (-distance).softmax(-1)) @ CODES - SIDE).square().mean()


CASES: list[tuple[str, Callable[[], Tensor | float], Callable[[], Tensor]]] = [
    ("discrete_op", argmax_embedding, argmax_embedding_soft),
    ("discrete_op", argmax_number, argmax_number_soft),
    ("discrete_op", one_hot, one_hot_soft),
    ("discrete_op", topk, topk_soft),
    ("discrete_op", mask, mask_soft),
    ("discrete_op", two_masks, two_masks_soft),
    ("discrete_op", where_mask, where_mask_soft),
    ("discrete_op", vector_quantised, vector_quantised_soft),
    ("integer_cast", cast, cast_soft),
    ("zero_gradient", rounded, rounded_soft),
    ("zero_gradient", clamped, clamped_soft),
    ("detach", detached, attached),
    ("detach", data_attribute, attached),
    ("grad_disabled", under_no_grad, attached),
    ("grad_disabled", under_inference_mode, attached),
    ("sampling", sampled, resampled),
    ("sampling", categorical, categorical_soft),
    ("left_torch", item, no_item),
    ("left_torch", plain_number, no_plain_number),
    ("left_torch", list_of_items, list_of_rows),
    ("new_leaf", list_of_items, list_of_rows),
    ("new_leaf", list_of_tensors, list_of_rows),
]


def the(diagnosis: Diagnosis, kind: str) -> Finding:
    return next(finding for finding in diagnosis.errors if finding.kind == kind)


def norm_of(loss: Tensor, tensors: list[Tensor]) -> float:
    found = torch.autograd.grad(loss, tensors, allow_unused=True)
    return sum(float(value.square().sum()) for value in found if value is not None) ** 0.5
