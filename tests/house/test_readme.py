"""README's first example: pasted into a file and run, it prints what README says; and README on an index."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

from first_example import README, ROOT, differences, first_example


def test_the_first_example_prints_what_readme_says(tmp_path: Path) -> None:
    assert differences(tmp_path) == ""


def test_it_comes_before_any_other_program() -> None:
    text = README.read_text(encoding="utf-8")
    assert text.index("```python") == text.index(f"```python\n{first_example()[1]}")


def test_the_japanese_readme_has_the_same_program_and_output() -> None:
    _, program, printed = first_example()
    text = (README.parent / "docs" / "README.ja.md").read_text(encoding="utf-8")
    assert f"```python\n{program}```" in text
    assert f"```text\n{printed}```" in text


def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_for_an_index", ROOT / ".ci" / "readme_for_an_index.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_on_an_index_no_link_leads_into_the_checkout() -> None:
    text = README.read_text(encoding="utf-8")
    bare = hook().for_an_index(text, None, "1.2.3")
    assert re.findall(r"\]\((?!https?:)[^)]*\)", bare) == []
    assert "docs/figures/argmax-flow.png" not in bare
    assert "\n日本語\n" in bare
    assert first_example()[1] in bare
    whole = hook().for_an_index(text, "https://example.org/us/it/", "1.2.3")
    links = re.findall(r"\]\(([^)]*)\)", whole)
    assert len(links) == len(re.findall(r"\]\(([^)]*)\)", text)) > 10
    assert all(re.match(r"https?://", link) for link in links)
    assert "https://example.org/us/it/raw/v1.2.3/docs/figures/argmax-flow.png" in links
    assert "https://example.org/us/it/blob/v1.2.3/docs/debugger.md" in links
