"""Fixtures shared by all tests."""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib.util
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any
from unittest import mock

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


def is_here(package: str) -> bool:
    """Whether a package can be imported; "layout" is any engine for graphs, "layout_package" one of Python's."""
    if package in {"layout", "layout_package"}:
        from gradcheck_lm.draw.layout.layout import engines

        return any(package == "layout" or engine.name != "dot" for engine in engines())
    return importlib.util.find_spec(package) is not None


@pytest.fixture(scope="session", autouse=True)
def state_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Generator[None, None, None]:
    """A course's progress in a checkout lies in the user's state, and the tests' is none of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """What is imported for the tests stays to the end: looking through it for garbage again and again, while it comes
    and at every later collection, takes seconds."""
    gc.disable()
    try:
        found = yield
    finally:
        gc.enable()
    gc.collect()
    gc.freeze()
    return found


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    import torch

    _seed_no_accelerator_that_is_missing()
    here = functools.cache(is_here)
    for item in items:
        wanted = {name for mark in item.iter_markers("needs") for name in mark.args}
        missing = sorted(name for name in wanted if not here(name))
        # where all is meant to be installed, a missing package is a failure and not a skip
        if missing and not os.environ.get("GRADCHECK_LM_SKIP_NOTHING"):
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}, not installed here"))
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device, and torch sees none here"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that is not marked gpu sees none, nor does what it starts: its claims are about the processor's bits."""
    import torch

    if item.get_closest_marker("gpu") or not torch.cuda.is_available():
        return (yield)
    with (
        mock.patch.object(torch.cuda, "is_available", return_value=False),
        mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES=""),
    ):
        return (yield)


def _seed_no_accelerator_that_is_missing() -> None:
    """torch keeps every seed for an accelerator that may come yet, each with the whole stack as text: in a short test
    that takes longer than the test. Where there is none, none is kept."""
    import torch

    for accelerator in (torch.cuda, torch.xpu, torch.mtia):
        if not accelerator.is_available():
            accelerator.manual_seed_all = lambda seed: None


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
