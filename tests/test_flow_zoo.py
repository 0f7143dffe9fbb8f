"""The zoo: small programs that people write, each with what is expected of it in its own header and on its own line."""

from __future__ import annotations

import importlib.util
import re
import types
from pathlib import Path

import pytest
import torch

from gradcheck_lm.flow import KINDS, Diagnosis, diagnose
from gradcheck_lm.flow.subjects import named_tensors

ZOO = Path(__file__).parent / "zoo"
BROKEN = sorted((ZOO / "broken").glob("*.py"))
HEALTHY = sorted((ZOO / "healthy").glob("*.py"))


def load(path: Path) -> types.ModuleType:
    torch.manual_seed(0)
    spec = importlib.util.spec_from_file_location(f"zoo_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(1)
    return module


def expected(path: Path) -> list[tuple[str, int]]:
    """(kind, line) of every cut that a program's header announces, in the order in which the data meets them."""
    lines = path.read_text(encoding="utf-8").splitlines()
    header = re.fullmatch(r"# expected: (\w+(?: \w+)*)", lines[0])
    assert header is not None, f"{path.name} has no header '# expected: KIND ...'"
    marks: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if (mark := re.search(r"# <- (\w+)$", line)) is not None:
            assert mark[1] not in marks, f"{path.name} marks two lines as {mark[1]}"
            marks[mark[1]] = number
    kinds = header[1].split()
    assert set(marks) == set(kinds), f"{path.name}: the header and the marked lines differ"
    return [(kind, marks[kind]) for kind in kinds]


def show(diagnosis: Diagnosis) -> str:
    return "\n".join(
        f"{f.severity} {f.kind} {Path(f.file).name}:{f.line} {f.op} {f.tensors}" for f in diagnosis.findings
    )


# torch's own warning on float(tensor), given once a process: the programs do what it warns of on purpose
pytestmark = pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad=True:UserWarning")


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_broken_program_is_named(path: Path) -> None:
    program = load(path)
    diagnosis = diagnose(program.loss, program.wrt)
    assert not diagnosis.ok
    assert diagnosis.findings, "no finding at all"
    assert all(finding.cures for finding in diagnosis.errors)
    assert all(finding.code == KINDS[finding.kind].code for finding in diagnosis.findings)
    found = [(finding.kind, finding.line) for finding in diagnosis.errors if Path(finding.file) == path]
    wanted = expected(path)
    first = diagnosis.findings[0]
    assert (first.kind, first.file, first.line) == (wanted[0][0], str(path), wanted[0][1]), show(diagnosis)
    assert [cut for cut in found if cut in wanted] == wanted, show(diagnosis)
    str(diagnosis)


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_healthy_program_has_no_error(path: Path) -> None:
    program = load(path)
    diagnosis = diagnose(program.loss, program.wrt)
    assert diagnosis.ok, str(diagnosis)
    assert not diagnosis.errors, show(diagnosis)
    assert all(tensor.grad is None for tensor in named_tensors(program.wrt)[0].values())


@pytest.mark.parametrize("path", [*BROKEN, *HEALTHY], ids=lambda path: path.stem)
def test_graph_is_well_formed(path: Path) -> None:
    program = load(path)
    graph = diagnose(program.loss, program.wrt, counterfactual=False).graph
    assert [node.id for node in graph.nodes] == list(range(len(graph.nodes)))
    assert list(graph.edges) == sorted(set(graph.edges))
    assert all(0 <= start < len(graph.nodes) and 0 <= end < len(graph.nodes) for start, end in graph.edges)


def test_every_kind_is_in_the_zoo() -> None:
    assert {kind for path in BROKEN for kind, _ in expected(path)} == set(KINDS)
    assert len(BROKEN) >= 70
    assert len(HEALTHY) >= 40
