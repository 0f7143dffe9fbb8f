"""The pages of docs/ that are generated: the kinds of finding from their files, with the zoo's programs as examples."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.bench.pages.architecture import write_architecture
from gradcheck_lm.bench.pages.bugs import bugs_page, linked
from gradcheck_lm.bench.pages.errors import errors_page
from gradcheck_lm.bench.pages.notebooks import write_notebooks
from gradcheck_lm.bench.pages.options_page import options_page
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.files import write_text_atomic
from gradcheck_lm.flow.findings.explain import markdown
from gradcheck_lm.flow.findings.model import KINDS

ZOO = Path(__file__).resolve().parents[3] / "tests" / "zoo"


@dataclass(frozen=True)
class Program:
    """One program of the zoo, as its own header and marks describe it."""

    name: str
    about: str
    threads: tuple[str, ...]
    cuts: tuple[tuple[str, str], ...]  # (kind, the marked source line), in the order in which the data meets them


def write_docs(out: str | Path) -> list[Path]:
    """Write the generated pages; gives their paths."""
    pages = {"findings.md": findings_page(), "options.md": options_page()}
    pages |= {"errors.md": errors_page(), "errors.ja.md": errors_page("ja"), "bugs.md": bugs_page()}
    written = [write_text_atomic(Path(out) / name, text) for name, text in pages.items()]
    return [*written, *write_notebooks(Path(out) / "notebooks"), *write_architecture(out)]


def read_program(path: Path) -> Program:
    """Read a zoo program's header (expected kinds, what it is, public threads) and its marked lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kinds = lines[0].removeprefix("# expected: ").split()
    header = []
    for line in lines[1:]:
        if not line.startswith("# "):
            break
        header.append(line.removeprefix("# "))
    about = " ".join(line for line in header if not line.startswith("thread: "))
    threads = [line.removeprefix("thread: ") for line in header if line.startswith("thread: ")]
    found = [mark for line in lines if (mark := re.fullmatch(r"\s*(.*?)\s+# <- (\w+(?: \w+)*)", line)) is not None]
    marks = [(kind, mark[1]) for mark in found for kind in mark[2].split()]
    cuts = []
    for kind in kinds:  # of a kind that comes twice the upper line is the first
        if (cut := next((mark for mark in marks if mark[0] == kind), None)) is not None:
            marks.remove(cut)
            cuts.append(cut)
    return Program(path.stem, about, tuple(threads), tuple(cuts))


def findings_page(zoo: Path = ZOO) -> str:
    """docs/findings.md: every kind of finding, with the programs of the zoo that show it, and what is no finding.

    Raises:
        GradcheckLMError: there is no zoo: the page is made from a checkout, not from an installed package.
    """
    broken = [read_program(path) for path in sorted((zoo / "broken").glob("*.py"))]
    healthy = [read_program(path) for path in sorted((zoo / "healthy").glob("*.py"))]
    if not broken or not healthy:
        raise GradcheckLMError(
            f"{zoo} holds no programs, and docs/findings.md is made from them; run this in a checkout of the source."
        )
    lines = [
        "# Kinds of finding",
        "",
        "Generated from the files in `gradcheck_lm/flow/findings/kinds` and the programs in `tests/zoo` by `make docs`."
        " A code is stable for ever and never reused; `gradcheck-lm explain GF101` prints a section of this page, in "
        "Japanese with `--lang ja`. Of the two programs of each section the first gives its finding and the second "
        f"none: the suite runs both. {len(broken)} broken programs show the kinds as people write them, and the suite "
        "asserts that the line quoted here is the first one named; "
        f"{len(healthy)} healthy look-alikes must give no error.",
        "",
        "| code | kind | what cut the gradient | programs |",
        "|---|---|---|---|",
    ]
    shown = {name: [program for program in broken if program.cuts[0][0] == name] for name in KINDS}
    lines += [
        f"| [{kind.code}](#{kind.code}) | `{name}` | {kind.title} | {len(shown[name]) if kind.decided else 'to come'} |"
        for name, kind in KINDS.items()
    ]
    for name, kind in KINDS.items():
        lines += ["", markdown(kind).rstrip("\n")]
        if shown[name]:
            lines += ["", "**As people write it**", ""]
        for program in shown[name]:
            lines += _example(program)
    lines += ["", "## What is no finding", "", "These train as they should, and the debugger says so:", ""]
    lines += [f"- `{program.name}`: {program.about}" for program in healthy]
    return "\n".join(lines) + "\n"


def _example(program: Program) -> list[str]:
    threads = ", ".join(linked(thread) for thread in program.threads)
    lines = [f"- {program.about}" + (f" ({threads})" if threads else ""), "", "  ```python"]
    told = {source: ", ".join(kind for kind, line in program.cuts if line == source) for _, source in program.cuts}
    lines += [f"  {source}" + (f"  # {kinds}" if len(program.cuts) > 1 else "") for source, kinds in told.items()]
    return [*lines, "  ```", ""]
