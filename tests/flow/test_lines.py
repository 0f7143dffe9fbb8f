"""The user's own line, wherever Python code comes from: lambdas, notebooks, exec, python -c, libraries, generators."""

from __future__ import annotations

import functools
import importlib.util
import linecache
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from child_processes import run_process
from torch import Tensor, nn

from gradcheck_lm.draw import notebook
from gradcheck_lm.errors import MissingPackageError
from gradcheck_lm.flow import Finding, diagnose

torch.manual_seed(0)
LAYER = nn.Linear(4, 3)
DATA = torch.randn(5, 4)


def first(fn: Callable[[], Tensor]) -> Finding:
    return diagnose(fn, LAYER).errors[0]


def marked_text(finding: Finding) -> str | None:
    return None if finding.columns is None else finding.source[slice(*finding.columns)]


def line_here(mark: str) -> int:
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.rstrip().endswith("# <- " + mark))


def is_here(finding: Finding, mark: str) -> bool:
    return (finding.file, finding.line) == (__file__, line_here(mark))


# ---------------------------------------------------------------------- helpers, lambdas, generators


def passes_on(fn: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    @functools.wraps(fn)
    def wrapped(value: Tensor) -> Tensor:
        return fn(value)

    return wrapped


@passes_on
@passes_on
def decorated(value: Tensor) -> Tensor:
    return value.detach().sum()  # <- decorated


def test_a_decorated_helper() -> None:
    finding = first(lambda: decorated(LAYER(DATA)))
    assert is_here(finding, "decorated")
    assert (finding.function, marked_text(finding)) == ("decorated", ".detach()")


# fmt: off
CHOICES = (lambda value: value.argmax(-1), lambda value: value.argmin(-1))  # <- lambdas
# fmt: on


@pytest.mark.parametrize(("which", "text"), [(0, ".argmax(-1)"), (1, ".argmin(-1)")])
def test_of_two_lambdas_on_one_line_the_caret_tells_which(which: int, text: str) -> None:
    finding = first(lambda: CHOICES[which](LAYER(DATA)).float().sum())
    assert is_here(finding, "lambdas")
    assert (finding.function, marked_text(finding)) == ("<lambda>", text)
    shown = str(diagnose(lambda: CHOICES[which](LAYER(DATA)).float().sum(), LAYER)).splitlines()
    at = next(index for index, line in enumerate(shown) if set(shown[index + 1].strip()) == {"^"})
    assert shown[at + 1].index("^") == shown[at].index(text)
    assert shown[at + 1].count("^") == len(text)


def in_generator_expression(value: Tensor) -> Tensor:
    return sum(row.detach().sum() for row in value)  # <- generator expression


def in_list_comprehension(value: Tensor) -> Tensor:
    return torch.stack([row.argmax() for row in value]).float().sum()  # <- comprehension


def rounded_rows(value: Tensor) -> Iterator[Tensor]:
    for row in value:
        yield row.round().sum()  # <- generator


def in_generator(value: Tensor) -> Tensor:
    return torch.stack(list(rounded_rows(value))).sum()


@pytest.mark.parametrize(
    ("fn", "mark", "text"),
    [
        (in_generator_expression, "generator expression", ".detach()"),
        (in_list_comprehension, "comprehension", ".argmax()"),
        (in_generator, "generator", ".round()"),
    ],
)
def test_generators_and_comprehensions(fn: Callable[[Tensor], Tensor], mark: str, text: str) -> None:
    finding = first(lambda: fn(LAYER(DATA)))
    assert is_here(finding, mark)
    assert marked_text(finding) == text


# fmt: off
def chained(value: Tensor) -> Tensor:
    return (
        value.softmax(-1)
        .argmax(  # <- chained
            dim=-1,
        )
        .float()
        .sum()
    )


def begun_on_one_line(value: Tensor) -> Tensor:
    return value.round(  # <- begun
        decimals=0,
    ).sum()


def as_argument(value: Tensor) -> Tensor:
    return torch.where(
        value > 0,  # <- argument
        torch.ones(5, 3),
        torch.zeros(5, 3),
    ).sum()
# fmt: on


@pytest.mark.parametrize(
    ("fn", "mark", "text"),
    [
        (chained, "chained", "argmax("),
        (begun_on_one_line, "begun", ".round("),
        (as_argument, "argument", "value > 0"),
    ],
)
def test_calls_over_several_lines(fn: Callable[[Tensor], Tensor], mark: str, text: str) -> None:
    finding = first(lambda: fn(LAYER(DATA)))
    assert is_here(finding, mark)
    shown = marked_text(finding)
    assert shown is not None
    assert shown.startswith(text)


def test_columns_count_characters_not_bytes() -> None:
    def named(value: Tensor) -> Tensor:
        größe = "線"; return value.detach().sum() + len(größe)  # noqa: E702  # fmt: skip

    finding = first(lambda: named(LAYER(DATA)))
    assert marked_text(finding) == ".detach()"


# ---------------------------------------------------------------------- code that is in no file


@pytest.mark.parametrize("name", ["<ipython-input-3-abc>", "/tmp/ipykernel_123/456.py"])
def test_a_notebook_cell(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "def cell(x):\n    with torch.no_grad():\n        y = x * 2\n    return y.sum()\n"
    monkeypatch.setitem(linecache.cache, name, (len(source), None, source.splitlines(True), name))
    space = {"torch": torch}
    exec(compile(source, name, "exec"), space)
    diagnosis = diagnose(lambda: space["cell"](LAYER(DATA)), LAYER)
    finding = diagnosis.errors[0]
    assert (finding.file, finding.line, finding.function, finding.source) == (name, 3, "cell", "y = x * 2")
    assert (marked_text(finding), finding.scope) == ("x * 2", (name, 2))
    assert "y = x * 2\n          ^^^^^" in str(diagnosis)


def test_executed_code_without_source() -> None:
    space: dict[str, object] = {"torch": torch}
    exec("def score(x):\n    y = x\n    return y.argmax(-1).float().sum()", space)
    diagnosis = diagnose(lambda: space["score"](LAYER(DATA)), LAYER)  # type: ignore[operator]
    finding = diagnosis.errors[0]
    assert (finding.file, finding.line, finding.function) == ("<string>", 3, "score")
    assert (finding.source, finding.columns) == ("", None)
    assert "<string>:3 in score" in str(diagnosis)
    assert "<string>" not in diagnosis.to_sarif()  # no file that a viewer could open


def test_python_dash_c() -> None:
    program = (
        "import torch, gradcheck_lm\n"
        "layer = torch.nn.Linear(3, 2)\n"
        "def loss():\n"
        "    return layer(torch.ones(1, 3)).argmax().float()\n"
        "print(gradcheck_lm.diagnose(loss, layer))\n"
    )
    done = run_process([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "<string>:4 in loss  torch.Tensor.argmax" in done.stdout


# ---------------------------------------------------------------------- libraries


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
    assert is_here(finding, "features")
    assert finding.library == line_in(library, "detach")
    assert marked_text(finding) == ".features(LAYER(DATA))"
    assert f"inside a library, at speechlib/decoding.py:{finding.library[1]}" in str(diagnosis)


def test_a_librarys_module(library: ModuleType) -> None:
    model = library.Model()

    def loss() -> Tensor:
        return model(LAYER(DATA)).sum()  # <- module

    finding = first(loss)
    assert is_here(finding, "module")
    assert (finding.kind, finding.library) == ("zero_gradient", line_in(library, "round"))


def test_a_program_that_lives_in_a_library(library: ModuleType) -> None:
    """Nobody but the test calls it: the library's own line is the one to tell."""
    finding = first(functools.partial(library.training_step, LAYER, DATA))
    assert (finding.file, finding.line) == line_in(library, "detach")
    assert finding.library is None


# ---------------------------------------------------------------------- where gradient was switched off


def by_context(value: Tensor) -> Tensor:
    with torch.no_grad():  # <- context scope
        return value.tanh().sum()  # <- context


@torch.no_grad()  # <- decorator scope
def by_decorator(value: Tensor) -> Tensor:
    return value.tanh().sum()  # <- decorator


def by_call(value: Tensor) -> Tensor:
    torch.set_grad_enabled(False)  # <- call scope
    result = value.tanh().sum()  # <- call
    torch.set_grad_enabled(True)
    return result


def by_inference_mode(value: Tensor) -> Tensor:
    with torch.inference_mode():  # <- inference scope
        return value.tanh().sum()  # <- inference


@torch.inference_mode()  # <- inference decorator scope
def by_inference_decorator(value: Tensor) -> Tensor:
    return value.tanh().sum()  # <- inference decorator


@pytest.mark.parametrize(
    ("fn", "mark"),
    [
        (by_context, "context"),
        (by_decorator, "decorator"),
        (by_call, "call"),
        (by_inference_mode, "inference"),
        (by_inference_decorator, "inference decorator"),
    ],
)
def test_the_operation_and_the_line_that_switched_gradient_off(fn: Callable[[Tensor], Tensor], mark: str) -> None:
    diagnosis = diagnose(lambda: fn(LAYER(DATA)), LAYER)
    (finding,) = diagnosis.errors
    assert finding.kind == "grad_disabled"
    assert is_here(finding, mark)
    assert marked_text(finding) == ".tanh()"
    assert finding.scope == (__file__, line_here(mark + " scope"))
    text = re.sub(r"\s+", " ", str(diagnosis))
    assert f"{Path(__file__).name}:{finding.line} in {fn.__name__} torch.Tensor.tanh" in text
    assert f"gradient was switched off at tests/flow/{Path(__file__).name}:{finding.scope[1]}" in text


@pytest.mark.parametrize("name", ["generate", "decode"])
def test_a_librarys_generate(library: ModuleType, name: str) -> None:
    method = getattr(library.Model(), name)

    def loss() -> Tensor:
        return method(LAYER(DATA)).sum()  # <- generate call

    diagnosis = diagnose(loss, LAYER)
    (finding,) = diagnosis.errors
    assert is_here(finding, "generate call")
    assert finding.scope == (__file__, line_here("generate call"))  # this call switched it off: no other line of ours
    assert finding.library is not None
    assert "where a library call switches it off (generate), call the model's forward itself" in finding.cures


def test_off_before_the_run_began() -> None:
    with torch.no_grad():
        diagnosis = diagnose(lambda: LAYER(DATA).sum(), LAYER)
    (finding,) = diagnosis.errors
    assert finding.scope is None
    assert finding.why.endswith("It was off already when the run began.")


# ---------------------------------------------------------------------- in a notebook


@pytest.mark.needs("layout")
def test_a_diagnosis_shows_itself_with_its_picture() -> None:
    diagnosis = diagnose(lambda: (LAYER(DATA) > 0).float().sum(), LAYER)
    page = diagnosis._repr_html_()
    assert '<div class="gradcheck-lm">' in page
    assert page.count("&lt;svg") == page.count("&lt;/svg&gt;") == 1  # in a frame of its own
    assert "<b>GF101</b>" in page
    assert "<mark>LAYER(DATA) &gt; 0</mark>" in page  # the source is escaped, in the text as in the picture
    assert "(LAYER(DATA) > 0)" not in page


def test_without_a_drawing_the_text_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(report: object, **options: object) -> str:
        raise MissingPackageError("no jinja2")

    diagnosis = diagnose(lambda: LAYER(DATA).round().sum(), LAYER)
    monkeypatch.setattr(notebook, "page_html", refuse)
    page = diagnosis._repr_html_()
    assert "svg" not in page
    assert "<b>GF301</b>" in page
