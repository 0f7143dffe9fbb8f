"""What pyproject.toml, the Makefile and the texts say of one another."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRA = re.compile(r"(?:gradcheck_lm|\.)\[([a-z, ]+)\]")


def extras_named(text: str) -> set[str]:
    """The extras in lines such as pip install 'gradcheck_lm[draw]' and -e ".[lab,dev]"."""
    return {name.strip() for match in EXTRA.finditer(text) for name in match[1].split(",")}


def texts() -> list[Path]:
    tops = [ROOT / name for name in ("Makefile", "README.md", "pyproject.toml")]
    folders = [*(ROOT / "gradcheck_lm").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob(".github/**/*.yml")]
    return [path for path in (*tops, *folders) if path.is_file() and ".site" not in path.parts]


def test_every_extra_that_is_named_exists() -> None:
    extras = set(PROJECT["project"]["optional-dependencies"])
    found = {str(path): extras_named(path.read_text(encoding="utf-8")) - extras for path in texts()}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_a_wrong_extra_is_seen() -> None:
    assert extras_named("pip install 'gradcheck_lm[draw]' -e \".[lab,nope]\"") == {"draw", "lab", "nope"}
