"""docs/notebooks: each page is there as a notebook, which a real kernel runs to its end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("gradcheck_lm.bench", reason="notebooks are made in a checkout")
from gradcheck_lm.bench.pages import notebooks
from gradcheck_lm.bench.pages.notebooks import PAGES, links, notebook, notebook_pages, source, with_links


@pytest.mark.parametrize("path", notebook_pages(), ids=lambda path: path.stem)
def test_page_and_notebook_are_up_to_date(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == with_links(text, path.stem, source()), "run `make docs`"
    assert path.with_suffix(".ipynb").read_text(encoding="utf-8") == notebook(text, source()), "run `make docs`"
    assert f"({path.stem}.ipynb)" in text
    assert f"({path.name})" in (PAGES / "index.md").read_text(encoding="utf-8")


def test_colab_opens_it_where_the_project_says_where_it_lives() -> None:
    assert "Colab" not in links("x", None)
    assert links("x", "https://github.com/us/it") == (
        "<!-- links -->\n[Download x.ipynb](x.ipynb) | [Open in Colab](https://colab.research.google.com/github/us/it/"
        "blob/main/docs/notebooks/x.ipynb) <!-- end -->\n"
    )
    text = "# T\n\n<!-- links -->\n\n```python\nx = 1\n```\n"
    once = with_links(text, "x", None)
    assert with_links(once, "x", None) == once
    assert "git+https://github.com/us/it" in notebook(text, "https://github.com/us/it")


def test_text_code_and_nothing_printed() -> None:
    text = "# T\n\n<!-- links -->\nold <!-- end -->\n\nWhy\n\n```python\nprint(1)\n```\n"
    text += "\nprints\n\n```text\n1\n```\n\nEnd\n"
    cells = json.loads(notebook(text, None))["cells"]
    assert [(cell["cell_type"], "".join(cell["source"])) for cell in cells if "pip" not in "".join(cell["source"])] == [
        ("markdown", "# T\n\n\nWhy"),
        ("code", "print(1)"),
        ("markdown", "End"),
    ]


@pytest.mark.slow
@pytest.mark.needs("nbclient", "nbformat", "ipykernel")
@pytest.mark.filterwarnings("ignore")  # the kernel's own
@pytest.mark.parametrize("path", notebook_pages(), ids=lambda path: path.stem)
def test_a_kernel_runs_it_to_its_end(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbclient
    import nbformat

    monkeypatch.setenv("PYTHONPATH", str(notebooks.ROOT))
    book = nbformat.read(path.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(book)
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3").execute()
    shown = [
        output for cell in book.cells for output in cell.get("outputs", ()) if "text/html" in output.get("data", {})
    ]
    assert shown, "a result shows itself"
