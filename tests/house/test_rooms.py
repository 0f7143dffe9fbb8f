"""In every folder the rooms stand in one order, and no file is part of a circle: read from the imports."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import gradcheck_lm

PACKAGE = Path(gradcheck_lm.__file__).parent
# each room may use those before it, and what stands beside the rooms only where it is named here
ROOMS: dict[str, tuple[str, ...]] = {
    "flow": (
        "operations", "watching", "gradients", "findings", "tracing", "rerunning", "stepping", "asking", "bridging",
        "scripts",
    ),
    "flow/watching": ("source", "sites", "randomness", "arguments", "modules", "tape", "modes"),
    "flow/gradients": ("nodes", "subjects", "structural", "autograd", "deaths", "engine", "passes", "attribution"),
    "flow/findings": ("kind", "messages", "kinds"),
    "flow/stepping": (
        "ledger", "source", "recording", "distributed", "modules", "backward", "optimizers", "questions",
    ),
    "flow/asking": ("evidence", "cuts", "warnings", "failures"),
    "flow/asking/warnings": ("mixing", "softmaxes", "axes", "values", "tokens"),
    "flow/scripts": ("program", "watched", "passes"),
    "draw": (
        "words", "numbers", "lettering", "wrapping", "source_lines", "japanese", "verdicts", "view",
        "layout", "graph", "terminal", "autograd", "plots", "page",
    ),
    "course": (
        "language", "say", "glossary", "choices", "beats", "expect",
        "folder", "checking", "screen", "publishing", "mutating",
    ),
    "htr": (
        "charset", "shapes", "images", "paths", "ctc_loss", "ctc", "recurrent", "crnn", "checkpoint", "lines",
        "decoding", "readers", "synthetic",
    ),
    "lm": (
        "dtype", "batches", "tokens", "soft_tokens", "frames", "score", "checks", "cache", "windows", "ngrams",
    ),
    "penalties": (
        "scoring", "objective", "base", "log_probs", "soft_embedding", "gumbel_softmax", "listed", "sampled", "exact",
    ),
    "lab": ("config", "settings", "machine", "lines", "folder", "measuring", "training", "adapting", "comparing"),
    "commands": ("common", "checks", "options", "scripts", "help", "data", "course", "debugger", "lab"),
    "bench": (
        "flops", "peak", "timing", "reference", "train_page", "train_plan", "train_waiting", "train",
        "penalties", "scale", "trace", "peers", "mutants", "study", "pages", "gpu",
    ),
    "bench/study": ("running", "statistics", "page"),
}  # fmt: skip
# a Diagnosis shows itself and asks again: inside its methods it imports what it needs at that moment
SHOWS_ITSELF = {("flow/findings/model.py", "bridging")}
# a script's recorder is told of backward() before it happens
HEIRS = {
    ("flow/scripts/watched/recorder.py", "ScriptRecorder"),
    # a penalty that is another one with one thing changed, and what it returns
    ("penalties/sampled/local_expectation.py", "LocalOutput"),
    ("penalties/sampled/policy_gradient_path.py", "PolicyGradientPath"),
    ("penalties/straight_through.py", "StraightThrough"),
    ("lab/training/partly_labelled.py", "PartlyLabelled"),  # lines like any other to the loop
}
MOST_LINES = 300
MOST_FILES = 13
# folders that have more, each with its reason
WIDE = {
    "flow/findings/kinds": "a kind is a file of its own, found by the code with which its name begins",
}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, *, types: bool = True) -> list[tuple[str, int]]:
    """(module, line) of every import of this package; with types=False without those that only name types."""
    tree = ast.parse(source)
    typed = {
        node
        for part in ast.walk(tree)
        if isinstance(part, ast.If) and "TYPE_CHECKING" in ast.unparse(part.test)
        for node in ast.walk(part)
    }
    found: list[tuple[str, int]] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("gradcheck_lm"):
            continue
        if types or node not in typed:
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


def known_modules() -> dict[str, Path]:
    return {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def target_of(name: str, modules: dict[str, Path]) -> str | None:
    """The module that `from package.module import name` loads: the name itself where that is a module."""
    if name in modules:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in modules else None


def houses_of(path: str) -> list[str]:
    """The folders with rooms in one of whose rooms the file stands."""
    return [part for part in ROOMS if path.startswith(f"{part}/") and "/" in path.removeprefix(f"{part}/")]


def wrong_arrows(path: str, source: str) -> list[str]:
    """Imports of a room that lead to a later room of the same folder, or to what stands beside the rooms."""
    wrong = []
    for part in houses_of(path):
        rooms, dotted = ROOMS[part], part.replace("/", ".")
        here = path.removeprefix(f"{part}/").split("/")[0]
        for name, line in imported(source):
            there = name.removeprefix(f"gradcheck_lm.{dotted}.").split(".")[0]
            if there == name.split(".")[0] or (path, there) in SHOWS_ITSELF:
                continue
            if there not in rooms or rooms.index(there) > rooms.index(here):
                wrong.append(f"{path}:{line} imports {name}: {here} may use {rooms[: rooms.index(here) + 1]}")
    return wrong


IN_ROOMS = sorted(path for file in PACKAGE.rglob("*.py") if houses_of(path := file.relative_to(PACKAGE).as_posix()))


@pytest.mark.parametrize("path", IN_ROOMS)
def test_rooms_use_only_those_before_them(path: str) -> None:
    assert wrong_arrows(path, (PACKAGE / path).read_text(encoding="utf-8")) == []


def test_a_wrong_arrow_is_seen() -> None:
    assert wrong_arrows("flow/watching/x.py", "from gradcheck_lm.flow.asking.inquiry import Inquiry")
    assert wrong_arrows("flow/asking/x.py", "from gradcheck_lm.flow.diagnose import diagnose")
    assert wrong_arrows("flow/tracing/x.py", "def f():\n    from gradcheck_lm.flow.scripts import runner")
    assert wrong_arrows("lab/lines/x.py", "from gradcheck_lm.lab.training.trainer import METRICS")
    stepping = "from gradcheck_lm.flow.stepping"
    assert wrong_arrows("flow/stepping/modules/x.py", f"{stepping}.optimizers.turns import Turns")
    assert wrong_arrows("flow/stepping/modules/x.py", f"{stepping}.optimizers import turns")
    assert wrong_arrows("flow/stepping/modules/x.py", f"{stepping}.watcher import StepWatcher"), "beside the rooms"
    assert wrong_arrows("flow/stepping/modules/x.py", f"{stepping}.modules.loads import Loads") == []
    assert wrong_arrows("flow/stepping/optimizers/x.py", f"{stepping}.modules.loads import Loads") == []
    assert wrong_arrows("flow/stepping/x.py", f"{stepping}.optimizers.turns import Turns") == []


@pytest.mark.parametrize(("part", "most"), [("flow", 8), ("lab", 4)])
def test_a_part_is_rooms_and_a_short_hall(part: str, most: int) -> None:
    hall = [path.name for path in (PACKAGE / part).glob("*.py")]
    assert len(hall) <= most, hall
    assert {path.split("/")[1] for path in IN_ROOMS if path.startswith(part)} <= set(ROOMS[part])


def folders() -> dict[str, list[str]]:
    """Every folder of modules, with their names, its front not counted."""
    found: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        names = found.setdefault(path.parent.relative_to(PACKAGE).as_posix(), [])
        names += [path.name] if path.name != "__init__.py" else []
    return found


def too_wide(found: dict[str, list[str]]) -> list[str]:
    return [f"{folder}: {len(names)} files, wants rooms" for folder, names in found.items() if len(names) > MOST_FILES]


def test_no_folder_has_more_files_than_one_looks_through() -> None:
    found = folders()
    assert too_wide({folder: names for folder, names in found.items() if folder not in WIDE}) == []
    assert [folder for folder in WIDE if not too_wide({folder: found.get(folder, [])})] == [], "no longer wide"


def test_a_wide_folder_is_seen() -> None:
    names = [f"f{number}.py" for number in range(MOST_FILES)]
    assert too_wide({"a": names, "a/b": [*names, "one_more.py"]}) == ["a/b: 14 files, wants rooms"]


def test_where_there_are_rooms_they_have_an_order() -> None:
    parents = {folder.rpartition("/")[0] for folder in folders() if "/" in folder}
    assert parents == set(ROOMS)
    for part, rooms in ROOMS.items():
        inside = {
            folder.removeprefix(f"{part}/").split("/")[0] for folder in folders() if folder.startswith(f"{part}/")
        }
        assert inside <= set(rooms), part
        known = {name.removesuffix(".py") for name in folders()[part]} | inside
        assert set(rooms) <= known, f"{part}: an order of what is gone"


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """One circle of modules that import each other, [] where there is none."""
    done: set[str] = set()
    for start in arrows:
        path: list[str] = []
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            module, leaving = stack.pop()
            if leaving:
                path.pop()
                done.add(module)
            elif module in path:
                return [*path[path.index(module) :], module]
            elif module not in done:
                path.append(module)
                stack.append((module, True))
                stack.extend((target, False) for target in arrows.get(module, ()))
    return []


def test_no_file_is_part_of_a_circle() -> None:
    """Imports inside functions count, too; those of a Diagnosis that shows itself do not."""
    modules = known_modules()
    arrows = {
        module: {
            target
            for name, _ in imported(path.read_text(encoding="utf-8"), types=False)
            if (target := target_of(name, modules)) is not None and target != module
        }
        for module, path in modules.items()
        if path.name != "__init__.py"  # a package's front names what is inside
    }
    for module in arrows:
        if module.startswith("gradcheck_lm.flow."):  # what shows itself: tests/house/test_layers.py holds it to methods
            arrows[module] = {target for target in arrows[module] if not target.startswith("gradcheck_lm.draw.")}
    arrows["gradcheck_lm.flow.findings.model"] = {
        target for target in arrows["gradcheck_lm.flow.findings.model"] if ".findings." in target
    }
    arrows["gradcheck_lm.display"] = set()  # its base imports what draws a result when the result is shown
    assert circle(arrows) == []


def test_a_circle_is_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def class_of(name: str) -> object:
    """The class or module that a dotted name stands for, None where it is neither."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        return None


def foreign_parents(path: str, source: str) -> list[str]:
    """Classes that inherit from a class of another file of this package which was not made for it."""
    tree = ast.parse(source)
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradcheck_lm"):
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    wrong = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef) or (path, node.name) in HEIRS:
            continue
        for base in node.bases:
            head, _, rest = ast.unparse(base).partition(".")
            parent = class_of(f"{names[head]}.{rest}" if rest else names[head]) if head in names else None
            if isinstance(parent, type) and not inspect.isabstract(parent) and not issubclass(parent, Exception):
                wrong.append(f"{path}:{node.lineno} {node.name} inherits from {parent.__module__}: own it instead")
    return wrong


FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES)
def test_parts_are_owned_not_inherited(path: str) -> None:
    source = (PACKAGE / path).read_text(encoding="utf-8")
    assert foreign_parents(path, source) == []
    assert source.count("\n") <= MOST_LINES, f"{path} is too long: what are its two nouns?"


def test_an_heir_is_seen() -> None:
    head = "from gradcheck_lm.flow.watching.recorder import Recorder\nfrom gradcheck_lm.flow.watching import recorder\n"
    assert foreign_parents("flow/asking/x.py", head + "class Mine(Recorder): ...")
    assert foreign_parents("flow/asking/x.py", head + "class Mine(recorder.Recorder): ...")
    base = "from gradcheck_lm.flow.watching.intervention import Intervention\n"
    assert foreign_parents("flow/asking/x.py", base + "class Mine(Intervention): ...") == []
