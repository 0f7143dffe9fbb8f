"""Whose tensor is it: the modules that ran, what they keep beside their registered parts, and names to read."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

import torch

from gradcheck_lm.flow.gradients.subjects import unwrapped
from gradcheck_lm.flow.stepping.source.text import line_in
from gradcheck_lm.flow.watching.sites import Place
from gradcheck_lm.flow.watching.source import called, function_at, tree_of

_INTO = ("append", "insert", "extend", "add", "update", "setdefault")  # methods that put something into a container


@dataclass(frozen=True)
class Owner:
    """Where a tensor has its place."""

    name: str
    owner: str  # as in Parameter.owner
    module: torch.nn.Module
    root: int
    declared: bool = True
    holder: torch.nn.Module | None = None  # of a container: the module whose attribute it is
    attribute: str = ""


class Owners:
    """All tensors of the modules given and of those that ran, by id."""

    def __init__(self, modules: Iterable[torch.nn.Module], names: Mapping[int, str]) -> None:
        self.names = names
        known = list({id(module): module for module in map(unwrapped_quietly, modules)}.values())
        inner = {id(part) for module in known for part in list(module.modules())[1:]}
        roots = [module for module in known if id(module) not in inner]
        kept = {id(part) for root in roots for part in _kept_modules(root)}
        self.roots = [root for root in roots if id(root) not in kept] or roots
        self.found: dict[int, Owner] = {}
        titles = self._titles()
        for number, root in enumerate(self.roots):
            self._take(root, titles[number], number)

    def of(self, tensor: torch.Tensor) -> Owner | None:
        """A tensor's owner, None where no module has it."""
        return self.found.get(id(tensor))

    def around(self, tensor: torch.Tensor) -> list[torch.nn.Module]:
        """The module that has a tensor, and those around it."""
        owner = self.of(tensor)
        if owner is None:
            return []
        root, found = self.roots[owner.root], [owner.module]
        for part in owner.name.split("."):
            found.append(root)
            inner = root._modules.get(part)
            root = root if inner is None else inner
        return found

    def _titles(self) -> list[str]:
        if len(self.roots) == 1:
            return [""]
        titles = [self.names.get(id(root)) or type(root).__name__ for root in self.roots]
        for number, title in enumerate(titles):
            if titles.count(title) > 1 and id(self.roots[number]) not in self.names:
                titles[number] = f"{title} ({titles[: number + 1].count(title)})"
        return [title + "." for title in titles]

    def _take(self, root: torch.nn.Module, prefix: str, number: int) -> None:
        for path, module in root.named_modules():
            before = prefix + (path + "." if path else "")
            for name, tensor in module._parameters.items():
                if tensor is not None:
                    self.found.setdefault(id(tensor), Owner(before + name, "module", module, number))
        for path, module in root.named_modules():
            before = prefix + (path + "." if path else "")
            for name, value in list(module.__dict__.items()):
                if not name.startswith("_") or name == "_modules_list":
                    self._beside(module, name, value, before + name, number)

    def _beside(
        self, holder: torch.nn.Module, attribute: str, value: Any, path: str, number: int, depth: int = 3
    ) -> None:
        """What a module keeps in plain Python: lists and dicts of modules, tensors that are no parameters."""
        if isinstance(value, torch.nn.Module) and depth < 3:
            for name, tensor in value.named_parameters():
                owner = Owner(f"{path}.{name}", "container", value, number, True, holder, attribute)
                self.found.setdefault(id(tensor), owner)
        elif isinstance(value, torch.Tensor) and value.requires_grad and value.is_leaf:
            declared = isinstance(value, torch.nn.Parameter)
            kind = "container" if depth < 3 else "attribute"
            self.found.setdefault(id(value), Owner(path, kind, holder, number, declared, holder, attribute))
        elif depth and type(value) in (list, tuple, dict, set):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in items:
                self._beside(holder, attribute, item, f"{path}[{key!r}]", number, depth - 1)


def unwrapped_quietly(module: torch.nn.Module) -> torch.nn.Module:
    """The module inside DDP or torch.compile; a sharded one stays as it is."""
    try:
        inner = unwrapped(module)
    except Exception:
        return module
    return inner if isinstance(inner, torch.nn.Module) else module


def _kept_modules(root: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Modules that the parts of `root` keep in plain lists and dicts, with their parts."""
    for module in root.modules():
        for name, value in list(module.__dict__.items()):
            if not name.startswith("_"):
                for kept in _modules_in(value, 3):
                    yield from kept.modules()


def _modules_in(value: Any, depth: int) -> Iterator[torch.nn.Module]:
    if depth < 3 and isinstance(value, torch.nn.Module):
        yield value
    elif depth and type(value) in (list, tuple, dict, set):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _modules_in(item, depth - 1)


def container_place(holder: torch.nn.Module, attribute: str) -> Place | None:
    """The line of a module's class that fills `self.attribute`, else that makes it; None where there is no source."""
    for kind in type(holder).__mro__:
        if kind.__module__.startswith("torch."):
            return None
        code = next((value.__code__ for value in vars(kind).values() if isinstance(value, FunctionType)), None)
        if code is None:
            continue
        tree = tree_of(code.co_filename)
        best = next(
            (
                found
                for definition in ast.walk(tree)
                if isinstance(definition, ast.ClassDef)
                and definition.lineno <= code.co_firstlineno <= (definition.end_lineno or 0)
                and definition.name == kind.__name__
                and (found := _filling(definition, attribute)) is not None
            ),
            None,
        )
        if best is not None:
            return line_in(code.co_filename, best, function_at(tree, best.lineno))
    return None


def _filling(tree: ast.AST, attribute: str) -> ast.stmt | ast.expr | None:
    """A call that puts something in, a subscript that is assigned, else the assignment itself."""
    assigned: ast.stmt | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _INTO:
            if _is_attribute(node.func.value, attribute):
                return node
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Subscript) and _is_attribute(target.value, attribute):
                    return node
                if _is_attribute(target, attribute) and assigned is None:
                    assigned = node
    return assigned


def _is_attribute(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.value, ast.Name)


def constructor_place(kind: str, code: CodeType | None, name: str = "") -> Place | None:
    """Where a file calls an optimizer's class: the one line that does, or the one whose result has the `name`."""
    if code is None or code.co_filename.startswith("<"):
        return None
    tree = tree_of(code.co_filename)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) == kind]
    named = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(_target(target) == name for target in node.targets)
    ]
    calls = [call for call in calls if call in named] or calls
    if len(calls) != 1:
        return None
    return line_in(code.co_filename, calls[0], function_at(tree, calls[0].lineno))


def assignment_place(attribute: str, files: Iterable[str]) -> Place | None:
    """The first line of these files that sets an attribute of this name on something."""
    for file in files:
        tree = tree_of(file)
        for node in ast.walk(tree):
            targets = node.targets if isinstance(node, ast.Assign) else ()
            if any(isinstance(target, ast.Attribute) and target.attr == attribute for target in targets):
                return line_in(file, node, function_at(tree, node.lineno))  # type: ignore[attr-defined]
    return None


def _target(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
