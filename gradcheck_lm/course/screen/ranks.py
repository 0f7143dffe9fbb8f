"""Functions of a lesson on several ranks of torch.distributed: started, listened to and ended, whatever they do."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import json
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from gradcheck_lm.course.checking.gate import kill, python_path
from gradcheck_lm.course.language import Words
from gradcheck_lm.course.say import voice

SECONDS = 90.0  # a last resort: two ranks take about six, most of them for importing torch
FORKS = hasattr(os, "fork") and sys.platform == "linux"  # else each rank imports torch for itself
_KEPT = 300  # characters of an error that are shown
_IMPORTS = """\
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

import gradcheck_lm as gc
"""
FAILED = Words(
    "(この環境では、二つのプロセスで一緒に学習できませんでした: {reason})",
    "(Two processes could not train together on this machine: {reason})",
)


@dataclass(frozen=True)
class Heard:
    """What the ranks gave back.

    Attributes:
        values: name of a function -> what it returned on each rank.
        why: where they could not run, the reason; else None.
    """

    values: Mapping[str, list[Any]]
    why: Words | None = None

    @property
    def ran(self) -> bool:
        """Whether all of them came to their end."""
        return self.why is None

    def words(self, function: Callable[..., Any]) -> Words:
        """The report that a function returned on rank 0, or why there is none."""
        if self.why is not None:
            return self.why
        report = self.values[function.__name__][0]
        return Words(report["ja"].rstrip(), report["en"].rstrip())


def on_ranks(
    functions: Sequence[Callable[[], Any]], *, uses: Sequence[Any] = (), ranks: int = 2, seconds: float = SECONDS
) -> Heard:
    """Call functions one after another on each of several ranks (gloo, on the CPU), in processes of their own.

    Their source is what is run: they see `torch`, `nn`, `dist`, `DistributedDataParallel`, `gc` and `uses`, and nothing
    else of the lesson. A process group is there when they begin. What they return must be JSON, or a report of `gc`.

    Args:
        functions: take nothing.
        uses: functions and classes that they call.
        ranks: how many.
        seconds: > 0; after that all processes are ended.
    Returns:
        Heard: with a reason, and no values, where the ranks could not start, failed, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="gradcheck_lm-", ignore_cleanup_errors=True) as folder:
        sources = [textwrap.dedent(inspect.getsource(one)) for one in (*uses, *functions)]
        Path(folder, "train.py").write_text("\n\n".join([_IMPORTS, *sources]), encoding="utf-8")
        plan = {"names": [one.__name__ for one in functions], "ranks": ranks, "seconds": seconds,
                "encoding": voice().console.encoding}  # fmt: skip
        Path(folder, "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        if not _ended_in_time(Path(folder), ranks, seconds):
            return Heard({}, FAILED.filled(reason=f"{seconds:g} s"))
        return _heard(Path(folder), plan)


def _ended_in_time(folder: Path, ranks: int, seconds: float) -> bool:
    """Start them, wait, and leave none behind."""
    each: list[list[str]] = [[]] if FORKS else [[str(rank)] for rank in range(ranks)]
    command = [sys.executable, "-m", "gradcheck_lm.course.screen.ranks", str(folder)]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for rank in each:
            processes.append(subprocess.Popen(
                [*command, *rank], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=_environment(), cwd=folder, start_new_session=True,
            ))  # fmt: skip
        for process in processes:
            process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    finally:
        for process in processes:
            if process.returncode != 0:  # one that came to its end has waited for all that it started
                kill(process)
    return True


def _environment() -> dict[str, str]:
    """One thread each, quiet, and talking to each other on this machine alone."""
    alone = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "PYTHONPATH": python_path()}
    names = [name for _, name in socket.if_nameindex()] if hasattr(socket, "if_nameindex") else []
    for name in ("lo", "lo0"):
        if name in names:
            alone["GLOO_SOCKET_IFNAME"] = name
    return {**os.environ, **alone}


def _heard(folder: Path, plan: Mapping[str, Any]) -> Heard:
    told = []
    for rank in range(plan["ranks"]):
        with contextlib.suppress(OSError, ValueError):
            told.append(json.loads(Path(folder, f"rank{rank}.json").read_text(encoding="utf-8")))
    errors = [one["error"] for one in told if one.get("error")]
    if errors or len(told) < plan["ranks"]:
        return Heard({}, FAILED.filled(reason=errors[0] if errors else "no answer"))
    return Heard({name: [one["values"][name] for one in told] for name in plan["names"]})


# ------------------------------------------------------------------ in the processes


def _rank(folder: Path, plan: Mapping[str, Any], rank: int) -> None:
    """Join the others, call the functions, and write down what they return."""
    told: dict[str, Any] = {"values": {}}
    try:
        import torch.distributed as dist

        dist.init_process_group(
            "gloo", init_method=Path(folder, "meeting").as_uri(), rank=rank, world_size=plan["ranks"],
            timeout=timedelta(seconds=plan["seconds"]),
        )  # fmt: skip
        spec = importlib.util.spec_from_file_location("train", folder / "train.py")
        assert spec is not None
        assert spec.loader is not None
        train = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(train)
        for name in plan["names"]:
            told["values"][name] = _plain(getattr(train, name)(), plan["encoding"])
        dist.barrier()
        dist.destroy_process_group()
    except Exception:
        told["error"] = traceback.format_exc().strip().splitlines()[-1][:_KEPT]
    Path(folder, f"rank{rank}.json").write_text(json.dumps(told), encoding="utf-8")


def _plain(value: Any, encoding: str) -> Any:
    """A report as its words in both languages and the codes that it names; anything else as it is."""
    if not hasattr(value, "findings"):
        return value
    from gradcheck_lm.course.screen.pictures import report_words
    from gradcheck_lm.course.screen.showing import REPORT

    words = report_words(value, width=REPORT, encoding=encoding)
    return {"ja": words.ja, "en": words.en, "codes": [one.code for one in value.findings if one.severity != "note"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m gradcheck_lm.course.screen.ranks FOLDER [RANK]`: this rank, or all, forked after the imports."""
    given = sys.argv[1:] if arguments is None else arguments
    folder = Path(given[0])
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    if len(given) > 1:
        _rank(folder, plan, int(given[1]))
        os._exit(0)
    import torch._dynamo  # noqa: F401  # the first optimizer and the first wrapper would import it on every rank

    import gradcheck_lm  # noqa: F401

    children = []
    for rank in range(plan["ranks"]):
        child = os.fork()
        if child == 0:
            _rank(folder, plan, rank)
            os._exit(0)  # threads of the process group must not hold it back
        children.append(child)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
