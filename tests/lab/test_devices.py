"""Devices by their number, without a GPU: torch.cuda is stood in for by what it says and by what it refuses."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
import torch
from accelerate.state import AcceleratorState

from gradcheck_lm.lab.config import TrainingConfig
from gradcheck_lm.lab.lines.batches import BatchMaker
from gradcheck_lm.lab.lines.data import Batch
from gradcheck_lm.lab.lines.prefetch import Prefetch
from gradcheck_lm.lab.machine.accelerators import make_accelerator
from gradcheck_lm.lab.machine.devices import own_device, sent, with_index


class Cuda:
    """Four GPUs of which the first is a thread's current one until it sets another, as torch.cuda has it."""

    def __init__(self) -> None:
        self.local = threading.local()
        self.set: list[torch.device] = []

    def current_device(self) -> int:
        return getattr(self.local, "index", 0)

    def set_device(self, device: torch.device) -> None:
        self.local.index = torch._utils._get_device_index(device)  # refuses "cuda", as torch's own set_device does
        self.set.append(torch.device("cuda", self.local.index))


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cuda]:
    found = Cuda()
    for name in ("current_device", "set_device"):
        monkeypatch.setattr(torch.cuda, name, getattr(found, name))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    AcceleratorState._reset_state(reset_partial_state=True)
    yield found
    AcceleratorState._reset_state(reset_partial_state=True)


class Lines:
    """Data whose batches say which GPU their thread had when they were made."""

    buckets = 0

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda

    def batch(self, step: int, size: int, *, device: torch.device, **_: object) -> Batch:
        assert device == torch.device("cuda", self.cuda.current_device())
        return Batch(torch.zeros(1), None, [self.cuda.current_device()])


def test_a_gpu_without_a_number_is_the_current_one(cuda: Cuda) -> None:
    assert with_index("cuda") == torch.device("cuda:0")
    cuda.set_device(torch.device("cuda:2"))
    assert with_index("cuda") == torch.device("cuda:2")
    assert with_index("cuda:1") == torch.device("cuda:1")
    assert with_index("cpu") == torch.device("cpu")


def test_where_torch_sees_no_gpu_the_device_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert with_index("cuda") == torch.device("cuda")


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize(("asked", "taken"), [("cuda", 2), ("cuda:0", 0), ("cuda:1", 1)])
def test_batches_are_made_on_the_gpu_of_the_run(cuda: Cuda, asked: str, taken: int, ahead: int) -> None:
    cuda.set_device(torch.device("cuda:2"))
    make = BatchMaker(Lines(cuda), TrainingConfig(), device=asked)  # type: ignore[arg-type]
    with Prefetch(make, range(3), ahead=ahead) as batches:
        assert [batches.take(step).indices for step in range(3)] == [[taken]] * 3


def test_each_process_takes_the_gpu_of_its_rank(cuda: Cuda, monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_device("cpu") == torch.device("cpu")
    assert own_device("cuda:1") == torch.device("cuda:1")
    assert own_device() == own_device("cuda") == torch.device("cuda:0")
    cuda.set_device(torch.device("cuda:2"))
    assert own_device() == own_device("cuda") == torch.device("cuda:2")
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert own_device() == own_device("cuda") == own_device("cuda:3") == torch.device("cuda:3")
    assert own_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(("asked", "taken"), [(None, 2), ("cuda", 2), ("cuda:0", 0), ("cuda:1", 1)])
def test_an_accelerator_knows_its_gpu_by_number(cuda: Cuda, asked: str | None, taken: int) -> None:
    cuda.set_device(torch.device("cuda:2"))
    accelerator = make_accelerator(TrainingConfig(), device=asked)
    assert accelerator.device == torch.device("cuda", taken)
    assert cuda.current_device() == taken
    assert make_accelerator(TrainingConfig(), device=asked).device == accelerator.device
    assert "ACCELERATE_TORCH_DEVICE" not in os.environ


def test_a_copy_to_a_gpu_is_pinned_and_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor, told = torch.arange(3), []
    assert sent(tensor, "cpu") is tensor

    def pinned(self: torch.Tensor) -> torch.Tensor:
        told.append("pinned")
        return self

    def to(self: torch.Tensor, device: object, **options: object) -> torch.Tensor:
        told.append(f"to {device} {options}")
        return self

    monkeypatch.setattr(torch.Tensor, "pin_memory", pinned)
    monkeypatch.setattr(torch.Tensor, "to", to)
    sent(tensor, "cuda:1")
    assert told == ["pinned", "to cuda:1 {'non_blocking': True}"]
