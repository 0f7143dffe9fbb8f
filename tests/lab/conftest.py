"""Fixtures shared by the laboratory's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_runs import tiny_data, tiny_trainer


@pytest.fixture(scope="module")
def data() -> Any:
    return tiny_data()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: Any) -> Path:
    """The folder of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    tiny_trainer(data, folder).run()
    return folder
