"""Texts to train a character model on: any UTF-8 file, and the prose in the docstrings of Python's standard library."""

from __future__ import annotations

import ast
import re
import sysconfig
from pathlib import Path

from gradcheck_lm.errors import DataError
from gradcheck_lm.foreign import read_text


def read_paragraphs(file: str | Path) -> list[str]:
    """The blocks between blank lines of a UTF-8 text, white space made single.

    Raises:
        DataError: no such file, no UTF-8, over 200 MB, or nothing in it.
    """
    path = Path(file)
    text = read_text(path).replace("\r", "\n")
    paragraphs = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    paragraphs = [paragraph for paragraph in paragraphs if paragraph]
    if not paragraphs:
        raise DataError(f"{path} holds no text")
    return paragraphs


def docstring_paragraphs() -> list[str]:
    """Paragraphs of plain English from the docstrings of the standard library's modules, each once."""
    found: dict[str, None] = {}
    root = Path(sysconfig.get_paths()["stdlib"])
    for file in sorted(root.rglob("*.py")):
        if {"site-packages", "test", "tests", "idle_test", "lib2to3"}.isdisjoint(file.relative_to(root).parts):
            for docstring in _docstrings(file):
                for block in re.split(r"\n\s*\n", docstring):
                    paragraph = _prose(" ".join(block.split()))
                    if paragraph:
                        found[paragraph] = None
    return list(found)


def _docstrings(file: Path) -> list[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return []
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [text for node in ast.walk(tree) if isinstance(node, kinds) and (text := ast.get_docstring(node))]


def _prose(block: str) -> str:
    """The sentences of a paragraph that read as English: words from a capital letter to a full stop, no code."""
    sentences = re.split(r"(?<=[.?!])\s+(?=[A-Z])", block.replace("`", "'").replace("''", "'"))
    return " ".join(sentence for sentence in sentences if _is_prose(sentence))


def _is_prose(sentence: str) -> bool:
    if not re.fullmatch(r"[A-Z][A-Za-z0-9 ,.;:'\"()?!/-]+[.?!]", sentence):
        return False
    if re.search(r"\(\)|\.\.|\w\.\w|[a-z][A-Z]|--|::", sentence):
        return False
    words = sentence.split()
    return len(words) >= 4 and sum(map(str.isalpha, sentence)) >= 0.75 * len(sentence)
