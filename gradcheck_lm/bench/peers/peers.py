"""`bench peers`: programs made after the public cases of other debuggers, under this debugger and under those."""

from __future__ import annotations

import ast
import contextlib
import datetime
import importlib
import importlib.metadata
import io
import json
import os
import pickle
import re
import signal
import sys
import types
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gradcheck_lm.bench.peers.peers_others import OTHERS, Subject

ZOO = Path("tests/zoo/peers")
_SECONDS = 120  # for one tool on one program


@dataclass(frozen=True)
class Program:
    """One program of the zoo, as its header says."""

    path: Path
    kind: str  # "" for a healthy one
    line: int  # 0 for a healthy one
    about: str
    source: str
    names: dict[str, str]  # what the others want: model, optimizer, inputs, targets, loss, frozen
    check_values: bool

    @property
    def healthy(self) -> bool:
        """Nothing is wrong with it."""
        return not self.kind


@dataclass
class Answer:
    """What one tool says of one program."""

    said: list[str] = field(default_factory=list)  # kinds of warnings and errors
    lines: list[int] = field(default_factory=list)  # the lines that they name, 0 for none
    error: str = ""


def programs(root: Path = ZOO) -> list[Program]:
    """All of the zoo, broken ones first."""
    return [_read(path) for path in sorted(root.glob("*/*.py"))]


def _read(path: Path) -> Program:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    marks = [(mark[1], number) for number, line in enumerate(lines, 1) if (mark := re.search(r"# <- (\w+)$", line))]
    head = {
        name: value
        for line in lines[:6]
        if (found := re.match(r"# (\w+): (.*)", line))
        for name, value in [found.groups()]
    }
    about = next(
        line[2:]
        for line in lines
        if line.startswith("# ") and not re.match(r"# (expected|after|peers|options): ", line)
    )
    names = dict(part.split("=", 1) for part in head.get("peers", "").split())
    kind, line = marks[0] if marks else ("", 0)
    return Program(path, kind, line, about, head.get("after", ""), names, "--check-values" in head.get("options", ""))


# ---------------------------------------------------------------------- this debugger


def ours(program: Program) -> Answer:
    """As `python -m gradcheck_lm run` says it: errors and warnings, in its order."""
    from gradcheck_lm.flow.scripts.runner import watch_script

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = watch_script(program.path, check_values=program.check_values)
    found = [one for _, diagnosis in seen.losses for one in diagnosis.findings if one.severity != "note"]
    found.sort(key=lambda one: one.severity != "error")
    return Answer([one.kind for one in found], [one.line for one in found], "; ".join(seen.troubles))


def verdict(program: Program, answer: Answer) -> str:
    """ "first": the marked line comes first; "named": later; "seen": something else is said; "quiet"."""
    if not answer.said:
        return "quiet"
    if program.line in answer.lines:
        return "first" if answer.lines[0] == program.line else "named"
    return "seen"


# ---------------------------------------------------------------------- the others


def _subject(program: Program) -> Subject:
    """The program up to its training loop, and the loop as a function."""
    tree = ast.parse(program.path.read_text(encoding="utf-8"))
    place = next((at for at, node in enumerate(tree.body) if _trains(node)), len(tree.body))
    module = types.ModuleType("program")
    module.__file__ = str(program.path)
    head = ast.Module(tree.body[:place], [])
    exec(compile(head, str(program.path), "exec"), module.__dict__)
    rest = compile(ast.Module(tree.body[place:], []), str(program.path), "exec")

    def value(name: str) -> Any:
        said = program.names.get(name, "None")
        return eval(said, module.__dict__)

    frozen = [program.names["frozen"]] if "frozen" in program.names else []
    return Subject(
        program.path, value("model"), value("optimizer"), value("inputs"), value("targets"), value("loss"), frozen,
        lambda: exec(rest, module.__dict__),
    )  # fmt: skip


def _trains(node: ast.stmt) -> bool:
    """A loop, or a call that stands alone and is given what trains."""
    if isinstance(node, ast.For):
        return "backward" in ast.dump(node) or any(name in ast.dump(node) for name in ("'step'", "one_epoch", "train"))
    called = node.value if isinstance(node, ast.Expr | ast.Assign) else None
    names = ("fit", "train", "step") if isinstance(called, ast.ListComp) else ("fit", "train")
    called = called.elt if isinstance(called, ast.ListComp) else called
    name = ast.unparse(called.func) if isinstance(called, ast.Call) else ""
    return name.rpartition(".")[2] in names and name != "model.train"


def _theirs(ask: Callable[[Subject], list[tuple[str, int]]], program: Program) -> Answer:
    import torch

    torch.manual_seed(0)
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        found = ask(_subject(program))
    return Answer([what for what, _ in found], [line for _, line in found])


def apart(ask: Callable[[], Answer]) -> Answer:
    """In a process of its own: what a tool leaves behind does not reach the next one."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(_SECONDS)
        try:
            answer = ask()
        except BaseException as error:
            answer = Answer(error=f"{type(error).__name__}: {error}"[:300])
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(content) if content else Answer(error=f"did not end within {_SECONDS} s")


# ---------------------------------------------------------------------- all of it


def measure(progress: Callable[[str], None], before: dict[str, Any] | None = None) -> dict[str, Any]:
    """Every program under this debugger and under the others that are installed.

    Args:
        before: an earlier report: its answers of the others are kept, but for errors, and this debugger is asked again.
    """
    import torch

    from gradcheck_lm import __version__

    for name in ("torch._dynamo", "gradcheck_lm.flow.scripts.runner"):  # once, and not in every process
        importlib.import_module(name)
    torch.set_num_threads(1)
    here = {name: one for name, one in OTHERS.items() if one.is_here()}
    kept = {} if before is None else {row["name"]: row["answers"] for row in before["rows"]}
    rows = []
    for program in programs():
        answers = {"gradcheck_lm": apart(lambda program=program: ours(program))}  # type: ignore[misc]
        known = kept.get(program.path.stem, {})
        for name, other in here.items():
            if name in known and not known[name]["error"]:
                continue
            answers[name] = apart(lambda other=other, program=program: _theirs(other.ask, program))  # type: ignore[misc]
        answers |= {name: Answer(**one) for name, one in known.items() if name not in answers}
        progress(f"{program.path.stem}: {verdict(program, answers['gradcheck_lm'])}")
        rows.append(
            {
                "name": program.path.stem,
                "healthy": program.healthy,
                "kind": program.kind,
                "line": program.line,
                "about": program.about,
                "source": program.source,
                "verdict": verdict(program, answers["gradcheck_lm"]),
                "answers": {name: asdict(answer) for name, answer in answers.items()},
            }
        )
    versions = {} if before is None else dict(before["versions"])
    versions |= {name: importlib.metadata.version(one.package) for name, one in here.items()}
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": "python -m gradcheck_lm.bench peers --again all",
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "versions": {**versions, "gradcheck_lm": __version__},
        "rows": rows,
    }


def run_peers(out: Path, *, again: str, progress: Callable[[str], None]) -> list[Path]:
    """Measure where that is asked for, and write the page from what was measured.

    Args:
        again: "all", "ours" (the others' answers are kept), or "" for the page alone.
    """
    from gradcheck_lm.bench.peers.peers_page import page
    from gradcheck_lm.files import write_text_atomic

    numbers = out / "peers.json"
    if again or not numbers.exists():
        before = json.loads(numbers.read_text(encoding="utf-8")) if again == "ours" and numbers.exists() else None
        write_text_atomic(numbers, json.dumps(measure(progress, before), indent=1, ensure_ascii=False) + "\n")
    return [numbers, write_text_atomic(out / "peers.md", page(json.loads(numbers.read_text(encoding="utf-8"))))]
