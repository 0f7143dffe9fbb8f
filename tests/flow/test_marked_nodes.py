"""Where torch does not count autograd's nodes, marks are written on them: the answers are the same."""

from __future__ import annotations

import importlib.util
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gradcheck_lm.flow import diagnose
from gradcheck_lm.flow.watching import tape

BROKEN = sorted((Path(__file__).parents[1] / "zoo" / "broken").glob("*.py"))
BESIDE_TORCH = ("numpy", "scipy", "PIL")

pytestmark = [
    pytest.mark.skipif(tape.SEQUENCE is None, reason="this torch has no count: the marks are what all tests ran with"),
    pytest.mark.filterwarnings("ignore"),  # the programs warn on purpose
]


@pytest.fixture
def no_count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every module of flow that holds the count, without it."""
    holding = [
        name
        for name, module in list(sys.modules.items())
        if name.startswith("gradcheck_lm.flow") and getattr(module, "SEQUENCE", None) is not None
    ]
    for name in holding:
        monkeypatch.setattr(sys.modules[name], "SEQUENCE", None)
    return holding


# the nodes inside a loss that torch makes of several operations are found by the count alone
INSIDE_A_LOSS = {"several_classes_at_once", "blank_among_the_labels"}


def load(path: Path) -> types.ModuleType:
    torch.manual_seed(0)
    spec = importlib.util.spec_from_file_location(f"marked_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    torch.manual_seed(1)
    return module


def told(path: Path) -> tuple[object, ...]:
    program = load(path)
    found = diagnose(program.loss, program.wrt, counterfactual=False)
    # a picture may show a custom Function itself or the first call in it
    return found.ok, [replace(finding, node=None) for finding in found.findings], found.unreached, found.zero


def test_the_broken_zoo_is_told_alike(request: pytest.FixtureRequest) -> None:
    paths = [path for path in BROKEN if not any(name in path.read_text(encoding="utf-8") for name in BESIDE_TORCH)]
    paths = [path for path in paths if path.stem not in INSIDE_A_LOSS]
    assert len(paths) > 40
    counted = {path.stem: told(path) for path in paths}
    holding = request.getfixturevalue("no_count")
    assert "gradcheck_lm.flow.watching.tensors" in holding
    assert {path.stem: told(path) for path in paths} == counted
