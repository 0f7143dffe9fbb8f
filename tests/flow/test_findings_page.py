"""docs/findings.md is what the kinds' files and the zoo make of it today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.flow import KINDS

pytest.importorskip("gradcheck_lm.bench", reason="pages are generated in a checkout")
pytest.importorskip("numpy", reason="the lessons' programs need gradcheck_lm[lab]")
from gradcheck_lm.bench.pages.docs import ZOO, findings_page, read_program, write_docs

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == findings_page(), "run `make docs`"


def test_every_kind_and_every_program_is_on_the_page() -> None:
    page = findings_page()
    assert re.findall(r"^## (GF\d+) (\w+):", page, re.M) == [(kind.code, name) for name, kind in KINDS.items()]
    for kind in KINDS.values():
        assert page.count(f'<a id="{kind.code}"></a>') == 1
        assert f"](#{kind.code})" in page
        assert kind.example in page
        assert kind.instead in page
    for path in (ZOO / "broken").glob("*.py"):
        program = read_program(path)
        assert program.about.endswith("."), path.name
        assert all(source in page for _, source in program.cuts), path.name
    for path in (ZOO / "healthy").glob("*.py"):
        assert path.read_text(encoding="utf-8").startswith("# expected: ok\n"), path.name
        assert f"- `{path.stem}`: {read_program(path).about}" in page


def test_a_program_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "two.py"
    path.write_text(
        "# expected: detach new_leaf\n# Two cuts\n# in one.\n# thread: some/where#12, #13\nx = y.sum()  # <- new_leaf\n"
        "if x:\n    y = z.detach()  # <- detach\n"
    )
    program = read_program(path)
    assert (program.name, program.about, program.threads) == ("two", "Two cuts in one.", ("some/where#12, #13",))
    assert program.cuts == (("detach", "y = z.detach()"), ("new_leaf", "x = y.sum()"))


def test_two_cuts_on_a_line_and_a_kind_that_comes_twice(tmp_path: Path) -> None:
    path = tmp_path / "three.py"
    path.write_text("# expected: detach left_torch detach\n# Three.\na()  # <- detach left_torch\nb()  # <- detach\n")
    assert read_program(path).cuts == (("detach", "a()"), ("left_torch", "a()"), ("detach", "b()"))


def test_threads_are_links() -> None:
    page = findings_page()
    assert (
        "[pytorch/pytorch#57776](https://github.com/pytorch/pytorch/issues/57776), [#70099](https://github.com/" in page
    )


def test_without_a_zoo_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(GradcheckLMError, match=r"holds no programs.*in a checkout of the source"):
        findings_page(tmp_path)


def test_write_docs(tmp_path: Path) -> None:
    written = write_docs(tmp_path)
    assert {path.relative_to(tmp_path).parts[0] for path in written} >= {"findings.md", "architecture.md"}
    assert (tmp_path / "findings.md").read_text(encoding="utf-8") == findings_page()
