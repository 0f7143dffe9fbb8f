"""Fixtures shared by all tests."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

# two test processes on two cores: a thread each, or they trip over one another
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# hypothesis bounds the time of an example, and of making one; beside other work both take as long as they take
with contextlib.suppress(ImportError):
    import hypothesis

    hypothesis.settings.register_profile(
        "any machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("any machine")

pytest_plugins = ["pytester"]

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--overwrite", action="store_true", help="write golden files anew instead of comparing with them")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    import torch

    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device, and torch sees none here"))


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    """Compare a text with tests/golden/<name>; with --overwrite, write it."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--overwrite"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.exists(), f"{path} is missing; run pytest --overwrite once and read what it wrote"
        assert text == path.read_text(encoding="utf-8"), f"differs from {path}; if that is meant, pytest --overwrite"

    return compare


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with real handwriting; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("GRADCHECK_LM_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real handwriting at {folder}; set GRADCHECK_LM_DATA")
    return folder
