"""Fixtures shared by the debugger's tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Where a test's own training script goes."""
    return tmp_path / "script.py"
