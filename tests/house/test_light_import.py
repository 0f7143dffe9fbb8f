"""Importing the package stays light."""

from __future__ import annotations

import functools
import sys

import pytest
from child_processes import run_process

HEAVY = ["transformers", "rich", "torchviz", "matplotlib", "accelerate", "PIL", "jinja2", "jiwer", "numpy.testing"]


@functools.cache
def loaded(statement: str) -> frozenset[str]:
    code = f"import sys\n{statement}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = run_process([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import gradcheck_lm",
        "import gradcheck_lm; gradcheck_lm.diagnose",
        "import gradcheck_lm.flow",
        pytest.param(
            "import gradcheck_lm.htr; import gradcheck_lm.lm; import gradcheck_lm.penalties",
            marks=pytest.mark.needs("numpy"),
        ),
    ],
)
def test_no_heavy_package_is_loaded(statement: str) -> None:
    torch_itself = loaded("import torch")
    assert loaded(statement) - torch_itself == set()


def test_importing_does_not_even_load_torch() -> None:
    code = "import sys, gradcheck_lm; print('torch' in sys.modules)"
    assert run_process([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_this_test_can_fail() -> None:
    assert loaded("import gradcheck_lm, rich") == {"rich"}
