"""The map of the house, a page of docs: parts, their rooms and who imports whom, read from the imports themselves."""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.draw.layout.layout import picture
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.files import write_text_atomic

PACKAGE = Path(__file__).resolve().parents[2]
PAGE, FIGURES = "architecture.md", "architecture"
Arrow = tuple[str, str]  # (importer, imported)
INTRODUCTION = (
    "Drawn from the imports by `make docs`; `tests/house/test_layers.py` and `tests/house/test_rooms.py` say which of "
    "them are allowed. An arrow leads from what imports to what is imported; one that follows from others is left out. "
    "Dashed: only when it is used, or for types alone; red: upward, at the moment of use."
)
# One `diagnose` call. Every name in backticks is looked up in flow, and the page says in which file it lives now.
STEPS = (
    "`diagnose` takes the function; `named_tensors` names what it is asked about, `State` keeps what a run may change.",
    "`Recorder` watches the run: every call of torch becomes a `Call`, every value a `Token`, and no tensor is kept.",
    "`find_site` walks the frames to the user's own line, and reads the file only when somebody asks.",
    "`loss_terms` reads what came back; a loss that is one number is taken apart by `addends_of`.",
    "`gradients` asks autograd what each term reaches, and how strongly: its word is certain.",
    "`observed_links` joins what left torch (`.item()`, NumPy) to where the same numbers came in again.",
    "`Dataflow` makes a graph of all this; where the way to the loss ends, `kind_of_cut` and `derivative_of` know why.",
    "`deaths` finds the node at which a gradient that did set out became zero, None or NaN.",
    "`Experiment` runs the function again with one number changed, where only that can tell what depends on it.",
    "`Chain` makes findings of cuts, `flow_graph` the picture's data, `Inquiry` the `Diagnosis`: frozen, no tensors.",
)


@dataclass(frozen=True)
class Import:
    """One file imports another; `lazy` inside a function or for type checkers alone."""

    importer: tuple[str, ...]
    imported: tuple[str, ...]
    lazy: bool


@dataclass(frozen=True)
class House:
    """Boxes in order, each with its one sentence, and the arrows between them."""

    boxes: dict[str, str]
    arrows: frozenset[Arrow]  # at import time
    lazy: frozenset[Arrow]  # only when used, or for types; none that is an arrow already

    def upward(self) -> frozenset[Arrow]:
        """The lazy arrows that would close a circle, and so hold nothing up: a Diagnosis that shows itself, say."""
        held = set(self.arrows)
        found = set()
        for importer, imported in sorted(self.lazy):
            if reaches(held, imported, importer):
                found.add((importer, imported))
            else:
                held.add((importer, imported))
        return frozenset(found)

    def floors(self) -> dict[str, int]:
        """How far above the ground each box stands: above all that it imports, but for what is imported upward."""
        held = (self.arrows | self.lazy) - self.upward()
        found: dict[str, int] = {}

        def floor(name: str) -> int:
            if name not in found:
                if reaches(held, name, name):
                    raise GradcheckLMError(f"{name} takes part in a circle of imports, so it stands on no floor")
                found[name] = 1 + max((floor(other) for one, other in held if one == name), default=-1)
            return found[name]

        return {name: floor(name) for name in self.boxes}

    def imports(self, name: str, *, lazy: bool = False) -> list[str]:
        """What a box imports, in the order of the boxes."""
        arrows = self.lazy if lazy else self.arrows
        return [other for other in self.boxes if (name, other) in arrows]


def reaches(arrows: Set[Arrow], start: str, goal: str, *, without: Arrow | None = None) -> bool:
    """Whether arrows lead from one box to another (at least one of them); `without` is not gone along."""
    ahead, seen = [start], set()
    while ahead:
        name = ahead.pop()
        for arrow in arrows:
            if arrow[0] == name and arrow != without and arrow[1] not in seen:
                if arrow[1] == goal:
                    return True
                seen.add(arrow[1])
                ahead.append(arrow[1])
    return False


def write_architecture(out: str | Path) -> list[Path]:
    """Write the page and its pictures into docs/; gives their paths."""
    out = Path(out)
    written = [write_text_atomic(out / PAGE, architecture_page())]
    for name, house in houses(PACKAGE).items():
        text = dot(house)
        drawn = picture(text, "svg", same_everywhere=True).decode("utf-8")
        written.append(write_text_atomic(out / FIGURES / f"{name}.svg", f"{drawn.rstrip()}\n{stamp(text)}\n"))
    return written


def stamp(dot_text: str) -> str:
    """A comment that says what a picture was drawn from: layouts differ from engine to engine, this does not."""
    return f"<!-- drawn from {hashlib.sha256(dot_text.encode('utf-8')).hexdigest()} -->"


@functools.cache  # no file is read twice: page and pictures are made of the same
def houses(package: Path) -> Mapping[str, House]:
    """The picture's name -> what is in it: the parts, and the rooms of each folder that has rooms, at any depth."""
    imports = list(imports_of(package))
    found = {"parts": _house(imports, package, ())}
    for folder in sorted(path.parent for path in package.rglob("*/__init__.py") if len(_rooms(path.parent)) > 1):
        inside = folder.relative_to(package).parts
        found["-".join(inside)] = _house(imports, folder, inside)
    return found


def imports_of(package: Path = PACKAGE) -> Iterator[Import]:
    """Every import of one file of the package by another, as paths of names below the package."""
    for path in sorted(package.rglob("*.py")):
        here = path.relative_to(package).with_suffix("").parts
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node, late in _statements(tree):
            for module in _modules(node, package):
                yield Import(here, module, late)


def _statements(node: ast.AST, late: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every import statement, and whether it is carried out only later or never."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node, late
    elif not isinstance(node, ast.expr):
        late = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _for_types(node)
        for inner in ast.iter_child_nodes(node):
            yield from _statements(inner, late)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _modules(node: ast.AST, package: Path) -> Iterator[tuple[str, ...]]:
    """The files of the package that one statement imports; `from gradcheck_lm.flow import tape` is flow/tape."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module is not None:
        inside = Path(package, *node.module.split(".")[1:])
        names = [
            f"{node.module}.{alias.name}" if _is_module(inside / alias.name) else node.module for alias in node.names
        ]
    else:
        return
    for name in dict.fromkeys(names):
        top, *rest = name.split(".")
        if top == package.name and rest:
            yield tuple(rest)


def _is_module(path: Path) -> bool:
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _rooms(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if (path / "__init__.py").is_file()] if folder.is_dir() else []


def _house(imports: Iterable[Import], folder: Path, inside: tuple[str, ...]) -> House:
    """What lies in a folder, as boxes: a room each, or a file each at the top of the package."""
    depth, beneath = len(inside), _beneath(imports, folder, inside)

    def box(module: tuple[str, ...]) -> str | None:
        if module[:depth] != inside or len(module) <= depth:
            return None
        name = module[depth]
        if depth and name not in beneath and not (folder / name / "__init__.py").is_file():
            return f"{inside[-1]}/*.py"  # the files above the rooms are one box, those beneath them one each
        return folder.name if name == "__init__" else name

    boxes = {name for path in sorted(folder.rglob("*.py")) if (name := box(_parts(path, folder, inside)))}
    now: set[Arrow] = set()
    late: set[Arrow] = set()
    for one in imports:
        pair = box(one.importer), box(one.imported)
        if pair[0] is not None and pair[1] is not None and pair[0] != pair[1]:
            (late if one.lazy else now).add((pair[0], pair[1]))
    bare = House({name: "" for name in sorted(boxes)}, frozenset(now), frozenset(late - now))
    floors = bare.floors()
    order = sorted(boxes, key=lambda name: (floors[name], name))
    return House({name: _sentence(folder, name) for name in order}, bare.arrows, bare.lazy)


def _beneath(imports: Iterable[Import], folder: Path, inside: tuple[str, ...]) -> set[str]:
    """The files of a folder on which its rooms stand, and those of its files that these import."""
    depth = len(inside)
    here = [one for one in imports if one.importer[:depth] == one.imported[:depth] == inside != one.imported]
    found: set[str] = set()
    while True:
        stand = {one.imported[depth] for one in here if one.importer[depth] in found or len(one.importer) > depth + 1}
        more = {name for name in stand - found if (folder / f"{name}.py").is_file()}
        if not more:
            return found
        found |= more


def _parts(path: Path, folder: Path, inside: tuple[str, ...]) -> tuple[str, ...]:
    return (*inside, *path.relative_to(folder).with_suffix("").parts)


def _sentence(folder: Path, name: str) -> str:
    """The first sentence of a box's docstring."""
    for path in (folder / name / "__init__.py", folder / f"{name}.py", folder / "__init__.py"):
        if path.is_file():
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            return re.split(r"(?<=[.?!])\s", " ".join(text.split()), maxsplit=1)[0]
    return ""


def dot(house: House) -> str:
    """The picture of a house: floors from the ground up; an arrow that follows from others is left out."""
    floors = house.floors()
    lines = [
        "digraph architecture {",
        '  graph [rankdir=BT, fontname="Helvetica", nodesep=0.35, ranksep=0.5];',
        '  node [shape=box, style="rounded,filled", fillcolor="#eef3f8", color="#4d4d4d", fontname="Helvetica"];',
        '  edge [color="#4d4d4d", arrowsize=0.7];',
    ]
    for floor in sorted(set(floors.values())):
        names = " ".join(f'"{name}";' for name in house.boxes if floors[name] == floor)
        lines.append(f"  {{ rank=same; {names} }}")
    held = (house.arrows | house.lazy) - house.upward()
    for arrow in sorted(house.arrows | house.lazy):
        if arrow in held and reaches(held, *arrow, without=arrow):
            continue
        looks = "" if arrow in house.arrows else ", style=dashed"
        looks += "" if arrow in held else ', constraint=false, color="#b0413e"'
        lines.append(f'  "{arrow[1]}" -> "{arrow[0]}" [dir=back{looks}];')
    return "\n".join([*lines, "}", ""])


def architecture_page(package: Path = PACKAGE) -> str:
    """docs/architecture.md."""
    found = houses(package)
    lines = ["# Architecture", "", *_wrapped(INTRODUCTION)]
    for name, house in found.items():
        lines += _section(name, house)
    return "\n".join([*lines, *_life(package)]) + "\n"


def _section(name: str, house: House) -> list[str]:
    heading = "The parts" if name == "parts" else f"The rooms of {name.replace('-', '/')}"
    lines = ["", f"## {heading}", "", f"![{heading}, and who imports whom]({FIGURES}/{name}.svg)", ""]
    lines += ["| box | what it is | imports | only when used |", "|---|---|---|---|"]
    for box, sentence in house.boxes.items():
        now, late = (", ".join(f"`{one}`" for one in house.imports(box, lazy=lazy)) for lazy in (False, True))
        lines.append(f"| `{box}` | {sentence.replace('|', '/')} | {now} | {late} |")
    return lines


def _life(package: Path) -> list[str]:
    homes = definitions(package / "flow")
    lines = ["", "## The life of one `diagnose` call", ""]
    for number, step in enumerate(STEPS, 1):
        places = dict.fromkeys(f"`{_home(name, homes)}`" for name in re.findall(r"`(\w+)`", step))
        lines += _wrapped(f"{number}. {step} ({', '.join(places)})", indent="   ")
    return lines


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _home(name: str, homes: Mapping[str, str]) -> str:
    if name not in homes:
        raise GradcheckLMError(
            f"a step in the life of a diagnosis names {name}, and nothing in flow is called that any more; mend STEPS "
            f"in {Path(__file__).name}"
        )
    return homes[name]


def definitions(folder: Path) -> dict[str, str]:
    """Every function and class at the top of a module -> its file, as `flow/tape.py`."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.setdefault(node.name, path.relative_to(folder.parent).as_posix())
    return found
