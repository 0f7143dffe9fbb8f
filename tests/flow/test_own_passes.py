"""A function or block that calls backward() itself: norms are of that pass, whatever stood in .grad before."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from gradcheck_lm.flow import Diagnosis, diagnose, record
from gradcheck_lm.flow.findings.notes import FREED, NO_NORMS_OF_ONE_PASS, READ


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1))


X = torch.linspace(-1, 1, 32).view(8, 4)


def loss_of(model: nn.Module) -> torch.Tensor:
    return model(X).square().mean()


def penalty_of(model: nn.Module) -> torch.Tensor:
    return 0.1 * model(-X).sum()


def true_norm(model: nn.Module, of: Callable[[nn.Module], torch.Tensor]) -> float:
    found = torch.autograd.grad(of(model), list(model.parameters()), allow_unused=True)
    return math.sqrt(sum(float(one.double().square().sum()) for one in found if one is not None))


def norms(found: Diagnosis) -> dict[str, float]:
    return {name: term.gradient_norm for name, term in found.terms.items()}


def test_what_stood_in_grad_before_does_not_count(model: nn.Module) -> None:
    def stepped() -> torch.Tensor:
        loss = loss_of(model)
        loss.backward()
        return loss

    true = true_norm(model, loss_of)
    for _ in range(3):  # .grad grows
        found = diagnose(stepped, wrt=model)
        assert found.ok
        assert norms(found) == {"loss": pytest.approx(true, rel=1e-6)}
        assert found.notes == (READ.told(),)
    assert model[0].weight.grad.norm() > 2 * torch.autograd.grad(loss_of(model), model[0].weight)[0].norm()


def test_in_a_block(model: nn.Module) -> None:
    loss_of(model).backward()
    with record() as run:
        loss = loss_of(model)
        loss.backward()
    assert norms(run.diagnose(loss, wrt=model)) == {"loss": pytest.approx(true_norm(model, loss_of), rel=1e-6)}


def test_terms_with_a_pass_each(model: nn.Module) -> None:
    def stepped() -> dict[str, torch.Tensor]:
        terms = {"fit": loss_of(model), "penalty": penalty_of(model)}
        for term in terms.values():
            term.backward()
        return terms

    found = norms(diagnose(stepped, wrt=model))
    assert found["fit"] == pytest.approx(true_norm(model, loss_of), rel=1e-6)
    assert found["penalty"] == pytest.approx(true_norm(model, penalty_of), rel=1e-6)


def test_terms_of_one_pass_are_not_given_the_norm_of_their_sum(model: nn.Module) -> None:
    def stepped() -> dict[str, torch.Tensor]:
        terms = {"fit": loss_of(model), "penalty": penalty_of(model)}
        sum(terms.values()).backward()
        return terms

    found = diagnose(stepped, wrt=model)
    assert found.ok
    assert all(math.isnan(norm) for norm in norms(found).values())
    assert found.notes == (READ.told(), NO_NORMS_OF_ONE_PASS.told())


def test_a_dead_term_and_a_zero_gradient_are_found_by_their_lines(model: nn.Module) -> None:
    def dead() -> dict[str, torch.Tensor]:
        terms = {"fit": loss_of(model), "words": model(X).argmax().float()}
        sum(terms.values()).backward()
        return terms

    found = diagnose(dead, wrt=model)
    assert [one.kind for one in found.findings] == ["discrete_op"]
    assert (found.terms["fit"].dead, found.terms["words"].dead) == (False, True)

    def flat() -> torch.Tensor:
        loss = model(X).sign().sum()
        loss.backward()
        return loss

    model[0].weight.grad = torch.ones(4, 4)  # of an earlier step: it is none of this loss
    (cut,) = diagnose(flat, wrt=model).findings
    assert (cut.kind, cut.op) == ("zero_gradient", "torch.Tensor.sign")


def test_a_checkpoint_inside_and_a_pass_that_keeps_its_graph(model: nn.Module) -> None:
    def recomputed() -> torch.Tensor:
        loss = checkpoint(model, X, use_reentrant=False).square().mean()
        loss.backward()
        return loss

    def kept() -> torch.Tensor:
        loss = loss_of(model)
        loss.backward(retain_graph=True)
        return loss

    true = pytest.approx(true_norm(model, loss_of), rel=1e-6)
    loss_of(model).backward()
    assert norms(diagnose(recomputed, wrt=model)) == {"loss": true}
    found = diagnose(kept, wrt=model)
    assert norms(found) == {"loss": true}
    assert READ.told() not in found.notes


def test_a_term_whose_pass_is_forgotten_says_what_its_norms_are(model: nn.Module) -> None:
    """A block holds no tensor: with the sum that backward() was called on, what was read of the pass is gone."""
    loss_of(model).backward()
    with record() as run:
        fit = loss_of(model)
        (fit + 0.0).backward()
    found = run.diagnose({"fit": fit}, wrt=model)
    assert norms(found) == {"fit": pytest.approx(2 * true_norm(model, loss_of), rel=1e-6)}
    assert found.notes == (FREED.told(),)
    assert "with all that earlier backward passes left there" in FREED.told()


@pytest.mark.parametrize("fails", [False, True])
def test_torch_is_as_before_and_nothing_is_held(model: nn.Module, fails: bool) -> None:
    before = torch.autograd._engine_run_backward
    run = record()
    try:
        with run:
            loss = loss_of(model)
            loss.backward()
            if fails:
                raise KeyError
    except KeyError:
        pass
    assert torch.autograd._engine_run_backward is before
    held = weakref.ref(model[2].weight), weakref.ref(loss)
    model[2] = nn.Identity()
    assert len(run._passes._passes) == 1
    del loss
    gc.collect()
    assert [one() for one in held] == [None, None]
    assert not run._passes._passes


def test_hooks_of_the_program_run_as_often_and_its_gradients_are_the_same(model: nn.Module) -> None:
    counts: list[int] = []

    def stepped() -> torch.Tensor:
        loss = loss_of(model)
        loss.backward()
        return loss

    model[0].weight.register_hook(lambda gradient: counts.append(1))
    stepped()
    alone = [one.grad.clone() for one in model.parameters()]
    model.zero_grad()
    diagnose(stepped, wrt=model)
    assert len(counts) == 2
    assert all(torch.equal(one.grad, two) for one, two in zip(model.parameters(), alone, strict=True))
