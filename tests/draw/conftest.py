"""Fixtures shared by the tests of the page in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from chromium import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # here, as it drives the browser in POSIX's way and the other tests of this folder run everywhere
    from chromium import Browser

    with Browser() as one:
        yield one


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from page_samples import full_report

    from gradcheck_lm.draw.page.page import save_page

    return save_page(tmp_path_factory.mktemp("page") / "report.html", full_report())


@pytest.fixture
def screenshots(tmp_path: Path) -> Path:
    """The folder that GRADCHECK_LM_SCREENSHOTS names, else pytest's own."""
    return Path(os.environ.get("GRADCHECK_LM_SCREENSHOTS", tmp_path))
