"""Values that left torch: what depends on them is asked by experiment, and everything is put back."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest
import torch
from torch import nn

try:
    import numpy
except ImportError:  # the debugger does without
    numpy = None

from gradcheck_lm.flow import diagnose
from gradcheck_lm.flow.rerunning import replay as experiments


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))


def seed_python(seed: int) -> None:
    """Seed the generators outside torch; NumPy's where there is one."""
    random.seed(seed)
    if numpy is not None:
        numpy.random.seed(seed)


def python_draws() -> tuple[float, ...]:
    """A number of each generator outside torch."""
    return random.random(), *([] if numpy is None else [numpy.random.rand()])


DATA = torch.arange(24.0).reshape(6, 4) / 10


def kinds(diagnosis) -> list[str]:
    return [finding.kind for finding in diagnosis.findings]


def test_a_table_between_export_and_reentry_is_confirmed(model: nn.Module) -> None:
    table = {0: 0.7, 1: 0.2, 2: 0.9}

    def loss() -> torch.Tensor:
        names = ["abc"[index] for index in model(DATA).argmax(-1).tolist()]
        return torch.tensor([table["abc".index(name)] for name in names]).mean()

    diagnosis = diagnose(loss, model)
    assert kinds(diagnosis) == ["discrete_op", "left_torch", "new_leaf"]
    assert diagnosis.findings[1].certainty == "confirmed"


def test_logging_is_told_from_leaking(model: nn.Module) -> None:
    seen = []

    def loss() -> torch.Tensor:
        output = model(DATA)
        seen.append(output.std().item())
        return torch.tensor([1.0, float(len("fixed"))]).mean()

    assert kinds(diagnose(loss, model)) == ["constant"]


def test_random_state_buffers_weights_and_gradients_are_put_back(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 0.5)

    def loss() -> torch.Tensor:
        torch.randn(3), python_draws()
        value = model(DATA + torch.randn(6, 4))
        model(DATA).sum().backward()
        return torch.tensor(value.tolist()).mean()

    torch.manual_seed(5), seed_python(5)
    loss()
    once = [value.clone() for value in model.state_dict().values()]
    grads = [parameter.grad.clone() for parameter in model.parameters()]
    draws = torch.randn(2), *python_draws()

    torch.manual_seed(0)
    fresh = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    model.load_state_dict(fresh.state_dict())
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 0.5)
    torch.manual_seed(5), seed_python(5)
    diagnosis = diagnose(loss, model)
    assert "left_torch" in kinds(diagnosis)
    assert diagnosis.findings[0].certainty == "confirmed"
    assert all(torch.equal(one, two) for one, two in zip(once, model.state_dict().values(), strict=True))
    assert all(torch.equal(one, two.grad) for one, two in zip(grads, model.parameters(), strict=True))
    assert torch.equal(draws[0], torch.randn(2))
    assert draws[1:] == python_draws()


def test_a_replay_that_breaks_off_leaves_no_trace(model: nn.Module) -> None:
    first: list[float] = []

    def loss() -> torch.Tensor:
        number = model(DATA).sum().item()
        if first and number != first[0]:
            raise ValueError("another number")
        first.append(number)
        model(DATA), torch.randn(3), python_draws()
        return torch.tensor(number)

    torch.manual_seed(5), seed_python(5)
    before = [value.clone() for value in model.state_dict().values()]
    loss()
    once = [value.clone() for value in model.state_dict().values()]
    draws = torch.randn(2), *python_draws()
    for value, old in zip(model.state_dict().values(), before, strict=True):
        value.copy_(old)
    first.clear()
    torch.manual_seed(5), seed_python(5)
    diagnosis = diagnose(loss, model)
    assert diagnosis.findings[0].certainty == "confirmed"
    assert all(torch.equal(one, two) for one, two in zip(once, model.state_dict().values(), strict=True))
    assert torch.equal(draws[0], torch.randn(2))
    assert draws[1:] == python_draws()


def test_a_program_that_raises_when_a_value_changes_depends_on_it(model: nn.Module) -> None:
    def loss() -> torch.Tensor:
        number = model(DATA).sum().item()
        if kept and abs(kept[0] - number) > 1e-6:
            raise ValueError("another number")
        kept.append(number)
        return torch.tensor(0.25) * 3

    kept: list[float] = []
    diagnosis = diagnose(loss, model)
    assert "left_torch" in kinds(diagnosis)


def test_a_program_that_does_not_repeat_is_told_as_likely(model: nn.Module) -> None:
    runs = []

    def loss() -> torch.Tensor:
        runs.append(1)
        value = model(DATA).max()
        for _ in runs:
            value = value * 1.0
        return torch.tensor([value.item() * 3.0])

    diagnosis = diagnose(loss, model)
    assert kinds(diagnosis) == ["left_torch", "new_leaf"]
    assert {finding.certainty for finding in diagnosis.findings} == {"likely"}
    assert any("did not repeat" in note for note in diagnosis.notes)


@pytest.mark.needs("numpy")
def test_shared_numpy_memory_is_certain(model: nn.Module) -> None:
    def loss() -> torch.Tensor:
        array = model(DATA).detach().numpy()
        return torch.from_numpy(array).mean()

    diagnosis = diagnose(loss, model, counterfactual=False)
    assert kinds(diagnosis) == ["detach", "left_torch", "new_leaf"]
    assert diagnosis.findings[1].certainty == "certain"


def test_the_time_bound_holds(model: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    now, runs = 0.0, 0
    monkeypatch.setattr(experiments, "time", SimpleNamespace(monotonic=lambda: now))

    def loss() -> torch.Tensor:
        nonlocal now, runs
        now, runs = now + 0.15, runs + 1  # every run takes so long
        total = 0.0
        for row in model(DATA).tolist():
            total += row[0] > 5
        first = model(DATA).sum().item()
        second = model(DATA).prod().item()
        return torch.tensor(float(int(total) + 0 * first + 0 * second))

    diagnosis = diagnose(loss, model, time_limit=0.4)
    assert runs == 1 + 3  # the one that is recorded, and experiments until 0.4 s are over
    assert not diagnosis.ok
    runs = 0
    diagnose(loss, model, time_limit=100)
    assert runs > 4, "nothing was cut short"


def test_a_branch_on_a_value(model: nn.Module) -> None:
    def loss() -> torch.Tensor:
        good = model(DATA).mean() > 0
        return torch.tensor(1.0 if good else 0.0)

    diagnosis = diagnose(loss, model)
    assert kinds(diagnosis) == ["discrete_op", "left_torch", "new_leaf"]
    assert diagnosis.findings[0].source == "good = model(DATA).mean() > 0"


def test_a_guard_is_no_cause(model: nn.Module) -> None:
    def loss() -> torch.Tensor:
        if not torch.isfinite(model(DATA)).all():
            raise ValueError("not finite")
        return torch.tensor(0.25) * 3

    assert kinds(diagnose(loss, model)) == ["constant"]


def test_a_term_that_moves_without_a_way_in_the_first_run(model: nn.Module) -> None:
    """The penalty is 0 and nothing was added to it; with another reading something is."""

    def loss() -> torch.Tensor:
        output = model(DATA)
        if not torch.isfinite(output.detach()).all():
            raise ValueError("not finite")
        best = output.argmax(-1).tolist()
        kept.append(best)
        total = torch.tensor(0.0)
        cost = torch.tensor(float(best != kept[0]))
        if cost > 0:
            total = total + cost
        return total / 2

    kept: list[list[int]] = []
    diagnosis = diagnose(loss, model)
    assert kinds(diagnosis)[:2] == ["discrete_op", "left_torch"]
    assert diagnosis.findings[0].op == "torch.Tensor.argmax"


def test_the_values_way_is_told_before_its_lengths(model: nn.Module) -> None:
    table, head = nn.Embedding(8, 6).requires_grad_(False), nn.Linear(6, 8).requires_grad_(False)

    def loss() -> torch.Tensor:
        best = model(DATA).argmax(-1).tolist()
        merged = [index for place, index in enumerate(best) if place == 0 or index != best[place - 1]]
        ids = torch.tensor([6, *merged, 7])  # ids
        with torch.no_grad():
            nats = nn.functional.cross_entropy(head(table(ids[:-1])), ids[1:], reduction="none")
        chosen = torch.tensor(list(range(len(merged) + 1)))
        return nats.view(len(merged) + 1)[chosen].sum() / len(merged)

    for counterfactual in (True, False):
        diagnosis = diagnose(loss, model, counterfactual=counterfactual)
        assert kinds(diagnosis) == ["discrete_op", "left_torch", "new_leaf", "grad_disabled"], str(diagnosis)
        assert diagnosis.findings[2].source.endswith("# ids")


@pytest.mark.needs("numpy")
@pytest.mark.parametrize("target", [(0, 1), (2, 2)])
def test_what_is_made_of_an_argmax_outside_torch(target: tuple[int, int]) -> None:
    """A value that is made a little larger keeps its order: the accuracy of it moves only where the order does."""
    model = nn.Linear(2, 3, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.1, 0.2], [0.2, 0.1], [0.5, 0.9]]))

    def wrong() -> torch.Tensor:
        scores = model(torch.eye(2)).detach().numpy()
        return torch.tensor((scores.argmax(-1) != numpy.array(target)).mean())

    kinds = [(finding.kind, finding.certainty) for finding in diagnose(wrong, model).errors]
    assert kinds == [("detach", "certain"), ("left_torch", "confirmed"), ("new_leaf", "confirmed")]
