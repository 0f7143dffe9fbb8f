"""Two ranks (gloo): the ways in which they drift apart are named with their line, and healthy pairs are left alone."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist
from forked_python import run_pythons

ZOO = Path(__file__).parents[1] / "zoo" / "ranks"
SUPPORT = Path(__file__).parents[1] / "support" / "two_ranks.py"
BROKEN = sorted((ZOO / "broken").glob("*.py"))
HEALTHY = sorted((ZOO / "healthy").glob("*.py"))

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="this torch has no torch.distributed")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def said(paths: list[Path], folder: Path) -> list[dict[str, Any]]:
    """What each of two ranks says of some scripts, by their names."""
    port = free_port()
    environments = [
        dict(
            os.environ, RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port),
            OMP_NUM_THREADS="1", PYTHONPATH=os.pathsep.join([str(Path.cwd()), *sys.path]),
        )
        for rank in range(2)
    ]  # fmt: skip
    command = ["-W", "ignore", str(SUPPORT), str(folder / "said"), *map(str, paths)]
    for done in run_pythons([command, command], environments=environments):
        assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads((folder / f"said.{rank}").read_text()) for rank in range(2)]


def expected(path: Path) -> tuple[str, int]:
    lines = path.read_text(encoding="utf-8").splitlines()
    marks = [(mark[1], number) for number, line in enumerate(lines, 1) if (mark := re.search(r"# <- (\w+)$", line))]
    assert len(marks) == 1, path.name
    assert lines[0] == f"# expected: {marks[0][0]}"
    return marks[0]


def check(paths: list[Path], folder: Path) -> None:
    for told in said(paths, folder):
        for path in paths:
            found = told[path.stem]
            assert found["troubles"] == []
            assert found["error"] == ""
            assert found["together"] == 2.0  # the ranks can still talk: nothing of ours was left half sent
            alarming = [one for one in found["findings"] if one[3] != "note"]
            if path.parent.name == "healthy":
                assert alarming == [], path.name
            else:
                kind, line = expected(path)
                assert (alarming[0][0], alarming[0][2], alarming[0][3]) == (kind, line, "error"), (path.name, alarming)


def test_a_module_past_its_wrapper_and_a_healthy_pair(tmp_path: Path) -> None:
    check([ZOO / "broken" / "module_inside_is_called.py", ZOO / "healthy" / "sampled_for_each_rank.py"], tmp_path)


@pytest.mark.slow
def test_every_way_of_drifting_apart(tmp_path: Path) -> None:
    check([*BROKEN, *HEALTHY], tmp_path)
    assert len(BROKEN) >= 6
    assert len(HEALTHY) >= 3
