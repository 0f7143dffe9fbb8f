"""Every program in README and docs/*.md is run, in the order of its page; what a page says is printed is printed.

Excerpts are run in what tests/support/docs_context.py puts around them. Pages made from programs that are run
(errors, bugs, findings, lessons) have tests of their own.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docs_context import CONTEXT
from first_example import without_digits

ROOT = Path(__file__).resolve().parents[2]
MADE = {"errors.md", "errors.ja.md", "bugs.md", "findings.md"}
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PRINTED = re.compile(r"\A\s*(?:prints|と表示|(?:を)?表示します)[^\n]*\n+```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_SAVED = re.compile(r"`(\w+\.py)`[^`]*\Z")
# an import that a reader may lack; the block is left out where it is missing
_OPTIONAL = ("torchinfo", "torchlens", "torchviz", "wandb", "numpy", "PIL", "transformers", "accelerate", "lightning")


@dataclass(frozen=True)
class Block:
    """A program of a page.

    Args:
        file: what it is saved as: the page says so, or its output does.
        printed: what the page says that it prints; None where it says nothing.
    """

    number: int
    line: int
    program: str
    file: str
    printed: str | None


def blocks(text: str) -> list[Block]:
    found = []
    for number, match in enumerate(_BLOCK.finditer(text)):
        after = _PRINTED.match(text[match.end() :])
        said = _SAVED.search(text[: match.start()].rstrip().rpartition("\n\n")[2])
        told = re.search(r"\b(\w+\.py):\d+", after[1]) if after else None
        name = said[1] if said else told[1] if told else "block.py"
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(number, line, match[1], name, after[1] if after else None))
    return found


def pages() -> list[Path]:
    found = [
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "docs" / "notebooks").glob("*.md")),
    ]
    return [path for path in found if path.name not in MADE and blocks(path.read_text(encoding="utf-8"))]


def missing(program: str) -> str | None:
    """An optional package that a program imports and that is not there."""
    import importlib.util

    wanted = re.findall(r"^\s*(?:import|from) (\w+)", program, re.MULTILINE)
    return next((name for name in wanted if name in _OPTIONAL and importlib.util.find_spec(name) is None), None)


def run(program: str, file: str, names: dict[str, Any]) -> str:
    """Standard output of a program; cell magics run in IPython, with the same names."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if program.startswith("%"):
            from IPython.core.interactiveshell import InteractiveShell

            shell = names.setdefault("__shell__", None) or InteractiveShell()
            names["__shell__"] = shell
            shell.user_ns.update(names)
            shell.run_cell(program).raise_error()
        else:
            Path(file).write_text(program, encoding="utf-8")
            linecache.checkcache(file)
            exec(compile(program, file, "exec"), names)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a reader, from which the saved files can be imported."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_every_block_of_a_page_runs_and_prints_what_the_page_says(
    path: Path, folder: Path, request: pytest.FixtureRequest
) -> None:
    import torch

    kept = torch.get_rng_state()
    names: dict[str, Any] = {"__name__": "__main__", "request": request}
    skipped = []
    for block in blocks(path.read_text(encoding="utf-8")):
        before, after = CONTEXT.get(path.name, {}).get(block.number, ("", ""))
        lacking = missing(before + block.program)
        if lacking is not None:
            skipped.append(f"{path.name}:{block.line} needs {lacking}")
            continue
        run(before, "context.py", names)
        printed = run(block.program, block.file, names)
        if block.printed is not None:
            assert without_digits(printed.strip()) == without_digits(block.printed.strip()), f"{path.name}:{block.line}"
        run(after, "after.py", names)
    torch.set_rng_state(kept)
    if skipped:
        pytest.skip("; ".join(skipped))


def test_every_context_belongs_to_a_block() -> None:
    counts = {path.name: len(blocks(path.read_text(encoding="utf-8"))) for path in pages()}
    for page, contexts in CONTEXT.items():
        assert max(contexts) < counts[page], page


def test_blocks_are_found_with_their_names_and_outputs() -> None:
    text = "Save as `a.py`:\n\n```python\nx = 1\n```\n\nThen\n\n```python\nprint(x)\n```\n\n"
    text += "prints\n\n```text\nb.py:3 1\n```\n"
    first, second = blocks(text)
    assert (first.file, first.program, first.printed) == ("a.py", "x = 1\n", None)
    assert (second.file, second.printed, second.line) == ("b.py", "b.py:3 1\n", 9)


def test_a_block_that_prints_something_else_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("print('no')", "x.py", {}) == "no\n"
    with pytest.raises(ZeroDivisionError):
        run("1 / 0", "x.py", {})
