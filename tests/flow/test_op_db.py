"""Could a gradient have survived? The recorder's word against autograd's, over torch's own operator database."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from child_processes import run_process

from gradcheck_lm.flow import diagnose, record
from gradcheck_lm.flow.operations.derivatives import derivative_of
from gradcheck_lm.flow.tracing.graph import Dataflow

pytest.importorskip("expecttest", reason="torch's operator database needs expecttest: pip install gradcheck_lm[dev]")
SWEEP = Path(__file__).parents[1] / "support" / "op_db_sweep.py"

_OLD_HISTORY = (
    "autograd does not know that this in-place operation changes anything and lets the old value's history stand: its "
    "gradient is one of another function, so the recorder calls the operation a cut"
)
# Operations whose prediction differs from autograd's answer, and why that is right.
EXCEPTIONS = {
    "logical_and": _OLD_HISTORY,
    "logical_or": _OLD_HISTORY,
    "logical_xor": _OLD_HISTORY,
    "logical_not": _OLD_HISTORY,
    "linalg.householder_product": "with no reflector (an empty tau) the result is the identity: one sample of eight",
    "linalg.eig": "autograd has an answer only for losses that do not depend on the eigenvectors' phase; ours does",
}
_SCALE = "a statistic, weight or target that scales the loss: torch has no formula for that argument alone"
_EDGE = "where the output is an end or a grid point, a neighbour's argument has no say in it: values decide"
# The same for single inputs: arguments into which no gradient goes, though into others of the same call one does.
ARGUMENTS = {
    **EXCEPTIONS,
    "_batch_norm_with_update": _SCALE,
    "_native_batch_norm_legit": _SCALE,
    "native_batch_norm": _SCALE,
    "nn.functional.batch_norm": _SCALE,
    "nn.functional.instance_norm": _SCALE,
    "nn.functional.binary_cross_entropy": _SCALE,
    "nn.functional.binary_cross_entropy_with_logits": _SCALE,
    "nn.functional.cosine_embedding_loss": _SCALE,
    "nn.functional.cross_entropy": _SCALE,
    "nn.functional.hinge_embedding_loss": _SCALE,
    "nn.functional.linear_cross_entropy": _SCALE,
    "nn.functional.linear_cross_entropy.chunked": _SCALE,
    "nn.functional.linear_cross_entropy.chunked_none": _SCALE,
    "nn.functional.multi_margin_loss": _SCALE,
    "nn.functional.nll_loss": _SCALE,
    "nn.functional.soft_margin_loss": _SCALE,
    "nn.functional.fractional_max_pool2d": _SCALE,
    "linalg.pinv": _SCALE,
    "diff": _EDGE,
    "gradient": _EDGE,
    "quantile": _EDGE,
    "nanquantile": _EDGE,
    "nn.functional.multi_head_attention_forward": "its second output, the weights, is made before values are used",
}


def sweep(folder: Path, *options: str) -> dict[str, Any]:
    """Run the sweep in a process of its own: importing torch's operator database changes torch."""
    path = folder / "report.json"
    command = [sys.executable, str(SWEEP), str(path), *options]
    done = run_process(command, capture_output=True, text=True, seconds=1200)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return sweep(tmp_path_factory.mktemp("op_db"), "--samples", "1")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return sweep(tmp_path_factory.mktemp("op_db"))


def hold(report: dict[str, Any]) -> None:
    """No fault beyond the exceptions, and these under 1 % of operations, and of outputs."""
    assert [fault for fault in report["faults"] if fault[0] not in EXCEPTIONS] == []
    excepted = {fault[0] for fault in report["faults"]}
    assert len(excepted) < 0.01 * len(report["operations"])
    assert sum(fault[-1] for fault in report["faults"]) < 0.01 * report["outputs"]


@pytest.mark.needs("numpy")
def test_every_operation_once(quick: dict[str, Any]) -> None:
    assert len(quick["operations"]) > 600
    assert quick["variants"] > 1100
    hold(quick)


@pytest.mark.needs("numpy")
def test_every_operation_input_by_input(quick: dict[str, Any]) -> None:
    assert [pair for pair in quick["pairs"] if pair[0] not in ARGUMENTS] == []


@pytest.mark.needs("numpy")
@pytest.mark.slow
def test_every_sample_of_every_operation(full: dict[str, Any]) -> None:
    assert full["samples"] > 20_000
    hold(full)
    assert {fault[0] for fault in full["faults"]} == set(EXCEPTIONS), "an exception that is none: take it off the list"


@pytest.mark.needs("numpy")
@pytest.mark.slow
def test_every_sample_input_by_input(full: dict[str, Any]) -> None:
    assert [pair for pair in full["pairs"] if pair[0] not in ARGUMENTS] == []
    assert {pair[0] for pair in full["pairs"]} | set(EXCEPTIONS) == set(ARGUMENTS)
    assert sum(pair[-1] for pair in full["pairs"]) < 0.04 * full["inputs"]


_PHASE = "autograd has an answer only for losses that do not depend on the vectors' phase; ours does"
OF_TYPE = {  # exceptions that one type of number adds
    "float64": {},
    "bfloat16": {name: "torch has no kernel for its backward in bfloat16" for name in ("special.i1", "special.i1e")},
    "complex64": {
        **dict.fromkeys(["linalg.eigh", "pca_lowrank", "svd_lowrank"], _PHASE),
        **dict.fromkeys(["nn.functional.silu.complex", "to_sparse"], "torch has no formula for it in complex numbers"),
    },
}


@pytest.mark.needs("numpy")
@pytest.mark.slow
@pytest.mark.parametrize("dtype", OF_TYPE)
def test_other_types_of_number(dtype: str, tmp_path: Path) -> None:
    report = sweep(tmp_path, "--samples", "2", "--dtype", dtype)
    assert len(report["operations"]) > 350
    known = {*EXCEPTIONS, *OF_TYPE[dtype]}
    assert [fault for fault in report["faults"] if fault[0] not in known] == []


# ---------------------------------------------------------------------- what the database cannot ask


def predicted(program: Any, *inputs: torch.Tensor) -> list[list[bool]]:
    """Per output and input: whether a gradient could have survived."""
    with record() as run:
        result = program(*inputs)
    outputs = [run.recorder.see(output) for output in (result if isinstance(result, tuple | list) else [result])]
    flow = Dataflow(run.recorder.recording, [])
    roots = [run.recorder.token_of(tensor) for tensor in inputs]
    table = []
    for output in outputs:
        ways = flow.distances([output])
        table.append([root in ways.tokens and not ways.cuts_from(root) for root in roots])
    return table


def test_outputs_are_told_apart() -> None:
    value, square = torch.rand(4), torch.rand(3, 3) + 3 * torch.eye(3)
    assert predicted(lambda x: tuple(torch.sort(x)), value) == [[True], [False]]
    assert predicted(lambda x: tuple(torch.topk(x, 2)), value) == [[True], [False]]
    assert predicted(lambda x: tuple(torch.max(x, 0)), value) == [[True], [False]]
    assert predicted(lambda x: tuple(torch.frexp(x)), value) == [[True], [False]]
    assert predicted(lambda x: tuple(torch.slogdet(x)), square) == [[False], [True]]
    assert predicted(lambda x: tuple(torch.slogdet(x)), square.to(torch.complex64)) == [[True], [True]]
    assert predicted(lambda x: tuple(torch.linalg.lu(x)), square) == [[False], [True], [True]]
    assert predicted(lambda x: tuple(torch.linalg.lu_factor(x)), square) == [[True], [False]]


@pytest.mark.parametrize("name", ["round", "floor", "ceil", "trunc", "fix", "sign", "sgn", "angle"])
def test_steps_carry_no_gradient(name: str) -> None:
    assert predicted(getattr(torch, name), torch.randn(3)) == [[False]]
    if name in ("sgn", "angle"):
        assert predicted(getattr(torch, name), torch.randn(3, dtype=torch.complex64)) == [[True]]


def test_arguments_decide() -> None:
    first, second = torch.rand(3) + 1, torch.rand(3) + 1
    assert predicted(torch.div, first, second) == [[True, True]]
    assert predicted(lambda a, b: torch.div(a, b, rounding_mode="floor"), first, second) == [[False, False]]
    assert predicted(lambda a: torch.linalg.vector_norm(a, 0), first) == [[False]]
    assert predicted(lambda a: a.norm(p=1), first) == [[True]]
    assert predicted(torch.igamma, first, second) == [[False, True]]
    assert predicted(lambda q: torch.special.zeta(2.0, q), first) == [[True]]


def test_only_values_that_are_read_go_on() -> None:
    first, second = torch.rand(3), torch.rand(3)
    assert predicted(lambda a, b: a.expand_as(b), first, second) == [[True, False]]
    assert predicted(lambda a, b: a.clone().copy_(b), first, second) == [[False, True]]
    assert predicted(lambda a: a.clone().zero_(), first) == [[False]]
    assert predicted(lambda a, b: torch.add(a, b, out=torch.empty(3)), first, second) == [[True, True]]
    pairs = [[True, False], [False, True]]
    assert predicted(torch.broadcast_tensors, torch.rand(1), second) == pairs
    assert predicted(lambda a, b: torch.meshgrid(a, b, indexing="ij"), first, second) == pairs


def test_out_is_overwritten() -> None:
    first, second = torch.rand(3), torch.rand(3)
    assert predicted(lambda a, b: torch.exp(a, out=b.clone()), first, second) == [[True, False]]
    assert predicted(lambda a, b: torch.add(a, b, out=b.clone()), first, second) == [[True, True]]


def test_where_backward_would_raise_the_operation_is_named() -> None:
    weight = torch.rand(3, requires_grad=True)
    diagnosis = diagnose(lambda: torch.igamma(weight + 1, weight).sum(), [weight])
    assert not diagnosis.ok
    assert [(f.kind, f.op, f.severity) for f in diagnosis.findings] == [("discrete_op", "torch.igamma", "error")]
    assert "no formula" in diagnosis.findings[0].why
    assert any("igamma" in note and "backward() stops" in note for note in diagnosis.notes)


def test_a_table_entry_needs_torch_to_have_the_operation() -> None:
    from gradcheck_lm.flow.operations import derivatives

    homes = (torch, torch.Tensor, torch.linalg, torch.special, torch.nn.functional, torch.ops.aten)
    for name in sorted(derivatives._KNOWN):
        assert any(hasattr(home, name) or hasattr(home, f"special_{name}") for home in homes), name
    assert derivative_of("matmul", "torch.matmul").cut is None
