"""Fixtures shared by the course's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from course_folder import FIRST, SECOND, copy_course


@pytest.fixture
def judged_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown of a verdict is the same whichever process finds it, and a process of its own loads torch anew.

    The gate itself has its tests beside those that use this, and among them are some that are marked as going through
    it.
    """
    from gradcheck_lm.course.checking.judge import judge

    if "gate" not in request.fixturenames:
        monkeypatch.setattr("gradcheck_lm.course.checking.gate.check_file", judge)


@pytest.fixture
def gate() -> None:
    """For a test whose checks go through processes of their own, as a learner's do."""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    return copy_course(tmp_path / "course", FIRST, SECOND)
