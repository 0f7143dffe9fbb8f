"""Every pair of Japanese and English in a lesson's files, read without running them, and what is wrong with it."""

from __future__ import annotations

import ast
import re
import string
import tomllib
from dataclasses import dataclass
from pathlib import Path

from gradcheck_lm.course import glossary

# functions whose texts are read to learners; in these, measured numbers come through placeholders
_SPEAKERS = ("say", "ask", "wrong", "expect")
_CODE = re.compile(r"`[^`]*`")
_TYPED = re.compile(r"(?<![\w.-])-?\d+(?:\.\d+)?(?:[eE]-?\d+)?(?![\w-])")
_SMALL = {"0", "1"}  # "exactly 0", "1 つ": no measurements
# endings of plain polite Japanese; a sentence may also end in code, a placeholder, a quotation or a colon
_BLUNT = re.compile(
    r"(?:である|だ|だった|(?<!な)かった|なかった|ない|する|(?<![まで])した|なる|なった|できる|いる|ある)。"
)


@dataclass(frozen=True)
class Pair:
    """The same text in both languages, and where it stands."""

    file: str
    line: int
    speaker: str
    ja: str
    en: str


def pairs_in(path: Path) -> list[Pair]:
    """All pairs of a .py file (calls with ja= and en=, Words(...), docstrings of checks) or of hints.toml.

    Raises:
        ValueError: a call gives one language only, or a text that is no plain string.
    """
    if path.suffix == ".toml":
        return _pairs_in_toml(path)
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            found += _pair_of_call(path, node)
        elif path.name == "check.py" and isinstance(node, ast.FunctionDef) and node.name.startswith("check_"):
            lines = [line.strip() for line in (ast.get_docstring(node) or "").splitlines() if line.strip()]
            if len(lines) != 2:
                raise ValueError(f"{path.name}:{node.lineno}: {node.name} needs a docstring of two lines, en and ja")
            found.append(Pair(path.name, node.lineno, "title", ja=lines[1], en=lines[0]))
    return sorted(found, key=lambda pair: pair.line)


def _pair_of_call(path: Path, node: ast.Call) -> list[Pair]:
    texts = {word.arg: word.value for word in node.keywords if word.arg in ("ja", "en")}
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name == "Words" and len(node.args) == 2:
        texts = dict(zip(("ja", "en"), node.args, strict=True))
    if not any(isinstance(text, ast.Constant | ast.JoinedStr) for text in texts.values()):
        return []  # texts handed on from elsewhere
    plain = {key: value.value for key, value in texts.items() if isinstance(value, ast.Constant)}
    if set(plain) != {"ja", "en"} or not all(isinstance(value, str) for value in plain.values()):
        raise ValueError(
            f"{path.name}:{node.lineno}: {name}(...) needs ja and en as plain strings; values go in {{...}}"
        )
    return [Pair(path.name, node.lineno, name, ja=str(plain["ja"]), en=str(plain["en"]))]


def _pairs_in_toml(path: Path) -> list[Pair]:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    entries = [("title", content["title"]), ("aha", content["aha"]), *(("hint", hint) for hint in content["hint"])]
    return [Pair(path.name, 0, name, ja=entry["ja"], en=entry["en"]) for name, entry in entries]


def faults(pair: Pair) -> list[str]:
    """What is wrong with a pair: placeholders, numbers typed into prose, terms, tone; empty if nothing."""
    found = [f"{pair.file}:{pair.line}: {text}" for text in glossary.faults(ja=pair.ja, en=pair.en)]
    where = f"{pair.file}:{pair.line}: "
    if bool(pair.ja.strip()) != bool(pair.en.strip()) or (pair.speaker != "Words" and not pair.en.strip()):
        found.append(f"{where}a text is empty")
    if pair.speaker in _SPEAKERS or pair.speaker == "Words":
        if placeholders(pair.ja) != placeholders(pair.en):
            found.append(f"{where}placeholders differ: {placeholders(pair.ja)} and {placeholders(pair.en)}")
        for text in (pair.ja, pair.en):
            found += [f"{where}the number {number} is typed into prose" for number in typed_numbers(text)]
    if pair.speaker not in ("title", "choice") and (blunt := _BLUNT.search(_CODE.sub("", pair.ja))):
        found.append(f"{where}{blunt[0]!r}: narration is in です/ます")
    return found


def placeholders(text: str) -> list[tuple[str, str]]:
    """Names and formats of the placeholders, sorted."""
    return sorted((name, form or "") for _, name, form, _ in string.Formatter().parse(text) if name is not None)


def typed_numbers(text: str) -> list[str]:
    """Numbers that stand in the prose itself: not in code, not in a placeholder, not 0 or 1."""
    prose = re.sub(r"\{[^}]*\}", " ", _CODE.sub(" ", text))
    return [number for number in _TYPED.findall(prose) if number.lstrip("-") not in _SMALL]
