"""Attribution under mixed precision, gradient accumulation and several processes, and zeros that are no fault."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from attributed_terms import flat, in_process, terms_of
from torch import nn

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow import Attributor, attribute
from gradcheck_lm.flow.gradients.subjects import named_tensors


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


# ---------------------------------------------------------------------- mixed precision


def test_a_scaler_is_taken_out_of_norms_and_values(model: nn.Module) -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**12)
    plain = attribute(terms_of(model), model)
    scaler.scale(torch.ones(()))  # a scaler makes its scale at its first use
    scaled = attribute({name: scaler.scale(value) for name, value in terms_of(model).items()}, model, scale=scaler)
    unscaled = attribute(terms_of(model), model, scaler=scaler)
    for other in (scaled, unscaled):
        for name in "ab":
            assert other.norm(name) == pytest.approx(plain.norm(name))
            assert other.values[name] == pytest.approx(plain.values[name])
        assert other.cosine("a", "b") == pytest.approx(plain.cosine("a", "b"))


def test_halves_that_underflow_without_the_scaler_are_not_called_dead() -> None:
    weight = torch.full((3,), 1e-2, dtype=torch.float16, requires_grad=True)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)
    scaler.scale(torch.ones(()))

    def term() -> torch.Tensor:
        return ((weight * 1e-4) * 1e-4).sum().float()

    assert attribute({"a": term()}, [weight]).dead == ("a",)  # the gradient 1e-8 is 0 in half precision
    table = attribute({"a": term()}, [weight], scaler=scaler)
    assert table.dead == ()
    assert table.norm("a") == pytest.approx(3**0.5 * 1e-8, rel=0.05)


def test_scale_and_scaler_exclude_each_other(model: nn.Module) -> None:
    scaler = torch.amp.GradScaler("cpu")
    with pytest.raises(TraceError, match="both given"):
        attribute(terms_of(model), model, scale=2.0, scaler=scaler)
    with pytest.raises(TraceError, match="scale is inf"):
        attribute(terms_of(model), model, scale=float("inf"))


# ---------------------------------------------------------------------- accumulation


def test_micro_batches_add_up_as_they_do_in_grad(model: nn.Module) -> None:
    meter = Attributor(model)
    for seed in range(3):
        terms = {name: value / 3 for name, value in terms_of(model, seed).items()}
        meter.add(terms)
        sum(terms.values()).backward()
    table = meter.result()
    assert table.micro_batches == 3
    total = float(flat(parameter.grad for parameter in model.parameters()).norm())
    a, b, cosine = table.norm("a"), table.norm("b"), table.cosine("a", "b")
    assert (a * a + b * b + 2 * a * b * cosine) ** 0.5 == pytest.approx(total)
    singles = [attribute({n: v / 3 for n, v in terms_of(model, seed).items()}, model) for seed in range(3)]
    assert a < sum(single.norm("a") for single in singles)  # they do not all pull the same way
    assert table.values["a"] == pytest.approx(sum(single.values["a"] for single in singles))
    with pytest.raises(TraceError, match="nothing was added"):
        meter.result()


def test_micro_batches_that_cancel(model: nn.Module) -> None:
    meter = Attributor(model)
    meter.add({"a": model[2].bias.sum()})
    meter.add({"a": -model[2].bias.sum()})
    assert meter.result().dead == ("a",)


def test_a_batch_that_cannot_be_read_leaves_no_half_sum(model: nn.Module) -> None:
    meter = Attributor(model)
    terms = terms_of(model)
    with pytest.raises(TraceError, match="is nan"):
        meter.add({"a": terms["a"], "b": terms["b"] * float("nan")})
    meter.add(terms_of(model))
    assert meter.result().norm("a") == pytest.approx(attribute(terms_of(model), model).norm("a"))


# ---------------------------------------------------------------------- zeros by construction, and starved tensors


class Residual(nn.Module):
    """The usual way to write it: the norm is called in forward, it does not stand behind the layer in a Sequential."""

    def __init__(self) -> None:
        super().__init__()
        self.normalised = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.free = nn.Conv2d(2, 2, 1)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.free(torch.relu(self.norm(self.normalised(x))))


def test_a_bias_before_batchnorm_is_named_wherever_it_is_called() -> None:
    torch.manual_seed(0)
    network = Residual()
    data = torch.randn(3, 1, 6, 6)
    table = attribute({"a": network(data).square().mean()}, network)
    assert table.structural_zeros == ("normalised.bias",)
    assert table.starved == ("unused.weight", "unused.bias")
    assert "zero by construction: normalised.bias" in str(table)
    assert "starved: no term gives unused.weight a gradient" in str(table)
    network.eval()  # running statistics: the bias counts
    assert attribute({"a": network(data).square().mean()}, network).structural_zeros == ()


class Attention(nn.Module):
    def __init__(self, fused: bool) -> None:
        super().__init__()
        self.fused = fused
        for name in ("query", "key", "value"):
            setattr(self, name, nn.Linear(4, 4))
        self.score = nn.Linear(4, 1)
        self.logits = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (layer(x).view(2, -1, 2, 2).transpose(1, 2) for layer in (self.query, self.key, self.value))
        if self.fused:
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.transpose(-1, -2) / 2**0.5).softmax(-1) @ v
        x = mixed.transpose(1, 2).reshape(2, -1, 4)
        weights = self.score(x).squeeze(-1).softmax(-1)
        return self.logits((weights.unsqueeze(-1) * x).sum(1))


@pytest.mark.parametrize("fused", [False, True])
def test_shifts_before_a_softmax(fused: bool) -> None:
    torch.manual_seed(0)
    network = Attention(fused)
    logits = network(torch.randn(2, 5, 4))
    table = attribute({"a": F.cross_entropy(logits, torch.tensor([0, 3]))}, network)
    # not the query's, not the value's, and not that of the last layer, whose shift differs from class to class
    assert table.structural_zeros == ("key.bias", "score.bias")
    assert table.starved == ()


def test_a_last_bias_whose_gradient_happens_to_cancel_is_no_structural_zero() -> None:
    head = nn.Linear(3, 2)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    loss = F.cross_entropy(head(torch.randn(2, 3)), torch.tensor([0, 1]))  # balanced: the bias' gradient is 0 here
    table = attribute({"a": loss}, head)
    assert table.structural_zeros == ()
    assert table.starved == ("bias",)


def test_a_shift_that_is_used_elsewhere_too_is_none() -> None:
    torch.manual_seed(0)
    layer, norm = nn.Linear(3, 4), nn.BatchNorm1d(4)
    hidden = layer(torch.randn(6, 3))
    both = {"a": torch.relu(norm(hidden)).square().mean() + 0.01 * hidden.square().mean()}
    assert attribute(both, layer).structural_zeros == ()
    assert attribute({"a": torch.relu(norm(layer(torch.randn(6, 3)))).square().mean()}, layer).structural_zeros == (
        "bias",
    )


# ---------------------------------------------------------------------- wrappers and processes


def test_wrappers_leave_no_trace_in_names(model: nn.Module) -> None:
    assert list(named_tensors(nn.DataParallel(model))[0]) == list(dict(model.named_parameters()))
    assert next(iter(named_tensors({"net": nn.DataParallel(model)})[0])) == "net.0.weight"
    assert next(iter(named_tensors([nn.DataParallel(model)])[0])) == "[0].0.weight"
    compiled = torch.compile(model)
    assert list(named_tensors(compiled)[0]) == list(dict(model.named_parameters()))


@pytest.mark.slow
def test_two_processes(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(in_process, args=(str(tmp_path),), nprocs=2, daemon=True)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    torch.manual_seed(0)
    alone = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    for rank, kept in enumerate((first, second)):
        expected = attribute(terms_of(alone, seed=rank), alone)
        assert kept["local"]["modules"] == ("all", "0", "2")  # no "module." in front
        assert kept["local"]["table"]["a"]["all"]["norm"] == pytest.approx(expected.norm("a"))
        assert kept["local"]["ranks"] == 1
        assert f"gradients of process {rank} of 2 alone" in kept["local"]["notes"][0]
        assert kept["averaged"]["ranks"] == 2
        assert kept["averaged"]["notes"] == ()
        table, cosine = kept["averaged"]["table"], kept["averaged"]["cosines"]["a|b"]["all"]
        a, b = table["a"]["all"]["norm"], table["b"]["all"]["norm"]
        assert (a * a + b * b + 2 * a * b * cosine) ** 0.5 == pytest.approx(kept["grad"])  # as DDP averages them
        assert table["c"]["all"]["norm"] == pytest.approx(2**0.5 / 2)
    assert first["averaged"]["table"] == second["averaged"]["table"]
    assert first["averaged"]["values"]["a"] == pytest.approx(
        (first["local"]["values"]["a"] + second["local"]["values"]["a"]) / 2
    )
    assert first["local"]["dead"] == ("c",)
    assert first["averaged"]["dead"] == ()
