"""docs/notebooks/*.ipynb: each page of that folder as a notebook, and on the page the links to it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from gradcheck_lm.files import write_text_atomic

ROOT = Path(__file__).resolve().parents[3]
PAGES = ROOT / "docs" / "notebooks"
_LINKS = re.compile(r"^<!-- links -->\n(?:.*<!-- end -->\n)?", re.MULTILINE)
_CODE = re.compile(r"^```python\n(.*?)^```$\n?", re.DOTALL | re.MULTILINE)
_PRINTED = re.compile(r"\A\s*prints\n+```text\n.*?^```$\n?", re.DOTALL | re.MULTILINE)
_COLAB = "https://colab.research.google.com/github/{place}/blob/main/docs/notebooks/{name}.ipynb"


def notebook_pages() -> list[Path]:
    """The pages that are notebooks."""
    return [path for path in sorted(PAGES.glob("*.md")) if path.name != "index.md"]


def source() -> str | None:
    """[project.urls] Source of pyproject.toml; None where the project does not say where it lives."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: str | None = project.get("urls", {}).get("Source")
    return found.rstrip("/") if found else None


def links(name: str, home: str | None) -> str:
    """The line of links of a page: a download, and Colab where there is a public place to open it from."""
    found = [f"[Download {name}.ipynb]({name}.ipynb)"]
    if home is not None and "github.com/" in home:
        found.append(f"[Open in Colab]({_COLAB.format(place=home.partition('github.com/')[2], name=name)})")
    return f"<!-- links -->\n{' | '.join(found)} <!-- end -->\n"


def with_links(text: str, name: str, home: str | None) -> str:
    """A page whose line of links is that of today."""
    return _LINKS.sub(lambda _: links(name, home), text)


def notebook(text: str, home: str | None) -> str:
    """A page as a notebook in its JSON form: text and programs in their order, without what is printed."""
    cells = [_cell("markdown", _LINKS.sub("", text[: text.index("```python")]))]
    pip = f"gradcheck_lm @ git+{home}" if home is not None else "PATH_OR_ADDRESS_OF_THE_WHEEL"
    cells.append(_cell("code", f"# %pip install '{pip}'  # where it is not installed yet"))
    rest = text[text.index("```python") :]
    while match := _CODE.search(rest):
        if said := rest[: match.start()].strip():
            cells.append(_cell("markdown", said))
        cells.append(_cell("code", match[1]))
        rest = rest[match.end() :]
        if printed := _PRINTED.match(rest):
            rest = rest[printed.end() :]
    if rest.strip():
        cells.append(_cell("markdown", rest))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    whole = {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _cell(kind: str, text: str) -> dict[str, Any]:
    lines = text.strip("\n").splitlines(keepends=True)
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": lines}
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell


def write_notebooks(out: Path = PAGES) -> list[Path]:
    """Write every notebook, and the links on its page."""
    written, home = [], source()
    for path in notebook_pages():
        text = with_links(path.read_text(encoding="utf-8"), path.stem, home)
        written.append(write_text_atomic(out / path.name, text))
        written.append(write_text_atomic(out / f"{path.stem}.ipynb", notebook(text, home)))
    return written
