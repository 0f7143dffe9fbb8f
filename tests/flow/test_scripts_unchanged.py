"""What a script does is its own: same output, weights, counts, random state and end with the debugger and without."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import random
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from forked_python import run_python

from gradcheck_lm.errors import TraceError
from gradcheck_lm.flow.scripts.program.loading import as_main, load
from gradcheck_lm.flow.scripts.runner import Seen, watch_script

np = pytest.importorskip("numpy", reason="its random state is compared as well")

HERE = Path(__file__).parents[1]
SCRIPTS = sorted((HERE / "scripts").glob("*.py"))
ZOO = sorted((HERE / "zoo").glob("*/*.py"))
THREE_STEPS = """

leaves = [wrt] if isinstance(wrt, torch.nn.Module) else list(wrt.values() if isinstance(wrt, dict) else wrt)
leaves = [part for one in leaves for part in (one.parameters() if isinstance(one, torch.nn.Module) else [one])]
learning = [leaf for leaf in leaves if leaf.is_leaf and leaf.requires_grad]
optimizer = torch.optim.SGD(learning, lr=0.01) if learning else None
for _ in range(3):
    value = loss()
    total = sum(value.values()) if isinstance(value, dict) else value
    optimizer is not None and optimizer.zero_grad()
    if isinstance(total, torch.Tensor) and total.requires_grad:
        total.backward()
        optimizer is not None and optimizer.step()
    print(float(total.detach()) if isinstance(total, torch.Tensor) else total)
print([leaf.detach().reshape(-1).tolist() for leaf in leaves])
"""

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # the programs warn on purpose: test_warnings_are_placed looks at that
    pytest.mark.skipif(sys.platform == "win32", reason="forks"),
]


@contextlib.contextmanager
def fresh() -> Iterator[io.StringIO]:
    """The same beginning for every run: random state, and standard output caught."""
    assert torch.get_default_dtype() is torch.float32, "the script before left torch changed"
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), warnings.catch_warnings():
        warnings.simplefilter("default")
        torch.set_warn_always(True)  # torch's own "once a process" would tell the runs apart
        try:
            yield out
        finally:
            torch.set_warn_always(False)


def state() -> tuple[Any, ...]:
    return torch.get_rng_state().tolist(), random.getstate(), [str(part) for part in np.random.get_state()]


def shown(error: BaseException | None, hook: Any, out: io.StringIO) -> str:
    """How a script ends: what Python does with its error."""
    if error is None:
        return "0"
    if isinstance(error, SystemExit):
        return str(error.code)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        hook(type(error), error, error.__traceback__)
    return "1"


def alone(path: Path) -> tuple[Any, ...]:
    with fresh() as out:
        error: BaseException | None = None
        with as_main(load(path, module=False), []) as main:
            try:
                exec(load(path, module=False).code, main.__dict__)
            except (Exception, SystemExit) as raised:
                error = raised.with_traceback(raised.__traceback__ and raised.__traceback__.tb_next)
            hook = sys.excepthook
    return shown(error, hook, out), out.getvalue(), state()


def watched(path: Path, until: str = "end") -> tuple[tuple[Any, ...], Seen]:
    with fresh() as out:
        try:
            seen = watch_script(path, until=until)
        except TraceError:  # it never calls backward()
            seen = Seen([], None)
    return (shown(seen.error, seen.excepthook, out), out.getvalue(), state()), seen


def assert_same(found: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    """As `assert found == expected`, with the lines that differ."""
    if found != expected:
        lines = difflib.unified_diff(expected[1].splitlines(), found[1].splitlines(), "alone", "watched", lineterm="")
        pytest.fail("\n".join([f"exit {expected[0]} alone, {found[0]} watched", *lines][:60]), pytrace=False)


@pytest.mark.parametrize("path", [path for path in SCRIPTS if path.stem != "forks"], ids=lambda path: path.stem)
def test_a_script_does_what_it_does_alone(path: Path) -> None:
    expected = alone(path)
    found, seen = watched(path)
    assert_same(found, expected)
    assert seen.troubles == []
    assert seen.losses, "nothing was asked"
    assert torch.overrides._get_current_function_mode() is None


def test_healthy_scripts_are_well() -> None:
    for path in SCRIPTS:
        if path.stem not in ("forks", "custom_backward_draws"):  # the second has a dead term: what is asked once more
            _, seen = watched(path)
            assert all(diagnosis.ok for _, diagnosis in seen.losses), f"{path.stem}: {seen.diagnosis}"


@pytest.mark.parametrize("path", ZOO, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_zoo_trained_for_three_steps(path: Path, tmp_path: Path) -> None:
    script = tmp_path / path.name
    script.write_text(path.read_text(encoding="utf-8") + THREE_STEPS, encoding="utf-8")
    expected = alone(script)
    found, seen = watched(script)
    assert_same(found, expected)
    assert seen.troubles == []


def forking(*before: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"}
    return run_python(*before, str(HERE / "scripts" / "forks.py"), env=environment)


@pytest.fixture(scope="module")
def plain_forks() -> subprocess.CompletedProcess[str]:
    return forking()


@pytest.mark.parametrize("until", ["end", pytest.param("two-steps", marks=pytest.mark.slow)])
def test_forked_children(plain_forks: subprocess.CompletedProcess[str], until: str) -> None:
    plain, seen = plain_forks, forking("-m", "gradcheck_lm", "run", "--until", until)
    if until == "end":
        assert seen.stdout.startswith(plain.stdout)
        rest = seen.stdout[len(plain.stdout) :]
        assert seen.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1] == "KeyError: 2"
    else:
        rest = seen.stdout.partition("child")[2] or seen.stdout
    assert rest.count("The gradient flows") == 1  # the parent's alone
    assert seen.returncode == plain.returncode == 0
