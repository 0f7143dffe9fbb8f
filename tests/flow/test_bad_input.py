"""What cannot be asked is refused with what to pass instead; whatever happens inside the block, torch is as before."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules import module as module_hooks

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow import diagnose, record


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(4, 3)


def step(model: nn.Module) -> torch.Tensor:
    return model(torch.ones(2, 4)).square().mean()


def state() -> tuple[Any, ...]:
    """All of torch that a recorder touches."""
    hooks = [
        tuple(getattr(module_hooks, name))
        for name in sorted(vars(module_hooks))
        if name.startswith("_global_") and hasattr(getattr(module_hooks, name), "__len__")
    ]
    return (
        torch._C._len_torch_function_stack(),
        torch._C._is_torch_function_all_disabled(),
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.get_rng_state().sum().item(),
        tuple(hooks),
        torch.Tensor.backward,
        torch.autograd.grad,
        nn.Module.__call__,
    )


@pytest.fixture(autouse=True)
def torch_as_before() -> Iterator[None]:
    before = state()[:4], state()[5:]
    yield
    assert (state()[:4], state()[5:]) == before


async def _coroutine() -> torch.Tensor:
    return torch.ones(())


def _generator() -> Iterator[torch.Tensor]:
    yield torch.ones(())


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (lambda: None, r"what fn returned is None.*Return the loss from the function"),
        (lambda: torch.ones(2, 3), r"shape \(2, 3\), 6 numbers.*loss\.mean\(\)"),
        (lambda: torch.ones(0), r"shape \(0,\), 0 numbers"),
        (lambda: {"ctc": torch.ones(()), "lm": "none"}, r"\['lm'\] is a str.*tensor of one element"),
        (lambda: {"ctc": torch.ones(4)}, r"\['ctc'\] has shape \(4,\)"),
        (lambda: {"ctc": {"inner": torch.ones(())}}, r"\['ctc'\] is a dict.*one level"),
        (lambda: {}, r"empty dict.*by name"),
        (lambda: (torch.ones(()), torch.ones(3)), r"is a tuple.*the first"),
        (lambda: SimpleNamespace(loss=torch.ones(())), r"return its \.loss"),
        (lambda: {"logits": torch.ones(3), "loss": torch.ones(())}, r"is a dict.*return its 'loss'"),
        (lambda: step, r"is a function.*call it"),
        (lambda: True, r"is a bool"),
        (_generator, r"is a generator.*sum\(fn\(\)\)"),
        (_coroutine, r"is a coroutine.*asyncio\.run\(fn\(\)\)"),
    ],
)
def test_a_result_that_is_no_loss(model: nn.Module, result: Callable[[], Any], text: str) -> None:
    with pytest.raises(TraceError, match=text):
        diagnose(result, model)


def test_what_the_errors_say_to_pass_works(model: nn.Module) -> None:
    async def later() -> torch.Tensor:
        return step(model)

    def batches() -> Iterator[torch.Tensor]:
        yield step(model)
        yield step(model)

    assert diagnose(lambda: asyncio.run(later()), model).ok
    assert diagnose(lambda: sum(batches()), model).ok


def test_tensors_that_are_part_of_nothing_are_named(model: nn.Module) -> None:
    other = nn.Linear(4, 3)
    diagnosis = diagnose(lambda: step(model), other)
    assert not diagnosis.ok
    assert diagnosis.unreached == ("weight", "bias")
    assert diagnosis.findings[0].kind == "constant"
    assert "another object is used" in diagnosis.findings[0].why


class Broken(Exception):
    pass


def fail(model: nn.Module) -> torch.Tensor:
    model(torch.ones(2, 4))
    raise Broken


def test_an_exception_inside_leaves_torch_as_it_was(model: nn.Module) -> None:
    before = state()
    with pytest.raises(Broken):
        diagnose(lambda: fail(model), model)
    with pytest.raises(Broken), record():
        fail(model)
    assert state() == before
    assert diagnose(lambda: step(model), model).ok


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_an_exception_in_a_grad_mode(model: nn.Module, context: Callable[[], Any]) -> None:
    with pytest.raises(Broken), record(), context():
        fail(model)
    assert torch.is_grad_enabled()
    with torch.no_grad():
        with pytest.raises(Broken), record(), context():
            fail(model)
        assert not torch.is_grad_enabled()


def test_an_exception_inside_a_module(model: nn.Module) -> None:
    class Raises(nn.Module):
        def forward(self, value: torch.Tensor) -> torch.Tensor:
            raise Broken

    def caught() -> torch.Tensor:
        with contextlib.suppress(Broken):
            nn.Sequential(model, Raises())(torch.ones(2, 4))
        return model(torch.ones(2, 4)).argmax(-1).float().sum()

    finding = diagnose(caught, model).findings[0]
    assert (finding.kind, finding.function) == ("discrete_op", "caught")


def test_an_exception_in_the_inner_of_two_recorders(model: nn.Module) -> None:
    with record() as outer:
        with pytest.raises(Broken), record():
            fail(model)
        loss = step(model)
    assert outer.diagnose(loss, model).ok


def test_the_same_recorder_twice(model: nn.Module) -> None:
    run = record()
    with run:
        first = step(model)
    with run:
        second = step(model).detach() * first
    assert run.diagnose({"first": first, "second": second}, model).ok


def test_a_diagnosis_inside_a_recorder(model: nn.Module) -> None:
    with record() as outer:
        inner = diagnose(lambda: step(model).detach(), model)
        loss = step(model)
    assert [finding.kind for finding in inner.findings] == ["detach"]
    assert outer.diagnose(loss, model).ok


def test_a_generator_that_is_left_half_way(model: nn.Module) -> None:
    def watched() -> Iterator[torch.Tensor]:
        with record() as run:
            loss = step(model)
            yield loss
            assert run.diagnose(loss, model).ok

    before = state()
    left = watched()
    next(left)
    assert state()[0] == before[0] + 1
    left.close()
    assert state() == before
    assert len(list(watched())) == 1


def test_recorders_in_threads(model: nn.Module) -> None:
    found: dict[int, Any] = {}

    def work(number: int) -> None:
        try:
            if number % 2:
                found[number] = diagnose(lambda: step(model).detach() * number, model).findings[0].kind
            else:
                with record():
                    model(torch.ones(2, 5))
        except RuntimeError as error:
            found[number] = "mat1 and mat2" in str(error)

    with record() as run:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        loss = step(model)
    assert found == {0: True, 1: "detach", 2: True, 3: "detach"}
    assert run.diagnose(loss, model).ok


def test_an_async_program_with_two_tasks(model: nn.Module) -> None:
    async def part() -> torch.Tensor:
        loss = step(model)
        await asyncio.sleep(0)
        return loss + step(model)

    async def both() -> torch.Tensor:
        return sum(await asyncio.gather(part(), part()))  # type: ignore[return-value]

    diagnosis = diagnose(lambda: asyncio.run(both()), model)
    assert diagnosis.ok
    assert not diagnosis.errors


def test_a_keyboard_interrupt_passes(model: nn.Module) -> None:
    def interrupted() -> torch.Tensor:
        model(torch.ones(2, 4))
        raise KeyboardInterrupt

    before = state()
    with pytest.raises(KeyboardInterrupt):
        diagnose(interrupted, model)
    assert state() == before


def test_losses_in_a_list_an_optimizer_and_the_meta_device() -> None:
    model = nn.Linear(2, 2)
    loss = model(torch.ones(1, 2)).sum()
    with pytest.raises(
        TraceError, match=r"is a list, not a number; add the losses up, sum\(losses\), or give them names"
    ):
        diagnose(lambda: [loss, loss], wrt=model)
    with pytest.raises(TraceError, match=r"return the loss alone"):
        diagnose(lambda: (loss, torch.ones(3)), wrt=model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(
        TraceError, match=r"wrt is an SGD; .* of an optimizer: \[one for group in optimizer.param_groups"
    ):
        diagnose(lambda: loss, wrt=optimizer)
    named = [one for group in optimizer.param_groups for one in group["params"]]
    assert diagnose(lambda: model(torch.ones(1, 2)).sum(), wrt=named).ok
    with pytest.raises(TraceError, match=r"is on the device meta: it has a shape and no number"):
        diagnose(lambda: nn.Linear(2, 2, device="meta")(torch.ones(1, 2, device="meta")).sum(), wrt=model)
