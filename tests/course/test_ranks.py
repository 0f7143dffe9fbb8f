"""Functions of a lesson on real ranks: what they say comes back, and nothing of them is left, whatever they do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from course_folder import LESSONS, environment
from forked_python import run_python
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import gradcheck_lm as gc
from gradcheck_lm.course.screen import ranks
from gradcheck_lm.course.screen.ranks import on_ranks

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this torch has no torch.distributed")


def data_of(rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(10 + rank)
    return torch.randn(8, 2), torch.randn(8, 1)


def who() -> list[int]:
    return [dist.get_rank(), dist.get_world_size()]


def wrapper_is_given():
    ddp = DistributedDataParallel(nn.Linear(2, 1))
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
    inputs, targets = data_of(dist.get_rank())

    def step():
        optimizer.zero_grad()
        (ddp.module(inputs) - targets).square().mean().backward()
        optimizer.step()

    return gc.diagnose_step(step, ddp, optimizer, ranks=True)


def wrapper_is_a_variable():
    model = nn.Linear(2, 1)
    ddp = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, targets = data_of(dist.get_rank())

    def step():
        optimizer.zero_grad()
        (model(inputs) - targets).square().mean().backward()
        optimizer.step()

    with gc.record_steps(model, optimizer, ranks=True) as run:
        for _ in range(2):
            step()
    del ddp
    return run.diagnose()


def wrapper_is_called():
    ddp = DistributedDataParallel(nn.Linear(2, 1))
    optimizer = torch.optim.SGD(ddp.parameters(), lr=0.1)
    inputs, targets = data_of(dist.get_rank())

    def step():
        optimizer.zero_grad()
        (ddp(inputs) - targets).square().mean().backward()
        optimizer.step()

    return gc.diagnose_step(step, ddp, optimizer, ranks=True)


def fails() -> None:
    raise ValueError("no such thing")


def waits_for_ever() -> None:
    import time

    while True:
        time.sleep(1)


def test_what_each_rank_returns_and_what_the_debugger_says_on_it() -> None:
    """A wrapper that was made before the watch, and is never called in it, is seen all the same."""
    heard = on_ranks([who, wrapper_is_given, wrapper_is_a_variable, wrapper_is_called], uses=[data_of])
    assert heard.ran, heard.why
    assert heard.values["who"] == [[0, 2], [1, 2]]
    for name in ("wrapper_is_given", "wrapper_is_a_variable"):
        assert [told["codes"] for told in heard.values[name]] == [["GF714"], ["GF714"]], name
    assert [told["codes"] for told in heard.values["wrapper_is_called"]] == [[], []]
    words = heard.words(wrapper_is_given)
    assert "ranks_apart" in words.ja
    assert "Rank 0's loss at train.py:" in words.en
    assert "ddp.module(inputs)" in words.en


def test_an_error_on_a_rank_is_the_reason_that_is_told() -> None:
    heard = on_ranks([fails])
    assert not heard.ran
    assert heard.values == {}
    assert heard.words(fails).en == (
        "(Two processes could not train together on this machine: ValueError: no such thing)"
    )
    assert "ValueError: no such thing" in heard.words(fails).ja


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="groups of processes are POSIX")
@pytest.mark.parametrize("forks", [True, False])
def test_what_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch, forks: bool) -> None:
    started: list[subprocess.Popen[Any]] = []
    popen = subprocess.Popen

    def noted(*arguments: Any, **named: Any) -> subprocess.Popen[Any]:
        started.append(popen(*arguments, **named))
        return started[-1]

    monkeypatch.setattr(ranks.subprocess, "Popen", noted)
    monkeypatch.setattr(ranks, "FORKS", forks)
    heard = on_ranks([waits_for_ever], seconds=1.0)
    assert heard.why is not None
    assert "1 s" in heard.why.en
    assert len(started) == (1 if forks else 2)
    for process in started:
        assert process.returncode is not None
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)  # nor anything that it started


@pytest.mark.slow
def test_ranks_that_are_not_forked_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "FORKS", False)
    heard = on_ranks([who, wrapper_is_given], uses=[data_of])
    assert heard.ran, heard.why
    assert heard.values["who"] == [[0, 2], [1, 2]]
    assert [told["codes"] for told in heard.values["wrapper_is_given"]] == [["GF714"], ["GF714"]]


def test_where_no_ranks_can_be_started_the_lesson_goes_on(tmp_path: Path) -> None:
    script = str(LESSONS / "l26_ranks_apart" / "lesson.py")
    without = (
        "import runpy, sys\n"
        "from gradcheck_lm.course.screen import ranks\n"
        "ranks.on_ranks = lambda *_, **__: ranks.Heard({}, ranks.FAILED.filled(reason='no network'))\n"
        f"sys.argv = [{script!r}, '--lang', 'en', '--out', {str(tmp_path)!r}]\n"
        f"runpy.run_path({script!r}, run_name='__main__')\n"
    )
    done = run_python("-W", "error", "-c", without, env=environment(PYTHONIOENCODING="utf-8"))
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert text.count("could not train together on this machine: no network") == 2
    assert "# Next" in text
