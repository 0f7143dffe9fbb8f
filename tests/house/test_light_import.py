"""Importing the package stays light."""

from __future__ import annotations

import importlib.util
import sys

from child_processes import run_process

HEAVY = ["transformers", "rich", "torchviz", "matplotlib", "accelerate", "PIL", "jinja2", "jiwer", "numpy.testing"]


STATEMENTS = ["import gradcheck_lm", "gradcheck_lm.diagnose", "import gradcheck_lm.flow"]
if importlib.util.find_spec("numpy"):
    STATEMENTS += ["import gradcheck_lm.htr, gradcheck_lm.lm, gradcheck_lm.penalties"]


def loaded(*statements: str) -> list[set[str]]:
    """What is loaded after each of some statements, one after the other in one new process."""
    look = f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    code = "\n".join(["import sys", *(line for statement in statements for line in (statement, look))])
    done = run_process([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [set(line.split()) for line in done.stdout.split("\n")[:-1]]


def test_no_heavy_package_is_loaded() -> None:
    # in one process, as what is loaded stays: where the last brings nothing, none before it did
    torch_itself, *after = loaded("import torch", *STATEMENTS)
    assert len(after) == len(STATEMENTS)
    assert [now - torch_itself for now in after] == [set() for _ in STATEMENTS]


def test_importing_does_not_even_load_torch() -> None:
    code = "import sys, gradcheck_lm; print('torch' in sys.modules)"
    assert run_process([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_this_test_can_fail() -> None:
    assert loaded("import gradcheck_lm, rich", "pass") == [{"rich"}, {"rich"}]
