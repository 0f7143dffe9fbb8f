"""Modules that are loaded from modules, by the program's text: from themselves, or from what then replaces them."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import torch

from gradcheck_lm.flow.findings.paths import at
from gradcheck_lm.flow.stepping.ledger.ledger import Copying
from gradcheck_lm.flow.stepping.recording.log import Log, ran_lines
from gradcheck_lm.flow.stepping.source.compared_by_reference import compared_by_reference
from gradcheck_lm.flow.stepping.source.kept_by_reference import kept_by_reference
from gradcheck_lm.flow.stepping.source.never_asked import never_asked
from gradcheck_lm.flow.stepping.source.put_back import never_put_back
from gradcheck_lm.flow.stepping.source.text import bodies, line_in, reached, walk
from gradcheck_lm.flow.stepping.source.unread_ends import unread_ends
from gradcheck_lm.flow.watching.sites import Place, is_users
from gradcheck_lm.flow.watching.source import Function, called, tree_of, value_of

_DEEPEST = 60  # frames above a step that are looked at
_MOST = 400  # variables of one of them
_END = 1 << 30  # a line after all others
_SELF = "self"
_WORDS = ("load_state_dict", "zip")  # one of them stands in all that is looked for
_LISTS = ("parameters", "named_parameters", "buffers", "state_dict", "values", "items")


@dataclass(frozen=True)
class Alias:
    """A line that puts a module in the place of one that is loaded from it, and the line that loads."""

    place: Place
    into: str
    source: str
    loaded: int
    lines: tuple[int, int]  # of the function around it: where its names mean what they mean there
    kind: str = ""  # the class around it, where they are attributes of an object


@functools.cache
def loaded_from_itself(file: str, ran: frozenset[int]) -> tuple[tuple[Place, str], ...]:
    """Lines that copy a module into itself, and how it is written; in what ran of a file or is called from there."""
    found = []
    for function, statements in reached(tree_of(file, *_WORDS), ran):
        for node in walk(statements):
            pair = _loaded(node) or _zipped(node)
            if pair is not None and ast.unparse(pair[0]) == ast.unparse(pair[1]):
                found.append((line_in(file, node, function), ast.unparse(pair[0])))
    return tuple(found)


@functools.cache
def aliases(file: str) -> tuple[Alias, ...]:
    """Lines such as `self.target = self.online`, where another line loads the one from the other."""
    tree = tree_of(file, *_WORDS)
    loads = {
        tuple(map(_of_its_owner, pair)): node for node in ast.walk(tree) if (pair := _loaded(node) or _written(node))
    }
    asked = {frozenset(map(ast.unparse, two)) for node in ast.walk(tree) if (two := _compared(node))}
    found = []
    for scope in (tree, *(node for node in tree.body if isinstance(node, Function | ast.ClassDef))):
        lines = (1, _END) if isinstance(scope, ast.Module) else (scope.lineno, scope.end_lineno or scope.lineno)
        kind = scope.name if isinstance(scope, ast.ClassDef) else ""
        for node, function, *both in _made_one(list(_assigned(scope))):
            names = tuple(map(_of_its_owner, both))
            into, source = map(ast.unparse, both)
            if names in loads and frozenset((into, source)) not in asked:
                place = line_in(file, node, function)
                found.append(Alias(place, into, source, loads[names].lineno, lines, kind))  # type: ignore[attr-defined]
    return tuple(found)


def _made_one(assigned: list[tuple[ast.Assign, str]]) -> Iterator[tuple[ast.Assign, str, ast.expr, ast.expr]]:
    """(line, function, a, b) of `a = b`; and of `b = c` and `a = c` in one function, whichever is loaded."""
    for node, function in assigned:
        yield node, function, node.targets[0], node.value
    for first, function in assigned:
        for second, another in assigned:
            if first is not second and function == another and ast.dump(first.value) == ast.dump(second.value):
                yield second, function, second.targets[0], first.targets[0]


def copyings(log: Log, found: Aliases, add: Callable[[Place], int]) -> Iterator[Copying]:
    """What the text of the files says whose lines were met, and what has come true of it."""
    for alias in found.found:
        yield Copying(
            log.time, add(alias.place), "aliased", alias.into, alias.source, at(alias.place.file, alias.loaded)
        )
    tensors = (account.tensor for account in log.accounts)
    elsewhere = any(tensor is not None and tensor.device.type != "cpu" for tensor in tensors)
    for file, lines in ran_lines(log).items():
        for left in never_put_back(file, lines):
            yield Copying(log.time, add(left.place), "laid aside", left.writes, left.puts_back)
        for kept in kept_by_reference(file, lines, elsewhere):
            used = at(file, kept.used)
            yield Copying(log.time, add(kept.place), "kept", kept.name, kept.module, used)
        for one in compared_by_reference(file, lines):
            yield Copying(log.time, add(one.place), "compared", one.name, one.module, at(file, one.line))
        for end in unread_ends(file, lines):
            yield Copying(log.time, add(end.place), "unread end", end.name, "", at(file, end.line))
        for idle in never_asked(file, lines):
            yield Copying(log.time, add(idle.place), "never asked", idle.target, idle.source, at(file, idle.line))
        for place, module in loaded_from_itself(file, lines):
            yield Copying(log.time, add(place), "itself", module, module)


class Aliases:
    """Asks the running program which of these lines have come true: both names are one module."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.found: dict[Alias, None] = {}
        self._kinds: WeakKeyDictionary[type, tuple[Alias, ...]] = WeakKeyDictionary()

    def look(self, frame: FrameType | None) -> None:
        """While a step begins: the functions that led to it, their variables, and what these have of attributes."""
        files = {site.code.co_filename for site in self.log.sites if is_users(site.code)}
        if len(self.found) == sum(len(aliases(file)) for file in files):
            return  # mostly 0: no frame's variables are touched without need
        for _ in range(_DEEPEST):
            if frame is None:
                return
            if is_users(frame.f_code) and len(frame.f_locals) <= _MOST:
                for one in aliases(frame.f_code.co_filename):
                    if one.lines[0] <= frame.f_code.co_firstlineno <= one.lines[1]:
                        self._ask(one, {**frame.f_globals, **frame.f_locals})
                for value in list(frame.f_locals.values()):
                    for one in self._of(type(value)):
                        self._ask(one, {_SELF: value})
            frame = frame.f_back

    def set_at(self, file: str, line: int) -> None:
        """A module was just put in the place of another, by this line."""
        self.found.update({one: None for one in aliases(file) if one.place.line == line})

    def _of(self, kind: type) -> tuple[Alias, ...]:
        """Those in the text of a class."""
        if kind not in self._kinds:
            code = next((value.__code__ for value in vars(kind).values() if isinstance(value, FunctionType)), None)
            own = code is not None and is_users(code)
            found = aliases(code.co_filename) if code is not None and own else ()
            self._kinds[kind] = tuple(one for one in found if one.kind == kind.__name__)
        return self._kinds[kind]

    def _ask(self, one: Alias, variables: Mapping[str, Any]) -> None:
        if one not in self.found:
            into, source = (value_of(ast.parse(name, mode="eval").body, variables) for name in (one.into, one.source))
            if isinstance(into, torch.nn.Module) and into is source:
                self.found[one] = None


# ---------------------------------------------------------------------- the text


def _loaded(node: Any) -> tuple[ast.expr, ast.expr] | None:
    """(a, b) of `a.load_state_dict(b.state_dict())`, copied or not."""
    if not _is_method(node, "load_state_dict") or not node.args or not _is_plain(node.func.value):
        return None
    given: Any = node.args[0]
    if isinstance(given, ast.Call) and called(given) == "deepcopy" and len(given.args) == 1:
        given = given.args[0]
    if not _is_method(given, "state_dict") or given.args or not _is_plain(given.func.value):
        return None
    return node.func.value, given.func.value


def _zipped(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """(a, a) of `for x, y in zip(a.parameters(), a.parameters())`, in whose body something is written into one."""
    if not isinstance(node, ast.For) or not isinstance(node.iter, ast.Call) or called(node.iter) != "zip":
        return None
    lists = node.iter.args
    if len(lists) != 2 or ast.dump(lists[0]) != ast.dump(lists[1]) or not _writes(node.body):
        return None
    owner: ast.AST = lists[0]
    while isinstance(owner, ast.Call) and isinstance(owner.func, ast.Attribute) and owner.func.attr in _LISTS:
        owner = owner.func.value
    return (owner, owner) if owner is not lists[0] and _is_plain(owner) else None  # type: ignore[return-value]


def _written(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """(a, b) of `for x, y in zip(a.parameters(), b.parameters())`, in whose body something is written into x."""
    if not isinstance(node, ast.For) or not isinstance(node.iter, ast.Call) or called(node.iter) != "zip":
        return None
    names = node.target.elts if isinstance(node.target, ast.Tuple) else []
    owners: list[ast.expr] = [
        one.func.value
        for one in node.iter.args
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == "parameters"
    ]
    if len(owners) != 2 or len(names) != 2 or not all(map(_is_plain, owners)) or not _writes(node.body):
        return None
    return owners[0], owners[1]


def _of_its_owner(node: ast.expr) -> str:
    """`target.net` of `self.target.net` and of `agent.target.net`: what the one object calls it, the other does."""
    return ast.unparse(node).partition(".")[2] or ast.unparse(node)


def _writes(body: list[ast.stmt]) -> bool:
    calls = (node for one in body for node in ast.walk(one) if isinstance(node, ast.Call))
    return any(isinstance(one.func, ast.Attribute) and one.func.attr.endswith("_") for one in calls)


def _compared(node: ast.AST) -> tuple[ast.expr, ast.expr] | None:
    """(a, b) of `a is b` and `a is not b`: a program that asks knows that they may be one."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Is | ast.IsNot):
        return node.left, node.comparators[0]
    return None


def _assigned(scope: ast.AST) -> Iterator[tuple[ast.Assign, str]]:
    """`a = b` of two names or attributes, but for one of two branches that both set it: a choice."""
    chosen: set[str] = set()
    for node in ast.walk(scope):
        if isinstance(node, ast.If) and node.orelse:
            chosen |= _targets(node.body) & _targets(node.orelse)
    for function, statements in bodies(scope):
        for node in walk(statements):
            if not isinstance(node, ast.Assign) or len(node.targets) != 1:
                continue
            target = node.targets[0]
            if _is_plain(target) and _is_plain(node.value) and ast.unparse(target) not in chosen:
                yield node, function


def _targets(body: list[ast.stmt]) -> set[str]:
    found = (node for one in body for node in ast.walk(one) if isinstance(node, ast.Assign))
    return {ast.unparse(target) for node in found for target in node.targets}


def _is_method(node: Any, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name


def _is_plain(node: ast.AST) -> bool:
    """A name, or attributes and subscripts of one: nothing that is computed anew each time."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Name | ast.Constant):
            return False
        node = node.value
    return isinstance(node, ast.Name)
