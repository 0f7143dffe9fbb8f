"""`python -m gradcheck_lm.texts.collect`: the prose of the running Python's documentation, as the file that ships."""

from __future__ import annotations

import ast
import gzip
import re
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from gradcheck_lm.files import write_bytes_atomic
from gradcheck_lm.texts.sources import SHIPPED, TYPOGRAPHY

# docstrings with much prose: these and the help topics are the source "stdlib"
_WELL_DOCUMENTED = (
    "_pydecimal", "argparse", "asyncio/base_events", "bdb", "codecs", "concurrent/futures/_base", "configparser",
    "difflib", "doctest", "email/_policybase", "email/message", "http/cookiejar", "ipaddress", "logging/__init__",
    "logging/handlers", "mailbox", "pdb", "platform", "queue", "shutil", "smtplib", "socketserver", "statistics",
    "tempfile", "threading", "turtle", "typing", "unittest/case",
)  # fmt: skip
_NOT_OURS = {"site-packages", "dist-packages", "test", "tests", "idle_test", "lib2to3"}
_PROSE = re.compile(r"""[A-Z][A-Za-z0-9 ,.;:'"()?!&/+#-]+[.?!]""")
_CODE = re.compile(r"""[(,] *\)|\w\(|\(\w\)|\.\.|\w\.[A-Za-z]|[a-z][A-Z]|--|::""")


def prose(blocks: Iterable[str]) -> list[str]:
    """The sentences of each block that read as English, blocks without any left out, each once."""
    found: dict[str, None] = {}
    for block in blocks:
        sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z])", _plain(" ".join(block.split())))
        found[" ".join(sentence for sentence in sentences if _is_prose(sentence))] = None
    found.pop("", None)
    return list(found)


def stdlib_blocks() -> list[str]:
    """Blocks of `help()`'s topics and of the docstrings of well-documented modules."""
    from pydoc_data.topics import topics

    blocks = [block for name in sorted(topics) for block in re.split(r"\n\s*\n", topics[name])]
    folder = Path(sysconfig.get_path("stdlib"))
    return blocks + [block for module in _WELL_DOCUMENTED for block in docstring_blocks(folder / f"{module}.py")]


def docstring_blocks(file: Path) -> Iterator[str]:
    """Paragraphs of all docstrings of a source file, which is not imported."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):  # some distributions leave modules out
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from re.split(r"\n\s*\n", ast.get_docstring(node) or "")


def _plain(block: str) -> str:
    """Without the marks that the documentation's text form puts around code and emphasis."""
    block = block.translate(TYPOGRAPHY)
    block = re.sub(r'"([A-Za-z][A-Za-z ]*)"', r"\1", block)
    return re.sub(r"(?<!\w)\*{1,2}([A-Za-z ]+)\*{1,2}(?!\w)", r"\1", block)


def _is_prose(sentence: str) -> bool:
    """Words of natural language from a capital letter to a full stop: no code, grammar or tables."""
    if not _PROSE.fullmatch(sentence) or _CODE.search(sentence):
        return False
    return len(sentence.split()) >= 4 and sum(map(str.isalpha, sentence)) >= 0.75 * len(sentence)


def main() -> None:
    """Write the file; its lines are of the Python that runs this."""
    root = Path(sysconfig.get_path("stdlib"))
    files = [file for file in sorted(root.rglob("*.py")) if _NOT_OURS.isdisjoint(file.relative_to(root).parts)]
    stdlib = prose(stdlib_blocks())
    docstrings = prose(block for file in files for block in docstring_blocks(file))
    both = set(stdlib) & set(docstrings)
    rows = [f"{'b' if text in both else 's'} {text}" for text in stdlib]
    rows += [f"d {text}" for text in docstrings if text not in both]
    write_bytes_atomic(SHIPPED, gzip.compress("\n".join(rows).encode(), mtime=0))
    print(f"{len(stdlib)} and {len(docstrings)} paragraphs in {SHIPPED}")


if __name__ == "__main__":
    main()
