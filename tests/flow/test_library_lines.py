"""The user's own line where the cut is inside a library: the call, and the library's line beside it."""

from __future__ import annotations

import functools
import importlib.util
import linecache
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from marked_lines import DATA, LAYER, first, is_at, marked_line, marked_text
from torch import Tensor

from gradcheck_lm.flow import diagnose


@pytest.fixture
def library(tmp_path: Path) -> Iterator[ModuleType]:
    path = tmp_path / "site-packages" / "speechlib" / "decoding.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        textwrap.dedent(
            """
            import torch


            def features(value):
                return inner(value)


            def inner(value):
                return value.detach() * 2  # detach


            class Model(torch.nn.Module):
                def forward(self, value):
                    return value.round()  # round

                @torch.no_grad()
                def generate(self, value):
                    return value.tanh()  # generate

                def decode(self, value):
                    with torch.inference_mode():
                        return value.tanh()


            def training_step(layer, data):
                return inner(layer(data)).sum()
            """
        ).lstrip()
    )
    spec = importlib.util.spec_from_file_location("speechlib_decoding", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    linecache.checkcache()


def line_in(library: ModuleType, mark: str) -> tuple[str, int]:
    path = Path(library.__file__ or "")
    lines = path.read_text().splitlines()
    return str(path), next(number for number, line in enumerate(lines, 1) if line.endswith("# " + mark))


def test_a_librarys_function_stands_beside_the_line_that_called_it(library: ModuleType) -> None:
    def loss() -> Tensor:
        return library.features(LAYER(DATA)).sum()  # <- features

    diagnosis = diagnose(loss, LAYER)
    finding = diagnosis.errors[0]
    assert is_at(finding, __file__, "features")
    assert finding.library == line_in(library, "detach")
    assert marked_text(finding) == ".features(LAYER(DATA))"
    assert f"inside a library, at speechlib/decoding.py:{finding.library[1]}" in str(diagnosis)


def test_a_librarys_module(library: ModuleType) -> None:
    model = library.Model()

    def loss() -> Tensor:
        return model(LAYER(DATA)).sum()  # <- module

    finding = first(loss)
    assert is_at(finding, __file__, "module")
    assert (finding.kind, finding.library) == ("zero_gradient", line_in(library, "round"))


def test_a_program_that_lives_in_a_library(library: ModuleType) -> None:
    """Nobody but the test calls it: the library's own line is the one to tell."""
    finding = first(functools.partial(library.training_step, LAYER, DATA))
    assert (finding.file, finding.line) == line_in(library, "detach")
    assert finding.library is None


@pytest.mark.parametrize("name", ["generate", "decode"])
def test_a_librarys_generate(library: ModuleType, name: str) -> None:
    method = getattr(library.Model(), name)

    def loss() -> Tensor:
        return method(LAYER(DATA)).sum()  # <- generate call

    diagnosis = diagnose(loss, LAYER)
    (finding,) = diagnosis.errors
    assert is_at(finding, __file__, "generate call")
    assert finding.scope == (
        __file__,
        marked_line(__file__, "generate call"),
    )  # this call switched it off: no other line of ours
    assert finding.library is not None
    assert "where a library call switches it off (generate), call the model's forward itself" in finding.cures
