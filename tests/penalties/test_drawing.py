"""Every way of drawing readings: repeatable, of any dtype and length, with nothing read, and on any device."""

from __future__ import annotations

import math

import pytest
import torch
from penalties_exact import LABEL
from penalties_fakes import ABC, TableLM, generator, logits_for, random_logits
from penalties_fusion import FUSED

from gradcheck_lm.penalties import make_penalty

WAYS = [
    ("policy_gradient", {"replacement": False}),
    ("policy_gradient_path", {"replacement": False}),
    ("policy_gradient", {"proposals": "beam"}),
    ("policy_gradient", FUSED),
    ("policy_gradient", {**FUSED, "temperature": 2.0, "self_normalise": True, "normalise_advantage": True}),
    ("minimum_risk", {"proposals": "beam"}),
    ("minimum_risk", FUSED),
]


@pytest.mark.parametrize(("name", "options"), WAYS)
def test_draws_are_repeatable_and_the_global_state_is_left_alone(name, options):
    logits = random_logits(6, 3, 4).requires_grad_()
    penalty = make_penalty(name, TableLM(), ABC, **options)
    before = torch.get_rng_state()
    gradients = [
        torch.autograd.grad(penalty(logits, [LABEL] * 3, generator=generator(seed)).loss, logits)[0]
        for seed in (3, 3, 4)
    ]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(gradients[0], gradients[1])
    if name != "minimum_risk":
        assert not torch.equal(gradients[0], gradients[2])


@pytest.mark.parametrize(("name", "options"), WAYS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtypes_lengths_and_padding_of_nan(name, options, dtype):
    lengths = torch.tensor([9, 6, 1, 0])
    logits = random_logits(9, 4, 4, dtype=dtype)
    logits[torch.arange(9)[:, None] >= lengths] = math.nan
    logits.requires_grad_()
    for objective in ("hinge", "score", "ratio"):
        penalty = make_penalty(name, TableLM(dtype=torch.float32), ABC, objective=objective, **options)
        out = penalty(logits, [LABEL] * 4, lengths=lengths)
        (gradient,) = torch.autograd.grad(out.loss, logits)
        assert gradient.dtype == dtype
        assert gradient.isfinite().all()
        assert not gradient[6:, 1].any()
        assert gradient[:, :2].any()
        assert out.per_line[3] == 0


@pytest.mark.parametrize(("name", "options"), WAYS)
def test_empty_readings_and_one_line(name, options):
    logits = logits_for([""], 5, sure=90.0).requires_grad_()
    out = make_penalty(name, TableLM(), ABC, **options)(logits, [LABEL])
    assert out.predictions == [""]
    assert torch.autograd.grad(out.loss, logits)[0].isfinite().all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch sees none here")
@pytest.mark.parametrize(("name", "options"), WAYS)
def test_on_the_device_as_on_the_cpu(name, options):
    logits = random_logits(12, 3, 4, seed=1)
    found = []
    for device in ("cpu", "cuda"):
        copy = logits.to(device).requires_grad_()
        out = make_penalty(name, TableLM(), ABC, **options)(copy, [LABEL] * 3, generator=generator(1))
        found.append(torch.autograd.grad(out.loss, copy)[0].cpu())
    assert torch.allclose(*found, atol=1e-8)
    assert found[0].any()
