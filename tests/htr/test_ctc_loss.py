"""CTC's loss under deterministic algorithms on a GPU, which a CPU plays here: who serves, and what is handed over."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from gradcheck_lm.htr import ctc_loss as module
from gradcheck_lm.htr.ctc_loss import ctc_losses

T, N, C = 12, 3, 5
TARGETS = [[1, 2, 2], [4], [3, 1]]


def case(**changes: Any) -> dict[str, Any]:
    torch.manual_seed(0)
    found = {"frames": [T] * N, "targets": TARGETS, "dtype": torch.float32, **changes}
    logits = torch.randn(T, N, C, dtype=found["dtype"], requires_grad=True)
    flat = torch.tensor([label for row in found["targets"] for label in row])
    sizes = torch.tensor([len(row) for row in found["targets"]])
    return {"logits": logits, "flat": flat, "sizes": sizes, "frames": torch.tensor(found["frames"])}


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What `F.ctc_loss` is called with, on what the module takes for a GPU, deterministic algorithms on."""
    found: list[tuple[Any, ...]] = []
    real = F.ctc_loss

    def told(*args: Any, **options: Any) -> torch.Tensor:
        found.append(args)
        return real(*args, **options)

    monkeypatch.setattr(F, "ctc_loss", told)
    monkeypatch.setattr(module, "_on_a_gpu", lambda _: True)
    monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda: True)
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: self.clone())  # to be told from what stays where it is
    return found


def both(given: dict[str, Any], targets: torch.Tensor) -> None:
    """The same losses and gradients as from torch's own, in the same bits."""
    logits, frames, sizes = given["logits"], given["frames"], given["sizes"]
    losses = ctc_losses(logits.log_softmax(2), targets, frames, sizes, zero_infinity=True)
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    plain = F.ctc_loss(logits.log_softmax(2), given["flat"], frames, sizes, reduction="none", zero_infinity=True)
    (expected,) = torch.autograd.grad(plain.sum(), logits)
    assert torch.equal(losses, plain)
    assert torch.equal(gradient, expected)


@pytest.mark.parametrize("form", ["flat", "padded"])
def test_cudnn_is_given_what_it_takes(handed: list[tuple[Any, ...]], form: str) -> None:
    given = case()
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in TARGETS], batch_first=True)
    both(given, given["flat"] if form == "flat" else padded)
    log_probs, targets, frames, sizes = handed[0]
    assert log_probs.dtype == torch.float32
    assert targets.dtype == torch.int32
    assert targets.device.type == "cpu"
    assert targets.tolist() == [1, 2, 2, 4, 3, 1]
    assert (frames, sizes) == ((T,) * N, (3, 1, 2))


@pytest.mark.parametrize(
    "changes",
    [
        {"targets": [[1, 2, 2], [], [3, 1]]},  # nothing to write
        {"targets": [[1] * 7, [4], [3, 1]]},  # seven equal letters want 13 frames
        {"frames": [T, T - 1, T]},  # lines of different lengths
        {"dtype": torch.float64},
    ],
    ids=["empty", "no room", "lengths", "float64"],
)
def test_where_cudnn_cannot_serve_the_processor_does(handed: list[tuple[Any, ...]], changes: dict[str, Any]) -> None:
    given = case(**changes)
    both(given, given["flat"])
    _, targets, frames, sizes = handed[0]
    assert targets.dtype == torch.int64
    assert isinstance(frames, torch.Tensor)
    assert isinstance(sizes, torch.Tensor)


def test_a_class_of_no_probability_and_a_label_too_long_are_not_for_cudnn() -> None:
    log_probs = torch.zeros(600, 1, 3).log_softmax(2)
    ids = torch.tensor([1, 2] * 150)[None]
    assert module._cudnn_serves(log_probs, ids, torch.tensor([600]), torch.tensor([255]))
    assert not module._cudnn_serves(log_probs, ids, torch.tensor([600]), torch.tensor([256]))
    log_probs[0, 0, 2] = -1e30
    assert not module._cudnn_serves(log_probs, ids, torch.tensor([600]), torch.tensor([255]))


def test_without_the_mode_and_on_a_processor_it_is_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    given, seen = case(), []
    monkeypatch.setattr(F, "ctc_loss", lambda *args, **options: seen.append((args, options)))
    for mode, gpu in ((False, True), (True, False)):
        monkeypatch.setattr(torch, "are_deterministic_algorithms_enabled", lambda mode=mode: mode)
        monkeypatch.setattr(module, "_on_a_gpu", lambda _, gpu=gpu: gpu)
        ctc_losses(given["logits"], given["flat"], given["frames"], given["sizes"])
    for args, options in seen:
        assert all(one is two for one, two in zip(args, (given[k] for k in ("logits", "flat", "frames", "sizes")),
                                                  strict=True))  # fmt: skip
        assert options == {"reduction": "none", "zero_infinity": False}
    assert len(seen) == 2
