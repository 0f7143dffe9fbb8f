"""What has one home in the package: opening pictures, writing files, parsing JSON of others. Read from the code."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import gradcheck_lm

PACKAGE = Path(gradcheck_lm.__file__).parent
PICTURES, WRITING, READING = "htr/images.py", "files.py", "foreign.py"

# writes past files.write_bytes_atomic, each with its reason
WRITES = {
    "course/checking/gate.py:check_file": "what a learner's checks print, in a scratch folder of this moment",
    "course/checking/judge.py:main": "the verdict of a process of our own, in that scratch folder",
    "course/mutating/strength.py:is_rejected": "a wrong answer, in a scratch folder of this moment",
    "course/screen/ranks.py:_rank": "what a process of our own has to tell, in a scratch folder of this moment",
    "course/screen/ranks.py:on_ranks": "what processes of our own are to do, in that scratch folder",
    "flow/events.py:add": "events are appended as they come, also into a pipe",
    "lab/comparing/jobs.py:_start": "a process of our own prints into its log as it runs",
    "lab/machine/memory.py:reset_peak_memory": "a switch of the system under /proc",
    "lab/folder/metrics_file.py:append": "a line a step is appended",
    "lab/folder/metrics_file.py:sync": "opened to be brought to the disk, nothing is written",
    "lm/cache.py:keep": "a folder of this moment that is then put in place in one step",
    "lm/hub.py:_write_copy": "the same folder",
}
WRITERS = ("write_text", "write_bytes", "copyfile", "copy2")
SAVERS = ("savez", "savez_compressed", "savetxt", "savefig", "save_file", "save_model", "save_pretrained")
LIBRARIES = ("torch.", "np.", "json.", "pickle.", "Image.", "image.")
# reads JSON of ours
JSON = {
    "bench": "figures that a benchmark wrote, in a checkout",
    "course/checking/judge.py:from_json": "the verdict of a process of our own",
    "course/mutating/strength.py:recorded": "the strengths that a command of ours wrote, in a checkout",
    "course/screen/ranks.py:_heard": "what processes of our own had to tell",
    "course/screen/ranks.py:main": "what a process of our own is to do",
    "flow/stepping/distributed/ranks.py:gather": "what another rank of the same run has written",
}


@cache
def functions(source: str) -> list[tuple[str, ast.AST]]:
    """Every call and every import with the function that it stands in."""
    found: list[tuple[str, ast.AST]] = []
    waiting: list[tuple[str, ast.AST]] = [("<module>", ast.parse(source))]
    while waiting:
        inside, node = waiting.pop()
        if isinstance(node, (ast.Call, ast.ImportFrom)):
            found.append((inside, node))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inside = node.name
        waiting += [(inside, child) for child in ast.iter_child_nodes(node)]
    return found


@cache
def calls(source: str) -> list[tuple[str, ast.Call, str]]:
    """(function it stands in, call, dotted name of what is called)."""
    return [(inside, node, ast.unparse(node.func)) for inside, node in functions(source) if isinstance(node, ast.Call)]


def opens_pictures(source: str) -> list[str]:
    """Calls that let Pillow (or another library) look at a file, and names of Pillow's `open` taken elsewhere."""
    opening = ("Image.open", "imread", "PIL.open")
    found = [f"{inside}: {name}" for inside, _, name in calls(source) if name.endswith(opening)]
    for inside, node in functions(source):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("PIL"):
            found += [f"{inside}: from {node.module} import {a.name}" for a in node.names if a.name == "open"]
    return found


def writes(source: str) -> list[str]:
    """Functions that write a file by a path: open for writing, write_text, copies, and the savers of libraries."""
    found = []
    for inside, call, name in calls(source):
        last = name.rpartition(".")[2]
        given = (*call.args, *(keyword.value for keyword in call.keywords))
        texts = [part.value for part in given if isinstance(part, ast.Constant) and isinstance(part.value, str)]
        opening = last == "open" and any(set(text) <= set("rwabxt+") and set(text) & set("wax+") for text in texts)
        saving = last in SAVERS or (last in ("save", "dump") and name.startswith(LIBRARIES))
        # into a stream in memory, whose name says so, a library may save
        in_memory = bool(call.args) and ast.unparse(call.args[0]) == "stream"
        if opening or last in WRITERS or (saving and not in_memory):
            found.append(inside)
    return found


def parses_json(source: str) -> list[str]:
    """Functions that parse JSON which they did not write themselves in the same expression."""
    return [
        inside
        for inside, call, name in calls(source)
        if name in ("json.loads", "json.load") and not ast.unparse(call.args[0]).startswith("json.dumps(")
    ]


def sources() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "lessons" not in path.relative_to(PACKAGE).parts)


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_pictures_are_opened_in_one_place_with_a_list_of_formats() -> None:
    found = {place(path): opens_pictures(path.read_text("utf-8")) for path in sources()}
    assert {name for name, here in found.items() if here} == {PICTURES}
    (call,) = [call for _, call, name in calls((PACKAGE / PICTURES).read_text("utf-8")) if name.endswith("Image.open")]
    assert [keyword.arg for keyword in call.keywords] == ["formats"]


def test_files_are_written_in_one_place() -> None:
    found = {
        f"{place(path)}:{inside}"
        for path in sources()
        if place(path) != WRITING and not place(path).startswith("bench/")
        for inside in writes(path.read_text("utf-8"))
    }
    known = {name for name in WRITES if not name.startswith("bench/")}
    assert sorted(found - known) == []
    assert sorted(known - found) == [], "these write no longer: take them out of the list"


def test_foreign_json_is_parsed_in_one_place() -> None:
    found = {
        f"{place(path)}:{inside}"
        for path in sources()
        if place(path) != READING and not place(path).startswith("bench/")
        for inside in parses_json(path.read_text("utf-8"))
    }
    assert sorted(found) == sorted(name for name in JSON if name != "bench")


@pytest.mark.parametrize(
    ("check", "source"),
    [
        (opens_pictures, "Image.open(path)"),
        (opens_pictures, "PIL.Image.open(path, formats=['EPS'])"),
        (opens_pictures, "def f():\n    from PIL.Image import open"),
        (opens_pictures, "matplotlib.image.imread(path)"),
        (writes, "def f():\n    open(path, 'w')"),
        (writes, "def f():\n    path.open(mode='ab')"),
        (writes, "path.write_text(text)"),
        (writes, "torch.save(model, path)"),
        (writes, "figure.savefig(path, format='png')"),
        (writes, "save_file(tensors, str(path))"),
        (writes, "shutil.copyfile(here, there)"),
        (parses_json, "json.loads(path.read_text())"),
        (parses_json, "json.load(stream)"),
    ],
)
def test_a_second_place_is_seen(check, source: str) -> None:
    assert check(source)
