"""Small decisions that no program of the zoo settles by itself: numbers by chance, sureness that meets, limits."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from gradcheck_lm.flow import Diagnosis, diagnose, diagnose_step, record
from gradcheck_lm.flow.rerunning.links import observed_links
from gradcheck_lm.flow.scripts.runner import watch_script
from gradcheck_lm.flow.tracing.graph import is_telling


def seen(loss: Tensor | dict[str, Tensor], run: object, wrt: object) -> Diagnosis:
    return run.diagnose(loss, wrt)  # type: ignore[attr-defined]


def test_a_number_that_comes_up_by_chance_tells_nothing() -> None:
    assert [is_telling(value) for value in (0.0, 1.0, 0.5, 0.125, 3, "1.7316")] == [False] * 6
    assert is_telling(0.73164)


def links_of(first: float) -> list[tuple[str, str, str]]:
    """A number leaves torch, and a list with the same number comes in: is it taken for the same?"""
    weight = nn.Parameter(torch.tensor([first, -2.0]))
    with record() as run:
        shown = weight.max().item()
        torch.tensor([shown, 0.25])
    calls = run.recorder.recording.calls
    links = observed_links(run.recorder.recording)
    return [(calls[one.source].operation.name, calls[one.target].operation.name, one.certainty) for one in links]


def test_a_list_with_a_round_number_is_not_taken_for_one_that_left_torch() -> None:
    assert links_of(1.0) == []
    assert links_of(0.73164) == [("item", "tensor", "likely")]


def test_of_two_ways_to_one_cut_the_surer_one_decides() -> None:
    first, second, third = (nn.Parameter(torch.tensor([0.73164, shift])) for shift in (0.1, 0.2, 0.3))
    with record() as run:
        joined = second + torch.tensor([first[0].item(), first[1].item()])
        hard = joined.argmax()
        loss = third.sum() * hard.float().add(1)
    found = seen(loss, run, {"first": first, "second": second, "third": third})
    (cut,) = [finding for finding in found.findings if finding.kind == "discrete_op"]
    assert set(cut.tensors) == {"first", "second"}
    assert cut.certainty == "certain"  # of second, though of first no more than likely
    assert "likely" in {finding.certainty for finding in found.findings if "first" in finding.tensors}


def test_a_value_that_is_thrown_away_is_named_by_its_own_line() -> None:
    used, unused = nn.Linear(2, 2), nn.Linear(2, 2)

    def loss() -> Tensor:
        hidden = used(torch.ones(1, 2))
        unused(hidden)
        return hidden.square().sum()

    found = diagnose(loss, {"used": used, "unused": unused})
    (cut,) = {finding for finding in found.findings if finding.kind == "constant"}
    assert cut.source == "unused(hidden)"
    assert cut.cause == "used"


def test_harmless_cuts_are_told_up_to_a_limit() -> None:
    model = nn.Linear(2, 2)
    lines = [f"    total = total + (output * (output > {number})).sum()" for number in range(30)]
    program = "\n".join(
        ["def loss():", "    output = model(data)", "    total = output.sum()", *lines, "    return total"]
    )
    variables = {"model": model, "data": torch.ones(1, 2)}
    exec(compile(program, "many.py", "exec"), variables)
    found = diagnose(variables["loss"], model)  # type: ignore[arg-type]
    assert found.ok
    assert len(found.findings) == 20
    assert {finding.severity for finding in found.findings} == {"note"}


def test_a_rounding_in_place_is_bridged_in_place() -> None:
    model = nn.Linear(2, 2)

    def loss() -> Tensor:
        output = model(torch.ones(1, 2)) * 3
        output.round_()
        return (output - 5).square().mean()

    found = diagnose(loss, model)
    (cut,) = found.errors
    assert cut.op == "torch.Tensor.round_"
    answer = found.what_if(cut)
    assert answer.bridged
    assert answer.arrives
    hard = (model(torch.ones(1, 2)) * 3).round().detach()
    (expected,) = torch.autograd.grad((2 * (hard - 5) / 2 * model(torch.ones(1, 2)) * 3).sum(), [model.bias])
    assert torch.isclose(torch.tensor(answer.norms["bias"]), expected.norm())


def test_what_is_frozen_on_purpose_is_no_error_where_a_step_is_asked() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1), nn.Linear(1, 1))
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def step() -> None:
        optimizer.zero_grad()
        model[1](model[0](torch.ones(3, 2))).square().mean().backward()  # the last layer is forgotten
        optimizer.step()

    report = diagnose_step(step, model, optimizer)
    assert {name for finding in report.errors for name in finding.tensors} == {"2.weight", "2.bias"}


def test_the_value_of_a_loss_of_several_numbers_is_what_backward_weighs(tmp_path: Path) -> None:
    script = tmp_path / "several.py"
    script.write_text(
        "import torch\nmodel = torch.nn.Linear(2, 3)\nwith torch.no_grad():\n    model.weight.fill_(1.0)\n"
        "    model.bias.zero_()\nmodel(torch.ones(1, 2)).backward(gradient=torch.tensor([[0.5, 0.25, 1.0]]))\n",
        encoding="utf-8",
    )
    diagnosis = watch_script(script).diagnosis
    assert diagnosis is not None
    assert diagnosis.terms["loss"].value == 3.5
