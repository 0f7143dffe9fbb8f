"""The zoo: small programs that people write, each with what is expected of it in its own header and on its own line."""

from __future__ import annotations

import importlib.util
import re
import types
from pathlib import Path

import pytest
import torch
from zoo_programs import beside, expected, unannounced

from gradcheck_lm.flow import KINDS, Diagnosis, diagnose, record
from gradcheck_lm.flow.gradients.subjects import named_tensors

ZOO = Path(__file__).parents[1] / "zoo"
BROKEN = sorted((ZOO / "broken").glob("*.py"))
HEALTHY = sorted((ZOO / "healthy").glob("*.py"))


def cases(paths: list[Path]) -> list[object]:
    """The programs as parameters, each with the packages that it needs beside torch."""
    found = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        wanted = set(re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE))
        if ".numpy()" in text or "from_numpy" in text:
            wanted.add("numpy")
        beside = sorted(wanted & {"numpy", "scipy", "PIL"})  # a list: one that is missing from it fails, and is no skip
        found.append(pytest.param(path, marks=[pytest.mark.needs(*beside)] if beside else [], id=path.stem))
    return found


def load(path: Path) -> types.ModuleType:
    torch.manual_seed(0)
    spec = importlib.util.spec_from_file_location(f"zoo_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(1)
    return module


def show(diagnosis: Diagnosis) -> str:
    return "\n".join(
        f"{f.severity} {f.kind} {Path(f.file).name}:{f.line} {f.op} {f.tensors}" for f in diagnosis.findings
    )


pytestmark = [
    # torch's own warning on float(tensor), given once a process: the programs do what it warns of on purpose
    pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True:UserWarning"),
    # the compiler's own
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]


@pytest.mark.parametrize("path", cases(BROKEN))
def test_broken_program_is_named(path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    program = load(path)
    diagnosis = diagnose(program.loss, program.wrt)
    warns = KINDS[expected(path)[0][0]].severity == "warning"  # of what may be meant: no gradient is lost
    assert diagnosis.ok == warns
    assert diagnosis.findings, "no finding at all"
    assert all(finding.cures for finding in diagnosis.findings if finding.severity != "note")
    assert all(finding.code == KINDS[finding.kind].code for finding in diagnosis.findings)
    found = [(finding.kind, finding.line) for finding in diagnosis.findings if Path(finding.file) == path]
    wanted = expected(path)
    first = diagnosis.findings[0]
    assert (first.kind, first.file, first.line) == (wanted[0][0], str(path), wanted[0][1]), show(diagnosis)
    assert [cut for cut in found if cut in wanted] == wanted, show(diagnosis)
    assert unannounced(diagnosis, path) == [], show(diagnosis)
    beside(path, diagnosis, overwrite=request.config.getoption("--overwrite"))


@pytest.mark.parametrize("path", cases(HEALTHY))
def test_healthy_program_has_no_error(
    path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    program = load(path)
    diagnosis = diagnose(program.loss, program.wrt)
    assert diagnosis.ok, str(diagnosis)
    assert all(finding.severity == "note" for finding in diagnosis.findings), show(diagnosis)
    assert all(tensor.grad is None for tensor in named_tensors(program.wrt)[0].values())
    beside(path, diagnosis, overwrite=request.config.getoption("--overwrite"))


# an exported number that only steers Python on to another constant: to see that, the program must be run again
NEEDS_ANOTHER_RUN = {"argmax_behind_a_guard"}


@pytest.mark.parametrize("path", cases(BROKEN))
def test_one_watched_run_names_the_first_cut_too(path: Path) -> None:
    program = load(path)
    with record() as run:
        result = program.loss()
    diagnosis = run.diagnose(result, program.wrt)
    first = diagnosis.findings[0]
    named = (first.kind, first.line) == expected(path)[0]
    assert named != (path.stem in NEEDS_ANOTHER_RUN), show(diagnosis)
    assert all(finding.certainty != "confirmed" for finding in diagnosis.findings)  # nothing was run again


@pytest.mark.parametrize("path", cases(HEALTHY))
def test_one_watched_run_gives_no_false_alarm(path: Path) -> None:
    program = load(path)
    with record() as run:
        result = program.loss()
    diagnosis = run.diagnose(result, program.wrt)
    assert diagnosis.ok, str(diagnosis)
    assert all(finding.severity == "note" for finding in diagnosis.findings), show(diagnosis)


# autograd itself stops at these, watched or not
REFUSED = {"added_in_place_after_sigmoid": "modified by an inplace operation"}


def step(path: Path, *, watched: bool) -> tuple[list[torch.Tensor], list[torch.Tensor | None]]:
    """Terms of the loss and gradients of one step of a program."""
    program = load(path)
    tensors = list(named_tensors(program.wrt)[0].values())
    if watched:
        with record() as run:
            result = program.loss()
        run.diagnose(result, program.wrt)
        assert not run.recorder.modules.hooks
    else:
        result = program.loss()
    terms = list(result.values()) if isinstance(result, dict) else [result]
    total = sum(terms)
    if path.stem in REFUSED:
        with pytest.raises(RuntimeError, match=REFUSED[path.stem]):
            total.backward()
    elif isinstance(total, torch.Tensor) and total.requires_grad:
        total.backward()
    return [torch.as_tensor(term).detach() for term in terms], [tensor.grad for tensor in tensors]


@pytest.mark.parametrize("path", cases([*HEALTHY, *BROKEN]))
def test_recorder_changes_no_bit(path: Path) -> None:
    plain, plain_gradients = step(path, watched=False)
    seen, seen_gradients = step(path, watched=True)
    assert all(map(same, plain, seen))
    assert all(map(same, plain_gradients, seen_gradients))


def same(one: torch.Tensor | None, two: torch.Tensor | None) -> bool:
    if one is None or two is None:
        return one is two
    one, two = (value.to_dense() if value.is_sparse else value for value in (one, two))
    return torch.equal(one, two) or (one.isnan().any() and torch.equal(one.nan_to_num(7.0), two.nan_to_num(7.0)))


@pytest.mark.parametrize("path", cases([*BROKEN, *HEALTHY]))
def test_graph_is_well_formed(path: Path) -> None:
    program = load(path)
    graph = diagnose(program.loss, program.wrt, counterfactual=False).graph
    assert [node.id for node in graph.nodes] == list(range(len(graph.nodes)))
    assert list(graph.edges) == sorted(set(graph.edges))
    assert all(0 <= start < len(graph.nodes) and 0 <= end < len(graph.nodes) for start, end in graph.edges)


def test_every_kind_is_in_the_zoo() -> None:
    shown = {kind for path in BROKEN for kind, _ in expected(path)}
    wanted = {kind.name for kind in KINDS.values() if kind.decided and kind.asked_by == "diagnose"}
    assert wanted <= shown <= set(KINDS)
    assert len(BROKEN) >= 70
    assert len(HEALTHY) >= 40
