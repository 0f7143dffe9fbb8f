"""A dead addend goes by the name that the source gives it where it is added."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from gradcheck_lm.flow import diagnose

torch.manual_seed(0)
MODEL = torch.nn.Linear(3, 4)
DATA = torch.randn(5, 3)


def run() -> tuple[torch.Tensor, list[torch.Tensor]]:
    output = MODEL(DATA)
    return output, [torch.tensor(float(index)) for index in output.argmax(-1).tolist()]


def lm_loss(output: torch.Tensor) -> torch.Tensor:
    return torch.tensor([float(index) for index in output.argmax(-1).tolist()]).mean()


def variable_times_a_constant() -> torch.Tensor:
    output, items = run()
    loss = output.square().mean()
    penalty = sum(items) / len(items)
    loss = loss + 0.1 * penalty
    return loss


def call_times_a_name() -> torch.Tensor:
    output, lam = MODEL(DATA), 0.3
    ctc = output.square().mean()
    total = ctc + lam * lm_loss(output)
    return total


def added_in_place() -> torch.Tensor:
    output, items = run()
    w = 0.5
    loss = output.square().mean()
    pen = sum(items) / len(items)
    loss += w * pen
    return loss


def weight_written_last() -> torch.Tensor:
    output, items = run()
    weight = 0.5
    penalty = torch.stack(items).sum() / 4
    return output.square().mean() + penalty * weight


def weight_computed() -> torch.Tensor:
    output, items = run()
    alpha = 0.3
    return output.square().mean() + (1 - alpha) * items[0]


def weight_of_a_setting() -> torch.Tensor:
    output, items = run()
    settings = SimpleNamespace(weight=0.1)
    penalty = sum(items) / len(items)
    return output.square().mean() + settings.weight * penalty


def scaled_before() -> torch.Tensor:
    output, items = run()
    penalty = sum(items) / len(items)
    penalty = 0.1 * penalty
    return output.square().mean() + penalty


def by_method() -> torch.Tensor:
    output, items = run()
    penalty = sum(items) / len(items)
    return output.square().mean().add(penalty, alpha=0.1)


def of_a_dict() -> torch.Tensor:
    output, items = run()
    terms = {"ctc": output.square().mean(), "lm": sum(items) / len(items)}
    return terms["ctc"] + 0.1 * terms["lm"]


@pytest.mark.parametrize(
    ("program", "name"),
    [
        (variable_times_a_constant, "penalty"),
        (call_times_a_name, "lm_loss"),
        (added_in_place, "pen"),
        (weight_written_last, "penalty"),
        (weight_computed, "items[0]"),
        (weight_of_a_setting, "penalty"),
        (scaled_before, "penalty"),
        (by_method, "penalty"),
        (of_a_dict, "lm"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_the_dead_term_has_the_name_in_the_source(program: Callable[[], torch.Tensor], name: str) -> None:
    diagnosis = diagnose(program, MODEL)
    assert diagnosis.dead == (name,), list(diagnosis.terms)
    assert len(diagnosis.terms) == 2


def test_the_value_of_a_whole_number_is_known() -> None:
    """argmax of one row gives a single whole number: its value in the table is what it was cast to, not unknown."""
    model = torch.nn.Linear(4, 3)

    def loss() -> torch.Tensor:
        chosen = model(torch.ones(1, 4)).argmax()
        return model(torch.ones(2, 4)).square().mean() + 0.1 * chosen.float()

    best = float(model(torch.ones(1, 4)).argmax())
    assert diagnose(loss, wrt=model).terms["chosen"].value == best
