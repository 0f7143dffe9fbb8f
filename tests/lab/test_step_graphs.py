"""Steps as CUDA graphs, seen on a processor: which passes are replayed, and that a capture leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny_runs import SMALLEST, tiny_data, tiny_model, tiny_trainer
from torch import Tensor, nn

from gradcheck_lm import record
from gradcheck_lm.errors import ArgumentError, RunError
from gradcheck_lm.htr.crnn import CRNN
from gradcheck_lm.lab.machine.graphs import check_graphs, graphed


class _FromMemory(torch.autograd.Function):
    """A replay's result: the memory of the graph itself, with the gradient of what is written there."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, memory: Tensor) -> Tensor:
        return memory.detach()

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor, None]:
        return outputs[0], None


class Capturing:
    """torch's capture, acted on a processor: passes to warm up, then one memory for what every replay gives."""

    def __init__(self) -> None:
        self.replays = 0

    def __call__(self, module: nn.Module, samples: tuple[Tensor, ...], *, allow_unused_input: bool) -> Any:
        assert allow_unused_input  # adapting leaves the shortcut head alone
        assert not torch.is_autocast_enabled("cpu") or not torch.is_autocast_cache_enabled()
        plain: Callable[..., Any] = module.forward
        for _ in range(3):
            plain(*samples)
        static = [part.detach().clone() for part in plain(*samples)]

        def replay(images: Tensor) -> Any:
            self.replays += 1
            found = plain(images)
            for memory, part in zip(static, found, strict=True):
                memory.copy_(part.detach())
            return tuple(map(_FromMemory.apply, found, static))

        return replay


@pytest.fixture
def capturing(monkeypatch: pytest.MonkeyPatch) -> Capturing:
    found = Capturing()
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", found)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: torch.get_rng_state())
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: torch.set_rng_state(state))
    return found


def images() -> Tensor:
    return torch.rand(2, 1, SMALLEST.height, SMALLEST.width, generator=torch.Generator().manual_seed(1))


def test_the_first_differentiated_pass_of_a_step_is_replayed_and_no_other(capturing: Capturing) -> None:
    model = tiny_model()
    with graphed(model, True) as graphs:
        assert graphs is not None
        assert not graphs.ready
        model(images(), with_shortcut=True)  # before any step
        assert not graphs.ready
        graphs.begin(measured=True)
        model(images(), with_shortcut=True)
        assert not graphs.ready
        for step in range(1, 3):
            graphs.begin(measured=False)
            with torch.no_grad():
                model(images(), with_shortcut=True)
            with record():
                model(images(), with_shortcut=True)
            assert capturing.replays == step - 1
            model(images(), with_shortcut=True)
            assert graphs.ready
            assert capturing.replays == step
            model(images(), with_shortcut=True)
            assert capturing.replays == step
        for other in (images()[:1], images()[..., :48]):
            graphs.begin(measured=False)
            model(other, with_shortcut=True)
        graphs.begin(measured=False)
        model(images())
        graphs.begin(measured=False)
        model.eval()(images(), with_shortcut=True)
        assert capturing.replays == 2
    assert "forward" not in vars(model)


def test_a_capture_leaves_statistics_and_random_numbers_alone(capturing: Capturing) -> None:
    one, two = tiny_model(), tiny_model()
    torch.manual_seed(7)
    wanted = one(images(), with_shortcut=True)
    with graphed(two, True) as graphs:
        assert graphs is not None
        graphs.begin(measured=False)
        torch.manual_seed(7)
        found = two(images(), with_shortcut=True)
    assert capturing.replays == 1
    assert all(map(torch.equal, found, wanted))
    assert all(map(torch.equal, two.buffers(), one.buffers()))
    sum(part.sum() for part in found).backward()
    assert all(weight.grad is not None for weight in two.parameters())


def test_what_a_step_gives_is_not_written_over_by_the_next(capturing: Capturing) -> None:
    model = tiny_model().eval()
    with graphed(model, True) as graphs:
        assert graphs is not None
        kept = []
        for factor in (1.0, 0.0):
            graphs.begin(measured=False)
            kept.append(model(factor * images(), with_shortcut=True)[0])
    assert not torch.equal(*kept)


def test_a_forward_of_the_models_own_comes_back(capturing: Capturing) -> None:
    model = tiny_model()
    own = model.forward = CRNN.forward.__get__(model)  # as accelerate leaves one
    with pytest.raises(KeyError), graphed(model, True):
        raise KeyError
    assert vars(model)["forward"] is own
    with graphed(model, False) as graphs:
        assert graphs is None


def test_what_cannot_be_captured_ends_the_run(monkeypatch: pytest.MonkeyPatch, capturing: Capturing) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(torch.cuda, "make_graphed_callables", refuse)
    model = tiny_model()
    with graphed(model, True) as graphs:
        assert graphs is not None
        graphs.begin(measured=False)
        with pytest.raises(
            RunError, match=r"captured as a CUDA graph \(operation not permitted .* capturing\): train without --graphs"
        ):
            model(images(), with_shortcut=True)


def test_it_is_refused_where_it_cannot_serve() -> None:
    with pytest.raises(ArgumentError, match="runs on a GPU, and this run is on cpu; leave --graphs out"):
        tiny_trainer(tiny_data(), None, graphs=True)
    there = torch.device("cuda", 0)
    with pytest.raises(ArgumentError, match=r"serves lines of one width, and these are sorted into 2 \(--buckets\)"):
        check_graphs(there, buckets=2, processes=1)
    with pytest.raises(ArgumentError, match="serves one process, and there are 3"):
        check_graphs(there, buckets=0, processes=3)
    check_graphs(there, buckets=0, processes=1)


def test_no_batch_is_made_ahead_until_the_step_is_captured(
    monkeypatch: pytest.MonkeyPatch, capturing: Capturing
) -> None:
    import gradcheck_lm.lab.training.trainer as module
    from gradcheck_lm.lab.lines.prefetch import Prefetch

    pools: list[bool] = []

    class Seen(Prefetch[Any]):
        def take(self, step: int) -> Any:
            pools.append(self._pool is not None)
            return super().take(step)

    monkeypatch.setattr(module, "check_graphs", lambda *_, **__: None)
    monkeypatch.setattr(module, "Prefetch", Seen)
    trainer = tiny_trainer(tiny_data(), None, steps=5, graphs=True, attribute_every=4)
    plain = tiny_trainer(tiny_data(), None, steps=5, attribute_every=4)
    rows = trainer.run().records
    # the first step is measured and goes the plain way, the second one is captured
    assert pools == [False, False, True, True, True]
    assert capturing.replays == 3
    assert [row["total"] for row in rows] == [row["total"] for row in plain.run().records]
