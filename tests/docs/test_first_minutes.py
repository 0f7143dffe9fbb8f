"""docs/first-five-minutes: the command says of the page's program what the page says, and of the mended one nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("gradcheck_lm.bench", reason="told by what makes the pages")
from gradcheck_lm.bench.pages.told import told, without_digits

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("name", "language"), [("first-five-minutes.md", "en"), ("first-five-minutes.ja.md", "ja")])
def test_the_command_says_what_the_page_says(name: str, language: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    program = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[0]
    page = re.findall(r"^```text\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[0]
    said = "\n".join(
        line for line in told(program, language=language, explain=False).splitlines() if line[:5] != "loss "
    )
    assert without_digits(said.strip()) == without_digits(page.strip())
    mended = program.replace("self.words(logits.argmax(-1))", "logits.softmax(-1) @ self.words.weight")
    assert mended != program
    assert "gradient flow: ok" in told(mended, explain=False)
