"""Compiled code: it is seen, stays compiled, and nothing is compiled for the recorder."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator

import pytest
import torch
from child_processes import run_process
from torch import Tensor, nn

from gradcheck_lm.flow import diagnose, record


@pytest.fixture
def compiler() -> Iterator[None]:
    torch._dynamo.reset()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The .grad attribute of a Tensor that is not a leaf")
        yield
    torch._dynamo.reset()


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.usefixtures("compiler")
def test_compiled_code_is_seen_and_stays_compiled(backend: str) -> None:
    first, last = nn.Linear(6, 4), nn.Linear(4, 1)
    middle = torch.compile(nn.Sequential(nn.Linear(4, 4), nn.GELU()), backend=backend)

    @torch.compile(backend=backend)
    def hard(value: Tensor) -> Tensor:
        return nn.functional.one_hot(value.argmax(-1), 4).float() * 2

    data = torch.randn(12, 6, generator=torch.Generator().manual_seed(3))

    def healthy() -> Tensor:
        return last(middle(first(data))).square().mean()

    plain = healthy()
    counters = torch._dynamo.utils.counters
    graphs, filters = counters["stats"]["unique_graphs"], list(warnings.filters)
    with record() as run:
        seen = healthy()
    assert torch.equal(plain, seen)
    assert run.diagnose(seen, {"first": first, "middle": middle, "last": last}).ok
    finding = diagnose(lambda: last(hard(first(data))).mean(), {"first": first}).findings[0]
    assert (finding.kind, finding.function) == ("discrete_op", "hard")
    assert counters["stats"]["unique_graphs"] == graphs  # nothing was compiled for the recorder
    assert not counters["graph_break"]
    assert list(warnings.filters) == filters
    assert torch._dynamo.eval_frame._stance.stance == "default"
    healthy()
    assert counters["stats"]["unique_graphs"] == graphs  # and what was compiled still holds


def test_compiler_that_is_loaded_inside_the_block() -> None:
    program = """
import sys, torch
from gradcheck_lm.flow import record
model, original = torch.nn.Linear(4, 2), torch.compile
with record() as run:
    assert "torch._dynamo" not in sys.modules
    double = torch.compile(lambda value: value.detach() * 2, backend="eager")
    loss = double(model(torch.ones(3, 4))).sum()
assert torch.compile is original
from torch._dynamo import eval_frame, utils
assert eval_frame._stance.stance == "default" and not utils.counters["stats"]
print(run.diagnose(loss, model).findings[0].kind)
with record() as run:
    pass
assert torch.compile is original
"""
    # torch says so where there is no NumPy
    strict = ["-W", "error", "-W", "ignore:Failed to initialize NumPy:UserWarning"]
    done = run_process([sys.executable, *strict, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["detach"], done.stderr
