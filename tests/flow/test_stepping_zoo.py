"""The stepping zoo: whole training programs, each with its fault on a marked line, and healthy ones that look alike."""

from __future__ import annotations

import types
from pathlib import Path

import pytest
import torch
from stepping_zoo import BROKEN, HEALTHY, diagnosed, run, watched
from zoo_programs import beside, expected, unannounced

from gradcheck_lm.flow import StepReport
from gradcheck_lm.flow.findings.registry import KINDS
from gradcheck_lm.flow.scripts.runner import watch_script

pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.filterwarnings("ignore::FutureWarning")]


def show(found: StepReport) -> str:
    return "\n".join(f"{f.severity} {f.kind} {Path(f.file).name}:{f.line} {f.tensors} {f.why}" for f in found.findings)


def weights(module: types.ModuleType) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    for value in vars(module).values():
        if isinstance(value, torch.nn.Module):
            found.extend(value.state_dict().values())
        elif isinstance(value, torch.Tensor):
            found.append(value.detach())
    return found


def looked_at(path: Path) -> StepReport:
    """What is said of a program; that watching it changes no bit is asked of each of them on the way."""
    plain, _ = run(path)
    before = torch.random.get_rng_state()
    seen, steps = run(path, watched)
    assert torch.equal(before, torch.random.get_rng_state())
    one, two = weights(plain), weights(seen)
    assert one
    assert len(one) == len(two)
    assert all(torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0)) for a, b in zip(one, two, strict=True))
    return diagnosed(steps)


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_the_fault_is_named_first_and_watching_changes_no_bit(
    path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    found = looked_at(path)
    kind, line = expected(path)[0]
    assert found.findings, "no finding at all"
    first = found.findings[0]
    assert (first.kind, Path(first.file).name, first.line) == (kind, path.name, line), show(found)
    assert first.severity in ("error", "warning")
    assert found.ok == (first.severity == "warning"), show(found)
    entry = KINDS.get(kind)
    assert entry is not None
    assert first.code == entry.code
    assert first.cures
    assert unannounced(found, path) == [], show(found)
    beside(path, found, overwrite=request.config.getoption("--overwrite"))
    assert found.to_json()
    assert found.to_sarif()


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_healthy_program_is_left_alone_and_watching_changes_no_bit(
    path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    found = looked_at(path)
    assert found.ok, show(found)
    assert not found.errors
    assert not found.warnings, show(found)
    beside(path, found, overwrite=request.config.getoption("--overwrite"))


def test_there_are_enough_of_them() -> None:
    assert len(BROKEN) >= 60
    assert len(HEALTHY) >= 60


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_run_leaves_a_healthy_program_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a script, with the losses' own diagnoses beside the ledger."""
    monkeypatch.chdir(path.parent)
    torch.manual_seed(0)
    seen = watch_script(path)
    told = [one for _, diagnosis in seen.losses for one in diagnosis.findings if one.severity != "note"]
    assert [f"{one.code} {one.cause} {one.line}" for one in told] == []
    assert seen.troubles == []
    assert seen.error is None
