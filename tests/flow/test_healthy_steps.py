"""Whole training steps: no false alarm, the same bits, and torch exactly as before afterwards."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from child_processes import start_process
from torch import Tensor, nn

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow import attribute, compare_gradients, diagnose, record


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(12, 6, generator=generator), torch.randint(0, 3, (12,), generator=generator)


# ---------------------------------------------------------------------- loops with an optimizer inside


def accumulated(model: nn.Module) -> Tensor:
    """Four small batches, a step after every second, the running loss as a number."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    data, labels = batch()
    running = 0.0
    for number, (part, label) in enumerate(zip(data.split(3), labels.split(3), strict=True), 1):
        loss = nn.functional.cross_entropy(model(part), label) / 2
        if number < 4:
            loss.backward()
        running += loss.item()
        if number == 2:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    return loss


def scaled(model: nn.Module) -> Tensor:
    """autocast and a GradScaler: unscale, clip, step, update; then the next loss."""
    optimizer, scaler = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), torch.amp.GradScaler("cpu")
    data, labels = batch()
    for _ in range(2):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = nn.functional.cross_entropy(model(data), labels)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return nn.functional.cross_entropy(model(data), labels)


def closures(model: nn.Module) -> Tensor:
    """LBFGS calls its closure as often as its line search likes."""
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=4, line_search_fn="strong_wolfe")
    data, labels = batch()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(data), labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return nn.functional.cross_entropy(model(data), labels)


def averaged(model: nn.Module) -> Tensor:
    """A mean teacher: exponential averages by AveragedModel, targets under no_grad, a learning-rate schedule."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
    teacher = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    data, _ = batch()
    for _ in range(2):
        with torch.no_grad():
            target = teacher(data).softmax(-1)
        loss = nn.functional.cross_entropy(model(data + 0.1), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        teacher.update_parameters(model)
    with torch.no_grad():
        target = teacher(data).softmax(-1)
    return nn.functional.cross_entropy(model(data + 0.1), target)


def adversarial(model: nn.Module) -> Tensor:
    """Discriminator and generator take turns; the generator's step is asked about, through the judge."""
    judge = nn.Sequential(nn.Linear(3, 5), nn.LeakyReLU(), nn.Linear(5, 1))
    optimizer = torch.optim.SGD(judge.parameters(), lr=0.1)
    data, _ = batch()
    fake = model(data).detach()
    critic = nn.functional.softplus(judge(fake)).mean() + nn.functional.softplus(-judge(torch.ones(4, 3))).mean()
    optimizer.zero_grad()
    critic.backward()
    optimizer.step()
    return nn.functional.softplus(-judge(model(data))).mean()


STEPS: list[Callable[[nn.Module], Tensor]] = [accumulated, scaled, closures, averaged, adversarial]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_training_step(step: Callable[[nn.Module], Tensor]) -> None:
    def gradients(*, watched: bool) -> tuple[Tensor, list[Tensor | None]]:
        model = network()
        if watched:
            with record() as run:
                loss = step(model)
            diagnosis = run.diagnose(loss, wrt=model)
            assert diagnosis.ok, str(diagnosis)
            assert diagnosis.errors == (), str(diagnosis)
        else:
            loss = step(model)
        model.zero_grad()
        loss.backward()
        return loss.detach(), [parameter.grad for parameter in model.parameters()]

    plain, plain_gradients = gradients(watched=False)
    seen, seen_gradients = gradients(watched=True)
    assert torch.equal(plain, seen)
    assert all(
        one is not None and torch.equal(one, two) for one, two in zip(plain_gradients, seen_gradients, strict=True)
    )


# ---------------------------------------------------------------------- two processes


@pytest.mark.slow
@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without distributed")
def test_two_processes(tmp_path: Path) -> None:
    script = Path(__file__).parents[1] / "support" / "distributed_step.py"
    with contextlib.ExitStack() as stack:
        ranks = [
            stack.enter_context(
                start_process(
                    [sys.executable, str(script), str(rank), str(tmp_path / "store")],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                )
            )
            for rank in range(2)
        ]  # fmt: skip
        results = [rank.communicate() for rank in ranks]
    assert [out.strip() for out, _ in results] == ["same bits, no false alarm"] * 2, results[0][1]


# ---------------------------------------------------------------------- out of sight


def test_work_of_other_threads_is_no_false_alarm() -> None:
    model, head = network(), nn.Linear(3, 1)

    def loss() -> Tensor:
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(model, batch()[0].split(6)))
        return head(torch.cat(parts)).square().mean()

    diagnosis = diagnose(loss, {"model": model, "head": head})
    assert diagnosis.ok, str(diagnosis)
    assert diagnosis.errors == ()
    assert threading.active_count() < 20


def test_a_cut_in_another_thread_is_said_to_be_out_of_sight() -> None:
    model, head = network(), nn.Linear(3, 1)

    def loss() -> Tensor:
        with ThreadPoolExecutor(2) as pool:
            parts = list(pool.map(lambda part: model(part).detach(), batch()[0].split(6)))
        return head(torch.cat(parts)).square().mean()

    diagnosis = diagnose(loss, {"model": model, "head": head})
    assert diagnosis.unreached == tuple(f"model.{name}" for name, _ in model.named_parameters())
    assert any("another thread" in note for note in diagnosis.notes)


def test_functional_gradients_inside_a_vmap() -> None:
    """torch.func.grad alone is the loss's own graph; what it differentiates inside is not asked about."""
    weight = torch.randn(3, requires_grad=True)

    def loss() -> Tensor:
        inner = torch.func.grad(lambda value: (value**3).sum())
        return torch.vmap(lambda row: (inner(row * weight) ** 2).sum())(torch.ones(4, 3)).mean()

    value = loss()
    with record() as run:
        seen = loss()
    assert torch.equal(value, seen)
    assert run.diagnose(seen, [weight]).ok


# ---------------------------------------------------------------------- complex numbers


def test_a_purely_imaginary_gradient_is_a_gradient() -> None:
    weight = torch.randn(4, dtype=torch.cfloat, requires_grad=True)

    def loss() -> Tensor:
        return weight.imag.sum()

    diagnosis = diagnose(loss, [weight])
    assert diagnosis.ok, str(diagnosis)
    assert diagnosis.terms["loss"].gradient_norm == pytest.approx(2.0)
    assert attribute({"loss": loss()}, [weight]).norm("loss") == pytest.approx(2.0)
    assert compare_gradients(loss, [weight]).verdict == "agrees"
    assert compare_gradients(lambda: (weight * (1 + 2j)).abs().square().sum(), [weight]).verdict == "agrees"


# ---------------------------------------------------------------------- memory that is given away again


@pytest.mark.needs("numpy")
def test_memory_that_is_used_again_is_no_alias() -> None:
    """An array becomes a tensor where a tensor of that shape has just died: no value flows between them."""
    import numpy

    model = nn.Linear(4, 300)
    reused = False
    with record() as run:
        for _ in range(200):
            output = model(torch.ones(300, 4))
            output.argmax(-1).tolist()
            address = output.data_ptr()
            del output
            fresh = torch.from_numpy(numpy.full((300, 300), 0.5, dtype=numpy.float32))
            reused = fresh.data_ptr() == address
            if reused:
                break
        loss = fresh.square().mean()
    if not reused:
        pytest.skip("this allocator gave the memory to something else")
    titles = [call.operation.title for call in run.recorder.recording.calls[-3:]]
    assert titles == ["torch.from_numpy", "torch.Tensor.square", "torch.Tensor.mean"]
    assert not run.diagnose(loss, wrt=model).ok


def test_sharded_modules_are_refused_by_name() -> None:
    sharded = type("FullyShardedDataParallel", (nn.Linear,), {})(2, 2)
    with pytest.raises(TraceError, match=r"'inner' is sharded by FSDP.*Diagnose the model before"):
        diagnose(lambda: torch.zeros(()), nn.ModuleDict({"inner": sharded}))
