"""docs/errors.md: torch says each message of its program, the debugger names it, and the other program is well."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

pytest.importorskip("gradcheck_lm.bench", reason="pages are generated in a checkout")
pytest.importorskip("numpy", reason="one of the programs uses it")
from gradcheck_lm.bench.pages.errors import Entry, entries, errors_page
from gradcheck_lm.bench.pages.told import raised, told, without_digits
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.flow.asking.failures.refusals import _EXPLAINED
from gradcheck_lm.flow.findings.model import KINDS
from gradcheck_lm.flow.scripts.passes.refused import NO_GRAPH

DOCS = Path(__file__).parents[2] / "docs"
ALL = entries()


def pattern(entry: Entry) -> str:
    """The message, with `...` for what differs from program to program; or what older versions of torch say."""
    older = re.findall(r"in older torch `([^`]+)`", entry.also.en)
    return "|".join(".*".join(re.escape(part) for part in text.split("...")) for text in (entry.error, *older))


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: entry.name)
def test_torch_says_so_and_of_the_other_program_nothing(entry: Entry) -> None:
    program = entry.broken
    if entry.raised == "advice":  # the program has followed it
        assert raised(program) == ""
        program = program.replace(".detach()", "")
    assert re.search(pattern(entry), raised(program))
    assert raised(entry.instead) == ""


@pytest.mark.parametrize("entry", ALL, ids=lambda entry: entry.name)
def test_the_debugger_names_the_kind_and_of_the_other_program_nothing(entry: Entry) -> None:
    kind = KINDS[entry.kind]
    assert f"{kind.code} {kind.name}: " in told(entry.broken, explain=entry.raised == "error")
    assert re.search(r"^(gradient flow|training step)(: | is )ok", told(entry.instead, explain=False), re.MULTILINE)


def test_every_error_that_is_explained_has_its_program() -> None:
    messages = [raised(entry.broken) for entry in ALL if entry.raised == "error"]
    without = [text for text, _ in _EXPLAINED if not any(re.search(text, message) for message in messages)]
    assert without == ["RNN backward can only be called in training mode"]  # on a GPU alone; the page says so
    assert any(NO_GRAPH in message for message in messages)
    assert "RNN backward can only be called in training mode" in errors_text("en")


def errors_text(language: str) -> str:
    return (DOCS / ("errors.md" if language == "en" else "errors.ja.md")).read_text(encoding="utf-8")


PINNED = re.search(r"^torch==(\S+)", (DOCS.parent / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.skipif(
    PINNED is None or not torch.__version__.startswith(PINNED[1]),
    reason="the pages have the messages of the pinned torch",
)
@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_page_is_up_to_date(language: str) -> None:
    assert without_digits(errors_text(language)) == without_digits(errors_page(language)), "run `make docs`"


def test_without_programs_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(GradcheckLMError, match=r"holds no programs; docs/errors.md is made in a checkout"):
        entries(tmp_path)
