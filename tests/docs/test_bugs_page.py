"""docs/bugs.md: every program of the zoo that has a public thread, with what is printed of it today."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gradcheck_lm.bench", reason="pages are generated in a checkout")
pytest.importorskip("numpy", reason="some of the programs use it")
from gradcheck_lm.bench.pages import bugs as page
from gradcheck_lm.bench.pages.told import without_digits
from gradcheck_lm.errors import GradcheckLMError
from gradcheck_lm.flow.findings.model import KINDS

TEXT = Path(__file__).parents[2] / "docs" / "bugs.md"
ALL = page.bugs()
# what run does not see of its own accord, as docs/results/peers.md says too; the page says so beside the program
UNSEEN = {"freeze_in_train_only"}

pytestmark = pytest.mark.filterwarnings("ignore")  # the programs warn on purpose


@pytest.mark.parametrize("bug", ALL, ids=lambda bug: bug.name)
def test_what_is_printed_names_the_kind_and_stands_on_the_page(bug: page.Bug) -> None:
    said = page.answer(bug)
    assert [f"{KINDS[kind].code} {kind}: " in said for kind in bug.kinds] == [bug.name not in UNSEEN] * len(bug.kinds)
    assert without_digits(page.shortened(said)) in without_digits(TEXT.read_text(encoding="utf-8")), "run `make docs`"


def test_every_program_has_its_section_and_every_thread_its_link() -> None:
    text = TEXT.read_text(encoding="utf-8")
    assert len(ALL) >= 25
    for bug in ALL:
        assert bug.program in text
        assert f"(#{bug.name.replace('_', '-')})" in text
        assert f'<a id="{bug.name.replace("_", "-")}"></a>' in text
        assert page.linked(bug.threads) in text
    for threads in page.REPORTED.values():
        assert page.linked(threads) in text
    assert set(page.REPORTED) <= set(KINDS)


def test_what_is_not_seen_is_said() -> None:
    text = TEXT.read_text(encoding="utf-8")
    assert text.count(page.NOT_SEEN) == len(UNSEEN & {bug.name for bug in ALL})


def test_links() -> None:
    assert page.linked("some/where#12, #13") == (
        "[some/where#12](https://github.com/some/where/issues/12), [#13](https://github.com/some/where/issues/13)"
    )


def test_only_verdict_and_cuts_are_kept() -> None:
    text = "verdict\n\nterm a\n\nThe way of the data\nx\n\nThe cut\n 1.\n\nNo gradient: 1 of 2"
    assert page.shortened(text) == "verdict\n\n...\n\nThe cut\n 1.\n\n..."


def test_without_a_zoo_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(GradcheckLMError, match=r"holds no programs; docs/bugs.md is made in a checkout"):
        page.bugs(tmp_path)
