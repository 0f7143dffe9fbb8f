"""Random programs: no false alarm on healthy ones, no wrong verdict on broken ones, nothing changed by looking."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from random_programs import CUTS, HEALTHY, PARAMETERS, Program, assemble, healthy_programs, mixed_programs

from gradcheck_lm.flow import diagnose, record

# every run tries the same programs: a failure here is a failure everywhere
FIXED = settings(deadline=None, derandomize=True, max_examples=60, database=None)
MANY = settings(FIXED, max_examples=1000)

pytestmark = [  # torch warns of what the programs do on purpose
    pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True:UserWarning"),
    pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad=True:UserWarning"),
]


def gradients(terms: dict[str, torch.Tensor], parameters: dict[str, torch.Tensor]) -> dict[str, list]:
    """Per term, autograd's own answer; by backward(), which reentrant checkpointing needs."""
    found = {}
    for name, term in terms.items():
        for parameter in parameters.values():
            parameter.grad = None
        if term.requires_grad:
            term.backward(retain_graph=True)
        found[name] = [parameter.grad for parameter in parameters.values()]
    for parameter in parameters.values():
        parameter.grad = None
    return found


def same(first: list, second: list) -> bool:
    pairs = list(zip(first, second, strict=True))
    return all((a is None) == (b is None) and (a is None or torch.equal(a, b)) for a, b in pairs)


def check_unchanged(program: Program) -> None:
    """Loss and gradients are the same to the bit with and without the recorder."""
    parameters = program.fresh()
    run = program.load(parameters)
    plain = run()
    expected = gradients(plain, parameters)
    with record():
        watched = run()
    assert {name: term.detach() for name, term in plain.items()} == {n: t.detach() for n, t in watched.items()}
    actual = gradients(watched, parameters)
    assert all(same(expected[name], actual[name]) for name in plain)


def check_healthy(program: Program) -> None:
    parameters = program.fresh()
    diagnosis = diagnose(program.load(parameters), parameters)
    assert not diagnosis.errors, str(diagnosis)
    assert diagnosis.ok, str(diagnosis)


def check_verdict(program: Program, *, counterfactual: bool) -> None:
    """The verdict is autograd's, and every error that claims to be sure stands on a line that is truly a cut.

    Without counterfactual runs, where a value came back from NumPy is a guess, and called one ("likely").
    """
    parameters = program.fresh()
    run = program.load(parameters)
    found = gradients(run(), parameters)
    columns = {name: [found[term][place] for term in found] for place, name in enumerate(parameters)}
    unreached = [name for name, column in columns.items() if all(value is None for value in column)]
    reached = {name for name, column in columns.items() if any(v is not None and bool(v.any()) for v in column)}
    zero = [name for name in columns if name not in reached and name not in unreached]
    dead = [term for term, row in found.items() if not any(v is not None and bool(v.any()) for v in row)]

    diagnosis = diagnose(run, parameters, counterfactual=counterfactual)
    text = f"{program}\n{diagnosis}"
    assert list(diagnosis.unreached) == unreached, text
    assert list(diagnosis.zero) == zero, text
    assert [term.name for term in diagnosis.terms.values() if term.dead] == dead, text
    assert diagnosis.ok is not bool(unreached or zero or dead), text
    if not diagnosis.ok:
        assert diagnosis.errors, text
    for finding in diagnosis.errors:
        if finding.kind != "constant" and finding.certainty != "likely":
            assert finding.file == program.name, text
            units = program.units_at(finding.line, finding.function)
            used = finding.kind == "zero_gradient"  # zero for what comes in, which may be a part of it
            assert any(program.is_cut(unit, as_used=used) for unit in units), f"line {finding.line} is no cut\n{text}"


@FIXED
@given(healthy_programs())
def test_healthy_programs_are_called_healthy(program: Program) -> None:
    check_healthy(program)


@FIXED
@given(mixed_programs())
def test_watching_changes_nothing(program: Program) -> None:
    check_unchanged(program)


@FIXED
@given(mixed_programs())
def test_the_verdict_is_autograds_own(program: Program) -> None:
    check_verdict(program, counterfactual=True)


@pytest.mark.slow
@MANY
@given(healthy_programs())
def test_many_healthy_programs(program: Program) -> None:
    check_healthy(program)
    check_unchanged(program)


@pytest.mark.slow
@MANY
@given(mixed_programs())
def test_many_programs(program: Program) -> None:
    check_unchanged(program)
    check_verdict(program, counterfactual=True)
    check_verdict(program, counterfactual=False)


@pytest.mark.parametrize("template", HEALTHY)
def test_each_healthy_unit_alone(template: str) -> None:
    check_healthy(assemble([(template, 0, 1)], [[0, 1, 2, 3]], "healthy unit"))


@pytest.mark.parametrize(("template", "kind"), CUTS.items())
def test_each_cut_alone(template: str, kind: str) -> None:
    program = assemble([(template, 0, 1)], [[3]], "cut")
    assert program.is_cut(program.units[0])
    check_verdict(program, counterfactual=True)
    parameters = program.fresh()
    first = diagnose(program.load(parameters), {"w2": parameters["w2"]}).findings[0]
    assert program.units_at(first.line, first.function) == program.units
    assert (first.kind, first.severity) == (kind, "error")
    assert PARAMETERS[2] in (*first.tensors, "w2")
