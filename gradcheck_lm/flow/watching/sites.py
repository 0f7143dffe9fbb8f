"""Where an operation was called: the user's own line, found by a cheap walk over frames and read only when asked."""

from __future__ import annotations

import ast
import dis
import linecache
import os
import sysconfig
from dataclasses import dataclass
from types import CodeType, FrameType, TracebackType
from typing import NamedTuple

import torch

from gradcheck_lm.flow.watching.source import called, parsed, tree_of

_HIDDEN, _LIBRARY, _USER = 0, 1, 2
_PACKAGE = os.path.abspath(__file__).rsplit(os.sep, 3)[0]
_TORCH = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
_STDLIB = tuple({sysconfig.get_path("stdlib") + os.sep, sysconfig.get_path("platstdlib") + os.sep})
# The parts of this package that compute losses are a library like any other; the rest only looks on.
_OURS_COUNTED = tuple(os.path.join(_PACKAGE, part) + os.sep for part in ("htr", "lm", "penalties", "lab", "bench"))


class Site(NamedTuple):
    """A call's place, as code and instruction: no frame, no local variable is kept alive."""

    code: CodeType
    instruction: int
    library_code: CodeType | None  # the innermost library frame, where the user's line only called it
    library_instruction: int


_new = tuple.__new__  # a named tuple's own constructor takes three times as long, and there is one site a call


@dataclass(frozen=True)
class Place:
    """A call's place as a reader wants it."""

    file: str
    line: int
    function: str
    source: str
    columns: tuple[int, int] | None


_kinds: dict[str, int] = {}


def is_users(code: CodeType) -> bool:
    """Whether code is the program's own: no library's, not torch's, not ours."""
    return frame_kind(code) == _USER


def frame_kind(code: CodeType) -> int:
    """0 torch, this package or the interpreter's own; 1 an installed library; 2 the user's."""
    file = code.co_filename
    kind = _kinds.get(file)
    if kind is None:
        kind = _kinds[file] = _classify(file)
    return kind


def _classify(file: str) -> int:
    if file.startswith("<"):  # notebooks, exec and python -c are the user's; generated and frozen code is not
        return (
            _HIDDEN
            if file.startswith(("<frozen", "<eval_with_key", "<torch_package", "<__array_function__"))
            else _USER
        )
    path = os.path.abspath(file)
    if path.startswith(_TORCH):
        return _HIDDEN
    if path.startswith(_PACKAGE + os.sep):
        return _LIBRARY if path.startswith(_OURS_COUNTED) else _HIDDEN
    if f"{os.sep}site-packages{os.sep}" in path or f"{os.sep}dist-packages{os.sep}" in path:
        return _LIBRARY
    return _HIDDEN if path.startswith(_STDLIB) else _USER


# Frames that call the program under diagnosis: what stands above them is not part of it.
BOUNDARIES: set[CodeType] = set()


_CALL_MODULE = torch.nn.Module._call_impl.__code__  # the frame between a module's forward and whoever called it


def find_site_in_module(frame: FrameType | None, entry: Site | None) -> Site | None:
    """As `find_site`, when a module is running that was entered from `entry`: the walk need not go beyond its call."""
    library: FrameType | None = None
    while frame is not None:
        code = frame.f_code
        if code is _CALL_MODULE:
            if library is None or entry is None:
                return entry
            if frame_kind(entry.code) == _LIBRARY:  # no user on the stack: the innermost frame it is
                return _new(Site, (library.f_code, library.f_lasti, None, 0))
            return _new(Site, (entry.code, entry.instruction, library.f_code, library.f_lasti))
        kind = _kinds.get(code.co_filename)
        if kind is None:
            kind = frame_kind(code)
        if kind == _USER:
            if library is None:
                return _new(Site, (code, frame.f_lasti, None, 0))
            return _new(Site, (code, frame.f_lasti, library.f_code, library.f_lasti))
        if kind == _LIBRARY:
            library = library or frame
        frame = frame.f_back
    return entry


def end_at_the_program(trace: TracebackType | None) -> None:
    """Let an error's traceback end where the program's does, not in the frames that looked on."""
    last = None
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith(_PACKAGE + os.sep) or file.startswith(_OURS_COUNTED):
            last = trace
        trace = trace.tb_next
    if last is not None:
        last.tb_next = None


def above_module_call(frame: FrameType | None) -> FrameType | None:
    """From a module hook's frame: the frame that called the module."""
    while frame is not None and frame.f_code is not _CALL_MODULE:
        frame = frame.f_back
    return None if frame is None else frame.f_back


def find_site(frame: FrameType | None) -> Site | None:
    """The innermost frame of the user; where the program has none, the innermost of a library."""
    library: FrameType | None = None
    while frame is not None:
        code = frame.f_code
        kind = _kinds.get(code.co_filename)
        if kind is None:
            kind = frame_kind(code)
        if kind == _USER:
            if library is None:
                return _new(Site, (code, frame.f_lasti, None, 0))
            return _new(Site, (code, frame.f_lasti, library.f_code, library.f_lasti))
        if kind == _LIBRARY:
            library = library or frame
        elif code in BOUNDARIES and library is not None:
            break
        frame = frame.f_back
    return None if library is None else Site(library.f_code, library.f_lasti, None, 0)


def find_outer_site(frame: FrameType | None, inner: CodeType) -> Site | None:
    """The user's line that led to the frame running `inner` (an autograd.Function's apply); None if it is not there."""
    while frame is not None and frame.f_code is not inner:
        frame = frame.f_back
    return None if frame is None else find_site(frame.f_back)


def position(code: CodeType, instruction: int) -> tuple[int, int, int | None, int | None]:
    """(line, last line, column, end column) of an instruction; columns in UTF-8 bytes, None where Python lacks them."""
    for index, (line, end_line, column, end_column) in enumerate(code.co_positions()):
        if index * 2 == instruction:
            if line is None:
                break
            return line, end_line or line, column, end_column
    return code.co_firstlineno, code.co_firstlineno, None, None


def call_at(site: Site) -> ast.Call | None:
    """The text of the call that stands at a site; None where the source does not say."""
    file = site.code.co_filename
    line, end_line, start, end = position(site.code, site.instruction)
    if start is None or end is None:
        return None
    call = _parse(_segment(file, line, end_line, start, end))
    return call if isinstance(call, ast.Call) else None


def called_at(site: Site, *, bare: bool = False) -> str:
    """The name of what is called at a site: `f` of `a.f(...)`, if `bare` of `f(...)` alone; "" where there is none."""
    call = call_at(site)
    return called(call) if call is not None and (isinstance(call.func, ast.Name) or not bare) else ""


def site_at(code: CodeType, line: int) -> Site | None:
    """The first instruction of a line; None where there is none."""
    return next((Site(code, offset, None, 0) for offset, at in dis.findlinestarts(code) if at == line), None)


def site_of(code: CodeType, node: ast.expr) -> Site | None:
    """The instruction that an expression of a function's text became; else the first one of its line."""
    wanted = (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)
    for index, place in enumerate(code.co_positions()):
        if place == wanted:
            return Site(code, index * 2, None, 0)
    return site_at(code, node.lineno)


def line_of(site: Site) -> tuple[str, int]:
    """File and line of a site."""
    return site.code.co_filename, position(site.code, site.instruction)[0]


def place_of(site: Site | None) -> Place:
    """Everything a reader needs of a site, with the caret's span in the stripped source line."""
    if site is None:
        return Place("<unknown>", 0, "", "", None)
    file = site.code.co_filename
    line, end_line, start, end = position(site.code, site.instruction)
    text = linecache.getline(file, line)
    source = text.strip()
    columns = None
    if source and start is not None and end is not None:
        columns = _caret(text.rstrip("\n"), line, end_line, start, end, _segment(file, line, end_line, start, end))
    function = site.code.co_name
    return Place(file, line, "" if function == "<module>" else function, source, columns)


def _caret(text: str, line: int, end_line: int, start: int, end: int, segment: str) -> tuple[int, int] | None:
    indent = len(text) - len(text.lstrip())
    raw = text.encode()
    first = len(raw[:start].decode(errors="replace")) - indent
    last = (len(raw[:end].decode(errors="replace")) if end_line == line else len(text)) - indent
    call = _parse(segment)
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        head = ast.get_source_segment(segment, call.func.value) or ""  # logits.argmax(-1).numpy(): mark .numpy() alone
        if head and "\n" not in head and segment.startswith(head):
            first += len(head)
    return (first, last) if 0 <= first < last else None


def _segment(file: str, line: int, end_line: int, start: int, end: int) -> str:
    lines = [linecache.getline(file, number).encode() for number in range(line, end_line + 1)]
    if not lines or not lines[0]:
        return ""
    if len(lines) == 1:
        return lines[0][start:end].decode(errors="replace")
    lines[0], lines[-1] = lines[0][start:], lines[-1][:end]
    return b"".join(lines).decode(errors="replace")


def _parse(segment: str) -> ast.AST | None:
    for text in (segment, f"({segment})"):  # an expression over several lines needs brackets
        try:
            body = parsed(text).body
        except (SyntaxError, ValueError):
            continue
        if len(body) == 1:
            return body[0].value if isinstance(body[0], ast.Expr) else body[0]
    return None


def expression_at(code: CodeType, instruction: int) -> ast.AST | None:
    """The expression or statement an instruction belongs to, parsed from its source; None where there is no source."""
    line, end_line, start, end = position(code, instruction)
    if start is None or end is None:
        return None
    return _parse(_segment(code.co_filename, line, end_line, start, end))


_SWITCHES = ("no_grad", "inference_mode", "set_grad_enabled")


def enclosing_switch(code: CodeType, line: int) -> int | None:
    """The line of the innermost `with torch.no_grad()` (or its like) around `line`, or of such a decorator."""
    tree = tree_of(code.co_filename)
    best: int | None = None
    for node in ast.walk(tree):
        if not isinstance(node, ast.With | ast.AsyncWith) or not node.lineno <= line <= (node.end_lineno or 0):
            continue
        found = [item.context_expr for item in node.items]
        if any(switch in ast.dump(expression) for expression in found for switch in _SWITCHES):
            best = node.lineno if best is None else max(best, node.lineno)
    if best is not None:
        return best
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.lineno <= line <= (node.end_lineno or 0):
            for decorator in node.decorator_list:
                if any(switch in ast.dump(decorator) for switch in _SWITCHES):
                    best = decorator.lineno
    return best
