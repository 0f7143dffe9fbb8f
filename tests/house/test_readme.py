"""README's first example: pasted into a file and run, it prints what README says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
EXAMPLE = re.compile(r"as `(\w+\.py)` and run it.*?```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", re.DOTALL)


def first_example() -> tuple[str, str, str]:
    """(file name, program, what it prints)."""
    found = EXAMPLE.search(README.read_text(encoding="utf-8"))
    assert found is not None, "README has no first example: a program, `prints`, and its output"
    return found[1], found[2], found[3]


def without_digits(text: str) -> str:
    """Losses and norms differ in their last digits from processor to processor; places do not."""
    return re.sub(r"\d+\.\d+", "#", text)


def test_the_first_example_prints_what_readme_says(tmp_path: Path) -> None:
    name, program, printed = first_example()
    (tmp_path / name).write_text(program, encoding="utf-8")
    done = subprocess.run([sys.executable, name], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    assert without_digits(done.stdout) == without_digits(printed)


def test_it_comes_before_any_other_program() -> None:
    text = README.read_text(encoding="utf-8")
    assert text.index("```python") == text.index(f"```python\n{first_example()[1]}")


def test_the_japanese_readme_has_the_same_program_and_output() -> None:
    _, program, printed = first_example()
    text = (README.parent / "docs" / "README.ja.md").read_text(encoding="utf-8")
    assert f"```python\n{program}```" in text
    assert f"```text\n{printed}```" in text
