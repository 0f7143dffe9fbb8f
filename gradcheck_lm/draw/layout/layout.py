"""From DOT text to a file: whichever layout engine is installed, always in a process of its own with a time bound."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.draw.layout.text_fit import fit_texts, with_room, without_room
from gradcheck_lm.draw.lettering import ascii_fallback, bundled_fonts_cover, printable
from gradcheck_lm.errors import ArgumentError, LayoutError, MissingPackageError
from gradcheck_lm.extras import install_line
from gradcheck_lm.files import write_bytes_atomic, write_text_atomic
from gradcheck_lm.flow.findings.endings import PICTURES, ending_of


@dataclass(frozen=True)
class Engine:
    """One way to lay a graph out.

    `command` gets the format as `-T<format>` and DOT text on standard input; it writes the picture to standard output.
    `fonts` says whose fonts draw a PNG: "bundled" (Latin, Greek and Cyrillic only) or "system".
    """

    name: str
    command: tuple[str, ...]
    fonts: str
    pdf: bool


class _EngineFailure(Exception):
    """This engine cannot; another one may."""


def render(dot_text: str, path: str | Path, *, timeout: float = 30.0, same_everywhere: bool = False) -> Path:
    """Draw DOT text into a file; the ending of `path` says what kind: .svg, .png, .pdf, or .dot for the text itself.

    Graphviz's own `dot` draws where it is on PATH, else the package graphviz-pure, else pygraphviz.

    Args:
        dot_text: a graph in the DOT language.
        path: the file to write; its folder is made if need be.
        timeout: > 0, seconds that the layout may take.
        same_everywhere: prefer the engine that brings its own fonts, so that the picture does not depend on those of
            the machine, nor on whether Graphviz is installed.
    Returns:
        The path written.
    Raises:
        ArgumentError: another ending, or a timeout that is not positive.
        LayoutError: the layout took longer than `timeout`, or every engine refused the graph.
        MissingPackageError: no layout engine is installed; the message holds the line to type.
    """
    path = Path(path)
    kind = ending_of(path, PICTURES, doing="draw into").lstrip(".")
    if not timeout > 0:
        raise ArgumentError(f"timeout is {timeout!r} seconds; it must be above 0")
    if kind == "dot":
        return write_text_atomic(path, printable(dot_text))
    drawn = picture(dot_text, kind, timeout=timeout, same_everywhere=same_everywhere)
    return write_bytes_atomic(path, drawn)


def picture(dot_text: str, kind: str, *, timeout: float = 30.0, same_everywhere: bool = False) -> bytes:
    """The same as `render`, as bytes; `kind` is "svg", "png" or "pdf"."""
    candidates = engines()
    if same_everywhere:
        candidates = tuple(sorted(candidates, key=lambda engine: engine.fonts != "bundled"))
    if not candidates:
        raise MissingPackageError(
            f"no layout engine is installed, so a .{kind} cannot be drawn; type: {install_line('draw')} "
            "(or save the picture as .dot, which needs none)"
        )
    deadline = time.monotonic() + timeout
    failures: list[str] = []
    for engine in candidates:
        try:
            return _draw(engine, dot_text, kind, deadline)
        except _EngineFailure as failure:
            failures.append(f"{engine.name}: {failure}")
        except subprocess.TimeoutExpired:
            raise LayoutError(
                f"{engine.name} did not lay out a graph of {_size(dot_text)} within {timeout:g} seconds; "
                "fold it (fold=True), give it more time (timeout=...), or save it as .dot"
            ) from None
    raise LayoutError(f"no layout engine could draw this graph of {_size(dot_text)}: " + "; ".join(failures))


def render_folding(
    draw_with_limit: Callable[[int], str],
    path: str | Path,
    *,
    limits: Sequence[int] = (400, 120, 40),
    timeout: float = 30.0,
) -> Path:
    """Render, and where the layout takes too long, fold further and try again within the same time.

    Args:
        draw_with_limit: gives the DOT text with at most that many nodes, with a note in it that says what was folded.
        path: as for `render`.
        limits: how many nodes to try, most first.
        timeout: seconds for all tries together; each try but the last gets half of what is left.
    """
    deadline = time.monotonic() + timeout
    for limit in limits[:-1]:
        try:
            return render(draw_with_limit(limit), path, timeout=max(0.1, (deadline - time.monotonic()) / 2))
        except LayoutError:
            continue
    return render(draw_with_limit(limits[-1]), path, timeout=max(0.1, deadline - time.monotonic()))


def engines() -> tuple[Engine, ...]:
    """The layout engines that are installed here, best first."""
    found = []
    if dot := shutil.which("dot"):
        found.append(Engine("dot", (dot,), "system", True))
    if pure := _graphviz_pure():
        found.append(Engine("graphviz-pure", (pure,), "bundled", False))
    if importlib.util.find_spec("pygraphviz") is not None:
        worker = Path(__file__).with_name("pygraphviz_worker.py")
        found.append(Engine("pygraphviz", (sys.executable, str(worker)), "system", True))
    return tuple(found)


def language_drawn(wanted: str, path: str | Path) -> str:
    """The language for a picture: "en" where the engine that will draw it has no Japanese letters for this ending."""
    if wanted == "en" or Path(path).suffix.lower() not in (".png", ".pdf"):
        return wanted
    return wanted if any(_fonts_cover(engine, "勾配") for engine in engines()[:1]) else "en"


def _draw(engine: Engine, dot_text: str, kind: str, deadline: float) -> bytes:
    if kind != "svg" and not _fonts_cover(engine, dot_text):
        dot_text = ascii_fallback(dot_text)  # readable code points instead of empty boxes
    if kind == "pdf" and not engine.pdf:
        raise _EngineFailure("it writes no PDF; save the picture as .svg or .png, or install Graphviz itself")
    if kind != "svg" or engine.fonts != "bundled":
        return _run(engine, dot_text, kind, deadline)
    drawn = _run(engine, with_room(dot_text), kind, deadline).decode("utf-8")
    return fit_texts(without_room(drawn)).encode("utf-8")


def _run(engine: Engine, dot_text: str, kind: str, deadline: float) -> bytes:
    try:
        done = subprocess.run(
            [*engine.command, f"-T{kind}"],
            input=printable(dot_text).encode("utf-8"),
            capture_output=True,
            timeout=max(0.05, deadline - time.monotonic()),
            check=False,
        )
    except OSError as error:
        raise _EngineFailure(f"cannot be started ({error.strerror})") from error
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise _EngineFailure(said[-1][:200] if said else f"ended with code {done.returncode} and wrote nothing")
    return done.stdout


def _graphviz_pure() -> str | None:
    # its wheel holds a program and no Python module; PATH need not contain the environment's folder of programs
    program = "graphviz-pure.exe" if os.name == "nt" else "graphviz-pure"
    places = [Path(sys.executable).parent / program, Path(sysconfig.get_path("scripts")) / program]
    try:
        files = importlib.metadata.distribution("graphviz-pure").files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    places += [Path(str(file.locate())) for file in files if file.name == program]
    places += [Path(folder) / "bin" / program for folder in sys.path if folder]  # pip install --target
    for place in places:
        if place.is_file() and os.access(place, os.X_OK):
            return str(place)
    return shutil.which(program)


def _fonts_cover(engine: Engine, dot_text: str) -> bool:
    if bundled_fonts_cover(dot_text):
        return True
    return engine.fonts == "system" and _system_has_japanese()


def _system_has_japanese() -> bool:
    lister = shutil.which("fc-list")
    if lister is None:
        return sys.platform in ("win32", "darwin")  # both come with Japanese fonts
    try:
        done = subprocess.run([lister, ":lang=ja", "family"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return bool(done.stdout.strip())


def _size(dot_text: str) -> str:
    edges = len(re.findall(r"^\s*\S+ -> ", dot_text, re.MULTILINE))
    nodes = len(re.findall(r"^\s*\w+ \[", dot_text, re.MULTILINE))
    return f"about {nodes} nodes and {edges} edges"
