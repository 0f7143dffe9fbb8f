"""What pyproject.toml, the Makefile and the texts say of one another."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import gradcheck_lm

ROOT = Path(__file__).resolve().parents[2]
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


def test_the_version_stands_in_one_place() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["project"]["dynamic"] == ["version", "readme"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "gradcheck_lm/__init__.py"


def test_what_repeats_the_version_repeats_it_rightly() -> None:
    """A citation and a changelog have to; releases are newest first."""
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE)
    released = re.findall(r"^## \[(\d[^]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert cited is not None
    assert [cited[1], released[0]] == [gradcheck_lm.__version__] * 2


def test_every_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {}
    for path in (ROOT / ".ci" / "run", ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob(".github/**/*.yml")):
        named[path.name] = set(re.findall(r"\bmake ([a-z][a-z-]*)", path.read_text(encoding="utf-8")))
    assert {name: wrong for name, found in named.items() if (wrong := found - targets)} == {}
    assert {"test", "test-base", "check", "site", "test-site"} <= named["run"] & named["ci.yml"]
    assert "dist" in named["run"]
    assert "release" in named["ci.yml"]
    assert "release" in named["CONTRIBUTING.md"]


def test_the_debugger_needs_three_packages() -> None:
    names = {re.split(r"[^A-Za-z0-9_-]", line, maxsplit=1)[0] for line in PROJECT["project"]["dependencies"]}
    assert names == {"torch", "rich", "typer"}


def test_what_a_repository_owes_its_readers() -> None:
    """Where to report, how to behave, forms for issues: with no address that nobody reads, and no file that is not."""
    for name in ("SECURITY.md", "CODE_OF_CONDUCT.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert f"]({name})" in (ROOT / "README.md").read_text(encoding="utf-8")
        assert "Report a vulnerability" in text
        assert "pip show" in text
        assert not re.search(r"[\w.]+@[\w.]+", text)
        paths = [path for path in re.findall(r"[\w/.]+/[\w.]+", text) if path.startswith(("tests/", "docs/", "gradch"))]
        assert [path for path in paths if not (ROOT / path).exists()] == []
    for form in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        lines = form.read_text(encoding="utf-8").splitlines()
        assert [line.partition(":")[0] for line in lines if line[:1].isalpha()] == ["name", "description", "body"]
        assert sum("id: doctor" in line for line in lines) == 1
